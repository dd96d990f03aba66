/* What the group tests stand on: plain clients, and a server that does what its clients say. */
/* SPDX-License-Identifier: MIT */
#include "d_net/group_kit.h"

#include <string.h>

/* ---- clients: plain blocking sockets ---- */

int dial(const proa_addr *addr)
{
	return dial_socket(addr, host_sock(addr, false));
}

int dial_socket(const proa_addr *addr, int fd)
{
	host_sock_timeout(fd, 20); /* longer than a loop is held */
	if (host_sock_connect(fd, addr))
		return fd;
	host_sock_close(fd);
	return -1;
}

void say(int fd, char what)
{
	host_sock_send(fd, &what, 1); /* whoever hears it tells if it failed */
}

/* The next byte; 0 at the end, -1 on an error. */
int hear(int fd)
{
	char c;
	long n = host_sock_recv(fd, &c, 1);

	return n == 1 ? c : n == 0 ? 0 : -1;
}

bool echo_works(int fd)
{
	say(fd, 'e');
	return hear(fd) == 'e';
}

void nap(int ms)
{
	host_sleep_us((unsigned long)ms * 1000);
}

/* ---- the server: echoes; 'B' blocks its loop until it is let go, 'S' stops the group ---- */

struct group_state g;

typedef struct conn {
	proa_handle h;
	proa_op op;
} conn;

static void on_sent(proa_op *op);

static void on_conn_closed(proa_handle *h)
{
	(void)h;
	atomic_fetch_sub(&g.open, 1);
}

/* The first to be held is the first that is let go. Nobody else waits for a loop so long. */
static void hold(void)
{
	long long until = test_now_ns() + 10 * PROA_SEC;
	int nth = atomic_fetch_add(&g.held, 1);

	while (atomic_load(&g.let_go) <= nth && test_now_ns() < until)
		nap(1);
	CHECK_GT(g.let_go, nth);
}

static void obey(char what)
{
	if (what == 'B')
		hold();
	if (what == 'S')
		proa_group_stop(g.group, 60 * PROA_SEC);
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

static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	(void)user;
	CHECK_EQ(error, -PROA_EMFILE);
	CHECK_STR(what, "accept");
	if (proa_group_size(g.group) > 1) /* also when it was the acceptor that met it */
		CHECK(loop == proa_group_loop(g.group, 0));
	atomic_fetch_add(&g.notices, 1);
}

int group_open(unsigned loops)
{
	proa_loop_options lo = {.backend = test_backend, .notice = on_notice};
	proa_group_options o = {
		.loops = loops, .loop = &lo, .start = loop_start, .drain = loop_drain, .user = &g};
	int fail = g.fail_start;
	int rc;

	memset(&g, 0, sizeof g);
	g.fail_start = fail;
	rc = proa_group_open(&g.group, &o);
	g.fail_start = -1;
	return rc;
}

const proa_serve_options plain = {
	.conn_bytes = sizeof(conn), .start = conn_start, .drain = conn_drain, .user = &g};

bool group_up(unsigned loops, const proa_serve_options *o, proa_addr *addr)
{
	g.fail_start = -1;
	int rc = group_open(loops);

	if (rc == -PROA_ENOTSUP)
		test_note("%s does not work here", test_backend);
	if (rc < 0)
		return CHECK(rc == -PROA_ENOTSUP) && false;
	return CHECK_EQ(proa_group_serve(g.group, host_loopback(), o, addr), 0);
}

void group_down(int64_t drain_ns)
{
	proa_group_stop(g.group, drain_ns);
	CHECK_EQ(proa_group_wait(&g.group), 0);
	CHECK(!g.group);
	CHECK_EQ(g.starts, g.drains);
}

void wait_for(_Atomic int *what, int value)
{
	long long until = test_now_ns() + 20 * PROA_SEC;

	while (atomic_load(what) != value && test_now_ns() < until)
		nap(1);
	CHECK_EQ(atomic_load(what), value);
}

void hang_up(int *fd, int n)
{
	for (int i = 0; i < n; i++)
		host_sock_close(fd[i]);
}
