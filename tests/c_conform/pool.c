/* Buffers: lent when bytes are there, back on every path, parked recvs woken in order, quotas. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

static proa_buffers *pool_open(proa_loop *loop, size_t count, size_t size)
{
	proa_buffers_options o = {.count = count, .size_bytes = size};
	proa_buffers *pool;

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	CHECK_EQ(proa_buffers_free(pool), count);
	return pool;
}

TEST(pool_options)
{
	proa_buffers_options o = {.size = 3};
	proa_buffers *pool;
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), -PROA_EINVAL);
	o = (proa_buffers_options){.count = 32769};
	CHECK_EQ(proa_buffers_open(loop, &pool, &o), -PROA_EINVAL);
	CHECK(pool == NULL);
	CHECK_EQ(proa_buffers_open(loop, &pool, NULL), 0);
	CHECK_EQ(proa_buffers_free(pool), 4096);
	proa_buffers_close(&pool);
	CHECK(pool == NULL);
	proa_buffers_close(&pool); /* harmless */
	CHECK_EQ(proa_buffers_open(loop, &pool, NULL), 0);
	kit_close(&loop); /* with the loop */
}

TEST(pool_idle_recv_holds_no_buffer)
{
	enum { N = 40 };
	rec r[N] = {{.submits = 0}};
	proa_handle a[N];
	int fd[N];
	proa_buffers *pool;
	LOOP(loop);

	pool = pool_open(loop, 8, 4096);
	for (int i = 0; i < N; i++) {
		fd[i] = kit_half(loop, &a[i]);
		if (i % 2)
			SUBMIT(proa_recv_pooled, &a[i], &r[i], pool);
		else
			SUBMIT(proa_recv_pooled_many, &a[i], &r[i], pool, 0);
	}
	kit_settle(loop);
	CHECK_EQ(proa_buffers_free(pool), 8);
	kit_fd_write(fd[0], "x", 1);
	UNTIL(loop, r[0].mores == 1);
	CHECK_EQ(proa_buffers_free(pool), 7);
	proa_buffer_return(loop, r[0].buf);
	proa_buffer_return(loop, NULL);
	CHECK_EQ(proa_buffers_free(pool), 8);
	for (int i = 0; i < N; i++) {
		kit_end(loop, &a[i]);
		kit_fd_close(fd[i]);
	}
	proa_buffers_close(&pool);
	kit_close(&loop);
}

TEST(pool_buffer_goes_back_on_all_paths)
{
	proa_buffers *pool;
	rec r = {0}, send = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	pool = pool_open(loop, 4, 64);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled, &a, &r, pool);
	kit_fd_write(fd, "0123456789", 10);
	CHECK_EQ(kit_await(loop, &r), 10);
	SUBMIT(proa_send_pooled, &a, &send, (char *)r.buf + 3, 4); /* anywhere into it */
	CHECK_EQ(kit_await(loop, &send), 4);
	CHECK_EQ(proa_buffers_free(pool), 4);
	/* Cancelled before bytes; at the end; on a closing handle. */
	SUBMIT(proa_recv_pooled, &a, &r, pool);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK(r.buf == NULL);
	kit_fd_write(fd, "for the send", 12);
	SUBMIT(proa_recv_pooled, &a, &r, pool);
	CHECK_EQ(kit_await(loop, &r), 12);
	kit_fd_fin(fd);
	SUBMIT(proa_recv_pooled, &a, &send, pool);
	CHECK_EQ(kit_await(loop, &send), 0);
	CHECK(send.buf == NULL);
	CHECK_EQ(proa_buffers_free(pool), 3);
	proa_close(&a, kit_closed);
	SUBMIT(proa_send_pooled, &a, &send, r.buf, 12);
	CHECK_EQ(kit_await(loop, &send), -PROA_ECANCELED);
	CHECK_EQ(proa_buffers_free(pool), 4);
	kit_settle(loop);
	proa_buffers_close(&pool);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(pool_send_pooled_returns_also_when_it_fails)
{
	proa_buffers *pool;
	rec r[3] = {{.submits = 0}}, send[3] = {{.submits = 0}};
	proa_handle a[3];
	int fd[3];
	LOOP(loop);

	pool = pool_open(loop, 3, 64);
	for (int i = 0; i < 3; i++) {
		fd[i] = kit_half(loop, &a[i]);
		SUBMIT(proa_recv_pooled, &a[i], &r[i], pool);
		kit_fd_write(fd[i], "bytes", 5);
		CHECK_EQ(kit_await(loop, &r[i]), 5);
	}
	CHECK_EQ(proa_buffers_free(pool), 0);
	SUBMIT0(proa_shutdown, &a[0], &send[0]);
	kit_await(loop, &send[0]);
	SUBMIT(proa_send_pooled, &a[0], &send[0], r[0].buf, 5); /* EPIPE */
	send[1].op.deadline_ns = PROA_POLL;
	SUBMIT(proa_send_pooled, &a[1], &send[1], r[1].buf, 5); /* past */
	SUBMIT(proa_send_pooled, &a[2], &send[2], r[2].buf, 5);
	proa_cancel(&send[2].op);
	CHECK_EQ(kit_await(loop, &send[0]), -PROA_EPIPE);
	CHECK_EQ(kit_await(loop, &send[1]), -PROA_ETIMEDOUT);
	kit_await(loop, &send[2]);
	CHECK(send[2].result == 5 || send[2].result == -PROA_ECANCELED);
	CHECK_EQ(proa_buffers_free(pool), 3);
	for (int i = 0; i < 3; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* ---- exhaustion ---- */

TEST(pool_empty_parks_and_k_returned_wake_k_in_order)
{
	enum { N = 12, K = 4 };
	rec r[N] = {{.submits = 0}};
	proa_handle a[N];
	int fd[N];
	proa_stats s;
	proa_buffers *pool;
	LOOP(loop);

	pool = pool_open(loop, K, 64);
	for (int i = 0; i < N; i++) {
		fd[i] = kit_half(loop, &a[i]);
		kit_fd_write(fd[i], "bytes", 5);
	}
	kit_settle(loop);
	for (int i = 0; i < N; i++) {
		SUBMIT(proa_recv_pooled, &a[i], &r[i], pool);
		kit_settle(loop); /* each finds its bytes, or that there is no buffer, in turn */
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(r[i].finals, i < K); /* nobody sees ENOBUFS */
	CHECK_EQ(proa_buffers_free(pool), 0);
	proa_loop_stats(loop, &s);
	CHECK_GE(s.pool_parks, N - K);
	for (int done = K; done < N; done += 2) {
		proa_buffer_return(loop, r[done - K].buf);
		proa_buffer_return(loop, r[done - K + 1].buf);
		kit_settle(loop);
		for (int i = 0; i < N; i++)
			CHECK_EQ(r[i].finals, i < done + 2);
	}
	for (int i = N - K; i < N; i++)
		proa_buffer_return(loop, r[i].buf);
	CHECK_EQ(proa_buffers_free(pool), K);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

TEST(pool_parked_can_be_cancelled_and_closed)
{
	rec hold = {0}, r[3] = {{.submits = 0}};
	proa_handle a[4];
	int fd[4];
	proa_buffers *pool;
	LOOP(loop);

	pool = pool_open(loop, 1, 64);
	for (int i = 0; i < 4; i++) {
		fd[i] = kit_half(loop, &a[i]);
		kit_fd_write(fd[i], "bytes", 5);
	}
	SUBMIT(proa_recv_pooled, &a[3], &hold, pool);
	CHECK_EQ(kit_await(loop, &hold), 5);
	r[2].op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	SUBMIT(proa_recv_pooled, &a[0], &r[0], pool);
	SUBMIT(proa_recv_pooled_many, &a[1], &r[1], pool, 0);
	SUBMIT(proa_recv_pooled, &a[2], &r[2], pool);
	kit_settle(loop);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	kit_end(loop, &a[1]);
	CHECK_EQ(r[1].result, -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &r[2]), -PROA_ETIMEDOUT);
	proa_buffer_return(loop, hold.buf);
	/* Nothing is lost: the bytes are where they were. */
	SUBMIT(proa_recv_pooled, &a[0], &r[0], pool);
	CHECK_EQ(kit_await(loop, &r[0]), 5);
	proa_buffer_return(loop, r[0].buf);
	CHECK_EQ(proa_buffers_free(pool), 1);
	for (int i = 0; i < 4; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* ---- multishot ---- */

static void then_return(rec *r)
{
	if (r->buf && r->result > 0)
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

static void then_check_and_return(rec *r)
{
	if (r->result > 0)
		CHECK(kit_filled(r->buf, (size_t)r->result, (uint64_t)(r->bytes - r->result)));
	then_return(r);
}

static void stream_many(size_t count, size_t size, unsigned max_held, size_t len)
{
	unsigned char *out = malloc(len);
	rec r = {.then = then_check_and_return};
	proa_handle a;
	proa_buffers *pool;
	size_t sent = 0;
	int fd;
	LOOP(loop);

	kit_fill(out, len, 0);
	pool = pool_open(loop, count, size);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, pool, max_held);
	while (sent < len) {
		size_t n = 1 + sent * 13 % 30000;

		n = n < len - sent ? n : len - sent;
		kit_fd_write(fd, out + sent, n);
		sent += n;
		UNTIL(loop, r.bytes == (int64_t)sent);
	}
	kit_fd_fin(fd);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(r.got & PROA_END);
	CHECK_EQ(r.bytes, len);
	CHECK_EQ(proa_buffers_free(pool), count);
	proa_buffers_close(&pool);
	kit_fd_close(fd);
	free(out);
	kit_close(&loop);
}

TEST(pool_multishot_stream)
{
	stream_many(64, 4096, 0, 1 << 20);
}

TEST(pool_multishot_stream_of_one_buffer)
{
	stream_many(1, 100, 0, 100000);
}

TEST(pool_multishot_stream_with_a_quota)
{
	stream_many(64, 512, 2, 300000);
}

TEST(pool_quota)
{
	enum { HELD = 3 };
	rec r = {0};
	proa_handle a;
	proa_buffers *pool;
	void *held[HELD];
	int fd;
	LOOP(loop);

	pool = pool_open(loop, 64, 16);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, pool, HELD);
	for (unsigned i = 0; i < HELD; i++) {
		kit_fd_write(fd, "0123456789abcdef", 16);
		UNTIL(loop, r.mores == i + 1);
		held[i] = r.buf;
	}
	kit_fd_write(fd, "and no further than this", 24);
	kit_settle(loop);
	CHECK_EQ(r.mores, HELD);
	CHECK_EQ(proa_buffers_free(pool), 64 - HELD);
	proa_buffer_return(loop, held[1]);
	UNTIL(loop, r.mores == HELD + 1);
	held[1] = r.buf;
	kit_settle(loop);
	CHECK_EQ(r.mores, HELD + 1);
	/* The buffers outlive the op. */
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	for (int i = 0; i < HELD; i++)
		proa_buffer_return(loop, held[i]);
	CHECK_EQ(proa_buffers_free(pool), 64);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(pool_multishot_paused_and_resumed)
{
	unsigned char out[1000];
	rec r = {.then = then_check_and_return};
	proa_handle a;
	uint64_t sent = 0;
	unsigned mores;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
	for (int i = 0; i < 20; i++) {
		if (i % 3)
			kit_settle(loop);
		proa_pause(&r.op);
		mores = r.mores;
		kit_fill(out, sizeof out, sent);
		kit_fd_write(fd, out, sizeof out);
		sent += sizeof out;
		kit_settle(loop);
		CHECK_EQ(r.mores, mores);
		proa_resume(&r.op);
		UNTIL(loop, r.bytes == (int64_t)sent);
	}
	proa_pause(&r.op);
	kit_fd_close(fd);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	proa_resume(&r.op);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_close(&loop);
}

static void then_pause(rec *r)
{
	then_check_and_return(r);
	if (r->got & PROA_MORE)
		proa_pause(&r->op);
}

TEST(pool_multishot_paused_in_its_callback)
{
	unsigned char out[400];
	rec r = {.then = then_pause};
	proa_handle a;
	proa_buffers *pool;
	int fd;
	LOOP(loop);

	pool = pool_open(loop, 64, 40);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv_pooled_many, &a, &r, pool, 0);
	kit_fill(out, sizeof out, 0);
	kit_fd_write(fd, out, sizeof out);
	for (unsigned i = 1; r.bytes < (int64_t)sizeof out && i < 100; i++) {
		UNTIL(loop, r.mores == i);
		kit_settle(loop);
		CHECK_EQ(r.mores, i);
		proa_resume(&r.op);
	}
	CHECK_EQ(r.bytes, sizeof out);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- others must not be stopped ---- */

/* Slow readers that keep what a quota allows leave the rest of the pool to the others. */
TEST(pool_slow_readers_do_not_stop_others)
{
	enum { SLOW = 10, ROUNDS = 200 };
	rec slow[SLOW] = {{.submits = 0}}, fast = {.then = then_return};
	proa_handle a[SLOW], f;
	int fd[SLOW], fast_fd;
	proa_buffers *pool;
	LOOP(loop);

	pool = pool_open(loop, 2 * SLOW + 2, 64);
	for (int i = 0; i < SLOW; i++) {
		fd[i] = kit_half(loop, &a[i]);
		SUBMIT(proa_recv_pooled_many, &a[i], &slow[i], pool, 2);
		for (int k = 0; k < 20; k++) {
			kit_fd_write(fd[i], "much more than two buffers hold.", 32);
			kit_once(loop, 0);
		}
	}
	fast_fd = kit_half(loop, &f);
	SUBMIT(proa_recv_pooled_many, &f, &fast, pool, 2);
	for (int i = 1; i <= ROUNDS; i++) {
		kit_fd_write(fast_fd, "x", 1);
		UNTIL(loop, fast.bytes == i);
	}
	for (int i = 0; i < SLOW; i++) {
		CHECK_EQ(slow[i].mores, 2);
		kit_fd_close(fd[i]);
	}
	kit_fd_close(fast_fd);
	kit_close(&loop);
}

/* A relay whose two ends share a pool with others: its sends give the buffers back. */
typedef struct relay {
	proa_handle h[2];
	rec recv[2], send[2];
	int fd[2];
	proa_buffers *pool;
} relay;

static void relay_recv(relay *r, int i);

static void relay_sent(rec *s)
{
	relay *r = s->ctx;

	relay_recv(r, s == &r->send[0] ? 0 : 1);
}

static void relay_received(rec *s)
{
	relay *r = s->ctx;
	int i = s == &r->recv[0] ? 0 : 1;

	if (s->result <= 0)
		return;
	SUBMIT(proa_send_pooled, &r->h[!i], &r->send[i], s->buf, (size_t)s->result);
}

static void relay_recv(relay *r, int i)
{
	SUBMIT(proa_recv_pooled, &r->h[i], &r->recv[i], r->pool);
}

TEST(pool_relays_share_a_pool)
{
	enum { N = 8, BYTES = 100000 };
	static relay r[N];
	unsigned char out[1000], in[5000];
	uint64_t sent[N][2] = {{0}}, got[N][2] = {{0}};
	proa_buffers *pool;
	bool more = true;
	LOOP(loop);

	pool = pool_open(loop, 3, 512); /* far fewer than directions */
	memset(r, 0, sizeof r);
	for (int k = 0; k < N; k++)
		for (int i = 0; i < 2; i++) {
			r[k].pool = pool;
			r[k].fd[i] = kit_half(loop, &r[k].h[i]);
			r[k].recv[i] = (rec){.then = relay_received, .ctx = &r[k]};
			r[k].send[i] = (rec){.then = relay_sent, .ctx = &r[k]};
			relay_recv(&r[k], i);
		}
	for (int turn = 0; more && turn < 100000; turn++) {
		more = false;
		for (int k = 0; k < N * 2; k++) {
			uint64_t *s = &sent[k / 2][k % 2], *g = &got[k / 2][k % 2];
			long n;

			if (*s < BYTES && *s - *g < 20000) {
				kit_fill(out, sizeof out, *s);
				kit_fd_write(r[k / 2].fd[k % 2], out, sizeof out);
				*s += sizeof out;
			}
			n = kit_fd_read(r[k / 2].fd[!(k % 2)], in, sizeof in);
			if (n > 0 && CHECK(kit_filled(in, (size_t)n, *g)))
				*g += (uint64_t)n;
			more |= *g < BYTES;
		}
		kit_once(loop, 0);
	}
	for (int k = 0; k < N; k++)
		for (int i = 0; i < 2; i++) {
			CHECK_EQ(got[k][i], BYTES);
			kit_fd_close(r[k].fd[i]);
		}
	kit_close(&loop);
}

/* ---- more than one chunk; close ---- */

TEST(pool_larger_than_one_chunk)
{
	enum { N = 200 };
	static rec r[N];
	proa_handle a[N];
	int fd[N];
	proa_buffers *pool;
	LOOP(loop);

	memset(r, 0, sizeof r);
	pool = pool_open(loop, 1000, 32);
	for (int i = 0; i < N; i++) {
		fd[i] = kit_half(loop, &a[i]);
		SUBMIT(proa_recv_pooled, &a[i], &r[i], pool);
		kit_fd_write(fd[i], &i, sizeof i);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), sizeof i);
		CHECK_MEM(r[i].buf, &i, sizeof i);
		for (int k = 0; k < i; k++)
			CHECK(r[k].buf != r[i].buf);
	}
	CHECK_EQ(proa_buffers_free(pool), 1000 - N);
	proa_buffers_close(&pool); /* goes when the last is back */
	for (int i = 0; i < N; i++) {
		proa_buffer_return(loop, r[i].buf);
		kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

/* I3: after the final nothing is written to what was lent. */
TEST(recv_buffer_is_not_touched_after_the_final)
{
	rec r = {0};
	char buf[64];
	LOOP(loop);

	for (int i = 0; i < 20; i++) {
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		kit_once(loop, i % 2);
		proa_cancel(&r.op);
		CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
		memset(buf, 0x5a, sizeof buf);
		kit_fd_write(fd, "must not come here", 18);
		kit_settle(loop);
		for (size_t k = 0; k < sizeof buf; k++)
			CHECK_EQ(buf[k], 0x5a);
		kit_end(loop, &a);
		kit_fd_close(fd);
	}
	kit_close(&loop);
}
