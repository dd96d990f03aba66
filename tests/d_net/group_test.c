/* Groups: opening, serving past a blocked loop, one limit for all, reuseport, many at once. */
/* SPDX-License-Identifier: MIT */
#include "d_net/group_kit.h"

/* ---- opening ---- */

TEST(group_opens_and_ends)
{
	for (unsigned loops = 1; loops <= 4; loops++) {
		g.fail_start = -1;
		REQUIRE(group_open(loops) == 0);
		CHECK_EQ(proa_group_size(g.group), loops);
		CHECK_EQ(g.starts, loops);
		CHECK(proa_group_least_loaded(g.group) != NULL);
		CHECK(!proa_group_loop(g.group, loops));
		group_down(0);
	}
}

TEST(group_start_that_fails)
{
	for (int i = 0; i < 3; i++) {
		g.fail_start = i;
		CHECK_EQ(group_open(3), -PROA_EACCES);
		CHECK(!g.group);
		CHECK_GE(g.starts, 1);
		CHECK_LE(g.starts, 3);
		CHECK_EQ(g.drains, 0);
	}
}

TEST(group_options_are_checked)
{
	proa_group_options o = {.size = 3};
	proa_loop_options lo = {.backend = "no such backend"};
	proa_group *group;

	CHECK_EQ(proa_group_open(&group, &o), -PROA_EINVAL);
	CHECK(!group);
	o = (proa_group_options){.loops = 2, .loop = &lo};
	CHECK_EQ(proa_group_open(&group, &o), -PROA_EINVAL);
	CHECK(!group);
}

/* ---- serving ---- */

static void serves(unsigned loops, bool reuseport)
{
	enum { N = 60 };
	proa_listen_options lo = {.reuseport = reuseport};
	proa_serve_options o = plain;
	int fd[N];
	proa_addr addr;

	o.listen = &lo;
	REQUIRE(group_up(loops, &o, &addr));
	CHECK_NE(proa_addr_port(&addr), 0);
	for (int i = 0; i < N; i++)
		fd[i] = dial(&addr);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < N; i++)
			CHECK(echo_works(fd[i]));
	CHECK_EQ(g.started, N);
	if (!reuseport)
		CHECK_EQ(g.used, (1u << loops) - 1);
	else
		CHECK(g.used & (g.used - 1)); /* more than one */
	hang_up(fd, N);
	wait_for(&g.open, 0);
	group_down(PROA_SEC);
}

TEST(group_serves_by_handing_over)
{
	serves(4, false);
}

TEST(group_serves_with_reuseport)
{
	NEED(HOST_REUSEPORT);
	serves(4, true);
}

TEST(group_of_one_serves)
{
	serves(1, false);
}

TEST(group_serve_refusals)
{
	proa_serve_options o = plain;
	proa_addr addr, again;
	char text[PROA_ADDR_TEXT];
	int fd;

	REQUIRE(group_up(2, &plain, &addr));
	proa_addr_print(&addr, text, sizeof text);
	CHECK_EQ(proa_group_serve(g.group, text, &plain, &again), -PROA_EADDRINUSE);
	CHECK_EQ(proa_group_serve(g.group, "x:y:z", &plain, &again), -PROA_EADDRTEXT);
	o.start = NULL;
	CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", &o, &again), -PROA_EINVAL);
	CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", &plain, &again),
	         0); /* a second address */
	fd = dial(&again);
	CHECK(echo_works(fd));
	host_sock_close(fd);
	proa_group_stop(g.group, PROA_SEC);
	CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", &plain, &again), -PROA_ECANCELED);
	group_down(PROA_SEC);
}

/* ---- a blocked loop ---- */

/* Connections that come while a loop is blocked in a callback are all served by the others. */
TEST(group_blocked_loop_holds_up_nobody)
{
	enum { N = 50 };
	proa_addr addr;
	int fd[N], blocker;

	REQUIRE(group_up(3, &plain, &addr));
	blocker = dial(&addr);
	CHECK(echo_works(blocker));
	say(blocker, 'B');
	wait_for(&g.held, 1);
	nap(2); /* not 5: some are chosen for it before it counts as stuck */
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(hear(fd[i]), 'x');
	atomic_store(&g.let_go, 1); /* it was held all the time: that is checked */
	CHECK_EQ(hear(blocker), 'B');
	for (int i = 0; i < N; i++)
		CHECK(echo_works(fd[i]));
	CHECK(echo_works(blocker));
	hang_up(fd, N);
	host_sock_close(blocker);
	group_down(PROA_SEC);
}

/* All loops are blocked: whatever was chosen, it is served by the first that comes back. */
TEST(group_all_loops_blocked)
{
	enum { N = 20 };
	proa_addr addr;
	int fd[N], blocker[2];

	REQUIRE(group_up(2, &plain, &addr));
	for (int i = 0; i < 2; i++) {
		blocker[i] = dial(&addr);
		CHECK(echo_works(blocker[i]));
	}
	for (int i = 0; i < 2; i++) {
		say(blocker[i], 'B');
		wait_for(&g.held, i + 1);
	}
	nap(20);
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	atomic_store(&g.let_go, 1);
	CHECK_EQ(hear(blocker[0]), 'B');
	for (int i = 0; i < N; i++)
		CHECK_EQ(hear(fd[i]), 'x');
	atomic_store(&g.let_go, 2);
	CHECK_EQ(hear(blocker[1]), 'B');
	hang_up(fd, N);
	hang_up(blocker, 2);
	group_down(PROA_SEC);
}

/* ---- the limit ---- */

static void limited(unsigned loops, bool reuseport)
{
	enum { N = 12, MAX = 3 };
	proa_listen_options lo = {.reuseport = reuseport};
	proa_serve_options o = plain;
	proa_addr addr;
	int fd[N];
	bool ready[N];

	o.listen = &lo;
	o.conn_max = MAX;
	REQUIRE(group_up(loops, &o, &addr));
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	wait_for(&g.started, MAX);
	nap(50);
	CHECK_EQ(g.started, MAX);
	for (int left = N; left;) { /* whoever is served hangs up; the system chooses who that is */
		REQUIRE(host_sock_wait(fd, ready, N, 20000) > 0);
		for (int i = 0; i < N; i++)
			if (ready[i]) {
				CHECK_EQ(hear(fd[i]), 'x');
				host_sock_close(fd[i]);
				fd[i] = -1; /* gone */
				left--;
			}
	}
	CHECK_LE(g.peak, MAX);
	CHECK_EQ(g.started, N);
	group_down(PROA_SEC);
}

TEST(group_limit_by_handing_over)
{
	limited(3, false);
}

TEST(group_limit_with_reuseport)
{
	NEED(HOST_REUSEPORT);
	limited(3, true);
}

TEST(group_limit_of_one_loop)
{
	limited(1, false);
}

/* ---- exhaustion ---- */

static void exhausted(unsigned loops)
{
	proa_addr addr;
	int client;

	host_limit_low(200); /* a ring's accept looks at the limit when it begins */
	REQUIRE(group_up(loops, &plain, &addr));
	client = host_sock(&addr, false);
	host_exhaust();
	CHECK_EQ(dial_socket(&addr, client), client);
	wait_for(&g.notices, 1);
	nap(100); /* it tries again in between */
	CHECK_EQ(g.notices, 1);
	CHECK_EQ(g.started, 0);
	host_relieve();
	CHECK(echo_works(client));
	host_limit_back();
	host_sock_close(client);
	group_down(PROA_SEC);
}

TEST(group_out_of_descriptors)
{
	NEED(HOST_LIMIT);
	exhausted(3);
	exhausted(1);
}

/* ---- many ---- */

static proa_addr churn_addr;
static _Atomic int churn_lost;

static void *churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < TEST_TIMES(500); i++) {
		int fd = dial(&churn_addr);

		if (fd < 0 || !echo_works(fd))
			atomic_fetch_add(&churn_lost, 1);
		host_sock_close(fd);
	}
	return NULL;
}

static void churned(bool reuseport, unsigned conn_max)
{
	proa_listen_options lo = {.reuseport = reuseport};
	proa_serve_options o = plain;
	host_thread thread[6];

	o.listen = &lo;
	o.conn_max = conn_max;
	REQUIRE(group_up(3, &o, &churn_addr));
	atomic_store(&churn_lost, 0);
	for (int i = 0; i < 6; i++)
		host_thread_start(&thread[i], churn, NULL);
	for (int i = 0; i < 6; i++)
		host_thread_join(&thread[i]);
	CHECK_EQ(churn_lost, 0);
	CHECK_EQ(g.started, 6 * TEST_TIMES(500));
	if (conn_max)
		CHECK_LE(g.peak, conn_max);
	wait_for(&g.open, 0);
	group_down(PROA_SEC);
}

TEST(group_churn_by_handing_over)
{
	churned(false, 0);
	churned(false, 2);
}

TEST(group_churn_with_reuseport)
{
	NEED(HOST_REUSEPORT);
	churned(true, 0);
	churned(true, 2);
}
