/* What a ring leaves behind, and what it leaves to others. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"

#include "host_net.h"
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL: skipped, or failed. */
static proa_loop *uring_open(void)
{
	proa_loop_options o = {.backend = "io_uring"};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, &o);

	if (rc == -PROA_ENOTSUP)
		test_skip("io_uring cannot work here");
	else
		CHECK_EQ(rc, 0);
	return loop;
}

static void settle(proa_loop *loop)
{
	for (int i = 0; i < 5; i++)
		proa_run_once(loop, proa_clock(loop) + 2 * PROA_MSEC);
}

/* The program's address space. */
static long pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	char text[32] = "";

	if (!CHECK(f != NULL))
		return 0;
	CHECK(fgets(text, sizeof text, f) != NULL);
	fclose(f);
	return strtol(text, NULL, 10);
}

/* More pools than a ring has groups of buffers, one after another. */
TEST(uring_pools_leave_no_memory)
{
	enum { RING_PAGES = 16, SLACK = 200 };
	proa_buffers_options o = {.count = 4096, .size_bytes = 16};
	proa_buffers *pool;
	long before = 0;
	proa_loop *loop = uring_open();

	if (!loop)
		return;
	for (int i = 0; i < 1100; i++) {
		CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
		proa_buffers_close(&pool);
		if (i == 99)
			before = pages();
	}
	CHECK_LT(pages(), before + SLACK);
	before = pages();
	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	CHECK_GE(pages() - before, RING_PAGES); /* it has a ring still */
	proa_buffers_close(&pool);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}

/* A paused listener's connections stay in the backlog, where others who listen find them. */
TEST(uring_paused_listener_leaves_connections)
{
	proa_op accept = {0};
	proa_handle l = {0};
	proa_addr addr;
	struct pollfd waiting = {.events = POLLIN};
	int fd;
	proa_loop *loop = uring_open();

	if (!loop)
		return;
	proa_handle_init(proa_root(loop), &l);
	CHECK_EQ(proa_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_listen(&l, &addr, NULL), 0);
	CHECK_EQ(proa_local_addr(&l, &addr), 0);
	proa_accept_many(&l, &accept, NULL);
	settle(loop);
	proa_pause(&accept);
	settle(loop);
	fd = host_sock(&addr, false);
	CHECK(host_sock_connect(fd, &addr));
	settle(loop);
	waiting.fd = (int)proa_os(&l);
	CHECK_EQ(poll(&waiting, 1, 1000), 1);
	host_sock_close(fd);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}
