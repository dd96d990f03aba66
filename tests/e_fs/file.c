/* Files: open, read, write, the ends of both, errors, closing. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "host_file.h"

#include <stdio.h>
#include <stdlib.h>

static char path[64];

/* A name for a file, and the file gone at the end. */
static const char *path_new(void)
{
	snprintf(path, sizeof path, "proa-file-%u-%s", host_pid(),
	         test_backend ? test_backend : "");
	host_remove(path);
	return path;
}

static int64_t file_open(proa_loop *loop, proa_handle *h, const char *name, unsigned flags)
{
	rec r = {0};

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	SUBMIT(proa_file_open, h, &r, name, flags, 0644);
	return kit_await(loop, &r);
}

enum { RW = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE };

TEST(file_round_trip)
{
	proa_handle h;
	proa_stat_info st;
	rec w = {0}, r = {0}, s = {0}, f = {0};
	char buf[16];

	LOOP(loop);
	CHECK_EQ(file_open(loop, &h, path_new(), RW), 0);
	CHECK(proa_is_open(&h));
	SUBMIT(proa_write, &h, &w, "hello world", 11, 0);
	CHECK_EQ(kit_await(loop, &w), 11);
	CHECK_EQ(w.count, 11);
	SUBMIT0(proa_fsync, &h, &f);
	CHECK_EQ(kit_await(loop, &f), 0);
	SUBMIT(proa_fstat, &h, &s, &st);
	CHECK_EQ(kit_await(loop, &s), 0);
	CHECK_EQ(st.size_bytes, 11);
	CHECK_EQ(st.type, PROA_S_FILE);
	SUBMIT(proa_read, &h, &r, buf, 5, 6);
	CHECK_EQ(kit_await(loop, &r), 5); /* to the end exactly: not told yet */
	CHECK_EQ(r.got, 0);
	CHECK_MEM(buf, "world", 5);
	SUBMIT(proa_read, &h, &r, buf, sizeof buf, 6);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_EQ(r.count, 5);
	CHECK_EQ(r.got, PROA_END);
	SUBMIT(proa_read, &h, &r, buf, sizeof buf, 11);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.got, PROA_END);
	SUBMIT(proa_read, &h, &r, buf, 0, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &h);
	host_remove(path);
	kit_close(&loop);
}

TEST(file_large)
{
	size_t len = 9u << 20;
	char *out = malloc(len), *in = malloc(len + 1);
	proa_handle h;
	rec w = {0}, r = {0};

	kit_fill(out, len, 0);
	LOOP(loop);
	CHECK_EQ(file_open(loop, &h, path_new(), RW | PROA_O_TRUNC), 0);
	SUBMIT(proa_write, &h, &w, out, len, 3);
	CHECK_EQ(kit_await(loop, &w), len);
	SUBMIT(proa_read, &h, &r, in, len + 1, 3);
	CHECK_EQ(kit_await(loop, &r), len);
	CHECK_EQ(r.got, PROA_END);
	CHECK(kit_filled(in, len, 0));
	kit_end(loop, &h);
	host_remove(path);
	kit_close(&loop);
	free(out);
	free(in);
}

/* Positional and unordered: many at once, each to its own place. */
TEST(file_many_at_once)
{
	enum { N = 64, BYTES = 512 };
	static char buf[N][BYTES];
	static rec r[N];
	proa_handle h;

	LOOP(loop);
	memset(r, 0, sizeof r);
	CHECK_EQ(file_open(loop, &h, path_new(), RW | PROA_O_TRUNC), 0);
	for (int i = 0; i < N; i++) {
		kit_fill(buf[i], BYTES, (uint64_t)i * BYTES);
		SUBMIT(proa_write, &h, &r[i], buf[i], BYTES, i * BYTES);
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_await(loop, &r[i]), BYTES);
	memset(buf, 0, sizeof buf);
	for (int i = N - 1; i >= 0; i--)
		SUBMIT(proa_read, &h, &r[i], buf[i], BYTES, i * BYTES);
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_await(loop, &r[i]), BYTES);
	CHECK(kit_filled(buf, sizeof buf, 0));
	kit_end(loop, &h);
	host_remove(path);
	kit_close(&loop);
}

/* ---- what reads of bytes in memory cost ---- */

enum { AT_ONCE = 16, READ_BYTES = 512, READS = 800 };

typedef struct reader {
	proa_handle h;
	proa_op op[AT_ONCE];
	char buf[AT_ONCE][READ_BYTES];
	unsigned left, ended;
} reader;

static void read_again(proa_op *op);

static void read_next(reader *r, proa_op *op)
{
	size_t i = (size_t)(op - r->op);

	r->left--;
	proa_read(&r->h, op, r->buf[i], READ_BYTES, (int64_t)(r->left % 8) * READ_BYTES,
	          read_again);
}

static void read_again(proa_op *op)
{
	reader *r = op->user;

	CHECK_EQ(op->result, READ_BYTES);
	r->ended++;
	if (r->left)
		read_next(r, op);
}

/* So many reads, some at once, the statistics of these alone. */
static proa_stats reads_cost(proa_loop *loop, reader *r, unsigned at_once)
{
	proa_stats before, after;

	r->left = READS;
	r->ended = 0;
	proa_loop_stats(loop, &before);
	for (unsigned i = 0; i < at_once; i++) {
		r->op[i].user = r;
		read_next(r, &r->op[i]);
	}
	UNTIL(loop, r->ended == READS);
	proa_loop_stats(loop, &after);
	after.system_calls -= before.system_calls;
	after.waits -= before.waits;
	test_note("%u at once: %.3f system calls a read, %.3f waits", at_once,
	          (double)after.system_calls / (double)READS, (double)after.waits / (double)READS);
	return after;
}

/* With tiny queues it takes what it takes. */
static uint64_t at_most(uint64_t n)
{
#ifdef PX_TORTURE
	return n ? INT64_MAX : 0;
#else
	return n;
#endif
}

/* A ring is for several: a lone read of what is in memory is one call, and nothing is slept for. */
TEST(file_reads_cost)
{
	bool ring, now = !getenv("PROA_URING_OFF");
	reader *r = calloc(1, sizeof *r);
	proa_stats alone, several;
	rec w = {0};

	LOOP(loop);
	ring = !strcmp(proa_loop_backend(loop), "io_uring");
	CHECK_EQ(file_open(loop, &r->h, path_new(), RW | PROA_O_TRUNC), 0);
	SUBMIT(proa_write, &r->h, &w, r->buf, 8 * READ_BYTES, 0);
	CHECK_EQ(kit_await(loop, &w), 8 * READ_BYTES);
	alone = reads_cost(loop, r, 1);
	several = reads_cost(loop, r, AT_ONCE);
	if (ring) {
		CHECK_LE(alone.system_calls, at_most(READS + READS / 5));
		CHECK_LE(several.system_calls, at_most(READS / 4));
	}
	if (ring && now)
		CHECK_LE(alone.waits, at_most(READS / 10));
	kit_end(loop, &r->h);
	host_remove(path);
	kit_close(&loop);
	free(r);
}

TEST(file_append)
{
	proa_handle h;
	rec r = {0};
	char buf[8];

	LOOP(loop);
	CHECK_EQ(file_open(loop, &h, path_new(), RW | PROA_O_APPEND), 0);
	SUBMIT(proa_write, &h, &r, "abc", 3, 100);
	CHECK_EQ(kit_await(loop, &r), 3);
	SUBMIT(proa_write, &h, &r, "def", 3, 0);
	CHECK_EQ(kit_await(loop, &r), 3);
	SUBMIT(proa_read, &h, &r, buf, sizeof buf, 0);
	CHECK_EQ(kit_await(loop, &r), 6);
	CHECK_MEM(buf, "abcdef", 6);
	kit_end(loop, &h);
	host_remove(path);
	kit_close(&loop);
}

/* ---- errors ---- */

TEST(file_open_errors)
{
	proa_handle h;
	rec again = {0};

	LOOP(loop);
	CHECK_EQ(file_open(loop, &h, "no such file", PROA_O_READ), -PROA_ENOENT);
	CHECK(!proa_is_open(&h));
	SUBMIT(proa_file_open, &h, &again, host_path_empty(), PROA_O_READ,
	       0); /* init again: may be tried */
	CHECK_EQ(kit_await(loop, &again), 0);
	SUBMIT(proa_file_open, &h, &again, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &again), -PROA_EINVAL);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, "/", PROA_O_WRITE), -PROA_EISDIR);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, host_path_empty(), PROA_O_READ | PROA_O_DIR), -PROA_ENOTDIR);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, host_path_empty(), 0), -PROA_EINVAL);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, host_path_empty(), PROA_O_READ | 256), -PROA_EINVAL);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, "", PROA_O_READ), -PROA_ENOENT);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, path_new(), RW | PROA_O_EXCL), 0);
	kit_end(loop, &h);
	CHECK_EQ(file_open(loop, &h, path, RW | PROA_O_EXCL), -PROA_EEXIST);
	kit_end(loop, &h);
	host_remove(path);
	kit_close(&loop);
}

TEST(file_full_disk)
{
	proa_handle h;
	rec r = {0};

	NEED(HOST_FULL_DISK);
	LOOP(loop);
	CHECK_EQ(file_open(loop, &h, host_path_full_disk(), PROA_O_WRITE), 0);
	SUBMIT(proa_write, &h, &r, "x", 1, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOSPC);
	CHECK_EQ(r.count, 0);
	CHECK_NE(r.sys_error, 0);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(file_misdirected)
{
	proa_handle h = {0}, sock;
	rec r = {0};
	char buf[4];
	int peer;

	LOOP(loop);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_read, &h, &r, buf, 4, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	peer = kit_half(loop, &sock);
	SUBMIT(proa_read, &sock, &r, buf, 4, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_fd_close(peer);
	kit_end(loop, &sock);
	SUBMIT(proa_file_open, &h, &r, host_path_zeros(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_read, &h, &r, buf, 4, -1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_write, &h, &r, buf, 4, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(file_path_is_copied)
{
	char name[512];
	proa_handle h = {0};
	rec r = {0};

	LOOP(loop);
	snprintf(name, sizeof name, "%s", host_path_empty());
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open, &h, &r, name, PROA_O_READ, 0);
	memset(name, 'x', sizeof name - 1);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(file_no_memory)
{
	proa_handle h = {0};
	rec r = {0};

	LOOP(loop);
	proa_handle_init(proa_root(loop), &h);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOMEM);
	kit_mem.fail_at = kit_mem.calls + 2; /* the request, then the workers */
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &h);
	kit_close(&loop);
}

/* What was sent to a handle while it was being opened ends, whatever becomes of it. */
TEST(file_no_socket)
{
	proa_handle h = {0};
	rec open = {0}, send = {0};

	LOOP(loop);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open, &h, &open, "no such file", PROA_O_READ, 0);
	SUBMIT(proa_send, &h, &send, "x", 1);
	CHECK_EQ(kit_await(loop, &open), -PROA_ENOENT);
	CHECK_EQ(kit_await(loop, &send), -PROA_ENOENT);
	SUBMIT(proa_file_open, &h, &open, host_path_empty(), PROA_O_WRITE, 0);
	SUBMIT(proa_send, &h, &send, "x", 1);
	CHECK_EQ(kit_await(loop, &open), 0);
	CHECK_EQ(kit_await(loop, &send), -PROA_ENOTSUP);
	SUBMIT(proa_send, &h, &send, "x", 1);
	CHECK_EQ(kit_await(loop, &send), -PROA_ENOTSUP);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(file_ops_of_a_socket)
{
	proa_handle a;
	proa_stat_info info;
	rec r = {0};
	char buf[8];
	int fd;

	LOOP(loop);
	fd = kit_half(loop, &a);
	SUBMIT(proa_read, &a, &r, buf, sizeof buf, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT(proa_write, &a, &r, "x", 1, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT(proa_fstat, &a, &r, &info);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT0(proa_fsync, &a, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- cancelling and closing ---- */

TEST(file_open_cancelled)
{
	proa_handle h = {0};
	rec r = {0}, second = {0};
	gate *g;

	LOOP(loop);
	proa_handle_init(proa_root(loop), &h);
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	SUBMIT(proa_file_open, &h, &second, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &second), -PROA_EALREADY);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	gate_open(loop, g);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &h);
	kit_close(&loop);
}

/* A descriptor that comes when nobody wants it any more is closed: the frame counts them. */
TEST(file_closed_while_opening)
{
	LOOP(loop);
	for (int i = 0; i < TEST_TIMES(200); i++) {
		proa_handle h = {0};
		rec r = {0};

		proa_handle_init(proa_root(loop), &h);
		SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
		if (i % 3 == 1)
			host_sleep_us(20);
		if (i % 3 == 2)
			proa_cancel(&r.op);
		kit_end(loop, &h);
		CHECK_EQ(r.finals, 1);
		CHECK(r.result == 0 || r.result == -PROA_ECANCELED);
	}
	kit_close(&loop);
}

TEST(file_close_waits)
{
	enum { N = 8 };
	static char buf[N][65536];
	static rec r[N];
	proa_handle h;

	LOOP(loop);
	memset(r, 0, sizeof r);
	CHECK_EQ(file_open(loop, &h, host_path_zeros(), PROA_O_READ), 0);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_read, &h, &r[i], buf[i], sizeof buf[i], 0);
	kit_end(loop, &h);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(r[i].finals, 1);
		CHECK(r[i].result > 0 || r[i].result == -PROA_ECANCELED); /* or a part of it */
	}
	kit_close(&loop);
}
