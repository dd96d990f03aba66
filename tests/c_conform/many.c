/* Many: ten thousand connections churned, and ten thousand idle ones that all become active. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* ---- churn: both ends on one loop ---- */

enum { AT_ONCE = 100 };

typedef struct churn {
	proa_loop *loop;
	proa_addr addr;
	size_t started, finished, failed, total;
	size_t served;
} churn;

typedef struct client {
	proa_handle h;
	proa_op connect, send, recv;
	churn *c;
	size_t number;
	char buf[8];
} client;

typedef struct server {
	proa_handle h;
	proa_op op;
	churn *c;
	char buf[8];
} server;

static void client_start(churn *c);

static void client_closed(proa_handle *h)
{
	client *cl = PROA_OF(h, client, h);
	churn *c = cl->c;

	c->finished++;
	free(cl);
	if (c->started < c->total)
		client_start(c);
}

static void client_received(proa_op *op)
{
	client *cl = PROA_OF(op, client, recv);

	cl->c->failed += op->result != 5 || memcmp(cl->buf, "hello", 5) != 0;
	/* Most reset, or their ports would wait for a minute each. */
	if (cl->number % 16)
		proa_close_abort(&cl->h, client_closed);
	else
		proa_close(&cl->h, client_closed);
}

static void client_connected(proa_op *op)
{
	client *cl = PROA_OF(op, client, connect);

	cl->c->failed += op->result != 0;
}

static void client_sent(proa_op *op)
{
	client *cl = PROA_OF(op, client, send);

	cl->c->failed += op->result != 5;
}

static void client_start(churn *c)
{
	client *cl = calloc(1, sizeof *cl);

	cl->c = c;
	cl->number = c->started++;
	proa_handle_init(proa_root(c->loop), &cl->h);
	proa_connect(&cl->h, &cl->connect, &c->addr, client_connected);
	proa_send(&cl->h, &cl->send, "hello", 5, client_sent);
	proa_recv(&cl->h, &cl->recv, cl->buf, sizeof cl->buf, client_received);
}

static void server_closed(proa_handle *h)
{
	server *s = PROA_OF(h, server, h);

	s->c->served++;
	free(s);
}

static void server_received(proa_op *op);

static void server_sent(proa_op *op)
{
	server *s = PROA_OF(op, server, op);

	proa_recv(&s->h, &s->op, s->buf, sizeof s->buf, server_received);
}

static void server_received(proa_op *op)
{
	server *s = PROA_OF(op, server, op);

	if (op->result > 0)
		proa_send(&s->h, &s->op, s->buf, (size_t)op->result, server_sent);
	else
		proa_close(&s->h, server_closed);
}

static void server_accepted(proa_op *op)
{
	churn *c = op->user;
	server *s;

	if (op->result < 0)
		return;
	s = calloc(1, sizeof *s);
	s->c = c;
	proa_handle_init(proa_root(c->loop), &s->h);
	proa_adopt(&s->h, op->socket);
	proa_recv(&s->h, &s->op, s->buf, sizeof s->buf, server_received);
}

TEST(churn_of_ten_thousand_connections)
{
	churn c = {.total = TEST_TIMES(10000)};
	proa_op accept = {.user = &c};
	proa_handle l;
	proa_stats s;
	LOOP(loop);

	c.loop = loop;
	kit_listen(loop, &l, &c.addr);
	proa_accept_many(&l, &accept, server_accepted);
	for (int i = 0; i < AT_ONCE && c.started < c.total; i++)
		client_start(&c);
	UNTIL(loop, c.finished == c.total && c.served == c.total);
	CHECK_EQ(c.failed, 0);
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.handles, 1); /* the listener */
	CHECK_EQ(s.in_flight, 1);
	kit_close(&loop);
}

/* ---- idle, then all active: the clients live in a child ---- */

static size_t connections(void)
{
#ifdef PX_TORTURE
	size_t n = 2000; /* tiny turns: each takes one or two, and poll looks at all */
#else
	size_t n = TEST_TIMES(10000);
#endif
	size_t max = host_descriptors_max();

	return max < n + 200 ? max - 200 : n;
}

static bool read_all(int fd, void *buf, size_t len)
{
	size_t got = 0;
	long n;

	while (got < len && (n = host_sock_recv(fd, (char *)buf + got, len - got)) > 0)
		got += (size_t)n;
	return got == len;
}

/* What the parent says first, over a connection to where the child was told to ask. */
typedef struct orders {
	proa_addr addr;
	size_t n;
} orders;

/* Connects n times, waits for the word, sends a number on each and wants it back: the exit status.
 */
static int child_run(const char *parent)
{
	int *fd, from_parent;
	proa_addr addr;
	orders o;
	size_t bad = 0;
	char go;

	if (proa_addr_parse(&addr, parent, 0))
		return 2;
	from_parent = kit_connect(&addr);
	if (!read_all(from_parent, &o, sizeof o) || !(fd = calloc(o.n, sizeof *fd)))
		return 3;
	for (size_t i = 0; i < o.n; i++)
		fd[i] = kit_connect(&o.addr);
	if (!read_all(from_parent, &go, 1))
		return 4;
	for (size_t i = 0; i < o.n; i++)
		bad += host_sock_send(fd[i], &i, sizeof i) != sizeof i;
	for (size_t i = 0; i < o.n; i++) {
		size_t back = 0;

		bad += !read_all(fd[i], &back, sizeof back) || back != i;
	}
	for (size_t i = 0; i < o.n; i++)
		kit_fd_reset(fd[i]);
	kit_fd_close(from_parent);
	free(fd);
	return bad ? 5 : 0;
}

/* The connection to it; -1: there is none. */
static int child_start(host_child *child)
{
	char text[PROA_ADDR_TEXT];
	proa_addr addr;
	int listener, fd = -1;

	CHECK_EQ(proa_addr_parse(&addr, host_loopback(), 0), 0);
	if (!CHECK_GE(listener = host_sock_listen(&addr, 1), 0))
		return -1;
	proa_addr_print(&addr, text, sizeof text);
	if (CHECK(host_child_start(child, child_run, text)))
		fd = host_sock_accept(listener);
	host_sock_close(listener);
	return fd;
}

typedef struct idle_conn {
	proa_handle h;
	proa_op op;
} idle_conn;

static idle_conn *idle;
static size_t n_idle, n_echoed, n_gone;

static void idle_closed(proa_handle *h)
{
	(void)h;
	n_gone++;
}

static void idle_received(proa_op *op);

static void idle_sent(proa_op *op)
{
	idle_conn *c = PROA_OF(op, idle_conn, op);

	n_echoed += op->result == sizeof(size_t);
	proa_recv_pooled(&c->h, &c->op, NULL, idle_received);
}

static void idle_received(proa_op *op)
{
	idle_conn *c = PROA_OF(op, idle_conn, op);

	if (op->result > 0)
		proa_send_pooled(&c->h, &c->op, op->buf, (size_t)op->result, idle_sent);
	else
		proa_close(&c->h, idle_closed);
}

static void idle_accepted(proa_op *op)
{
	idle_conn *c = &idle[n_idle];

	if (op->result < 0)
		return;
	n_idle++;
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, op->socket);
	proa_recv_pooled(&c->h, &c->op, NULL, idle_received);
}

TEST(idle_ten_thousand_then_all_active)
{
	proa_loop_options o = {.buffers_size_bytes = 1024};
	orders say = {.n = connections()};
	proa_op accept = {0};
	proa_handle l;
	host_child child;
	int to_child = child_start(&child); /* before there is a loop */
	proa_loop *loop;

	REQUIRE(to_child >= 0);
	loop = kit_open(&o);
	idle = calloc(say.n, sizeof *idle);
	n_idle = n_echoed = n_gone = 0;
	if (loop) {
		kit_listen(loop, &l, &say.addr);
		proa_accept_many(&l, &accept, idle_accepted);
		kit_fd_write(to_child, &say, sizeof say);
		UNTIL(loop, n_idle == say.n);
		kit_settle(loop);
		CHECK_EQ(proa_buffers_free(proa_loop_buffers(loop)), 4096);
		kit_fd_write(to_child, "!", 1);
		UNTIL(loop, n_echoed == say.n);
		UNTIL(loop, n_gone == say.n);
	}
	kit_fd_close(to_child);
	if (loop)
		kit_close(&loop);
	CHECK_EQ(host_child_wait(&child), n_idle ? 0 : 3); /* 3: it was told nothing */
	free(idle);
}

/* ---- a pool ---- */

/* Whether one of them has a buffer, and which. */
static bool next_done(const rec *r, int n, int *which)
{
	for (*which = 0; *which < n; ++*which)
		if (r[*which].buf)
			return true;
	return false;
}

/* More than a first piece of memory holds, and not a buffer more than was asked for. */
TEST(pool_has_no_buffer_more)
{
	enum { N = 24, COUNT = 20 };
	static rec r[N];
	proa_handle a[N];
	int fd[N], done = 0;
	proa_buffers_options o = {.count = COUNT, .size_bytes = 32};
	proa_buffers *pool;
	LOOP(loop);

	memset(r, 0, sizeof r);
	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	for (int i = 0; i < N; i++) {
		fd[i] = kit_half(loop, &a[i]);
		kit_fd_write(fd[i], "x", 1);
		SUBMIT(proa_recv_pooled, &a[i], &r[i], pool);
	}
	for (int i = 0; i < 20; i++)
		kit_once(loop, 5);
	for (int i = 0; i < N; i++)
		done += r[i].finals == 1;
	CHECK_EQ(done, COUNT);
	CHECK_EQ(proa_buffers_free(pool), 0);
	for (done = 0; done < N; done++) { /* which are first, is the backend's choice */
		int i = 0;

		UNTIL(loop, next_done(r, N, &i));
		if (i == N)
			break;
		proa_buffer_return(loop, r[i].buf);
		r[i].buf = NULL;
	}
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	proa_buffers_close(&pool);
	kit_close(&loop);
}

/* A paused multishot recv may take what came as it was paused, and leaves the rest to others. */
TEST(pool_paused_multishot_leaves_buffers)
{
	enum { COUNT = 4 };
	proa_buffers_options o = {.count = COUNT, .size_bytes = 32};
	proa_buffers *pool;
	rec paused = {0}, other = {0};
	proa_handle a, b;
	char piece[32] = {0};
	int fd[2];
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	fd[0] = kit_half(loop, &a);
	fd[1] = kit_half(loop, &b);
	SUBMIT(proa_recv_pooled_many, &a, &paused, pool, 0);
	kit_settle(loop);
	proa_pause(&paused.op);
	for (int i = 0; i < 2 * COUNT; i++) {
		kit_fd_write(fd[0], piece, sizeof piece);
		kit_settle(loop);
	}
	SUBMIT(proa_recv_pooled, &b, &other, pool);
	kit_fd_write(fd[1], "x", 1);
	CHECK_EQ(kit_await(loop, &other), 1);
	CHECK_EQ(paused.mores, 0);
	proa_buffer_return(loop, other.buf);
	kit_end(loop, &a);
	CHECK_EQ(paused.finals, 1);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	kit_end(loop, &b);
	CHECK_EQ(proa_buffers_free(pool), COUNT);
	proa_buffers_close(&pool);
	kit_close(&loop);
}
