/* The run functions: when they return, stop, background work, what one iteration delivers. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

static int run(proa_loop *loop)
{
	int rc;

	kit_running = true;
	rc = proa_run(loop);
	kit_running = false;
	return rc;
}

TEST(run_returns_when_nothing_is_in_flight)
{
	rec timer = {0};
	LOOP(loop);

	CHECK_EQ(run(loop), 0);
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 5 * PROA_MSEC));
	CHECK_EQ(run(loop), 0);
	CHECK_EQ(timer.finals, 1);
	kit_close(&loop);
}

TEST(run_background_does_not_keep_it)
{
	rec back = {.op.want = PROA_BACKGROUND}, timer = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &back, proa_in(loop, 3600 * PROA_SEC));
	CHECK_EQ(run(loop), 0);
	CHECK_EQ(back.finals, 0);
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_MSEC));
	CHECK_EQ(run(loop), 0);
	CHECK_EQ(timer.finals, 1);
	CHECK_EQ(back.finals, 0);
	CHECK_EQ(back.op.want, PROA_BACKGROUND); /* input flags are never written */
	kit_close(&loop);
	CHECK_EQ(back.result, -PROA_ECANCELED);
}

/* One that ends while others are in flight leaves them the loop that they keep going. */
TEST(run_background_that_ends_counts_for_nothing)
{
	rec back = {.op.want = PROA_BACKGROUND}, timer = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &back, proa_in(loop, PROA_MSEC));
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 20 * PROA_MSEC));
	CHECK_EQ(run(loop), 0);
	CHECK_EQ(back.finals, 1);
	CHECK_EQ(timer.finals, 1);
	kit_close(&loop);
}

static void then_stop(rec *r)
{
	proa_stop(proa_op_loop(&r->op));
}

TEST(run_stay_waits_for_stop)
{
	proa_loop_options o = {.stay = true};
	rec timer = {.then = then_stop};
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 2 * PROA_MSEC));
	CHECK_EQ(run(loop), 1);
	CHECK_EQ(timer.finals, 1);
	kit_close(&loop);
}

TEST(run_stop_is_sticky_and_used_up_once)
{
	rec timer = {0};
	proa_event e;
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 2 * PROA_MSEC));
	proa_stop(loop);
	proa_stop(loop); /* two before it is seen are one */
	CHECK_EQ(run(loop), 1);
	CHECK_EQ(timer.finals, 0); /* cancels nothing */
	proa_stop(loop);
	CHECK_EQ(proa_run_once(loop, PROA_POLL), -PROA_ESTOPPED);
	proa_stop(loop);
	CHECK_EQ(proa_wait(loop, &e, 1, PROA_POLL), -PROA_ESTOPPED);
	CHECK_EQ(run(loop), 0);
	CHECK_EQ(timer.result, 0);
	CHECK_EQ(timer.finals, 1);
	kit_close(&loop);
}

TEST(run_stop_does_not_end_await)
{
	proa_op op = {0};
	LOOP(loop);

	proa_timer(proa_root(loop), &op, proa_in(loop, 3 * PROA_MSEC), NULL);
	proa_stop(loop);
	CHECK_EQ(proa_await(loop, &op), 0);
	CHECK_EQ(run(loop), 1); /* still there */
	kit_close(&loop);
}

TEST(run_once_counts_callbacks_and_keeps_time)
{
	rec timer[3] = {{.submits = 0}};
	long long before;
	LOOP(loop);

	CHECK_EQ(kit_once(loop, 0), 0);
	for (int i = 0; i < 3; i++)
		SUBMIT(proa_timer, proa_root(loop), &timer[i], 1);
	CHECK_EQ(kit_once(loop, 1000), 3);
	before = test_now_ns();
	while (test_now_ns() - before < 20 * PROA_MSEC) /* a signal may end one iteration early */
		CHECK_EQ(kit_once(loop, 20), 0);
	before = test_now_ns();
	CHECK_EQ(proa_run_once(loop, PROA_POLL), 0);
	CHECK_LT(test_now_ns() - before, 30 * PROA_SEC);
	kit_close(&loop);
}

static void then_again(rec *r)
{
	if (r->finals < 1000000)
		SUBMIT(proa_timer, proa_op_handle(&r->op), r, 1);
}

/* What is resubmitted and done at once waits for the next iteration: nothing starves the timers. */
TEST(run_one_iteration_delivers_what_was_done_when_it_began)
{
	rec greedy = {.then = then_again}, timer = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &greedy, 1);
	for (unsigned i = 1; i <= 10; i++) {
		CHECK_EQ(kit_once(loop, 1000), 1);
		CHECK_EQ(greedy.finals, i);
	}
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 5 * PROA_MSEC));
	CHECK_EQ(kit_await(loop, &timer), 0);
	CHECK_LT(greedy.finals, 1000000);
	greedy.then = NULL;
	kit_close(&loop);
}

/* Ends before it was tried, so it is done at once. */
static void then_at_once(rec *r)
{
	if (r->finals < 1000000)
		SUBMIT(proa_timer, proa_op_handle(&r->op), r, PROA_SEC);
}

/* Nor does what ends inside of the call that submits it. */
TEST(run_one_iteration_leaves_what_ended_in_its_callbacks)
{
	rec greedy = {.then = then_at_once, .op.deadline_ns = 1};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &greedy, PROA_SEC);
	for (unsigned i = 1; i <= 10; i++) {
		CHECK_EQ(kit_once(loop, 1000), 1);
		CHECK_EQ(greedy.finals, i);
	}
	greedy.then = NULL;
	kit_close(&loop);
}

TEST(run_spin_looks_before_it_sleeps)
{
	proa_loop_options o = {.spin_ns = 200000};
	rec timer = {0};
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, 3 * PROA_MSEC));
	CHECK_EQ(kit_await(loop, &timer), 0);
	kit_close(&loop);
}

/* It looks no longer than until the next timer. */
TEST(run_spin_ends_with_the_next_timer)
{
	proa_loop_options o = {.spin_ns = 4000000000};
	rec timer = {0};
	int64_t begin;
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	begin = proa_clock(loop);
	SUBMIT(proa_timer, proa_root(loop), &timer, begin + 5 * PROA_MSEC);
	CHECK_EQ(kit_await(loop, &timer), 0);
	CHECK_LT(timer.at_ns - begin, 3 * PROA_SEC);
	begin = proa_clock(loop);
	CHECK_EQ(kit_once(loop, 5), 0);
	CHECK_LT(proa_clock(loop) - begin, 3 * PROA_SEC);
	kit_close(&loop);
}

static void *ring_soon(void *bell)
{
	host_sleep_us(5000);
	proa_notify(bell);
	return NULL;
}

/* What comes while it looks need not wake it. */
TEST(run_spin_does_not_sleep_meanwhile)
{
	proa_loop_options o = {.spin_ns = 4000000000};
	rec bell = {0};
	host_thread other;
	proa_stats stats;
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	SUBMIT_BELL(proa_root(loop), &bell);
	CHECK(host_thread_start(&other, ring_soon, &bell.op));
	CHECK_EQ(kit_once(loop, 60000), 1);
	host_thread_join(&other);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.wakeups, 0);
	kit_close(&loop);
}

/* ---- closing a loop ---- */

static int told;
static void count_closed(proa_handle *h)
{
	(void)h;
	told++;
}

static void submit_again(rec *r)
{
	if (r->finals == 1)
		SUBMIT(proa_timer, proa_op_handle(&r->op), r, 1);
}

TEST(loop_close_ends_everything_with_its_callbacks)
{
	rec timers[20] = {{.submits = 0}}, again = {.then = submit_again}, post = {0};
	proa_handle h[3] = {{0}};
	LOOP(loop);

	told = 0;
	for (int i = 0; i < 3; i++)
		proa_handle_init(i ? &h[i - 1] : proa_root(loop), &h[i]);
	for (int i = 0; i < 20; i++)
		SUBMIT(proa_timer, i % 2 ? &h[i % 3] : proa_root(loop), &timers[i],
		       proa_in(loop, 3600 * PROA_SEC));
	SUBMIT(proa_timer, proa_root(loop), &again, proa_in(loop, PROA_SEC));
	SUBMIT0(proa_post, loop, &post);
	proa_close(&h[1], count_closed);
	kit_close(&loop);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(timers[i].result, -PROA_ECANCELED);
	CHECK_EQ(again.finals, 2);
	CHECK_EQ(again.result, -PROA_ECANCELED);
	CHECK_EQ(post.finals, 1);
	CHECK_EQ(told, 1);
}

static void then_post(rec *r)
{
	rec *post = r->ctx;

	SUBMIT0(proa_post, proa_op_loop(&r->op), post);
}

TEST(loop_close_post_from_its_callbacks_is_canceled)
{
	rec post = {0}, timer = {.then = then_post, .ctx = &post};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_SEC));
	kit_close(&loop);
	CHECK_EQ(timer.result, -PROA_ECANCELED);
	CHECK_EQ(post.finals, 1);
	CHECK_EQ(post.result, -PROA_ECANCELED);
}
