/* Tests with a defect each, which a run under faults must find, and some that are in order. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "seam/seam.h"

#include <stdlib.h>
#include <unistd.h>

/* Run by tests/seam/faults_test, under a rule whose call never comes: so checks are excused, and
 * nothing fails but what is planted here. */

/* A wait of the test's own, for what does not come. */
static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void told_to_nobody(proa_op *op)
{
	(void)op; /* the defect */
}

static void waits(rec *r)
{
	(void)r;
	wait_for_ever();
}

static int64_t sleeps(proa_op *op)
{
	(void)op;
	wait_for_ever();
	return 0;
}

TEST(fine)
{
	LOOP(loop);

	kit_settle(loop);
	kit_close(&loop);
}

/* In order: what it has in flight ends when its loop is closed. */
TEST(waits_in_order)
{
	proa_handle h;
	char byte;
	rec r = {0};
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	SUBMIT(proa_recv, &h, &r, &byte, 1);
	kit_settle(loop);
	wait_for_ever();
	kit_fd_close(fd);
	kit_close(&loop);
}

/* A completion that is told to nobody is one that was lost. */
TEST(waits_with_one_lost)
{
	rec r = {0};
	LOOP(loop);

	proa_timer(proa_root(loop), kit_op(&r), proa_clock(loop) + PROA_MSEC, told_to_nobody);
	kit_settle(loop);
	wait_for_ever();
	kit_close(&loop);
}

TEST(waits_with_a_loop_of_its_own)
{
	proa_loop *loop;

	if (CHECK_EQ(proa_loop_open(&loop, &(proa_loop_options){.backend = test_backend}), 0))
		wait_for_ever();
	proa_loop_close(&loop, INT64_MAX);
}

TEST(waits_in_a_callback)
{
	rec r = {.then = waits};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &r, proa_clock(loop));
	kit_settle(loop);
	kit_close(&loop);
}

/* The library waits for a thread, and shall not be taken for a test that waits. */
TEST(library_waits)
{
	proa_workers *workers;
	rec r = {0};
	proa_loop *loop;

	REQUIRE(CHECK_EQ(proa_workers_open(&workers, NULL), 0));
	if (!(loop = kit_open(&(proa_loop_options){.workers = workers})))
		return;
	SUBMIT(proa_work, proa_root(loop), &r, NULL, sleeps);
	kit_settle(loop);
	proa_workers_close(&workers, INT64_MAX);
	kit_close(&loop);
}

TEST(told_twice)
{
	rec r = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &r, proa_clock(loop));
	kit_await(loop, &r);
	kit_running = true;
	kit_done(&r.op);
	kit_running = false;
	kit_close(&loop);
}

TEST(leaves_a_descriptor)
{
	LOOP(loop);

	seam_opened(dup(0));
	kit_close(&loop);
}

TEST(dies)
{
	LOOP(loop);

	kit_close(&loop);
	abort();
}
