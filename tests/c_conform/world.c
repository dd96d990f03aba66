/* The program around: two loops on one thread, signals, what a callback may free. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- outputs ---- */

TEST(outputs_are_rewritten_at_each_completion)
{
	rec r = {0};
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	r.op.got = 0xffff;
	r.op.result = -99;
	r.op.sys_error = 77;
	r.op.want = 0;
	kit_fd_write(fd, "x", 1);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 1);
	CHECK_EQ(r.op.got, 0);
	CHECK_EQ(r.op.sys_error, 0);
	CHECK_EQ(r.op.count, 1);
	CHECK(proa_op_loop(&r.op) == loop);
	CHECK(proa_op_handle(&r.op) == &a);
	kit_fd_reset(fd);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	CHECK(kit_was_reset(kit_await(loop, &r)));
	CHECK_EQ(r.op.sys_error != 0, r.result != 0);
	SUBMIT(proa_timer, &a, &r, 1);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.op.sys_error, 0);
	kit_close(&loop);
}

/* What is ended by its own MORE callback keeps the outputs that it is being told. */
static void then_cancel_and_look(rec *r)
{
	if (!(r->got & PROA_MORE))
		return;
	proa_cancel(&r->op);
	CHECK_EQ(r->op.result, 3);
	CHECK_EQ(r->op.count, 3);
	CHECK_EQ(r->op.got, PROA_MORE);
	CHECK(r->op.buf == r->buf);
	proa_buffer_return(proa_op_loop(&r->op), r->op.buf);
}

TEST(outputs_stand_until_the_callback_returns)
{
	rec r = {.then = then_cancel_and_look};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
	kit_fd_write(fd, "abc", 3);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK_EQ(r.mores, 1);
	CHECK_EQ(r.count, 0);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- callbacks that never have enough ---- */

static void then_again_at_once(rec *r)
{
	SUBMIT(proa_timer, proa_op_handle(&r->op), r, 1);
}

/* The world is looked at all the same. */
TEST(busy_callbacks_do_not_hide_the_world)
{
	rec busy = {.then = then_again_at_once}, r = {0};
	proa_handle a;
	unsigned before;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_timer, proa_root(loop), &busy, 1);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	kit_settle(loop);
	before = busy.finals;
	kit_fd_write(fd, "x", 1);
	for (int i = 0; i < 1000 && !r.finals; i++)
		kit_once(loop, 1);
	CHECK_EQ(r.result, 1);
	CHECK_GT(busy.finals, before);
	busy.then = NULL;
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- an op may go in its final callback ---- */

static int freed;

static void free_op(proa_op *op)
{
	if (op->got & PROA_MORE) {
		if (op->buf && op->result > 0)
			proa_buffer_return(proa_op_loop(op), op->buf);
		proa_cancel(op);
		return;
	}
	if (op->result > 0 && op->buf)
		proa_buffer_return(proa_op_loop(op), op->buf);
	memset(op, 0xdd, sizeof *op);
	free(op);
	freed++;
}

static void free_bell(proa_op *op)
{
	if (op->got & PROA_MORE) {
		proa_cancel(op);
		return;
	}
	memset(op, 0xdd, sizeof *op);
	free(op);
	freed++;
}

static proa_op *op_new(void)
{
	return calloc(1, sizeof(proa_op));
}

TEST(op_may_be_freed_in_its_final)
{
	proa_handle a, b, l;
	proa_addr addr;
	proa_op *bell;
	char buf[8];
	int fd[2];
	LOOP(loop);

	freed = 0;
	kit_listen(loop, &l, &addr);
	for (int i = 0; i < 20; i++) {
		int before = freed;

		fd[0] = kit_half(loop, &a);
		fd[1] = kit_half(loop, &b);
		proa_recv(&a, op_new(), buf, sizeof buf, free_bell);
		proa_recv_pooled(&a, op_new(), NULL, free_op);
		proa_recv_pooled_many(&b, op_new(), NULL, 2, free_op);
		proa_send(&a, op_new(), "x", 1, free_bell);
		proa_shutdown(&a, op_new(), free_bell);
		proa_timer(&a, op_new(), 1, free_bell);
		proa_post(loop, op_new(), free_bell);
		bell = op_new();
		proa_doorbell(&a, bell, free_bell);
		proa_notify(bell);
		if (i % 2)
			kit_once(loop, 1);
		kit_fd_write(fd[0], "0123456789", 10);
		kit_fd_write(fd[1], "0123456789", 10);
		if (i % 3 == 0)
			proa_close(&a, NULL);
		UNTIL(loop, freed == before + 8);
		kit_settle(loop);
		if (i % 3)
			kit_end(loop, &a);
		kit_end(loop, &b);
		kit_fd_close(fd[0]);
		kit_fd_close(fd[1]);
	}
	kit_close(&loop);
}

/* ---- events of a multishot ---- */

TEST(wait_gives_each_connection_of_a_multishot_its_own_event)
{
	enum { N = 5 };
	proa_op accept = {0};
	proa_event e[8];
	proa_handle l;
	proa_addr addr;
	uint64_t seen[N];
	int fd[N], total = 0, rc = 1;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_accept_many(&l, &accept, NULL);
	proa_wait(loop, e, 8, PROA_POLL);
	for (int i = 0; i < N; i++)
		fd[i] = kit_connect(&addr);
	/* An array of two leaves the rest for the next call. */
	while (total < N && rc > 0) {
		rc = proa_wait(loop, e, 2, proa_clock(loop) + 60 * PROA_SEC);
		CHECK_LE(rc, 2);
		for (int i = 0; i < rc; i++) {
			CHECK(e[i].op == &accept && e[i].handle == &l);
			CHECK_EQ(e[i].got, PROA_MORE);
			seen[total++] = e[i].socket.id;
			proa_socket_close(e[i].socket);
		}
	}
	CHECK_EQ(total, N);
	CHECK_NE(seen[0], 0);
	proa_close(&l, NULL);
	for (int n = 0; n < 2; n += rc) { /* together or one by one, the close last */
		rc = proa_wait(loop, e + n, 8 - n, 0);
		if (!CHECK_GT(rc, 0))
			break;
	}
	CHECK(e[0].op == &accept);
	CHECK_EQ(e[0].result, -PROA_ECANCELED);
	CHECK(!e[1].op && e[1].handle == &l);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

TEST(wait_gives_each_buffer_of_a_multishot_its_own_event)
{
	proa_buffers_options o = {.size_bytes = 4, .count = 16};
	proa_buffers *pool;
	proa_op recv = {0};
	proa_event e[8];
	proa_handle a;
	char got[13] = "";
	int fd, n = 0, most = 0;
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	fd = kit_half(loop, &a);
	proa_recv_pooled_many(&a, &recv, pool, 0, NULL);
	kit_fd_write(fd, "abcdefghijkl", 12);
	while (n < 12) {
		int rc = proa_wait(loop, e, 8, proa_clock(loop) + 60 * PROA_SEC);

		if (!CHECK_GT(rc, 0))
			break;
		most = rc > most ? rc : most;
		for (int i = 0; i < rc; i++) { /* all values stand, though the op is one */
			CHECK_GT(e[i].result, 0);
			memcpy(got + n, e[i].buf, (size_t)e[i].result);
			n += (int)e[i].result;
			CHECK_EQ(e[i].count, e[i].result);
			proa_buffer_return(loop, e[i].buf);
		}
	}
	CHECK_MEM(got, "abcdefghijkl", 12);
	test_note("up to %d in one call", most);
	kit_fd_close(fd);
	CHECK_EQ(proa_wait(loop, e, 8, 0), 1);
	CHECK_EQ(e[0].got, PROA_END);
	kit_close(&loop);
}

/* ---- two loops on one thread ---- */

TEST(two_loops_on_one_thread)
{
	proa_loop_options o = {.backend = test_backend};
	rec r = {0}, s = {0};
	proa_handle a, b = {0};
	proa_loop *other;
	proa_op timer = {0};
	char buf[8];
	int fd[2];
	LOOP(loop);

	CHECK_EQ(proa_loop_open(&other, &o), 0);
	CHECK(kit_tcp(fd, false));
	memset(&a, 0, sizeof a);
	proa_handle_init(proa_root(loop), &a);
	proa_adopt_os(&a, fd[0], PROA_TCP);
	proa_handle_init(proa_root(other), &b);
	proa_adopt_os(&b, fd[1], PROA_TCP);
	for (int i = 0; i < 10; i++) {
		SUBMIT(proa_recv, &b, &r, buf, sizeof buf);
		SUBMIT(proa_send, &a, &s, "to the b", 8);
		kit_await(loop, &s);
		CHECK_EQ(kit_await(other, &r), 8);
		proa_timer(proa_root(other), &timer, 1, NULL);
		CHECK_EQ(proa_await(other, &timer), 0);
	}
	CHECK_EQ(proa_loop_close(&other, 0), 0);
	kit_close(&loop);
}

/* ---- signals ---- */

/* EINTR reaches nobody. */
TEST(signals_interrupt_nothing)
{
	proa_handle a, b;
	char buf[64];
	NEED(HOST_SIGNALS);
	LOOP(loop);

	kit_pair(loop, &a, &b);
	host_storm_start(host_signo(HOST_SIG_B), true, 50);
	for (int i = 0; i < (int)TEST_TIMES(2000); i++) {
		rec recv = {0}, send = {0}, timer = {0};

		SUBMIT(proa_recv, &b, &recv, buf, sizeof buf);
		kit_once(loop, 0);
		SUBMIT(proa_send, &a, &send, "signal", 6);
		CHECK_EQ(kit_await(loop, &send), 6);
		CHECK_EQ(kit_await(loop, &recv), 6);
		if (i % 10 == 0) {
			SUBMIT(proa_timer, &a, &timer, proa_clock(loop) + PROA_MSEC);
			CHECK_EQ(kit_await(loop, &timer), 0);
		}
	}
	test_note("%ld signals", host_storm_stop());
	kit_close(&loop);
}

/* Neither a handler nor a mask is changed for good. */
TEST(sigpipe_is_left_as_it_was)
{
	rec r = {0};
	proa_handle a, f = {0};
	host_sigpipe before, after;
	int fd;
	NEED(HOST_SIGNALS);
	LOOP(loop);

	before = host_sigpipe_now();
	fd = kit_half(loop, &a);
	proa_handle_init(proa_root(loop), &f);
	proa_adopt_os(&f, kit_file(4 << 20), PROA_FILE);
	SUBMIT(proa_send_file, &a, &r, &f, 0, 4 << 20);
	kit_settle(loop);
	kit_fd_reset(fd);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECONNRESET);
	after = host_sigpipe_now();
	CHECK_EQ(after.blocked, before.blocked);
	CHECK_EQ(after.handler, before.handler);
	CHECK(!after.pending);
	kit_close(&loop);
}

/* ---- what cannot be cancelled ---- */

static atomic_bool task_has_begun, task_may_end;

static int64_t stubborn_task(proa_op *op)
{
	(void)op;
	atomic_store(&task_has_begun, true);
	while (!atomic_load(&task_may_end))
		host_sleep_us(1000);
	return 42;
}

TEST(loop_close_deadline_and_again)
{
	rec work = {0}, timer = {0};
	LOOP(loop);

	atomic_store(&task_has_begun, false);
	atomic_store(&task_may_end, false);
	SUBMIT(proa_work, proa_root(loop), &work, NULL, stubborn_task);
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 60 * PROA_SEC));
	while (!atomic_load(&task_has_begun))
		kit_once(loop, 1);
	kit_running = true;
	CHECK_EQ(proa_loop_close(&loop, proa_clock(loop) + 20 * PROA_MSEC), -PROA_ETIMEDOUT);
	kit_running = false;
	CHECK(loop != NULL); /* it is still there */
	CHECK_EQ(timer.result, -PROA_ECANCELED);
	CHECK_EQ(work.finals, 0);
	atomic_store(&task_may_end, true);
	kit_close(&loop);
	CHECK_EQ(work.finals, 1);
	CHECK(work.result == 42 || work.result == -PROA_ECANCELED);
}
