/* Groups that end: drains, deadlines, stops under load, work that wanders between the loops. */
/* SPDX-License-Identifier: MIT */
#include "d_net/group_kit.h"

#include <string.h>

/* ---- draining ---- */

static void drains_when_all_hang_up(unsigned loops, bool reuseport)
{
	enum { N = 6 };
	proa_listen_options lo = {.reuseport = reuseport};
	proa_serve_options o = plain;
	proa_addr addr;
	long long began;
	int fd[N];

	o.listen = &lo;
	REQUIRE(group_up(loops, &o, &addr));
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		CHECK(echo_works(fd[i]));
	}
	began = test_now_ns();
	say(fd[0], 'S'); /* from a callback on one of the loops */
	wait_for(&g.drained, N);
	for (int i = 0; i < N; i++)
		CHECK(i ? echo_works(fd[i]) : hear(fd[0]) == 'S');
	CHECK_EQ(dial(&addr), -1);
	hang_up(fd, N);
	CHECK_EQ(proa_group_wait(&g.group), 0);
	CHECK_LT(test_now_ns() - began, 30 * PROA_SEC); /* the deadline is far */
	CHECK_EQ(g.open, 0);
}

TEST(group_drains_when_all_hang_up)
{
	drains_when_all_hang_up(3, false);
	drains_when_all_hang_up(1, false);
}

TEST(group_drains_with_reuseport)
{
	NEED(HOST_REUSEPORT);
	drains_when_all_hang_up(3, true);
}

TEST(group_drain_closes_idle_ones)
{
	enum { N = 9 };
	proa_addr addr;
	int fd[N];

	REQUIRE(group_up(3, &plain, &addr));
	g.close_in_drain = true;
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		CHECK(echo_works(fd[i]));
	}
	group_down(60 * PROA_SEC);
	CHECK_EQ(g.drained, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(hear(fd[i]), 0);
	hang_up(fd, N);
}

TEST(group_drain_deadline_and_a_shorter_one)
{
	proa_addr addr;
	long long began;
	int fd;

	REQUIRE(group_up(3, &plain, &addr));
	fd = dial(&addr);
	CHECK(echo_works(fd));
	began = test_now_ns();
	proa_group_stop(g.group, 3600 * PROA_SEC);
	wait_for(&g.drained, 1);
	proa_group_stop(g.group, 100 * PROA_MSEC);
	proa_group_stop(g.group, 3600 * PROA_SEC);
	CHECK(echo_works(fd));
	CHECK_EQ(proa_group_wait(&g.group), 0);
	CHECK_GE(test_now_ns() - began, 100 * PROA_MSEC);
	CHECK_LT(test_now_ns() - began, 30 * PROA_SEC); /* it was not the one of an hour */
	CHECK_LE(hear(fd), 0);
	host_sock_close(fd);
}

TEST(group_stops_under_load)
{
	enum { N = 40 };
	proa_addr addr;
	int fd[N];

	for (int round = 0; round < 5; round++) {
		REQUIRE(group_up(3, &plain, &addr));
		for (int i = 0; i < N; i++) {
			fd[i] = dial(&addr);
			say(fd[i], 'x');
		}
		group_down(round % 2 ? 0 : 20 * PROA_MSEC); /* with sockets on their way */
		hang_up(fd, N);
	}
}

/* ---- by hand ---- */

typedef struct token {
	proa_op op;
	proa_op timer;
	int hops;
} token;

static _Atomic int tokens_ended, tokens_cancelled;

static void on_hop(proa_op *op);

static void token_end(token *t, int64_t result)
{
	(void)t;
	atomic_fetch_add(result < 0 ? &tokens_cancelled : &tokens_ended, 1);
}

static void on_wait(proa_op *op)
{
	token *t = PROA_OF(op, token, timer);

	if (op->result < 0)
		token_end(t, op->result);
	else if (t->hops-- == 0)
		token_end(t, 0);
	else
		proa_post(proa_group_loop(g.group, (unsigned)t->hops % 3), &t->op, on_hop);
}

static void on_hop(proa_op *op)
{
	token *t = PROA_OF(op, token, op);

	if (op->result < 0)
		token_end(t, op->result);
	else
		proa_timer(proa_root(proa_op_loop(op)), &t->timer,
		           proa_in(proa_op_loop(op), PROA_MSEC), on_wait);
}

/* Work that wanders between the loops keeps the group draining until it has ended. */
TEST(group_drain_waits_for_posts_between_loops)
{
	static token t[4];

	for (int round = 0; round < 2; round++) {
		memset(t, 0, sizeof t);
		atomic_store(&tokens_ended, 0);
		atomic_store(&tokens_cancelled, 0);
		g.fail_start = -1;
		REQUIRE(group_open(3) == 0);
		for (int i = 0; i < 4; i++) {
			t[i].hops = round ? 1000000 : 40 + i;
			proa_post(proa_group_least_loaded(g.group), &t[i].op, on_hop);
		}
		nap(5);
		group_down(round ? 50 * PROA_MSEC : 60 * PROA_SEC);
		CHECK_EQ(tokens_ended, round ? 0 : 4);
		CHECK_EQ(tokens_cancelled, round ? 4 : 0);
	}
}
