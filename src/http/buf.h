/* A growing run of bytes: what is read before it is understood, and what is not sent yet. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_BUF_H
#define PX_HTTP_BUF_H

#include "proa/loop.h"

#include <string.h>

/* All zero but for `loop` is empty. Running out of memory is remembered in `failed` and told once,
 * at the end of what is being built, so that building needs no check at each step; from then on
 * nothing goes in, so that nothing has a hole. */
typedef struct px_buf {
	proa_loop *loop; /* whose memory it takes; NULL: the C library's */
	char *data;
	size_t len, cap;
	bool failed;
} px_buf;

/* Makes room where there is not enough. */
bool px_buf_grow(px_buf *buf, size_t more);
/* Room for `more` bytes behind data + len, which the caller then counts in by himself. */
static inline bool px_buf_room(px_buf *buf, size_t more)
{
	if (buf->cap - buf->len >= more && !buf->failed)
		return true;
	buf->failed = !px_buf_grow(buf, more);
	return !buf->failed;
}
/* The same, and if there is none nothing is remembered. */
bool px_buf_fits(px_buf *buf, size_t more);
static inline void px_buf_put(px_buf *buf, const void *bytes, size_t len)
{
	if (!len || !px_buf_room(buf, len))
		return;
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
}

/* Of a text in quotes. */
#define px_buf_literal(buf, text) px_buf_put(buf, text, sizeof(text) - 1)
void px_buf_text(px_buf *buf, const char *text);
void px_buf_char(px_buf *buf, char c);
void px_buf_number(px_buf *buf, uint64_t n);
void px_buf_hex(px_buf *buf, uint64_t n); /* lower case, no leading zeros */
/* Empty again; memory beyond keep_bytes is given back. */
void px_buf_clear(px_buf *buf, size_t keep_bytes);
void px_buf_free(px_buf *buf);

#endif
