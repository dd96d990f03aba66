/* Pipes and pairs of sockets: bytes, ends, waiting, cancelling, broken ones. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_file.h"

enum { BIG = 1 << 20 };

typedef struct ends {
	proa_handle rd, wr;
} ends;

typedef int pipe_open(proa_handle *rd, proa_handle *wr);

/* As other programs make them: for calls that wait. */
static int others_pipe(proa_handle *rd, proa_handle *wr)
{
	int fd[2];

	if (!host_pipe(fd))
		return -PROA_EMFILE;
	proa_adopt_os(rd, fd[0], PROA_PIPE);
	proa_adopt_os(wr, fd[1], PROA_PIPE);
	return 0;
}

/* A test of pipes of either sort. */
#define TEST_PIPES(name)                           \
	static void check_##name(pipe_open *open); \
	TEST(name)                                 \
	{                                          \
		check_##name(proa_pipe);           \
	}                                          \
	TEST(name##_of_others)                     \
	{                                          \
		check_##name(others_pipe);         \
	}                                          \
	static void check_##name(pipe_open *open)

static void ends_open(proa_loop *loop, ends *e, pipe_open *open)
{
	memset(e, 0, sizeof *e);
	proa_handle_init(proa_root(loop), &e->rd);
	proa_handle_init(proa_root(loop), &e->wr);
	CHECK_EQ(open(&e->rd, &e->wr), 0);
}

static void ends_close(proa_loop *loop, ends *e)
{
	kit_end(loop, &e->rd);
	kit_end(loop, &e->wr);
}

/* ---- bytes ---- */

static void recv_all(proa_loop *loop, proa_handle *h, size_t len)
{
	static char buf[70000];
	size_t got = 0;
	rec r = {0};

	while (got < len) {
		SUBMIT(proa_recv, h, &r, buf, sizeof buf);
		REQUIRE(kit_await(loop, &r) > 0);
		CHECK(kit_filled(buf, (size_t)r.result, got));
		got += (size_t)r.result;
	}
	CHECK_EQ(got, len);
}

TEST_PIPES(pipe_bytes)
{
	static char bytes[BIG];
	rec s = {0}, shut = {0}, r = {0};
	char buf[64];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	kit_fill(bytes, sizeof bytes, 0);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	SUBMIT0(proa_shutdown, &e.wr, &shut);
	recv_all(loop, &e.rd, sizeof bytes);
	CHECK_EQ(kit_await(loop, &s), BIG);
	CHECK_EQ(kit_await(loop, &shut), 0);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(r.got & PROA_END);
	SUBMIT(proa_send, &e.wr, &s, "x", 1);
	CHECK_EQ(kit_await(loop, &s), -PROA_EPIPE);
	ends_close(loop, &e);
	kit_close(&loop);
}

/* From a pipe into a connection, and from that into another pipe. */
TEST_PIPES(pipe_forwarded)
{
	static char bytes[BIG];
	proa_forwarding state[2];
	rec s = {0}, in = {0}, out = {0}, shut = {0};
	proa_handle a, b;
	ends first, last;
	LOOP(loop);

	ends_open(loop, &first, open);
	ends_open(loop, &last, open);
	kit_pair(loop, &a, &b);
	kit_fill(bytes, sizeof bytes, 0);
	proa_forward(&first.rd, &a, kit_op(&in), &state[0], 0, kit_done);
	proa_forward(&b, &last.wr, kit_op(&out), &state[1], 0, kit_done);
	SUBMIT(proa_send, &first.wr, &s, bytes, sizeof bytes);
	recv_all(loop, &last.rd, sizeof bytes);
	CHECK_EQ(kit_await(loop, &s), BIG);
	SUBMIT0(proa_shutdown, &first.wr, &shut);
	CHECK_EQ(kit_await(loop, &shut), 0);
	CHECK_EQ(kit_await(loop, &in), BIG);
	CHECK_EQ(in.got, PROA_END);
	kit_end(loop, &last.rd); /* nobody reads any more */
	SUBMIT(proa_send, &a, &s, "x", 1);
	CHECK_EQ(kit_await(loop, &s), 1);
	CHECK_EQ(kit_await(loop, &out), -PROA_ECONNRESET);
	CHECK_EQ(out.got, PROA_FAR);
	CHECK_EQ(out.count, BIG);
	kit_end(loop, &a);
	kit_end(loop, &b);
	ends_close(loop, &first);
	kit_end(loop, &last.wr);
	kit_close(&loop);
}

TEST(pair_both_ways)
{
	static char bytes[BIG];
	rec s = {0}, r = {0};
	char buf[64];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, proa_pair);
	kit_fill(bytes, sizeof bytes, 0);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	recv_all(loop, &e.rd, sizeof bytes);
	CHECK_EQ(kit_await(loop, &s), BIG);
	SUBMIT(proa_send, &e.rd, &s, bytes, sizeof bytes);
	recv_all(loop, &e.wr, sizeof bytes);
	CHECK_EQ(kit_await(loop, &s), BIG);
	kit_end(loop, &e.wr);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(r.got & PROA_END);
	kit_end(loop, &e.rd);
	kit_close(&loop);
}

/* Queued behind one that waits, they may go out in one call. */
TEST_PIPES(pipe_sends_in_order)
{
	enum { N = 200, EACH = 1000 };
	static char bytes[N * EACH];
	static rec s[N];
	proa_vec vec[N][2];
	ends e;
	LOOP(loop);

	memset(s, 0, sizeof s);
	ends_open(loop, &e, open);
	kit_fill(bytes, sizeof bytes, 0);
	for (int i = 0; i < N; i++) {
		const char *at = bytes + (size_t)i * EACH;

		vec[i][0] = (proa_vec){at, 300};
		vec[i][1] = (proa_vec){at + 300, EACH - 300};
		if (i % 2)
			SUBMIT(proa_sendv, &e.wr, &s[i], vec[i], 2);
		else
			SUBMIT(proa_send, &e.wr, &s[i], at, EACH);
	}
	recv_all(loop, &e.rd, sizeof bytes);
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_await(loop, &s[i]), EACH);
	ends_close(loop, &e);
	kit_close(&loop);
}

static int64_t many_sum;

static void many_returned(rec *r)
{
	if (r->result <= 0)
		return;
	CHECK(kit_filled(r->buf, (size_t)r->result, (uint64_t)many_sum));
	many_sum += r->result;
	proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

static void pooled_many(pipe_open *open, unsigned held)
{
	static char bytes[BIG / 4];
	rec s = {0}, r = {.then = many_returned};
	ends e;
	LOOP(loop);

	many_sum = 0;
	ends_open(loop, &e, open);
	kit_fill(bytes, sizeof bytes, 0);
	SUBMIT(proa_recv_pooled_many, &e.rd, &r, NULL, held);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	UNTIL(loop, many_sum == (int64_t)sizeof bytes);
	CHECK_EQ(r.finals, 0);
	kit_end(loop, &e.wr);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(r.got & PROA_END);
	kit_end(loop, &e.rd);
	kit_close(&loop);
}

TEST_PIPES(pipe_recv_pooled_many)
{
	pooled_many(open, 0);
}

TEST_PIPES(pipe_recv_pooled_many_with_a_quota)
{
	pooled_many(open, 1);
}

TEST_PIPES(pipe_pooled_there_and_back)
{
	rec r = {0}, s = {0};
	char buf[8];
	ends e, f;
	LOOP(loop);

	ends_open(loop, &e, open);
	ends_open(loop, &f, open);
	SUBMIT(proa_recv_pooled, &e.rd, &r, NULL);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	SUBMIT(proa_send, &e.wr, &s, "hello", 5);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_EQ(kit_await(loop, &s), 5); /* read already, and perhaps told to be written later */
	SUBMIT(proa_send_pooled, &f.wr, &s, r.buf, 5);
	CHECK_EQ(kit_await(loop, &s), 5);
	SUBMIT(proa_recv, &f.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_MEM(buf, "hello", 5);
	ends_close(loop, &e);
	ends_close(loop, &f);
	kit_close(&loop);
}

/* ---- ends and errors ---- */

/* Windows does not say how much of it had gone. */
static bool torn(proa_loop *loop, const rec *s)
{
	return s->count > 0 || !strcmp(proa_loop_backend(loop), "iocp");
}

TEST_PIPES(pipe_that_nobody_reads)
{
	static char bytes[BIG];
	rec s = {0}, late = {0};
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	kit_settle(loop);
	CHECK_EQ(s.finals, 0);
	kit_end(loop, &e.rd);
	CHECK_EQ(kit_await(loop, &s), -PROA_ECONNRESET);
	CHECK(torn(loop, &s));
	SUBMIT(proa_send, &e.wr, &late, "x", 1);
	CHECK_EQ(kit_await(loop, &late), s.count ? -PROA_EBROKEN : -PROA_ECONNRESET);
	kit_end(loop, &e.wr);
	kit_close(&loop);
}

TEST_PIPES(pipe_has_directions)
{
	rec r = {0}, s = {0};
	char buf[8];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	SUBMIT(proa_recv, &e.wr, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	SUBMIT(proa_recv_pooled, &e.wr, &r, NULL);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	SUBMIT(proa_send, &e.rd, &s, "x", 1);
	CHECK_EQ(kit_await(loop, &s), -PROA_EBADF);
	SUBMIT0(proa_shutdown, &e.rd, &s);
	kit_await(loop, &s); /* on Windows it may be one that goes both ways */
	CHECK(s.result == -PROA_EBADF || s.result == -PROA_ENOTSUP);
	SUBMIT(proa_send, &e.wr, &s, "x", 1);
	CHECK_EQ(kit_await(loop, &s), 1);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 1); /* nothing has come of it */
	ends_close(loop, &e);
	kit_close(&loop);
}

TEST(pipe_refused)
{
	rec r = {0};
	ends e;
	proa_handle file = {0};
	LOOP(loop);

	ends_open(loop, &e, proa_pipe);
	CHECK_EQ(proa_pipe(&e.rd, &e.wr), -PROA_EINVAL);
	CHECK_EQ(proa_pair(&e.rd, &e.rd), -PROA_EINVAL);
	proa_handle_init(proa_root(loop), &file);
	CHECK_EQ(proa_pipe(&file, &file), -PROA_EINVAL);
	SUBMIT(proa_send_file, &e.wr, &r, &file, 0, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	proa_adopt_os(&file, kit_file(10), PROA_FILE);
	SUBMIT(proa_send_file, &e.wr, &r, &file, 0, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_end(loop, &file);
	ends_close(loop, &e);
	kit_close(&loop);
}

/* How much a pipe holds that nobody reads. */
static int64_t pipe_room(proa_loop *loop)
{
	static char bytes[BIG];
	rec s = {0};
	ends e;

	ends_open(loop, &e, proa_pipe);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	kit_settle(loop);
	proa_cancel(&s.op);
	kit_await(loop, &s);
	ends_close(loop, &e);
	return s.count;
}

/* What has gone is told at once, and not when there is room for more. */
TEST(pipe_filled_to_the_brim)
{
	enum { PIECES = 1024, EACH = 64, ROOM = PIECES * EACH };
	static char bytes[ROOM];
	static proa_vec vec[PIECES];
	int64_t room;
	bool told;
	rec s = {0};
	ends e;
	LOOP(loop);

	room = pipe_room(loop);
	for (int i = 0; i < PIECES; i++)
		vec[i] = (proa_vec){bytes + (size_t)i * EACH, EACH};
	for (int i = 0; i < 2; i++) {
		ends_open(loop, &e, proa_pipe);
		if (i)
			SUBMIT(proa_sendv, &e.wr, &s, vec, PIECES);
		else
			SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
		kit_settle(loop);
		told = s.finals > 0;
		CHECK(told || room < ROOM);
		kit_end(loop, &e.wr);
		CHECK_EQ(s.result, told ? ROOM : -PROA_ECANCELED);
		kit_end(loop, &e.rd);
		s.finals = s.submits = 0;
	}
	kit_close(&loop);
}

/* ---- ending what waits ---- */

TEST_PIPES(pipe_cancelled_and_timed_out)
{
	static char bytes[BIG];
	rec r = {0}, s = {0};
	char buf[8];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	r.op.deadline_ns = proa_in(loop, 20 * PROA_MSEC);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	r.op.deadline_ns = 0;
	SUBMIT(proa_send, &e.wr, &s, "still", 5);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 5);
	CHECK_EQ(kit_await(loop, &s), 5);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	kit_settle(loop);
	proa_cancel(&s.op);
	CHECK_EQ(kit_await(loop, &s), -PROA_ECANCELED);
	CHECK(torn(loop, &s));
	ends_close(loop, &e);
	kit_close(&loop);
}

TEST_PIPES(pipe_closed_with_ops_in_flight)
{
	static char bytes[BIG];
	rec r = {0}, many = {0}, s = {0}, behind = {0};
	char buf[8];
	ends e, f;
	LOOP(loop);

	ends_open(loop, &e, open);
	ends_open(loop, &f, open);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	SUBMIT(proa_recv_pooled_many, &f.rd, &many, NULL, 0);
	kit_settle(loop);
	kit_end(loop, &e.rd);
	kit_end(loop, &f.rd);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	CHECK_EQ(many.result, -PROA_ECANCELED);
	kit_end(loop, &e.wr);
	kit_end(loop, &f.wr);

	ends_open(loop, &e, open);
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	SUBMIT(proa_send, &e.wr, &behind, "x", 1);
	kit_settle(loop);
	kit_end(loop, &e.wr);
	CHECK_EQ(s.result, -PROA_ECANCELED);
	CHECK_EQ(behind.result, -PROA_ECANCELED);
	kit_end(loop, &e.rd);
	kit_close(&loop);
}

/* What is queued goes out first, and then there is an end. */
TEST_PIPES(pipe_finished)
{
	enum { LEN = 300000 };
	static char bytes[LEN];
	rec s = {0}, r = {0};
	char buf[8];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	kit_fill(bytes, sizeof bytes, 0);
	kit_n_closed = 0;
	SUBMIT(proa_send, &e.wr, &s, bytes, sizeof bytes);
	proa_finish(&e.wr, 0, kit_closed);
	recv_all(loop, &e.rd, sizeof bytes);
	UNTIL(loop, kit_n_closed == 1);
	CHECK_EQ(s.result, LEN);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &e.rd);
	kit_close(&loop);
}

TEST_PIPES(pipe_idle)
{
	rec r = {0};
	char buf[8];
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	proa_set_idle(&e.rd, 30 * PROA_MSEC);
	SUBMIT(proa_recv, &e.rd, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	ends_close(loop, &e);
	kit_close(&loop);
}

TEST(pipe_without_descriptors)
{
	ends e = {0};

	NEED(HOST_LIMIT);
	LOOP(loop);
	proa_handle_init(proa_root(loop), &e.rd);
	proa_handle_init(proa_root(loop), &e.wr);
	host_limit_low(1);
	CHECK_EQ(proa_pipe(&e.rd, &e.wr), -PROA_EMFILE);
	CHECK_EQ(proa_pair(&e.rd, &e.wr), -PROA_EMFILE);
	host_limit_back();
	CHECK_EQ(proa_pipe(&e.rd, &e.wr), 0);
	ends_close(loop, &e);
	kit_close(&loop);
}

/* A buffered reader and writer on top. */
TEST_PIPES(pipe_under_a_stream)
{
	proa_stream in, out;
	rec r = {0}, d = {0};
	ends e;
	LOOP(loop);

	ends_open(loop, &e, open);
	proa_stream_init(&in, &e.rd, NULL);
	proa_stream_init(&out, &e.wr, NULL);
	CHECK_EQ(proa_stream_put(&out, "one\ntwo\n", 8), 0);
	SUBMIT(proa_stream_read_until, &in, &r, "\n", 64);
	CHECK_EQ(kit_await(loop, &r), 4);
	CHECK_MEM(r.buf, "one\n", 4);
	SUBMIT(proa_stream_read_until, &in, &r, "\n", 64);
	CHECK_EQ(kit_await(loop, &r), 4);
	SUBMIT(proa_stream_drained, &out, &d, 0);
	CHECK_EQ(kit_await(loop, &d), 0);
	ends_close(loop, &e);
	kit_close(&loop);
}
