/* The checker on real loops: it says nothing of what is right, and counts what is left. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "loop/loop.h"

static unsigned told;

static void on_violation(const char *text, void *user)
{
	CHECK(text && *text);
	CHECK(user == &told);
	told++;
}

static const proa_checker_options options = {.violation = on_violation, .user = &told};

TEST(checker_says_nothing_of_what_is_right)
{
	proa_checker *checker;
	rec timer = {0}, cancelled = {0}, late = {.op.want = PROA_BACKGROUND};
	LOOP(loop);

	REQUIRE(proa_checker_open(&checker, &options) == 0);
	proa_checker_watch(checker, loop);
	told = 0;
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_MSEC));
	SUBMIT(proa_timer, proa_root(loop), &cancelled, proa_in(loop, PROA_SEC));
	SUBMIT(proa_timer, proa_root(loop), &late, proa_in(loop, PROA_SEC));
	CHECK_EQ(proa_checker_in_flight(checker), 3);
	proa_cancel(&cancelled.op);
	kit_running = true;
	proa_run(loop);
	kit_running = false;
	CHECK_EQ(proa_checker_in_flight(checker), 1);
	kit_close(&loop); /* which ends the last one */
	CHECK_EQ(proa_checker_in_flight(checker), 0);
	CHECK_EQ(proa_checker_close(&checker), 0);
	CHECK(!checker);
	CHECK_EQ(told, 0);
	CHECK_EQ(proa_checker_close(&checker), 0);
}

TEST(checker_says_what_never_ended)
{
	proa_checker *checker;
	rec timer = {0};
	LOOP(loop);

	REQUIRE(proa_checker_open(&checker, &options) == 0);
	proa_checker_watch(checker, loop);
	told = 0;
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_SEC));
	CHECK_EQ(proa_checker_close(&checker), 1);
	CHECK_EQ(told, 1);
	kit_close(&loop);
	CHECK_EQ(timer.finals, 1);
}

TEST(checker_options_of_another_size)
{
	proa_checker *checker;

	CHECK_EQ(proa_checker_open(&checker, &(proa_checker_options){.size = 1}), -PROA_ESIZES);
	CHECK(!checker);
}
