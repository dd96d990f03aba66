/* A growing run of bytes. */
/* SPDX-License-Identifier: MIT */
#include "http/buf.h"

#include <string.h>

#ifdef PX_TORTURE
enum { BUF_FIRST = 1 };
#else
enum { BUF_FIRST = 512 };
#endif

bool px_buf_grow(px_buf *buf, size_t more)
{
	size_t cap = buf->cap ? buf->cap : BUF_FIRST;
	char *data;

	if (buf->failed || more > SIZE_MAX / 4 - buf->len)
		return false;
	while (cap - buf->len < more)
		cap *= 2;
	data = proa_loop_alloc(buf->loop, buf->data, buf->cap, cap);
	if (!data)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool px_buf_fits(px_buf *buf, size_t more)
{
	return (buf->cap - buf->len >= more && !buf->failed) || px_buf_grow(buf, more);
}

void px_buf_text(px_buf *buf, const char *text)
{
	px_buf_put(buf, text, strlen(text));
}

void px_buf_char(px_buf *buf, char c)
{
	px_buf_put(buf, &c, 1);
}

static inline void put_digits(px_buf *buf, uint64_t n, unsigned base)
{
	char text[20];
	size_t at = sizeof text;

	do
		text[--at] = "0123456789abcdef"[n % base];
	while (n /= base);
	px_buf_put(buf, text + at, sizeof text - at);
}

void px_buf_number(px_buf *buf, uint64_t n)
{
	put_digits(buf, n, 10);
}

void px_buf_hex(px_buf *buf, uint64_t n)
{
	put_digits(buf, n, 16);
}

void px_buf_clear(px_buf *buf, size_t keep_bytes)
{
	if (buf->cap > keep_bytes)
		px_buf_free(buf);
	buf->len = 0;
	buf->failed = false;
}

void px_buf_free(px_buf *buf)
{
	proa_loop_alloc(buf->loop, buf->data, buf->cap, 0);
	*buf = (px_buf){.loop = buf->loop};
}
