/* What other threads may do: posts, doorbells, stop; none lost, each thread's in order. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 8 };

static void threads_run(host_thread *t, void *(*fn)(void *), void *args, size_t arg_bytes)
{
	for (int i = 0; i < THREADS; i++)
		CHECK(host_thread_start(&t[i], fn, (char *)args + (size_t)i * arg_bytes));
}

static void threads_join(host_thread *t)
{
	for (int i = 0; i < THREADS; i++)
		host_thread_join(&t[i]);
}

/* ---- posts ---- */

typedef struct poster {
	proa_loop *loop;
	proa_op *ops;
	size_t n;
	size_t next; /* what its next post must be; on the loop's thread */
	int payload; /* written before each post, read in its callback */
} poster;

static size_t posts_done;
static bool posts_in_order;

static void post_done(proa_op *op)
{
	poster *p = op->user;

	posts_in_order &= op == &p->ops[p->next] && op->result == 0;
	p->next++;
	posts_done++;
}

static void *post_all(void *arg)
{
	poster *p = arg;

	for (size_t i = 0; i < p->n; i++) {
		p->ops[i].user = p; /* happens before the callback that reads it */
		proa_post(p->loop, &p->ops[i], post_done);
	}
	return NULL;
}

TEST(post_from_eight_threads)
{
	size_t each = TEST_TIMES(200000) / THREADS;
	poster p[THREADS];
	host_thread t[THREADS];
	long calls;
	LOOP(loop);

	posts_done = 0;
	posts_in_order = true;
	for (int i = 0; i < THREADS; i++)
		p[i] = (poster){.loop = loop, .ops = calloc(each, sizeof(proa_op)), .n = each};
	kit_once(loop, 0);
	calls = kit_mem.calls;
	threads_run(t, post_all, p, sizeof *p);
	UNTIL(loop, posts_done == each * THREADS);
	threads_join(t);
	CHECK(posts_in_order);
	CHECK_EQ(kit_mem.calls, calls); /* a post never allocates */
	for (int i = 0; i < THREADS; i++)
		free(p[i].ops);
	kit_close(&loop);
}

static void then_count(rec *r)
{
	++*(int *)r->ctx;
}

TEST(post_from_the_loops_own_thread_and_callbacks)
{
	int n = 0;
	rec a = {.then = then_count, .ctx = &n}, b = {.then = then_count, .ctx = &n};
	LOOP(loop);

	SUBMIT0(proa_post, loop, &a);
	CHECK_EQ(n, 0);
	CHECK_EQ(proa_loop_load(loop), 1);
	SUBMIT0(proa_post, loop, &b);
	CHECK_EQ(kit_await(loop, &b), 0);
	CHECK_LT(a.order, b.order);
	CHECK_EQ(n, 2);
	CHECK_EQ(proa_loop_load(loop), 0);
	/* Never cancellable: it ends as it ends. */
	SUBMIT0(proa_post, loop, &a);
	proa_cancel(&a.op);
	CHECK_EQ(kit_await(loop, &a), 0);
	kit_close(&loop);
}

TEST(post_keeps_run_going)
{
	rec a = {0};
	LOOP(loop);

	SUBMIT0(proa_post, loop, &a);
	kit_running = true;
	CHECK_EQ(proa_run(loop), 0);
	kit_running = false;
	CHECK_EQ(a.finals, 1);
	kit_close(&loop);
}

/* ---- wake-ups ---- */

typedef struct waker {
	proa_loop *loop;
	rec r;
	atomic_int sent;
} waker;

static void *post_later(void *arg)
{
	waker *w = arg;

	host_sleep_us(10000);
	proa_post(w->loop, kit_op(&w->r), kit_done);
	return NULL;
}

/* How often it was woken by now. */
static uint64_t post_to(proa_loop *loop)
{
	waker w = {.loop = loop};
	host_thread t;
	proa_stats stats;
	long long before = test_now_ns();

	CHECK(host_thread_start(&t, post_later, &w));
	while (!w.r.finals && test_now_ns() - before < 60 * PROA_SEC)
		kit_once(loop, 60000);
	CHECK_EQ(w.r.finals, 1);
	CHECK_LT(test_now_ns() - before, 30 * PROA_SEC);
	host_thread_join(&t);
	proa_loop_stats(loop, &stats);
	return stats.wakeups;
}

TEST(post_wakes_a_sleeping_loop)
{
	long long before;
	int tries = 0, turns = 0;
	LOOP(loop);

	while (!post_to(loop) && CHECK_LT(tries, 30)) /* it was not asleep yet */
		tries++;
	kit_once(loop, 1);
	for (before = test_now_ns(); test_now_ns() - before < 50 * PROA_MSEC; turns++)
		kit_once(loop, 50);
	CHECK_LT(turns, 50); /* it sleeps again; a signal may end a sleep early */
	kit_close(&loop);
}

static int pings;

static void ping_done(proa_op *op)
{
	waker *w = op->user;

	pings++;
	atomic_store(&w->sent, 0);
}

/* One at a time, each answered before the next: every one has to wake the loop. */
static void *ping(void *arg)
{
	waker *w = arg;
	proa_op op = {0};
	int n = (int)TEST_TIMES(20000);

	for (int i = 0; i < n; i++) {
		atomic_store(&w->sent, 1);
		op.user = w;
		proa_post(w->loop, &op, ping_done);
		while (atomic_load(&w->sent))
			host_yield();
	}
	return NULL;
}

TEST(post_never_loses_a_wake_up)
{
	waker w = {0};
	host_thread t;
	int n = (int)TEST_TIMES(20000);
	LOOP(loop);

	pings = 0;
	w.loop = loop;
	CHECK(host_thread_start(&t, ping, &w));
	while (pings < n) {
		int before = pings;
		int64_t patience_ns = proa_clock(loop) + 20 * PROA_SEC;

		/* A wake-up may find that its post has been seen already. */
		while (pings == before && proa_clock(loop) < patience_ns)
			kit_once(loop, 20000);
		if (pings == before)
			break; /* so long without one: it was lost */
	}
	CHECK_EQ(pings, n);
	if (pings == n)
		host_thread_join(&t);
	kit_close(&loop);
}

static void *stop_later(void *arg)
{
	waker *w = arg;

	host_sleep_us(10000);
	proa_stop(w->loop);
	return NULL;
}

TEST(stop_from_any_thread)
{
	proa_loop_options o = {.stay = true};
	waker w = {0};
	host_thread t;
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	w.loop = loop;
	for (int i = 0; i < 5; i++) {
		CHECK(host_thread_start(&t, stop_later, &w));
		CHECK_EQ(proa_run(loop), 1);
		host_thread_join(&t);
	}
	kit_close(&loop);
}

/* ---- doorbells ---- */

typedef struct ringer {
	proa_op *bell;
	size_t n;
	atomic_size_t *rung;
} ringer;

static void *ring_all(void *arg)
{
	ringer *r = arg;

	for (size_t i = 0; i < r->n; i++) {
		atomic_fetch_add(r->rung, 1);
		proa_notify(r->bell);
	}
	return NULL;
}

TEST(doorbell_from_eight_threads_loses_none)
{
	size_t each = TEST_TIMES(200000) / THREADS;
	rec bell = {0};
	atomic_size_t rung = 0;
	ringer ringers[THREADS];
	host_thread t[THREADS];
	LOOP(loop);

	SUBMIT_BELL(proa_root(loop), &bell);
	for (int i = 0; i < THREADS; i++)
		ringers[i] = (ringer){.bell = &bell.op, .n = each, .rung = &rung};
	threads_run(t, ring_all, ringers, sizeof *ringers);
	UNTIL(loop, bell.bytes == (int64_t)(each * THREADS));
	threads_join(t);
	CHECK_EQ(atomic_load(&rung), each * THREADS);
	CHECK_LE(bell.mores, each * THREADS);
	test_note("%zu rings came as %u", each * THREADS, bell.mores);
	proa_cancel(&bell.op);
	CHECK_EQ(kit_await(loop, &bell), -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(doorbell_coalesces)
{
	rec bell = {0};
	LOOP(loop);

	SUBMIT_BELL(proa_root(loop), &bell);
	kit_once(loop, 1);
	CHECK_EQ(bell.mores, 0);
	for (int i = 0; i < 1000; i++)
		proa_notify(&bell.op);
	kit_once(loop, 100);
	kit_settle(loop);
	CHECK_EQ(bell.mores, 1);
	CHECK_EQ(bell.result, 1000);
	CHECK_EQ(bell.got, PROA_MORE);
	kit_close(&loop);
	CHECK_EQ(bell.result, -PROA_ECANCELED);
	CHECK_EQ(bell.finals, 1);
}

TEST(doorbell_paused_keeps_the_rings)
{
	rec bell = {0};
	LOOP(loop);

	SUBMIT_BELL(proa_root(loop), &bell);
	proa_pause(&bell.op);
	proa_notify(&bell.op);
	kit_settle(loop);
	proa_notify(&bell.op);
	kit_settle(loop);
	CHECK_EQ(bell.mores, 0);
	proa_resume(&bell.op);
	UNTIL(loop, bell.bytes == 2);
	/* Cancelled while paused, with rings undelivered: ends all the same. */
	proa_pause(&bell.op);
	proa_notify(&bell.op);
	kit_settle(loop);
	proa_cancel(&bell.op);
	CHECK_EQ(kit_await(loop, &bell), -PROA_ECANCELED);
	kit_close(&loop);
}

static void then_pause_other(rec *r)
{
	proa_pause(&((rec *)r->ctx)->op);
}

/* Paused when it was about to be told: it is not. */
TEST(doorbell_paused_before_its_turn)
{
	rec bell[2] = {{.then = then_pause_other}, {.then = then_pause_other}};
	LOOP(loop);

	for (int i = 0; i < 2; i++) {
		bell[i].ctx = &bell[!i];
		SUBMIT_BELL(proa_root(loop), &bell[i]);
	}
	for (int i = 0; i < 2; i++)
		proa_notify(&bell[i].op);
	kit_settle(loop);
	CHECK_EQ(bell[0].mores + bell[1].mores, 1);
	for (int i = 0; i < 2; i++)
		proa_resume(&bell[i].op);
	kit_settle(loop);
	CHECK_EQ(bell[0].mores, 1);
	CHECK_EQ(bell[1].mores, 1);
	kit_close(&loop);
}

static void then_cancel_self(rec *r)
{
	if (r->got & PROA_MORE)
		proa_cancel(&r->op);
}

TEST(doorbell_cancelled_in_its_callback_and_rung_before)
{
	rec bell = {.then = then_cancel_self};
	LOOP(loop);

	for (int i = 0; i < 100; i++) {
		SUBMIT_BELL(proa_root(loop), &bell);
		proa_notify(&bell.op);
		CHECK_EQ(kit_await(loop, &bell), -PROA_ECANCELED);
		CHECK_EQ(bell.mores, (unsigned)i + 1);
	}
	/* Rung and cancelled before the loop has seen either. */
	SUBMIT_BELL(proa_root(loop), &bell);
	proa_notify(&bell.op);
	proa_cancel(&bell.op);
	CHECK_EQ(kit_await(loop, &bell), -PROA_ECANCELED);
	kit_close(&loop);
}

static void then_ring_self(rec *r)
{
	if ((r->got & PROA_MORE) && r->mores < 50)
		proa_notify(&r->op);
}

TEST(doorbell_rung_in_its_own_callback)
{
	rec bell = {.then = then_ring_self};
	LOOP(loop);

	SUBMIT_BELL(proa_root(loop), &bell);
	proa_notify(&bell.op);
	UNTIL(loop, bell.mores == 50);
	kit_close(&loop);
}

TEST(doorbell_deadline)
{
	rec bell = {0};
	LOOP(loop);

	for (int tries = 0; tries < 20 && !bell.mores; tries++) { /* all was over for a slow one */
		bell.op.deadline_ns = proa_clock(loop) + 100 * PROA_MSEC;
		SUBMIT_BELL(proa_root(loop), &bell);
		proa_notify(&bell.op);
		CHECK_EQ(kit_await(loop, &bell), -PROA_ETIMEDOUT);
	}
	CHECK_EQ(bell.mores, 1);
	kit_close(&loop);
}
