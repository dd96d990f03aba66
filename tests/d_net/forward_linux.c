/* proa_forward on Linux: what is in bulk is copied by nobody, and few descriptors are needed. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

enum {
	BIG = 24 << 20,
	WAYS = 100,
	SMALL = 8 /* bytes at a time */
};

typedef struct way {
	proa_handle src, from, to, dst;
	rec fwd, out, in;
	proa_forwarding state;
	uint64_t at;
} way;

static unsigned char *bytes, *got;

static void way_open(proa_loop *loop, way *w)
{
	kit_pair(loop, &w->src, &w->from);
	kit_pair(loop, &w->to, &w->dst);
	proa_forward(&w->from, &w->to, kit_op(&w->fwd), &w->state, 0, kit_done);
}

static void way_close(proa_loop *loop, way *w)
{
	kit_end(loop, &w->src);
	kit_end(loop, &w->from);
	kit_end(loop, &w->to);
	kit_end(loop, &w->dst);
}

static void way_receive(proa_loop *loop, way *w, uint64_t until)
{
	while (w->at < until) {
		SUBMIT(proa_recv, &w->dst, &w->in, got, BIG);
		if (!CHECK_GT(kit_await(loop, &w->in), 0))
			return;
		CHECK(kit_filled(got, (size_t)w->in.result, w->at));
		w->at += (uint64_t)w->in.result;
	}
}

static void buffers_open(void)
{
	bytes = malloc(BIG);
	got = malloc(BIG);
	kit_fill(bytes, BIG, 0);
}

static void buffers_close(void)
{
	free(bytes);
	free(got);
}

TEST(forward_of_much_goes_through_a_pipe)
{
	static way w;
	LOOP(loop);

	buffers_open();
	w = (way){0};
	way_open(loop, &w);
	SUBMIT(proa_send, &w.src, &w.out, bytes, BIG);
	way_receive(loop, &w, BIG);
	CHECK_GT(kit_submitted(loop, "splice_out"),
	         300); /* of pieces of at most 64 KiB: it stays so */
	way_close(loop, &w);
	CHECK_EQ(w.fwd.count, BIG);
	kit_close(&loop);
	buffers_close();
}

TEST(forward_of_little_does_not)
{
	uint64_t before;
	static way w;
	LOOP(loop);

	buffers_open();
	w = (way){0};
	way_open(loop, &w);
	for (uint64_t i = 0; i < 1000; i += SMALL) {
		SUBMIT(proa_send, &w.src, &w.out, bytes + i, SMALL);
		way_receive(loop, &w, i + SMALL);
	}
	CHECK_EQ(kit_submitted(loop, "splice_in"), 0);
	SUBMIT(proa_send, &w.src, &w.out, bytes + w.at, BIG / 2);
	way_receive(loop, &w, w.at + BIG / 2);
	before = kit_submitted(loop, "splice_in");
	CHECK_GT(before, 0);
	for (int i = 0; i < 100; i++) { /* little again */
		SUBMIT(proa_send, &w.src, &w.out, bytes + w.at, SMALL);
		way_receive(loop, &w, w.at + SMALL);
	}
	CHECK_LT(kit_submitted(loop, "splice_in") - before, 20);
	way_close(loop, &w);
	kit_close(&loop);
	buffers_close();
}

/* Much has gone through each; now they wait, and need no pipe for that. */
TEST(forwards_that_wait_have_no_pipes)
{
	enum { EACH = 2 << 20, KEPT = 64 };
	static way w[WAYS];
	long before;
	LOOP(loop);

	buffers_open();
	before = host_descriptors();
	for (unsigned i = 0; i < WAYS; i++) {
		w[i] = (way){0};
		way_open(loop, &w[i]);
		SUBMIT(proa_send, &w[i].src, &w[i].out, bytes, EACH);
	}
	for (unsigned i = 0; i < WAYS; i++)
		way_receive(loop, &w[i], EACH);
	CHECK_GT(kit_submitted(loop, "splice_out"), WAYS);
	CHECK_LE(host_descriptors() - before, 4 * WAYS + 2 * KEPT + 4);
	for (unsigned i = 0; i < WAYS; i++)
		way_close(loop, &w[i]);
	kit_close(&loop);
	buffers_close();
}

/* Without descriptors there is no pipe; when there are some again, there is. */
TEST(forward_goes_through_a_pipe_once_it_can)
{
	enum { SPARE = 32 };
	static way w;
	LOOP(loop);

	buffers_open();
	w = (way){0};
	host_limit_low(SPARE);
	way_open(loop, &w);
	host_exhaust();
	SUBMIT(proa_send, &w.src, &w.out, bytes, BIG / 2);
	way_receive(loop, &w, BIG / 2);
	CHECK_EQ(kit_submitted(loop, "splice_out"), 0);
	kit_await(loop, &w.out);
	host_relieve();
	host_limit_back();
	SUBMIT(proa_send, &w.src, &w.out, bytes + BIG / 2, BIG / 2);
	way_receive(loop, &w, BIG);
	CHECK_GT(kit_submitted(loop, "splice_out"), 10);
	way_close(loop, &w);
	kit_close(&loop);
	buffers_close();
}
