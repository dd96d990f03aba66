/* A kernel whose io_uring lacks one thing at a time: done without, or refused and said. */
/* SPDX-License-Identifier: MIT */
#include "seam/echo.h"
#include "seam/seam.h"
#include "sys/linux/uring_abi.h"

#include <stdio.h>

/* An echo over io_uring by name; false and what was not so. */
static bool done_without(const char *what, unsigned number)
{
	proa_loop_options by_name = {.backend = "io_uring"};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, &by_name);
	bool works = rc == 0 && echo_works(loop);

	if (rc == 0)
		proa_loop_close(&loop, 0);
	if (!works)
		test_note("without %s %u: %s", what, number, rc ? proa_err_text(rc) : "no echo");
	return works;
}

static bool refused(const char *says)
{
	proa_loop_options by_name = {.backend = "io_uring"};
	proa_loop *loop;
	bool works;

	if (proa_loop_open(&loop, &by_name) != -PROA_ENOTSUP)
		return false;
	if (proa_loop_open(&loop, NULL) != 0)
		return false;
	works = strcmp(proa_loop_backend(loop), "io_uring") != 0 && echo_works(loop);
	proa_loop_close(&loop, 0);
	return works && doctor_says("io_uring", false, says);
}

/* It works here as it is: else nothing below says anything. */
#define NEED_RING                                                           \
	do {                                                                \
		host_setenv("PROA_BACKEND", NULL);                          \
		seam_ring_lacks(0, -1, -1);                                 \
		if (!doctor_says("io_uring", true, "") || !seam_ring_can()) \
			SKIP("io_uring does not work here as it is");       \
	} while (0)

TEST(uring_without_each_setup_flag)
{
	NEED_RING;
	for (unsigned bit = 0; bit < 20; bit++) {
		seam_ring_lacks(1u << bit, -1, -1);
		CHECK(done_without("setup flag", bit));
	}
	seam_ring_lacks(UINT32_MAX, -1, -1);
	CHECK(done_without("any setup flag but", 0));
	seam_ring_lacks(0, -1, -1);
}

TEST(uring_without_each_registration)
{
	NEED_RING;
	for (int op = 0; op <= PX_IORING_REGISTER_QUERY; op++) {
		seam_ring_lacks(0, op, -1);
		if (op == PX_IORING_REGISTER_PROBE)
			CHECK(refused("probed"));
		else if (op == PX_IORING_REGISTER_ENABLE_RINGS)
			CHECK(refused("enabled"));
		else
			CHECK(done_without("registration", (unsigned)op));
	}
	seam_ring_lacks(0, -1, -1);
}

TEST(uring_without_each_operation)
{
	static const struct {
		int op;
		const char *name;
	} needed[] = {
		{PX_IORING_OP_POLL_ADD, "POLL_ADD"}, {PX_IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
		{PX_IORING_OP_ACCEPT, "ACCEPT"},     {PX_IORING_OP_CONNECT, "CONNECT"},
		{PX_IORING_OP_SEND, "SEND"},         {PX_IORING_OP_RECV, "RECV"},
		{PX_IORING_OP_SENDMSG, "SENDMSG"},   {PX_IORING_OP_RECVMSG, "RECVMSG"},
		{PX_IORING_OP_READ, "READ"},         {PX_IORING_OP_WRITE, "WRITE"},
		{PX_IORING_OP_READV, "READV"},       {PX_IORING_OP_WRITEV, "WRITEV"},
		{PX_IORING_OP_FSYNC, "FSYNC"},       {PX_IORING_OP_TIMEOUT, "TIMEOUT"},
	};
	const char *name;

	NEED_RING;
	for (int op = 1; op < PX_IORING_OP_COUNT; op++) { /* 0 does nothing */
		name = NULL;
		for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
			name = needed[i].op == op ? needed[i].name : name;
		seam_ring_lacks(0, -1, op);
		if (!name)
			CHECK(done_without("operation", (unsigned)op));
		else if (!CHECK(refused(name)))
			test_note("%s", name);
	}
	seam_ring_lacks(0, -1, -1);
}
