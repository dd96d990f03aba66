/* Local sockets: datagrams, pairs of messages, who is there, descriptors in messages. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_file.h"

#include <stdio.h>

typedef struct two {
	proa_handle a, b;
} two;

static void two_init(proa_loop *loop, two *t)
{
	memset(t, 0, sizeof *t);
	proa_handle_init(proa_root(loop), &t->a);
	proa_handle_init(proa_root(loop), &t->b);
}

static void two_end(proa_loop *loop, two *t)
{
	kit_end(loop, &t->a);
	kit_end(loop, &t->b);
}

/* A folder, a path in it, and that as an address. */
typedef struct place {
	char dir[512], path[600];
	proa_addr addr;
} place;

static void place_make(place *at)
{
	char text[700];

	CHECK(host_temp_dir(at->dir, sizeof at->dir));
	snprintf(at->path, sizeof at->path, "%s/s", at->dir);
	snprintf(text, sizeof text, "unix:%s", at->path);
	CHECK_EQ(proa_addr_parse(&at->addr, text, 0), 0);
}

static void place_remove(const place *at)
{
	CHECK(host_remove(at->path));
	CHECK(host_remove(at->dir));
}

/* ---- datagrams ---- */

static void say(proa_loop *loop, proa_handle *from, const proa_addr *to, const char *text)
{
	proa_msg m = {.buf = (char *)(uintptr_t)text, .len = strlen(text)};
	rec r = {0};

	if (to)
		m.addr = *to;
	SUBMIT(proa_send_msg, from, &r, &m);
	CHECK_EQ(kit_await(loop, &r), (long long)strlen(text));
}

static void hear(proa_loop *loop, proa_handle *at, proa_addr *from, const char *text)
{
	char buf[64];
	proa_msg m = {.buf = buf, .len = sizeof buf};
	rec r = {0};

	SUBMIT(proa_recv_msg, at, &r, &m);
	CHECK_EQ(kit_await(loop, &r), (long long)strlen(text));
	CHECK_MEM(buf, text, strlen(text));
	if (from)
		*from = m.addr;
}

TEST(local_gram_by_path)
{
	place at;
	proa_addr from;
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	place_make(&at);
	CHECK_EQ(proa_local_gram(&t.a, &at.addr), 0);
	CHECK_EQ(proa_local_gram(&t.b, &at.addr), -PROA_EADDRINUSE);
	CHECK_EQ(proa_local_gram(&t.b, NULL), 0);
	CHECK_EQ(proa_local_gram(&t.b, NULL), -PROA_EINVAL);
	say(loop, &t.b, &at.addr, "hello");
	hear(loop, &t.a, &from, "hello");
	if (host_lacks(HOST_ABSTRACT) == NULL) { /* it has a name by itself */
		say(loop, &t.a, &from, "and back");
		hear(loop, &t.b, NULL, "and back");
	}
	CHECK_EQ(proa_udp_connect(&t.b, &at.addr), 0);
	say(loop, &t.b, NULL, "to the peer");
	hear(loop, &t.a, NULL, "to the peer");
	two_end(loop, &t);
	place_remove(&at);
	kit_close(&loop);
}

TEST(local_gram_refused)
{
	proa_addr ip, nowhere;
	proa_msg m = {.buf = "x", .len = 1};
	rec r = {0};
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_addr_parse(&ip, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_addr_parse(&nowhere, "unix:/proa/no/such/folder/s", 0), 0);
	CHECK_EQ(proa_local_gram(&t.a, &ip), -PROA_EAFNOSUPPORT);
	CHECK_EQ(proa_local_gram(&t.a, &nowhere), -PROA_ENOENT);
	CHECK_EQ(proa_local_gram(&t.a, NULL), 0);
	m.addr = nowhere;
	SUBMIT(proa_send_msg, &t.a, &r, &m);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOENT);
	two_end(loop, &t);
	kit_close(&loop);
}

TEST(local_abstract_name)
{
	char name[64], text[PROA_ADDR_TEXT];
	proa_addr addr, bound;
	proa_socket s;
	two t;
	rec c = {0}, a = {0};
	proa_handle in = {0};

	NEED(HOST_ABSTRACT);
	LOOP(loop);
	two_init(loop, &t);
	snprintf(name, sizeof name, "unix:@proa-test-%u", host_pid());
	CHECK_EQ(proa_addr_parse(&addr, name, 0), 0);
	CHECK_EQ(proa_addr_parse(&bound, "unix:@", 0), -PROA_EADDRTEXT);
	CHECK_EQ(proa_listen(&t.a, &addr, NULL), 0);
	CHECK_EQ(proa_local_addr(&t.a, &bound), 0);
	CHECK_GT(proa_addr_print(&bound, text, sizeof text), 0);
	CHECK_STR(text, name);
	SUBMIT0(proa_accept, &t.a, &a);
	SUBMIT(proa_connect, &t.b, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	CHECK_EQ(kit_await(loop, &a), 0);
	s = a.socket;
	proa_handle_init(proa_root(loop), &in);
	proa_adopt(&in, s);
	kit_end(loop, &in);
	two_end(loop, &t);
	kit_close(&loop);
}

/* ---- pairs ---- */

TEST(local_pair_keeps_messages)
{
	char buf[8];
	proa_msg m = {.buf = buf, .len = sizeof buf};
	rec r = {0};
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair_msg(&t.a, &t.b), 0);
	say(loop, &t.a, NULL, "one");
	say(loop, &t.a, NULL, "and two");
	say(loop, &t.a, NULL, "and much more");
	hear(loop, &t.b, NULL, "one");
	hear(loop, &t.b, NULL, "and two");
	SUBMIT(proa_recv_msg, &t.b, &r, &m);
	CHECK_EQ(kit_await(loop, &r), 8);
	CHECK(r.got & PROA_TRUNC);
	kit_end(loop, &t.a);
	kit_end(loop, &t.b);
	kit_close(&loop);
}

/* ---- connections of messages ---- */

typedef struct served {
	place at;
	two t; /* a listens, b connects */
	proa_handle in;
} served;

static void served_open(proa_loop *loop, served *s)
{
	rec c = {0}, a = {0};

	memset(s, 0, sizeof *s);
	two_init(loop, &s->t);
	proa_handle_init(proa_root(loop), &s->in);
	place_make(&s->at);
	CHECK_EQ(proa_listen_msg(&s->t.a, &s->at.addr, NULL), 0);
	SUBMIT0(proa_accept, &s->t.a, &a);
	SUBMIT(proa_connect_msg, &s->t.b, &c, &s->at.addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	REQUIRE(CHECK_EQ(kit_await(loop, &a), 0));
	proa_adopt(&s->in, a.socket);
}

static void served_end(proa_loop *loop, served *s)
{
	two_end(loop, &s->t);
	kit_end(loop, &s->in);
	place_remove(&s->at);
}

TEST(local_msg_keeps_messages_both_ways)
{
	char buf[8];
	proa_msg m = {.buf = buf, .len = sizeof buf};
	proa_cred cred = {0};
	rec r = {0};
	served s;

	NEED(HOST_MSG);
	LOOP(loop);
	served_open(loop, &s);
	say(loop, &s.t.b, NULL, "one");
	say(loop, &s.t.b, NULL, "and two");
	say(loop, &s.in, NULL, "back");
	hear(loop, &s.in, NULL, "one");
	hear(loop, &s.in, NULL, "and two");
	hear(loop, &s.t.b, NULL, "back");
	CHECK_EQ(proa_peer_cred(&s.t.b, &cred), 0);
	SUBMIT(proa_recv, &s.in, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT(proa_recv_msg, &s.t.a, &r, &m);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTCONN); /* the listener */
	SUBMIT(proa_recv_msg, &s.in, &r, &m);
	kit_end(loop, &s.t.b);
	CHECK_EQ(kit_await(loop, &r), 0);
	m.len = 3;
	SUBMIT(proa_send_msg, &s.in, &r, &m);
	CHECK_EQ(kit_await(loop, &r), -PROA_EPIPE);
	proa_handle_init(proa_root(loop), &s.t.b);
	served_end(loop, &s);
	kit_close(&loop);
}

/* What is submitted while it connects waits for it. */
TEST(local_msg_waits_for_its_connect)
{
	place at;
	proa_msg m = {.buf = (char[]){"early"}, .len = 5};
	proa_handle in = {0};
	rec c = {0}, a = {0}, r = {0};
	two t;

	NEED(HOST_MSG);
	LOOP(loop);
	two_init(loop, &t);
	place_make(&at);
	SUBMIT(proa_connect_msg, &t.b, &c, &at.addr); /* nobody is there */
	SUBMIT(proa_send_msg, &t.b, &r, &m);
	CHECK_EQ(kit_await(loop, &c), -PROA_ENOENT);
	kit_await(loop, &r); /* the connect may have ended before there was something to wait */
	CHECK(r.result == -PROA_ENOENT || r.result == -PROA_ENOTCONN);
	CHECK_EQ(proa_listen_msg(&t.a, &at.addr, NULL), 0);
	SUBMIT(proa_connect_msg, &t.b, &c, &at.addr);
	SUBMIT(proa_send_msg, &t.b, &r, &m);
	SUBMIT0(proa_accept, &t.a, &a);
	CHECK_EQ(kit_await(loop, &c), 0);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_EQ(kit_await(loop, &a), 0);
	proa_handle_init(proa_root(loop), &in);
	proa_adopt(&in, a.socket);
	hear(loop, &in, NULL, "early");
	kit_end(loop, &in);
	two_end(loop, &t);
	place_remove(&at);
	kit_close(&loop);
}

TEST(local_msg_refused)
{
	proa_addr ip;
	rec c = {0};
	served s;
	two t;

	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_addr_parse(&ip, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_listen_msg(&t.a, &ip, NULL), -PROA_EAFNOSUPPORT);
	SUBMIT(proa_connect_msg, &t.a, &c, &ip);
	CHECK_EQ(kit_await(loop, &c), -PROA_EAFNOSUPPORT);
	two_end(loop, &t);
	if (host_lacks(HOST_MSG) == NULL) {
		served_open(loop, &s);
		two_init(loop, &t);
		CHECK_EQ(proa_listen_msg(&t.a, &s.at.addr, NULL), -PROA_EADDRINUSE);
		SUBMIT(proa_connect, &t.b, &c, &s.at.addr); /* a stream has no business there */
		CHECK_LT(kit_await(loop, &c), 0);
		test_note("a stream is told %s", proa_err_name(c.result));
		two_end(loop, &t);
		served_end(loop, &s);
	}
	kit_close(&loop);
}

TEST(local_cred)
{
	proa_cred cred = {0};
	proa_handle tcp[2];
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_peer_cred(&t.a, &cred), -PROA_ENOTCONN);
	CHECK_EQ(proa_local_gram(&t.a, NULL), 0); /* open, but nobody is at its other end */
	CHECK_EQ(proa_peer_cred(&t.a, &cred), -PROA_ENOTCONN);
	two_end(loop, &t);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	CHECK_EQ(proa_peer_cred(&t.a, &cred), 0);
	CHECK(cred.pid == -1 || cred.pid == (int64_t)host_pid());
	two_end(loop, &t);
	memset(tcp, 0, sizeof tcp);
	kit_pair(loop, &tcp[0], &tcp[1]);
	CHECK_EQ(proa_peer_cred(&tcp[0], &cred), -PROA_ENOTSUP);
	kit_end(loop, &tcp[0]);
	kit_end(loop, &tcp[1]);
	kit_close(&loop);
}

/* ---- descriptors ---- */

/* A pipe goes to the other side, and what is written here is read there. */
TEST(fds_passed)
{
	char buf[16], text[8];
	proa_fds out = {.buf = "take", .len = 4}, in = {.buf = buf, .len = sizeof buf};
	proa_handle rd = {0};
	rec s = {0}, r = {0}, w = {0};
	two t, p;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	two_init(loop, &p);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	CHECK_EQ(proa_pipe(&p.a, &p.b), 0);
	SUBMIT(proa_recv_fds, &t.b, &r, &in);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	out.fd[0] = proa_os(&p.a);
	out.n = 1;
	SUBMIT(proa_send_fds, &t.a, &s, &out);
	CHECK_EQ(kit_await(loop, &s), 4);
	CHECK_EQ(kit_await(loop, &r), 4);
	CHECK_MEM(buf, "take", 4);
	CHECK_EQ(in.n, 1);
	CHECK(!host_is_inherited((int)in.fd[0]));
	kit_end(loop, &p.a);
	proa_handle_init(proa_root(loop), &rd);
	proa_adopt_os(&rd, in.fd[0], PROA_PIPE);
	SUBMIT(proa_send, &p.b, &w, "through", 7);
	SUBMIT(proa_recv, &rd, &r, text, sizeof text);
	CHECK_EQ(kit_await(loop, &r), 7);
	CHECK_EQ(kit_await(loop, &w), 7);
	/* Without any it is a recv. */
	SUBMIT(proa_send, &t.a, &s, "plain", 5);
	SUBMIT(proa_recv_fds, &t.b, &r, &in);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_EQ(in.n, 0);
	kit_end(loop, &t.a);
	SUBMIT(proa_recv_fds, &t.b, &r, &in);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(r.got & PROA_END);
	kit_end(loop, &rd);
	kit_end(loop, &p.b);
	kit_end(loop, &t.b);
	kit_close(&loop);
}

/* More bytes than there is room for: the descriptors go with the first, and only once. */
TEST(fds_with_many_bytes)
{
	enum { LEN = 1 << 20 };
	static char bytes[LEN], buf[LEN];
	proa_fds out = {.buf = bytes, .len = LEN, .n = 2}, in = {.buf = buf, .len = LEN};
	rec s = {0}, r = {0};
	size_t got = 0, n = 0;
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	kit_fill(bytes, sizeof bytes, 0);
	out.fd[0] = out.fd[1] = proa_os(&t.a);
	SUBMIT(proa_send_fds, &t.a, &s, &out);
	while (got < LEN) {
		in.buf = buf + got;
		in.len = LEN - got;
		SUBMIT(proa_recv_fds, &t.b, &r, &in);
		if (kit_await(loop, &r) <= 0)
			break;
		CHECK(got == 0 ? in.n == 2 : in.n == 0);
		for (unsigned i = 0; i < in.n; i++)
			host_sock_close((int)in.fd[i]);
		n += in.n;
		got += (size_t)r.result;
	}
	CHECK_EQ(got, LEN);
	CHECK_EQ(n, 2);
	CHECK(kit_filled(buf, LEN, 0));
	CHECK_EQ(kit_await(loop, &s), LEN);
	two_end(loop, &t);
	kit_close(&loop);
}

/* As many as there is room for; the others are closed, which is told. */
TEST(fds_more_than_there_is_room_for)
{
	char buf[4];
	proa_fds in = {.buf = buf, .len = sizeof buf};
	rec r = {0};
	long before;
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	before = host_descriptors();
	for (unsigned n = PROA_FDS_MOST; n <= PROA_FDS_MOST + 20; n += 4) {
		SUBMIT(proa_recv_fds, &t.b, &r, &in);
		if (n % 8)
			kit_settle(loop); /* it waits */
		CHECK(host_sock_pass((int)proa_os(&t.a), (int)proa_os(&t.a), n));
		CHECK_EQ(kit_await(loop, &r), 1);
		CHECK_EQ(in.n, PROA_FDS_MOST);
		CHECK_EQ(r.got & PROA_TRUNC, n > PROA_FDS_MOST ? PROA_TRUNC : 0);
		CHECK_EQ(host_descriptors() - before, PROA_FDS_MOST);
		for (unsigned i = 0; i < in.n; i++)
			host_sock_close((int)in.fd[i]);
	}
	CHECK_EQ(host_descriptors(), before);
	two_end(loop, &t);
	kit_close(&loop);
}

/* Another recv takes the bytes alone: nobody has the descriptor then, and its pipe ends. */
TEST(fds_to_another_recv_are_closed)
{
	char buf[4], byte;
	proa_fds out = {.buf = "x", .len = 1, .n = 1};
	rec s = {0}, r = {0}, end = {0};
	two t, p;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	for (int pooled = 0; pooled < 2; pooled++) {
		two_init(loop, &p);
		CHECK_EQ(proa_pipe(&p.a, &p.b), 0);
		out.fd[0] = proa_os(&p.b);
		if (pooled)
			SUBMIT(proa_recv_pooled, &t.b, &r, NULL);
		else
			SUBMIT(proa_recv, &t.b, &r, buf, sizeof buf);
		SUBMIT(proa_send_fds, &t.a, &s, &out);
		CHECK_EQ(kit_await(loop, &s), 1);
		CHECK_EQ(kit_await(loop, &r), 1);
		if (pooled)
			proa_buffer_return(loop, r.buf);
		kit_end(loop, &p.b);
		SUBMIT(proa_recv, &p.a, &end, &byte, 1);
		CHECK_EQ(kit_await(loop, &end), 0);
		kit_end(loop, &p.a);
	}
	two_end(loop, &t);
	kit_close(&loop);
}

TEST(fds_refused_and_cancelled)
{
	char buf[8];
	proa_fds none = {.buf = buf}, many = {.buf = buf, .len = 1, .n = PROA_FDS_MOST + 1},
		 closed = {.buf = buf, .len = 1, .n = 1, .fd = {-1}}, in = {.buf = buf, .len = 8};
	proa_handle tcp[2];
	rec r = {0};
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	SUBMIT(proa_send_fds, &t.a, &r, &none);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_recv_fds, &t.a, &r, &none);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_send_fds, &t.a, &r, &many);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_send_fds, &t.a, &r, &closed);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	SUBMIT(proa_recv_fds, &t.a, &r, &in);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	r.op.deadline_ns = proa_in(loop, 10 * PROA_MSEC);
	SUBMIT(proa_recv_fds, &t.a, &r, &in);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	r.op.deadline_ns = 0;
	SUBMIT(proa_recv_fds, &t.a, &r, &in);
	kit_settle(loop);
	kit_end(loop, &t.a);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_end(loop, &t.b);
	memset(tcp, 0, sizeof tcp);
	kit_pair(loop, &tcp[0], &tcp[1]);
	SUBMIT(proa_recv_fds, &tcp[0], &r, &in);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	closed.fd[0] = proa_os(&tcp[1]);
	SUBMIT(proa_send_fds, &tcp[0], &r, &closed);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_end(loop, &tcp[0]);
	kit_end(loop, &tcp[1]);
	kit_close(&loop);
}

/* To a peer that has gone, and to one that does not read. */
TEST(fds_to_nobody)
{
	enum { LEN = 1 << 20 };
	static char bytes[LEN];
	proa_fds out = {.buf = bytes, .len = LEN, .n = 1};
	rec s = {0};
	two t;

	NEED(HOST_GRAMS);
	LOOP(loop);
	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	out.fd[0] = proa_os(&t.a);
	SUBMIT(proa_send_fds, &t.a, &s, &out);
	kit_settle(loop);
	CHECK_EQ(s.finals, 0);
	proa_cancel(&s.op);
	CHECK_EQ(kit_await(loop, &s), -PROA_ECANCELED);
	CHECK_GT(s.count, 0);
	SUBMIT(proa_send_fds, &t.a, &s, &out);
	CHECK_EQ(kit_await(loop, &s), -PROA_EBROKEN);
	two_end(loop, &t);

	two_init(loop, &t);
	CHECK_EQ(proa_pair(&t.a, &t.b), 0);
	kit_end(loop, &t.b);
	out.fd[0] = proa_os(&t.a);
	SUBMIT(proa_send_fds, &t.a, &s, &out);
	CHECK_EQ(kit_await(loop, &s), -PROA_ECONNRESET);
	kit_end(loop, &t.a);
	kit_close(&loop);
}
