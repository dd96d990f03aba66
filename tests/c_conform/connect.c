/* Connects that stay in flight, refused ones, none without descriptors: each ends once. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

/* A listener whose queue is full and never emptied: who connects now, waits. */
enum { FILL = 8 };

typedef struct full {
	int listener, fill[FILL];
	proa_addr addr;
} full;

static void full_open(full *f)
{
	CHECK_EQ(proa_addr_parse(&f->addr, "127.0.0.1:0", 0), 0);
	f->listener = host_sock_listen(&f->addr, 0);
	CHECK_GE(f->listener, 0);
	for (int i = 0; i < FILL; i++) {
		f->fill[i] = host_sock(&f->addr, true);
		host_sock_connect(f->fill[i], &f->addr);
	}
	host_sleep_us(20000);
}

static void full_close(full *f)
{
	for (int i = 0; i < FILL; i++)
		host_sock_close(f->fill[i]);
	host_sock_close(f->listener);
}

TEST(connect_in_flight_is_cancelled_and_timed_out)
{
	rec r = {0}, send = {0}, recv = {0};
	proa_handle h = {0};
	char buf[8];
	int64_t at;
	full f;
	NEED(HOST_SILENT);
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
	NEED(HOST_SILENT);
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
	NEED(HOST_SILENT);
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

TEST(connect_of_an_open_handle)
{
	rec r = {0};
	proa_handle a, b;
	proa_addr addr;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	CHECK_EQ(proa_peer_addr(&a, &addr), 0);
	SUBMIT(proa_connect, &a, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), -PROA_EISCONN);
	CHECK(proa_is_open(&a));
	kit_close(&loop);
}

TEST(connect_and_listen_without_descriptors)
{
	rec r = {0};
	proa_handle h = {0}, l, l2 = {0};
	proa_addr addr, any;
	NEED(HOST_LIMIT);
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &h);
	proa_handle_init(proa_root(loop), &l2);
	CHECK_EQ(proa_addr_parse(&any, "127.0.0.1:0", 0), 0);
	host_limit_low(0);
	CHECK_EQ(proa_listen(&l2, &any, NULL), -PROA_EMFILE);
	SUBMIT(proa_connect, &h, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), -PROA_EMFILE);
	CHECK_NE(r.sys_error, 0);
	host_limit_back();
	SUBMIT(proa_connect, &h, &r, &addr);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.sys_error, 0); /* rewritten */
	kit_close(&loop);
}

TEST(listen_errors)
{
	proa_handle l, l2 = {0};
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
	CHECK_EQ(proa_listen(&l2, &other, NULL), 0);
	kit_close(&loop);
}

TEST(listen_at_one_port)
{
	proa_handle l = {0}, l2 = {0};
	proa_addr addr;
	NEED(HOST_REUSEPORT);
	LOOP(loop);

	proa_handle_init(proa_root(loop), &l);
	proa_handle_init(proa_root(loop), &l2);
	CHECK_EQ(proa_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_listen(&l, &addr, &(proa_listen_options){.reuseport = true}), 0);
	CHECK_EQ(proa_local_addr(&l, &addr), 0);
	CHECK_EQ(proa_listen(&l2, &addr, &(proa_listen_options){.reuseport = true}), 0);
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
