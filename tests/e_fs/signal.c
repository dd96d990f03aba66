/* Signals: told, counted, coalesced, given back. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <signal.h>

/* Two that a program may take. */
#define SIG_A host_signo(HOST_SIG_A)
#define SIG_B host_signo(HOST_SIG_B)

static void cancel_and_wait(proa_loop *loop, rec *r)
{
	proa_cancel(&r->op);
	CHECK_EQ(kit_await(loop, r), -PROA_ECANCELED);
}

TEST(signal_told)
{
	LOOP(loop);
	rec r = {0};

	SUBMIT(proa_signal, proa_root(loop), &r, SIG_A);
	kit_settle(loop);
	CHECK_EQ(r.mores, 0);
	host_raise(SIG_A);
	host_raise(SIG_A);
	host_raise(SIG_A);
	UNTIL(loop, r.mores > 0);
	CHECK_EQ(r.mores, 1);
	CHECK_EQ(r.result, 3);
	host_raise(SIG_A);
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

	signal(SIG_B, before);
	before_came = 0;
	SUBMIT(proa_signal, proa_root(loop), &a, SIG_B);
	SUBMIT(proa_signal, proa_root(loop), &b, SIG_B);
	host_raise(SIG_B);
	UNTIL(loop, a.mores == 1 && b.mores == 1);
	cancel_and_wait(loop, &a);
	host_raise(SIG_B);
	UNTIL(loop, b.mores == 2);
	CHECK_EQ(before_came, 0);
	cancel_and_wait(loop, &b);
	host_raise(SIG_B);
	CHECK_EQ(before_came, 1);
	signal(SIG_B, SIG_DFL);
	kit_close(&loop);
}

TEST(signal_refused)
{
	const int bad[] = {0, -1, 1000, host_signo(HOST_SIG_KILL), host_signo(HOST_SIG_STOP)};

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

	SUBMIT(proa_signal, proa_root(loop), &r, SIG_A);
	proa_pause(&r.op);
	host_raise(SIG_A);
	host_raise(SIG_A);
	kit_settle(loop);
	CHECK_EQ(r.mores, 0);
	proa_resume(&r.op);
	UNTIL(loop, r.mores == 1);
	CHECK_EQ(r.result, 2);
	proa_pause(&r.op);
	host_raise(SIG_A);
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
		SUBMIT(proa_signal, &h, &r, SIG_A);
		host_raise(SIG_A);
		if (i % 2)
			kit_once(loop, 0);
		host_raise(SIG_A);
		kit_end(loop, &h);
		CHECK_EQ(r.result, -PROA_ECANCELED);
	}
	kit_close(&loop);
}

/* Coalesced: never more tellings than signals, one at least behind the last. */
TEST(signal_storm)
{
	rec r = {0};
	long sent, mores;

	NEED(HOST_SIGNALS);
	LOOP(loop);
	SUBMIT(proa_signal, proa_root(loop), &r, SIG_A);
	host_storm_start(SIG_A, false, 0);
	UNTIL(loop, host_storm_sent() > 20000 && r.mores > 10);
	sent = host_storm_stop();
	kit_settle(loop);
	CHECK_LE(r.bytes, sent);
	CHECK_LE((long)r.mores, r.bytes);
	mores = (long)r.mores;
	host_raise(SIG_A);
	UNTIL(loop, (long)r.mores == mores + 1);
	test_note("%ld sent, %ld seen, told in %ld callbacks", sent, (long)r.bytes, mores);
	cancel_and_wait(loop, &r);
	kit_close(&loop);
}
