/* Signals: told, counted, coalesced, given back. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static void cancel_and_wait(proa_loop *loop, rec *r)
{
	proa_cancel(&r->op);
	CHECK_EQ(kit_await(loop, r), -PROA_ECANCELED);
}

TEST(signal_told)
{
	LOOP(loop);
	rec r = {0};

	SUBMIT(proa_signal, proa_root(loop), &r, SIGUSR1);
	kit_settle(loop);
	CHECK_EQ(r.mores, 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	UNTIL(loop, r.mores > 0);
	CHECK_EQ(r.mores, 1);
	CHECK_EQ(r.result, 3);
	raise(SIGUSR1);
	UNTIL(loop, r.bytes == 4);
	cancel_and_wait(loop, &r);
	kit_close(&loop);
}

static volatile sig_atomic_t before_came;

static void before(int signo)
{
	(void)signo;
	before_came = 1;
}

TEST(signal_disposition_comes_back)
{
	LOOP(loop);
	rec a = {0}, b = {0};

	signal(SIGUSR2, before);
	before_came = 0;
	SUBMIT(proa_signal, proa_root(loop), &a, SIGUSR2);
	SUBMIT(proa_signal, proa_root(loop), &b, SIGUSR2);
	raise(SIGUSR2);
	UNTIL(loop, a.mores == 1 && b.mores == 1);
	cancel_and_wait(loop, &a);
	raise(SIGUSR2);
	UNTIL(loop, b.mores == 2);
	CHECK_EQ(before_came, 0);
	cancel_and_wait(loop, &b);
	raise(SIGUSR2);
	CHECK_EQ(before_came, 1);
	signal(SIGUSR2, SIG_DFL);
	kit_close(&loop);
}

TEST(signal_refused)
{
	static const int bad[] = {0, -1, 1000, SIGKILL, SIGSTOP};

	LOOP(loop);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		rec r = {0};

		SUBMIT(proa_signal, proa_root(loop), &r, bad[i]);
		CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	}
	kit_close(&loop);
}

TEST(signal_pause)
{
	LOOP(loop);
	rec r = {0};

	SUBMIT(proa_signal, proa_root(loop), &r, SIGUSR1);
	proa_pause(&r.op);
	raise(SIGUSR1);
	raise(SIGUSR1);
	kit_settle(loop);
	CHECK_EQ(r.mores, 0);
	proa_resume(&r.op);
	UNTIL(loop, r.mores == 1);
	CHECK_EQ(r.result, 2);
	proa_pause(&r.op);
	raise(SIGUSR1);
	kit_settle(loop);
	cancel_and_wait(loop, &r);
	kit_close(&loop);
}

TEST(signal_closed_while_rung)
{
	LOOP(loop);
	for (int i = 0; i < TEST_TIMES(200); i++) {
		proa_handle h = {0};
		rec r = {0};

		proa_handle_init(proa_root(loop), &h);
		SUBMIT(proa_signal, &h, &r, SIGUSR1);
		raise(SIGUSR1);
		if (i % 2)
			kit_once(loop, 0);
		raise(SIGUSR1);
		kit_end(loop, &h);
		CHECK_EQ(r.result, -PROA_ECANCELED);
	}
	kit_close(&loop);
}

static atomic_bool storm_over;
static atomic_long storm_sent;

static void *storm(void *thread)
{
	while (!atomic_load(&storm_over)) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		atomic_fetch_add(&storm_sent, 1);
	}
	return NULL;
}

/* Coalesced: never more tellings than signals, one at least behind the last. */
TEST(signal_storm)
{
	pthread_t self = pthread_self(), t;
	rec r = {0};
	long sent, mores;

	LOOP(loop);
	atomic_store(&storm_over, false);
	atomic_store(&storm_sent, 0);
	SUBMIT(proa_signal, proa_root(loop), &r, SIGUSR1);
	REQUIRE(pthread_create(&t, NULL, storm, &self) == 0);
	UNTIL(loop, atomic_load(&storm_sent) > 20000 && r.mores > 10);
	atomic_store(&storm_over, true);
	pthread_join(t, NULL);
	kit_settle(loop);
	sent = atomic_load(&storm_sent);
	CHECK_LE(r.bytes, sent);
	CHECK_LE((long)r.mores, r.bytes);
	mores = (long)r.mores;
	raise(SIGUSR1);
	UNTIL(loop, (long)r.mores == mores + 1);
	test_note("%ld sent, %ld seen, told in %ld callbacks", sent, (long)r.bytes, mores);
	cancel_and_wait(loop, &r);
	kit_close(&loop);
}
