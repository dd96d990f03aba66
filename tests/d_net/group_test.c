/* Groups: opening, serving past a blocked loop, the limit for all, reuseport, drains and their deadlines. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- clients: plain blocking sockets ---- */

static int dial(const proa_addr *addr)
{
	struct timeval t = { .tv_sec = 10 };
	int fd = socket((int)addr->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	if (connect(fd, (const struct sockaddr *)(const void *)addr->data, addr->len) == 0)
		return fd;
	close(fd);
	return -1;
}

static void say(int fd, char what)
{
	ssize_t n = send(fd, &what, 1, MSG_NOSIGNAL);

	(void)n;
}

/* The next byte; 0 at the end, -1 on an error. */
static int hear(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return n == 1 ? c : (int)n;
}

static bool echo_works(int fd)
{
	say(fd, 'e');
	return hear(fd) == 'e';
}

static bool hears_within(int fd, char what, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && hear(fd) == what;
}

static void nap(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		; /* the rest */
}

/* ---- the server: echoes; 'B' blocks its loop for a second, 'S' stops the group ---- */

typedef struct conn {
	proa_handle h;
	proa_op op;
} conn;

static struct {
	proa_group *group;
	_Atomic int started, drained, open, peak, starts, drains;
	_Atomic unsigned used; /* a bit for each loop */
	int fail_start;        /* loop that fails; -1 none */
	bool close_in_drain;
} g;

static void on_sent(proa_op *op);

static void on_conn_closed(proa_handle *h)
{
	(void)h;
	atomic_fetch_sub(&g.open, 1);
}

static void obey(char what)
{
	if (what == 'B')
		nap(1000);
	if (what == 'S')
		proa_group_stop(g.group, 5 * PROA_SEC);
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0) {
		proa_close(&c->h, on_conn_closed);
		return;
	}
	obey(*(char *)op->buf);
	proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void on_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0)
		proa_close(&c->h, on_conn_closed);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void conn_start(proa_handle *h, void *user)
{
	int open = atomic_fetch_add(&g.open, 1) + 1, peak = atomic_load(&g.peak);

	CHECK(user == &g);
	while (open > peak && !atomic_compare_exchange_weak(&g.peak, &peak, open))
		; /* somebody else raised it */
	atomic_fetch_add(&g.started, 1);
	for (unsigned i = 0; i < proa_group_size(g.group); i++)
		if (proa_group_loop(g.group, i) == proa_handle_loop(h))
			atomic_fetch_or(&g.used, 1u << i);
	proa_recv_pooled(h, &PROA_OF(h, conn, h)->op, NULL, on_recv);
}

static void conn_drain(proa_handle *h, void *user)
{
	(void)user;
	atomic_fetch_add(&g.drained, 1);
	if (g.close_in_drain)
		proa_close(h, on_conn_closed);
}

static int loop_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	CHECK(user == &g && proa_group_loop(group, index) == loop);
	atomic_fetch_add(&g.starts, 1);
	return (int)index == g.fail_start ? -PROA_EACCES : 0;
}

static void loop_drain(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	CHECK(user == &g && proa_group_loop(group, index) == loop);
	atomic_fetch_add(&g.drains, 1);
}

static int group_open(unsigned loops)
{
	proa_loop_options lo = { .backend = test_backend };
	proa_group_options o = { .loops = loops, .loop = &lo, .start = loop_start, .drain = loop_drain, .user = &g };
	int fail = g.fail_start;
	int rc;

	memset(&g, 0, sizeof g);
	g.fail_start = fail;
	rc = proa_group_open(&g.group, &o);
	g.fail_start = -1;
	return rc;
}

static const proa_serve_options plain = {
	.conn_bytes = sizeof(conn), .start = conn_start, .drain = conn_drain, .user = &g
};

static bool group_up(unsigned loops, const proa_serve_options *o, proa_addr *addr)
{
	g.fail_start = -1;
	int rc = group_open(loops);

	if (rc == -PROA_ENOTSUP)
		test_note("%s does not work here", test_backend);
	if (rc < 0)
		return CHECK(rc == -PROA_ENOTSUP) && false;
	return CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", o, addr), 0);
}

static void group_down(int64_t drain_ns)
{
	proa_group_stop(g.group, drain_ns);
	CHECK_EQ(proa_group_wait(&g.group), 0);
	CHECK(!g.group);
	CHECK_EQ(g.starts, g.drains);
}

static void wait_for(_Atomic int *what, int value)
{
	long long until = test_now_ns() + 5 * PROA_SEC;

	while (atomic_load(what) != value && test_now_ns() < until)
		nap(1);
	CHECK_EQ(atomic_load(what), value);
}

static void hang_up(int *fd, int n)
{
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

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
	proa_group_options o = { .size = 3 };
	proa_loop_options lo = { .backend = "no such backend" };
	proa_group *group;

	CHECK_EQ(proa_group_open(&group, &o), -PROA_EINVAL);
	CHECK(!group);
	o = (proa_group_options){ .loops = 2, .loop = &lo };
	CHECK_EQ(proa_group_open(&group, &o), -PROA_EINVAL);
	CHECK(!group);
}

/* ---- serving ---- */

static void serves(unsigned loops, bool reuseport)
{
	enum { N = 60 };
	proa_listen_options lo = { .reuseport = reuseport };
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
	CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", &plain, &again), 0); /* a second address */
	fd = dial(&again);
	CHECK(echo_works(fd));
	close(fd);
	proa_group_stop(g.group, PROA_SEC);
	CHECK_EQ(proa_group_serve(g.group, "127.0.0.1:0", &plain, &again), -PROA_ECANCELED);
	group_down(PROA_SEC);
}

/* ---- a blocked loop ---- */

/* Connections that come while a loop is blocked in a callback are all served by the others. */
TEST_LIMIT(group_blocked_loop_holds_up_nobody, 30)
{
	enum { N = 50 };
	proa_addr addr;
	long long began;
	int fd[N], blocker, late = 0;

	REQUIRE(group_up(3, &plain, &addr));
	blocker = dial(&addr);
	CHECK(echo_works(blocker));
	began = test_now_ns();
	say(blocker, 'B');
	nap(2); /* not 5: some are chosen for it before it counts as stuck */
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(hear(fd[i]), 'x');
	test_note("%d connections after %lld ms", N, (test_now_ns() - began) / PROA_MSEC);
	CHECK_LT(test_now_ns() - began, 500 * PROA_MSEC);
	CHECK_EQ(hear(blocker), 'B');
	CHECK_GE(test_now_ns() - began, PROA_SEC);
	for (int i = 0; i < N; i++)
		late += !echo_works(fd[i]);
	CHECK_EQ(late, 0);
	CHECK(echo_works(blocker));
	hang_up(fd, N);
	close(blocker);
	group_down(PROA_SEC);
}

/* All loops are blocked: whatever was chosen, it is served by the first that comes back. */
TEST_LIMIT(group_all_loops_blocked, 30)
{
	enum { N = 20 };
	proa_addr addr;
	int fd[N], blocker[2];

	REQUIRE(group_up(2, &plain, &addr));
	for (int i = 0; i < 2; i++) {
		blocker[i] = dial(&addr);
		CHECK(echo_works(blocker[i]));
	}
	say(blocker[0], 'B');
	nap(400);
	say(blocker[1], 'B');
	nap(20);
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	CHECK_EQ(hear(blocker[0]), 'B');
	for (int i = 0; i < N; i++)
		CHECK(hears_within(fd[i], 'x', 250)); /* the other one comes back 400 ms later */
	CHECK_EQ(hear(blocker[1]), 'B');
	hang_up(fd, N);
	hang_up(blocker, 2);
	group_down(PROA_SEC);
}

/* ---- the limit ---- */

static void limited(unsigned loops, bool reuseport)
{
	enum { N = 12, MAX = 3 };
	proa_listen_options lo = { .reuseport = reuseport };
	proa_serve_options o = plain;
	proa_addr addr;
	int fd[N];
	bool gone[N] = { false };

	o.listen = &lo;
	o.conn_max = MAX;
	REQUIRE(group_up(loops, &o, &addr));
	for (int i = 0; i < N; i++) {
		fd[i] = dial(&addr);
		say(fd[i], 'x');
	}
	nap(50);
	CHECK_EQ(g.started, MAX);
	for (int left = N; left;) { /* whoever is served hangs up; the system chooses who that is */
		struct pollfd p[N];
		int n;

		for (int i = 0; i < N; i++)
			p[i] = (struct pollfd){ .fd = gone[i] ? -1 : fd[i], .events = POLLIN };
		n = poll(p, N, 5000);
		REQUIRE(n > 0);
		for (int i = 0; i < N; i++)
			if (p[i].revents) {
				CHECK_EQ(hear(fd[i]), 'x');
				close(fd[i]);
				gone[i] = true;
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
	limited(3, true);
}

TEST(group_limit_of_one_loop)
{
	limited(1, false);
}

/* ---- draining ---- */

static void drains_when_all_hang_up(unsigned loops, bool reuseport)
{
	enum { N = 6 };
	proa_listen_options lo = { .reuseport = reuseport };
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
	CHECK_LT(test_now_ns() - began, 2 * PROA_SEC); /* long before the deadline */
	CHECK_EQ(g.open, 0);
}

TEST(group_drains_when_all_hang_up)
{
	drains_when_all_hang_up(3, false);
	drains_when_all_hang_up(3, true);
	drains_when_all_hang_up(1, false);
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
	CHECK_LT(test_now_ns() - began, PROA_SEC);
	CHECK_LE(hear(fd), 0);
	close(fd);
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
		proa_timer(proa_root(proa_op_loop(op)), &t->timer, proa_in(proa_op_loop(op), PROA_MSEC), on_wait);
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
