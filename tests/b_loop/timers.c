/* Timers and deadlines on the loop alone: never early, late bound, order, a million of them. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

enum { TICK_NS = 131072 };

TEST(timer_never_early_and_late_by_little)
{
	static const int64_t delays_us[] = {0, 1, 50, 130, 131, 132, 500, 1000, 3333, 10000, 30000};
	enum { N = sizeof delays_us / sizeof *delays_us };
	rec r[N] = {{.submits = 0}};
	int64_t at[N], late = 0;
	LOOP(loop);

	for (int i = 0; i < N; i++) {
		at[i] = proa_clock(loop) + delays_us[i] * PROA_USEC;
		SUBMIT(proa_timer, proa_root(loop), &r[i], at[i]);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), 0);
		CHECK_GE(r[i].at_ns, at[i]);
		late = r[i].at_ns - at[i] > late ? r[i].at_ns - at[i] : late;
	}
	test_note("latest by %lld us", (long long)(late / 1000));
	CHECK_LT(late, 10 * PROA_SEC); /* a busy machine; the tick itself is below */
	kit_close(&loop);
}

/* How many of 50 were late by no more than a tick and what a system takes to wake somebody. */
static unsigned within_a_tick(proa_loop *loop)
{
	unsigned within = 0;

	for (int i = 0; i < 50; i++) {
		rec r = {0};
		int64_t at = proa_clock(loop) + 300 * PROA_USEC + i * 7 * PROA_USEC;

		SUBMIT(proa_timer, proa_root(loop), &r, at);
		kit_await(loop, &r);
		CHECK_GE(r.at_ns, at);
		within += r.at_ns - at < TICK_NS + 5 * PROA_MSEC;
	}
	return within;
}

TEST(timer_usually_within_a_tick)
{
	unsigned most = 0;
	LOOP(loop);

	for (int tries = 0; tries < 20 && most < 25; tries++) { /* a machine may be busy for long */
		unsigned within = within_a_tick(loop);

		most = within > most ? within : most;
	}
	CHECK_GE(most, 25);
	kit_close(&loop);
}

TEST(timer_past_now_zero_and_far)
{
	rec past = {0}, zero = {0}, negative = {0}, far = {0}, farthest = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &past, 1);
	SUBMIT(proa_timer, proa_root(loop), &zero, 0);
	SUBMIT(proa_timer, proa_root(loop), &negative, -5);
	SUBMIT(proa_timer, proa_root(loop), &far, proa_in(loop, 400 * 24 * 3600 * PROA_SEC));
	SUBMIT(proa_timer, proa_root(loop), &farthest, INT64_MAX);
	CHECK_EQ(kit_once(loop, 1000), 3);
	CHECK_EQ(past.result, 0);
	CHECK_EQ(zero.finals, 1);
	CHECK_EQ(negative.finals, 1);
	kit_settle(loop);
	CHECK_EQ(far.finals, 0);
	CHECK_EQ(farthest.finals, 0);
	proa_cancel(&far.op);
	CHECK_EQ(kit_await(loop, &far), -PROA_ECANCELED);
	kit_close(&loop);
	CHECK_EQ(farthest.result, -PROA_ECANCELED);
}

TEST(timer_order_is_that_of_time)
{
	enum { N = 200 };
	static rec r[N];
	int64_t base;
	LOOP(loop);

	memset(r, 0, sizeof r);
	base = proa_clock(loop) + 5 * PROA_MSEC;
	for (int i = 0; i < N; i++) /* shuffled, two ticks apart */
		SUBMIT(proa_timer, proa_root(loop), &r[i], base + (i * 73 % N) * 2 * TICK_NS);
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_await(loop, &r[i]), 0);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			if (i * 73 % N < j * 73 % N)
				CHECK_LT(r[i].order, r[j].order);
	kit_close(&loop);
}

TEST(timer_order_also_after_a_long_pause)
{
	enum { N = 50 };
	static rec r[N];
	long long until;
	LOOP(loop);

	memset(r, 0, sizeof r);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_timer, proa_root(loop), &r[i], proa_in(loop, (N - i) * 2 * TICK_NS));
	until = test_now_ns() + 30 * PROA_MSEC;
	while (test_now_ns() < until)
		; /* a callback that computes */
	for (int i = 0; i < N; i++)
		kit_await(loop, &r[i]);
	for (int i = 1; i < N; i++)
		CHECK_GT(r[i - 1].order, r[i].order);
	kit_close(&loop);
}

/* A loop that was late fires some, delivers, looks around, and goes on: in order all the same. */
TEST(timer_many_late_ones_leave_turns_to_others)
{
	enum { N = 3000 };
	static rec r[N];
	long long until;
	int first;
	LOOP(loop);

	memset(r, 0, sizeof r);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_timer, proa_root(loop), &r[i],
		       proa_in(loop, (N - i) / 16 * (TICK_NS / 4)));
	until = test_now_ns() + 20 * PROA_MSEC;
	while (test_now_ns() < until)
		; /* a callback that computes */
	first = kit_once(loop, 0);
	CHECK_GT(first, 0);
	CHECK_LT(first, N / 2);
	for (int i = 0; i < N; i++)
		kit_await(loop, &r[i]);
	for (int i = 80; i < N; i++) /* more than a tick apart */
		CHECK_GT(r[i - 80].order, r[i].order);
	kit_close(&loop);
}

TEST(timer_equal_times_in_submission_order)
{
	enum { N = 500 };
	static rec r[N];
	int64_t at;
	LOOP(loop);

	memset(r, 0, sizeof r);
	at = proa_in(loop, 2 * PROA_MSEC);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_timer, proa_root(loop), &r[i], at);
	for (int i = 0; i < N; i++)
		kit_await(loop, &r[i]);
	for (int i = 1; i < N; i++)
		CHECK_LT(r[i - 1].order, r[i].order);
	kit_close(&loop);
}

static void then_cancel(rec *r)
{
	rec *other = r->ctx;

	proa_cancel(&r->op); /* its own: idle already, nothing */
	proa_cancel(&other->op);
	proa_cancel(&other->op);
}

TEST(timer_cancel_in_its_own_and_a_peers_callback)
{
	rec b = {0}, a = {.then = then_cancel, .ctx = &b}, c = {0},
	    d = {.then = then_cancel, .ctx = &c};
	LOOP(loop);

	/* b is done but undelivered when a cancels it: what it achieved stands. */
	SUBMIT(proa_timer, proa_root(loop), &a, 1);
	SUBMIT(proa_timer, proa_root(loop), &b, 1);
	kit_once(loop, 0);
	CHECK_EQ(a.result, 0);
	CHECK_EQ(b.finals, 1);
	CHECK_EQ(b.result, 0);
	/* c is armed. */
	SUBMIT(proa_timer, proa_root(loop), &c, proa_in(loop, PROA_SEC));
	SUBMIT(proa_timer, proa_root(loop), &d, 1);
	kit_await(loop, &c);
	CHECK_EQ(c.result, -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(timer_deadline_of_a_timer)
{
	rec early = {0}, late = {0}, past = {0};
	LOOP(loop);

	early.op.deadline_ns = proa_in(loop, 2 * PROA_MSEC);
	SUBMIT(proa_timer, proa_root(loop), &early, proa_in(loop, PROA_SEC));
	late.op.deadline_ns = proa_in(loop, PROA_SEC);
	SUBMIT(proa_timer, proa_root(loop), &late, proa_in(loop, 2 * PROA_MSEC));
	past.op.deadline_ns = PROA_POLL;
	SUBMIT(proa_timer, proa_root(loop), &past, 1);
	CHECK_EQ(kit_await(loop, &early), -PROA_ETIMEDOUT);
	CHECK_GE(early.at_ns, early.op.deadline_ns);
	CHECK_EQ(kit_await(loop, &late), 0);
	CHECK_EQ(kit_await(loop, &past), -PROA_ETIMEDOUT); /* past at submit: not attempted */
	kit_close(&loop);
}

/* Without a time nothing wakes for them; the loop's close still knows of them. */
TEST(timer_without_a_time_ends_with_the_loop)
{
	rec never = {0}, not_yet = {0}, no_more = {0}, cancelled = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &never, INT64_MAX);
	SUBMIT(proa_timer, proa_root(loop), &not_yet, INT64_MAX);
	proa_deadline(&not_yet.op, proa_in(loop, 3600 * PROA_SEC));
	no_more.op.deadline_ns = proa_in(loop, 2 * PROA_MSEC);
	SUBMIT(proa_timer, proa_root(loop), &no_more, INT64_MAX);
	proa_deadline(&no_more.op, 0);
	SUBMIT(proa_timer, proa_root(loop), &cancelled, INT64_MAX);
	proa_cancel(&cancelled.op);
	CHECK_EQ(kit_await(loop, &cancelled), -PROA_ECANCELED);
	kit_once(loop, 5);
	CHECK_EQ(no_more.finals, 0);
	kit_close(&loop);
	CHECK_EQ(never.result, -PROA_ECANCELED);
	CHECK_EQ(not_yet.result, -PROA_ECANCELED);
	CHECK_EQ(no_more.result, -PROA_ECANCELED);
}

TEST(deadline_moved_in_flight)
{
	rec r = {0};
	int64_t moved;
	LOOP(loop);

	moved = proa_in(loop, 10 * PROA_SEC);
	r.op.deadline_ns = moved;
	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
	proa_deadline(&r.op, proa_in(loop, 5 * PROA_MSEC)); /* earlier */
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_LT(r.at_ns, moved - 2 * PROA_SEC);
	r.op.deadline_ns = proa_in(loop, 5 * PROA_MSEC);
	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
	moved = proa_in(loop, 40 * PROA_MSEC);
	proa_deadline(&r.op, moved); /* later */
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_GE(r.at_ns, moved);
	r.op.deadline_ns = proa_in(loop, 5 * PROA_MSEC);
	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 30 * PROA_MSEC));
	proa_deadline(&r.op, 0); /* off */
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
	proa_deadline(&r.op, proa_in(loop, 5 * PROA_MSEC)); /* on */
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	/* It stays from one submit to the next; and it is past now. */
	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	proa_deadline(&r.op, 0); /* idle: just a store */
	CHECK_EQ(r.op.deadline_ns, 0);
	kit_close(&loop);
}

TEST(deadline_of_a_past_time_in_flight)
{
	rec r = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
	kit_once(loop, 1);
	proa_deadline(&r.op, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	kit_close(&loop);
}

/* "later: only a store": what `deadline_ns` allows by hand. Some times, for where it lies in the
 * wheel is a matter of chance. */
TEST(deadline_written_later_by_hand)
{
	rec r = {0};
	LOOP(loop);

	for (int i = 0; i < 15; i++) {
		r.op.deadline_ns = proa_in(loop, PROA_MSEC);
		SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 3600 * PROA_SEC));
		r.op.deadline_ns = proa_in(loop, 3 * PROA_MSEC);
		CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
		CHECK_GE(r.at_ns, r.op.deadline_ns);
	}
	kit_close(&loop);
}

/* ---- a million ---- */

static size_t fired, canceled, other;
static bool early;
static int64_t *fire_at;

static void million_done(proa_op *op)
{
	size_t i = (size_t)(uintptr_t)op->user;

	fired += op->result == 0;
	canceled += op->result == -PROA_ECANCELED;
	other += op->result != 0 && op->result != -PROA_ECANCELED;
	early |= op->result == 0 && proa_clock(proa_op_loop(op)) < fire_at[i];
}

TEST(timer_million_armed_cancelled_fired)
{
	size_t n = TEST_TIMES(1000000), third = 0;
	proa_op *ops = calloc(n, sizeof *ops);
	uint64_t x = 88172645463325252u;
	long calls;
	LOOP(loop);

	fire_at = calloc(n, sizeof *fire_at);
	fired = canceled = other = 0;
	early = false;
	calls = kit_mem.calls;
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		fire_at[i] = proa_now(loop) + (int64_t)(x % (300 * PROA_MSEC));
		ops[i].user = (void *)(uintptr_t)i;
		proa_timer(proa_root(loop), &ops[i], fire_at[i] + (i % 3 ? 0 : PROA_SEC * 3600),
		           million_done);
	}
	for (size_t i = 0; i < n; i += 3, third++)
		proa_cancel(&ops[i]);
	UNTIL(loop, fired + canceled == n);
	CHECK_EQ(canceled, third);
	CHECK_EQ(fired, n - third);
	CHECK_EQ(other, 0);
	CHECK(!early);
	CHECK_EQ(kit_mem.calls, calls); /* a timer never allocates */
	kit_close(&loop);
	free(ops);
	free(fire_at);
}
