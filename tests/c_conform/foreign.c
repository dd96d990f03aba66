/* Readiness of somebody else's descriptor: told once, of the level, and nothing is touched. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

enum { BOTH = PROA_READABLE | PROA_WRITABLE };

/* A library's connection: `fd` is its end, which proa only watches. */
typedef struct conn {
	int fd, peer;
	proa_handle h;
} conn;

static void conn_open(proa_loop *loop, conn *c)
{
	int fd[2];

	*c = (conn){.fd = -1};
	CHECK(kit_tcp(fd, false));
	c->fd = fd[0];
	c->peer = fd[1];
	proa_handle_init(proa_root(loop), &c->h);
	proa_adopt_os(&c->h, c->fd, PROA_FOREIGN);
	CHECK(proa_is_open(&c->h));
}

static void conn_close(proa_loop *loop, conn *c)
{
	kit_end(loop, &c->h);
	kit_fd_close(c->fd);
	kit_fd_close(c->peer);
}

static void watch(conn *c, rec *r, unsigned events)
{
	proa_poll(&c->h, kit_op(r), events, kit_done);
}

static void library_reads(conn *c, const char *text)
{
	char buf[32] = "";
	long want = (long)strlen(text);

	for (int i = 0; i < 1000 && host_sock_wait(&c->fd, &(bool){false}, 1, 1000) < 1; i++) {
		/* not there yet */
	}
	CHECK_EQ(host_sock_try_recv(c->fd, buf, sizeof buf), want);
	CHECK_MEM(buf, text, (size_t)want);
}

TEST(foreign_is_told_at_once_what_is_so)
{
	rec in = {0}, out = {0}, both = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	watch(&c, &out, PROA_WRITABLE);
	CHECK_EQ(kit_await(loop, &out), PROA_WRITABLE);
	CHECK_EQ(out.got, 0);
	CHECK_EQ(out.count, 0);
	watch(&c, &both, BOTH);
	CHECK_EQ(kit_await(loop, &both), PROA_WRITABLE);
	kit_fd_write(c.peer, "x", 1);
	watch(&c, &in, PROA_READABLE);
	CHECK_EQ(kit_await(loop, &in), PROA_READABLE);
	watch(&c, &both, BOTH);
	CHECK_EQ(kit_await(loop, &both), BOTH);
	conn_close(loop, &c);
	kit_close(&loop);
}

/* The level: bytes that the library has left behind are told again, without an edge. */
TEST(foreign_waits_and_is_told_of_the_level)
{
	rec r = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	for (int i = 0; i < 5; i++) {
		watch(&c, &r, PROA_READABLE);
		kit_settle(loop);
		CHECK_EQ(r.finals, (unsigned)i * 4);
		kit_fd_write(c.peer, "four", 4);
		CHECK_EQ(kit_await(loop, &r), PROA_READABLE);
		for (int again = 0; again < 3; again++) {
			watch(&c, &r, PROA_READABLE);
			CHECK_EQ(kit_await(loop, &r), PROA_READABLE);
		}
		library_reads(&c, "four");
	}
	conn_close(loop, &c);
	kit_close(&loop);
}

/* Each waits for its own, and none makes the others forgotten. */
TEST(foreign_many_on_one_handle)
{
	rec in[3] = {{.finals = 0}}, both = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	for (int i = 0; i < 3; i++)
		watch(&c, &in[i], PROA_READABLE);
	kit_settle(loop);
	watch(&c, &both, BOTH);
	CHECK_EQ(kit_await(loop, &both), PROA_WRITABLE);
	kit_settle(loop);
	proa_cancel(&in[1].op);
	CHECK_EQ(kit_await(loop, &in[1]), -PROA_ECANCELED);
	CHECK_EQ(in[0].finals + in[2].finals, 0);
	kit_fd_write(c.peer, "x", 1);
	CHECK_EQ(kit_await(loop, &in[0]), PROA_READABLE);
	CHECK_EQ(kit_await(loop, &in[2]), PROA_READABLE);
	conn_close(loop, &c);
	kit_close(&loop);
}

static char bytes[65536];

static void fill(const conn *c)
{
	for (int quiet = 0; quiet < 20; host_sleep_us(1000)) /* the peer's window takes a while */
		quiet = host_sock_try_send(c->fd, bytes, sizeof bytes) > 0 ? 0 : quiet + 1;
}

/* A full connection becomes writable when the peer reads; what waits to read is not told so. The
 * system may find more room by itself: then it is filled again. */
TEST(foreign_writable_again)
{
	rec in = {0}, out = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	kit_fd_small(c.fd, 65536);
	kit_fd_small(c.peer, 65536);
	watch(&c, &in, PROA_READABLE);
	for (int i = 0; i < 50 && out.finals == out.submits; i++) {
		fill(&c);
		watch(&c, &out, PROA_WRITABLE);
		kit_settle(loop);
	}
	CHECK_EQ(out.submits - out.finals, 1);
	for (int i = 0; i < 5000 && out.finals < out.submits; i++) {
		while (kit_fd_read(c.peer, bytes, sizeof bytes) > 0) {
			/* makes room */
		}
		kit_once(loop, 1);
	}
	CHECK_EQ(kit_await(loop, &out), PROA_WRITABLE);
	CHECK_EQ(in.finals, 0);
	proa_cancel(&in.op);
	CHECK_EQ(kit_await(loop, &in), -PROA_ECANCELED);
	conn_close(loop, &c);
	kit_close(&loop);
}

TEST(foreign_end_and_reset_are_readable)
{
	rec r = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	watch(&c, &r, PROA_READABLE);
	kit_settle(loop);
	kit_fd_fin(c.peer);
	CHECK_EQ(kit_await(loop, &r), PROA_READABLE);
	watch(&c, &r, BOTH);
	CHECK_EQ(kit_await(loop, &r), BOTH);
	conn_close(loop, &c);

	conn_open(loop, &c);
	watch(&c, &r, PROA_READABLE);
	kit_settle(loop);
	kit_fd_reset(c.peer);
	CHECK_EQ(kit_await(loop, &r), PROA_READABLE);
	kit_end(loop, &c.h);
	kit_fd_close(c.fd);
	kit_close(&loop);
}

TEST(foreign_deadline_and_cancel)
{
	rec r = {0};
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	r.op.deadline_ns = PROA_POLL;
	watch(&c, &r, PROA_READABLE);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	r.op.deadline_ns = proa_clock(loop) + 10 * PROA_MSEC;
	watch(&c, &r, PROA_READABLE);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	r.op.deadline_ns = 0;
	watch(&c, &r, PROA_READABLE);
	proa_cancel(&r.op); /* before it has gone anywhere */
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	watch(&c, &r, PROA_READABLE);
	kit_settle(loop);
	proa_cancel(&r.op);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	watch(&c, &r, PROA_WRITABLE); /* and it goes on */
	CHECK_EQ(kit_await(loop, &r), PROA_WRITABLE);
	conn_close(loop, &c);
	kit_close(&loop);
}

/* From proa_close on the descriptor is the library's alone: closed at once, its number is somebody
 * else's before the handle's end is told, and that one is not forgotten. */
TEST(foreign_is_let_go_of_at_once)
{
	rec r = {0}, next = {0};
	conn a, b;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &a);
	watch(&a, &r, PROA_READABLE);
	kit_settle(loop);
	proa_close(&a.h, kit_closed);
	kit_fd_close(a.fd);
	conn_open(loop, &b);
	watch(&b, &next, PROA_READABLE);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_settle(loop);
	kit_fd_write(b.peer, "x", 1);
	CHECK_EQ(kit_await(loop, &next), PROA_READABLE);
	kit_fd_close(a.peer);
	conn_close(loop, &b);
	kit_close(&loop);
}

TEST(foreign_is_left_open_and_as_it_was)
{
	rec r = {0};
	char byte;
	conn c;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	CHECK_EQ(proa_os(&c.h), c.fd);
	watch(&c, &r, PROA_READABLE);
	kit_settle(loop);
	kit_close(&loop); /* with it, the handle */
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_fd_write(c.fd, "x", 1);
	CHECK_EQ(host_sock_recv(c.peer, &byte, 1), 1);
	kit_fd_close(c.fd);
	kit_fd_close(c.peer);
}

TEST(foreign_mistakes)
{
	rec r = {0}, more = {0};
	proa_handle none = {0}, tcp = {0};
	char buf[8];
	conn c;
	int peer;
	NEED(HOST_FOREIGN);
	LOOP(loop);

	conn_open(loop, &c);
	peer = kit_half(loop, &tcp);
	watch(&c, &r, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	watch(&c, &r, 4);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	proa_poll(&tcp, kit_op(&r), PROA_READABLE, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	proa_handle_init(proa_root(loop), &none);
	proa_poll(&none, kit_op(&r), PROA_READABLE, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTCONN);
	SUBMIT(proa_recv, &c.h, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT(proa_send, &c.h, &r, "x", 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT0(proa_shutdown, &c.h, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	proa_close(&c.h, kit_closed);
	watch(&c, &more, PROA_READABLE);
	CHECK_EQ(kit_await(loop, &more), -PROA_ECANCELED);
	kit_settle(loop);
	proa_handle_init(proa_root(loop), &c.h);
	proa_close(&c.h, kit_closed);
	proa_adopt_os(&c.h, c.fd, PROA_FOREIGN); /* too late, and none of its business */
	kit_settle(loop);
	kit_fd_write(c.fd, "x", 1);
	kit_fd_close(c.fd);
	kit_fd_close(c.peer);
	proa_adopt_os(&none, -1, PROA_FOREIGN);
	proa_poll(&none, kit_op(&r), PROA_READABLE, kit_done);
	kit_await(loop, &r);
	CHECK(r.result == -PROA_EBADF || !strcmp(proa_loop_backend(loop), "iocp"));
	kit_end(loop, &none);
	kit_end(loop, &tcp);
	kit_fd_close(peer);
	kit_close(&loop);
}
