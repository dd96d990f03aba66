/* The chunked transfer coding. */
/* SPDX-License-Identifier: MIT */
#include "http/chunk.h"

#include "http/text.h"

#include <string.h>

enum { DIGITS_MAX = 16, FRAMING_FREE = 16 * 1024, FRAMING_PER_BYTE = 8 };

/* The size line; its extension; LF behind it; the data; CR LF behind those. Then, behind the
 * last chunk, trailers: at a line's beginning, inside a line, LF of it, LF of the empty one. */
enum {
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_TEXT,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_DONE,
	CHUNK_BAD
};

static bool is_text(char c)
{
	return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t';
}

static uint8_t size_next(px_chunk *chunk, char c)
{
	int digit = px_text_hex(c);

	if (digit >= 0) {
		chunk->left = chunk->left << 4 | (unsigned)digit;
		return ++chunk->digits > DIGITS_MAX ? CHUNK_BAD : CHUNK_SIZE;
	}
	if (!chunk->digits || chunk->left > INT64_MAX)
		return CHUNK_BAD;
	return c == ';' ? CHUNK_EXT : c == '\r' ? CHUNK_SIZE_LF : CHUNK_BAD;
}

static uint8_t state_next(px_chunk *chunk, char c)
{
	switch (chunk->state) {
	case CHUNK_SIZE: return size_next(chunk, c);
	case CHUNK_EXT: return c == '\r' ? CHUNK_SIZE_LF : is_text(c) ? CHUNK_EXT : CHUNK_BAD;
	case CHUNK_SIZE_LF:
		if (c != '\n')
			return CHUNK_BAD;
		return chunk->left ? CHUNK_DATA : CHUNK_TRAILER;
	case CHUNK_DATA_CR: return c == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
	case CHUNK_DATA_LF: chunk->digits = 0; return c == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case CHUNK_TRAILER:
		if (c == '\r')
			return CHUNK_LAST_LF;
		return is_text(c) && c != ' ' && c != '\t' ? CHUNK_TRAILER_TEXT : CHUNK_BAD;
	case CHUNK_TRAILER_TEXT:
		return c == '\r' ? CHUNK_TRAILER_LF : is_text(c) ? CHUNK_TRAILER_TEXT : CHUNK_BAD;
	case CHUNK_TRAILER_LF: return c == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
	case CHUNK_LAST_LF: return c == '\n' ? CHUNK_DONE : CHUNK_BAD;
	default: return CHUNK_BAD;
	}
}

static bool framing_floods(const px_chunk *chunk)
{
	return chunk->framing > FRAMING_FREE &&
	       (chunk->framing - FRAMING_FREE) / FRAMING_PER_BYTE > chunk->body;
}

px_chunk_verdict px_chunk_feed(px_chunk *chunk, const char *bytes, size_t n, size_t *used,
                               size_t *data)
{
	size_t i = 0;

	*data = 0;
	while (i < n && chunk->state < CHUNK_DONE && chunk->state != CHUNK_DATA) {
		chunk->state = state_next(chunk, bytes[i++]);
		chunk->framing++;
	}
	if (framing_floods(chunk))
		chunk->state = CHUNK_BAD;
	if (chunk->state == CHUNK_DATA && i < n) {
		*data = n - i < chunk->left ? n - i : (size_t)chunk->left;
		chunk->left -= *data;
		chunk->body += *data;
		if (!chunk->left)
			chunk->state = CHUNK_DATA_CR;
	}
	*used = i + *data;
	if (chunk->state == CHUNK_BAD)
		return PX_CHUNK_BAD;
	return *data ? PX_CHUNK_DATA : chunk->state == CHUNK_DONE ? PX_CHUNK_DONE : PX_CHUNK_MORE;
}

void px_put_chunk(px_buf *out, const void *bytes, size_t len)
{
	px_buf_hex(out, len);
	px_buf_put(out, "\r\n", 2);
	px_buf_put(out, bytes, len);
	px_buf_put(out, "\r\n", 2);
}

void px_put_last_chunk(px_buf *out)
{
	px_buf_put(out, "0\r\n\r\n", 5);
}
