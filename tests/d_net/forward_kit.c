/* Two connections and a forward between them. */
/* SPDX-License-Identifier: MIT */
#include "d_net/forward_kit.h"

#include <stdlib.h>

void way_open_of(proa_loop *loop, way *w, void (*pair)(proa_loop *, proa_handle *, proa_handle *))
{
	memset(w, 0, sizeof *w);
	pair(loop, &w->src, &w->from);
	pair(loop, &w->to, &w->dst);
	w->sent = malloc(BIG);
	w->got = malloc(PIECE);
	kit_fill(w->sent, BIG, 0);
}

void way_open(proa_loop *loop, way *w)
{
	way_open_of(loop, w, kit_pair);
}

void way_open_more(proa_loop *loop, way *w)
{
	way_open(loop, w);
	w->sent = realloc(w->sent, STALL);
	kit_fill(w->sent, STALL, 0);
}

void way_free(way *w)
{
	free(w->sent);
	free(w->got);
}

void way_close(proa_loop *loop, way *w)
{
	w->stop = true;
	kit_end(loop, &w->src);
	kit_end(loop, &w->from);
	kit_end(loop, &w->to);
	kit_end(loop, &w->dst);
	way_free(w);
}

void way_start(way *w, int64_t limit)
{
	proa_forward(&w->from, &w->to, kit_op(&w->fwd), &w->state, limit, kit_done);
}

static void then_recv_more(rec *r)
{
	way *w = r->ctx;

	if (r->result <= 0)
		return;
	CHECK(kit_filled(w->got, (size_t)r->result, w->at));
	w->at += (uint64_t)r->result;
	if (!w->stop)
		SUBMIT(proa_recv, &w->dst, r, w->got, PIECE);
}

void way_receive(way *w)
{
	w->in.ctx = w;
	w->in.then = then_recv_more;
	SUBMIT(proa_recv, &w->dst, &w->in, w->got, PIECE);
}

void way_send(way *w, size_t len)
{
	SUBMIT(proa_send, &w->src, &w->out, w->sent, len);
}

static uint64_t moved(const proa_loop *loop)
{
	proa_stats s;

	proa_loop_stats(loop, &s);
	return s.bytes_in + s.bytes_out;
}

void way_stall(proa_loop *loop, way *w)
{
	uint64_t before;

	way_open_more(loop, w);
	way_start(w, 0);
	way_send(w, STALL);
	do {
		before = moved(loop);
		kit_settle(loop);
	} while (!before || moved(loop) != before);
	CHECK_EQ(w->fwd.finals, 0);
}

void way_whole(proa_loop *loop)
{
	way w;

	way_open(loop, &w);
	way_start(&w, BIG);
	way_receive(&w);
	way_send(&w, BIG);
	CHECK_EQ(kit_await(loop, &w.fwd), BIG);
	UNTIL(loop, w.at == BIG);
	kit_await(loop, &w.out);
	way_close(loop, &w);
}
