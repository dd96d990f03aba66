/* Deadlines and idle times of socket operations: a cancel with another name. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* Where a machine that has no time for the test may spoil it, a try for which it had none does not
 * count; so many of them do not come in a row. */
enum { SLOW_TRIES = 30 };

TEST(deadline_of_each_kind)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec r[6] = {{.submits = 0}};
	proa_handle a[4], b[4], l;
	proa_addr addr;
	char buf[8];
	int64_t at;
	LOOP(loop);

	for (int i = 0; i < 4; i++)
		kit_pair(loop, &a[i], &b[i]);
	kit_listen(loop, &l, &addr);
	at = proa_clock(loop) + 20 * PROA_MSEC;
	for (int i = 0; i < 6; i++)
		r[i].op.deadline_ns = at;
	SUBMIT(proa_recv, &a[0], &r[0], buf, sizeof buf);
	SUBMIT(proa_recv_pooled, &a[1], &r[1], NULL);
	SUBMIT(proa_recv_pooled_many, &a[2], &r[2], NULL, 0);
	SUBMIT(proa_send, &a[3], &r[3], big, LEN);
	SUBMIT0(proa_accept, &l, &r[4]);
	SUBMIT0(proa_accept_many, &l, &r[5]); /* behind the other */
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_ETIMEDOUT);
		CHECK_GE(r[i].at_ns, at);
		CHECK_LT(r[i].at_ns, at + 30 * PROA_SEC);
		CHECK_EQ(r[i].op.deadline_ns, at); /* stays */
	}
	CHECK_GT(r[3].count, 0);
	free(big);
	kit_close(&loop);
}

TEST(deadline_past_at_submit_is_not_attempted)
{
	rec r = {0};
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fd_write(fd, "12345678", 8);
	kit_settle(loop);
	r.op.deadline_ns = PROA_POLL;
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	SUBMIT(proa_send, &a, &r, "x", 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_EQ(r.count, 0);
	kit_settle(loop);
	CHECK_EQ(kit_fd_read(fd, buf, 1), -1); /* nothing went out, the direction is whole */
	r.op.deadline_ns = 0;
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 8);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(deadline_race_loses_no_byte)
{
	int n = (int)TEST_TIMES(2000), timed_out = 0;
	uint64_t sent = 0, received = 0;
	unsigned char in[64];
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < n; i++) {
		rec r = {0};

		kit_fill(in, 3, sent);
		r.op.deadline_ns = proa_clock(loop) + i % 7 * 50 * PROA_USEC + 1;
		SUBMIT(proa_recv, &a, &r, in + 8, sizeof in - 8);
		kit_once(loop, i % 2);
		kit_fd_write(fd, in, 3);
		sent += 3;
		kit_await(loop, &r);
		timed_out += r.result == -PROA_ETIMEDOUT;
		CHECK(r.result > 0 || r.result == -PROA_ETIMEDOUT);
		if (r.result > 0 && CHECK(kit_filled(in + 8, (size_t)r.result, received)))
			received += (uint64_t)r.result;
	}
	while (received < sent) {
		rec r = {0};

		SUBMIT(proa_recv, &a, &r, in, sizeof in);
		if (kit_await(loop, &r) <= 0)
			break;
		CHECK(kit_filled(in, (size_t)r.result, received));
		received += (uint64_t)r.result;
	}
	CHECK_EQ(received, sent);
	test_note("%d of %d timed out", timed_out, n);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* With a deadline that lies ahead still when the loop has seen it. */
static void recv_in_time(proa_loop *loop, proa_handle *h, rec *r, char *byte)
{
	for (int tries = 0; tries < SLOW_TRIES; tries++) {
		r->op.deadline_ns = proa_clock(loop) + 50 * PROA_MSEC;
		SUBMIT(proa_recv, h, r, byte, 1);
		kit_once(loop, 1);
		if (proa_clock(loop) < r->op.deadline_ns)
			return;
		kit_await(loop, r);
	}
}

TEST(deadline_moved_in_flight_of_a_recv)
{
	rec r = {0};
	proa_handle a, b;
	char byte;
	int64_t at;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	recv_in_time(loop, &a, &r, &byte);
	at = r.op.deadline_ns + 40 * PROA_MSEC;
	proa_deadline(&r.op, at); /* later */
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_GE(r.at_ns, at);
	r.op.deadline_ns = 0;
	SUBMIT(proa_recv, &a, &r, &byte, 1);
	kit_once(loop, 1);
	proa_deadline(&r.op, proa_clock(loop) + 5 * PROA_MSEC); /* on */
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	recv_in_time(loop, &a, &r, &byte);
	at = r.op.deadline_ns;
	proa_deadline(&r.op, 0); /* off */
	while (proa_clock(loop) < at + 10 * PROA_MSEC)
		kit_once(loop, 20);
	CHECK(proa_in_flight(&r.op));
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
}

/* The first to ask names the result. */
TEST(deadline_and_cancel)
{
	rec r = {0};
	proa_handle a, b;
	char buf[8];
	LOOP(loop);

	kit_pair(loop, &a, &b);
	r.op.deadline_ns = proa_clock(loop) + 5 * PROA_MSEC;
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
}

static void then_cancel_ctx(rec *r)
{
	proa_cancel(&((rec *)r->ctx)->op);
}

/* Both in one iteration, before any backend can have told the end: the deadline stands first. */
TEST(deadline_then_cancel_is_timed_out)
{
	rec r = {0}, timer = {.then = then_cancel_ctx, .ctx = &r};
	proa_handle a, b;
	char buf[8];
	LOOP(loop);

	kit_pair(loop, &a, &b);
	kit_settle(loop);
	r.op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	SUBMIT(proa_timer, proa_root(loop), &timer, r.op.deadline_ns);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_EQ(kit_await(loop, &timer), 0);
	kit_close(&loop);
}

TEST(deadline_of_a_queued_op_ends_it_alone)
{
	rec r[2] = {{.submits = 0}};
	proa_handle a;
	char buf[2][4];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	r[1].op.deadline_ns = proa_clock(loop) + 5 * PROA_MSEC;
	for (int i = 0; i < 2; i++)
		SUBMIT(proa_recv, &a, &r[i], buf[i], 4);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ETIMEDOUT);
	CHECK_EQ(r[0].finals, 0);
	kit_fd_write(fd, "abcd", 4);
	CHECK_EQ(kit_await(loop, &r[0]), 4);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- idle ---- */

static void then_return(rec *r)
{
	proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

TEST(idle_ends_what_is_in_flight)
{
	rec recv = {0}, queued = {0}, many = {0}, timer = {0};
	proa_handle a[2], b[2];
	char buf[8];
	int64_t begin;
	LOOP(loop);

	for (int i = 0; i < 2; i++)
		kit_pair(loop, &a[i], &b[i]);
	kit_once(loop, 0);
	begin = proa_now(loop);
	proa_set_idle(&a[0], 30 * PROA_MSEC);
	proa_set_idle(&a[1], 30 * PROA_MSEC);
	SUBMIT(proa_recv, &a[0], &recv, buf, sizeof buf);
	SUBMIT(proa_recv, &a[0], &queued, buf, sizeof buf);
	SUBMIT(proa_recv_pooled_many, &a[1], &many, NULL, 0);
	SUBMIT(proa_timer, &a[0], &timer, proa_in(loop, 3600 * PROA_SEC));
	CHECK_EQ(kit_await(loop, &recv), -PROA_ETIMEDOUT);
	CHECK_EQ(kit_await(loop, &queued), -PROA_ETIMEDOUT);
	CHECK_EQ(kit_await(loop, &many), -PROA_ETIMEDOUT);
	CHECK_GE(recv.at_ns - begin, 29 * PROA_MSEC);
	CHECK_LT(recv.at_ns - begin, 30 * PROA_SEC);
	CHECK_EQ(timer.finals, 0); /* socket ops only */
	CHECK(proa_is_open(&a[0]));
	kit_close(&loop);
}

/* A loop with nothing else to wake it sleeps until then. */
TEST(idle_wakes_a_sleeping_loop)
{
	rec r = {0};
	proa_handle a, b;
	char buf[8];
	int64_t begin;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	kit_settle(loop);
	proa_set_idle(&a, 30 * PROA_MSEC);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	begin = proa_clock(loop);
	/* A cancel may take an iteration of its own, and a signal end one early. */
	for (int i = 0; i < 8 && !r.finals; i++)
		kit_once(loop, 60000);
	CHECK_EQ(r.result, -PROA_ETIMEDOUT);
	CHECK_LT(proa_clock(loop) - begin, 30 * PROA_SEC);
	kit_close(&loop);
}

static void then_sleep(rec *r)
{
	kit_fd_write(*(int *)r->ctx, "x", 1);
	host_sleep_us(150000);
}

static bool comes_during_a_callback(proa_loop *loop)
{
	rec r = {0}, timer = {.then = then_sleep};
	proa_handle a;
	int64_t begin;
	char buf[8];
	bool slow;
	int fd = kit_half(loop, &a);

	timer.ctx = &fd;
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	kit_settle(loop);
	begin = proa_clock(loop);
	proa_set_idle(&a, 80 * PROA_MSEC);
	SUBMIT(proa_timer, proa_root(loop), &timer, 1);
	kit_await(loop, &timer);
	slow = timer.at_ns - begin > 40 * PROA_MSEC;
	CHECK(kit_await(loop, &r) == 1 || slow);
	kit_end(loop, &a);
	kit_fd_close(fd);
	return !slow;
}

/* The loop was late to look, and not the peer to send. */
TEST(idle_does_not_end_what_came_during_a_callback)
{
	int tries = 0;
	LOOP(loop);

	while (!comes_during_a_callback(loop) && CHECK_LT(tries, SLOW_TRIES))
		tries++;
	kit_close(&loop);
}

static bool lives_slowly(proa_loop *loop)
{
	rec r = {0}, many = {.then = then_return};
	proa_handle a[2];
	char buf[64];
	int fd[2];
	long long until = test_now_ns() + 700 * PROA_MSEC, begin, took, longest = 0;

	for (int i = 0; i < 2; i++) {
		fd[i] = kit_half(loop, &a[i]);
		proa_set_idle(&a[i], 250 * PROA_MSEC);
	}
	SUBMIT(proa_recv_pooled_many, &a[1], &many, NULL, 0);
	while (test_now_ns() < until) { /* a byte each 100 ms, thrice the idle time long */
		begin = test_now_ns();
		if (!proa_in_flight(&r.op))
			SUBMIT(proa_recv, &a[0], &r, buf, sizeof buf);
		kit_fd_write(fd[0], "x", 1);
		kit_fd_write(fd[1], "y", 1);
		while (test_now_ns() < begin + 100 * PROA_MSEC)
			kit_once(loop, 100);
		took = test_now_ns() - begin;
		longest = took > longest ? took : longest;
		CHECK((!many.finals && r.result >= 0) || longest > 180 * PROA_MSEC);
	}
	UNTIL(loop, many.finals == 1);
	CHECK_EQ(many.result, -PROA_ETIMEDOUT); /* and now that nothing comes */
	for (int i = 0; i < 2; i++) {
		kit_end(loop, &a[i]);
		kit_fd_close(fd[i]);
	}
	return longest <= 180 * PROA_MSEC;
}

TEST(idle_slow_but_alive_lives)
{
	int tries = 0;
	LOOP(loop);

	while (!lives_slowly(loop) && CHECK_LT(tries, SLOW_TRIES))
		tries++;
	kit_close(&loop);
}

/* A byte out keeps the recv alive too: progress either way. */
TEST(idle_counts_both_directions)
{
	rec recv = {0}, send = {0};
	proa_handle a;
	char buf[8];
	int fd;
	long long until = test_now_ns() + 250 * PROA_MSEC, turn, longest = 0;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_set_idle(&a, 100 * PROA_MSEC);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	while (test_now_ns() < until) {
		turn = test_now_ns();
		SUBMIT(proa_send, &a, &send, "x", 1);
		CHECK_EQ(kit_await(loop, &send), 1);
		kit_once(loop, 20);
		longest = test_now_ns() - turn > longest ? test_now_ns() - turn : longest;
	}
	/* It was idle only if the machine had no time for the test. */
	CHECK(!recv.finals || longest > 50 * PROA_MSEC);
	proa_set_idle(&a, 0); /* off */
	kit_once(loop, 150);
	CHECK(!recv.finals || longest > 50 * PROA_MSEC);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(idle_does_not_count_time_parked_on_a_pool)
{
	proa_buffers_options o = {.count = 1, .size_bytes = 64};
	proa_buffers *pool;
	rec holder = {0}, parked = {0};
	proa_handle a[2];
	int fd[2];
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	for (int i = 0; i < 2; i++)
		fd[i] = kit_half(loop, &a[i]);
	SUBMIT(proa_recv_pooled, &a[0], &holder, pool);
	kit_fd_write(fd[0], "x", 1);
	CHECK_EQ(kit_await(loop, &holder), 1);
	proa_set_idle(&a[1], 40 * PROA_MSEC);
	kit_fd_write(fd[1], "y", 1);
	SUBMIT(proa_recv_pooled, &a[1], &parked, pool);
	for (int i = 0; i < 10; i++)
		kit_once(loop, 15);
	CHECK_EQ(parked.finals, 0);
	proa_buffer_return(loop, holder.buf);
	CHECK_EQ(kit_await(loop, &parked), 1);
	proa_buffer_return(loop, parked.buf);
	proa_buffers_close(&pool);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* Nothing is in flight: nothing ends, and the time starts with the next op. */
TEST(idle_time_without_ops_does_not_count)
{
	rec r = {0};
	proa_handle a, b;
	char buf[8];
	int64_t begin;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	proa_set_idle(&a, 60 * PROA_MSEC);
	kit_once(loop, 50);
	begin = proa_clock(loop);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_GE(r.at_ns - begin, 45 * PROA_MSEC);
	kit_close(&loop);
}

TEST(idle_tears_a_send_that_does_not_move)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec r = {0}, next = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_set_idle(&a, 50 * PROA_MSEC);
	SUBMIT(proa_send, &a, &r, big, LEN);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_GT(r.count, 0);
	SUBMIT(proa_send, &a, &next, "x", 1);
	CHECK_EQ(kit_await(loop, &next), -PROA_EBROKEN);
	kit_fd_close(fd);
	free(big);
	kit_close(&loop);
}

/* Held back by its quota, or paused: the peer is not to blame, and the time begins anew afterwards.
 */
TEST(idle_does_not_count_time_held_back_or_paused)
{
	rec quota = {0}, paused = {.then = then_return};
	proa_handle a[2];
	int64_t begin;
	int fd[2];
	LOOP(loop);

	for (int i = 0; i < 2; i++)
		fd[i] = kit_half(loop, &a[i]);
	SUBMIT(proa_recv_pooled_many, &a[0], &quota, NULL, 1);
	SUBMIT(proa_recv_pooled_many, &a[1], &paused, NULL, 0);
	kit_fd_write(fd[0], "x", 1);
	UNTIL(loop, quota.mores == 1);
	proa_pause(&paused.op);
	for (int i = 0; i < 2; i++)
		proa_set_idle(&a[i], 80 * PROA_MSEC);
	for (begin = test_now_ns(); test_now_ns() < begin + 200 * PROA_MSEC;)
		kit_once(loop, 20);
	CHECK_EQ(quota.finals + paused.finals, 0);
	begin = proa_clock(loop);
	proa_buffer_return(loop, quota.buf);
	proa_resume(&paused.op);
	CHECK_EQ(kit_await(loop, &quota), -PROA_ETIMEDOUT);
	CHECK_EQ(kit_await(loop, &paused), -PROA_ETIMEDOUT);
	CHECK_GE(quota.at_ns - begin, 70 * PROA_MSEC);
	CHECK_GE(paused.at_ns - begin, 70 * PROA_MSEC);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}
