/* Windows' pipes with names: accepting, who waits to be connected, who goes away meanwhile. */
/* SPDX-License-Identifier: MIT */
#include "e_local/named.h"

#include <stdlib.h>

enum { MANY = 40 };

/* ---- accepting ---- */

TEST(named_accepts_in_order)
{
	proa_handle l, out[3], in;
	rec a[3] = {{.submits = 0}}, c[3] = {{.submits = 0}};
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	for (int i = 0; i < 3; i++)
		SUBMIT0(proa_accept, &l, &a[i]);
	for (int i = 0; i < 3; i++) {
		char text[2] = {(char)('a' + i), 0};

		named_dial(loop, &out[i], &c[i], &addr);
		CHECK_EQ(kit_await(loop, &c[i]), 0);
		named_say(loop, &out[i], text);
	}
	for (int i = 0; i < 3; i++) {
		char text[2] = {(char)('a' + i), 0};

		CHECK_EQ(kit_await(loop, &a[i]), 0);
		CHECK(i == 0 || a[i - 1].order < a[i].order);
		named_take(loop, &a[i], &in);
		named_hear(loop, &in, text);
		kit_end(loop, &in);
		kit_end(loop, &out[i]);
	}
	kit_end(loop, &l);
	kit_close(&loop);
}

static void then_adopt(rec *r)
{
	proa_loop *loop = proa_op_loop(&r->op);
	proa_handle **in = r->ctx;

	if (r->result < 0)
		return;
	in[r->mores - 1] = calloc(1, sizeof **in);
	proa_handle_init(proa_root(loop), in[r->mores - 1]);
	proa_adopt(in[r->mores - 1], r->socket);
}

/* More than there are instances, all of them there before the first is accepted. */
TEST(named_many_at_once)
{
	static proa_handle out[MANY];
	static rec c[MANY];
	proa_handle l, *in[MANY];
	rec a = {.then = then_adopt, .ctx = in};
	unsigned connected = 0;
	proa_addr addr;
	LOOP(loop);

	memset(c, 0, sizeof c);
	named_listen(loop, &l, &addr);
	for (int i = 0; i < MANY; i++)
		named_dial(loop, &out[i], &c[i], &addr);
	kit_settle(loop);
	for (int i = 0; i < MANY; i++)
		connected += c[i].finals;
	CHECK_EQ(connected, 1); /* nobody has accepted yet */
	SUBMIT0(proa_accept_many, &l, &a);
	UNTIL(loop, a.mores == MANY);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(kit_await(loop, &c[i]), 0);
		named_say(loop, &out[i], "x");
	}
	for (int i = 0; i < MANY; i++) /* who came first, the system decides */
		named_hear(loop, in[i], "x");
	kit_settle(loop);
	CHECK_EQ(a.finals, 0);
	proa_cancel(&a.op);
	CHECK_EQ(kit_await(loop, &a), -PROA_ECANCELED);
	for (int i = 0; i < MANY; i++) {
		kit_end(loop, &out[i]);
		kit_end(loop, in[i]);
		free(in[i]);
	}
	kit_end(loop, &l);
	kit_close(&loop);
}

/* Nor one that has left again: what it wrote is there to be read. */
TEST(named_cancelled_accept_loses_nobody)
{
	proa_handle l, in, out;
	rec a = {0}, c = {0};
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	for (int i = 0; i < 2; i++) {
		SUBMIT0(proa_accept, &l, &a);
		kit_settle(loop);
		proa_cancel(&a.op);
		CHECK_EQ(kit_await(loop, &a), -PROA_ECANCELED);
		SUBMIT0(proa_accept_many, &l, &a);
		kit_settle(loop);
		proa_cancel(&a.op);
		CHECK_EQ(kit_await(loop, &a), -PROA_ECANCELED);
		named_dial(loop, &out, &c, &addr);
		CHECK_EQ(kit_await(loop, &c), 0);
		named_say(loop, &out, "here");
		kit_end(loop, &out);
		SUBMIT0(proa_accept, &l, &a);
		REQUIRE(CHECK_EQ(kit_await(loop, &a), 0));
		named_take(loop, &a, &in);
		named_hear(loop, &in, "here");
		named_hear(loop, &in, "");
		kit_end(loop, &in);
	}
	kit_end(loop, &l);
	kit_close(&loop);
}

/* Before anybody has ever accepted, too. */
TEST(named_client_that_has_left)
{
	proa_handle l, in, out;
	rec a = {0}, c = {0};
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	named_dial(loop, &out, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	named_say(loop, &out, "was here");
	kit_end(loop, &out);
	SUBMIT0(proa_accept, &l, &a);
	REQUIRE(CHECK_EQ(kit_await(loop, &a), 0));
	named_take(loop, &a, &in);
	named_hear(loop, &in, "was here");
	named_hear(loop, &in, "");
	kit_end(loop, &in);
	kit_end(loop, &l);
	kit_close(&loop);
}

static void then_drop(rec *r)
{
	proa_socket_close(r->socket);
}

TEST(named_accept_paused)
{
	rec a = {.then = then_drop}, c = {0};
	proa_handle l, out;
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &a);
	proa_pause(&a.op);
	named_dial(loop, &out, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	kit_settle(loop);
	CHECK_EQ(a.mores, 0);
	proa_resume(&a.op);
	UNTIL(loop, a.mores == 1);
	named_hear(loop, &out, ""); /* dropped */
	kit_end(loop, &out);
	kit_end(loop, &l);
	CHECK_EQ(a.result, -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(named_accepted_for_another_loop)
{
	proa_loop_options o = {.size = sizeof o};
	proa_loop *other = NULL;
	proa_handle l, out, in = {0};
	rec a = {0}, c = {0};
	proa_addr addr;
	proa_op op = {0};
	char buf[8];
	LOOP(loop);

	o.backend = proa_loop_backend(loop);
	CHECK_EQ(proa_loop_open(&other, &o), 0);
	named_listen(loop, &l, &addr);
	SUBMIT0(proa_accept, &l, &a);
	named_dial(loop, &out, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	CHECK_EQ(kit_await(loop, &a), 0);
	proa_handle_init(proa_root(other), &in);
	proa_adopt(&in, a.socket);
	named_say(loop, &out, "there");
	proa_recv(&in, &op, buf, sizeof buf, NULL);
	CHECK_EQ(proa_await(other, &op), 5);
	CHECK_EQ(proa_loop_close(&other, 0), 0);
	named_hear(loop, &out, "");
	kit_end(loop, &out);
	kit_end(loop, &l);
	kit_close(&loop);
}

static void then_greet(proa_handle *conn, void *user)
{
	rec *r = user;

	SUBMIT(proa_send, conn, r, "hi", 2);
	proa_finish(conn, 0, NULL);
}

TEST(named_served)
{
	static proa_server server;
	rec s = {0}, c = {0};
	proa_serve_options o = {.size = sizeof o,
	                        .conn_bytes = sizeof(proa_handle),
	                        .start = then_greet,
	                        .user = &s};
	proa_handle out;
	proa_addr addr;
	LOOP(loop);

	memset(&server, 0, sizeof server);
	CHECK_EQ(proa_serve(proa_root(loop), &server, named_text(), &o), 0);
	CHECK_EQ(proa_serve_addr(&server, &addr), 0);
	named_dial(loop, &out, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	named_hear(loop, &out, "hi");
	named_hear(loop, &out, "");
	CHECK_EQ(s.result, 2);
	kit_end(loop, &out);
	kit_n_closed = 0;
	proa_serve_end(&server, PROA_POLL, kit_closed);
	UNTIL(loop, kit_n_closed == 1);
	kit_close(&loop);
}

static void conn_end(proa_handle *conn, void *user)
{
	(void)user;
	proa_close(conn, NULL);
}

/* What is accepted on the group's own thread is another loop's. */
TEST(named_served_by_a_group)
{
	proa_loop_options loops = {.size = sizeof loops, .stay = true};
	proa_group_options go = {.size = sizeof go, .loops = 2, .loop = &loops};
	proa_serve_options o = {
		.size = sizeof o, .conn_bytes = sizeof(proa_handle), .start = conn_end};
	proa_group *group;
	proa_addr addr;
	LOOP(loop);

	loops.backend = proa_loop_backend(loop);
	REQUIRE(CHECK_EQ(proa_group_open(&group, &go), 0));
	CHECK_EQ(proa_group_serve(group, named_text(), &o, &addr), 0);
	for (int i = 0; i < 12; i++) {
		proa_handle out;
		rec c = {0};

		named_dial(loop, &out, &c, &addr);
		CHECK_EQ(kit_await(loop, &c), 0);
		named_hear(loop, &out, "");
		kit_end(loop, &out);
	}
	proa_group_stop(group, 0);
	CHECK_EQ(proa_group_wait(&group), 0);
	kit_close(&loop);
}

/* ---- waiting for a free instance ---- */

/* All that would be connected without an accept. */
static unsigned fill_up(proa_loop *loop, const proa_addr *addr, proa_handle *h, rec *c)
{
	unsigned n = 0;

	for (; n < MANY; n++) {
		named_dial(loop, &h[n], &c[n], addr);
		kit_settle(loop);
		if (!c[n].finals)
			return n;
		CHECK_EQ(c[n].result, 0);
	}
	CHECK(!"a pipe without accepts was never busy");
	return n - 1;
}

TEST(named_busy)
{
	static proa_handle h[MANY];
	static rec c[MANY];
	proa_handle l, late;
	rec a = {.then = then_drop}, d = {0}, e = {0};
	proa_addr addr;
	int64_t at;
	unsigned n;
	LOOP(loop);

	memset(c, 0, sizeof c);
	named_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &a);
	proa_pause(&a.op);
	n = fill_up(loop, &addr, h, c);
	CHECK_GT(n, 1);
	at = proa_clock(loop) + 30 * PROA_MSEC;
	d.op.deadline_ns = at;
	named_dial(loop, &late, &d, &addr);
	CHECK_EQ(kit_await(loop, &d), -PROA_ETIMEDOUT);
	CHECK_GE(d.at_ns, at);
	CHECK_EQ(proa_os(&late), -1);
	SUBMIT(proa_connect, &late, &e, &addr); /* the same handle again */
	kit_settle(loop);
	CHECK_EQ(e.finals, 0);
	proa_cancel(&e.op);
	CHECK_EQ(kit_await(loop, &e), -PROA_ECANCELED);
	CHECK_EQ(c[n].finals, 0);
	proa_resume(&a.op);
	CHECK_EQ(kit_await(loop, &c[n]), 0);
	UNTIL(loop, a.mores == n + 1);
	for (unsigned i = 0; i <= n; i++)
		kit_end(loop, &h[i]);
	kit_end(loop, &late);
	kit_end(loop, &l);
	kit_close(&loop);
}

/* Ops on the handle wait for its connect, and those who close do not wait for long. */
TEST(named_busy_and_closed)
{
	static proa_handle h[MANY];
	static rec c[MANY];
	proa_handle l, late;
	rec d = {0}, s = {0};
	proa_addr addr;
	unsigned n;
	LOOP(loop);

	memset(c, 0, sizeof c);
	named_listen(loop, &l, &addr);
	n = fill_up(loop, &addr, h, c);
	named_dial(loop, &late, &d, &addr);
	SUBMIT(proa_send, &late, &s, "x", 1);
	kit_settle(loop);
	kit_end(loop, &late);
	CHECK_EQ(d.result, -PROA_ECANCELED);
	CHECK_EQ(s.result, -PROA_ECANCELED);
	/* The listener goes: who had come is told, and who waits does not wait for ever. */
	kit_end(loop, &l);
	CHECK_EQ(kit_await(loop, &c[n]), -PROA_ENOENT);
	for (unsigned i = 0; i < n; i++) {
		named_hear(loop, &h[i], "");
		kit_end(loop, &h[i]);
	}
	kit_end(loop, &h[n]);
	kit_close(&loop);
}

TEST(named_closed_with_connections_waiting)
{
	proa_handle l, out[2];
	rec a = {0}, c[2] = {{.submits = 0}};
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	SUBMIT0(proa_accept_many, &l, &a);
	kit_settle(loop);
	proa_pause(&a.op);
	for (int i = 0; i < 2; i++) {
		named_dial(loop, &out[i], &c[i], &addr);
		CHECK_EQ(kit_await(loop, &c[i]), 0);
	}
	kit_end(loop, &l);
	CHECK_EQ(a.result, -PROA_ECANCELED);
	CHECK_EQ(a.mores, 0);
	for (int i = 0; i < 2; i++) {
		named_hear(loop, &out[i], "");
		kit_end(loop, &out[i]);
	}
	kit_close(&loop);
}

/* A close comes at any time between two accepts' ends. */
TEST(named_come_and_go)
{
	LOOP(loop);

	for (int i = 0; i < 20; i++) {
		proa_handle l, out[4];
		rec a = {.then = then_drop}, c[4] = {{.submits = 0}};
		proa_addr addr;

		named_listen(loop, &l, &addr);
		SUBMIT0(proa_accept_many, &l, &a);
		for (int k = 0; k < 4; k++)
			named_dial(loop, &out[k], &c[k], &addr);
		for (int k = 0; k < i % 4; k++)
			kit_once(loop, 0);
		kit_end(loop, &l);
		for (int k = 0; k < 4; k++) {
			int64_t rc = kit_await(loop, &c[k]);

			CHECK(rc == 0 || rc == -PROA_ENOENT);
			kit_end(loop, &out[k]);
		}
	}
	kit_close(&loop);
}
