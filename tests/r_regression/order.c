/* Bugs that were, found by random programs: order and ends. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* What a full array of proa_wait left over was told together with the bytes of a multishot recv,
 * but before a recv that stood in front of that one. */
TEST(wait_keeps_order_behind_a_full_array)
{
	proa_op timer[3] = {{.user = NULL}}, one = {0}, many = {0};
	proa_event e[2];
	proa_handle h;
	char buf[1];
	int fd, n;
	LOOP(loop);

	fd = kit_half(loop, &h);
	kit_fd_write(fd, "abcd", 4);
	proa_recv(&h, &one, buf, 1, NULL);
	CHECK_EQ(proa_await(loop, &one), 1); /* more is known to be there: the next is tried */
	for (int i = 0; i < 3; i++)
		proa_timer(proa_root(loop), &timer[i], proa_now(loop), NULL);
	kit_running = true;
	CHECK_EQ(proa_wait(loop, e, 2, 0), 2);
	proa_recv(&h, &one, buf, 1, NULL);
	proa_recv_pooled_many(&h, &many, NULL, 0, NULL);
	CHECK_GE(n = proa_wait(loop, e, 2, 0), 1);
	CHECK(e[0].op == &timer[2]);
	if (n == 1) /* a ring has to be asked */
		CHECK_GE(proa_wait(loop, e + 1, 1, 0), 1);
	CHECK(e[1].op == &one);
	kit_running = false;
	kit_fd_close(fd);
	kit_close(&loop);
}

/* A send that was submitted to a broken direction while one from before was still on its way, went
 * out together with the rest of that one. */
TEST(send_behind_a_broken_one_goes_with_none)
{
	enum { LEN = 1 << 20, AT_ONCE = 30000, ROOM = 64 * 1024 };
	unsigned char *big = malloc(LEN), *in = malloc(LEN);
	rec front = {0}, torn = {.op.want = PROA_CHAIN}, later = {0};
	proa_handle h;
	int64_t got = 0;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	kit_fd_small(fd, ROOM);
	kit_fd_small((int)proa_os(&h), ROOM);
	kit_fill(big, LEN, 0);
	SUBMIT(proa_send, &h, &front, big, LEN);
	SUBMIT(proa_send, &h, &torn, "gone", 4);
	kit_settle(loop);
	proa_cancel(&torn.op);
	CHECK_EQ(kit_await(loop, &torn), -PROA_ECANCELED);
	SUBMIT(proa_send, &h, &later, "late", 4);
	while (got < LEN) {
		size_t left = (size_t)(LEN - got);
		long n = kit_fd_read(fd, in + got, left < AT_ONCE ? left : AT_ONCE);

		if (n < -1 || n == 0)
			break;
		got += n > 0 ? n : 0;
		kit_once(loop, n > 0 ? 0 : 1);
	}
	CHECK(got == LEN && kit_filled(in, LEN, 0));
	CHECK_EQ(kit_await(loop, &front), LEN);
	CHECK_EQ(kit_await(loop, &later), -PROA_EBROKEN);
	CHECK_EQ(kit_fd_read(fd, in, 4), -1);
	kit_fd_close(fd);
	free(big);
	free(in);
	kit_end(loop, &h);
	kit_close(&loop);
}

/* A shutdown that stood behind a torn send when it tore was broken with it, a later one was not. */
TEST(shutdown_behind_a_torn_send)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec send = {0}, queued = {0}, later = {0};
	proa_handle h;
	char text[64];
	int fd;
	LOOP(loop);

	fd = kit_half_small(loop, &h);
	SUBMIT(proa_send, &h, &send, big, LEN);
	SUBMIT0(proa_shutdown, &h, &queued);
	kit_settle(loop);
	proa_cancel(&send.op);
	CHECK_EQ(kit_await(loop, &send), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &queued), -PROA_EBROKEN);
	SUBMIT0(proa_shutdown, &h, &later);
	CHECK_EQ(kit_await(loop, &later), -PROA_EBROKEN);
	while (kit_fd_read(fd, big, LEN) > 0)
		continue;
	CHECK_EQ(kit_fd_read(fd, text, sizeof text), -1); /* no end */
	kit_fd_close(fd);
	free(big);
	kit_close(&loop);
}

static void ring_next(rec *r)
{
	proa_notify(&r[1].op);
}

static void forget(rec *r)
{
	memset(&r->op, 0, sizeof r->op);
}

/* A bell refused at once, on a closing handle or past its deadline, was sent to the loop when it
 * was rung before its final, and found there after it. */
TEST(bell_rung_after_it_was_refused)
{
	rec r[2] = {{.then = ring_next}, {.then = forget}};
	proa_handle h = {0};
	LOOP(loop);

	proa_handle_init(proa_root(loop), &h);
	proa_close(&h, kit_closed);
	for (int i = 0; i < 2; i++)
		SUBMIT_BELL(&h, &r[i]);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ECANCELED);
	kit_settle(loop);
	for (int i = 0; i < 2; i++) {
		r[i].op.deadline_ns = PROA_POLL;
		SUBMIT_BELL(proa_root(loop), &r[i]);
	}
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ETIMEDOUT);
	kit_settle(loop);
	kit_close(&loop);
}

/* A timer of the handle's own made a recv inherit the idle time that had passed before it. */
TEST(idle_time_of_the_first_recv_beside_a_timer)
{
	enum { IDLE_MS = 200 };
	rec timer = {0}, recv = {0};
	proa_handle h;
	char buf[8];
	int64_t from;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	proa_set_idle(&h, IDLE_MS * PROA_MSEC);
	SUBMIT(proa_timer, &h, &timer, proa_clock(loop) + 60 * PROA_SEC);
	for (from = proa_clock(loop); proa_clock(loop) < from + IDLE_MS * 3 / 4 * PROA_MSEC;)
		kit_once(loop, 10);
	from = proa_clock(loop);
	SUBMIT(proa_recv, &h, &recv, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &recv), -PROA_ETIMEDOUT);
	CHECK_GE(recv.at_ns - from, (IDLE_MS - 2) * PROA_MSEC);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* Two multishot recvs shared a pool of one buffer: the one that had just had it got it again. */
TEST(multishot_recvs_take_turns_at_a_small_pool)
{
	proa_loop_options o = {.buffers_count = 1, .buffers_size_bytes = 16};
	char bytes[4096] = {0};
	rec r[3] = {{.submits = 0}};
	proa_handle h[3];
	int fd[3];
	proa_loop *loop = kit_open(&o);

	if (!loop)
		return;
	for (int i = 0; i < 3; i++) {
		fd[i] = kit_half(loop, &h[i]);
		kit_fd_write(fd[i], bytes, sizeof bytes);
		SUBMIT(proa_recv_pooled_many, &h[i], &r[i], NULL, 0);
	}
	for (unsigned n = 0; n < 60; n++) {
		UNTIL(loop, r[0].mores + r[1].mores + r[2].mores == n + 1);
		kit_once(loop, 0);
		for (int i = 0; i < 3; i++) {
			if (r[i].buf)
				proa_buffer_return(loop, r[i].buf);
			r[i].buf = NULL;
		}
	}
	for (int i = 0; i < 3; i++) {
		CHECK_GE(r[i].mores, 10);
		kit_fd_close(fd[i]);
	}
	kit_close(&loop);
}

/* A loop closed without having been run left SIGPIPE blocked, where it had sent a file. */
TEST(loop_close_gives_sigpipe_back)
{
	rec r = {0};
	proa_handle file = {0}, h;
	host_sigpipe before;
	int fd;
	NEED(HOST_SIGNALS);
	LOOP(loop);

	before = host_sigpipe_now();
	fd = kit_half(loop, &h);
	proa_handle_init(proa_root(loop), &file);
	proa_adopt_os(&file, kit_file(100), PROA_FILE);
	SUBMIT(proa_send_file, &h, &r, &file, 0, 100);
	kit_close(&loop);
	CHECK_EQ(host_sigpipe_now().blocked, before.blocked);
	kit_fd_close(fd);
}

static int told_finish, told_close;

static void on_finished(proa_handle *h)
{
	(void)h;
	told_finish++;
}

static void on_hurried(proa_handle *h)
{
	(void)h;
	told_close++;
}

/* A close behind a finish told its own callback and forgot the one that was promised first. */
TEST(close_behind_a_finish_tells_the_finish)
{
	proa_handle h;
	int fd;
	LOOP(loop);

	told_finish = told_close = 0;
	fd = kit_half(loop, &h);
	proa_finish(&h, 0, on_finished);
	proa_close(&h, on_hurried);
	for (int i = 0; i < 100 && !told_finish && !told_close; i++)
		kit_once(loop, 10);
	CHECK_EQ(told_finish, 1);
	CHECK_EQ(told_close, 0);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* Without memory to be watched with (the array of poll), an accept ended; it rests like any other.
 */
TEST(accept_rests_without_memory_to_wait_with)
{
	enum { MANY = 100 }; /* more than the array begins with */
	static rec accept[MANY];
	static proa_handle l[MANY];
	proa_addr addr;
	int fd;
	LOOP(loop);

	for (int i = 0; i < MANY; i++)
		kit_listen(loop, &l[i], &addr);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	for (int i = 0; i < MANY; i++) {
		accept[i] = (rec){0};
		SUBMIT0(proa_accept, &l[i], &accept[i]);
	}
	kit_once(loop, 5);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(accept[i].finals, 0);
	kit_mem.fail_at = 0;
	kit_mem.fail_on = false;
	fd = kit_connect(&addr);
	CHECK_EQ(kit_await(loop, &accept[MANY - 1]), 0);
	proa_socket_close(accept[MANY - 1].socket);
	kit_fd_close(fd);
	kit_close(&loop);
}

static void returned(rec *r)
{
	proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

/* A pause of a multishot that waited behind another op was forgotten. */
TEST(pause_of_a_recv_that_waits_in_its_queue)
{
	rec first = {0}, many = {.then = returned};
	proa_handle h;
	char c;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	SUBMIT(proa_recv, &h, &first, &c, 1);
	SUBMIT(proa_recv_pooled_many, &h, &many, NULL, 0);
	proa_pause(&many.op);
	kit_fd_write(fd, "abc", 3);
	CHECK_EQ(kit_await(loop, &first), 1);
	kit_settle(loop);
	CHECK_EQ(many.bytes, 0);
	proa_resume(&many.op);
	UNTIL(loop, many.bytes == 2);
	kit_fd_close(fd);
	CHECK_EQ(kit_await(loop, &many), 0);
	kit_close(&loop);
}

/* The same, resumed before its turn came; and of connections. */
TEST(pause_of_an_accept_that_waits_in_its_queue)
{
	rec first = {0}, many = {0};
	proa_handle l;
	proa_addr addr;
	int fd[2];
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	SUBMIT0(proa_accept, &l, &first);
	SUBMIT0(proa_accept_many, &l, &many);
	proa_pause(&many.op);
	proa_resume(&many.op);
	proa_pause(&many.op);
	fd[0] = kit_connect(&addr);
	CHECK_EQ(kit_await(loop, &first), 0);
	fd[1] = kit_connect(&addr);
	kit_settle(loop);
	CHECK_EQ(many.mores, 0);
	proa_resume(&many.op);
	UNTIL(loop, many.mores == 1);
	proa_socket_close(first.socket);
	proa_socket_close(many.socket);
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	kit_close(&loop);
}
