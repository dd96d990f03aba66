/* Connects that stay in flight, refused ones, none without descriptors: each ends once. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listener whose queue is full and never emptied: who connects now, waits. */
enum { FILL = 8 };

typedef struct full {
	int listener, fill[FILL];
	proa_addr addr;
} full;

static void full_open(full *f)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;

	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(bind(f->listener, (struct sockaddr *)&in, len), 0);
	CHECK_EQ(listen(f->listener, 0), 0);
	CHECK_EQ(getsockname(f->listener, (struct sockaddr *)&in, &len), 0);
	f->addr = (proa_addr){.len = len, .family = AF_INET};
	memcpy(f->addr.data, &in, len);
	for (int i = 0; i < FILL; i++) {
		f->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(f->fill[i], (struct sockaddr *)&in, len);
	}
	usleep(20000);
}

static void full_close(full *f)
{
	for (int i = 0; i < FILL; i++)
		close(f->fill[i]);
	close(f->listener);
}

TEST(connect_in_flight_is_cancelled_and_timed_out)
{
	rec r = {0}, send = {0}, recv = {0};
	proa_handle h = {0};
	char buf[8];
	int64_t at;
	full f;
	LOOP(loop);

	full_open(&f);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_connect, &h, &r, &f.addr);
	SUBMIT(proa_send, &h, &send, "x", 1);
	SUBMIT(proa_recv, &h, &recv, buf, sizeof buf);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &send), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &recv), -PROA_ECANCELED);
	CHECK_EQ(proa_os(&h), -1);
	/* The same handle again; a time-out has another name than a cancel. */
	at = proa_clock(loop) + 20 * PROA_MSEC;
	r.op.deadline_ns = at;
	SUBMIT(proa_connect, &h, &r, &f.addr);
	SUBMIT(proa_send, &h, &send, "x", 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK_EQ(kit_await(loop, &send), -PROA_ETIMEDOUT);
	CHECK_GE(r.at_ns, at);
	kit_end(loop, &h);
	full_close(&f);
	kit_close(&loop);
}

TEST(connect_in_flight_is_closed)
{
	rec r = {0}, send = {0};
	proa_handle h = {0};
	full f;
	LOOP(loop);

	full_open(&f);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_connect, &h, &r, &f.addr);
	SUBMIT(proa_send, &h, &send, "x", 1);
	kit_settle(loop);
	kit_end(loop, &h);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	CHECK_EQ(send.result, -PROA_ECANCELED);
	full_close(&f);
	kit_close(&loop);
}

TEST(connect_twice_at_once)
{
	rec r[2] = {{.submits = 0}};
	proa_handle h = {0};
	full f;
	LOOP(loop);

	full_open(&f);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_connect, &h, &r[0], &f.addr);
	SUBMIT(proa_connect, &h, &r[1], &f.addr);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_EALREADY);
	CHECK_EQ(r[0].finals, 0); /* the second does not end the first */
	kit_close(&loop);
	full_close(&f);
	CHECK_EQ(r[0].result, -PROA_ECANCELED);
}

TEST(connect_and_listen_without_descriptors)
{
	rec r = {0};
	proa_handle h = {0}, l, l2 = {0};
	proa_addr addr, any;
	struct rlimit limit, low;
	int next;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &h);
	proa_handle_init(proa_root(loop), &l2);
	CHECK_EQ(proa_addr_parse(&any, "127.0.0.1:0", 0), 0);
	next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = (rlim_t)next;
	setrlimit(RLIMIT_NOFILE, &low);
	CHECK_EQ(proa_listen(&l2, &any, NULL), -PROA_EMFILE);
	SUBMIT(proa_connect, &h, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), -PROA_EMFILE);
	CHECK_NE(r.sys_error, 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	SUBMIT(proa_connect, &h, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.sys_error, 0); /* rewritten */
	kit_close(&loop);
}

TEST(listen_errors)
{
	proa_handle l, l2 = {0}, l3 = {0};
	proa_addr addr, other;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &l2);
	CHECK_EQ(proa_listen(&l2, &addr, NULL), -PROA_EADDRINUSE);
	CHECK_EQ(proa_listen(&l2, &addr, &(proa_listen_options){.size = 1}), -PROA_EINVAL);
	CHECK_EQ(proa_addr_parse(&other, "192.0.2.1:0", 0), 0); /* documentation's own (RFC 5737) */
	CHECK_EQ(proa_listen(&l2, &other, NULL), -PROA_EADDRNOTAVAIL);
	CHECK_EQ(proa_os(&l2), -1);
	/* It is init yet. */
	CHECK_EQ(proa_addr_parse(&other, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_listen(&l2, &other, &(proa_listen_options){.reuseport = true}), 0);
	CHECK_EQ(proa_local_addr(&l2, &other), 0);
	proa_handle_init(proa_root(loop), &l3);
	CHECK_EQ(proa_listen(&l3, &other, &(proa_listen_options){.reuseport = true}), 0);
	kit_close(&loop);
}

TEST(socket_options)
{
	proa_handle a, b, none = {0};
	LOOP(loop);

	kit_pair(loop, &a, &b);
	CHECK_EQ(proa_set_nodelay(&a, false), 0);
	CHECK_EQ(proa_set_nodelay(&a, true), 0);
	CHECK_EQ(proa_set_keepalive(&a, 10, 5, 3), 0);
	CHECK_EQ(proa_set_keepalive(&a, 0, 0, 0), 0);
	CHECK_EQ(proa_set_buffers(&a, 4096, 4096), 0);
	proa_handle_init(proa_root(loop), &none);
	CHECK_EQ(proa_set_nodelay(&none, true), -PROA_ENOTCONN);
	CHECK_EQ(proa_local_addr(&none, &(proa_addr){0}), -PROA_ENOTCONN);
	kit_close(&loop);
}
