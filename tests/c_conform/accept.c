/* Accept: multishot, paused and resumed, closed meanwhile, handed over, descriptors exhausted. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

static void then_close_socket(rec *r)
{
	CHECK_EQ(r->socket.id != 0, r->result == 0);
	proa_socket_close(r->socket);
}

TEST(accept_many)
{
	enum { N = 300 };
	rec r = {.then = then_close_socket};
	proa_handle l;
	proa_addr addr;
	int fd[N];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &r);
	for (int i = 0; i < N; i++) {
		fd[i] = kit_connect(&addr);
		if (i % 50 == 0)
			kit_once(loop, 1);
	}
	UNTIL(loop, r.mores == N);
	CHECK_EQ(r.finals, 0);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

TEST(accept_single_in_order)
{
	rec r[3] = {{.submits = 0}};
	proa_handle l;
	proa_addr addr;
	int fd[3];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	for (int i = 0; i < 3; i++)
		SUBMIT0(proa_accept, &l, &r[i]);
	for (int i = 0; i < 3; i++)
		fd[i] = kit_connect(&addr);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), 0);
		CHECK(i == 0 || r[i - 1].order < r[i].order);
		CHECK_NE(r[i].socket.id, 0);
		proa_socket_close(r[i].socket);
		kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

typedef struct order {
	proa_socket socket[5];
	unsigned n;
} order;

static void then_keep_socket(rec *r)
{
	order *o = r->ctx;

	if ((r->got & PROA_MORE) && CHECK_LT(o->n, 5))
		o->socket[o->n++] = r->socket;
}

/* Those that came first are told first. */
TEST(accept_many_in_order)
{
	order o = {.n = 0};
	rec r = {.then = then_keep_socket, .ctx = &o}, byte = {0};
	proa_handle l, h[5] = {{0}};
	proa_addr addr;
	char name = 0;
	int fd[5];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &r);
	kit_settle(loop);
	for (int i = 0; i < 5; i++) {
		fd[i] = kit_connect(&addr);
		kit_fd_write(fd[i], &"abcde"[i], 1);
	}
	UNTIL(loop, o.n == 5);
	for (int i = 0; i < 5; i++) {
		proa_handle_init(proa_root(loop), &h[i]);
		proa_adopt(&h[i], o.socket[i]);
		SUBMIT(proa_recv, &h[i], &byte, &name, 1);
		CHECK_EQ(kit_await(loop, &byte), 1);
		CHECK_EQ(name, "abcde"[i]);
		kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

TEST(accept_paused_and_resumed)
{
	enum { N = 20 };
	rec r = {.then = then_close_socket};
	proa_handle l;
	proa_addr addr;
	int fd[N];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &r);
	kit_settle(loop);
	proa_pause(&r.op);
	proa_pause(&r.op);
	for (int i = 0; i < N; i++)
		fd[i] = kit_connect(&addr);
	kit_settle(loop);
	CHECK_EQ(r.mores, 0);
	proa_resume(&r.op);
	UNTIL(loop, r.mores == N);
	proa_resume(&r.op); /* harmless */
	proa_pause(&r.op);
	proa_cancel(&r.op); /* ends while paused */
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

static void then_pause(rec *r)
{
	proa_socket_close(r->socket);
	if (r->got & PROA_MORE)
		proa_pause(&r->op);
}

TEST(accept_paused_in_its_callback)
{
	enum { N = 10 };
	rec r = {.then = then_pause};
	proa_handle l;
	proa_addr addr;
	int fd[N];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &r);
	for (int i = 0; i < N; i++)
		fd[i] = kit_connect(&addr);
	for (unsigned i = 1; i <= N; i++) {
		UNTIL(loop, r.mores == i);
		kit_settle(loop);
		CHECK_EQ(r.mores, i); /* one at a time */
		proa_resume(&r.op);
	}
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* Undelivered sockets are closed: the descriptor baseline of the frame tells. */
TEST(accept_close_with_undelivered_sockets)
{
	enum { N = 40 };
	LOOP(loop);

	for (int round = 0; round < 8; round++) {
		rec r = {.then = then_close_socket};
		proa_handle l;
		proa_addr addr;
		int fd[N];

		kit_listen(loop, &l, &addr);
		SUBMIT0(proa_accept_many, &l, &r);
		if (round & 1)
			kit_once(loop, 0);
		if (round & 2)
			proa_pause(&r.op);
		for (int i = 0; i < N; i++)
			fd[i] = kit_connect(&addr);
		if (round & 4)
			kit_once(loop, 0);
		kit_end(loop, &l);
		CHECK_EQ(r.finals, 1);
		CHECK_EQ(r.result, -PROA_ECANCELED);
		for (int i = 0; i < N; i++)
			kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

static void then_close_listener(rec *r)
{
	proa_socket_close(r->socket);
	if (r->got & PROA_MORE)
		proa_close(proa_op_handle(&r->op), kit_closed);
}

TEST(accept_listener_closed_in_the_callback)
{
	enum { N = 20 };
	rec r = {.then = then_close_listener};
	proa_handle l;
	proa_addr addr;
	int fd[N], before = kit_n_closed;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &r);
	for (int i = 0; i < N; i++)
		fd[i] = kit_connect(&addr);
	UNTIL(loop, kit_n_closed == before + 1);
	CHECK_EQ(r.mores, 1); /* from the call on no MORE arrives */
	CHECK_EQ(r.result, -PROA_ECANCELED);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* A restarted server: connections of the listener before hold nothing that a new one needs. */
TEST(accept_listener_again_beside_its_connections)
{
	rec r = {0}, again = {0};
	proa_handle l, l2 = {0};
	proa_addr addr;
	int fd, fd2;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept, &l, &r);
	fd = kit_connect(&addr);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &l);
	proa_handle_init(proa_root(loop), &l2);
	if (CHECK_EQ(proa_listen(&l2, &addr, NULL), 0)) {
		SUBMIT0(proa_accept, &l2, &again);
		fd2 = kit_connect(&addr);
		CHECK_EQ(kit_await(loop, &again), 0);
		proa_socket_close(again.socket);
		kit_fd_close(fd2);
	}
	proa_socket_close(r.socket);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* The peer has gone before it is accepted. */
TEST(accept_after_the_peer_reset)
{
	rec r = {.then = then_close_socket};
	proa_handle l;
	proa_addr addr;
	int fd;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	for (int i = 0; i < 10; i++)
		kit_fd_reset(kit_connect(&addr));
	SUBMIT0(proa_accept_many, &l, &r);
	fd = kit_connect(&addr);
	UNTIL(loop, r.mores >= 1);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0); /* never a false end */
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- descriptors exhausted ---- */

static int notices;
static int64_t notice_error;

static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	(void)loop;
	CHECK_STR(what, "accept");
	CHECK(user == &notices);
	notices++;
	notice_error = error;
}

/* A low limit, set before anything is submitted (a ring looks at it then), is used up later. */
enum { SPARE = 32 };

/* Connects only when no descriptor is left: a ring may accept before anybody looks. */
static void emfile_episode(proa_loop *loop, const proa_addr *addr, rec *r, unsigned mores)
{
	int fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = host_sock(addr, false);
	host_exhaust();
	for (int i = 0; i < 3; i++)
		CHECK(host_sock_connect(fd[i], addr));
	UNTIL(loop, notices > 0);
	for (int i = 0; i < 6; i++)
		kit_once(loop, 10);
	CHECK_EQ(notices, 1); /* one an episode */
	CHECK(notice_error == -PROA_EMFILE || notice_error == -PROA_ENFILE);
	CHECK_EQ(r->mores, mores);
	CHECK_EQ(r->finals, 0);
	host_relieve();
	UNTIL(loop, r->mores == mores + 3);
	for (int i = 0; i < 3; i++)
		kit_fd_close(fd[i]);
}

TEST(accept_survives_emfile)
{
	proa_loop_options o = {.notice = on_notice, .notice_user = &notices};
	rec r = {.then = then_close_socket};
	proa_handle l;
	proa_addr addr;
	proa_stats s;
	proa_loop *loop;

	NEED(HOST_LIMIT);
	if (!(loop = kit_open(&o)))
		return;
	host_limit_low(SPARE);
	kit_listen(loop, &l, &addr);
	for (unsigned i = 0; i < 2; i++) {
		notices = 0;
		if (!proa_in_flight(&r.op))
			SUBMIT0(proa_accept_many, &l, &r);
		if (i)
			kit_settle(loop);
		emfile_episode(loop, &addr, &r, i * 3);
		if (r.mores != (i + 1) * 3)
			break;
	}
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.accept_pauses, 2);
	host_limit_back();
	kit_close(&loop);
}

TEST(accept_cancelled_while_exhausted)
{
	proa_loop_options o = {.notice = on_notice, .notice_user = &notices};
	rec r = {0}, many = {0};
	proa_handle l, l2;
	proa_addr addr, addr2;
	int fd[2];
	proa_loop *loop;

	NEED(HOST_LIMIT);
	if (!(loop = kit_open(&o)))
		return;
	notices = 0;
	host_limit_low(SPARE);
	kit_listen(loop, &l, &addr);
	kit_listen(loop, &l2, &addr2);
	fd[0] = kit_connect(&addr);
	fd[1] = kit_connect(&addr2);
	host_exhaust();
	SUBMIT0(proa_accept, &l, &r);
	SUBMIT0(proa_accept_many, &l2, &many);
	UNTIL(loop, notices >= 1);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_end(loop, &l2);
	CHECK_EQ(many.result, -PROA_ECANCELED);
	host_relieve();
	host_limit_back();
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	kit_close(&loop);
}

/* ---- handed to another loop, on another thread ---- */

typedef struct other {
	proa_loop *loop;
	proa_socket socket;
	int64_t got;
} other;

static void *other_thread(void *arg)
{
	other *o = arg;
	proa_handle h = {0};
	proa_op op = {0};
	char buf[8];

	proa_handle_init(proa_root(o->loop), &h);
	proa_adopt(&h, o->socket);
	proa_recv(&h, &op, buf, sizeof buf, NULL);
	o->got = proa_await(o->loop, &op);
	proa_send(&h, &op, "pong", 4, NULL);
	proa_await(o->loop, &op);
	proa_loop_close(&o->loop, 0);
	return NULL;
}

static bool hand_over(const char *to)
{
	proa_loop_options opt = {.backend = to};
	other o = {0};
	rec r = {0};
	proa_handle l;
	proa_addr addr;
	host_thread t;
	bool there;
	char buf[8];
	int fd;
	proa_loop *loop = kit_open(NULL);

	if (!loop)
		return false;

	kit_listen(loop, &l, &addr);
	if ((there = proa_loop_open(&o.loop, &opt) == 0)) {
		SUBMIT0(proa_accept, &l, &r);
		fd = kit_connect(&addr);
		CHECK_EQ(kit_await(loop, &r), 0);
		o.socket = r.socket;
		CHECK(host_thread_start(&t, other_thread, &o));
		kit_fd_write(fd, "ping", 4);
		host_thread_join(&t);
		CHECK_EQ(o.got, 4);
		CHECK_EQ(kit_fd_read(fd, buf, sizeof buf), 4);
		kit_fd_close(fd);
	}
	kit_close(&loop);
	return there;
}

/* Between backends that want blocking sockets and such that do not: all that work here. */
TEST(accepted_socket_handed_to_another_loop)
{
	static const char *const names[] = {"io_uring", "epoll", "kqueue", "poll", "iocp"};
	int n = 0;
	LOOP(loop); /* skips where the backend cannot work */

	kit_close(&loop);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		n += hand_over(names[i]);
	CHECK_GT(n, 0);
}
