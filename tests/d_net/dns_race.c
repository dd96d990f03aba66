/* Connecting to a name: one completion for it all, the first connection wins, nothing is left. */
/* SPDX-License-Identifier: MIT */
#include "dns/race.h"
#include "e_fs/gate.h"

#include <stdio.h>

static char port_text[16];

static const char *port_of(const proa_addr *a)
{
	snprintf(port_text, sizeof port_text, "%u", (unsigned)proa_addr_port(a));
	return port_text;
}

/* One that does not answer: a listener whose queue is full, so that the system drops what knocks.
 * HOST_SILENT. */
typedef struct silent {
	proa_addr addr;
	int fd[4];
} silent;

static void silent_make(silent *s)
{
	CHECK_EQ(proa_addr_parse(&s->addr, "127.0.0.1:0", 0), 0);
	CHECK_GE(s->fd[0] = host_sock_listen(&s->addr, 0), 0);
	for (int i = 1; i < 4; i++) {
		s->fd[i] = host_sock(&s->addr, true);
		host_sock_connect(s->fd[i], &s->addr);
	}
}

static void silent_drop(silent *s)
{
	for (int i = 0; i < 4; i++)
		host_sock_close(s->fd[i]);
}

static void handle_new(proa_loop *loop, proa_handle *h)
{
	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
}

TEST(connect_name_works)
{
	proa_handle listener, h, served = {0};
	proa_addr addr;
	rec c = {0}, a = {0}, s = {0}, r = {0};
	proa_stats stats;
	char buf[8];

	LOOP(loop);
	kit_listen_at(loop, &listener, "127.0.0.1:0", &addr); /* where "localhost" is */
	handle_new(loop, &h);
	SUBMIT0(proa_accept, &listener, &a);
	SUBMIT(proa_connect_name, &h, &c, "localhost", port_of(&addr));
	SUBMIT(proa_send, &h, &s, "hello", 5); /* waits for the connection */
	CHECK_EQ(kit_await(loop, &c), 0);
	CHECK(proa_is_open(&h));
	CHECK_EQ(kit_await(loop, &s), 5);
	kit_await(loop, &a);
	proa_handle_init(proa_root(loop), &served);
	proa_adopt(&served, a.socket);
	SUBMIT(proa_recv, &served, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 5);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.handles, 3); /* the attempt's socket is the handle's now */
	kit_end(loop, &h);
	kit_end(loop, &served);
	kit_end(loop, &listener);
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.handles, 0);
	kit_close(&loop);
}

TEST(connect_name_fails)
{
	proa_addr addr;
	proa_handle h;
	rec c = {0}, s = {0}, twice = {0};
	int fd;

	LOOP(loop);
	fd = kit_fd_refusing(&addr);
	handle_new(loop, &h);
	SUBMIT(proa_connect_name, &h, &c, "127.0.0.1", port_of(&addr));
	SUBMIT(proa_connect_name, &h, &twice, "127.0.0.1", port_of(&addr));
	SUBMIT(proa_send, &h, &s, "x", 1);
	CHECK_EQ(kit_await(loop, &twice), -PROA_EALREADY);
	CHECK_EQ(kit_await(loop, &c), -PROA_ECONNREFUSED);
	CHECK_EQ(kit_await(loop, &s), -PROA_ECONNREFUSED);
	CHECK(!proa_is_open(&h));
	SUBMIT(proa_connect_name, &h, &c, "not a name", "80"); /* init again */
	CHECK_EQ(kit_await(loop, &c), -PROA_EINVAL);
	kit_end(loop, &h);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* How long it takes until the third answers. */
static long long race_behind_two_refusals(proa_loop *loop)
{
	proa_handle listener, h;
	proa_addr addr[3];
	rec c = {0};
	long long begin;
	int fd[2];

	fd[0] = kit_fd_refusing(&addr[0]);
	fd[1] = kit_fd_refusing(&addr[1]);
	kit_listen(loop, &listener, &addr[2]);
	handle_new(loop, &h);
	begin = test_now_ns();
	px_connect_addrs(&h, kit_op(&c), addr, 3, kit_done);
	CHECK_EQ(kit_await(loop, &c), 0);
	begin = test_now_ns() - begin;
	kit_end(loop, &h);
	kit_end(loop, &listener);
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	return begin;
}

/* Not after a while each, as behind one that is silent. A slow machine may take that long. */
TEST(race_refused_goes_on_at_once)
{
	int tries = 0;
	LOOP(loop);

	while (race_behind_two_refusals(loop) > 200 * PROA_MSEC && CHECK_LT(tries, 20))
		tries++;
	kit_close(&loop);
}

TEST(race_silent_is_overtaken)
{
	proa_handle listener, h;
	proa_addr addr[2];
	silent s;
	rec c = {0};
	proa_stats stats;
	long long begin;

	NEED(HOST_SILENT);
	LOOP(loop);
	silent_make(&s);
	addr[0] = s.addr;
	kit_listen(loop, &listener, &addr[1]);
	handle_new(loop, &h);
	host_sleep_us(100000); /* since the loop has looked at the clock */
	begin = test_now_ns();
	px_connect_addrs(&h, kit_op(&c), addr, 2, kit_done);
	CHECK_EQ(kit_await(loop, &c), 0);
	CHECK_GE(test_now_ns() - begin, 230 * PROA_MSEC);
	CHECK_LT(test_now_ns() - begin, 30 * PROA_SEC); /* the system's patience is longer */
	do {                                            /* the one that lost is closed */
		kit_settle(loop);
		proa_loop_stats(loop, &stats);
	} while (stats.handles != 2 && test_now_ns() - begin < 30 * PROA_SEC);
	CHECK_EQ(stats.handles, 2);
	CHECK_EQ(stats.in_flight, 0);
	kit_end(loop, &h);
	kit_end(loop, &listener);
	silent_drop(&s);
	kit_close(&loop);
}

/* The second fails while the first has not answered yet: that is not the end either. */
TEST(race_first_one_counts)
{
	proa_addr addr[2];
	proa_handle h;
	silent s;
	rec c = {0};
	int fd;

	NEED(HOST_SILENT);
	LOOP(loop);
	silent_make(&s);
	addr[0] = s.addr;
	fd = kit_fd_refusing(&addr[1]);
	handle_new(loop, &h);
	c.op.deadline_ns = proa_in(loop, 400 * PROA_MSEC);
	px_connect_addrs(&h, kit_op(&c), addr, 2, kit_done);
	CHECK_EQ(kit_await(loop, &c), -PROA_ETIMEDOUT);
	kit_end(loop, &h);
	kit_fd_close(fd);
	silent_drop(&s);
	kit_close(&loop);
}

/* The first fails while the second has not answered yet: its failure is not the end. */
TEST(race_last_one_counts)
{
	proa_addr addr[2];
	proa_handle h;
	silent s;
	rec c = {0};
	int fd;

	NEED(HOST_SILENT);
	LOOP(loop);
	silent_make(&s);
	fd = kit_fd_refusing(&addr[0]);
	addr[1] = s.addr;
	handle_new(loop, &h);
	c.op.deadline_ns = proa_in(loop, 100 * PROA_MSEC);
	px_connect_addrs(&h, kit_op(&c), addr, 2, kit_done);
	CHECK_EQ(kit_await(loop, &c), -PROA_ETIMEDOUT);
	kit_end(loop, &h);
	kit_fd_close(fd);
	silent_drop(&s);
	kit_close(&loop);
}

TEST(race_cancel_and_close)
{
	proa_addr addr[2];
	proa_handle h;
	silent s;

	NEED(HOST_SILENT);
	LOOP(loop);
	silent_make(&s);
	addr[0] = addr[1] = s.addr;
	for (int i = 0; i < 6; i++) {
		rec c = {0}, w = {0};

		handle_new(loop, &h);
		px_connect_addrs(&h, kit_op(&c), addr, 2, kit_done);
		SUBMIT(proa_send, &h, &w, "x", 1);
		if (i % 2)
			kit_once(loop, i * 60); /* one or two attempts under way */
		if (i < 3) {
			proa_cancel(&c.op);
			CHECK_EQ(kit_await(loop, &c), -PROA_ECANCELED);
			CHECK_EQ(kit_await(loop, &w), -PROA_ECANCELED);
			CHECK(!proa_is_open(&h));
		}
		kit_end(loop, &h);
		CHECK_EQ(c.result, -PROA_ECANCELED);
		CHECK_EQ(w.result, -PROA_ECANCELED);
	}
	silent_drop(&s);
	kit_close(&loop);
}

TEST(race_no_memory)
{
	proa_handle h;
	rec c = {0};

	LOOP(loop);
	handle_new(loop, &h);
	kit_mem.fail_at = kit_mem.calls + 1;
	SUBMIT(proa_connect_name, &h, &c, "127.0.0.1", "1");
	CHECK_EQ(kit_await(loop, &c), -PROA_ENOMEM);
	kit_end(loop, &h);
	kit_close(&loop);
}

TEST(connect_name_looking_up)
{
	proa_handle h;
	rec c = {0};
	gate *g;

	LOOP(loop);
	g = gate_shut(loop, PROA_LANE_DNS, 4);
	handle_new(loop, &h);
	c.op.deadline_ns = proa_in(loop, 20 * PROA_MSEC);
	SUBMIT(proa_connect_name, &h, &c, "localhost", "1");
	CHECK_EQ(kit_await(loop, &c), -PROA_ETIMEDOUT);
	c.op.deadline_ns = 0;
	SUBMIT(proa_connect_name, &h, &c, "localhost", "1");
	kit_end(loop, &h);
	CHECK_EQ(c.result, -PROA_ECANCELED);
	gate_open(loop, g);
	kit_close(&loop);
}

/* In the background, nothing of the race keeps the loop running. */
TEST(race_in_the_background)
{
	proa_addr addr[2];
	proa_handle h;
	silent s;
	rec c = {0};

	NEED(HOST_SILENT);
	LOOP(loop);
	silent_make(&s);
	addr[0] = addr[1] = s.addr;
	handle_new(loop, &h);
	c.op.want = PROA_BACKGROUND;
	px_connect_addrs(&h, kit_op(&c), addr, 2, kit_done);
	CHECK_EQ(proa_run(loop), 0);
	CHECK_EQ(c.finals, 0);
	silent_drop(&s);
	kit_close(&loop);
}
