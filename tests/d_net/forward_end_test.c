/* proa_forward: cancels, deadlines, closes, at each moment. */
/* SPDX-License-Identifier: MIT */
#include "d_net/forward_kit.h"

/* Waiting, it has nothing, and the next recv has all. */
TEST(forward_cancelled_while_it_waits_loses_nothing)
{
	rec r = {0};
	way w;
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, 0);
	way_receive(&w);
	way_send(&w, BIG / 2);
	CHECK_EQ(kit_await(loop, &w.out), BIG / 2);
	UNTIL(loop, w.at == BIG / 2);
	proa_cancel(&w.fwd.op);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
	CHECK_EQ(w.fwd.count, BIG / 2);
	SUBMIT(proa_send, &w.src, &w.out, w.sent + w.at, 1000);
	CHECK_EQ(kit_await(loop, &w.out), 1000);
	SUBMIT(proa_recv, &w.from, &r, w.sent, 1000);
	CHECK_EQ(kit_await(loop, &r), 1000);
	CHECK(kit_filled(w.sent, 1000, w.at));
	SUBMIT(proa_send, &w.to, &r, w.sent, 1000); /* `to` is whole */
	CHECK_EQ(kit_await(loop, &r), 1000);
	UNTIL(loop, w.at == BIG / 2 + 1000);
	way_close(loop, &w);
	kit_close(&loop);
}

TEST(forward_cancelled_with_bytes_breaks_its_target)
{
	rec r = {0};
	way w;
	LOOP(loop);

	way_stall(loop, &w);
	proa_cancel(&w.fwd.op);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
	CHECK_GT(w.fwd.count, 0);
	SUBMIT(proa_send, &w.to, &r, "x", 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBROKEN);
	way_receive(&w); /* what was told to have moved comes */
	UNTIL(loop, w.at == (uint64_t)w.fwd.count);
	way_close(loop, &w);
	way_whole(loop); /* and nothing of it with another */
	kit_close(&loop);
}

/* Its piece stands behind a send of the program's, and none of it has gone. */
TEST(forward_cancelled_behind_a_send_breaks_its_target)
{
	rec front = {0}, r = {0};
	way w;
	LOOP(loop);

	way_open_more(loop, &w);
	SUBMIT(proa_send, &w.to, &front, w.sent, STALL);
	way_start(&w, 0);
	way_send(&w, 10);
	UNTIL(loop, kit_submitted(loop, "send_pooled") == 1);
	CHECK_EQ(front.finals, 0);
	proa_cancel(&w.fwd.op);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
	CHECK_EQ(w.fwd.count, 0);
	SUBMIT(proa_send, &w.to, &r, "x", 1);
	way_receive(&w);
	CHECK_EQ(kit_await(loop, &front), STALL); /* that one is whole */
	CHECK_EQ(kit_await(loop, &r), -PROA_EBROKEN);
	UNTIL(loop, w.at == STALL);
	way_close(loop, &w);
	kit_close(&loop);
}

/* A loop does not run on for one that only waits. */
TEST(forward_in_the_background)
{
	way w;
	LOOP(loop);

	way_open(loop, &w);
	w.fwd.op.want = PROA_BACKGROUND;
	way_start(&w, 0);
	kit_settle(loop);
	CHECK_EQ(proa_run(loop), 0);
	CHECK_EQ(w.fwd.finals, 0);
	way_close(loop, &w);
	CHECK_EQ(w.fwd.finals, 1);
	kit_close(&loop);
}

/* ---- ended between a recv that has bytes and its send ---- */

/* A recv whose callback, in front of the forward's next step, ends it. */
typedef struct ender {
	proa_handle out, in;
	rec put, got;
	way *w;
	bool by_close;
} ender;

static void then_end(rec *r)
{
	ender *e = r->ctx;

	proa_buffer_return(proa_op_loop(&r->op), r->buf);
	if (e->by_close)
		proa_close(&e->w->from, kit_closed);
	else
		proa_cancel(&e->w->fwd.op);
}

static void ender_open(proa_loop *loop, ender *e, bool by_close)
{
	memset(e, 0, sizeof *e);
	e->by_close = by_close;
	kit_pair(loop, &e->out, &e->in);
	e->got.ctx = e;
	e->got.then = then_end;
}

static void ender_arm(ender *e, way *w)
{
	e->w = w;
	SUBMIT(proa_recv_pooled, &e->in, &e->got, NULL);
}

/* Either nothing was taken, or `to` cannot be sent to as if nothing were missing. True: the latter.
 * Where a call comes late, the bytes may have been sent before the end: then they have arrived. */
static bool ended_check(proa_loop *loop, const ender *e, way *w, int64_t len)
{
	int64_t moved, first = (int64_t)w->at;
	rec r = {0};

	CHECK_EQ(kit_await(loop, &w->fwd), -PROA_ECANCELED);
	moved = w->fwd.count;
	UNTIL(loop, w->at >= (uint64_t)moved);
	CHECK_EQ(w->at, (uint64_t)moved);
	len -= moved - first;
	w->stop = true;
	SUBMIT(proa_send, &w->to, &r, w->sent + moved, 1);
	if (kit_await(loop, &r) == -PROA_EBROKEN)
		return true;
	CHECK_EQ(r.result, 1);
	while (!e->by_close && len > 0) {
		SUBMIT(proa_recv, &w->from, &r, w->got, PIECE);
		if (!CHECK_GT(kit_await(loop, &r), 0))
			break;
		CHECK(kit_filled(w->got, (size_t)r.result, (uint64_t)moved));
		moved += r.result;
		len -= r.result;
	}
	return false;
}

/* The forward waits, its next step being of the sort that `first` bytes and a `limit` make. */
static bool ended_once(proa_loop *loop, size_t first, int64_t limit, bool by_close)
{
	enum { LEN = 60 };
	way w;
	ender e;
	bool lost;

	ender_open(loop, &e, by_close);
	way_open(loop, &w);
	way_start(&w, limit);
	way_receive(&w);
	if (first) {
		way_send(&w, first);
		CHECK_EQ(kit_await(loop, &w.out), (long long)first);
		UNTIL(loop, w.at == first);
	}
	kit_settle(loop);
	ender_arm(&e, &w);
	SUBMIT(proa_send, &e.out, &e.put, "end", 3);
	SUBMIT(proa_send, &w.src, &w.out, w.sent + first, LEN);
	lost = ended_check(loop, &e, &w, LEN);
	kit_await(loop, &w.out);
	kit_await(loop, &e.put);
	kit_await(loop, &e.got);
	if (by_close) {
		UNTIL(loop, !proa_is_closing(&w.from));
		proa_handle_init(proa_root(loop), &w.from); /* for the next close */
	}
	kit_end(loop, &e.out);
	kit_end(loop, &e.in);
	way_close(loop, &w);
	return lost;
}

static void ended_each_way(proa_loop *loop, size_t first, int64_t limit)
{
	enum { TIMES = 20 };
	proa_buffers *pool = proa_loop_buffers(loop);
	size_t buffers;

	if (!CHECK(pool))
		return;
	buffers = proa_buffers_free(pool);
	for (int by_close = 0; by_close < 2; by_close++) {
		bool lost = false;

		for (unsigned i = 0; i < TIMES && !lost; i++)
			lost = ended_once(loop, first, limit, by_close);
		CHECK(lost); /* else nothing was shown */
	}
	CHECK_EQ(proa_buffers_free(pool), buffers);
}

TEST(forward_ended_before_it_sends)
{
	LOOP(loop);

	ended_each_way(loop, 0, 0);
	kit_close(&loop);
}

TEST(forward_ended_before_it_sends_the_last)
{
	LOOP(loop);

	ended_each_way(loop, 0, 1000);
	kit_close(&loop);
}

TEST(forward_ended_before_it_sends_in_bulk)
{
	LOOP(loop);

	ended_each_way(loop, BIG / 2, 0);
	kit_close(&loop);
}

TEST(forward_by_a_deadline)
{
	way w;
	LOOP(loop);

	way_open(loop, &w);
	w.fwd.op.deadline_ns = proa_in(loop, 20 * PROA_MSEC);
	way_start(&w, 0);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ETIMEDOUT);
	CHECK_EQ(w.fwd.count, 0);
	way_close(loop, &w);
	way_stall(loop, &w);
	proa_deadline(&w.fwd.op, proa_in(loop, 20 * PROA_MSEC));
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ETIMEDOUT);
	CHECK_GT(w.fwd.count, 0);
	way_close(loop, &w);
	kit_close(&loop);
}

/* Waiting for bytes, or stalled with some in its hands. */
static void way_begin(proa_loop *loop, way *w, bool stalled)
{
	if (stalled) {
		way_stall(loop, w);
		return;
	}
	way_open(loop, w);
	way_start(w, 0);
}

TEST(forward_ends_with_its_source)
{
	way w;
	LOOP(loop);

	for (int stalled = 0; stalled < 2; stalled++) {
		way_begin(loop, &w, stalled);
		kit_end(loop, &w.from);
		CHECK_EQ(w.fwd.finals, w.fwd.submits);
		CHECK_EQ(w.fwd.result, -PROA_ECANCELED);
		kit_end(loop, &w.src);
		kit_end(loop, &w.to);
		kit_end(loop, &w.dst);
		way_free(&w);
	}
	kit_close(&loop);
}

/* Its target's close awaits it, though nothing was under way there. */
TEST(forward_ends_with_its_target)
{
	rec r = {0};
	way w;
	LOOP(loop);

	for (int stalled = 0; stalled < 2; stalled++) {
		way_begin(loop, &w, stalled);
		kit_end(loop, &w.to);
		memset(&w.to, 0xee, sizeof w.to);
		CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
		CHECK_EQ(w.fwd.got, PROA_FAR);
		if (!stalled) { /* `from` lives, and all is there */
			way_send(&w, 10);
			SUBMIT(proa_recv, &w.from, &r, w.got, 100);
			CHECK_EQ(kit_await(loop, &r), 10);
		}
		kit_end(loop, &w.src);
		kit_end(loop, &w.from);
		kit_end(loop, &w.dst);
		way_free(&w);
	}
	kit_close(&loop);
}

TEST(forward_to_one_that_closes)
{
	way w;
	LOOP(loop);

	way_open(loop, &w);
	proa_close(&w.to, kit_closed);
	way_start(&w, 0);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
	CHECK_EQ(w.fwd.got, PROA_FAR);
	kit_end(loop, &w.src);
	kit_end(loop, &w.from);
	kit_end(loop, &w.dst);
	way_free(&w);
	kit_close(&loop);
}

TEST(forward_by_the_idle_time)
{
	way w;
	LOOP(loop);

	way_open(loop, &w);
	proa_set_idle(&w.from, 30 * PROA_MSEC);
	way_start(&w, 0);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ETIMEDOUT);
	way_close(loop, &w);
	kit_close(&loop);
}
