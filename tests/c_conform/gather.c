/* Sends that queue up behind another and go out together: each is told its own. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* ---- a stalled send, and others behind it ---- */

enum { FRONT = 1 << 20, SOME = 7, LONG = 50000, ALL_OF_THEM = FRONT + SOME * LONG };

typedef struct line {
	proa_handle a;
	int fd;
	unsigned char *front, *bytes, *in;
	rec stalled, r[SOME];
	int64_t got; /* by the peer */
} line;

static bool line_ended(const line *l)
{
	unsigned finals = 0;

	for (int i = 0; i < SOME; i++)
		finals += l->r[i].finals;
	return finals == SOME;
}

/* Until the peer has had so many bytes, or all have ended and nothing more comes. */
static void line_read(proa_loop *loop, line *l, int64_t until)
{
	long long end = test_now_ns() + kit_patience_ns();
	int quiet = 0;

	while (l->got < until && quiet < 10 && test_now_ns() < end) {
		long n = kit_fd_read(l->fd, l->in + l->got, (size_t)(until - l->got));

		if (n == 0 || n < -1)
			return;
		l->got += n > 0 ? n : 0;
		quiet = n > 0 || !line_ended(l) ? 0 : quiet + 1;
		kit_once(loop, n > 0 ? 0 : 1);
	}
}

/* A local pair where there is one: it takes no more when it is full, where TCP after a while asks
 * for a little more. */
static int line_connect(proa_loop *loop, proa_handle *a, bool tcp)
{
	int fd[2];

	if (tcp || host_lacks(HOST_PAIR) || !CHECK(host_sock_pair(fd)))
		return kit_half(loop, a);
	proa_handle_init(proa_root(loop), a);
	proa_adopt_os(a, fd[0], PROA_LOCAL);
	return fd[1];
}

static void line_open(proa_loop *loop, line *l, uint16_t want, bool tcp)
{
	memset(l, 0, sizeof *l);
	l->front = malloc(FRONT);
	l->bytes = malloc(SOME * LONG);
	l->in = malloc(ALL_OF_THEM);
	kit_fill(l->front, FRONT, 0);
	kit_fill(l->bytes, SOME * LONG, FRONT);
	l->fd = line_connect(loop, &l->a, tcp);
	proa_set_buffers(&l->a, 0, 16384);
	kit_fd_small(l->fd, 65536);
	SUBMIT(proa_send, &l->a, &l->stalled, l->front, FRONT);
	for (int i = 0; i < SOME; i++) {
		l->r[i].op.want = want;
		SUBMIT(proa_send, &l->a, &l->r[i], l->bytes + i * LONG, LONG);
	}
	kit_settle(loop);
	CHECK_EQ(l->stalled.finals, 0);
	CHECK_EQ(l->r[0].finals, 0);
}

/* The first is out, those behind it are on their way and cannot end: there is no more room. */
static void line_stall(proa_loop *loop, line *l)
{
	uint64_t gone = 0;
	proa_stats s;

	line_read(loop, l, FRONT);
	CHECK_EQ(kit_await(loop, &l->stalled), FRONT);
	for (int quiet = 0; quiet < 20; quiet++) {
		kit_once(loop, 2);
		proa_loop_stats(loop, &s);
		quiet = s.bytes_out == gone ? quiet : 0;
		gone = s.bytes_out;
	}
	CHECK_EQ(l->r[SOME - 1].finals, 0);
}

/* iocp: what the system had of a cancelled send is not told, so what is behind it may not go. */
static bool unsure_torn(proa_loop *loop, const line *l, int i)
{
	return !strcmp(proa_loop_backend(loop), "iocp") && i + 1 < SOME &&
	       l->r[i + 1].result == -PROA_EBROKEN;
}

/* Each told a stated outcome; behind a torn one nothing went; and the peer has had just the bytes
 * that were told of. `asked`: what those may end with whose end was asked for, a bit each. */
static void line_check(proa_loop *loop, line *l, unsigned asked, int64_t error)
{
	int64_t told = FRONT;
	bool torn = false;

	line_read(loop, l, ALL_OF_THEM);
	for (int i = 0; i < SOME; i++) {
		rec *r = &l->r[i];

		CHECK_EQ(r->finals, 1);
		CHECK(kit_filled(l->in + told, (size_t)r->count, (uint64_t)(FRONT + i * LONG)));
		told += r->count;
		if (torn) {
			CHECK_EQ(r->count, 0);
			CHECK(r->result == -PROA_EBROKEN ||
			      ((asked & 1u << i) && r->result == error));
		} else if (asked & 1u << i && r->result < 0) {
			CHECK_EQ(r->result, error);
			CHECK_LT(r->count, LONG);
			torn = r->count > 0 || unsure_torn(loop, l, i);
		} else {
			CHECK_EQ(r->result, LONG);
			CHECK_EQ(r->count, LONG);
		}
	}
	CHECK_EQ(l->got, told);
}

static void line_close(proa_loop *loop, line *l)
{
	if (l->fd >= 0)
		kit_fd_close(l->fd);
	if (proa_is_open(&l->a))
		kit_end(loop, &l->a);
	free(l->front);
	free(l->bytes);
	free(l->in);
	kit_close(&loop);
}

TEST(gather_each_has_its_count)
{
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, false);
	line_stall(loop, &l);
	line_check(loop, &l, 0, 0);
	for (int i = 1; i < SOME; i++)
		CHECK_LT(l.r[i - 1].order, l.r[i].order);
	line_close(loop, &l);
}

/* One after the other, so that each is the first, in the middle, and the last of them once. */
TEST(gather_cancel_in_the_middle)
{
	for (int i = 0; i < SOME; i++) {
		line l;
		LOOP(loop);

		line_open(loop, &l, 0, false);
		line_stall(loop, &l);
		proa_cancel(&l.r[i].op);
		kit_await(loop, &l.r[i]); /* now, though nobody reads */
		line_check(loop, &l, 1u << i, -PROA_ECANCELED);
		line_close(loop, &l);
	}
}

/* Nothing of a chained one went, but what is behind it must not go. */
TEST(gather_cancel_of_a_chained_one)
{
	line l;
	LOOP(loop);

	line_open(loop, &l, PROA_CHAIN, false);
	line_stall(loop, &l);
	proa_cancel(&l.r[3].op);
	proa_cancel(&l.r[5].op);
	line_read(loop, &l, ALL_OF_THEM);
	for (int i = 0; i < SOME; i++)
		CHECK_EQ(l.r[i].finals, 1);
	CHECK_EQ(l.r[3].result, -PROA_ECANCELED);
	CHECK(l.r[5].result == -PROA_ECANCELED || l.r[5].result == -PROA_EBROKEN);
	CHECK_EQ(l.r[6].result, -PROA_EBROKEN);
	CHECK_EQ(l.r[6].count, 0);
	line_close(loop, &l);
}

TEST(gather_deadline_in_the_middle)
{
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, false);
	line_stall(loop, &l);
	proa_deadline(&l.r[2].op, proa_in(loop, PROA_MSEC));
	proa_deadline(&l.r[4].op, proa_in(loop, PROA_MSEC));
	kit_await(loop, &l.r[2]);
	line_check(loop, &l, 1u << 2 | 1u << 4, -PROA_ETIMEDOUT);
	line_close(loop, &l);
}

TEST(gather_all_end_by_idle_time)
{
	int torn = 0;
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, false);
	line_stall(loop, &l);
	proa_set_idle(&l.a, 30 * PROA_MSEC);
	for (int i = 0; i < SOME; i++) {
		int64_t rc = kit_await(loop, &l.r[i]);

		CHECK(rc == LONG || rc == -PROA_ETIMEDOUT);
		torn += l.r[i].count > 0 && rc < 0;
	}
	CHECK_LT(torn, 2);
	CHECK_EQ(l.r[SOME - 1].result, -PROA_ETIMEDOUT);
	line_close(loop, &l);
}

TEST(gather_close_ends_all)
{
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, false);
	line_stall(loop, &l);
	kit_end(loop, &l.a);
	line_check(loop, &l, (1u << SOME) - 1, -PROA_ECANCELED);
	line_close(loop, &l);
}

/* The one that the reset tore is told so, or was not torn: then all are told of the reset. */
TEST(gather_reset_in_the_middle)
{
	bool ended = false, torn = false;
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, true);
	line_stall(loop, &l);
	kit_fd_reset(l.fd);
	for (int i = 0; i < SOME; i++) {
		int64_t rc = kit_await(loop, &l.r[i]);

		if (rc == LONG) {
			CHECK(!ended);
			continue;
		}
		CHECK_EQ(rc, torn ? -PROA_EBROKEN : -PROA_ECONNRESET);
		CHECK(!ended || l.r[i].count == 0);
		CHECK_LT(l.r[i].count, LONG);
		ended = true;
		torn = torn || l.r[i].count > 0;
	}
	CHECK(ended);
	l.fd = -1;
	line_close(loop, &l);
}

/* ---- of every kind ---- */

typedef struct mixed {
	proa_vec vec[5];
	rec r;
} mixed;

/* Some as vectors with empty pieces, some of nothing at all, some of a pool's memory. */
static int64_t mixed_submit(proa_handle *h, mixed *m, int i, const unsigned char *bytes, void *buf)
{
	size_t len = (size_t)(i * 29 % 700);

	switch (i % 4) {
	case 0: SUBMIT(proa_send, h, &m->r, bytes, len); break;
	case 1:
		m->vec[1] = (proa_vec){bytes, len / 3};
		m->vec[3] = (proa_vec){bytes + len / 3, len - len / 3};
		SUBMIT(proa_sendv, h, &m->r, m->vec, 5);
		break;
	case 2:
		memcpy(buf, bytes, len);
		SUBMIT(proa_send_pooled, h, &m->r, buf, len);
		break;
	default: len = 0; SUBMIT(proa_send, h, &m->r, bytes, 0);
	}
	return (int64_t)len;
}

static void *pool_buffer(proa_loop *loop, proa_handle *h, int fd)
{
	rec r = {0};

	SUBMIT(proa_recv_pooled, h, &r, NULL);
	kit_fd_write(fd, "x", 1);
	CHECK_EQ(kit_await(loop, &r), 1);
	return r.buf;
}

TEST(gather_of_every_kind)
{
	enum { N = 200, BIG = 4 << 20 };
	mixed *m = calloc(N, sizeof *m);
	unsigned char *bytes = malloc(BIG + N * 700), *in = malloc(BIG + N * 700);
	int64_t len[N], all = BIG, got = 0;
	rec big = {0};
	proa_handle a;
	void *buf[N];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < N; i++)
		buf[i] = i % 4 == 2 ? pool_buffer(loop, &a, fd) : NULL;
	kit_fill(bytes, BIG + N * 700, 0);
	SUBMIT(proa_send, &a, &big, bytes, BIG);
	for (int i = 0; i < N; i++)
		all += len[i] = mixed_submit(&a, &m[i], i, bytes + all, buf[i]);
	for (long long end = test_now_ns() + kit_patience_ns(); got < all && test_now_ns() < end;) {
		long n = kit_fd_read(fd, in + got, (size_t)(all - got));

		got += n > 0 ? n : 0;
		kit_once(loop, n > 0 ? 0 : 1);
	}
	CHECK(got == all && kit_filled(in, (size_t)all, 0));
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &m[i].r), len[i]);
		CHECK_EQ(m[i].r.count, len[i]);
		CHECK(i == 0 || m[i - 1].r.order < m[i].r.order);
	}
	kit_fd_close(fd);
	free(bytes);
	free(in);
	free(m);
	kit_close(&loop);
}

/* ---- and that they do go together ---- */

/* A thousand that wait behind one: each a call of its own would be more. */
TEST(gather_saves_system_calls)
{
	enum { N = 1000 };
	rec *small = calloc(N, sizeof *small);
	proa_stats before, after;
	uint64_t calls;
	line l;
	LOOP(loop);

	line_open(loop, &l, 0, true);
	for (int i = 0; i < N; i++)
		SUBMIT(proa_send, &l.a, &small[i], "together", 8);
	proa_loop_stats(loop, &before);
	line_read(loop, &l, ALL_OF_THEM);
	CHECK_EQ(kit_await(loop, &small[N - 1]), 8);
	proa_loop_stats(loop, &after);
	calls = after.system_calls - before.system_calls;
	test_note("%u calls for %d sends", (unsigned)calls, N);
	CHECK(calls < N / 2 || !strcmp(proa_loop_backend(loop), "iocp"));
	line_close(loop, &l);
	free(small);
}

/* ---- what is to be followed ---- */

/* A hint, and no more: whatever the system waits for, all of it comes, though nothing follows the
 * last. */
TEST(gather_followed_by_nothing)
{
	enum { N = 32, PIECE = 100 };
	unsigned char bytes[N * PIECE], in[N * PIECE];
	long got = 0;
	rec r[N] = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	kit_fill(bytes, sizeof bytes, 0);
	for (int i = 0; i < N; i++) {
		r[i].op.want = PROA_FOLLOWED;
		SUBMIT(proa_send, &a, &r[i], bytes + i * PIECE, PIECE);
		CHECK_EQ(kit_await(loop, &r[i]), PIECE);
	}
	for (long long end = test_now_ns() + kit_patience_ns();
	     got < N * PIECE && test_now_ns() < end;) {
		long n = kit_fd_read(fd, in + got, sizeof in - (size_t)got);

		got += n > 0 ? n : 0;
		kit_once(loop, n > 0 ? 0 : 1);
	}
	CHECK_EQ(got, N * PIECE);
	CHECK(kit_filled(in, sizeof in, 0));
	kit_fd_close(fd);
	kit_end(loop, &a);
	kit_close(&loop);
}
