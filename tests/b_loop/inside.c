/* A loop inside of a foreign one: its descriptor, and until when may be waited. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

static int64_t prepare(proa_loop *loop)
{
	return proa_loop_prepare(loop);
}

/* Whether the loop's descriptor becomes readable within so many ms: told, not found in the end. */
static bool readable(proa_loop *loop, int ms)
{
	long long began = test_now_ns();
	int fd = proa_loop_fd(loop);
	bool is = false;

	host_sock_wait(&fd, &is, 1, ms);
	return is && (!ms || test_now_ns() - began < ms * PROA_MSEC);
}

static void turn(proa_loop *loop)
{
	kit_once(loop, 0);
}

/* One iteration of the foreign loop. */
static void foreign_once(proa_loop *loop)
{
	int64_t at = prepare(loop), left = at ? at - proa_clock(loop) : PROA_SEC;

	if (left > 0)
		readable(loop, (int)((left + PROA_MSEC - 1) / PROA_MSEC));
	turn(loop);
}

#define FOREIGN_UNTIL(loop, ...)                                                \
	do {                                                                    \
		for (int turns_ = 0; !(__VA_ARGS__) && turns_ < 2000; turns_++) \
			foreign_once(loop);                                     \
		CHECK(__VA_ARGS__);                                             \
	} while (0)

/* NULL: skipped. */
static proa_loop *inner_open(void)
{
	proa_loop *loop = kit_open(NULL);

	if (loop && proa_loop_fd(loop) == -PROA_ENOTSUP) {
		kit_close(&loop);
		test_skip("this backend has no descriptor");
	}
	return loop;
}

TEST(inside_descriptor_by_backend)
{
	const char *name;
	bool none;
	LOOP(loop);

	name = proa_loop_backend(loop);
	none = !strcmp(name, "poll") || !strcmp(name, "iocp") || !strcmp(name, "sim");
	CHECK_EQ(proa_loop_fd(loop), none ? -PROA_ENOTSUP : proa_loop_fd(loop));
	CHECK(none || proa_loop_fd(loop) >= 0);
	kit_close(&loop);
}

/* Of a timer in an hour. */
#ifdef PX_TORTURE
enum { FAR_SEC = 0 }; /* a tiny wheel is looked at each half a second */
#else
enum { FAR_SEC = 1000 };
#endif

TEST(inside_tells_until_when)
{
	rec timer = {0}, far = {0}, none = {0};
	int64_t at, want;
	LOOP(loop);

	while (prepare(loop) == PROA_POLL)
		turn(loop);
	CHECK_EQ(prepare(loop), 0);
	SUBMIT(proa_timer, proa_root(loop), &far, proa_clock(loop) + 3600 * PROA_SEC);
	want = proa_clock(loop) + 50 * PROA_MSEC;
	SUBMIT(proa_timer, proa_root(loop), &timer, want);
	at = prepare(loop);
	CHECK(at > proa_clock(loop) || proa_clock(loop) > want);
	CHECK_LE(at, want + PROA_MSEC); /* perhaps some time before, never after */
	CHECK_EQ(timer.finals, 0);      /* prepare calls nothing back */
	host_sleep_us(60000);
	CHECK_LE(prepare(loop), proa_clock(loop));
	turn(loop);
	CHECK_EQ(timer.finals, 1);
	CHECK_GT(prepare(loop), proa_clock(loop) + FAR_SEC * PROA_SEC);
	proa_cancel(&far.op);
	CHECK_EQ(prepare(loop), PROA_POLL); /* its end is to be told */
	turn(loop);
	CHECK_EQ(far.result, -PROA_ECANCELED);
	proa_stop(loop);
	CHECK_EQ(prepare(loop), PROA_POLL);
	CHECK_EQ(proa_run_once(loop, PROA_POLL), -PROA_ESTOPPED);
	proa_post(loop, kit_op(&none), kit_done);
	CHECK_EQ(prepare(loop), PROA_POLL);
	turn(loop);
	CHECK_EQ(none.finals, 1);
	kit_close(&loop);
}

TEST(inside_bytes_make_it_readable)
{
	proa_loop *loop = inner_open();
	proa_handle h = {0};
	rec r = {0};
	char buf[8];
	int peer;

	if (!loop)
		return;
	peer = kit_half(loop, &h);
	for (int i = 0; i < 20; i++) {
		SUBMIT(proa_recv, &h, &r, buf, sizeof buf);
		while (prepare(loop) == PROA_POLL)
			turn(loop);
		CHECK(!readable(loop, i ? 0 : 20));
		kit_fd_write(peer, "x", 1);
		CHECK(readable(loop, 20000));
		turn(loop);
		FOREIGN_UNTIL(loop, r.finals == (unsigned)i + 1);
		CHECK_EQ(r.result, 1);
	}
	kit_end(loop, &h);
	kit_fd_close(peer);
	kit_close(&loop);
}

typedef struct poster {
	proa_loop *loop;
	rec post, bell;
	_Atomic int go;
} poster;

static void *post_late(void *arg)
{
	poster *p = arg;

	host_sleep_us(20000);
	proa_post(p->loop, &p->post.op, kit_done);
	while (!p->go)
		host_sleep_us(1000);
	host_sleep_us(20000);
	proa_notify(&p->bell.op);
	return NULL;
}

/* Other threads wake whoever waits. */
TEST(inside_posts_make_it_readable)
{
	static poster p;
	host_thread t;

	p = (poster){.loop = inner_open()};
	if (!p.loop)
		return;
	SUBMIT_BELL(proa_root(p.loop), &p.bell);
	while (prepare(p.loop) == PROA_POLL)
		turn(p.loop);
	CHECK(!readable(p.loop, 0));
	kit_op(&p.post);
	REQUIRE(host_thread_start(&t, post_late, &p));
	CHECK(readable(p.loop, 20000));
	turn(p.loop);
	FOREIGN_UNTIL(p.loop, p.post.finals == 1);
	while (prepare(p.loop) == PROA_POLL)
		turn(p.loop);
	p.go = 1;
	CHECK(readable(p.loop, 20000));
	turn(p.loop);
	FOREIGN_UNTIL(p.loop, p.bell.mores == 1);
	host_thread_join(&t);
	kit_close(&p.loop);
}

/* The foreign loop does not sleep before the system has been told all: here, that the time of a
 * recv is over. */
TEST(inside_time_that_is_over_in_prepare)
{
	proa_loop *loop = inner_open();
	proa_handle h;
	rec r = {0};
	char buf[8];
	int peer;

	if (!loop)
		return;
	peer = kit_half(loop, &h);
	r.op.deadline_ns = proa_clock(loop) + 20 * PROA_MSEC;
	SUBMIT(proa_recv, &h, &r, buf, sizeof buf);
	while (prepare(loop) == PROA_POLL)
		turn(loop);
	host_sleep_us(30000);
	CHECK(prepare(loop) == PROA_POLL || r.finals || readable(loop, 20000));
	FOREIGN_UNTIL(loop, r.finals == 1);
	CHECK_EQ(r.result, -PROA_ETIMEDOUT);
	kit_end(loop, &h);
	kit_fd_close(peer);
	kit_close(&loop);
}

/* An echo with a timer for each round, all by the foreign loop. */
typedef struct echo {
	proa_handle a, b;
	rec send, recv, back, got, timer;
	char buf[16], out[16];
} echo;

TEST(inside_runs_a_program)
{
	static echo e;
	proa_loop *loop = inner_open();

	if (!loop)
		return;
	e = (echo){.out = "fifteen letters"};
	kit_pair(loop, &e.a, &e.b);
	for (unsigned i = 1; i <= 100; i++) {
		SUBMIT(proa_recv, &e.b, &e.recv, e.buf, sizeof e.buf);
		SUBMIT(proa_send, &e.a, &e.send, e.out, 15);
		SUBMIT(proa_timer, proa_root(loop), &e.timer, proa_clock(loop) + 200 * PROA_USEC);
		FOREIGN_UNTIL(loop,
		              e.recv.finals == i && e.send.finals == i && e.timer.finals == i);
		CHECK_EQ(e.recv.result, 15);
		SUBMIT(proa_recv, &e.a, &e.got, e.out, sizeof e.out);
		SUBMIT(proa_send, &e.b, &e.back, e.buf, 15);
		FOREIGN_UNTIL(loop, e.got.finals == i && e.back.finals == i);
	}
	kit_end(loop, &e.a);
	kit_end(loop, &e.b);
	kit_close(&loop);
}

static void prepare_in_callback(proa_op *op)
{
	proa_loop_prepare(proa_op_loop(op));
}

static void prepare_in_a_callback(void)
{
	proa_op op = {.user = NULL};
	proa_loop *loop;

	if (proa_loop_open(&loop, &(proa_loop_options){.backend = test_backend}) < 0)
		return;
	proa_timer(proa_root(loop), &op, 1, prepare_in_callback);
	proa_run(loop);
}

TEST(inside_not_from_a_callback)
{
	LOOP(loop);

	kit_close(&loop);
	CHECK_DIES(prepare_in_a_callback, "callbacks");
}
