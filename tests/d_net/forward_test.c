/* proa_forward: whole, slow readers, limits, resets, exhaustion. */
/* SPDX-License-Identifier: MIT */
#include "d_net/forward_kit.h"

#include <stdlib.h>

/* ---- whole ---- */

TEST(forward_moves_all_and_tells_the_end)
{
	way w;
	rec shut = {0};
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, 0);
	way_receive(&w);
	way_send(&w, BIG);
	CHECK_EQ(kit_await(loop, &w.out), BIG);
	SUBMIT0(proa_shutdown, &w.src, &shut);
	CHECK_EQ(kit_await(loop, &w.fwd), BIG);
	CHECK_EQ(w.fwd.count, BIG);
	CHECK_EQ(w.fwd.got, PROA_END);
	UNTIL(loop, w.at == BIG);
	CHECK_EQ(w.in.finals, w.in.submits - 1); /* `to` is open still */
	kit_await(loop, &shut);
	SUBMIT0(proa_shutdown, &w.to, &shut);
	CHECK_EQ(kit_await(loop, &shut), 0);
	CHECK_EQ(kit_await(loop, &w.in), 0);
	/* the other direction has nothing to do with it */
	SUBMIT(proa_send, &w.dst, &w.out, "back", 4);
	CHECK_EQ(kit_await(loop, &w.out), 4);
	SUBMIT(proa_recv, &w.to, &shut, w.got, 100);
	CHECK_EQ(kit_await(loop, &shut), 4);
	way_close(loop, &w);
	kit_close(&loop);
}

static void then_shut(rec *r)
{
	way *w = r->ctx;

	r->then = NULL;
	SUBMIT0(proa_shutdown, &w->src, r);
}

/* Each end of the two connections forwards to the other, and all is in flight at once. */
TEST(forward_both_ways_at_once)
{
	way w, back;
	LOOP(loop);

	way_open(loop, &w);
	memset(&back, 0, sizeof back);
	way_start(&w, 0);
	proa_forward(&w.to, &w.from, kit_op(&back.fwd), &back.state, 0, kit_done);
	way_receive(&w);
	w.out.ctx = &w;
	w.out.then = then_shut;
	way_send(&w, BIG);
	SUBMIT(proa_send, &w.dst, &back.out, w.sent, BIG);
	back.got = malloc(PIECE);
	while (back.at < BIG) {
		SUBMIT(proa_recv, &w.src, &back.in, back.got, PIECE);
		if (!CHECK_GT(kit_await(loop, &back.in), 0))
			break;
		CHECK(kit_filled(back.got, (size_t)back.in.result, back.at));
		back.at += (uint64_t)back.in.result;
	}
	CHECK_EQ(kit_await(loop, &back.out), BIG);
	CHECK_EQ(kit_await(loop, &w.fwd), BIG);
	UNTIL(loop, w.at == BIG);
	proa_cancel(&back.fwd.op);
	CHECK_EQ(kit_await(loop, &back.fwd), -PROA_ECANCELED);
	CHECK_EQ(back.fwd.count, BIG);
	CHECK_EQ(back.fwd.got, 0);
	free(back.got);
	way_close(loop, &w);
	kit_close(&loop);
}

TEST(forward_to_itself_is_an_echo)
{
	proa_handle a, b;
	proa_forwarding state;
	rec f = {0}, r = {0};
	char buf[100];
	LOOP(loop);

	kit_pair(loop, &a, &b);
	proa_forward(&a, &a, kit_op(&f), &state, 0, kit_done);
	SUBMIT(proa_send, &b, &r, "hello", 5);
	CHECK_EQ(kit_await(loop, &r), 5);
	SUBMIT(proa_recv, &b, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_MEM(buf, "hello", 5);
	kit_end(loop, &a);
	CHECK_EQ(f.result, -PROA_ECANCELED);
	CHECK_EQ(f.count, 5);
	kit_end(loop, &b);
	kit_close(&loop);
}

/* From little to much and back, each answered before the next: the way changes in between. */
TEST(forward_of_pieces_of_all_sizes)
{
	static const int sizes[] = {1,  100, 70000, 300000, 200000, 3000, 10, 10, 10,     10,
	                            10, 10,  10,    10,     10,     500,  1,  7,  400000, 2};
	uint64_t sum = 0;
	way w;
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, 0);
	way_receive(&w);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		SUBMIT(proa_send, &w.src, &w.out, w.sent + sum, (size_t)sizes[i]);
		sum += (uint64_t)sizes[i];
		CHECK_EQ(kit_await(loop, &w.out), sizes[i]);
		UNTIL(loop, w.at == sum);
	}
	proa_cancel(&w.fwd.op);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
	CHECK_EQ(w.fwd.count, (int64_t)sum);
	way_close(loop, &w);
	kit_close(&loop);
}

/* Where the program's own words stand among its pieces. */
TEST(forward_beside_other_sends)
{
	static const char *const word[] = {"one ", "two ", "three "};
	char got[64];
	size_t n = 0;
	rec own = {0}, r = {0};
	way w;
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, 0);
	for (int i = 0; i < 6; i++) {
		const char *text = word[i / 2];
		size_t len = strlen(text);

		SUBMIT(proa_send, i % 2 ? &w.to : &w.src, &own, text, len);
		CHECK_EQ(kit_await(loop, &own), (long long)len);
		for (size_t from = n; n < from + len; n += (size_t)r.result) {
			SUBMIT(proa_recv, &w.dst, &r, got + n, sizeof got - n);
			REQUIRE(kit_await(loop, &r) > 0);
		}
	}
	CHECK_EQ(n, 28);
	CHECK_MEM(got, "one one two two three three ", 28);
	way_close(loop, &w);
	CHECK_EQ(w.fwd.count, 14);
	kit_close(&loop);
}

/* ---- pace ---- */

/* Nobody receives: what is under way stays small, and the sender waits. */
TEST(forward_waits_for_a_slow_reader)
{
	enum { MEMORY = 2 << 20 }; /* the pool's first buffers are half of it */
	way w;
	LOOP(loop);

	way_open_more(loop, &w);
	way_start(&w, 0);
	way_send(&w, STALL);
	kit_settle(loop);
	kit_settle(loop);
	CHECK_EQ(w.out.finals, 0);
	CHECK_EQ(w.fwd.finals, 0);
	CHECK_LT(kit_mem.bytes, MEMORY);
	way_receive(&w);
	CHECK_EQ(kit_await(loop, &w.out), STALL);
	UNTIL(loop, w.at == STALL);
	way_close(loop, &w);
	CHECK_EQ(w.fwd.count, STALL);
	kit_close(&loop);
}

/* ---- a limit ---- */

static void limit_check(proa_loop *loop, int64_t limit)
{
	way w;
	int64_t rest = BIG - limit, left = rest;
	rec r = {0};

	way_open(loop, &w);
	way_start(&w, limit);
	way_receive(&w);
	way_send(&w, BIG);
	CHECK_EQ(kit_await(loop, &w.fwd), limit);
	CHECK_EQ(w.fwd.count, limit);
	CHECK_EQ(w.fwd.got, 0);
	UNTIL(loop, w.at == (uint64_t)limit);
	w.stop = true;
	proa_cancel(&w.in.op);
	kit_await(loop, &w.in);
	while (left > 0) { /* what it has not taken is here */
		SUBMIT(proa_recv, &w.from, &r, w.got, PIECE);
		if (!CHECK_GT(kit_await(loop, &r), 0))
			break;
		CHECK(kit_filled(w.got, (size_t)r.result, (uint64_t)(BIG - left)));
		left -= r.result;
	}
	CHECK_EQ(kit_await(loop, &w.out), BIG);
	way_close(loop, &w);
}

TEST(forward_stops_at_its_limit)
{
	LOOP(loop);

	limit_check(loop, 1);
	limit_check(loop, 1000);
	limit_check(loop, 64 * 1024);
	limit_check(loop, 64 * 1024 + 1);
	limit_check(loop, BIG - 1);
	limit_check(loop, BIG);
	kit_close(&loop);
}

TEST(forward_ends_before_its_limit)
{
	way w;
	rec shut = {0};
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, 1000);
	way_send(&w, 999);
	CHECK_EQ(kit_await(loop, &w.out), 999);
	SUBMIT0(proa_shutdown, &w.src, &shut);
	CHECK_EQ(kit_await(loop, &w.fwd), 999);
	CHECK_EQ(w.fwd.got, PROA_END);
	kit_await(loop, &shut);
	way_close(loop, &w);
	kit_close(&loop);
}

/* ---- ends that are none ---- */

TEST(forward_refused)
{
	proa_loop *other = NULL;
	proa_handle far = {0};
	way w;
	LOOP(loop);

	way_open(loop, &w);
	way_start(&w, -1);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_EINVAL);
	w.fwd.op.deadline_ns = PROA_POLL;
	way_start(&w, 0);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ETIMEDOUT);
	w.fwd.op.deadline_ns = 0;
	if (CHECK_EQ(proa_loop_open(&other, NULL), 0)) {
		proa_handle_init(proa_root(other), &far);
		proa_forward(&w.from, &far, kit_op(&w.fwd), &w.state, 0, kit_done);
		CHECK_EQ(kit_await(loop, &w.fwd), -PROA_EINVAL);
		CHECK_EQ(proa_loop_close(&other, 0), 0);
	}
	way_close(loop, &w);
	kit_close(&loop);
}

TEST(forward_between_handles_that_are_not_open)
{
	proa_handle not_open = {0};
	way w;
	LOOP(loop);

	way_open(loop, &w);
	proa_handle_init(proa_root(loop), &not_open);
	proa_forward(&not_open, &w.to, kit_op(&w.fwd), &w.state, 0, kit_done);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ENOTCONN);
	CHECK_EQ(w.fwd.got, 0);
	proa_forward(&w.from, &not_open, kit_op(&w.fwd), &w.state, 0, kit_done);
	way_send(&w, 10);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ENOTCONN);
	CHECK_EQ(w.fwd.got, PROA_FAR);
	CHECK_EQ(w.fwd.count, 0);
	kit_await(loop, &w.out);
	kit_end(loop, &not_open);
	way_close(loop, &w);
	kit_close(&loop);
}

TEST(forward_to_one_that_is_shut_down)
{
	rec shut = {0};
	way w;
	LOOP(loop);

	way_open(loop, &w);
	SUBMIT0(proa_shutdown, &w.to, &shut);
	CHECK_EQ(kit_await(loop, &shut), 0);
	way_start(&w, 0);
	way_send(&w, 10);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_EPIPE);
	CHECK_EQ(w.fwd.got, PROA_FAR);
	CHECK_EQ(w.fwd.count, 0);
	kit_await(loop, &w.out);
	way_close(loop, &w);
	kit_close(&loop);
}

/* ---- resets ---- */

static void reset_check(proa_loop *loop, bool far, size_t len)
{
	way w;

	way_open(loop, &w);
	way_start(&w, 0);
	way_send(&w, len);
	kit_settle(loop);
	proa_close_abort(far ? &w.dst : &w.src, kit_closed);
	if (far) {
		kit_await(loop, &w.out);
		if (!proa_is_closing(&w.src) && w.out.result >= 0)
			way_send(&w, BIG); /* it is found by sending */
	}
	kit_await(loop, &w.fwd);
	CHECK(w.fwd.result == -PROA_ECONNRESET || (!far && w.fwd.result >= 0 && kit_was_reset(0)));
	CHECK_EQ((w.fwd.got & PROA_FAR) != 0, far);
	w.stop = true;
	kit_end(loop, far ? &w.src : &w.dst);
	kit_end(loop, &w.from);
	kit_end(loop, &w.to);
	UNTIL(loop, w.out.finals == w.out.submits);
	way_free(&w);
}

TEST(forward_tells_which_end_was_reset)
{
	LOOP(loop);

	reset_check(loop, false, 10);
	reset_check(loop, true, 10);
	kit_close(&loop);
}

/* ---- exhaustion ---- */

/* No descriptor for a pipe: the bytes go all the same. */
TEST(forward_without_descriptors)
{
	enum { SPARE = 32 };
	way w;
	proa_loop *loop;

	NEED(HOST_LIMIT);
	if (!(loop = kit_open(NULL)))
		return;
	host_limit_low(SPARE);
	way_open(loop, &w);
	host_exhaust();
	way_start(&w, 0);
	way_receive(&w);
	way_send(&w, BIG);
	CHECK_EQ(kit_await(loop, &w.out), BIG);
	UNTIL(loop, w.at == BIG);
	CHECK_EQ(kit_submitted(loop, "splice_out"), 0);
	host_relieve();
	host_limit_back();
	way_close(loop, &w);
	kit_close(&loop);
}

TEST(forward_without_memory_for_the_rest)
{
	way w;
	LOOP(loop);

	way_open(loop, &w);
	way_send(&w, 100);
	kit_await(loop, &w.out);
	kit_settle(loop);
	SUBMIT(proa_recv_pooled, &w.from, &w.in, NULL); /* the pool is there */
	CHECK_EQ(kit_await(loop, &w.in), 100);
	proa_buffer_return(loop, w.in.buf);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	way_start(&w, 50);
	CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	way_close(loop, &w);
	kit_close(&loop);
}
