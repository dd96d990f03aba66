/* Datagrams between nodes: lost, doubled, overtaken, refused, cut, too many. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

static void udp_open(proa_loop *loop, proa_handle *h, const char *text,
                     const proa_udp_options *options)
{
	proa_addr addr = bed_addr(text);

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	CHECK_EQ(proa_udp_bind(h, &addr, options), 0);
}

static int64_t gram_send(bed *s, proa_handle *h, const void *bytes, size_t len, const char *to)
{
	proa_msg msg = {.buf = (void *)(uintptr_t)bytes, .len = len};
	proa_op op = {0};

	if (to)
		msg.addr = bed_addr(to);
	proa_send_msg(h, &op, &msg, NULL);
	return proa_world_await(s->w, &op);
}

/* What came and from whom; ETIMEDOUT: nothing within a second. */
static int64_t gram_recv(bed *s, proa_handle *h, void *bytes, size_t len, char *from)
{
	proa_msg msg = {.buf = bytes, .len = len};
	proa_op op = {.deadline_ns = proa_clock(proa_handle_loop(h)) + PROA_SEC};
	int64_t n;

	proa_recv_msg(h, &op, &msg, NULL);
	n = proa_world_await(s->w, &op);
	if (from && n >= 0)
		CHECK_GT(proa_addr_print(&msg.addr, from, PROA_ADDR_TEXT), 0);
	return n;
}

TEST(gram_there_and_back)
{
	char from[PROA_ADDR_TEXT], got[8];
	proa_handle a, b;
	bed s;

	bed_open(&s, NULL);
	udp_open(s.a, &a, "10.0.0.1:53", NULL);
	udp_open(s.b, &b, "*:53", NULL);
	CHECK_EQ(gram_send(&s, &a, "ping", 4, "10.0.0.2:53"), 4);
	CHECK_EQ(gram_recv(&s, &b, got, 8, from), 4);
	CHECK_MEM(got, "ping", 4);
	CHECK_STR(from, "[::ffff:10.0.0.1]:53");
	CHECK_EQ(gram_send(&s, &b, "pong!", 5, from), 5);
	CHECK_EQ(gram_recv(&s, &a, got, 8, from), 5);
	CHECK_STR(from, "10.0.0.2:53"); /* it is on every address, and answers from one */
	CHECK_EQ(gram_send(&s, &a, NULL, 0, "10.0.0.2:53"), 0);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), 0);
	bed_end(&s, &a);
	bed_end(&s, &b);
	bed_close(&s);
}

TEST(gram_of_v6_and_of_many_nodes)
{
	char from[PROA_ADDR_TEXT], got[8];
	proa_handle a, b, c;
	proa_loop *loop;
	bed s;

	bed_open(&s, NULL);
	loop = proa_world_node(s.w, "c", "fd00::3");
	REQUIRE(loop);
	udp_open(s.a, &a, "[fd00::1]:9", NULL);
	udp_open(s.b, &b, "[::]:9", &(proa_udp_options){.v6only = true});
	udp_open(loop, &c, "[::]:9", NULL);
	CHECK_EQ(gram_send(&s, &a, "a", 1, "[fd00::2]:9"), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, from), 1);
	CHECK_STR(from, "[fd00::1]:9");
	CHECK_EQ(gram_send(&s, &c, "c", 1, "[fd00::2]:9"), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, from), 1);
	CHECK_STR(from, "[fd00::3]:9");
	CHECK_EQ(gram_send(&s, &a, "x", 1, "[fd00::77]:9"), 1); /* nobody: nobody is told */
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), -PROA_ETIMEDOUT);
	bed_end(&s, &a);
	bed_end(&s, &b);
	bed_end(&s, &c);
	bed_close(&s);
}

TEST(gram_cut_and_too_long)
{
	static char bytes[65508], got[65508];
	proa_msg msg = {.buf = got, .len = 3};
	proa_handle a, b;
	proa_op op = {0};
	bed s;

	bed_open(&s, NULL);
	udp_open(s.a, &a, "10.0.0.1:1", NULL);
	udp_open(s.b, &b, "10.0.0.2:1", NULL);
	CHECK_EQ(gram_send(&s, &a, "12345", 5, "10.0.0.2:1"), 5);
	proa_recv_msg(&b, &op, &msg, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 3);
	CHECK_EQ(op.got, PROA_TRUNC);
	CHECK_EQ(gram_send(&s, &a, bytes, sizeof bytes, "10.0.0.2:1"), -PROA_EMSGSIZE);
	CHECK_EQ(gram_send(&s, &a, bytes, sizeof bytes - 1, "10.0.0.2:1"), sizeof bytes - 1);
	CHECK_EQ(gram_recv(&s, &b, got, sizeof got, NULL), sizeof bytes - 1);
	bed_end(&s, &a);
	bed_end(&s, &b);
	bed_close(&s);
}

/* Who is connected hears of it, once; others are not told. */
TEST(gram_refused)
{
	proa_addr peer = bed_addr("10.0.0.2:5");
	proa_handle a = {0}, b;
	char got[8], from[PROA_ADDR_TEXT];
	bed s;

	bed_open(&s, NULL);
	proa_handle_init(proa_root(s.a), &a);
	CHECK_EQ(proa_udp_connect(&a, &peer), 0);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), 1);
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), -PROA_ECONNREFUSED);
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), -PROA_ETIMEDOUT);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), 1);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), -PROA_ECONNREFUSED);
	udp_open(s.b, &b, "*:5", NULL);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, from), 1);
	CHECK_EQ(gram_send(&s, &b, "y", 1, from), 1);
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), 1);
	bed_end(&s, &a);
	CHECK_EQ(gram_send(&s, &b, "y", 1, from), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), -PROA_ETIMEDOUT);
	bed_end(&s, &b);
	bed_close(&s);
}

/* A connected socket hears its peer only, and beside one that hears all, its peer is its own. */
TEST(gram_connected_hears_its_peer)
{
	proa_addr peer = bed_addr("10.0.0.1:1");
	proa_handle a, other, b;
	char got[8];
	bed s;

	bed_open(&s, NULL);
	udp_open(s.a, &a, "10.0.0.1:1", NULL);
	udp_open(s.a, &other, "10.0.0.1:2", NULL);
	udp_open(s.b, &b, "*:1", NULL);
	CHECK_EQ(proa_udp_connect(&b, &peer), 0);
	CHECK_EQ(gram_send(&s, &other, "no", 2, "10.0.0.2:1"), 2);
	CHECK_EQ(gram_send(&s, &a, "yes", 3, "10.0.0.2:1"), 3);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), 3);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), -PROA_ETIMEDOUT);
	bed_end(&s, &a);
	bed_end(&s, &other);
	bed_end(&s, &b);
	bed_close(&s);
}

/* What nobody receives in time has no room, and a partition lets nothing through. */
TEST(gram_without_room_and_way)
{
	static char bytes[1000], got[1000];
	proa_handle a, b;
	int n = 0;
	bed s;

	bed_open(&s, NULL);
	udp_open(s.a, &a, "10.0.0.1:1", NULL);
	udp_open(s.b, &b, "10.0.0.2:1", &(proa_udp_options){.recv_bytes = 10000});
	for (int i = 0; i < 50; i++)
		CHECK_EQ(gram_send(&s, &a, bytes, sizeof bytes, "10.0.0.2:1"), sizeof bytes);
	proa_world_run(s.w, PROA_SEC);
	while (gram_recv(&s, &b, got, sizeof got, NULL) > 0)
		n++;
	CHECK_GE(n, 5);
	CHECK_LE(n, 10);
	proa_world_partition(s.w, "a", "b", false);
	CHECK_EQ(gram_send(&s, &a, "x", 1, "10.0.0.2:1"), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), -PROA_ETIMEDOUT);
	proa_world_heal(s.w);
	CHECK_EQ(gram_send(&s, &a, "x", 1, "10.0.0.2:1"), 1);
	CHECK_EQ(gram_recv(&s, &b, got, 8, NULL), 1);
	bed_end(&s, &a);
	bed_end(&s, &b);
	bed_close(&s);
}

/* Of a hundred numbered ones: which came how often, and whether in order. */
static void gram_count(const proa_world_options *o, int *seen, bool *in_order)
{
	proa_handle a, b;
	int last = -1;
	char got[1];
	bed s;

	bed_open(&s, o);
	udp_open(s.a, &a, "10.0.0.1:1", NULL);
	udp_open(s.b, &b, "10.0.0.2:1", NULL);
	memset(seen, 0, 100 * sizeof *seen);
	*in_order = true;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(gram_send(&s, &a, &(char){(char)i}, 1, "10.0.0.2:1"), 1);
	while (gram_recv(&s, &b, got, 1, NULL) == 1) {
		CHECK(got[0] >= 0 && got[0] < 100);
		seen[(int)got[0]]++;
		*in_order = *in_order && got[0] >= last;
		last = got[0];
	}
	bed_end(&s, &a);
	bed_end(&s, &b);
	bed_close(&s);
}

TEST(gram_lost_doubled_overtaken)
{
	int seen[100], lost = 0, twice = 0;
	bool in_order;

	gram_count(&(proa_world_options){.seed = 4}, seen, &in_order);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(seen[i], 1);
	CHECK(in_order);
	gram_count(&(proa_world_options){.seed = 4, .lost_ppm = 200000, .twice_ppm = 200000}, seen,
	           &in_order);
	for (int i = 0; i < 100; i++) {
		CHECK(seen[i] >= 0 && seen[i] <= 2);
		lost += seen[i] == 0;
		twice += seen[i] == 2;
	}
	CHECK(lost > 5 && lost < 40 && twice > 5 && twice < 40);
	gram_count(&(proa_world_options){.seed = 4,
	                                 .latency_min_ns = PROA_MSEC,
	                                 .latency_max_ns = 9 * PROA_MSEC},
	           seen, &in_order);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(seen[i], 1);
	CHECK(!in_order);
}

TEST(gram_to_a_node_that_goes_down)
{
	proa_addr peer = bed_addr("10.0.0.2:1");
	proa_handle a = {0}, b;
	char got[8];
	bed s;

	bed_open(&s, NULL);
	udp_open(s.b, &b, "*:1", NULL);
	proa_handle_init(proa_root(s.a), &a);
	CHECK_EQ(proa_udp_connect(&a, &peer), 0);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), 1);
	proa_world_kill(s.w, "b", PROA_KILL_PROCESS);
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), -PROA_ECONNREFUSED);
	proa_world_restart(s.w, "b");
	proa_world_run(s.w, PROA_SEC);
	proa_world_kill(s.w, "b", PROA_KILL_POWER);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(gram_send(&s, &a, "x", 1, NULL), 1);
	CHECK_EQ(gram_recv(&s, &a, got, 8, NULL), -PROA_ETIMEDOUT); /* not even that */
	bed_end(&s, &a);
	bed_close(&s);
}

TEST(gram_addresses_clash_or_share)
{
	proa_handle one, two, three = {0};
	proa_addr addr = bed_addr("10.0.0.2:1"), all = bed_addr("255.255.255.255:1");
	proa_udp_options share = {.reuseport = true};
	proa_msg msg = {.buf = "x", .len = 1, .addr = all};
	proa_op op = {0};
	int n[2] = {0};
	char got[4];
	bed s;

	bed_open(&s, NULL);
	udp_open(s.b, &one, "10.0.0.2:1", &share);
	udp_open(s.b, &two, "10.0.0.2:1", &share);
	proa_handle_init(proa_root(s.b), &three);
	CHECK_EQ(proa_udp_bind(&three, &addr, NULL), -PROA_EADDRINUSE);
	addr = bed_addr("10.0.0.1:1");
	CHECK_EQ(proa_udp_bind(&three, &addr, NULL), -PROA_EADDRNOTAVAIL);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(gram_send(&s, &one, "x", 1, "10.0.0.2:1"), 1);
	while (gram_recv(&s, &one, got, 4, NULL) == 1)
		n[0]++;
	while (gram_recv(&s, &two, got, 4, NULL) == 1)
		n[1]++;
	CHECK_EQ(n[0] + n[1], 20);
	CHECK(n[0] && n[1]);
	proa_send_msg(&one, &op, &msg, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_EACCES);
	bed_end(&s, &one);
	bed_end(&s, &two);
	bed_end(&s, &three);
	bed_close(&s);
}
