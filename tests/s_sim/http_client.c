/* Clients of a world's HTTP server: they pipeline, dawdle, half-close, and go away. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/http.h"

#include <stdio.h>
#include <string.h>

http_seen seen;

static void conn_open(client *cl, conn *c);
static void conn_read(conn *c);

/* ---- ends ---- */

static void on_closed(proa_handle *h)
{
	conn *c = PROA_OF(h, conn, h);
	client *cl = c->c;

	cl->there--;
	if (cl->left)
		conn_open(cl, c);
}

static void conn_end(conn *c, bool finish)
{
	if (c->ended)
		return;
	c->ended = true;
	if (finish)
		proa_finish(&c->h, proa_in(c->c->loop, 2 * PROA_SEC), on_closed);
	else if (percent(c->c->w, 30))
		proa_close_abort(&c->h, on_closed);
	else
		proa_close(&c->h, on_closed);
}

static void on_leave(proa_op *op)
{
	conn *c = PROA_OF(op, conn, leave);

	if (op->result == 0)
		conn_end(c, percent(c->c->w, 20));
}

/* ---- asking ---- */

static void on_drained(proa_op *op)
{
	conn *c = PROA_OF(op, conn, drained);

	if (op->result == 0)
		conn_write(c);
}

static void on_pace(proa_op *op)
{
	conn *c = PROA_OF(op, conn, pace);

	c->waits = false; /* it has done so for long enough, or the 100 is there */
	conn_write(c);
}

static void pace(conn *c, uint64_t ms)
{
	proa_timer(&c->h, &c->pace, proa_in(c->c->loop, (int64_t)ms * PROA_MSEC), on_pace);
}

static void on_shut(proa_op *op)
{
	(void)op;
}

/* The next request; false: not now. */
static bool ask_next(conn *c)
{
	if (c->sent >= c->n) {
		if (c->half_closes && !c->last && !proa_in_flight(&c->shut)) {
			c->half_closes = false;
			proa_shutdown(&c->h, &c->shut, on_shut);
		}
		return false;
	}
	if (c->sent - c->answered >= c->depth)
		return false;
	c->out_len = ask_print(&c->asks[c->sent++], c->out, &c->head_len);
	c->out_at = 0;
	seen.asked++;
	return true;
}

/* False: not now. */
static bool piece_put(conn *c)
{
	const ask *a = &c->asks[c->sent - 1];
	size_t most = c->slow_writer ? 300 : 3000, n = 1 + (size_t)below(c->c->w, most);
	size_t end = a->expects && c->out_at < c->head_len ? c->head_len : c->out_len;
	int rc;

	n = n < end - c->out_at ? n : end - c->out_at;
	rc = proa_stream_put(&c->s, c->out + c->out_at, n);
	if (rc == -PROA_EFULL)
		proa_stream_drained(&c->s, &c->drained, 0, on_drained);
	if (rc < 0)
		return false; /* the reader will hear why */
	c->out_at += n;
	if (a->expects && c->out_at == c->head_len && !c->continued) {
		c->waits = true;
		pace(c, 500);
		return false;
	}
	if (c->slow_writer && percent(c->c->w, 20)) {
		pace(c, below(c->c->w, 400));
		return false;
	}
	return true;
}

void conn_write(conn *c)
{
	while (!c->ended && !c->last && !proa_in_flight(&c->pace) && !proa_in_flight(&c->drained))
		if (c->out_at < c->out_len ? !piece_put(c) : !ask_next(c))
			return;
}

/* ---- reading ---- */

/* All is answered; what is read on for is the end, and nothing else. */
static void conn_done(conn *c)
{
	if (!c->lingers)
		conn_end(c, percent(c->c->w, 70));
}

static void on_read(proa_op *op)
{
	conn *c = PROA_OF(op, conn, read);

	if (op->result > 0 && !answer_take(c, op->buf, (size_t)op->result)) {
		conn_end(c, false);
		return;
	}
	if (c->ended)
		return;
	if (op->result == -PROA_EEND && op->count && c->reading == READ_HEAD) {
		c->reading = READ_TAIL;
	} else if (op->result <= 0 || c->reading == READ_TAIL) {
		answer_cut(c, op->result);
		conn_end(c, percent(c->c->w, 50));
		return;
	} else if (c->answered >= c->n && c->reading == READ_HEAD) {
		conn_done(c);
	}
	if (!c->ended)
		conn_read(c);
}

static void read_begin(conn *c)
{
	size_t left = (size_t)c->left, some = 1 + (size_t)below(c->c->w, 3000);

	switch (c->reading) {
	case READ_HEAD: proa_stream_read_until(&c->s, &c->read, "\r\n\r\n", 2000, on_read); break;
	case READ_SIZE: proa_stream_read_until(&c->s, &c->read, "\r\n", 32, on_read); break;
	case READ_CHUNK_END:
	case READ_LAST_END: proa_stream_read_exact(&c->s, &c->read, 2, on_read); break;
	case READ_REST:
	case READ_TAIL: proa_stream_read_some(&c->s, &c->read, some, on_read); break;
	default:
		some = some < left ? some : left;
		if (percent(c->c->w, 50))
			proa_stream_read_some(&c->s, &c->read, some, on_read);
		else
			proa_stream_read_exact(&c->s, &c->read, some, on_read);
	}
}

static void on_slow(proa_op *op)
{
	conn *c = PROA_OF(op, conn, slow);

	if (op->result == 0 && !c->ended)
		read_begin(c);
}

static void conn_read(conn *c)
{
	if (c->slow_reader && percent(c->c->w, 20))
		proa_timer(&c->h, &c->slow,
		           proa_in(c->c->loop, (int64_t)below(c->c->w, 500) * PROA_MSEC), on_slow);
	else
		read_begin(c);
}

/* ---- beginning ---- */

static void on_connect(proa_op *op)
{
	conn *c = PROA_OF(op, conn, connect);

	if (op->result < 0) {
		if (c->c->calm)
			seed_wrong("%s: no connection: %s", c->c->name, proa_err_name(op->result));
		conn_end(c, false);
		return;
	}
	seen.conns++;
	conn_write(c);
	conn_read(c);
}

static void conn_random(conn *c)
{
	proa_world *w = c->c->w;
	bool calm = c->c->calm;
	unsigned n = calm ? ASKS : 1 + (unsigned)below(w, ASKS);

	while (c->n < n)
		if (ask_random(w, &c->asks[c->n++], ++seen.next_id, calm))
			break;
	c->depth = percent(w, 50) ? 1 : 1 + (unsigned)below(w, ASKS);
	c->slow_reader = !calm && percent(w, 20);
	c->slow_writer = !calm && percent(w, 20);
	c->half_closes = percent(w, 20);
	c->lingers = !calm && percent(w, 20);
}

static void conn_open(client *cl, conn *c)
{
	proa_stream_options o = {.in_limit_bytes = 4096, .out_limit_bytes = 4096};
	int64_t now = proa_in(cl->loop, 0);
	proa_addr to;

	cl->left--;
	cl->there++;
	memset(c, 0, sizeof *c);
	c->c = cl;
	conn_random(c);
	proa_handle_init(proa_root(cl->loop), &c->h);
	proa_stream_init(&c->s, &c->h, &o);
	proa_set_idle(&c->h, 20 * PROA_SEC);
	proa_addr_parse(&to, "10.0.0.1:80", 0);
	c->connect.deadline_ns = now + 5 * PROA_SEC;
	proa_connect(&c->h, &c->connect, &to, on_connect);
	if (!cl->calm && percent(cl->w, 20))
		proa_timer(&c->h, &c->leave, now + (int64_t)below(cl->w, 3000) * PROA_MSEC,
		           on_leave);
}

static int client_start(proa_loop *loop, void *user)
{
	client *cl = user;

	cl->loop = loop;
	for (unsigned i = 0; i < CONNS && cl->left; i++)
		conn_open(cl, &cl->conn[i]);
	return 0;
}

static void client_down(int result, void *user)
{
	client *cl = user;

	(void)result;
	cl->there = 0;
	cl->loop = NULL;
	chaos_down(cl->chaos, cl->name);
}

void client_add(client *cl, const char *addr)
{
	proa_node_options o = {.name = cl->name,
	                       .addr = addr,
	                       .start = client_start,
	                       .down = client_down,
	                       .user = cl};

	MUST(proa_world_add(cl->w, NULL, &o) == 0);
}

bool client_done(const client *cl)
{
	return !cl->left && !cl->there;
}
