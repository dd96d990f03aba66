/* The buffered stream: what reads are given and leave, limits, cancel. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "d_net/stream_kit.h"

#include <stdlib.h>

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
			UNTIL(loop, i < 11 || r.finals > (unsigned)round);
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

/* One that has ended and was not told yet is in flight, and its bytes stay where they are. */
TEST(stream_read_that_is_not_told_yet)
{
	rec a = {0}, b = {0};
	side x;
	LOOP(loop);

	side_open(loop, &x, NULL);
	kit_fd_write(x.fd, "abcdef", 6);
	check_text(read_exact(loop, &x, &a, 1), "a");
	proa_stream_read_exact(&x.s, kit_op(&a), 2, kit_done);
	proa_stream_read_exact(&x.s, kit_op(&b), 100, kit_done);
	CHECK_EQ(kit_await(loop, &a), 2);
	check_text(&a, "bc");
	proa_cancel(&b.op);
	CHECK_EQ(kit_await(loop, &b), -PROA_EALREADY);
	check_text(read_some(loop, &x, &a, 9), "def");
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

TEST(stream_random_reads)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		random_reads(seed);
}
