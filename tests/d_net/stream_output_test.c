/* The buffered stream: output, water marks, and how it ends. */
/* SPDX-License-Identifier: MIT */
#include "d_net/stream_kit.h"

#include <stdlib.h>

/* Reads `n` bytes, which must be those from position `at`. */
static uint64_t drink(proa_loop *loop, side *x, uint64_t at, uint64_t n)
{
	static unsigned char buf[20000];
	long long until = test_now_ns() + kit_patience_ns();
	uint64_t seen = 0;

	while (seen < n && test_now_ns() < until) {
		long got = kit_fd_read(x->fd, buf,
		                       n - seen < sizeof buf ? (size_t)(n - seen) : sizeof buf);

		if (got == -1)
			kit_once(loop, 1);
		else if (got <= 0)
			break;
		else
			CHECK(kit_filled(buf, (size_t)got, at + seen));
		seen += got > 0 ? (uint64_t)got : 0;
	}
	CHECK_EQ(seen, n);
	return seen;
}

TEST(stream_put_limit_and_water_marks)
{
	enum { LIMIT = 300000, PIECE = 777 };
	proa_stream_options o = {.out_limit_bytes = LIMIT, .out_low_bytes = 10000};
	unsigned char piece[PIECE];
	rec drained = {0}, twice = {0};
	uint64_t put = 0, seen = 0;
	side x;
	LOOP(loop);

	side_open(loop, &x, &o);
	kit_fd_small(x.fd, 40000);
	proa_set_buffers(&x.h, 0, 20000);
	for (int round = 0; round < 4; round++) {
		int rc = 0;

		while (rc == 0) {
			kit_fill(piece, PIECE, put);
			if ((rc = proa_stream_put(&x.s, piece, PIECE)) == 0)
				put += PIECE;
		}
		CHECK_EQ(rc, -PROA_EFULL);
		CHECK_LE(proa_stream_queued(&x.s), LIMIT);
		CHECK_GT(proa_stream_queued(&x.s), LIMIT - PIECE);
		proa_stream_drained(&x.s, kit_op(&drained), 0, kit_done);
		proa_stream_drained(&x.s, kit_op(&twice), 0, kit_done);
		CHECK_EQ(kit_await(loop, &twice), -PROA_EALREADY);
		CHECK_EQ(drained.finals, round);
		while (drained.finals == (unsigned)round && seen < put)
			seen += drink(loop, &x, seen, 1 + (put - seen) / 2);
		CHECK_EQ(kit_await(loop, &drained), 0);
		CHECK_LE(proa_stream_queued(&x.s), 10000);
	}
	seen += drink(loop, &x, seen, put - seen);
	kit_settle(loop);
	CHECK_EQ(proa_stream_queued(&x.s), 0);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_put_and_send_keep_their_order)
{
	static unsigned char big[400000];
	uint64_t at = 0;
	rec send[8];
	side x;
	LOOP(loop);

	memset(send, 0, sizeof send);
	side_open(loop, &x, NULL);
	kit_fill(big, sizeof big, 0);
	for (int i = 0; i < 8; i++) {
		size_t n = 20000 + (size_t)i;

		for (int k = 0; k < 5; k++, at += 500)
			CHECK_EQ(proa_stream_put(&x.s, big + at, 500), 0);
		SUBMIT(proa_send, &x.h, &send[i], big + at, n);
		at += n;
	}
	drink(loop, &x, 0, at);
	side_end(loop, &x);
	kit_close(&loop);
}

/* What is put behind a send of the program's stays there, while all of them wait; and so long
 * nothing has drained. */
TEST(stream_put_waits_behind_a_send)
{
	enum { BIG = 4 << 20, MORE = 30000, LESS = 10000, ALL = BIG + MORE + 3 * LESS };
	proa_stream_options o = {.out_limit_bytes = 2 * BIG};
	unsigned char *big = calloc(1, ALL);
	rec send[2] = {{.submits = 0}}, drained = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, &o);
	kit_fill(big, ALL, 0);
	SUBMIT(proa_send, &x.h, &send[0], big, BIG);
	kit_settle(loop);
	CHECK_EQ(send[0].finals, 0); /* nobody reads: it stands before the others */
	CHECK_EQ(proa_stream_put(&x.s, big + BIG, MORE), 0);
	CHECK_EQ(proa_stream_put(&x.s, big + BIG + MORE, LESS), 0); /* with room behind it */
	SUBMIT(proa_send, &x.h, &send[1], big + BIG + MORE + LESS, LESS);
	CHECK_EQ(proa_stream_put(&x.s, big + BIG + MORE + 2 * LESS, LESS), 0);
	proa_stream_drained(&x.s, kit_op(&drained), MORE + 2 * LESS - 1, kit_done);
	kit_settle(loop);
	CHECK_EQ(drained.finals, 0);
	drink(loop, &x, 0, ALL);
	CHECK_EQ(kit_await(loop, &send[1]), LESS);
	CHECK_EQ(kit_await(loop, &drained), 0);
	side_end(loop, &x);
	free(big);
	kit_close(&loop);
}

TEST(stream_small_talk_does_not_allocate)
{
	rec r = {0};
	long calls = 0;
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	for (int i = 0; i < 200; i++) {
		if (i == 20)
			calls = kit_mem.calls;
		char line[6], last[2] = {0};

		kit_fill(line, 6, 0);
		last[0] = line[5];
		kit_fd_write(x.fd, line, 6);
		CHECK_EQ(read_until(loop, &x, &r, last, 64)->result, 6);
		CHECK_EQ(proa_stream_put(&x.s, r.buf, (size_t)r.result), 0);
		drink(loop, &x, 0, 6);
	}
	CHECK_EQ(kit_mem.calls, calls);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_output_error_is_told)
{
	static unsigned char big[100000];
	rec drained = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_small(x.fd, 4096);
	proa_set_buffers(&x.h, 0, 4096);
	CHECK_EQ(proa_stream_put(&x.s, big, sizeof big), 0);
	CHECK_EQ(proa_stream_put(&x.s, big, sizeof big), 0);
	proa_stream_drained(&x.s, kit_op(&drained), 1, kit_done);
	kit_settle(loop);
	kit_fd_reset(x.fd);
	CHECK_EQ(kit_await(loop, &drained), -PROA_ECONNRESET);
	CHECK_EQ(proa_stream_put(&x.s, big, 1), -PROA_ECONNRESET);
	proa_stream_drained(&x.s, kit_op(&drained), 1, kit_done);
	CHECK_EQ(kit_await(loop, &drained), -PROA_ECONNRESET);
	kit_end(loop, &x.h);
	kit_close(&loop);
}

TEST(stream_drained_in_time_or_not)
{
	static const unsigned char much[200000];
	proa_stream_options o = {.out_limit_bytes = sizeof much};
	rec drained = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, &o);
	kit_fd_small(x.fd, 20000);
	proa_set_buffers(&x.h, 0, 20000);
	CHECK_EQ(proa_stream_put(&x.s, much, sizeof much), 0);
	drained.op.deadline_ns = proa_in(loop, 20 * PROA_MSEC);
	proa_stream_drained(&x.s, kit_op(&drained), 1, kit_done);
	CHECK_EQ(kit_await(loop, &drained), -PROA_ETIMEDOUT);
	drained.op.deadline_ns = 0;
	proa_stream_drained(&x.s, kit_op(&drained), 1, kit_done);
	proa_cancel(&drained.op);
	CHECK_EQ(kit_await(loop, &drained), -PROA_ECANCELED);
	CHECK_GT(proa_stream_queued(&x.s), 0);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_closed_with_everything_in_flight)
{
	static unsigned char big[100000];
	rec r = {0}, drained = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_small(x.fd, 4096);
	proa_set_buffers(&x.h, 0, 4096);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(proa_stream_put(&x.s, big, sizeof big), 0);
	proa_stream_drained(&x.s, kit_op(&drained), 1, kit_done);
	kit_fd_write(x.fd, "half", 4);
	proa_stream_read_until(&x.s, kit_op(&r), "\n", 64, kit_done);
	kit_settle(loop);
	kit_end(loop, &x.h);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	CHECK_EQ(drained.result, -PROA_ECANCELED);
	kit_fd_close(x.fd);
	kit_close(&loop); /* and no memory is left */
}

TEST(stream_finish_sends_what_was_put)
{
	static unsigned char big[200000];
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fill(big, sizeof big, 0);
	CHECK_EQ(proa_stream_put(&x.s, big, 100000), 0);
	CHECK_EQ(proa_stream_put(&x.s, big + 100000, 100000), 0);
	kit_n_closed = 0;
	proa_finish(&x.h, proa_in(loop, 60 * PROA_SEC), kit_closed);
	CHECK_EQ(proa_stream_put(&x.s, big, 1), -PROA_ECANCELED);
	drink(loop, &x, 0, sizeof big);
	UNTIL(loop, kit_fd_read(x.fd, big, 1) == 0);
	kit_fd_close(x.fd);
	UNTIL(loop, kit_n_closed == 1);
	kit_close(&loop);
}

TEST(stream_read_ends_with_a_finish)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	proa_stream_read_some(&x.s, kit_op(&r), 64, kit_done);
	kit_settle(loop);
	kit_n_closed = 0;
	proa_finish(&x.h, proa_in(loop, 60 * PROA_SEC), kit_closed);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_fd_close(x.fd);
	UNTIL(loop, kit_n_closed == 1);
	kit_close(&loop);
}

TEST(stream_idle_time_ends_the_read)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	proa_set_idle(&x.h, 30 * PROA_MSEC);
	CHECK_EQ(read_some(loop, &x, &r, 64)->result, -PROA_ETIMEDOUT);
	kit_fd_write(x.fd, "late", 4);
	check_text(read_some(loop, &x, &r, 64), "late");
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_before_and_without_a_connection)
{
	proa_handle h = {0};
	proa_stream s;
	rec r = {0};
	LOOP(loop);

	proa_handle_init(proa_root(loop), &h);
	proa_stream_init(&s, &h, NULL);
	proa_stream_read_some(&s, kit_op(&r), 64, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTCONN);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(stream_memory_runs_out)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_write(x.fd, "half", 4);
	check_text(read_exact(loop, &x, &r, 4), "half"); /* the pool is there now */
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	CHECK_EQ(proa_stream_put(&x.s, "x", 1), -PROA_ENOMEM);
	kit_fd_write(x.fd, "half", 4);
	CHECK_EQ(read_until(loop, &x, &r, "\n", 64)->result, -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	CHECK_EQ(proa_stream_put(&x.s, "x", 1), 0);
	kit_fd_write(x.fd, "\n", 1);
	check_text(read_until(loop, &x, &r, "\n", 64), "half\n");
	side_end(loop, &x);
	kit_close(&loop);
}
