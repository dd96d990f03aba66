/* What the tests of the buffered stream share: a side with a plain peer, and awaited reads. */
/* SPDX-License-Identifier: MIT */
#ifndef D_NET_STREAM_KIT_H
#define D_NET_STREAM_KIT_H

#include "c_conform/kit.h"

typedef struct side {
	proa_handle h;
	proa_stream s;
	int fd; /* the peer */
} side;

static inline void side_open(proa_loop *loop, side *x, const proa_stream_options *o)
{
	memset(x, 0, sizeof *x);
	x->fd = kit_half(loop, &x->h);
	proa_stream_init(&x->s, &x->h, o);
}

static inline void side_end(proa_loop *loop, side *x)
{
	kit_end(loop, &x->h);
	kit_fd_close(x->fd);
}

/* The text a read was given. */
static inline void check_text(const rec *r, const char *text)
{
	CHECK_EQ(r->result, (long long)strlen(text));
	if (r->result == (int64_t)strlen(text))
		CHECK_MEM(r->buf, text, strlen(text));
}

static inline rec *read_some(proa_loop *loop, side *x, rec *r, size_t max)
{
	proa_stream_read_some(&x->s, kit_op(r), max, kit_done);
	kit_await(loop, r);
	return r;
}

static inline rec *read_exact(proa_loop *loop, side *x, rec *r, size_t n)
{
	proa_stream_read_exact(&x->s, kit_op(r), n, kit_done);
	kit_await(loop, r);
	return r;
}

static inline rec *read_until(proa_loop *loop, side *x, rec *r, const char *delim, size_t limit)
{
	proa_stream_read_until(&x->s, kit_op(r), delim, limit, kit_done);
	kit_await(loop, r);
	return r;
}

#endif
