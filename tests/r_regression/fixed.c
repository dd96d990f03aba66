/* Bugs that were, each as small as it was found, so that it stays away. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* A pause after the cancel of a multishot that was still in the kernel kept its end from being
 * told. */
TEST(pause_after_cancel)
{
	rec r = {0};
	proa_handle a, b;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
	kit_once(loop, 1);
	proa_cancel(&r.op);
	proa_pause(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
}

/* When a torn send failed two queued ones, the end of the first started the second meanwhile: an
 * endless ring. */
TEST(torn_send_with_two_behind)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec r[4] = {{.submits = 0}};
	proa_handle a, b;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	for (int i = 0; i < 4; i++)
		SUBMIT(proa_send, &a, &r[i], big, i ? 1 : LEN);
	kit_settle(loop);
	proa_cancel(&r[0].op);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_EBROKEN);
	free(big);
	kit_close(&loop);
}

static void ring_in_callback(rec *r)
{
	if (r->got & PROA_MORE && r->mores < 10)
		proa_notify(&r->op);
}

/* A bell rung in its own callback was pulled again at once, while it was on its way: sent twice, a
 * list in pieces. */
TEST(doorbell_rung_while_delivered)
{
	rec r = {.then = ring_in_callback};
	LOOP(loop);

	SUBMIT_BELL(proa_root(loop), &r);
	proa_notify(&r.op);
	UNTIL(loop, r.mores == 10);
	CHECK_EQ(r.bytes, 10);
	kit_close(&loop);
}

/* The final of a multishot recv brought the last buffer once more: who gave it back, did so twice.
 */
TEST(final_of_a_multishot_has_no_buffer)
{
	rec r = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
	kit_fd_write(fd, "x", 1);
	UNTIL(loop, r.mores == 1);
	CHECK(r.buf != NULL);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK(r.buf == NULL);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* A buffer that was out with a quota when its loop was closed left the quota behind. */
TEST(quota_outlived_by_its_buffer_at_loop_close)
{
	rec r = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 1);
	kit_fd_write(fd, "x", 1);
	UNTIL(loop, r.mores == 1);
	kit_close(&loop);
	kit_fd_close(fd);
}

/* False: the machine was so slow that the byte came too late. */
static bool byte_in_idle_time(proa_loop *loop)
{
	rec r = {0};
	proa_handle a;
	char buf[8];
	int64_t byte_ns, end;
	int fd = kit_half(loop, &a);
	bool came;

	proa_set_idle(&a, 400 * PROA_MSEC);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	for (end = proa_clock(loop) + 200 * PROA_MSEC; proa_clock(loop) < end;)
		kit_once(loop, (int)((end - proa_clock(loop)) / PROA_MSEC) + 1);
	byte_ns = proa_clock(loop);
	kit_fd_write(fd, "x", 1);
	came = kit_await(loop, &r) == 1;
	CHECK(came || r.at_ns - end > 100 * PROA_MSEC);
	if (came) {
		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
		CHECK_GE(r.at_ns - byte_ns, 390 * PROA_MSEC);
	}
	kit_end(loop, &a);
	kit_fd_close(fd);
	return came;
}

/* A byte that ended a sleep was stamped with the time at which the sleep had begun. */
TEST(idle_time_counts_from_the_byte)
{
	int tries = 0;
	LOOP(loop);

	while (!byte_in_idle_time(loop) && CHECK_LT(tries, 20))
		tries++;
	kit_close(&loop);
}

/* A coarse slot of the wheel came out whole: a timer in it fired before an earlier one of a finer
 * slot. */
TEST(timers_out_of_a_coarse_slot_in_order)
{
	enum { N = 130, TICK_NS = 131072 };
	static rec r[N];
	long long until;
	LOOP(loop);

	memset(r, 0, sizeof r);
	kit_once(loop, 0);
	for (int i = N; i--;)
		SUBMIT(proa_timer, proa_root(loop), &r[i], proa_now(loop) + (i + 1) * 2 * TICK_NS);
	for (until = test_now_ns() + 60 * PROA_MSEC; test_now_ns() < until;)
		;
	for (int i = 0; i < N; i++)
		kit_await(loop, &r[i]);
	for (int i = 1; i < N; i++)
		CHECK_LT(r[i - 1].order, r[i].order);
	kit_close(&loop);
}

static void post_at_close(rec *r)
{
	SUBMIT0(proa_post, proa_op_loop(&r->op), (rec *)r->ctx);
}

/* A post made by a callback that the loop's close ran, was never told. */
TEST(post_made_while_the_loop_closes)
{
	rec post = {0}, timer = {.then = post_at_close, .ctx = &post};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_SEC));
	kit_close(&loop);
	CHECK_EQ(post.finals, 1);
}

/* With no memory for any buffer, a pooled recv waited for ever for one to come back. */
TEST(pooled_recv_without_memory_for_any_buffer)
{
	rec r = {0}, many = {0};
	proa_handle a[2];
	int fd[2];
	LOOP(loop);

	CHECK(proa_loop_buffers(loop) != NULL);
	for (int i = 0; i < 2; i++) {
		fd[i] = kit_half(loop, &a[i]);
		kit_fd_write(fd[i], "x", 1);
	}
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	SUBMIT(proa_recv_pooled, &a[0], &r, NULL);
	SUBMIT(proa_recv_pooled_many, &a[1], &many, NULL, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOMEM);
	CHECK_EQ(kit_await(loop, &many), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	SUBMIT(proa_recv_pooled, &a[0], &r, NULL);
	CHECK_EQ(kit_await(loop, &r), 1);
	proa_buffer_return(loop, r.buf);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

static void give_back(rec *r)
{
	if (r->buf && r->result > 0)
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

/* A reset that came together with bytes woke a ring's multishot once: the bytes came, and then
 * nothing. */
TEST(reset_together_with_bytes_ends_a_multishot)
{
	LOOP(loop);

	for (int i = 0; i < 10; i++) {
		rec r = {.then = give_back};
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
		kit_settle(loop);
		kit_fd_write(fd, "bytes", 5);
		kit_fd_reset(fd);
		CHECK(kit_was_reset(kit_await(loop, &r)));
		kit_end(loop, &a);
	}
	kit_close(&loop);
}

static size_t lent_then;

static void buffers_count(rec *r)
{
	lent_then = 4096 - proa_buffers_free(proa_loop_buffers(proa_op_loop(&r->op)));
}

static void close_other(rec *r)
{
	proa_close(r->ctx, kit_closed);
}

/* A read had ended, but was not told yet, when its handle was closed: its bytes were given back to
 * the pool before it was told of them. */
TEST(stream_read_told_behind_a_close)
{
	rec r = {.then = buffers_count}, other = {.then = close_other};
	proa_handle a, b;
	proa_stream s;
	int fd[2], closed = kit_n_closed;
	char byte;
	LOOP(loop);

	fd[0] = kit_half(loop, &a);
	fd[1] = kit_half(loop, &b);
	kit_fd_write(fd[0], "x", 1);
	kit_fd_write(fd[1], "y", 1);
	proa_stream_init(&s, &a, NULL);
	other.ctx = &a;
	lent_then = 0;
	SUBMIT(proa_stream_read_some, &s, &r, 1);
	SUBMIT(proa_recv, &b, &other, &byte, 1); /* ends in the same iteration as the stream's */
	UNTIL(loop, kit_n_closed == closed + 1);
	CHECK(r.result == 1 ? lent_then == 1 : r.result == -PROA_ECANCELED);
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	kit_end(loop, &b);
	kit_close(&loop);
}

/* A system tells of a reset once, and then of an end in good order: what a recv was told while its
 * read was being cancelled has to be kept for the next one, as bytes are. */
TEST(stream_reset_told_to_a_cancelled_read)
{
	rec r = {.submits = 0};
	proa_handle a;
	proa_stream s;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_stream_init(&s, &a, NULL);
	kit_fd_reset(fd);
	kit_settle(loop);
	SUBMIT(proa_stream_read_some, &s, &r, 1);
	proa_cancel(&r.op);
	kit_await(loop, &r);
	SUBMIT(proa_stream_read_some, &s, &r, 1);
	CHECK(kit_was_reset(kit_await(loop, &r)));
	SUBMIT(proa_stream_read_some, &s, &r, 1);
	CHECK(kit_was_reset(kit_await(loop, &r)));
	kit_end(loop, &a);
	kit_close(&loop);
}
