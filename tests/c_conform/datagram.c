/* Datagrams: whole ones, from whom, in order, with an end to each op and none to the socket. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- to and fro ---- */

static void echo_round(proa_loop *loop, proa_handle *server, const proa_addr *at,
                       proa_handle *client, const proa_addr *from, const char *text)
{
	gram g = GRAM;

	gram_recv(server, &g);
	CHECK_EQ(send_one(loop, client, at, text), strlen(text));
	CHECK_EQ(kit_await(loop, &g.r), strlen(text));
	CHECK_MEM(&g.m.addr, from, sizeof *from);
	g.m.len = (size_t)g.r.result;
	SUBMIT(proa_send_msg, server, &g.r, &g.m); /* the very same, back */
	CHECK_EQ(kit_await(loop, &g.r), strlen(text));
	recv_is(loop, client, text, at);
}

static void echo_over(proa_loop *loop, const char *text)
{
	proa_handle server, client;
	proa_addr at, from;

	CHECK_EQ(udp_open(loop, &server, text, NULL, &at), 0);
	CHECK_EQ(udp_open(loop, &client, text, NULL, &from), 0);
	CHECK_NE(proa_addr_port(&at), 0);
	CHECK_NE(proa_addr_port(&at), proa_addr_port(&from));
	for (int i = 0; i < 20; i++)
		echo_round(loop, &server, &at, &client, &from, i % 2 ? "longer one" : "one");
	kit_end(loop, &server);
	kit_end(loop, &client);
}

TEST(datagram_echo_v4)
{
	LOOP(loop);

	echo_over(loop, "127.0.0.1:0");
	kit_close(&loop);
}

TEST(datagram_echo_v6)
{
	proa_handle h;
	proa_addr addr;
	int rc;
	LOOP(loop);

	rc = udp_open(loop, &h, "[::1]:0", NULL, &addr);
	if (rc == 0)
		echo_over(loop, "[::1]:0");
	kit_close(&loop);
	if (rc == -PROA_EADDRNOTAVAIL || rc == -PROA_EAFNOSUPPORT)
		SKIP("there is no IPv6 here");
	CHECK_EQ(rc, 0);
}

/* "Every address" is both families where the system has both, and the answer finds its way back. */
TEST(datagram_every_address_takes_v4)
{
	gram g = GRAM;
	proa_handle server, client;
	proa_addr any, at, from;
	LOOP(loop);

	CHECK_EQ(udp_open(loop, &server, "*:0", NULL, &any), 0);
	CHECK_EQ(udp_open(loop, &client, "127.0.0.1:0", NULL, &from), 0);
	at = from;
	{
		char text[PROA_ADDR_TEXT];

		snprintf(text, sizeof text, "127.0.0.1:%u", proa_addr_port(&any));
		CHECK_EQ(proa_addr_parse(&at, text, 0), 0);
	}
	gram_recv(&server, &g);
	CHECK_EQ(send_one(loop, &client, &at, "hello"), 5);
	CHECK_EQ(kit_await(loop, &g.r), 5);
	CHECK_EQ(proa_addr_port(&g.m.addr), proa_addr_port(&from));
	CHECK_EQ(g.m.addr.family, any.family);
	g.m.len = 5;
	SUBMIT(proa_send_msg, &server, &g.r, &g.m);
	CHECK_EQ(kit_await(loop, &g.r), 5);
	recv_is(loop, &client, "hello", &at);
	kit_close(&loop);
}

/* ---- what a datagram is ---- */

TEST(datagram_empty)
{
	gram g = GRAM;
	proa_stats stats;
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	CHECK_EQ(send_one(loop, &b, &at, ""), 0);
	CHECK_EQ(send_one(loop, &b, &at, "behind"), 6);
	gram_send(&b, &g, &at, NULL, 0); /* from nowhere, as nothing is taken from there */
	CHECK_EQ(kit_await(loop, &g.r), 0);
	gram_recv(&a, &g);
	CHECK_EQ(kit_await(loop, &g.r), 0);
	CHECK_EQ(g.r.got, 0); /* no END */
	CHECK_EQ(g.r.count, 0);
	CHECK_EQ(g.buf[0], '#');
	CHECK_MEM(&g.m.addr, &from, sizeof from);
	recv_is(loop, &a, "behind", &from);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.bytes_in, 6);
	CHECK_EQ(stats.bytes_out, 6);
	kit_close(&loop);
}

TEST(datagram_cut_is_told)
{
	static const char text[] = "0123456789";
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (size_t room = 1; room <= 12; room++) {
		gram g = GRAM;
		size_t want = room < 10 ? room : 10;

		if (room % 2) /* there already, or not yet */
			CHECK_EQ(send_one(loop, &b, &at, text), 10);
		memset(g.buf, '#', sizeof g.buf);
		g.m.buf = g.buf;
		g.m.len = room;
		SUBMIT(proa_recv_msg, &a, &g.r, &g.m);
		if (room % 2 == 0)
			CHECK_EQ(send_one(loop, &b, &at, text), 10);
		CHECK_EQ(kit_await(loop, &g.r), want);
		CHECK_EQ(g.r.count, want);
		CHECK_EQ(g.r.got, room < 10 ? PROA_TRUNC : 0);
		CHECK_MEM(g.buf, text, want);
		CHECK_EQ(g.buf[room], '#');
		CHECK_MEM(&g.m.addr, &from, sizeof from);
	}
	/* the flag is the last one's, not a former one's */
	CHECK_EQ(send_one(loop, &b, &at, "whole"), 5);
	recv_is(loop, &a, "whole", &from);
	kit_close(&loop);
}

TEST(datagram_too_long_is_emsgsize_and_breaks_nothing)
{
	enum { MOST = 65507, LEN = 100000 };
	char *big = calloc(1, LEN), *in = malloc(LEN);
	gram g = GRAM;
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	gram_send(&b, &g, &at, big, MOST + 1);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EMSGSIZE);
	CHECK_EQ(g.r.count, 0);
	gram_send(&b, &g, &at, big, LEN);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EMSGSIZE);
	gram_send(&b, &g, &at, big, SIZE_MAX);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EMSGSIZE);
	kit_fill(big, LEN, 7);
	for (size_t len = 8000; len <= MOST; len += MOST - 8000) {
		gram_send(&b, &g, &at, big, len);
		kit_await(loop, &g.r);
		if (len == MOST && g.r.result == -PROA_EMSGSIZE)
			break; /* a system's own limit */
		CHECK_EQ(g.r.result, len);
		g.m.buf = in;
		g.m.len = LEN;
		SUBMIT(proa_recv_msg, &a, &g.r, &g.m);
		CHECK_EQ(kit_await(loop, &g.r), len);
		CHECK_EQ(g.r.got, 0);
		CHECK(kit_filled(in, len, 7));
	}
	free(big);
	free(in);
	kit_close(&loop);
}

/* ---- order ---- */

TEST(datagram_recvs_and_sends_are_queues)
{
	enum { N = 40 };
	static gram in[N], out[N];
	char text[N][16];
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	memset(in, 0, sizeof in);
	memset(out, 0, sizeof out);
	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (int i = 0; i < N; i++)
		gram_recv(&a, &in[i]);
	for (int i = 0; i < N; i++) {
		snprintf(text[i], sizeof text[i], "number %d", i);
		gram_send(&b, &out[i], &at, text[i], strlen(text[i]));
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &in[i].r), strlen(text[i]));
		CHECK_MEM(in[i].buf, text[i], strlen(text[i]));
		CHECK_EQ(kit_await(loop, &out[i].r), strlen(text[i]));
		CHECK_MEM(&in[i].m.addr, &from, sizeof from);
		if (i) {
			CHECK_GT(in[i].r.order, in[i - 1].r.order);
			CHECK_GT(out[i].r.order, out[i - 1].r.order);
		}
	}
	kit_close(&loop);
}

/* A short one says nothing of those behind it: all of them are there before the first recv, and no
 * event comes any more. */
TEST(datagram_shorter_than_its_room_drains_nothing)
{
	char text[16];
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++) {
			snprintf(text, sizeof text, "%d", i);
			CHECK_EQ(send_one(loop, &b, &at, text), 1);
		}
		kit_settle(loop);
		for (int i = 0; i < 10; i++) {
			snprintf(text, sizeof text, "%d", i);
			recv_is(loop, &a, text, &from);
		}
	}
	kit_close(&loop);
}

TEST(datagram_many_senders_to_one)
{
	enum { N = 24, ROUNDS = 10 };
	static gram in[N], out[N];
	static proa_handle h[N];
	proa_addr from[N], at;
	proa_handle a;
	LOOP(loop);

	udp_here(loop, &a, &at);
	for (int i = 0; i < N; i++)
		udp_here(loop, &h[i], &from[i]);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned seen = 0;

		memset(in, 0, sizeof in);
		memset(out, 0, sizeof out);
		for (int i = 0; i < N; i++) {
			gram_recv(&a, &in[i]);
			gram_send(&h[i], &out[i], &at, &from[i], sizeof(uint32_t));
		}
		for (int i = 0; i < N; i++) {
			CHECK_EQ(kit_await(loop, &in[i].r), sizeof(uint32_t));
			for (int k = 0; k < N; k++)
				if (!memcmp(&in[i].m.addr, &from[k], sizeof from[k]))
					seen |= 1u << k;
			kit_await(loop, &out[i].r);
		}
		CHECK_EQ(seen, (1u << N) - 1); /* each of them, once */
	}
	kit_close(&loop);
}

/* ---- ends of ops ---- */

TEST(datagram_recv_cancelled_timed_out_idle)
{
	gram g[3] = {GRAM};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (int i = 0; i < 3; i++)
		gram_recv(&a, &g[i]);
	kit_settle(loop);
	proa_cancel(&g[1].r.op); /* one that waits behind another */
	CHECK_EQ(kit_await(loop, &g[1].r), -PROA_ECANCELED);
	proa_cancel(&g[0].r.op);
	CHECK_EQ(kit_await(loop, &g[0].r), -PROA_ECANCELED);
	CHECK_EQ(g[0].r.count, 0);
	CHECK_EQ(send_one(loop, &b, &at, "third"), 5);
	CHECK_EQ(kit_await(loop, &g[2].r), 5);
	g[0].r.op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	gram_recv(&a, &g[0]);
	CHECK_EQ(kit_await(loop, &g[0].r), -PROA_ETIMEDOUT);
	CHECK_GE(g[0].r.at_ns, g[0].r.op.deadline_ns);
	g[1].r.op.deadline_ns = PROA_POLL;
	gram_send(&b, &g[1], &at, "never", 5); /* past at submit: not attempted */
	CHECK_EQ(kit_await(loop, &g[1].r), -PROA_ETIMEDOUT);
	g[0].r.op.deadline_ns = 0;
	proa_set_idle(&a, 30 * PROA_MSEC);
	gram_recv(&a, &g[0]);
	CHECK_EQ(kit_await(loop, &g[0].r), -PROA_ETIMEDOUT);
	CHECK_EQ(send_one(loop, &b, &at, "still"), 5);
	recv_is(loop, &a, "still", &from);
	kit_close(&loop);
}

/* False: a datagram came so late that it says nothing. */
static bool lives_by_datagrams(proa_loop *loop)
{
	gram g = GRAM;
	proa_handle a, b;
	proa_addr at, from;
	int64_t begin = proa_clock(loop), turn;
	bool slow = false;

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	proa_set_idle(&a, 200 * PROA_MSEC);
	while (proa_clock(loop) - begin < 500 * PROA_MSEC) {
		turn = proa_clock(loop);
		gram_recv(&a, &g);
		kit_once(loop, 20);
		CHECK_EQ(send_one(loop, &b, &at, ""), 0);
		kit_await(loop, &g.r);
		slow |= proa_clock(loop) - turn > 150 * PROA_MSEC;
		CHECK(g.r.result == 0 || slow);
	}
	gram_recv(&a, &g);
	kit_await(loop, &g.r);
	CHECK(g.r.result == -PROA_ETIMEDOUT || slow);
	kit_end(loop, &a);
	kit_end(loop, &b);
	return !slow;
}

/* Each datagram counts as a move, an empty one too. */
TEST(datagram_idle_time_counts_from_the_last)
{
	int tries = 0;
	LOOP(loop);

	while (!lives_by_datagrams(loop) && CHECK_LT(tries, 30))
		tries++;
	kit_close(&loop);
}

TEST(datagram_close_with_recvs_in_flight)
{
	enum { N = 6 };
	LOOP(loop);

	for (int iterations = 0; iterations < 4; iterations++) {
		static gram g[N];
		gram out = GRAM, late = GRAM;
		proa_handle a;
		proa_addr at;

		memset(g, 0, sizeof g);
		udp_here(loop, &a, &at);
		for (int i = 0; i < N; i++)
			gram_recv(&a, &g[i]);
		for (int i = 0; i < iterations; i++)
			kit_once(loop, 0);
		if (iterations == 3)
			gram_send(&a, &out, &at, "self", 4);
		proa_close(&a, NULL);
		gram_recv(&a, &late);
		UNTIL(loop, late.r.finals && g[0].r.finals && g[N - 1].r.finals);
		CHECK_EQ(late.r.result, -PROA_ECANCELED);
		for (int i = 0; i < N; i++)
			CHECK(g[i].r.result == -PROA_ECANCELED ||
			      (i == 0 && iterations == 3 && g[i].r.result == 4));
		UNTIL(loop, out.r.finals == out.r.submits);
	}
	kit_close(&loop);
}

/* The sends that are queued go out first; a recv does not hold it up. */
TEST(datagram_finish_lets_sends_out)
{
	enum { N = 20 };
	static gram out[N];
	gram in = GRAM;
	proa_handle a, b;
	proa_addr at, from;
	int before = kit_n_closed;
	LOOP(loop);

	memset(out, 0, sizeof out);
	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	gram_recv(&b, &in);
	for (int i = 0; i < N; i++)
		gram_send(&b, &out[i], &at, "last words", 10);
	proa_finish(&b, proa_clock(loop) + 60 * PROA_SEC, kit_closed);
	UNTIL(loop, kit_n_closed == before + 1);
	CHECK_EQ(in.r.result, -PROA_ECANCELED);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(out[i].r.result, 10);
		recv_is(loop, &a, "last words", &from);
	}
	kit_close(&loop);
}

/* ---- races ---- */

static void race_step(proa_loop *loop, unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	for (unsigned i = 0; i < (*seed >> 16) % 3; i++)
		kit_once(loop, 0);
}

static void race_end(rec *r, bool cancel)
{
	if (cancel)
		proa_cancel(&r->op);
	else
		proa_deadline(&r->op, PROA_POLL);
}

/* A datagram is either the cancelled recv's, or the next one's. It is sent before the recv, or
 * after it, or when that has been asked to end. */
TEST(datagram_cancel_race_loses_none)
{
	gram out = GRAM, in = GRAM;
	unsigned seed = 1, cancels = 0, n;
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (n = 0; n < (unsigned)TEST_TIMES(2000); n++) {
		for (unsigned step = 0; step < 5; step++) {
			if (step == n % 5)
				gram_send(&b, &out, &at, &n, sizeof n);
			if (step == 1)
				gram_recv(&a, &in);
			if (step == 3)
				race_end(&in.r, n & 8);
			race_step(loop, &seed);
		}
		kit_await(loop, &out.r);
		kit_await(loop, &in.r);
		in.r.op.deadline_ns = 0;
		if (in.r.result < 0) {
			CHECK_EQ(in.r.result, n & 8 ? -PROA_ECANCELED : -PROA_ETIMEDOUT);
			cancels++;
			gram_recv(&a, &in);
			kit_await(loop, &in.r);
		}
		CHECK_EQ(in.r.result, sizeof n);
		CHECK_MEM(in.buf, &n, sizeof n);
	}
	test_note("%u of %u were cancelled", cancels, n);
	CHECK_GT(cancels, 0);
	CHECK_LT(cancels, n);
	kit_close(&loop);
}

TEST(datagram_ops_do_not_allocate)
{
	proa_handle a, b;
	proa_addr at, from;
	long calls = 0;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	for (int i = 0; i < 40; i++) {
		if (i == 10)
			calls = kit_mem.calls;
		echo_round(loop, &a, &at, &b, &from, "round and round");
	}
	CHECK_EQ(kit_mem.calls, calls);
	kit_close(&loop);
}
