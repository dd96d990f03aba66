/* Misuse stops the program with a message; a forked child may only close what it inherited. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "op/core.h"
#include "sys/sys.h"

#include <stdlib.h>

/* What runs in the child of CHECK_DIES: a loop and a connection of its own. */
static proa_loop *loop_;
static proa_handle a_, b_;
static proa_op op_;
static char buf_[8];

static void on_done(proa_op *op)
{
	(void)op;
}

static void on_closed(proa_handle *h)
{
	(void)h;
}

static void start(void)
{
	loop_ = kit_open(NULL);
	if (!loop_)
		abort();
	kit_pair(loop_, &a_, &b_);
}

static void run_until_closed(proa_handle *h)
{
	proa_close(h, on_closed);
	while (proa_is_closing(h))
		proa_run_once(loop_, 0);
}

static void submits_twice(void)
{
	start();
	proa_recv(&a_, &op_, buf_, sizeof buf_, on_done);
	proa_recv(&a_, &op_, buf_, sizeof buf_, on_done);
}

static void posts_twice(void)
{
	start();
	proa_post(loop_, &op_, on_done);
	proa_post(loop_, &op_, on_done);
}

static void submits_a_waiting_op(void)
{
	proa_op other = {0};

	start();
	proa_recv(&a_, &other, buf_, sizeof buf_, on_done);
	proa_recv(&a_, &op_, buf_, sizeof buf_, on_done);
	proa_timer(proa_root(loop_), &op_, 1, on_done);
}

static void *timer_thread(void *arg)
{
	proa_timer(proa_root(loop_), &op_, 1, on_done);
	return arg;
}

static void submits_on_another_thread(void)
{
	host_thread t;

	start();
	proa_run_once(loop_, PROA_POLL);
	host_thread_start(&t, timer_thread, NULL);
	host_thread_join(&t);
}

static void *run_thread(void *arg)
{
	proa_run(loop_);
	return arg;
}

static void runs_on_another_thread(void)
{
	host_thread t;

	start();
	proa_timer(proa_root(loop_), &op_, 1, on_done);
	host_thread_start(&t, run_thread, NULL);
	host_thread_join(&t);
}

static void *close_thread(void *arg)
{
	proa_close(&a_, on_closed);
	return arg;
}

static void closes_on_another_thread(void)
{
	host_thread t;

	start();
	proa_run_once(loop_, PROA_POLL);
	host_thread_start(&t, close_thread, NULL);
	host_thread_join(&t);
}

static void uses_a_closed_handle(void)
{
	start();
	run_until_closed(&a_);
	proa_recv(&a_, &op_, buf_, sizeof buf_, on_done);
}

static void closes_a_closed_handle(void)
{
	start();
	run_until_closed(&a_);
	proa_close(&a_, on_closed);
}

static void inits_twice(void)
{
	start();
	proa_handle_init(proa_root(loop_), &a_);
}

static void adopts_twice(void)
{
	proa_handle other;

	start();
	proa_adopt_os(&a_, kit_half(loop_, &other), PROA_TCP);
}

static void closes_the_root(void)
{
	start();
	proa_close(proa_root(loop_), on_closed);
}

static void done_runs(proa_op *op)
{
	proa_run(proa_op_loop(op));
}

static void runs_in_a_callback(void)
{
	start();
	proa_timer(proa_root(loop_), &op_, 1, done_runs);
	proa_run(loop_);
}

static void done_waits(proa_op *op)
{
	proa_event e;

	proa_wait(proa_op_loop(op), &e, 1, PROA_POLL);
}

static void waits_in_a_callback(void)
{
	start();
	proa_timer(proa_root(loop_), &op_, 1, done_waits);
	proa_run(loop_);
}

static void done_closes_loop(proa_op *op)
{
	proa_loop *loop = proa_op_loop(op);

	proa_loop_close(&loop, 0);
}

static void closes_the_loop_in_a_callback(void)
{
	start();
	proa_timer(proa_root(loop_), &op_, 1, done_closes_loop);
	proa_run(loop_);
}

static void awaits_an_op_with_a_callback(void)
{
	start();
	proa_timer(proa_root(loop_), &op_, 1, on_done);
	proa_await(loop_, &op_);
}

static void pooled_recv(void)
{
	rec r = {0};

	start();
	kit_fd_write((int)proa_os(&b_), "x", 1);
	SUBMIT(proa_recv_pooled, &a_, &r, NULL);
	kit_await(loop_, &r);
	op_.buf = r.buf;
}

static void gives_back_twice(void)
{
	pooled_recv();
	proa_buffer_return(loop_, op_.buf);
	proa_buffer_return(loop_, op_.buf);
}

static void gives_back_what_is_none(void)
{
	pooled_recv();
	proa_buffer_return(loop_, buf_);
}

static void sends_what_is_none(void)
{
	start();
	proa_send_pooled(&a_, &op_, buf_, 1, on_done);
}

static int64_t works(proa_op *op)
{
	(void)op;
	return 0;
}

static void works_in_no_lane(void)
{
	start();
	proa_work_in(proa_root(loop_), &op_, (proa_lane)3, NULL, works, NULL);
}

static void strand_in_two_lanes(void)
{
	proa_strand strand = {{0}};

	start();
	proa_work_in(proa_root(loop_), &op_, PROA_LANE_DNS, &strand, works, NULL);
	proa_await(loop_, &op_);
	proa_work_in(proa_root(loop_), &op_, PROA_LANE_DNS, &strand, works, NULL);
	if (proa_await(loop_, &op_) == 0) /* its own lane is none of it */
		proa_work(proa_root(loop_), &op_, &strand, works, NULL);
}

static void closes_a_pool_in_use(void)
{
	proa_buffers *pool;

	start();
	proa_buffers_open(loop_, &pool, NULL);
	proa_recv_pooled(&a_, &op_, pool, on_done);
	proa_buffers_close(&pool);
}

TEST(misuse_stops_the_program)
{
	LOOP(loop); /* skips where the backend cannot work */

	kit_close(&loop);
	CHECK_DIES(submits_twice, "while it was in flight");
	CHECK_DIES(posts_twice, "while it was in flight");
	CHECK_DIES(submits_a_waiting_op, "while it was in flight");
	CHECK_DIES(submits_on_another_thread, "thread");
	CHECK_DIES(runs_on_another_thread, "thread");
	CHECK_DIES(closes_on_another_thread, "thread");
	CHECK_DIES(uses_a_closed_handle, "close has completed");
	CHECK_DIES(closes_a_closed_handle, "closed already");
	CHECK_DIES(inits_twice, "in use");
	CHECK_DIES(adopts_twice, "open already");
	CHECK_DIES(closes_the_root, "root");
	CHECK_DIES(runs_in_a_callback, "callback");
	CHECK_DIES(waits_in_a_callback, "callback");
	CHECK_DIES(closes_the_loop_in_a_callback, "callback");
	CHECK_DIES(awaits_an_op_with_a_callback, "callback");
	CHECK_DIES(gives_back_twice, "given back twice");
	CHECK_DIES(gives_back_what_is_none, "no pooled buffer");
	CHECK_DIES(sends_what_is_none, "no pooled buffer");
	CHECK_DIES(closes_a_pool_in_use, "in flight");
	CHECK_DIES(works_in_no_lane, "no such lane");
	CHECK_DIES(strand_in_two_lanes, "another lane");
}

/* ---- fork ---- */

static void child_submits(void)
{
	proa_timer(proa_root(loop_), &op_, 1, on_done);
}

static void child_runs(void)
{
	proa_run_once(loop_, PROA_POLL);
}

static void child_cancels(void)
{
	proa_cancel(&op_);
}

static int child_closes(const char *unused)
{
	int rc = proa_loop_close(&loop_, 0);

	(void)unused;
	return rc == 0 && !loop_ ? 7 : 8;
}

static const volatile unsigned char *mark_;

static int child_looks(const char *unused)
{
	(void)unused;
	return *mark_;
}

/* A loop knows a forked child by memory that a fork wipes, where the system has any. */
static bool forks_wipe(void)
{
	host_child child;
	int seen = 0;

	mark_ = px_sys_fork_mark();
	if (mark_ && CHECK(host_child_start(&child, child_looks, "")))
		seen = host_child_wait(&child);
	px_sys_fork_unmark(mark_);
	return seen == 0;
}

static void child_goes_on(proa_loop *loop)
{
	loop_ = loop;
	CHECK_DIES(child_submits, "fork");
	CHECK_DIES(child_runs, "fork");
	memset(&op_, 0, sizeof op_);
	proa_timer(proa_root(loop), &op_, proa_in(loop, PROA_SEC * 60), on_done);
	CHECK_DIES(child_cancels, "fork");
	proa_cancel(&op_);
	kit_close(&loop);
}

TEST(fork_child_that_goes_on_stops)
{
	NEED(HOST_FORK);
	LOOP(loop);

	if (!forks_wipe()) {
		kit_close(&loop);
		SKIP("the system only says that a fork wipes memory (qemu-user)");
	}
	child_goes_on(loop);
}

/* As on macOS, which has no such memory: by the process's number. */
TEST(fork_child_is_known_without_wiped_memory)
{
	px_core *core;
	NEED(HOST_FORK);
	LOOP(loop);

	core = px_core_of(loop);
	px_sys_fork_unmark(core->fork_mark);
	core->fork_mark = NULL;
	child_goes_on(loop);
}

TEST(fork_child_may_only_close)
{
	rec r = {0}, timer = {0}, many = {0};
	proa_handle a, c;
	host_child child;
	char buf[8];
	int fd, fd2;
	NEED(HOST_FORK);
	LOOP(loop);

	fd = kit_half(loop, &a);
	fd2 = kit_half(loop, &c);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	SUBMIT(proa_recv_pooled_many, &c, &many, NULL, 2);
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 20 * PROA_MSEC));
	kit_fd_write(fd2, "lent over the fork", 18);
	UNTIL(loop, many.mores == 1);
	loop_ = loop;
	CHECK(host_child_start(&child, child_closes, ""));
	CHECK_EQ(host_child_wait(&child), 7);
	/* The parent's loop has not noticed. */
	kit_fd_write(fd, "parent", 6);
	CHECK_EQ(kit_await(loop, &r), 6);
	CHECK_EQ(kit_await(loop, &timer), 0);
	proa_buffer_return(loop, many.buf);
	kit_fd_close(fd);
	kit_fd_close(fd2);
	kit_close(&loop);
}
