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

/* With IP_RECVERR Linux tells an unconnected socket, too, as other systems do by themselves. */
TEST(datagram_report_without_a_peer_is_passed_over)
{
	gram g = GRAM;
	proa_handle closed, a, b;
	proa_addr at, from, b_at;
	int on = 1, error = 0;
	socklen_t len = sizeof error;
	LOOP(loop);

	udp_here(loop, &closed, &at);
	CHECK_EQ(proa_udp_connect(&closed, &at), 0); /* gets nothing */
	udp_here(loop, &a, &from);
	udp_here(loop, &b, &b_at);
	CHECK_EQ(setsockopt((int)proa_os(&a), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
	CHECK_EQ(send_one(loop, &a, &at, "anybody?"), 8);
	CHECK_EQ(getsockopt((int)proa_os(&a), SOL_SOCKET, SO_ERROR, &error, &len), 0);
	CHECK_EQ(error, ECONNREFUSED); /* it is so: the rest tests something */
	gram_recv(&a, &g);
	for (int i = 0; i < 40; i++) {
		CHECK_EQ(send_one(loop, &a, &at, "anybody?"), 8);
		if (i % 3 == 0)
			kit_once(loop, 1);
	}
	kit_settle(loop);
	CHECK_EQ(g.r.finals, 0);
	CHECK_EQ(send_one(loop, &b, &from, "I"), 1);
	CHECK_EQ(kit_await(loop, &g.r), 1);
	CHECK_MEM(&g.m.addr, &b_at, sizeof b_at);
	CHECK_EQ(send_one(loop, &a, &at, "anybody?"), 8);
	gram_recv(&a, &g);
	kit_settle(loop);
	proa_cancel(&g.r.op);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_ECANCELED);
	kit_close(&loop);
}
