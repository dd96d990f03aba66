/* proa_forward between local sockets, in bulk: both ways, ended in the middle, and to nobody. */
/* SPDX-License-Identifier: MIT */
#include "d_net/forward_kit.h"

static void local_pair(proa_loop *loop, proa_handle *a, proa_handle *b)
{
	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	proa_handle_init(proa_root(loop), a);
	proa_handle_init(proa_root(loop), b);
	CHECK_EQ(proa_pair(a, b), 0);
}

/* From a local socket to TCP, or the other way round. */
static void mixed_pair(proa_loop *loop, proa_handle *a, proa_handle *b)
{
	static unsigned turn;

	(turn++ % 2 ? local_pair : kit_pair)(loop, a, b);
}

/* dst ---> to ==forward==> from ---> src */
static void back_start(way *w, rec *fwd, proa_forwarding *state)
{
	proa_forward(&w->to, &w->from, kit_op(fwd), state, 0, kit_done);
}

/* Bytes that go that way, all of them. */
static void back_moves(proa_loop *loop, way *w, uint64_t from, size_t len)
{
	static unsigned char got[PIECE];
	rec out = {0}, in = {0};
	size_t n = 0;

	SUBMIT(proa_send, &w->dst, &out, w->sent + from, len);
	while (n < len) {
		SUBMIT(proa_recv, &w->src, &in, got, sizeof got);
		if (!CHECK_GT(kit_await(loop, &in), 0))
			break;
		CHECK(kit_filled(got, (size_t)in.result, from + n));
		n += (size_t)in.result;
	}
	CHECK_EQ(kit_await(loop, &out), (long long)len);
}

static void both_ways(proa_loop *loop, void (*pair)(proa_loop *, proa_handle *, proa_handle *))
{
	uint64_t spliced = kit_submitted(loop, "splice_out");
	proa_forwarding state;
	rec back = {0}, shut = {0};
	way w;

	way_open_of(loop, &w, pair);
	way_start(&w, 0);
	back_start(&w, &back, &state);
	way_receive(&w);
	way_send(&w, BIG);
	back_moves(loop, &w, 0, BIG);
	CHECK_EQ(kit_await(loop, &w.out), BIG);
	UNTIL(loop, w.at == BIG);
	CHECK_GT(kit_submitted(loop, "splice_out") - spliced, 20);
	SUBMIT0(proa_shutdown, &w.src, &shut);
	CHECK_EQ(kit_await(loop, &w.fwd), BIG);
	CHECK_EQ(w.fwd.got, PROA_END);
	kit_await(loop, &shut);
	back_moves(loop, &w, 0, 1000); /* which knows nothing of it */
	proa_cancel(&back.op);
	CHECK_EQ(kit_await(loop, &back), -PROA_ECANCELED);
	CHECK_EQ(back.count, BIG + 1000);
	way_close(loop, &w);
}

TEST(forward_between_local_sockets)
{
	LOOP(loop);

	both_ways(loop, local_pair);
	kit_close(&loop);
}

TEST(forward_between_local_sockets_and_tcp)
{
	LOOP(loop);

	both_ways(loop, mixed_pair); /* TCP to local */
	both_ways(loop, mixed_pair);
	kit_close(&loop);
}

/* What was told has arrived. Then either the next byte is still there, or nothing follows. */
TEST(forward_between_local_sockets_cancelled_in_the_middle)
{
	proa_forwarding state;
	rec back = {0}, r = {0};
	char byte;
	way w;
	LOOP(loop);

	for (unsigned turn = 1; turn <= 8; turn++) {
		way_open_of(loop, &w, local_pair);
		back = (rec){0};
		way_start(&w, 0);
		back_start(&w, &back, &state);
		way_receive(&w);
		way_send(&w, BIG);
		UNTIL(loop, w.at >= turn * (BIG / 10));
		proa_cancel(&w.fwd.op);
		CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECANCELED);
		UNTIL(loop, w.at == (uint64_t)w.fwd.count);
		w.stop = true;
		SUBMIT(proa_send, &w.to, &r, w.sent + w.at, 1);
		if (kit_await(loop, &r) != -PROA_EBROKEN) {
			CHECK_EQ(r.result, 1);
			SUBMIT(proa_recv, &w.from, &r, &byte, 1);
			CHECK_EQ(kit_await(loop, &r), 1);
			CHECK(kit_filled(&byte, 1, (uint64_t)w.fwd.count));
		}
		back_moves(loop, &w, 5, BIG / 10);
		kit_end(loop, &w.to); /* its target's was enough for the first */
		CHECK_EQ(kit_await(loop, &back), -PROA_ECANCELED);
		kit_end(loop, &w.src);
		kit_end(loop, &w.from);
		kit_end(loop, &w.dst);
		way_free(&w);
	}
	kit_close(&loop);
}

/* It is told as an error, and raises no signal. */
TEST(forward_in_bulk_to_one_that_is_gone)
{
	way w;
	LOOP(loop);

	for (int local = 0; local < 2; local++) {
		way_open_of(loop, &w, local ? local_pair : kit_pair);
		way_start(&w, 0);
		way_receive(&w);
		way_send(&w, BIG);
		UNTIL(loop, w.at > BIG / 2);
		kit_end(loop, &w.dst);
		CHECK_EQ(kit_await(loop, &w.fwd), -PROA_ECONNRESET);
		CHECK_EQ(w.fwd.got, PROA_FAR);
		kit_end(loop, &w.src);
		kit_end(loop, &w.from);
		kit_end(loop, &w.to);
		way_free(&w);
	}
	kit_close(&loop);
}

/* Nobody could take them: what goes on is bytes. */
TEST(forward_passes_no_descriptors)
{
	proa_fds fds = {.len = 100, .n = 2}, got = {.len = PIECE};
	proa_handle rd = {0}, wr = {0};
	rec r = {0}, end = {0};
	char byte;
	way w;
	LOOP(loop);

	way_open_of(loop, &w, local_pair);
	way_start(&w, 0);
	for (int bulk = 0; bulk < 2; bulk++) {
		proa_handle_init(proa_root(loop), &rd);
		proa_handle_init(proa_root(loop), &wr);
		CHECK_EQ(proa_pipe(&rd, &wr), 0);
		fds.buf = w.sent;
		fds.fd[0] = fds.fd[1] = proa_os(&wr);
		SUBMIT(proa_send_fds, &w.src, &r, &fds);
		CHECK_EQ(kit_await(loop, &r), 100);
		got.buf = w.got;
		SUBMIT(proa_recv_fds, &w.dst, &r, &got);
		CHECK_EQ(kit_await(loop, &r), 100);
		CHECK_EQ(got.n, 0);
		kit_end(loop, &wr);
		SUBMIT(proa_recv, &rd, &end, &byte, 1); /* no copy is left that keeps it open */
		CHECK_EQ(kit_await(loop, &end), 0);
		kit_end(loop, &rd);
		w.at = 0;
		if (bulk)
			break;
		way_receive(&w);
		way_send(&w, BIG);
		CHECK_EQ(kit_await(loop, &w.out), BIG);
		UNTIL(loop, w.at == BIG);
		CHECK_GT(kit_submitted(loop, "splice_out"), 0);
		proa_cancel(&w.in.op);
		kit_await(loop, &w.in);
	}
	way_close(loop, &w);
	kit_close(&loop);
}
