/* Datagram sockets with a peer and without, their options, and what they are not for. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

/* An address at which nobody listens: who has it is connected to itself, so it gets nothing and
 * nobody else is given its port meanwhile. */
static void nobody(proa_loop *loop, proa_handle *h, proa_addr *addr)
{
	udp_here(loop, h, addr);
	CHECK_EQ(proa_udp_connect(h, addr), 0);
}

/* ---- with a peer ---- */

TEST(datagram_connected_hears_its_peer_only)
{
	gram g = GRAM;
	proa_handle server, other, client = {0};
	proa_addr at, other_at, mine, peer;
	LOOP(loop);

	udp_here(loop, &server, &at);
	udp_here(loop, &other, &other_at);
	proa_handle_init(proa_root(loop), &client);
	CHECK_EQ(proa_udp_connect(&client, &at), 0); /* without a bind */
	CHECK(proa_is_open(&client));
	CHECK_EQ(proa_local_addr(&client, &mine), 0);
	CHECK_NE(proa_addr_port(&mine), 0);
	CHECK_EQ(proa_peer_addr(&client, &peer), 0);
	CHECK_MEM(&peer, &at, sizeof at);
	CHECK_EQ(send_one(loop, &other, &mine, "stranger"), 8);
	CHECK_EQ(send_one(loop, &server, &mine, "friend"), 6);
	CHECK_EQ(recv_within(loop, &client, &g, 5000), 6);
	CHECK_MEM(g.buf, "friend", 6);
	CHECK_MEM(&g.m.addr, &at, sizeof at);
	CHECK_EQ(send_one(loop, &client, NULL, "answer"), 6);
	CHECK_EQ(recv_within(loop, &server, &g, 5000), 6);
	CHECK_MEM(&g.m.addr, &mine, sizeof mine);
	CHECK_EQ(send_one(loop, &client, &at, "twice told"), -PROA_EISCONN);
	CHECK_EQ(proa_udp_connect(&client, &other_at), 0); /* another peer from now on */
	CHECK_EQ(send_one(loop, &client, NULL, "moved"), 5);
	CHECK_EQ(recv_within(loop, &other, &g, 5000), 5);
	kit_close(&loop);
}

/* Bound first, and connected then: with what that brings. */
TEST(datagram_bound_and_then_connected)
{
	gram g = GRAM;
	proa_handle server, other, client;
	proa_addr at, other_at, mine;
	LOOP(loop);

	udp_here(loop, &server, &at);
	udp_here(loop, &other, &other_at);
	udp_here(loop, &client, &mine);
	CHECK_EQ(send_one(loop, &client, NULL, "to whom?"), -PROA_ENOTCONN);
	CHECK_EQ(proa_udp_connect(&client, &at), 0);
	CHECK_EQ(send_one(loop, &client, NULL, "to you"), 6);
	CHECK_EQ(recv_within(loop, &server, &g, 5000), 6);
	CHECK_MEM(&g.m.addr, &mine, sizeof mine);
	CHECK_EQ(send_one(loop, &client, &at, "twice told"), -PROA_EISCONN);
	CHECK_EQ(send_one(loop, &other, &mine, "stranger"), 8);
	CHECK_EQ(send_one(loop, &server, &mine, "friend"), 6);
	CHECK_EQ(recv_within(loop, &client, &g, 5000), 6);
	CHECK_MEM(g.buf, "friend", 6);
	kit_close(&loop);
}

/* Told once, and the handle goes on. */
TEST(datagram_refusal_is_told_to_who_has_a_peer)
{
	gram g = GRAM;
	proa_handle closed, server, client = {0};
	proa_addr at, server_at;
	NEED(HOST_REFUSALS);
	LOOP(loop);

	nobody(loop, &closed, &at);
	udp_here(loop, &server, &server_at);
	proa_handle_init(proa_root(loop), &client);
	CHECK_EQ(proa_udp_connect(&client, &at), 0);
	for (int i = 0; i < 5; i++) {
		g.r.op.deadline_ns = proa_clock(loop) + 30 * PROA_SEC;
		gram_recv(&client, &g);
		kit_once(loop, 0);
		CHECK_EQ(send_one(loop, &client, NULL, "anybody?"), 8);
		CHECK_EQ(kit_await(loop, &g.r), -PROA_ECONNREFUSED);
		CHECK_EQ(g.r.count, 0);
		CHECK_NE(g.r.sys_error, 0);
	}
	/* what has been told is over */
	CHECK_EQ(recv_within(loop, &client, &g, 20), -PROA_ETIMEDOUT);
	CHECK_EQ(proa_udp_connect(&client, &server_at), 0);
	CHECK_EQ(send_one(loop, &client, NULL, "somebody"), 8);
	CHECK_EQ(recv_within(loop, &server, &g, 5000), 8);
	kit_close(&loop);
}

/* A refusal that nobody waited for is the next send's, which then has sent nothing. */
TEST(datagram_refusal_is_told_to_the_next_send)
{
	proa_handle closed, client = {0};
	proa_addr at;
	int refused = 0;
	LOOP(loop);

	nobody(loop, &closed, &at);
	proa_handle_init(proa_root(loop), &client);
	CHECK_EQ(proa_udp_connect(&client, &at), 0);
	for (int i = 0; i < 100; i++) {
		int64_t rc = send_one(loop, &client, NULL, "anybody?");

		CHECK(rc == 8 || rc == -PROA_ECONNREFUSED);
		refused += rc != 8;
		kit_once(loop, 1);
	}
	CHECK_GT(refused, 0);
	CHECK_LE(refused, 50); /* each was told once: the sends in between went out */
	kit_close(&loop);
}

/* Without a peer nobody is told, and above all not the recv that waits for others. */
TEST(datagram_to_nobody_harms_nothing)
{
	gram g = GRAM;
	proa_handle closed, a, b;
	proa_addr at, from, b_at;
	LOOP(loop);

	nobody(loop, &closed, &at);
	udp_here(loop, &a, &from);
	udp_here(loop, &b, &b_at);
	gram_recv(&a, &g);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(send_one(loop, &a, &at, "anybody?"), 8);
		kit_once(loop, 1);
	}
	kit_settle(loop);
	CHECK_EQ(g.r.finals, 0);
	CHECK_EQ(send_one(loop, &b, &from, "I"), 1);
	CHECK_EQ(kit_await(loop, &g.r), 1);
	CHECK_MEM(&g.m.addr, &b_at, sizeof b_at);
	kit_close(&loop);
}

TEST(datagram_socket_adopted)
{
	gram g = GRAM;
	proa_handle a, b, c = {0}, d = {0};
	proa_addr at, from;
	LOOP(loop);

	udp_here(loop, &a, &at);
	udp_here(loop, &b, &from);
	proa_handle_init(proa_root(loop), &c);
	proa_handle_init(proa_root(loop), &d);
	proa_adopt_os(&c, host_sock_dup((int)proa_os(&b)), PROA_UDP);
	CHECK_EQ(send_one(loop, &c, NULL, "no peer"), -PROA_ENOTCONN);
	CHECK_EQ(send_one(loop, &c, &at, "as b"), 4);
	CHECK_EQ(recv_within(loop, &a, &g, 5000), 4);
	CHECK_MEM(&g.m.addr, &from, sizeof from);
	CHECK_EQ(proa_udp_connect(&b, &at), 0);
	proa_adopt_os(&d, host_sock_dup((int)proa_os(&b)), PROA_UDP); /* its peer is seen */
	CHECK_EQ(send_one(loop, &d, &at, "a peer"), -PROA_EISCONN);
	CHECK_EQ(send_one(loop, &d, NULL, "as b, too"), 9);
	CHECK_EQ(recv_within(loop, &a, &g, 5000), 9);
	kit_close(&loop);
}

/* ---- options ---- */

TEST(datagram_binding_errors)
{
	proa_udp_options wrong = {.size = 3};
	proa_handle a, b, c = {0};
	proa_addr at, local;
	LOOP(loop);

	udp_here(loop, &a, &at);
	CHECK_EQ(proa_udp_bind(&a, &at, NULL), -PROA_EINVAL); /* open already */
	proa_handle_init(proa_root(loop), &c);
	CHECK_EQ(proa_udp_bind(&c, &at, NULL), -PROA_EADDRINUSE);
	CHECK_EQ(proa_udp_bind(&c, &at, &wrong), -PROA_EINVAL);
	CHECK_EQ(proa_addr_parse(&local, "unix:/tmp/nowhere", 0), 0);
	CHECK_EQ(proa_udp_bind(&c, &local, NULL), -PROA_EAFNOSUPPORT);
	CHECK_EQ(proa_udp_connect(&c, &local), -PROA_EAFNOSUPPORT);
	CHECK(!proa_is_open(&c));
	kit_end(loop, &a);
	CHECK_EQ(proa_udp_bind(&c, &at, NULL), 0); /* init still; and the port is free at once */
	kit_listen(loop, &b, &local);
	CHECK_EQ(proa_udp_connect(&b, &at), -PROA_EINVAL);
	proa_close(&c, NULL);
	CHECK_EQ(proa_udp_connect(&c, &at), -PROA_ECANCELED);
	CHECK_EQ(proa_udp_bind(&c, &at, NULL), -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(datagram_bound_to_an_address_of_others)
{
	proa_handle h;
	proa_addr addr;
	int rc;
	LOOP(loop);

	rc = udp_open(loop, &h, "192.0.2.1:0", NULL, &addr); /* documentation's own (RFC 5737) */
	kit_close(&loop);
	if (rc == 0 && !strcmp(test_backend, "iocp"))
		SKIP("Wine binds to any address");
	CHECK_EQ(rc, -PROA_EADDRNOTAVAIL);
}

TEST(datagram_port_shared_by_option)
{
	proa_udp_options share = {.size = sizeof share, .reuseport = true};
	proa_handle a, b = {0}, c = {0};
	proa_addr at;
	int rc;
	LOOP(loop);

	rc = udp_open(loop, &a, "127.0.0.1:0", &share, &at);
	if (rc == 0) {
		proa_handle_init(proa_root(loop), &b);
		proa_handle_init(proa_root(loop), &c);
		CHECK_EQ(proa_udp_bind(&b, &at, &share), 0);
		CHECK_EQ(proa_udp_bind(&c, &at, NULL), -PROA_EADDRINUSE);
	}
	kit_close(&loop);
	if (rc == -PROA_ENOTSUP)
		SKIP("this system shares no ports");
	CHECK_EQ(rc, 0);
}

/* How many of 64 datagrams of 1000 bytes wait to be received. */
static int held(proa_loop *loop, int recv_bytes)
{
	static char text[1001];
	proa_udp_options o = {.recv_bytes = recv_bytes, .send_bytes = 1 << 16};
	gram g = GRAM;
	proa_handle a, b;
	proa_addr at, from;
	int n = 0;

	memset(text, 'x', 1000);
	CHECK_EQ(udp_open(loop, &a, "127.0.0.1:0", &o, &at), 0);
	udp_here(loop, &b, &from);
	for (int i = 0; i < 64; i++)
		send_one(loop, &b, &at, text);
	while (recv_within(loop, &a, &g, 50) > 0)
		n++;
	kit_end(loop, &a);
	kit_end(loop, &b);
	return n;
}

TEST(datagram_buffer_sizes)
{
	int few, all;
	LOOP(loop);

	few = held(loop, 8192);
	all = held(loop, 1 << 17);
	test_note("%d and %d of 64 waited", few, all);
	CHECK_GT(few, 0);
	CHECK_LT(few, 64);
	CHECK_EQ(all, 64);
	kit_close(&loop);
}

TEST(datagram_broadcast_by_option)
{
	proa_udp_options o = {.broadcast = true};
	proa_handle a, b;
	proa_addr at, all;
	int64_t rc;
	LOOP(loop);

	udp_here(loop, &a, &at);
	CHECK_EQ(udp_open(loop, &b, "127.0.0.1:0", &o, &at), 0);
	CHECK_EQ(proa_addr_parse(&all, "127.255.255.255:9", 0), 0);
	rc = send_one(loop, &a, &all, "all");
	if (rc == -PROA_EACCES)
		CHECK_EQ(send_one(loop, &b, &all, "all"), 3);
	kit_close(&loop);
	if (rc != -PROA_EACCES)
		SKIP("no broadcast address on this system's loopback");
}

/* ---- what they are not for ---- */

TEST(datagram_ops_on_other_handles)
{
	proa_handle h[4] = {{.user = NULL}}; /* a listener, a stream, one in connection, none */
	gram g = GRAM;
	proa_handle b;
	proa_addr addr;
	rec connect = {0};
	LOOP(loop);

	kit_listen(loop, &h[0], &addr);
	kit_pair(loop, &h[1], &b);
	proa_handle_init(proa_root(loop), &h[2]);
	proa_handle_init(proa_root(loop), &h[3]);
	SUBMIT(proa_connect, &h[2], &connect, &addr);
	for (int i = 0; i < 4; i++) {
		int64_t want = i == 3 ? -PROA_ENOTCONN : -PROA_ENOTSUP;

		g.m.addr = addr;
		CHECK_EQ(send_one(loop, &h[i], &addr, "x"), want);
		gram_recv(&h[i], &g);
		CHECK_EQ(kit_await(loop, &g.r), want);
	}
	CHECK_EQ(kit_await(loop, &connect), 0);
	kit_close(&loop);
}

TEST(datagram_handles_are_no_streams)
{
	enum { N = 9 };
	rec r[N] = {{.submits = 0}};
	proa_vec vec = {"x", 1};
	proa_handle h, file = {0};
	proa_addr at;
	char buf[8];
	LOOP(loop);

	udp_here(loop, &h, &at);
	proa_handle_init(proa_root(loop), &file);
	SUBMIT(proa_recv, &h, &r[0], buf, sizeof buf);
	SUBMIT(proa_recv_pooled, &h, &r[1], NULL);
	SUBMIT(proa_recv_pooled_many, &h, &r[2], NULL, 2);
	SUBMIT(proa_send, &h, &r[3], "x", 1);
	SUBMIT(proa_sendv, &h, &r[4], &vec, 1);
	SUBMIT0(proa_shutdown, &h, &r[5]);
	SUBMIT0(proa_accept, &h, &r[6]);
	SUBMIT0(proa_accept_many, &h, &r[7]);
	SUBMIT(proa_connect, &h, &r[8], &at);
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_await(loop, &r[i]), i < 6   ? -PROA_ENOTSUP
		                                 : i < 8 ? -PROA_EINVAL
		                                         : -PROA_EISCONN);
	CHECK(proa_is_open(&h));
	kit_close(&loop);
}

TEST(datagram_arguments)
{
	gram g = GRAM;
	proa_handle h;
	proa_addr at;
	LOOP(loop);

	udp_here(loop, &h, &at);
	CHECK_EQ(send_one(loop, &h, NULL, "to nobody"), -PROA_ENOTCONN);
	g.m.buf = g.buf;
	SUBMIT(proa_recv_msg, &h, &g.r, &g.m); /* no room */
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EINVAL);
	g.m.len = 1;
	g.m.addr.len = sizeof g.m.addr.data + 1;
	SUBMIT(proa_send_msg, &h, &g.r, &g.m);
	CHECK_EQ(kit_await(loop, &g.r), -PROA_EINVAL);
	CHECK_EQ(send_one(loop, &h, &at, "to itself"), 9);
	gram_recv(&h, &g);
	CHECK_EQ(kit_await(loop, &g.r), 9);
	CHECK_MEM(&g.m.addr, &at, sizeof at);
	kit_close(&loop);
}
