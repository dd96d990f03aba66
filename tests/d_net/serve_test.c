/* Serving: the slab of connections, the limit on them, drains and ends, on one loop. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host.h"

typedef struct conn {
	proa_handle h; /* first */
	proa_op op;
	unsigned char fresh[256]; /* zero in `start`, dirty after it */
} conn;

typedef struct counts {
	int started, drained, told, notices;
	int64_t notice;
	bool end_in_drain; /* `drain` finishes the connection... */
	proa_handle *also; /* ... and this one */
	proa_server *server;
} counts;

static counts n;
static int server_closed;
static proa_handle *server_closed_handle;

static void on_sent(proa_op *op);

static void on_conn_closed(proa_handle *h)
{
	n.told++;
	memset(PROA_OF(h, conn, h)->fresh, 0xaa,
	       sizeof((conn *)0)->fresh); /* still there in its callback */
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0)
		proa_close(&c->h, on_conn_closed);
	else
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
	static const unsigned char zero[256];
	conn *c = PROA_OF(h, conn, h);

	CHECK(user == &n);
	CHECK(kit_running && proa_is_open(h) && !h->user);
	CHECK_MEM(c->fresh, zero, sizeof zero);
	CHECK(proa_serve_of(h) == n.server);
	memset(c->fresh, 0x55, sizeof c->fresh);
	n.started++;
	proa_recv_pooled(h, &c->op, NULL, on_recv);
}

static void conn_drain(proa_handle *h, void *user)
{
	CHECK(user == &n);
	CHECK(kit_running && proa_serve_draining(n.server));
	n.drained++;
	if (n.end_in_drain)
		proa_close(h, on_conn_closed);
	if (n.also && !proa_is_closing(n.also))
		proa_close(n.also, on_conn_closed);
}

static void on_server_closed(proa_handle *h)
{
	server_closed++;
	server_closed_handle = h;
	CHECK(h->user == &n);
}

static const proa_serve_options plain = {
	.conn_bytes = sizeof(conn), .start = conn_start, .drain = conn_drain, .user = &n};

/* Serves on a port of its own. */
static bool serve(proa_loop *loop, proa_handle *owner, proa_server *s, const proa_serve_options *o,
                  proa_addr *addr)
{
	memset(&n, 0, sizeof n);
	server_closed = 0;
	n.server = s;
	(void)loop;
	return CHECK_EQ(proa_serve(owner, s, host_loopback(), o), 0) &&
	       CHECK_EQ(proa_serve_addr(s, addr), 0);
}

/* One ping, one pong. */
static bool echo_works(proa_loop *loop, int fd)
{
	long long until = test_now_ns() + kit_patience_ns();
	char got[4];

	kit_fd_write(fd, "ping", 4);
	while (test_now_ns() < until) {
		long len = kit_fd_read(fd, got, sizeof got);

		if (len != -1)
			return len == 4 && !memcmp(got, "ping", 4);
		kit_once(loop, 1);
	}
	return false;
}

/* The server has closed it. */
static bool ended(proa_loop *loop, int fd)
{
	long long until = test_now_ns() + kit_patience_ns();
	char got[4];
	long len;

	while ((len = kit_fd_read(fd, got, sizeof got)) == -1 && test_now_ns() < until)
		kit_once(loop, 1);
	return len == 0 || len == -2;
}

/* Nobody listens there. */
static bool refused(proa_loop *loop, const proa_addr *addr)
{
	proa_handle h = {0};
	rec r = {0};

	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_connect, &h, &r, addr);
	kit_await(loop, &r);
	kit_end(loop, &h);
	return r.result == -PROA_ECONNREFUSED;
}

TEST(serve_many_connections)
{
	enum { N = 100 };
	int fd[N];
	proa_server s;
	proa_addr addr;
	LOOP(loop);

	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			fd[i] = kit_connect(&addr);
		for (int i = 0; i < N; i++)
			CHECK(echo_works(loop, fd[i]));
		CHECK_EQ(proa_serve_count(&s), N);
		for (int i = 0; i < N; i++)
			kit_fd_close(fd[i]);
		UNTIL(loop, proa_serve_count(&s) == 0);
		CHECK_EQ(n.started, N * (round + 1));
		CHECK_EQ(n.told, n.started);
	}
	kit_close(&loop); /* ends it, too */
	CHECK_EQ(server_closed, 0);
}

TEST(serve_limit_pauses_accepting)
{
	int fd[5];
	proa_serve_options o = plain;
	proa_server s;
	proa_addr addr;
	LOOP(loop);

	o.conn_max = 2;
	REQUIRE(serve(loop, proa_root(loop), &s, &o, &addr));
	for (int i = 0; i < 5; i++)
		fd[i] = kit_connect(&addr);
	for (int i = 0; i < 5; i++) {
		UNTIL(loop,
		      n.started == (i < 4 ? i + 2 : 5) && proa_serve_count(&s) == (i < 4 ? 2 : 1));
		kit_settle(loop);
		CHECK_EQ(n.started, i < 4 ? i + 2 : 5);
		CHECK_EQ(proa_serve_count(&s), i < 4 ? 2 : 1);
		CHECK(echo_works(loop, fd[i]));
		kit_fd_close(fd[i]);
	}
	UNTIL(loop, proa_serve_count(&s) == 0);
	kit_close(&loop);
}

TEST(serve_drain_waits_for_all)
{
	int fd[3];
	proa_server s;
	proa_addr addr;
	LOOP(loop);

	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
	for (int i = 0; i < 3; i++) {
		fd[i] = kit_connect(&addr);
		CHECK(echo_works(loop, fd[i]));
	}
	CHECK(!proa_serve_draining(&s));
	proa_serve_end(&s, 0, on_server_closed);
	CHECK(proa_serve_draining(&s));
	CHECK_EQ(n.drained, 0); /* never inside a call */
	UNTIL(loop, n.drained == 3);
	kit_settle(loop); /* the listener's end takes a turn or two */
	CHECK(refused(loop, &addr));
	for (int i = 0; i < 3; i++) {
		CHECK(echo_works(loop, fd[i])); /* goes on as long as it likes */
		CHECK_EQ(server_closed, 0);
		kit_fd_close(fd[i]);
	}
	UNTIL(loop, server_closed == 1);
	CHECK(server_closed_handle == (proa_handle *)&s);
	CHECK_EQ(n.told, 3);
	kit_close(&loop);
}

TEST(serve_drain_with_a_deadline)
{
	proa_server s;
	proa_addr addr;
	long long began;
	int fd;
	LOOP(loop);

	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
	fd = kit_connect(&addr);
	CHECK(echo_works(loop, fd));
	began = test_now_ns();
	proa_serve_end(&s, proa_in(loop, 3600 * PROA_SEC), NULL);
	UNTIL(loop, n.drained == 1);
	CHECK(echo_works(loop, fd));
	proa_serve_end(&s, proa_in(loop, 50 * PROA_MSEC), on_server_closed); /* shorter */
	proa_serve_end(&s, proa_in(loop, 3600 * PROA_SEC), NULL);            /* not longer */
	UNTIL(loop, server_closed == 1);
	CHECK_GE(test_now_ns() - began, 50 * PROA_MSEC);
	CHECK_LT(test_now_ns() - began, 30 * PROA_SEC); /* it was not the one of an hour */
	CHECK_EQ(n.drained, 1);
	CHECK(ended(loop, fd));
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(serve_end_at_once)
{
	proa_server s;
	proa_addr addr;
	int fd;
	LOOP(loop);

	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
	fd = kit_connect(&addr);
	CHECK(echo_works(loop, fd));
	proa_serve_end(&s, PROA_POLL, on_server_closed);
	UNTIL(loop, server_closed == 1);
	CHECK_EQ(n.drained, 0);
	CHECK(ended(loop, fd));
	kit_fd_close(fd);
	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr)); /* the struct is free again */
	proa_serve_end(&s, 0, on_server_closed);
	UNTIL(loop, server_closed == 1);
	kit_close(&loop);
}

TEST(serve_drain_callback_may_close_any)
{
	int fd[6];
	proa_server s;
	proa_addr addr;
	LOOP(loop);

	for (int mode = 0; mode < 3; mode++) {
		REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
		for (int i = 0; i < 6; i++) {
			fd[i] = kit_connect(&addr);
			CHECK(echo_works(loop, fd[i]));
		}
		n.end_in_drain = mode != 1;
		n.also = mode == 2 ? (proa_handle *)&s : NULL; /* the server itself */
		proa_serve_end(&s, proa_in(loop, 3600 * PROA_SEC), NULL);
		UNTIL(loop, n.drained);
		if (mode == 1) /* nobody ends them */
			proa_serve_end(&s, proa_in(loop, 20 * PROA_MSEC), NULL);
		UNTIL(loop, proa_serve_count(&s) == 0);
		kit_settle(loop);
		CHECK_EQ(n.drained, mode == 2 ? 1 : 6);
		for (int i = 0; i < 6; i++)
			kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

TEST(serve_ends_with_its_owner)
{
	proa_handle owner = {0};
	proa_server s;
	proa_addr addr;
	int fd;
	LOOP(loop);

	proa_handle_init(proa_root(loop), &owner);
	REQUIRE(serve(loop, &owner, &s, &plain, &addr));
	fd = kit_connect(&addr);
	CHECK(echo_works(loop, fd));
	kit_end(loop, &owner);
	CHECK_EQ(n.told, 1);
	CHECK(ended(loop, fd));
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(serve_refusals_leave_nothing)
{
	proa_handle owner = {0};
	proa_serve_options o = plain;
	proa_server s, s2;
	proa_addr addr;
	char text[PROA_ADDR_TEXT];
	LOOP(loop);

	proa_handle_init(proa_root(loop), &owner);
	REQUIRE(serve(loop, &owner, &s, &plain, &addr));
	REQUIRE(proa_addr_print(&addr, text, sizeof text) > 0);
	CHECK_EQ(proa_serve(&owner, &s2, text, &o), -PROA_EADDRINUSE);
	CHECK_EQ(proa_serve(&owner, &s2, "nonsense:x:y", &o), -PROA_EADDRTEXT);
	o.conn_bytes = 8;
	CHECK_EQ(proa_serve(&owner, &s2, "127.0.0.1:0", &o), -PROA_EINVAL);
	o = plain;
	o.size = 1;
	CHECK_EQ(proa_serve(&owner, &s2, "127.0.0.1:0", &o), -PROA_EINVAL);
	memset(&s2, 0xee, sizeof s2); /* nobody looks at it */
	proa_close(&owner, kit_closed);
	CHECK_EQ(proa_serve(&owner, &s2, "127.0.0.1:0", &plain), -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(serve_idle_connections_end)
{
	proa_serve_options o = plain;
	proa_server s;
	proa_addr addr;
	long long began;
	int fd;
	LOOP(loop);

	o.idle_ns = 30 * PROA_MSEC;
	REQUIRE(serve(loop, proa_root(loop), &s, &o, &addr));
	began = test_now_ns();
	fd = kit_connect(&addr);
	CHECK(echo_works(loop, fd) || test_now_ns() - began > 25 * PROA_MSEC);
	CHECK(ended(loop, fd));
	UNTIL(loop, proa_serve_count(&s) == 0);
	kit_fd_close(fd);
	kit_close(&loop);
}

static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	(void)loop;
	(void)what;
	(void)user;
	n.notice = error;
	n.notices++;
}

TEST(serve_without_memory_for_a_connection)
{
	proa_loop_options lo = {.notice = on_notice};
	proa_serve_options o = plain;
	proa_loop *loop = kit_open(&lo);
	proa_server s;
	proa_addr addr;
	int fd, fd2, fd3;

	if (!loop)
		return;
	o.conn_max = 1;
	REQUIRE(serve(loop, proa_root(loop), &s, &o, &addr));
	fd3 = kit_connect(&addr);
	CHECK(echo_works(loop, fd3));
	kit_fd_close(fd3); /* the pool and the first chunk are there; this server's slab is not */
	UNTIL(loop, proa_serve_count(&s) == 0);
	proa_serve_end(&s, PROA_POLL, on_server_closed);
	UNTIL(loop, server_closed == 1);

	REQUIRE(serve(loop, proa_root(loop), &s, &o, &addr));
	kit_once(loop, 1);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	fd = kit_connect(&addr);
	CHECK(ended(loop, fd));
	fd2 = kit_connect(&addr);
	CHECK(ended(loop, fd2));
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	CHECK_EQ(n.started, 0);
	CHECK_EQ(n.notices, 1); /* once an episode */
	CHECK_EQ(n.notice, -PROA_ENOMEM);
	fd3 = kit_connect(&addr);
	CHECK(echo_works(loop, fd3));
	kit_fd_close(fd);
	kit_fd_close(fd2);
	kit_fd_close(fd3);
	kit_close(&loop);
}

static void start_and_close(proa_handle *h, void *user)
{
	(void)user;
	n.started++;
	proa_close(h, NULL);
}

TEST(serve_connections_closed_in_start)
{
	proa_serve_options o = plain;
	proa_server s;
	proa_addr addr;
	LOOP(loop);

	o.start = start_and_close;
	o.conn_max = 1;
	REQUIRE(serve(loop, proa_root(loop), &s, &o, &addr));
	for (int i = 0; i < 20; i++) {
		int fd = kit_connect(&addr);

		CHECK(ended(loop, fd));
		kit_fd_close(fd);
	}
	CHECK_EQ(n.started, 20);
	proa_serve_end(&s, 0, on_server_closed);
	UNTIL(loop, server_closed == 1);
	kit_close(&loop);
}

TEST(serve_and_schedulers)
{
	proa_event ev[8];
	proa_server s;
	proa_addr addr;
	int fd;
	LOOP(loop);

	REQUIRE(serve(loop, proa_root(loop), &s, &plain, &addr));
	fd = kit_connect(&addr);
	CHECK(echo_works(loop, fd));
	proa_serve_end(&s, PROA_POLL, NULL);
	kit_running = true; /* callbacks come inside proa_wait, and internal handles are nobody's
	                       events */
	CHECK_EQ(proa_wait(loop, ev, 8, proa_in(loop, 100 * PROA_MSEC)), 0);
	kit_running = false;
	CHECK(ended(loop, fd));
	kit_fd_close(fd);
	kit_close(&loop);
}
