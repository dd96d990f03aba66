/* Several datagrams a call, segments, what comes with each; groups and options. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

#include <stdio.h>
#include <stdlib.h>

enum { N = 40 };

/* ---- recv_msgs, send_msgs ---- */

typedef struct batch {
	rec r; /* first */
	proa_msg m[N];
	char buf[N][32];
} batch;

static batch *batch_new(const proa_addr *to)
{
	batch *b = calloc(1, sizeof *b);

	for (int i = 0; i < N; i++) {
		b->m[i].buf = b->buf[i];
		b->m[i].len = sizeof b->buf[i];
		if (!to)
			continue;
		b->m[i].addr = *to;
		b->m[i].len = (size_t)snprintf(b->buf[i], sizeof b->buf[i], "number %d", i);
	}
	return b;
}

TEST(datagram_batches)
{
	batch *in, *out;
	proa_handle a, b;
	proa_addr at, from;
	int n = 0, calls = 0;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	out = batch_new(&at);
	in = batch_new(NULL);
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, N);
	CHECK_EQ(kit_await(loop, &out->r), N);
	CHECK_EQ(out->r.count, N);
	for (; n < N && calls <= N; calls++) {
		SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 7);
		CHECK_GT(kit_await(loop, &in->r), 0);
		CHECK_LE(in->r.result, 7);
		for (int i = 0; i < in->r.result; i++, n++) {
			CHECK_EQ(in->m[i].count, out->m[n].len);
			CHECK_MEM(in->buf[i], out->buf[n], in->m[i].count);
			CHECK_EQ(in->m[i].got, 0);
			CHECK_MEM(&in->m[i].addr, &from, sizeof from);
		}
	}
	CHECK_EQ(n, N);
	test_note("%d calls", calls);
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, N);
	kit_settle(loop);
	CHECK_EQ(in->r.finals + 1, in->r.submits);
	proa_cancel(&in->r.op);
	CHECK_EQ(kit_await(loop, &in->r), -PROA_ECANCELED);
	in->m[0].len = 3;
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 1);
	kit_settle(loop); /* waits, and is then told */
	CHECK_EQ(send_one(loop, &b, &at, "four"), 4);
	CHECK_EQ(kit_await(loop, &in->r), 1);
	CHECK_EQ(in->m[0].count, 3);
	CHECK_EQ(in->m[0].got, PROA_TRUNC);
	free(in);
	free(out);
	kit_close(&loop);
}

TEST(datagram_batches_end_early)
{
	batch *in, *out;
	proa_handle a, b, s, t;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	out = batch_new(&at);
	in = batch_new(NULL);
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, 0);
	CHECK_EQ(kit_await(loop, &out->r), -PROA_EINVAL);
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 1025);
	CHECK_EQ(kit_await(loop, &in->r), -PROA_EINVAL);
	out->m[3].addr.len = 0;
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, N); /* seen before any goes */
	CHECK_EQ(kit_await(loop, &out->r), -PROA_ENOTCONN);
	CHECK_EQ(out->r.count, 0);
	out->m[3].addr = at;
	out->m[2].segment_bytes = 1;
	out->m[2].len = 65;
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, N);
	CHECK_EQ(kit_await(loop, &out->r), -PROA_EINVAL);
	in->m[1].len = 0;
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 2);
	CHECK_EQ(kit_await(loop, &in->r), -PROA_EINVAL);
	kit_pair(loop, &s, &t);
	SUBMIT(proa_recv_msgs, &s, &in->r, in->m, 1);
	CHECK_EQ(kit_await(loop, &in->r), -PROA_ENOTSUP);
	SUBMIT(proa_send_msgs, &s, &out->r, out->m, 1);
	CHECK_EQ(kit_await(loop, &out->r), -PROA_ENOTSUP);
	in->r.op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 1);
	CHECK_EQ(kit_await(loop, &in->r), -PROA_ETIMEDOUT);
	in->r.op.deadline_ns = 0;
	SUBMIT(proa_recv_msgs, &a, &in->r, in->m, 1);
	kit_end(loop, &a);
	CHECK_EQ(in->r.result, -PROA_ECANCELED);
	free(in);
	free(out);
	kit_close(&loop);
}

/* What went before one that cannot go is told, and nothing behind it has gone. */
TEST(datagram_batch_with_one_that_cannot_go)
{
	enum { TOO_LONG = 65530 }; /* an IP packet has no room for it */
	char *bytes = calloc(1, TOO_LONG);
	batch *out;
	proa_handle a, b;
	proa_addr at, from;
	gram g = GRAM;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	out = batch_new(&at);
	out->m[2].buf = bytes;
	out->m[2].len = TOO_LONG;
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, 5);
	CHECK_EQ(kit_await(loop, &out->r), -PROA_EMSGSIZE);
	CHECK_EQ(out->r.count, 2);
	for (int i = 0; i < 2; i++)
		recv_is(loop, &a, out->buf[i], &from);
	CHECK_EQ(recv_within(loop, &a, &g, 20), -PROA_ETIMEDOUT);
	SUBMIT(proa_send_msgs, &b, &out->r, out->m + 3, 2); /* the handle goes on */
	CHECK_EQ(kit_await(loop, &out->r), 2);
	for (int i = 3; i < 5; i++)
		recv_is(loop, &a, out->buf[i], &from);
	free(bytes);
	free(out);
	kit_close(&loop);
}

/* ---- segments ---- */

static void segments_are(proa_loop *loop, proa_handle *h, const char *bytes, size_t len,
                         size_t segment)
{
	static char buf[4096];

	for (size_t at = 0; at < len; at += segment) {
		size_t want = len - at < segment ? len - at : segment;
		gram g = GRAM;

		g.m.buf = buf;
		g.m.len = sizeof buf;
		SUBMIT(proa_recv_msg, h, &g.r, &g.m);
		if (!CHECK_EQ(kit_await(loop, &g.r), want))
			return;
		CHECK_MEM(buf, bytes + at, want);
	}
}

static void segments_send(proa_loop *loop, proa_handle *h, const proa_addr *to, char *bytes,
                          size_t len, uint32_t segment)
{
	gram g = GRAM;

	g.m = (proa_msg){.buf = bytes, .len = len, .addr = *to, .segment_bytes = segment};
	SUBMIT(proa_send_msg, h, &g.r, &g.m);
	CHECK_EQ(kit_await(loop, &g.r), len);
	CHECK_EQ(g.r.count, len);
}

TEST(datagram_segments)
{
	enum { MOST = 100000 };
	char *bytes = malloc(MOST);
	gram g = GRAM;
	proa_udp_options o = {.recv_bytes = 1 << 20};
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	CHECK_EQ(udp_open(loop, &a, "127.0.0.1:0", &o, &at), 0);
	udp_here(loop, &b, &from);
	kit_fill(bytes, MOST, 3);
	segments_send(loop, &b, &at, bytes, 1000, 400);
	segments_are(loop, &a, bytes, 1000, 400);
	segments_send(loop, &b, &at, bytes, 1000, 1000); /* one */
	segments_are(loop, &a, bytes, 1000, 1000);
	segments_send(loop, &b, &at, bytes, 10, 1000); /* one, and shorter */
	segments_are(loop, &a, bytes, 10, 1000);
	segments_send(loop, &b, &at, bytes, 90, 1); /* more than the system takes in one call */
	segments_are(loop, &a, bytes, 90, 1);
	segments_send(loop, &b, &at, bytes, MOST, 1200); /* longer than any datagram */
	segments_are(loop, &a, bytes, MOST, 1200);
	g.m = (proa_msg){.buf = bytes, .len = 100, .addr = at, .segment_bytes = 70000};
	SUBMIT(proa_send_msg, &b, &g.r, &g.m);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EINVAL);
	free(bytes);
	kit_close(&loop);
}

TEST(datagram_segments_in_a_batch)
{
	batch *out;
	proa_handle a, b;
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	out = batch_new(&at);
	out->m[0].segment_bytes = 3;
	out->m[1].segment_bytes = 4;
	SUBMIT(proa_send_msgs, &b, &out->r, out->m, 3);
	CHECK_EQ(kit_await(loop, &out->r), 3);
	segments_are(loop, &a, out->buf[0], 8, 3);
	segments_are(loop, &a, out->buf[1], 8, 4);
	segments_are(loop, &a, out->buf[2], 8, 8);
	free(out);
	kit_close(&loop);
}

/* Where the next run of datagrams belongs. */
typedef struct runs {
	rec r; /* first */
	const char *bytes;
	size_t got;
	unsigned joined;
	proa_addr from;
} runs;

enum { RUN_LEN = 24000, RUN_SEGMENT = 1000 };

static void run_got(rec *r)
{
	runs *x = (runs *)(void *)r;
	proa_msg m;

	if (!(r->got & PROA_MORE))
		return;
	proa_msg_of(r->buf, r->result, &m);
	CHECK(m.segment_bytes ? m.segment_bytes == RUN_SEGMENT : m.len == RUN_SEGMENT);
	if (CHECK_LE(x->got + m.len, RUN_LEN))
		CHECK_MEM(m.buf, x->bytes + x->got, m.len);
	CHECK_MEM(&m.addr, &x->from, sizeof m.addr);
	x->joined += m.segment_bytes != 0;
	x->got += m.len;
	proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

/* However they come, joined or not: in order, and each cut where it was. */
TEST(datagram_joined_or_not_are_the_same)
{
	char *bytes = malloc(RUN_LEN);
	runs x = {.r = {.then = run_got}, .bytes = bytes};
	proa_udp_options o = {.gro = true, .recv_bytes = 1 << 20};
	proa_handle a, b;
	proa_addr at;
	LOOP(loop);

	CHECK_EQ(udp_open(loop, &a, "127.0.0.1:0", &o, &at), 0);
	udp_here(loop, &b, &x.from);
	kit_fill(bytes, RUN_LEN, 5);
	segments_send(loop, &b, &at, bytes, RUN_LEN, RUN_SEGMENT);
	SUBMIT(proa_recv_msg_many, &a, &x.r, NULL);
	UNTIL(loop, x.got == RUN_LEN);
	test_note("%u runs of several", x.joined);
	free(bytes);
	kit_close(&loop);
}

/* ---- what comes with a datagram ---- */

static void info_over(proa_loop *loop, const char *here, const char *alone)
{
	proa_udp_options o = {.info = true};
	gram g = GRAM, out = GRAM;
	proa_handle a, b;
	proa_addr at, from, host;

	CHECK_EQ(udp_open(loop, &a, here, &o, &at), 0);
	CHECK_EQ(udp_open(loop, &b, alone, NULL, &from), 0);
	CHECK_EQ(proa_addr_parse(&host, alone, 0), 0);
	CHECK_EQ(proa_udp_set(&b, PROA_UDP_TTL, 33), 0);
	CHECK_EQ(send_one(loop, &b, &at, "hello"), 5);
	CHECK_EQ(recv_within(loop, &a, &g, 10000), 5);
	CHECK_MEM(&g.m.local, &host, sizeof host);
	CHECK_EQ(g.m.ttl, 33);
	CHECK_EQ(g.m.if_index, proa_if_index(host_zone()));
	/* and back, from where it was sent to */
	out.m = g.m;
	out.m.len = 5;
	SUBMIT(proa_send_msg, &a, &out.r, &out.m);
	CHECK_EQ(kit_await(loop, &out.r), 5);
	CHECK_EQ(recv_within(loop, &b, &g, 10000), 5);
	CHECK_EQ(proa_addr_port(&g.m.addr), proa_addr_port(&at));
	CHECK_EQ(g.m.local.len, 0);
	CHECK_EQ(g.m.ttl, -1);
	kit_end(loop, &a);
	kit_end(loop, &b);
}

TEST(datagram_info)
{
	proa_udp_options o = {.info = true};
	proa_handle h;
	proa_addr addr;
	bool v6;
	int rc;
	LOOP(loop);

	rc = udp_open(loop, &h, "127.0.0.1:0", &o, &addr);
	kit_end(loop, &h);
	if (rc == 0) {
		info_over(loop, "127.0.0.1:0", "127.0.0.1:0");
		v6 = udp_open(loop, &h, "[::1]:0", &o, &addr) == 0;
		kit_end(loop, &h);
		if (v6)
			info_over(loop, "[::1]:0", "[::1]:0");
	}
	kit_close(&loop);
	if (rc == -PROA_ENOTSUP)
		SKIP("nothing comes with a datagram here");
	CHECK_EQ(rc, 0);
}

/* ---- groups and options ---- */

/* A simulated network has no groups; then the test is over. */
static bool groups_none(proa_loop **loop)
{
	proa_handle h;
	proa_addr at;
	int rc;

	udp_here(*loop, &h, &at);
	rc = proa_udp_set(&h, PROA_UDP_TTL, 7);
	kit_end(*loop, &h);
	if (rc != -PROA_ENOTSUP)
		return false;
	kit_close(loop);
	return true;
}

#define LOOP_WITH_GROUPS(loop)    \
	LOOP(loop);               \
	if (groups_none(&(loop))) \
	SKIP("there are no groups here")

TEST(datagram_options)
{
	proa_handle a, s, t;
	proa_addr at, group;
	NEED(HOST_GROUPS);
	LOOP_WITH_GROUPS(loop);

	udp_here(loop, &a, &at);
	CHECK_EQ(proa_udp_set(&a, PROA_UDP_TTL, 7), 0);
	CHECK_EQ(proa_udp_set(&a, PROA_UDP_TTL, 0), -PROA_EINVAL);
	CHECK_EQ(proa_udp_set(&a, PROA_UDP_TTL, 256), -PROA_EINVAL);
	CHECK_EQ(proa_udp_set(&a, PROA_UDP_MULTICAST_TTL, 0), 0);
	CHECK_EQ(proa_udp_set(&a, PROA_UDP_MULTICAST_LOOP, 2), -PROA_EINVAL);
	CHECK_EQ(proa_udp_set(&a, (proa_udp_option)99, 0), -PROA_EINVAL);
	CHECK_NE(proa_udp_set(&a, PROA_UDP_MULTICAST_INTERFACE, 9999999), 0);
	if (strcmp(proa_loop_backend(loop), "iocp") != 0)
		CHECK_EQ(proa_udp_set(&a, PROA_UDP_MULTICAST_INTERFACE, 9999999), -PROA_ENODEV);
	CHECK_EQ(proa_udp_join(&a, &at, NULL, 0), -PROA_EINVAL); /* no group */
	CHECK_EQ(proa_addr_parse(&group, "239.7.7.7", 0), 0);
	CHECK_NE(proa_udp_leave(&a, &group, NULL, 0), 0); /* never joined */
	kit_pair(loop, &s, &t);
	CHECK_EQ(proa_udp_join(&s, &group, NULL, 0), -PROA_EINVAL);
	CHECK_EQ(proa_udp_set(&s, PROA_UDP_TTL, 7), -PROA_EINVAL);
	CHECK_EQ(proa_if_index("no such interface"), 0);
	kit_close(&loop);
}

static void group_heard(proa_loop *loop, proa_handle *hears, proa_handle *says, const proa_addr *to)
{
	gram g = GRAM;

	CHECK_EQ(send_one(loop, says, to, "to all"), 6);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(recv_within(loop, &hears[i], &g, 10000), 6);
		CHECK_MEM(g.buf, "to all", 6);
	}
}

/* Two programs' sockets on one port: both hear it while they have joined, none afterwards. */
static void group_over(proa_loop *loop, const char *any, const char *group_text)
{
	proa_udp_options shared = {.shared = true};
	uint32_t lo = proa_if_index(host_zone());
	proa_handle hears[2], says;
	proa_addr at, group, from;
	gram g = GRAM;
	char text[64];

	CHECK_EQ(udp_open(loop, &hears[0], any, &shared, &at), 0);
	CHECK_EQ(proa_addr_parse(&group, group_text, proa_addr_port(&at)), 0);
	snprintf(text, sizeof text, "%.*s%u", (int)strlen(any) - 1, any, proa_addr_port(&at));
	CHECK_EQ(udp_open(loop, &hears[1], text, &shared, &at), 0);
	CHECK_EQ(udp_open(loop, &says, any, NULL, &from), 0);
	CHECK_EQ(proa_udp_set(&says, PROA_UDP_MULTICAST_INTERFACE, (int)lo), 0);
	CHECK_EQ(proa_udp_set(&says, PROA_UDP_MULTICAST_TTL, 0), 0); /* not beyond this machine */
	for (int i = 0; i < 2; i++)
		CHECK_EQ(proa_udp_join(&hears[i], &group, NULL, lo), 0);
	CHECK_NE(proa_udp_join(&hears[0], &group, NULL, lo), 0); /* it has */
	group_heard(loop, hears, &says, &group);
	CHECK_EQ(proa_udp_leave(&hears[0], &group, NULL, lo), 0);
	CHECK_EQ(proa_udp_set(&says, PROA_UDP_MULTICAST_LOOP, 0), 0); /* not of lo itself */
	CHECK_EQ(proa_udp_set(&says, PROA_UDP_MULTICAST_LOOP, 1), 0);
	CHECK_EQ(send_one(loop, &says, &group, "one"), 3);
	CHECK_EQ(recv_within(loop, &hears[1], &g, 10000), 3);
	kit_end(loop, &says);
	for (int i = 0; i < 2; i++)
		kit_end(loop, &hears[i]);
}

TEST(datagram_groups)
{
	NEED(HOST_GROUPS);
	LOOP_WITH_GROUPS(loop);

	group_over(loop, "0.0.0.0:0", "239.7.7.7");
	kit_close(&loop);
}

TEST(datagram_groups_v6)
{
	proa_handle h;
	proa_addr addr, to;
	char group[64];
	int64_t rc;
	LOOP_WITH_GROUPS(loop);

	snprintf(group, sizeof group, "[ff02::7:7%%%s]", host_zone());
	CHECK_EQ(proa_addr_parse(&to, group, 7), 0);
	rc = udp_open(loop, &h, "[::1]:0", NULL, &addr);
	if (rc == 0)
		rc = send_one(loop, &h, &to, "is there a way?");
	if (rc > 0)
		group_over(loop, "[::]:0", group);
	kit_close(&loop);
	if (rc == -PROA_EADDRNOTAVAIL || rc == -PROA_EAFNOSUPPORT || rc == -PROA_ENETUNREACH)
		SKIP("there is no IPv6 here, or no way to a group");
	CHECK_GT(rc, 0);
}

TEST(datagram_groups_by_source)
{
	uint32_t lo = proa_if_index(host_zone());
	proa_addr at, group, from, source, other;
	proa_handle hears, says;
	gram g = GRAM;
	NEED(HOST_GROUPS);
	LOOP_WITH_GROUPS(loop);

	CHECK_EQ(udp_open(loop, &hears, "0.0.0.0:0", NULL, &at), 0);
	CHECK_EQ(udp_open(loop, &says, "127.0.0.1:0", NULL, &from), 0);
	CHECK_EQ(proa_addr_parse(&group, "232.7.7.7", proa_addr_port(&at)), 0);
	CHECK_EQ(proa_addr_parse(&source, "127.0.0.1", 0), 0);
	CHECK_EQ(proa_addr_parse(&other, "127.0.0.2", 0), 0);
	CHECK_EQ(proa_udp_set(&says, PROA_UDP_MULTICAST_INTERFACE, (int)lo), 0);
	CHECK_EQ(proa_udp_join(&hears, &group, &other, lo), 0);
	CHECK_EQ(send_one(loop, &says, &group, "not from there"), 14);
	CHECK_EQ(proa_udp_join(&hears, &group, &source, lo), 0);
	CHECK_EQ(send_one(loop, &says, &group, "from there"), 10);
	CHECK_EQ(recv_within(loop, &hears, &g, 10000), 10);
	CHECK_MEM(g.buf, "from there", 10);
	CHECK_EQ(proa_udp_leave(&hears, &group, &source, lo), 0);
	kit_close(&loop);
}
