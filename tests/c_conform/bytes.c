/* Bytes: partial writes against a stalling reader, odd pieces, files, v6, local sockets. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_file.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads all of `len` from the plain socket in odd steps while the loop runs; checks the bytes. */
static uint64_t drain(proa_loop *loop, int fd, uint64_t from, uint64_t len)
{
	static unsigned char in[100000];
	long long until = test_now_ns() + kit_patience_ns();
	uint64_t got = 0;
	long n = -1;

	for (int i = 0; got < len && test_now_ns() < until; i++) {
		size_t step = 1 + (size_t)i * 7919 % sizeof in;

		n = kit_fd_read(fd, in, step < len - got ? step : (size_t)(len - got));
		if (n > 0 && CHECK(kit_filled(in, (size_t)n, from + got)))
			got += (uint64_t)n;
		else if (n != -1)
			break;
		if (i % 3 == 0 || n < 0)
			kit_once(loop, n < 0);
	}
	return got;
}

/* Reads until that send has ended and all of it is here. */
static uint64_t drain_send(proa_loop *loop, int fd, const rec *r)
{
	static unsigned char in[10007];
	long long until = test_now_ns() + kit_patience_ns();
	uint64_t got = 0;

	while ((!r->finals || got < (uint64_t)r->count) && CHECK(test_now_ns() < until)) {
		long n = kit_fd_read(fd, in, sizeof in);

		if (n > 0 && CHECK(kit_filled(in, (size_t)n, got)))
			got += (uint64_t)n;
		else if (n != -1)
			break;
		else
			kit_once(loop, true);
	}
	return got;
}

TEST(send_16_mib_to_a_reader_that_stalls)
{
	enum { LEN = 16 << 20 };
	unsigned char *out = malloc(LEN);
	rec r = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	kit_fill(out, LEN, 0);
	fd = kit_half(loop, &a);
	proa_set_buffers(&a, 0, 65536);
	SUBMIT(proa_send, &a, &r, out, LEN);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0); /* never short: it waits */
	CHECK_EQ(drain(loop, fd, 0, LEN / 3), LEN / 3);
	kit_settle(loop); /* stalls again */
	kit_fd_close(fd);
	kit_await(loop, &r);
	CHECK(r.result == LEN || r.result == -PROA_ECONNRESET);
	free(out);
	kit_close(&loop);
}

TEST(send_16_mib_arrives_whole)
{
	enum { LEN = 16 << 20 };
	unsigned char *out = malloc(LEN);
	rec r = {0};
	proa_stats s;
	proa_handle a;
	int fd;
	LOOP(loop);

	kit_fill(out, LEN, 0);
	fd = kit_half(loop, &a);
	SUBMIT(proa_send, &a, &r, out, LEN);
	CHECK_EQ(drain(loop, fd, 0, LEN), LEN);
	CHECK_EQ(kit_await(loop, &r), LEN);
	CHECK_EQ(r.count, LEN);
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.bytes_out, LEN);
	kit_fd_close(fd);
	free(out);
	kit_close(&loop);
}

/* ---- pieces ---- */

static void vec_make(proa_vec *vec, unsigned n, const unsigned char *bytes, size_t *len)
{
	*len = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t piece = i % 11 == 5 ? 0 : i % 13 == 7 ? 20011 : i * 31 % 257;

		vec[i] = (proa_vec){bytes + *len, piece};
		*len += piece;
	}
}

TEST(sendv_of_many_pieces_and_odd_lengths)
{
	static const unsigned counts[] = {1, 2, 3, 8, 63, 64, 65, 255, 1000, 1024};
	static proa_vec vec[1024];
	unsigned char *bytes = malloc(4 << 20);
	uint64_t at = 0;
	size_t len;
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_set_buffers(&a, 0, 16384);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		rec r = {0};

		kit_fill(bytes, 4 << 20, at);
		vec_make(vec, counts[i], bytes, &len);
		SUBMIT(proa_sendv, &a, &r, vec, counts[i]);
		CHECK_EQ(drain(loop, fd, at, len), len);
		CHECK_EQ(kit_await(loop, &r), len);
		at += len;
	}
	kit_fd_close(fd);
	free(bytes);
	kit_close(&loop);
}

TEST(sendv_limits)
{
	static proa_vec vec[1025];
	rec r = {0}, none = {0}, empty = {0}, behind = {0};
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_sendv, &a, &r, vec, 1025);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_sendv, &a, &none, vec, 0);
	SUBMIT(proa_send, &a, &empty, buf, 0);
	SUBMIT(proa_send, &a, &behind, "whole", 5);
	CHECK_EQ(kit_await(loop, &none), 0);
	CHECK_EQ(kit_await(loop, &empty), 0);
	CHECK_EQ(kit_await(loop, &behind), 5);
	CHECK_EQ(host_sock_recv(fd, buf, sizeof buf), 5); /* waits for it */
	CHECK_EQ(kit_fd_read(fd, buf, sizeof buf), -1);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* Sends of every kind in a row keep their order. */
TEST(send_kinds_mixed)
{
	enum { FILE_LEN = 70000 };
	unsigned char bytes[64 + 400];
	proa_vec vec[2] = {{bytes + 64, 100}, {bytes + 164, 300}};
	rec r[4] = {{.submits = 0}}, recv = {0};
	proa_handle a, f = {0};
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fd_write(fd, "0123456789", 10);
	SUBMIT(proa_recv_pooled, &a, &recv, NULL);
	CHECK_EQ(kit_await(loop, &recv), 10);
	proa_handle_init(proa_root(loop), &f);
	proa_adopt_os(&f, kit_file(FILE_LEN), PROA_FILE);
	/* The file's bytes begin at 0, so the stream does too: file, pooled, send, sendv. */
	kit_fill(recv.buf, 10, FILE_LEN);
	kit_fill(bytes, 64, FILE_LEN + 10);
	kit_fill(bytes + 64, 400, FILE_LEN + 74);
	SUBMIT(proa_send_file, &a, &r[0], &f, 0, FILE_LEN);
	SUBMIT(proa_send_pooled, &a, &r[1], recv.buf, 10);
	SUBMIT(proa_send, &a, &r[2], bytes, 64);
	SUBMIT(proa_sendv, &a, &r[3], vec, 2);
	CHECK_EQ(drain(loop, fd, 0, FILE_LEN + 474), FILE_LEN + 474);
	CHECK_EQ(kit_await(loop, &r[3]), 400);
	CHECK_EQ(r[0].result, FILE_LEN);
	CHECK_EQ(r[1].result, 10);
	CHECK_EQ(r[2].result, 64);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- files ---- */

static void file_adopt(proa_loop *loop, proa_handle *f, size_t len)
{
	memset(f, 0, sizeof *f);
	proa_handle_init(proa_root(loop), f);
	proa_adopt_os(f, kit_file(len), PROA_FILE);
}

TEST(send_file_whole_and_part)
{
	enum { LEN = 3 << 20 };
	static const int64_t part[][2] = {{0, LEN}, {0, 1}, {LEN - 1, 1}, {12345, 54321}, {7, 0}};
	proa_handle a, f;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	file_adopt(loop, &f, LEN);
	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		uint64_t len = (uint64_t)part[i][1];
		rec r = {0};

		SUBMIT(proa_send_file, &a, &r, &f, part[i][0], part[i][1]);
		CHECK_EQ(drain(loop, fd, (uint64_t)part[i][0], len), len);
		CHECK_EQ(kit_await(loop, &r), len);
		CHECK_EQ(r.got & PROA_END, 0);
	}
	kit_fd_close(fd);
	kit_close(&loop);
}

/* To a slow reader, and in parts, for an idle time wants to see each of them. */
TEST(send_file_under_an_idle_time)
{
	enum { LEN = 8 << 20 };
	proa_handle a, f;
	rec r = {0};
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	file_adopt(loop, &f, LEN);
	proa_set_idle(&a, 30 * PROA_SEC);
	SUBMIT(proa_send_file, &a, &r, &f, 0, LEN);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0); /* nobody reads: it stops where there is no room */
	CHECK_EQ(drain(loop, fd, 0, LEN), LEN);
	CHECK_EQ(kit_await(loop, &r), LEN);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(send_file_that_ends_first)
{
	enum { LEN = 100000 };
	rec r[3] = {{.submits = 0}};
	proa_handle a, f;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	file_adopt(loop, &f, LEN);
	SUBMIT(proa_send_file, &a, &r[0], &f, 0, 2 * LEN);
	SUBMIT(proa_send_file, &a, &r[1], &f, LEN, 10);
	SUBMIT(proa_send_file, &a, &r[2], &f, 5 * LEN, 10);
	CHECK_EQ(drain(loop, fd, 0, LEN), LEN);
	CHECK_EQ(kit_await(loop, &r[0]), LEN);
	CHECK(r[0].got & PROA_END);
	for (int i = 1; i < 3; i++) {
		CHECK_EQ(kit_await(loop, &r[i]), 0);
		CHECK(r[i].got & PROA_END);
	}
	kit_fd_close(fd);
	kit_close(&loop);
}

/* Short only with END, when it shrinks under the send; never padded. */
TEST(send_file_that_shrinks)
{
	enum { LEN = 8 << 20 };
	rec r = {0}, after = {0};
	proa_handle a, f;
	uint64_t got;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_set_buffers(&a, 0, 16384);
	file_adopt(loop, &f, LEN);
	SUBMIT(proa_send_file, &a, &r, &f, 0, LEN);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	/* At a page: what was handed to the socket already are the file's own pages. */
	CHECK(host_file_truncate((int)proa_os(&f), 65536));
	SUBMIT(proa_send, &a, &after, "", 0);
	got = drain_send(loop, fd, &r);
	CHECK_LT(r.result, LEN);
	CHECK_EQ(r.count, r.result);
	CHECK(r.got & PROA_END);
	CHECK_EQ(got, r.result);
	CHECK_EQ(kit_await(loop, &after), 0);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(send_file_holds_the_files_close)
{
	enum { LEN = 8 << 20 };
	rec r = {0};
	proa_handle a, f;
	int fd, before = kit_n_closed;
	LOOP(loop);

	fd = kit_half(loop, &a);
	file_adopt(loop, &f, LEN);
	SUBMIT(proa_send_file, &a, &r, &f, 0, LEN);
	kit_settle(loop);
	proa_close(&f, kit_closed);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	CHECK_EQ(kit_n_closed, before);
	CHECK_EQ(drain(loop, fd, 0, LEN), LEN);
	CHECK_EQ(kit_await(loop, &r), LEN);
	UNTIL(loop, kit_n_closed == before + 1);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(send_file_cancelled_and_reset)
{
	enum { LEN = 8 << 20 };
	rec r[3] = {{.submits = 0}};
	proa_handle a, f, not_open = {0};
	int fd;
	LOOP(loop);

	file_adopt(loop, &f, LEN);
	fd = kit_half(loop, &a);
	SUBMIT(proa_send_file, &a, &r[0], &f, 0, LEN);
	SUBMIT(proa_send_file, &a, &r[1], &f, 0, LEN);
	kit_settle(loop);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	CHECK_GT(r[0].count, 0);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_EBROKEN);
	kit_end(loop, &a);
	kit_fd_close(fd);
	/* sendfile has no flag against SIGPIPE: this would end the program. */
	fd = kit_half(loop, &a);
	SUBMIT(proa_send_file, &a, &r[0], &f, 0, LEN);
	kit_settle(loop);
	kit_fd_reset(fd);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECONNRESET);
	kit_end(loop, &a);
	fd = kit_half(loop, &a);
	proa_handle_init(proa_root(loop), &not_open);
	SUBMIT(proa_send_file, &a, &r[0], &not_open, 0, 1);
	SUBMIT(proa_send_file, &a, &r[1], &f, -1, 1);
	SUBMIT(proa_send_file, &a, &r[2], &a, 0, 1);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_EBADF);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_EINVAL);
	CHECK_EQ(kit_await(loop, &r[2]), -PROA_EINVAL);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* The file's errors have the file's names, also where a socket sends. */
TEST(send_file_of_one_opened_for_writing)
{
	rec r = {.submits = 0};
	proa_handle a, f = {0};
	char dir[120], path[140];
	int fd;
	LOOP(loop);

	REQUIRE(host_temp_dir(dir, sizeof dir));
	snprintf(path, sizeof path, "%s/f", dir);
	proa_handle_init(proa_root(loop), &f);
	SUBMIT(proa_file_open, &f, &r, path, PROA_O_WRITE | PROA_O_CREATE, 0600);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_write, &f, &r, "text", 4, 0);
	CHECK_EQ(kit_await(loop, &r), 4);
	fd = kit_half(loop, &a);
	SUBMIT(proa_send_file, &a, &r, &f, 0, 4);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	CHECK_EQ(r.count, 0);
	SUBMIT(proa_send, &a, &r, "on", 2);
	CHECK_EQ(kit_await(loop, &r), 2);
	kit_fd_close(fd);
	kit_close(&loop);
	host_remove(path);
	host_remove(dir);
}

/* ---- other sockets ---- */

static void talk(proa_loop *loop, proa_handle *a, proa_handle *b)
{
	rec r[2] = {{.submits = 0}};
	char buf[8];

	SUBMIT(proa_recv, b, &r[0], buf, sizeof buf);
	SUBMIT(proa_send, a, &r[1], "hello", 5);
	CHECK_EQ(kit_await(loop, &r[0]), 5);
	CHECK_EQ(kit_await(loop, &r[1]), 5);
	CHECK_MEM(buf, "hello", 5);
	SUBMIT0(proa_shutdown, a, &r[1]);
	SUBMIT(proa_recv, b, &r[0], buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r[0]), 0);
	CHECK(r[0].got & PROA_END);
	CHECK_EQ(kit_await(loop, &r[1]), 0);
}

static void listen_connect_talk(proa_loop *loop, const char *text)
{
	proa_handle l = {0}, c = {0}, s = {0};
	rec connect = {0}, accept = {0};
	proa_addr addr, peer, local;

	proa_handle_init(proa_root(loop), &l);
	proa_handle_init(proa_root(loop), &c);
	proa_handle_init(&l, &s);
	CHECK_EQ(proa_addr_parse(&addr, text, 0), 0);
	if (!CHECK_EQ(proa_listen(&l, &addr, NULL), 0))
		return;
	CHECK_EQ(proa_local_addr(&l, &addr), 0);
	SUBMIT0(proa_accept, &l, &accept);
	SUBMIT(proa_connect, &c, &connect, &addr);
	CHECK_EQ(kit_await(loop, &connect), 0);
	CHECK_EQ(kit_await(loop, &accept), 0);
	proa_adopt(&s, accept.socket);
	CHECK_EQ(proa_peer_addr(&c, &peer), 0);
	CHECK_EQ(peer.family, addr.family);
	if (proa_addr_port(&addr)) {
		CHECK_EQ(proa_addr_port(&peer), proa_addr_port(&addr));
		CHECK_EQ(proa_local_addr(&c, &local), 0);
		CHECK_EQ(proa_peer_addr(&s, &peer), 0);
		CHECK_EQ(proa_addr_port(&peer), proa_addr_port(&local));
	}
	talk(loop, &c, &s);
	kit_end(loop, &c);
	kit_end(loop, &l);
}

TEST(v4_loopback)
{
	LOOP(loop);
	listen_connect_talk(loop, "127.0.0.1:0");
	kit_close(&loop);
}

TEST(v6_loopback)
{
	int fd[2];
	LOOP(loop);

	if (!kit_tcp(fd, true)) {
		kit_close(&loop);
		SKIP("no IPv6 here");
	}
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	listen_connect_talk(loop, "[::1]:0");
	kit_close(&loop);
}

TEST(local_sockets)
{
	char path[96], text[128];
	NEED(HOST_LOCAL);
	LOOP(loop);

	CHECK(host_temp_dir(path, sizeof path));
	snprintf(text, sizeof text, "unix:%s/s", path);
	listen_connect_talk(loop, text);
	CHECK(host_remove(text + 5));
	CHECK(host_remove(path));
	kit_close(&loop);
}

TEST(socketpair_adopted)
{
	proa_handle a = {0}, b = {0};
	int fd[2];
	NEED(HOST_PAIR);
	LOOP(loop);

	CHECK(host_sock_pair(fd));
	proa_handle_init(proa_root(loop), &a);
	proa_handle_init(proa_root(loop), &b);
	proa_adopt_os(&a, fd[0], PROA_LOCAL);
	proa_adopt_os(&b, fd[1], PROA_LOCAL);
	talk(loop, &a, &b);
	kit_close(&loop);
}
