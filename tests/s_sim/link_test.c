/* The network between nodes: partitions, latency, bandwidth, resets, and who waits for whom. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <stdlib.h>

/* How long it takes until `n` bytes sent from a are read at b. */
static int64_t transfer_ns(bed *s, link3 *l, size_t n)
{
	char *bytes = calloc(2, n);
	int64_t from = proa_world_now(s->w);
	proa_op send = {0}, recv = {0};
	size_t at = 0;

	if (!CHECK(bytes))
		return 0;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	proa_send(&l->a, &send, bytes, n, NULL);
	for (int64_t got = 1; at < n && got > 0; at += (size_t)got) {
		proa_recv(&l->b, &recv, bytes + n + at, n - at, NULL);
		got = proa_world_await(s->w, &recv);
		CHECK_GT(got, 0);
	}
	CHECK_EQ(proa_world_await(s->w, &send), n);
	CHECK_MEM(bytes, bytes + n, n);
	free(bytes);
	return proa_world_now(s->w) - from;
}

/* ---- what comes from outside ---- */

static void on_end(proa_op *op)
{
	*(bool *)op->user = true;
}

/* Whatever outside code submits on a node's loop, the next run sees to. */
TEST(outside_submits_between_runs)
{
	bed s;
	link3 l;
	bool ended = false;
	proa_op op = {.user = &ended};

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_world_run(s.w, PROA_SEC); /* its loop sleeps */
	proa_send(&l.a, &op, "x", 1, on_end);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(ended);
	ended = false;
	proa_timer(proa_root(s.a), &op, proa_clock(s.a) + PROA_MSEC, on_end);
	proa_world_run(s.w, 2 * PROA_MSEC);
	CHECK(ended);
	ended = false;
	proa_post(s.a, &op, on_end);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(ended);
	bed_unlink(&s, &l);
	bed_close(&s);
}

typedef struct later {
	bed *s;
	link3 *l;
	proa_op op;
	bool ended;
} later;

static void send_later(void *user)
{
	later *x = user;

	x->op.user = &x->ended;
	proa_send(&x->l->a, &x->op, "x", 1, on_end);
}

TEST(outside_submits_at_a_time)
{
	bed s;
	link3 l;
	later x = {.s = &s, .l = &l};

	bed_open(&s, NULL);
	bed_link(&s, &l);
	CHECK_EQ(proa_world_at(s.w, proa_world_now(s.w) + PROA_SEC, send_later, &x), 0);
	proa_world_run(s.w, PROA_SEC - 1);
	CHECK(!proa_in_flight(&x.op));
	proa_world_run(s.w, PROA_MSEC);
	CHECK(x.ended);
	/* What is still to come when the world is closed never comes. */
	CHECK_EQ(proa_world_at(s.w, proa_world_now(s.w) + 3600 * PROA_SEC, send_later, &x), 0);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* ---- partitions ---- */

TEST(partition_holds_back_and_heals)
{
	bed s;
	link3 l;
	char got[4];
	proa_op op = {0};

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_world_partition(s.w, "a", "b", true);
	CHECK_EQ(bed_send(&s, &l.a, "ping", 4), 4);
	proa_recv(&l.b, &op, got, 4, NULL);
	proa_world_run(s.w, 60 * PROA_SEC);
	CHECK(proa_in_flight(&op));
	proa_world_heal(s.w);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(proa_world_await(s.w, &op), 4);
	CHECK_MEM(got, "ping", 4);
	bed_unlink(&s, &l);
	bed_close(&s);
}

TEST(partition_one_way)
{
	bed s;
	link3 l;
	char got[4];
	proa_op op = {0};
	proa_handle h = {0};
	proa_addr addr = bed_addr("10.0.0.2:7");

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_world_partition(s.w, "a", "b", false);
	CHECK_EQ(bed_send(&s, &l.b, "pong", 4), 4);
	CHECK_EQ(bed_recv(&s, &l.a, got, 4), 4); /* the other way is open */
	CHECK_EQ(bed_send(&s, &l.a, "ping", 4), 4);
	proa_recv(&l.b, &op, got, 4, NULL);
	proa_world_run(s.w, 10 * PROA_SEC);
	CHECK(proa_in_flight(&op));
	proa_cancel(&op);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ECANCELED);
	proa_handle_init(proa_root(s.a), &h); /* an answer has no way */
	op.deadline_ns = proa_clock(s.a) + 10 * PROA_SEC;
	proa_connect(&h, &op, &addr, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT);
	bed_end(&s, &h);
	proa_world_heal(s.w);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* Who is cut off from everybody still reaches itself; and after two minutes all give up. */
TEST(partition_from_all_for_ever)
{
	bed s;
	link3 l;
	char got[4];
	proa_handle self, listener, accepted;

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_world_partition(s.w, "b", NULL, true);
	bed_listen(s.b, &listener, "127.0.0.1:8");
	bed_connect(&s, s.b, &self, "127.0.0.1:8", &listener, &accepted);
	CHECK_EQ(bed_send(&s, &l.a, "ping", 4), 4);
	CHECK_EQ(bed_recv(&s, &l.a, got, 4), -PROA_ETIMEDOUT);
	CHECK_EQ(bed_send(&s, &l.a, "ping", 4), -PROA_ECONNRESET);
	bed_unlink(&s, &l);
	bed_end(&s, &self);
	bed_end(&s, &accepted);
	bed_close(&s);
}

/* ---- latency and bandwidth ---- */

TEST(latency_is_the_time_of_a_way)
{
	bed s;
	link3 l;
	int64_t from;
	char got[1];

	bed_open(&s, &(proa_world_options){.seed = 3,
	                                   .latency_min_ns = 5 * PROA_MSEC,
	                                   .latency_max_ns = 6 * PROA_MSEC});
	from = proa_world_now(s.w);
	bed_link(&s, &l);
	CHECK_GE(proa_world_now(s.w) - from, 15 * PROA_MSEC); /* there, back, there */
	CHECK_LE(proa_world_now(s.w) - from, 20 * PROA_MSEC);
	proa_world_latency(s.w, "a", "b", PROA_SEC, PROA_SEC);
	from = proa_world_now(s.w);
	CHECK_EQ(bed_send(&s, &l.a, "x", 1), 1);
	CHECK_EQ(bed_recv(&s, &l.b, got, 1), 1);
	CHECK_GE(proa_world_now(s.w) - from, PROA_SEC);
	CHECK_LE(proa_world_now(s.w) - from, PROA_SEC + PROA_MSEC);
	from = proa_world_now(s.w);
	CHECK_EQ(bed_send(&s, &l.b, "x", 1), 1); /* the other way as before */
	CHECK_EQ(bed_recv(&s, &l.a, got, 1), 1);
	CHECK_LE(proa_world_now(s.w) - from, 7 * PROA_MSEC);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* A transfer takes as long as it must, and two on one link twice as long. */
TEST(bandwidth_is_a_links)
{
	bed s;
	link3 l;
	int64_t took;

	bed_open(&s, &(proa_world_options){.seed = 3, .bandwidth = 10000000});
	bed_link(&s, &l);
	took = transfer_ns(&s, &l, 1000000);
	CHECK_GE(took, PROA_SEC / 10);
	CHECK_LE(took, PROA_SEC / 8);
	proa_world_bandwidth(s.w, "a", "b", 1000000);
	took = transfer_ns(&s, &l, 1000000);
	CHECK_GE(took, PROA_SEC);
	CHECK_LE(took, PROA_SEC * 11 / 10);
	proa_world_bandwidth(s.w, NULL, NULL, 0);
	CHECK_LE(transfer_ns(&s, &l, 1000000), PROA_SEC / 50);
	bed_unlink(&s, &l);
	bed_close(&s);
}

TEST(bandwidth_is_shared)
{
	enum { BYTES = 60000 };
	static char bytes[BYTES], got[2][BYTES];
	bed s;
	link3 l;
	proa_handle h, accepted;
	proa_op op[2] = {{0}};
	int64_t from;

	bed_open(&s, &(proa_world_options){.seed = 3, .bandwidth = 60000});
	bed_link(&s, &l);
	bed_connect(&s, s.a, &h, "10.0.0.2:7", &l.listener, &accepted);
	from = proa_world_now(s.w);
	CHECK_EQ(bed_send(&s, &l.a, bytes, BYTES), BYTES);
	CHECK_EQ(bed_send(&s, &h, bytes, BYTES), BYTES);
	proa_recv(&l.b, &op[0], got[0], BYTES, NULL);
	proa_recv(&accepted, &op[1], got[1], BYTES, NULL);
	CHECK_EQ(proa_world_await(s.w, &op[0]), BYTES);
	CHECK_EQ(proa_world_await(s.w, &op[1]), BYTES);
	CHECK_GE(proa_world_now(s.w) - from, 2 * PROA_SEC);
	CHECK_LE(proa_world_now(s.w) - from, 2 * PROA_SEC + PROA_SEC / 10);
	bed_end(&s, &h);
	bed_end(&s, &accepted);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* A reader that does not read stops the writer, when what may be on its way is full. */
TEST(window_holds_the_writer)
{
	enum { WINDOW = 1000, BYTES = 5000 };
	static char bytes[BYTES], got[BYTES];
	bed s;
	link3 l;
	proa_op op = {0};

	bed_open(&s, &(proa_world_options){.seed = 3, .window_bytes = WINDOW});
	bed_link(&s, &l);
	proa_send(&l.a, &op, bytes, BYTES, NULL);
	proa_world_run(s.w, 3600 * PROA_SEC);
	CHECK(proa_in_flight(&op));
	proa_cancel(&op);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ECANCELED);
	CHECK_EQ(op.count, WINDOW);
	CHECK_EQ(bed_recv(&s, &l.b, got, BYTES), WINDOW);
	CHECK_EQ(bed_send(&s, &l.a, "x", 1), -PROA_EBROKEN);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* ---- resets and ends ---- */

TEST(reset_between_two_nodes)
{
	bed s;
	link3 l;
	proa_handle listener, self, accepted;
	char got[4];

	bed_open(&s, NULL);
	bed_link(&s, &l);
	bed_listen(s.b, &listener, "*:8");
	bed_connect(&s, s.b, &self, "10.0.0.2:8", &listener, &accepted);
	proa_world_reset(s.w, "a", "b");
	CHECK_EQ(bed_recv(&s, &l.a, got, 4), -PROA_ECONNRESET);
	CHECK_EQ(bed_recv(&s, &l.b, got, 4), -PROA_ECONNRESET);
	CHECK_EQ(bed_send(&s, &self, "ping", 4), 4); /* not this one */
	CHECK_EQ(bed_recv(&s, &accepted, got, 4), 4);
	bed_unlink(&s, &l);
	bed_link(&s, &l);
	proa_world_reset(s.w, NULL, NULL);
	CHECK_EQ(bed_recv(&s, &l.b, got, 4), -PROA_ECONNRESET);
	CHECK_EQ(bed_recv(&s, &accepted, got, 4), -PROA_ECONNRESET);
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* While connects, bytes and ends are on their way. */
TEST(reset_at_any_time)
{
	for (int i = 0; i < 60; i++) {
		bed s;
		proa_server server;
		proa_handle h = {0};
		proa_addr addr = bed_addr("10.0.0.2:7");
		proa_op op = {0};
		char got[4];

		bed_open(&s, NULL);
		CHECK_EQ(bed_echo(s.b, &server), 0);
		proa_handle_init(proa_root(s.a), &h);
		proa_connect(&h, &op, &addr, NULL);
		proa_world_run(s.w, i * 5 * PROA_USEC);
		proa_world_reset(s.w, "a", "b");
		if (proa_world_await(s.w, &op) == 0 && bed_send(&s, &h, "ping", 4) == 4) {
			int64_t n = bed_recv(&s, &h, got, 4);

			CHECK(n == 4 || n == -PROA_ECONNRESET);
		} else {
			CHECK(op.result == 0 || op.result == -PROA_ECONNRESET ||
			      op.result == -PROA_ECONNREFUSED);
		}
		bed_end(&s, &h);
		bed_close(&s);
	}
}

TEST(half_close_and_end)
{
	bed s;
	link3 l;
	proa_op op = {0};
	char got[4];

	bed_open(&s, NULL);
	bed_link(&s, &l);
	CHECK_EQ(bed_send(&s, &l.a, "ping", 4), 4);
	proa_shutdown(&l.a, &op, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	CHECK_EQ(bed_send(&s, &l.a, "x", 1), -PROA_EPIPE);
	CHECK_EQ(bed_recv(&s, &l.b, got, 4), 4);
	CHECK_EQ(bed_recv(&s, &l.b, got, 4), 0);
	CHECK_EQ(bed_recv(&s, &l.b, got, 4), 0);
	CHECK_EQ(bed_send(&s, &l.b, "pong", 4), 4);
	CHECK_EQ(bed_recv(&s, &l.a, got, 4), 4);
	bed_end(&s, &l.b);
	CHECK_EQ(bed_recv(&s, &l.a, got, 4), 0);
	bed_end(&s, &l.a);
	bed_end(&s, &l.listener);
	bed_close(&s);
}

/* A close with bytes unread, and one that aborts, reset the peer. */
TEST(close_that_resets)
{
	for (int abort = 0; abort < 2; abort++) {
		bed s;
		link3 l;
		char got[4];

		bed_open(&s, NULL);
		bed_link(&s, &l);
		CHECK_EQ(bed_send(&s, &l.a, "ping", 4), 4);
		proa_world_run(s.w, PROA_SEC);
		if (abort) {
			CHECK_EQ(bed_recv(&s, &l.b, got, 4), 4);
			proa_close_abort(&l.b, NULL);
		} else {
			proa_close(&l.b, NULL);
		}
		CHECK_EQ(bed_recv(&s, &l.a, got, 4), -PROA_ECONNRESET);
		bed_end(&s, &l.a);
		bed_end(&s, &l.listener);
		bed_close(&s);
	}
}

/* ---- listeners ---- */

TEST(listeners_at_one_address_clash)
{
	bed s;
	proa_handle one, two = {0};
	proa_addr addr;

	static const struct {
		const char *first, *then;
		int rc;
	} at[] = {
		{"*:7", "*:7", -PROA_EADDRINUSE},
		{"*:7", "10.0.0.2:7", -PROA_EADDRINUSE},
		{"10.0.0.2:7", "127.0.0.1:7", 0},
		{"10.0.0.2:7", "10.0.0.2:8", 0},
		{"10.0.0.2:7", "[fd00::2]:7", 0},
		{"[::]:7", "10.0.0.2:7", -PROA_EADDRINUSE},
		{"unix:/run/x", "unix:/run/x", -PROA_EADDRINUSE},
		{"unix:/run/x", "unix:/run/y", 0},
	};

	bed_open(&s, NULL);
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		bed_listen(s.b, &one, at[i].first);
		memset(&two, 0, sizeof two);
		proa_handle_init(proa_root(s.b), &two);
		addr = bed_addr(at[i].then);
		if (!CHECK_EQ(proa_listen(&two, &addr, NULL), at[i].rc))
			test_note("%s and %s", at[i].first, at[i].then);
		bed_end(&s, &one);
		bed_end(&s, &two);
	}
	bed_close(&s);
}

TEST(local_sockets_are_a_nodes)
{
	bed s;
	proa_handle listener, h, accepted;
	proa_addr addr = bed_addr("unix:/run/x");
	proa_op op = {0};
	char got[4];

	bed_open(&s, NULL);
	bed_listen(s.b, &listener, "unix:/run/x");
	bed_connect(&s, s.b, &h, "unix:/run/x", &listener, &accepted);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4);
	CHECK_EQ(bed_recv(&s, &accepted, got, 4), 4);
	bed_end(&s, &h);
	bed_end(&s, &accepted);
	memset(&h, 0, sizeof h);
	proa_handle_init(proa_root(s.a), &h);
	proa_connect(&h, &op, &addr, NULL);
	CHECK_LT(proa_world_await(s.w, &op), 0); /* another machine's path */
	bed_end(&s, &h);
	bed_close(&s);
}

/* A queue that is full lets connects wait, and what is accepted makes room. */
TEST(backlog_that_is_full)
{
	enum { N = 6 };
	bed s;
	proa_handle listener = {0}, h[N];
	proa_addr addr = bed_addr("10.0.0.2:7"), any = bed_addr("*:7");
	proa_op op[N], accept = {0};
	int n = 0;

	memset(h, 0, sizeof h);
	memset(op, 0, sizeof op);
	bed_open(&s, NULL);
	proa_handle_init(proa_root(s.b), &listener);
	CHECK_EQ(proa_listen(&listener, &any, &(proa_listen_options){.backlog = 2}), 0);
	for (int i = 0; i < N; i++) {
		proa_handle_init(proa_root(s.a), &h[i]);
		proa_connect(&h[i], &op[i], &addr, NULL);
		proa_world_run(s.w, PROA_MSEC);
	}
	proa_world_run(s.w, 10 * PROA_SEC);
	for (int i = 0; i < N; i++)
		n += !proa_in_flight(&op[i]);
	CHECK_EQ(n, 2);
	for (int i = 0; i < N; i++) {
		proa_accept(&listener, &accept, NULL);
		CHECK_EQ(proa_world_await(s.w, &accept), 0);
		proa_socket_close(accept.socket);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(proa_world_await(s.w, &op[i]), 0);
		bed_end(&s, &h[i]);
	}
	bed_close(&s);
}
