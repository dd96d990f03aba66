/* The buffered stream: what reads are given and leave, limits, cancel, output, water marks. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "c_conform/kit.h"

#include <stdlib.h>

typedef struct side {
	proa_handle h;
	proa_stream s;
	int fd; /* the peer */
} side;

static void side_open(proa_loop *loop, side *x, const proa_stream_options *o)
{
	memset(x, 0, sizeof *x);
	x->fd = kit_half(loop, &x->h);
	proa_stream_init(&x->s, &x->h, o);
}

static void side_end(proa_loop *loop, side *x)
{
	kit_end(loop, &x->h);
	kit_fd_close(x->fd);
}

/* The text a read was given. */
static void check_text(const rec *r, const char *text)
{
	CHECK_EQ(r->result, (long long)strlen(text));
	if (r->result == (int64_t)strlen(text))
		CHECK_MEM(r->buf, text, strlen(text));
}

static rec *read_some(proa_loop *loop, side *x, rec *r, size_t max)
{
	proa_stream_read_some(&x->s, kit_op(r), max, kit_done);
	kit_await(loop, r);
	return r;
}

static rec *read_exact(proa_loop *loop, side *x, rec *r, size_t n)
{
	proa_stream_read_exact(&x->s, kit_op(r), n, kit_done);
	kit_await(loop, r);
	return r;
}

static rec *read_until(proa_loop *loop, side *x, rec *r, const char *delim, size_t limit)
{
	proa_stream_read_until(&x->s, kit_op(r), delim, limit, kit_done);
	kit_await(loop, r);
	return r;
}

TEST(stream_reads_of_each_kind)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_write(x.fd, "one\ntwo\nthree\r\n\r\nrest", 21);
	check_text(read_until(loop, &x, &r, "\n", 100), "one\n");
	check_text(read_exact(loop, &x, &r, 3), "two");
	check_text(read_some(loop, &x, &r, 1), "\n");
	check_text(read_until(loop, &x, &r, "\r\n\r\n", 100), "three\r\n\r\n");
	((char *)r.buf)[0] = 'T'; /* writable */
	check_text(read_some(loop, &x, &r, 100), "rest");
	kit_fd_fin(x.fd);
	CHECK_EQ(read_some(loop, &x, &r, 100)->result, 0);
	CHECK(r.got & PROA_END);
	CHECK_EQ(read_exact(loop, &x, &r, 1)->result, 0); /* and again */
	CHECK(r.got & PROA_END);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_until_in_single_bytes)
{
	static const char text[] = "a\r\n\rb\r\n\r\r\n\r\nX";
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	for (int round = 0; round < 2; round++) {
		proa_stream_read_until(&x.s, kit_op(&r), "\r\n\r\n", 64, kit_done);
		for (size_t i = 0; i < sizeof text - 1; i++) {
			kit_fd_write(x.fd, text + i, 1);
			kit_settle(loop);
			CHECK_EQ(r.finals, round + (i >= 11));
		}
		check_text(&r, round ? "Xa\r\n\rb\r\n\r\r\n\r\n" : "a\r\n\rb\r\n\r\r\n\r\n");
	}
	check_text(read_some(loop, &x, &r, 9), "X");
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_too_long_consumes_nothing)
{
	proa_stream_options o = {.in_limit_bytes = 32};
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, &o);
	kit_fd_write(x.fd, "0123456789\n", 11);
	CHECK_EQ(read_until(loop, &x, &r, "\n", 8)->result, -PROA_ETOOLONG);
	CHECK_EQ(read_until(loop, &x, &r, "\n", 10)->result, -PROA_ETOOLONG);
	CHECK_EQ(read_exact(loop, &x, &r, 33)->result, -PROA_ETOOLONG);
	check_text(read_until(loop, &x, &r, "\n", 11), "0123456789\n");
	CHECK_EQ(read_until(loop, &x, &r, "", 11)->result, -PROA_EINVAL);
	CHECK_EQ(read_until(loop, &x, &r, "123456789", 11)->result, -PROA_EINVAL);
	CHECK_EQ(read_some(loop, &x, &r, 0)->result, -PROA_EINVAL);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_ended_inside_a_read)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_write(x.fd, "half", 4);
	proa_stream_read_until(&x.s, kit_op(&r), "\n", 64, kit_done);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	kit_fd_fin(x.fd);
	CHECK_EQ(kit_await(loop, &r), -PROA_EEND);
	CHECK_EQ(r.count, 4);
	CHECK_EQ(read_exact(loop, &x, &r, 5)->result, -PROA_EEND);
	check_text(read_some(loop, &x, &r, 100), "half");
	CHECK_EQ(read_until(loop, &x, &r, "\n", 64)->result, 0);
	CHECK(r.got & PROA_END);
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_one_read_at_a_time)
{
	rec a = {0}, b = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	proa_stream_read_some(&x.s, kit_op(&a), 9, kit_done);
	CHECK_EQ(read_some(loop, &x, &b, 9)->result, -PROA_EALREADY);
	kit_fd_write(x.fd, "ab", 2);
	kit_await(loop, &a);
	check_text(&a, "ab");
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_cancelled_read_keeps_the_bytes)
{
	rec r = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_write(x.fd, "par", 3);
	proa_stream_read_until(&x.s, kit_op(&r), "\n", 64, kit_done);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	proa_stream_read_until(&x.s, kit_op(&r), "\n", 64,
	                       kit_done); /* the old recv may still be on its way out */
	kit_settle(loop);
	kit_fd_write(x.fd, "tial\n", 5);
	kit_await(loop, &r);
	check_text(&r, "partial\n");

	r.op.deadline_ns = proa_in(loop, 2 * PROA_MSEC);
	CHECK_EQ(read_some(loop, &x, &r, 64)->result, -PROA_ETIMEDOUT);
	r.op.deadline_ns = 0;
	proa_stream_read_some(&x.s, kit_op(&r), 64, kit_done);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_fd_write(x.fd, "more", 4);
	check_text(read_exact(loop, &x, &r, 4), "more");
	side_end(loop, &x);
	kit_close(&loop);
}

TEST(stream_idle_holds_no_buffer)
{
	proa_buffers_options bo = {.count = 2, .size_bytes = 4096};
	proa_buffers *pool;
	proa_stream_options o = {0};
	rec r = {0};
	side x;
	LOOP(loop);

	REQUIRE(proa_buffers_open(loop, &pool, &bo) == 0);
	o.pool = pool;
	side_open(loop, &x, &o);
	for (int i = 0; i < 5; i++) {
		proa_stream_read_until(&x.s, kit_op(&r), "\n", 64, kit_done);
		kit_settle(loop);
		CHECK_EQ(proa_buffers_free(pool), 2);
		kit_fd_write(x.fd, "lo", 2);
		kit_settle(loop);
		CHECK_EQ(proa_buffers_free(pool), 2); /* in the middle of a line, too */
		kit_fd_write(x.fd, "ng\n", 3);
		kit_await(loop, &r);
		check_text(&r, "long\n");
		kit_fd_write(x.fd, "short\n", 6);
		check_text(read_until(loop, &x, &r, "\n", 64), "short\n");
		CHECK_GE(proa_buffers_free(pool), 1); /* lent until the next read */
	}
	side_end(loop, &x);
	CHECK_EQ(proa_buffers_free(pool), 2);
	proa_buffers_close(&pool);
	kit_close(&loop);
}

TEST(stream_exact_of_many_buffers)
{
	enum { N = 300000 };
	proa_stream_options o = {.in_limit_bytes = N};
	static unsigned char bytes[N];
	rec r = {0};
	size_t sent = 0;
	side x;
	LOOP(loop);

	side_open(loop, &x, &o);
	kit_fill(bytes, N, 0);
	proa_stream_read_exact(&x.s, kit_op(&r), N, kit_done);
	while (sent < N) {
		size_t n = N - sent < 7001 ? N - sent : 7001;

		kit_fd_write(x.fd, bytes + sent, n);
		sent += n;
		kit_once(loop, 1);
	}
	CHECK_EQ(kit_await(loop, &r), N);
	CHECK(kit_filled(r.buf, N, 0));
	side_end(loop, &x);
	kit_close(&loop);
}

/* A long random dialogue against the plain sequence of bytes; every 13th byte ends a line. */
static void random_reads(uint64_t seed)
{
	static unsigned char bytes[40000];
	uint64_t sent = 0, seen = 0, total = 400000;
	rec r = {0};
	px_rng rng;
	side x;
	LOOP(loop);

	px_rng_init(&rng, seed);
	side_open(loop, &x, NULL);
	while (seen < total) {
		size_t n = (size_t)px_rng_between(&rng, 1,
		                                  px_rng_chance(&rng, 100000) ? 30000 : 60);
		int kind = (int)px_rng_below(&rng, 3);

		if (kind == 2)
			n = 13 - (size_t)(seen % 13);
		if (kind == 0)
			proa_stream_read_some(&x.s, kit_op(&r), n, kit_done);
		else if (kind == 1)
			proa_stream_read_exact(&x.s, kit_op(&r), n, kit_done);
		else
			proa_stream_read_until(&x.s, kit_op(&r), "\n", 13, kit_done);
		while (r.finals < r.submits) {
			size_t w = (size_t)px_rng_between(&rng, 1,
			                                  px_rng_chance(&rng, 200000) ? 20000 : 30);

			for (size_t i = 0; i < w; i++)
				bytes[i] = (unsigned char)((sent + i) % 13 == 12
				                                   ? '\n'
				                                   : 'a' + (sent + i) % 23);
			if (sent < seen + 40000)
				kit_fd_write(x.fd, bytes, w);
			else
				w = 0;
			sent += w;
			kit_once(loop, 0);
			if (px_rng_chance(&rng, 20000))
				proa_cancel(&r.op);
		}
		if (r.result == -PROA_ECANCELED)
			continue;
		CHECK(r.result > 0 &&
		      (kind == 0 ? r.result <= (int64_t)n : r.result == (int64_t)n));
		for (int64_t i = 0; i < r.result; i++, seen++)
			if (!CHECK_EQ(((unsigned char *)r.buf)[i],
			              seen % 13 == 12 ? '\n' : 'a' + seen % 23)) {
				seen = total;
				break;
			}
	}
	side_end(loop, &x);
	kit_close(&loop);
}

TEST_LIMIT(stream_random_reads, 60)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		random_reads(seed);
}

/* ---- output ---- */

/* Reads `n` bytes, which must be those from position `at`. */
static uint64_t drink(proa_loop *loop, side *x, uint64_t at, uint64_t n)
{
	static unsigned char buf[20000];
	long long until = test_now_ns() + 10 * PROA_SEC;
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
	proa_finish(&x.h, proa_in(loop, 10 * PROA_SEC), kit_closed);
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
	proa_finish(&x.h, proa_in(loop, 10 * PROA_SEC), kit_closed);
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
