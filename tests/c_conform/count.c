/* Counted: allocations an operation, bytes an idle connection, system calls an echo. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

TEST(stats_count)
{
	rec r = {0}, timer = {0}, late = {0}, post = {0};
	proa_stats before, s;
	proa_handle a;
	char buf[8];
	int fd;
	LOOP(loop);

	proa_loop_stats(loop, &before);
	CHECK_EQ(before.size, sizeof before);
	CHECK_EQ(before.in_flight, 0);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	SUBMIT(proa_timer, proa_root(loop), &timer, proa_in(loop, PROA_SEC));
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.in_flight, 2);
	kit_fd_write(fd, "hello", 5);
	kit_await(loop, &r);
	SUBMIT(proa_send, &a, &r, "worlds", 6);
	kit_await(loop, &r);
	proa_cancel(&timer.op);
	kit_await(loop, &timer);
	late.op.deadline_ns = PROA_POLL;
	SUBMIT(proa_timer, proa_root(loop), &late, 1);
	kit_await(loop, &late);
	SUBMIT0(proa_post, loop, &post);
	kit_await(loop, &post);
	proa_loop_stats(loop, &s);
	CHECK_EQ(kit_submitted(loop, "recv"), 1);
	CHECK_EQ(kit_submitted(loop, "send"), 1);
	CHECK_EQ(kit_submitted(loop, "timer"), 2);
	CHECK_EQ(kit_submitted(loop, "post"), 1);
	CHECK_EQ(s.completed, 5);
	CHECK_EQ(s.canceled, 1);
	CHECK_EQ(s.timed_out, 1);
	CHECK_EQ(s.bytes_in, 5);
	CHECK_EQ(s.bytes_out, 6);
	CHECK_EQ(s.in_flight, 0);
	CHECK_GT(s.iterations, before.iterations);
	CHECK_GT(s.system_calls, before.system_calls);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- allocations ---- */

static void then_close_socket(rec *r)
{
	proa_socket_close(r->socket);
}

/* One of each; what can be at once is. */
static void steady_round(proa_loop *loop, proa_handle *a, int fd, const proa_addr *addr,
                         proa_handle *l)
{
	rec recv = {0}, pooled = {0}, send = {0}, vec = {0}, timer = {0}, post = {0},
	    accept = {.then = then_close_socket};
	proa_vec v[2] = {{"ab", 2}, {"cd", 2}};
	char buf[64];
	int c;

	SUBMIT0(proa_accept, l, &accept);
	c = kit_connect(addr);
	SUBMIT(proa_timer, proa_root(loop), &timer, 1);
	SUBMIT0(proa_post, loop, &post);
	recv.op.deadline_ns = proa_clock(loop) + PROA_SEC * 10;
	SUBMIT(proa_recv, a, &recv, buf, 4);
	SUBMIT(proa_recv_pooled, a, &pooled, NULL);
	kit_once(loop, 0);
	kit_fd_write(fd, "abcdefgh", 8);
	CHECK_EQ(kit_await(loop, &recv), 4);
	CHECK_EQ(kit_await(loop, &pooled), 4);
	SUBMIT(proa_send, a, &send, "x", 1);
	SUBMIT(proa_sendv, a, &vec, v, 2);
	kit_await(loop, &vec);
	SUBMIT(proa_send_pooled, a, &send, pooled.buf, 4);
	CHECK_EQ(kit_await(loop, &send), 4);
	CHECK_EQ(kit_await(loop, &accept), 0);
	kit_await(loop, &timer);
	kit_await(loop, &post);
	for (long got = 0, n = 1; got < 9 && CHECK_GT(n, 0); got += n) /* when it arrives */
		n = host_sock_recv(fd, buf, (size_t)(9 - got));
	kit_fd_reset(c);
}

static void then_return(rec *r)
{
	if (r->result > 0)
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

TEST(steady_state_does_not_allocate)
{
	rec many = {.then = then_return}, accepts = {.then = then_close_socket};
	proa_handle a, b, l, l2;
	proa_addr addr, addr2;
	long calls = 0;
	int fd, fd2;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	kit_listen(loop, &l2, &addr2);
	fd = kit_half(loop, &a);
	fd2 = kit_half(loop, &b);
	SUBMIT(proa_recv_pooled_many, &b, &many, NULL, 4);
	SUBMIT0(proa_accept_many, &l2, &accepts);
	for (int i = 0; i < 30; i++) {
		if (i == 10)
			calls = kit_mem.calls;
		steady_round(loop, &a, fd, &addr, &l);
		kit_fd_write(fd2, "to the multishot", 16);
		kit_fd_reset(kit_connect(&addr2));
		UNTIL(loop, many.bytes == (i + 1) * 16);
		UNTIL(loop, accepts.mores > (unsigned)i);
	}
	CHECK_EQ(kit_mem.calls, calls);
	kit_fd_close(fd);
	kit_fd_close(fd2);
	kit_close(&loop);
}

/* ---- memory ---- */

TEST(idle_connection_costs_an_op_and_a_handle)
{
	enum { N = 1000 };
	typedef struct conn {
		proa_handle h;
		proa_op recv;
	} conn;
	conn *c = calloc(N, sizeof *c);
	int *fd = calloc(N, sizeof *fd);
	proa_handle warm;
	rec r = {0};
	long before;
	double each;
	int first;
	LOOP(loop);

	/* The pool's first chunk is there before. */
	first = kit_half(loop, &warm);
	SUBMIT(proa_recv_pooled, &warm, &r, NULL);
	kit_fd_write(first, "x", 1);
	CHECK_EQ(kit_await(loop, &r), 1);
	proa_buffer_return(loop, r.buf);
	kit_end(loop, &warm);
	kit_fd_close(first);
	before = kit_mem.bytes;
	for (int i = 0; i < N; i++) {
		fd[i] = kit_half(loop, &c[i].h);
		proa_recv_pooled(&c[i].h, &c[i].recv, NULL, NULL);
	}
	kit_settle(loop);
	each = (double)(kit_mem.bytes - before) / (double)N;
	test_note("%zu of the caller's memory, %.1f from the allocator", sizeof *c, each);
	/* poll has an array: a slot is 16 bytes, and it doubles. A ring that may not submit early
	 * keeps what was written. */
	if (!getenv("PROA_URING_OFF"))
		CHECK_LE(each, !strcmp(proa_loop_backend(loop), "poll") ? 64 : 0);
	/* Where the kernel wants a record of its own beside each op, it is in the op. */
	CHECK_LE(sizeof *c, strcmp(proa_loop_backend(loop), "iocp") ? 232 : 264);
	CHECK_EQ(proa_buffers_free(proa_loop_buffers(loop)), 4096);
	for (int i = 0; i < N; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
	free(c);
	free(fd);
}

/* ---- system calls ---- */

enum { CONNS = 64, MESSAGE = 64 };

typedef struct echo {
	proa_handle h;
	proa_op op;
	int fd;
} echo;

static unsigned echoes;

static void echo_received(proa_op *op);

static void echo_sent(proa_op *op)
{
	echo *e = PROA_OF(op, echo, op);

	echoes++;
	CHECK_EQ(op->result, MESSAGE);
	proa_recv_pooled(&e->h, &e->op, NULL, echo_received);
}

static void echo_received(proa_op *op)
{
	echo *e = PROA_OF(op, echo, op);

	if (op->result > 0)
		proa_send_pooled(&e->h, &e->op, op->buf, (size_t)op->result, echo_sent);
}

/* A recv, a send and a share of the waiting; on IOCP also the recv of no bytes in front, on kqueue
 * the one that finds nothing more. With tiny turns it takes what it takes. */
static double calls_an_echo_at_most(const char *backend)
{
#ifdef PX_TORTURE
	return 1000;
#endif
	if (!strcmp(backend, "io_uring"))
		return 0.1;
	return !strcmp(backend, "iocp") || !strcmp(backend, "kqueue") ? 3.3 : 2.3;
}

TEST(system_calls_per_echo)
{
	enum { ROUNDS = 200 };
	static echo e[CONNS];
	char message[MESSAGE];
	proa_stats before, after;
	double each;
	LOOP(loop);

	memset(e, 0, sizeof e);
	echoes = 0;
	for (int i = 0; i < CONNS; i++) {
		e[i].fd = kit_half(loop, &e[i].h);
		proa_recv_pooled(&e[i].h, &e[i].op, NULL, echo_received);
	}
	kit_settle(loop);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		kit_fill(message, MESSAGE, round);
		for (int i = 0; i < CONNS; i++)
			kit_fd_write(e[i].fd, message, MESSAGE);
		UNTIL(loop, echoes == round * CONNS);
		for (int i = 0; i < CONNS; i++) {
			CHECK_EQ(host_sock_recv(e[i].fd, message, MESSAGE), MESSAGE);
			CHECK(kit_filled(message, MESSAGE, round));
		}
		if (round == ROUNDS / 2)
			proa_loop_stats(loop, &before);
	}
	proa_loop_stats(loop, &after);
	each = (double)(after.system_calls - before.system_calls) / (double)(ROUNDS / 2 * CONNS);
	test_note("%.3f system calls an echo", each);
	CHECK(each <= calls_an_echo_at_most(proa_loop_backend(loop)));
	for (int i = 0; i < CONNS; i++)
		kit_fd_close(e[i].fd);
	kit_close(&loop);
}
