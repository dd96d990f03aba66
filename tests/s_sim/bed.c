/* The tests' world of two nodes, and connections in it. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <stdio.h>

/* ---- the world ---- */

static void on_violation(const char *text, void *user)
{
	bed *s = user;

	s->violations++;
	snprintf(s->said, sizeof s->said, "%s", text);
}

void bed_world(bed *s, const proa_world_options *options)
{
	proa_world_options o = {.seed = 1};

	if (options)
		o = *options;
	*s = (bed){0};
	o.violation = on_violation;
	o.user = s;
	CHECK_EQ(proa_world_open(&s->w, &o), 0);
}

void bed_open(bed *s, const proa_world_options *options)
{
	bed_world(s, options);
	s->a = proa_world_node(s->w, "a", "10.0.0.1,fd00::1");
	s->b = proa_world_node(s->w, "b", "10.0.0.2,fd00::2");
	CHECK(s->a && s->b);
}

void bed_close(bed *s)
{
	CHECK_EQ(proa_world_close(&s->w), 0);
	CHECK(!s->w);
	if (!CHECK_EQ(s->violations, 0))
		test_note("%s", s->said);
}

uint64_t bed_faults(const bed *s, proa_fault fault)
{
	proa_world_stats stats;

	proa_world_get_stats(s->w, &stats);
	return stats.faults[fault];
}

/* ---- connections ---- */

proa_addr bed_addr(const char *text)
{
	proa_addr addr;

	CHECK_EQ(proa_addr_parse(&addr, text, 0), 0);
	return addr;
}

void bed_listen(proa_loop *loop, proa_handle *h, const char *text)
{
	proa_addr addr = bed_addr(text);

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	CHECK_EQ(proa_listen(h, &addr, NULL), 0);
}

void bed_connect(bed *s, proa_loop *from, proa_handle *h, const char *text, proa_handle *listener,
                 proa_handle *accepted)
{
	proa_addr addr = bed_addr(text);
	proa_op connect = {0}, accept = {0};

	memset(h, 0, sizeof *h);
	memset(accepted, 0, sizeof *accepted);
	proa_handle_init(proa_root(from), h);
	proa_handle_init(proa_root(proa_handle_loop(listener)), accepted);
	proa_accept(listener, &accept, NULL);
	proa_connect(h, &connect, &addr, NULL);
	CHECK_EQ(proa_world_await(s->w, &connect), 0);
	CHECK_EQ(proa_world_await(s->w, &accept), 0);
	proa_adopt(accepted, accept.socket);
}

void bed_link(bed *s, link3 *l)
{
	bed_listen(s->b, &l->listener, "*:7");
	bed_connect(s, s->a, &l->a, "10.0.0.2:7", &l->listener, &l->b);
}

void bed_unlink(bed *s, link3 *l)
{
	bed_end(s, &l->a);
	bed_end(s, &l->b);
	bed_end(s, &l->listener);
}

int64_t bed_send(bed *s, proa_handle *h, const void *bytes, size_t len)
{
	proa_op op = {0};

	proa_send(h, &op, bytes, len, NULL);
	return proa_world_await(s->w, &op);
}

int64_t bed_recv(bed *s, proa_handle *h, void *bytes, size_t len)
{
	proa_op op = {0};

	proa_recv(h, &op, bytes, len, NULL);
	return proa_world_await(s->w, &op);
}

static void on_closed(proa_handle *h)
{
	*(bool *)h->user = true;
}

static bool is_true(void *user)
{
	return *(bool *)user;
}

void bed_end(bed *s, proa_handle *h)
{
	bool closed = false;

	h->user = &closed;
	proa_close(h, on_closed);
	CHECK_EQ(proa_world_until(s->w, is_true, &closed, 60 * PROA_SEC), 0);
}

/* ---- echo ---- */

typedef struct conn {
	proa_handle h;
	proa_op op;
} conn;

static void on_sent(proa_op *op);

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0)
		proa_close(&c->h, NULL);
	else
		proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void on_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0)
		proa_close(&c->h, NULL);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void on_start(proa_handle *h, void *user)
{
	conn *c = PROA_OF(h, conn, h);

	(void)user;
	proa_recv_pooled(h, &c->op, NULL, on_recv);
}

int bed_echo(proa_loop *loop, void *user)
{
	proa_serve_options o = {
		.conn_bytes = sizeof(conn), .idle_ns = 30 * PROA_SEC, .start = on_start};

	memset(user, 0, sizeof(proa_server)); /* the program begins anew */
	return proa_serve(proa_root(loop), user, "*:7", &o);
}
