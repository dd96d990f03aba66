/* Datagrams by a multishot: in buffers of a pool, in order, to an end that loses none. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

enum { N = 40 };

/* ---- recv_msg_many ---- */

/* What a multishot brought: the numbers in the datagrams, and its buffers, if they are kept. */
typedef struct many {
	rec r; /* first */
	unsigned n, pause_at, cancel_at;
	uint32_t sum;
	bool keep;
	void *kept[N];
	proa_msg last;
} many;

static void many_got(rec *r)
{
	many *m = (many *)(void *)r;
	uint32_t word = 0;

	if (!(r->got & PROA_MORE))
		return;
	proa_msg_of(r->buf, r->result, &m->last);
	if (r->result >= (int64_t)sizeof word)
		memcpy(&word, r->buf, sizeof word);
	m->sum = m->sum * 31 + word;
	if (m->keep && m->n < N)
		m->kept[m->n] = r->buf;
	else
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
	if (++m->n == m->pause_at)
		proa_pause(&r->op);
}

static void many_start(proa_handle *h, many *m, proa_buffers *pool)
{
	m->r.then = many_got;
	SUBMIT(proa_recv_msg_many, h, &m->r, pool);
}

static proa_buffers *pool_open(proa_loop *loop, size_t count, size_t room)
{
	proa_buffers_options o = {
		.count = count, .size_bytes = room + PROA_MSG_BYTES, .datagrams = true};
	proa_buffers *pool = NULL;

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	return pool;
}

static void send_numbers(proa_loop *loop, proa_handle *h, const proa_addr *to, uint32_t from,
                         uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		gram g = GRAM;

		gram_send(h, &g, to, &i, sizeof i);
		CHECK_EQ(kit_await(loop, &g.r), sizeof i);
	}
}

static uint32_t numbers_sum(uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum = sum * 31 + i;
	return sum;
}

TEST(datagram_many_come_in_order)
{
	many m = {.n = 0};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	send_numbers(loop, &b, &at, 0, N / 2); /* there already */
	many_start(&a, &m, NULL);
	UNTIL(loop, m.n == N / 2);
	send_numbers(loop, &b, &at, N / 2, N / 2);
	UNTIL(loop, m.n == N);
	CHECK_EQ(m.sum, numbers_sum(N));
	CHECK_MEM(&m.last.addr, &from, sizeof from);
	CHECK_EQ(m.last.local.len, 0); /* nobody asked */
	CHECK_EQ(m.last.segment_bytes, 0);
	CHECK_EQ(m.last.ttl, -1);
	CHECK_EQ(m.r.bytes, N * sizeof(uint32_t));
	CHECK_EQ(m.r.finals, 0);
	proa_cancel(&m.r.op);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ECANCELED);
	CHECK(m.r.buf == NULL);
	kit_close(&loop);
}

static void echo_back(rec *r)
{
	gram *out = r->ctx;

	if (!(r->got & PROA_MORE) || out->r.submits > out->r.finals)
		return;
	proa_msg_of(r->buf, r->result, &out->m);
	SUBMIT(proa_send_msg, proa_op_handle(&r->op), &out->r, &out->m);
}

TEST(datagram_many_can_be_sent_back_as_they_are)
{
	gram out = GRAM;
	rec in = {.then = echo_back, .ctx = &out};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	SUBMIT(proa_recv_msg_many, &a, &in, NULL);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(send_one(loop, &b, &at, "there and back"), 14);
		recv_is(loop, &b, "there and back", &at);
		UNTIL(loop, out.r.finals == out.r.submits);
		proa_buffer_return(loop, out.m.buf);
	}
	CHECK_EQ(in.mores, 10);
	kit_close(&loop);
}

TEST(datagram_many_empty_and_cut)
{
	many m = {.n = 0};
	proa_handle a, b;
	proa_addr at, from;
	proa_buffers *pool;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	pool = pool_open(loop, 4, 8);
	many_start(&a, &m, pool);
	CHECK_EQ(send_one(loop, &b, &at, ""), 0);
	UNTIL(loop, m.n == 1);
	CHECK_EQ(m.r.result, 0);
	CHECK_EQ(m.r.got, PROA_MORE); /* no END */
	CHECK(m.r.buf != NULL);
	CHECK_EQ(send_one(loop, &b, &at, "12345678"), 8);
	UNTIL(loop, m.n == 2);
	CHECK_EQ(m.r.result, 8);
	CHECK_EQ(m.r.got, PROA_MORE);
	CHECK_EQ(send_one(loop, &b, &at, "123456789"), 9);
	UNTIL(loop, m.n == 3);
	CHECK_EQ(m.r.result, 8);
	CHECK_EQ(m.r.got, PROA_MORE | PROA_TRUNC);
	CHECK_EQ(send_one(loop, &b, &at, "1"), 1);
	UNTIL(loop, m.n == 4);
	CHECK_EQ(m.r.got, PROA_MORE);
	kit_close(&loop);
}

/* Parked while every buffer is out; what came meanwhile is there when they are back. */
TEST(datagram_many_wait_for_buffers)
{
	many m = {.keep = true};
	proa_handle a, b;
	proa_addr at, from;
	proa_buffers *pool;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	pool = pool_open(loop, 3, 100);
	many_start(&a, &m, pool);
	send_numbers(loop, &b, &at, 0, 10);
	UNTIL(loop, m.n == 3);
	kit_settle(loop);
	CHECK_EQ(m.n, 3);
	CHECK_EQ(proa_buffers_free(pool), 0);
	m.keep = false;
	for (int i = 0; i < 3; i++)
		proa_buffer_return(loop, m.kept[i]);
	UNTIL(loop, m.n == 10);
	CHECK_EQ(m.sum, numbers_sum(10));
	m.keep = true;
	send_numbers(loop, &b, &at, 10, 10);
	UNTIL(loop, m.n == 13);
	kit_settle(loop);
	proa_cancel(&m.r.op); /* as it waits for a buffer */
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ECANCELED);
	for (int i = 10; i < 13; i++)
		proa_buffer_return(loop, m.kept[i]);
	kit_close(&loop);
}

TEST(datagram_many_pause_and_resume)
{
	many m = {.pause_at = 2};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	send_numbers(loop, &b, &at, 0, 10);
	many_start(&a, &m, NULL);
	UNTIL(loop, m.n == 2);
	kit_settle(loop);
	CHECK_EQ(m.n, 2);
	send_numbers(loop, &b, &at, 10, 10);
	proa_resume(&m.r.op);
	UNTIL(loop, m.n == 20);
	CHECK_EQ(m.sum, numbers_sum(20));
	proa_pause(&m.r.op);
	kit_settle(loop);
	proa_cancel(&m.r.op);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ECANCELED);
	kit_close(&loop);
}

/* Calls take more and more: so there are some ahead at other ones than the first. */
static void cancel_at_some(rec *r)
{
	many *m = (many *)(void *)r;

	many_got(r);
	if (m->n == m->cancel_at)
		proa_cancel(&r->op);
}

/* What had been taken from the system by then comes first, and the rest is the next one's. */
TEST(datagram_many_cancelled_loses_none)
{
	many m = {.n = 0};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (unsigned round = 0; round < 6; round++) {
		m = (many){.n = 0};
		send_numbers(loop, &b, &at, 0, N);
		while (m.n < N) {
			m.cancel_at = m.n + round < N ? m.n + 1 + round : N;
			SUBMIT(proa_recv_msg_many, &a, &m.r, NULL);
			m.r.then = cancel_at_some;
			CHECK_EQ(kit_await(loop, &m.r), -PROA_ECANCELED);
		}
		CHECK_EQ(m.n, N);
		CHECK_EQ(m.sum, numbers_sum(N));
	}
	kit_close(&loop);
}

static void close_at_second(rec *r)
{
	many_got(r);
	if (((many *)(void *)r)->n == 2)
		proa_close(proa_op_handle(&r->op), NULL);
}

/* No MORE after it, and every buffer back. */
TEST(datagram_many_closed_in_its_callback)
{
	many m = {.r = {.then = close_at_second}};
	proa_handle a, b;
	proa_addr at, from;
	proa_buffers *pool;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	pool = pool_open(loop, 16, 100);
	send_numbers(loop, &b, &at, 0, 16);
	SUBMIT(proa_recv_msg_many, &a, &m.r, pool);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ECANCELED);
	CHECK_EQ(m.n, 2);
	CHECK_EQ(proa_buffers_free(pool), 16);
	kit_close(&loop);
}

TEST(datagram_many_deadline_and_idle)
{
	many m = {.n = 0};
	proa_handle a;
	proa_addr at;
	LOOP(loop);

	udp_here(loop, &a, &at);
	m.r.op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	many_start(&a, &m, NULL);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ETIMEDOUT);
	m.r.op.deadline_ns = 0;
	proa_set_idle(&a, 20 * PROA_MSEC);
	many_start(&a, &m, NULL);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ETIMEDOUT);
	kit_close(&loop);
}

TEST(datagram_many_arguments)
{
	many m = {.n = 0};
	proa_buffers_options o = {.size_bytes = PROA_MSG_BYTES, .datagrams = true};
	proa_buffers *pool;
	proa_handle a, s, t;
	proa_addr at;
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), -PROA_EINVAL);
	udp_here(loop, &a, &at);
	kit_pair(loop, &s, &t);
	CHECK_EQ(proa_buffers_open(loop, &pool, NULL), 0);
	many_start(&a, &m, pool); /* not one for datagrams */
	CHECK_EQ(kit_await(loop, &m.r), -PROA_EINVAL);
	many_start(&s, &m, NULL);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ENOTSUP);
	proa_buffers_close(&pool);
	pool = pool_open(loop, 4, 100);
	SUBMIT(proa_recv_pooled, &s, &m.r, pool);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_EINVAL);
	SUBMIT(proa_recv_pooled_many, &s, &m.r, pool, 0);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_EINVAL);
	proa_buffers_close(&pool);
	kit_close(&loop);
}

TEST(datagram_many_without_memory)
{
	many m = {.n = 0};
	proa_handle a, b;
	proa_addr at, from;
	proa_buffers *pool;
	LOOP(loop);

	udp_here(loop, &a, &at);
	pool = pool_open(loop, 4, 100);
	udp_here(loop, &b, &from);
	CHECK_EQ(send_one(loop, &b, &at, "no room"), 7);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	many_start(&a, &m, pool);
	CHECK_EQ(kit_await(loop, &m.r), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	kit_close(&loop);
}
