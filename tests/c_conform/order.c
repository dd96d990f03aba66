/* Order: each direction a FIFO, ops behind a connect, torn sends, dead peers, shutdown. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* ---- a thousand queued sends, a slow reader ---- */

TEST(order_thousand_queued_sends)
{
	enum { N = 1000 };
	rec *r = calloc(N, sizeof *r);
	unsigned char **out = calloc(N, sizeof *out), in[65536];
	uint64_t sent = 0, received = 0;
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_set_buffers(&a, 0, 16384);
	for (size_t i = 0; i < N; i++) {
		size_t len = 1 + i * 37 % 3000;

		out[i] = malloc(len);
		kit_fill(out[i], len, sent);
		sent += len;
		SUBMIT(proa_send, &a, &r[i], out[i], len);
	}
	while (received < sent) {
		long n = kit_fd_read(fd, in, sizeof in);

		if (n > 0 && CHECK(kit_filled(in, (size_t)n, received)))
			received += (uint64_t)n;
		else if (n != -1)
			break;
		kit_once(loop, 1);
	}
	CHECK_EQ(received, sent);
	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), 1 + (int64_t)i * 37 % 3000);
		CHECK_EQ(r[i].count, r[i].result);
		CHECK(i == 0 || r[i - 1].order < r[i].order);
		free(out[i]);
	}
	kit_fd_close(fd);
	free(out);
	free(r);
	kit_close(&loop);
}

TEST(order_of_queued_recvs)
{
	enum { N = 100 };
	rec r[N] = {{.submits = 0}};
	unsigned char buf[N][10], out[N * 10];
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_recv, &a, &r[i], buf[i], sizeof buf[i]);
	kit_fill(out, sizeof out, 0);
	kit_settle(loop);
	kit_fd_write(fd, out, sizeof out);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), 10);
		CHECK(kit_filled(buf[i], 10, (uint64_t)i * 10));
		CHECK(i == 0 || r[i - 1].order < r[i].order);
	}
	kit_fd_close(fd);
	kit_close(&loop);
}

/* Directions do not wait for each other. */
TEST(order_directions_are_independent)
{
	rec recv = {0}, send = {0};
	proa_handle a, b;
	char buf[8];
	LOOP(loop);

	kit_pair(loop, &a, &b);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	kit_once(loop, 1);
	SUBMIT(proa_send, &a, &send, "x", 1);
	CHECK_EQ(kit_await(loop, &send), 1);
	CHECK_EQ(recv.finals, 0);
	kit_close(&loop);
}

/* ---- behind a connect ---- */

/* A recv that begins to wait has no say in what the send waits for, nor the other way round. */
TEST(order_directions_wait_apart)
{
	enum { LEN = 4 << 20 };
	unsigned char *big = malloc(LEN), *in = malloc(LEN);
	rec send = {0}, recv = {0};
	int64_t left = LEN;
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fill(big, LEN, 0);
	SUBMIT(proa_send, &a, &send, big, LEN);
	kit_settle(loop);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	kit_settle(loop);
	for (int64_t begin = test_now_ns(); left && test_now_ns() < begin + kit_patience_ns();) {
		long n = kit_fd_read(fd, in, LEN);

		left -= n > 0 ? n : 0;
		kit_once(loop, 5);
	}
	CHECK_EQ(left, 0);
	CHECK_EQ(kit_await(loop, &send), LEN);
	CHECK_EQ(recv.finals, 0);
	kit_fd_write(fd, "x", 1);
	CHECK_EQ(kit_await(loop, &recv), 1);
	kit_fd_close(fd);
	free(big);
	free(in);
	kit_close(&loop);
}

TEST(order_ops_behind_a_connect_wait_for_it)
{
	rec connect = {0}, send = {0}, recv = {0}, accept = {0}, shut = {0};
	proa_handle l, c = {0}, s = {0};
	proa_addr addr;
	char buf[8], in[8];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &c);
	SUBMIT(proa_connect, &c, &connect, &addr);
	CHECK(!proa_is_open(&c));
	SUBMIT(proa_send, &c, &send, "hello", 5);
	SUBMIT0(proa_shutdown, &c, &shut);
	SUBMIT(proa_recv, &c, &recv, buf, sizeof buf);
	CHECK_EQ(connect.finals + send.finals, 0);
	SUBMIT0(proa_accept, &l, &accept);
	CHECK_EQ(kit_await(loop, &connect), 0);
	CHECK(proa_is_open(&c));
	CHECK_EQ(kit_await(loop, &send), 5);
	CHECK_EQ(kit_await(loop, &shut), 0);
	CHECK_EQ(kit_await(loop, &accept), 0);
	CHECK_LT(connect.order, send.order);
	proa_handle_init(proa_root(loop), &s);
	proa_adopt(&s, accept.socket);
	memset(&accept, 0, sizeof accept);
	SUBMIT(proa_recv, &s, &accept, in, sizeof in);
	CHECK_EQ(kit_await(loop, &accept), 5);
	SUBMIT(proa_send, &s, &accept, "world", 5);
	CHECK_EQ(kit_await(loop, &recv), 5);
	CHECK_MEM(buf, "world", 5);
	kit_await(loop, &accept);
	kit_close(&loop);
}

TEST(order_ops_behind_a_failing_connect_end_with_its_error)
{
	rec connect = {0}, r[4] = {{.submits = 0}};
	proa_handle c = {0}, l;
	proa_addr addr;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_fd_refusing(&addr);
	proa_handle_init(proa_root(loop), &c);
	SUBMIT(proa_connect, &c, &connect, &addr);
	SUBMIT(proa_send, &c, &r[0], "hello", 5);
	SUBMIT0(proa_shutdown, &c, &r[1]);
	SUBMIT(proa_recv, &c, &r[2], buf, sizeof buf);
	SUBMIT(proa_recv_pooled_many, &c, &r[3], NULL, 0);
	CHECK_EQ(kit_await(loop, &connect), -PROA_ECONNREFUSED);
	CHECK_NE(connect.sys_error, 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_ECONNREFUSED);
	kit_fd_close(fd);
	/* It is init again: not open, and can be connected anew. */
	CHECK(!proa_is_open(&c));
	CHECK_EQ(proa_os(&c), -1);
	SUBMIT(proa_recv, &c, &r[0], buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ENOTCONN);
	kit_listen(loop, &l, &addr);
	SUBMIT(proa_connect, &c, &connect, &addr);
	CHECK_EQ(kit_await(loop, &connect), 0);
	SUBMIT(proa_connect, &c, &connect, &addr);
	CHECK_EQ(kit_await(loop, &connect), -PROA_EISCONN);
	kit_close(&loop);
}

TEST(order_ops_behind_a_cancelled_connect)
{
	rec connect = {0}, send = {0};
	proa_handle c = {0}, l;
	proa_addr addr;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &c);
	SUBMIT(proa_connect, &c, &connect, &addr);
	SUBMIT(proa_send, &c, &send, "x", 1);
	proa_cancel(&connect.op);
	kit_await(loop, &connect);
	kit_await(loop, &send);
	if (connect.result == 0)
		CHECK_EQ(send.result, 1);
	else
		CHECK_EQ(send.result, connect.result);
	kit_close(&loop);
}

TEST(order_close_while_connecting)
{
	rec connect = {0}, send = {0}, recv = {0};
	proa_handle c = {0}, l;
	proa_addr addr;
	char buf[8];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	for (int i = 0; i < 3; i++) {
		memset(&c, 0, sizeof c);
		proa_handle_init(proa_root(loop), &c);
		SUBMIT(proa_connect, &c, &connect, &addr);
		SUBMIT(proa_send, &c, &send, "x", 1);
		SUBMIT(proa_recv, &c, &recv, buf, sizeof buf);
		if (i)
			kit_once(loop, 0);
		kit_end(loop, &c);
		CHECK(connect.result == 0 || connect.result == -PROA_ECANCELED);
		CHECK(send.result == 1 || send.result == -PROA_ECANCELED);
		CHECK_EQ(recv.result, -PROA_ECANCELED);
	}
	kit_close(&loop);
}

/* ---- torn sends ---- */

TEST(torn_send_breaks_its_direction)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec r[3] = {{.submits = 0}}, later = {0}, recv = {0};
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_send, &a, &r[0], big, LEN);
	SUBMIT(proa_send, &a, &r[1], "queued", 6);
	SUBMIT(proa_sendv, &a, &r[2], (&(proa_vec){"vec", 3}), 1);
	kit_settle(loop);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	CHECK_GT(r[0].count, 0);
	CHECK_LT(r[0].count, LEN);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_EBROKEN);
	CHECK_EQ(kit_await(loop, &r[2]), -PROA_EBROKEN);
	SUBMIT(proa_send, &a, &later, "later", 5);
	CHECK_EQ(kit_await(loop, &later), -PROA_EBROKEN);
	CHECK_EQ(later.count, 0);
	/* The other direction is whole. */
	kit_fd_write(fd, "back", 4);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &recv), 4);
	kit_fd_close(fd);
	free(big);
	kit_close(&loop);
}

TEST(order_chained_send_breaks_what_is_behind)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = malloc(LEN), *in = malloc(LEN);
	rec r[4] = {{.submits = 0}}, later = {.submits = 0};
	proa_handle a;
	int64_t got = 0;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fill(big, LEN, 0);
	SUBMIT(proa_send, &a, &r[0], big, LEN);
	for (unsigned i = 1; i < 4; i++) {
		r[i].op.want = PROA_CHAIN;
		SUBMIT(proa_send, &a, &r[i], "gone", 4);
	}
	kit_settle(loop);
	proa_cancel(&r[1].op); /* queued: nothing of it moved */
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &r[2]), -PROA_EBROKEN);
	CHECK_EQ(kit_await(loop, &r[3]), -PROA_EBROKEN);
	while (got < LEN) {
		long n = kit_fd_read(fd, in + got, (size_t)(LEN - got));

		if (n < -1 || n == 0)
			break;
		got += n > 0 ? n : 0;
		kit_once(loop, 1);
	}
	CHECK(got == LEN && kit_filled(in, LEN, 0)); /* what was before it goes */
	CHECK_EQ(kit_await(loop, &r[0]), LEN);
	SUBMIT(proa_send, &a, &later, "gone", 4);
	CHECK_EQ(kit_await(loop, &later), -PROA_EBROKEN);
	kit_fd_close(fd);
	free(big);
	free(in);
	kit_end(loop, &a);
	kit_close(&loop);
}

TEST(untorn_cancelled_send_leaves_its_direction_whole)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = malloc(LEN), *in = malloc(LEN);
	rec r[3] = {{.submits = 0}};
	proa_handle a;
	int64_t got = 0;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fill(big, LEN, 0);
	SUBMIT(proa_send, &a, &r[0], big, LEN / 2);
	SUBMIT(proa_send, &a, &r[1], "gone", 4);
	SUBMIT(proa_send, &a, &r[2], big + LEN / 2, LEN / 2);
	kit_settle(loop);
	proa_cancel(&r[1].op); /* queued: nothing of it moved */
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ECANCELED);
	CHECK_EQ(r[1].count, 0);
	while (got < LEN) {
		long n = kit_fd_read(fd, in + got, (size_t)(LEN - got));

		if (n < -1 || n == 0)
			break;
		got += n > 0 ? n : 0;
		kit_once(loop, 1);
	}
	CHECK_EQ(got, LEN);
	CHECK(kit_filled(in, LEN, 0));
	CHECK_EQ(kit_await(loop, &r[0]), LEN / 2);
	CHECK_EQ(kit_await(loop, &r[2]), LEN / 2);
	kit_fd_close(fd);
	free(big);
	free(in);
	kit_close(&loop);
}

/* ---- dead peers ---- */

TEST(send_on_a_dead_connection_is_econnreset)
{
	rec r = {0}, more[3] = {{.submits = 0}};
	proa_handle a;
	LOOP(loop);

	for (int round = 0; round < 2; round++) {
		int fd = kit_half(loop, &a);

		if (round)
			kit_fd_reset(fd);
		else
			kit_fd_close(fd); /* answers the first bytes with RST */
		memset(&r, 0, sizeof r);
		for (int i = 0; i < 1000 && r.result >= 0; i++) {
			SUBMIT(proa_send, &a, &r, "bytes", 5);
			kit_await(loop, &r);
			kit_once(loop, 1);
		}
		CHECK_EQ(r.result, -PROA_ECONNRESET);
		for (int i = 0; i < 3; i++) {
			memset(&more[i], 0, sizeof more[i]);
			SUBMIT(proa_send, &a, &more[i], "bytes", 5);
		}
		for (int i = 0; i < 3; i++)
			CHECK_EQ(kit_await(loop, &more[i]), -PROA_ECONNRESET);
		kit_end(loop, &a);
	}
	kit_close(&loop);
}

TEST(send_torn_by_a_reset_breaks_the_queue)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec r[2] = {{.submits = 0}};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < 2; i++)
		SUBMIT(proa_send, &a, &r[i], big, LEN);
	kit_settle(loop);
	kit_fd_reset(fd);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECONNRESET);
	CHECK_GT(r[0].count, 0);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_EBROKEN);
	free(big);
	kit_close(&loop);
}

TEST(send_behind_shutdown_is_epipe)
{
	rec send[2] = {{.submits = 0}}, shut = {0}, recv = {0};
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_send, &a, &send[0], "before", 6);
	SUBMIT0(proa_shutdown, &a, &shut);
	SUBMIT(proa_send, &a, &send[1], "after", 5);
	CHECK_EQ(kit_await(loop, &send[0]), 6);
	CHECK_EQ(kit_await(loop, &shut), 0);
	CHECK_EQ(kit_await(loop, &send[1]), -PROA_EPIPE);
	CHECK_EQ(send[1].count, 0);
	CHECK_EQ(kit_fd_read(fd, buf, sizeof buf), 6);
	CHECK_EQ(kit_fd_read(fd, buf, sizeof buf), 0);
	kit_fd_write(fd, "back", 4); /* half closed: this way it is open */
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &recv), 4);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(ops_on_what_is_not_open)
{
	rec r[4] = {{.submits = 0}};
	proa_handle h = {0}, l;
	proa_addr addr;
	char buf[8];
	LOOP(loop);

	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_recv, &h, &r[0], buf, sizeof buf);
	SUBMIT(proa_send, &h, &r[1], "x", 1);
	SUBMIT0(proa_shutdown, &h, &r[2]);
	SUBMIT0(proa_accept, &h, &r[3]);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(r[i].finals, 0); /* not even these call back from the submit */
	for (int i = 0; i < 4; i++)
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_ENOTCONN);
	kit_listen(loop, &l, &addr);
	SUBMIT(proa_recv, &l, &r[0], buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ENOTCONN);
	CHECK_EQ(proa_listen(&l, &addr, NULL), -PROA_EINVAL);
	kit_close(&loop);
}

TEST(recv_of_no_length_is_einval)
{
	rec r = {0};
	proa_handle a, b;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	SUBMIT(proa_recv, &a, &r, &r, 0);
	CHECK_EQ(r.finals, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	kit_close(&loop);
}
