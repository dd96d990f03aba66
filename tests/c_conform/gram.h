/* What the datagram tests share: sockets on loopback, an op with its datagram and its room. */
/* SPDX-License-Identifier: MIT */
#ifndef C_CONFORM_GRAM_H
#define C_CONFORM_GRAM_H

#include "c_conform/kit.h"

/* Binds a new handle of the root's; `addr` is where. What proa_udp_bind says. */
static inline int udp_open(proa_loop *loop, proa_handle *h, const char *text,
                           const proa_udp_options *o, proa_addr *addr)
{
	int rc;

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	CHECK_EQ(proa_addr_parse(addr, text, 0), 0);
	if ((rc = proa_udp_bind(h, addr, o)) == 0)
		CHECK_EQ(proa_local_addr(h, addr), 0);
	return rc;
}

static inline void udp_here(proa_loop *loop, proa_handle *h, proa_addr *addr)
{
	CHECK_EQ(udp_open(loop, h, host_loopback_udp(), NULL, addr), 0);
}

typedef struct gram {
	rec r; /* first */
	proa_msg m;
	char buf[64];
} gram;

#define GRAM                         \
	{                            \
		.r = {.submits = 0 } \
	}

static inline void gram_recv(proa_handle *h, gram *g)
{
	memset(g->buf, '#', sizeof g->buf);
	g->m.buf = g->buf;
	g->m.len = sizeof g->buf;
	SUBMIT(proa_recv_msg, h, &g->r, &g->m);
}

static inline void gram_send(proa_handle *h, gram *g, const proa_addr *to, const void *bytes,
                             size_t len)
{
	g->m.buf = (void *)(uintptr_t)bytes;
	g->m.len = len;
	g->m.addr = (proa_addr){0};
	if (to)
		g->m.addr = *to;
	SUBMIT(proa_send_msg, h, &g->r, &g->m);
}

static inline int64_t send_one(proa_loop *loop, proa_handle *h, const proa_addr *to,
                               const char *text)
{
	gram g = GRAM;

	gram_send(h, &g, to, text, strlen(text));
	return kit_await(loop, &g.r);
}

/* Within so many ms; else it times out. */
static inline int64_t recv_within(proa_loop *loop, proa_handle *h, gram *g, int ms)
{
	g->r.op.deadline_ns = proa_clock(loop) + ms * PROA_MSEC;
	gram_recv(h, g);
	kit_await(loop, &g->r);
	g->r.op.deadline_ns = 0;
	return g->r.result;
}

/* The next datagram is this one, from there. */
static inline void recv_is(proa_loop *loop, proa_handle *h, const char *text, const proa_addr *from)
{
	gram g = GRAM;

	CHECK_EQ(recv_within(loop, h, &g, 10000), strlen(text));
	CHECK_EQ(g.r.count, strlen(text));
	CHECK_EQ(g.r.got, 0);
	CHECK_MEM(g.buf, text, strlen(text));
	CHECK_MEM(&g.m.addr, from, sizeof *from);
}

#endif
