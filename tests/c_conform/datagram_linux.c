/* Datagrams as only Linux brings them about: a send that waits, a report without a peer. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* Over loopback a UDP send never waits: what the receiver has no room for is dropped. A local
 * datagram socket holds the sender up instead; for the backends it is the same. */
static bool full_pair(proa_loop *loop, proa_handle *a, proa_handle *b)
{
	int fd[2];

	if (!CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd), 0))
		return false;
	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	proa_handle_init(proa_root(loop), a);
	proa_handle_init(proa_root(loop), b);
	proa_adopt_os(a, fd[0], PROA_UDP);
	proa_adopt_os(b, fd[1], PROA_UDP);
	return true;
}

enum { MANY = 400 }; /* more than the system lets wait */

static char texts[MANY][16];

static int waiting(const gram *out, int from)
{
	while (from < MANY && out[from].r.finals)
		from++;
	return from;
}

static void sends_fill(proa_loop *loop, proa_handle *a, gram *out)
{
	memset(out, 0, MANY * sizeof *out);
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof texts[i], "%d", i);
		gram_send(a, &out[i], NULL, texts[i], strlen(texts[i]));
	}
	for (int still = 0, before = 0; still < 5; still++) {
		kit_once(loop, 2);
		if (waiting(out, before) > before)
			still = 0;
		before = waiting(out, before);
	}
}

TEST(datagram_send_that_waits)
{
	static gram out[MANY];
	proa_handle a, b;
	proa_addr none = {0};
	int first;
	LOOP(loop);

	if (full_pair(loop, &a, &b)) {
		sends_fill(loop, &a, out);
		first = waiting(out, 0);
		CHECK_GT(first, 0);
		CHECK_LT(first, MANY - 10);
		proa_cancel(&out[first + 3].r.op); /* in the queue */
		proa_cancel(&out[first].r.op);     /* in the kernel */
		proa_deadline(&out[first + 1].r.op, proa_clock(loop) + 20 * PROA_MSEC);
		CHECK_EQ(kit_await(loop, &out[first].r), -PROA_ECANCELED);
		CHECK_EQ(kit_await(loop, &out[first + 1].r), -PROA_ETIMEDOUT);
		CHECK_EQ(kit_await(loop, &out[first + 3].r), -PROA_ECANCELED);
		CHECK_EQ(out[first].r.count, 0);
		/* the rest is whole: nothing is broken by it */
		for (int i = 0; i < MANY; i++)
			if (i != first && i != first + 1 && i != first + 3)
				recv_is(loop, &b, texts[i], &none);
		CHECK_EQ(kit_await(loop, &out[MANY - 1].r), strlen(texts[MANY - 1]));
	}
	kit_close(&loop);
}

TEST(datagram_send_that_waits_ends_by_idle_time_and_close)
{
	static gram out[MANY];
	proa_handle a, b;
	int first;
	LOOP(loop);

	if (full_pair(loop, &a, &b)) {
		sends_fill(loop, &a, out);
		first = waiting(out, 0);
		proa_set_idle(&a, 20 * PROA_MSEC);
		for (int i = first; i < MANY; i++)
			CHECK_EQ(kit_await(loop, &out[i].r), -PROA_ETIMEDOUT);
		proa_set_idle(&a, 0);
		sends_fill(loop, &a, out);
		CHECK_EQ(waiting(out, 0), 0);
		kit_end(loop, &a);
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(out[i].r.result, -PROA_ECANCELED);
	}
	kit_close(&loop);
}

/* ---- reports without a peer: with IP_RECVERR Linux tells an unconnected socket, too, as other
 * systems do by themselves ---- */

typedef struct reported {
	proa_handle a, b, closed; /* a's reports come from where `closed` takes nothing */
	proa_addr a_at, b_at, closed_at;
} reported;

static void report(proa_loop *loop, reported *x)
{
	CHECK_EQ(send_one(loop, &x->a, &x->closed_at, "anybody?"), 8);
}

static void reported_open(proa_loop *loop, reported *x)
{
	int on = 1, error = 0;
	socklen_t len = sizeof error;

	udp_here(loop, &x->closed, &x->closed_at);
	CHECK_EQ(proa_udp_connect(&x->closed, &x->closed_at), 0); /* gets nothing */
	udp_here(loop, &x->a, &x->a_at);
	udp_here(loop, &x->b, &x->b_at);
	CHECK_EQ(setsockopt((int)proa_os(&x->a), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
	report(loop, x);
	CHECK_EQ(getsockopt((int)proa_os(&x->a), SOL_SOCKET, SO_ERROR, &error, &len), 0);
	CHECK_EQ(error, ECONNREFUSED); /* it is so: the rest tests something */
}

/* Many while `r` waits, which hears of none; then something comes. */
static void reports_pass(proa_loop *loop, reported *x, const rec *r)
{
	for (int i = 0; i < 40; i++) {
		report(loop, x);
		if (i % 3 == 0)
			kit_once(loop, 1);
	}
	kit_settle(loop);
	CHECK_EQ(r->finals + r->mores, 0);
	CHECK_EQ(send_one(loop, &x->b, &x->a_at, "I"), 1);
	UNTIL(loop, r->finals + r->mores > 0);
	CHECK_EQ(r->result, 1);
}

TEST(datagram_report_without_a_peer_is_passed_over)
{
	gram g = GRAM;
	reported x;
	LOOP(loop);

	reported_open(loop, &x);
	gram_recv(&x.a, &g);
	reports_pass(loop, &x, &g.r);
	CHECK_MEM(&g.m.addr, &x.b_at, sizeof x.b_at);
	report(loop, &x);
	gram_recv(&x.a, &g);
	kit_settle(loop);
	proa_cancel(&g.r.op);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(datagram_report_without_a_peer_is_passed_over_by_many)
{
	rec many = {0}, batch = {0}, out = {0};
	char bytes[3][8] = {"1", "22", "333"};
	proa_msg m[3] = {{.buf = NULL}};
	reported x;
	LOOP(loop);

	reported_open(loop, &x);
	for (int i = 0; i < 3; i++)
		m[i] = (proa_msg){.buf = bytes[i], .len = sizeof bytes[i]};
	SUBMIT(proa_recv_msgs, &x.a, &batch, m, 3);
	reports_pass(loop, &x, &batch);
	CHECK_EQ(batch.count, 1);
	CHECK_MEM(&m[0].addr, &x.b_at, sizeof x.b_at);
	SUBMIT(proa_recv_msg_many, &x.a, &many, NULL);
	reports_pass(loop, &x, &many);
	proa_buffer_return(loop, many.buf);
	report(loop, &x);
	for (int i = 0; i < 3; i++)
		m[i] = (proa_msg){.buf = bytes[i], .len = (size_t)i + 1, .addr = x.b_at};
	SUBMIT(proa_send_msgs, &x.a, &out, m, 3);
	CHECK_EQ(kit_await(loop, &out), 3);
	for (int i = 0; i < 3; i++) {
		gram g = GRAM;

		CHECK_EQ(recv_within(loop, &x.b, &g, 10000), i + 1);
	}
	proa_cancel(&many.op);
	CHECK_EQ(kit_await(loop, &many), -PROA_ECANCELED);
	CHECK_EQ(many.mores, 1);
	kit_close(&loop);
}

/* ---- from where ---- */

/* Bound to all addresses, one that has come to any of them is answered from that one. */
TEST(datagram_answered_from_where_it_came_to)
{
	proa_udp_options o = {.info = true};
	gram in = GRAM, back = GRAM;
	proa_handle a, b;
	proa_addr a_at, b_at, to;
	char text[32];
	LOOP(loop);

	CHECK_EQ(udp_open(loop, &a, "0.0.0.0:0", &o, &a_at), 0);
	udp_here(loop, &b, &b_at);
	for (int i = 2; i < 5; i++) {
		snprintf(text, sizeof text, "127.0.0.%d", i);
		CHECK_EQ(proa_addr_parse(&to, text, proa_addr_port(&a_at)), 0);
		CHECK_EQ(send_one(loop, &b, &to, "who?"), 4);
		CHECK_EQ(recv_within(loop, &a, &in, 10000), 4);
		in.m.len = 4;
		if (i == 4) { /* among others in a batch */
			SUBMIT(proa_send_msgs, &a, &in.r, &in.m, 1);
			CHECK_EQ(kit_await(loop, &in.r), 1);
		} else {
			SUBMIT(proa_send_msg, &a, &in.r, &in.m);
			CHECK_EQ(kit_await(loop, &in.r), 4);
		}
		CHECK_EQ(recv_within(loop, &b, &back, 10000), 4);
		CHECK_MEM(&back.m.addr, &to, sizeof to);
	}
	CHECK_EQ(proa_addr_parse(&in.m.local, "203.0.113.7", 0), 0); /* nobody's: RFC 5737 */
	SUBMIT(proa_send_msg, &a, &in.r, &in.m);
	kit_await(loop, &in.r);
	CHECK(in.r.result == -PROA_EINVAL || in.r.result == -PROA_EADDRNOTAVAIL ||
	      in.r.result == -PROA_ENETUNREACH);
	kit_close(&loop);
}
