/* The chunked transfer coding (RFC 9112, 7.1), both ways. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_CHUNK_H
#define PX_HTTP_CHUNK_H

#include "http/buf.h"

/* A decoder. Strict: 1 to 16 hexadecimal digits, no sign, no blanks around them, CR LF
 * everywhere. Extensions and trailers are read and dropped; framing may be at most 16 KiB plus 8
 * bytes for each byte of the body, so that neither can be used to keep a server busy for
 * nothing. All zero is ready. */
typedef struct px_chunk {
	uint64_t left;    /* bytes to come of this chunk */
	uint64_t framing; /* bytes that were not body */
	uint64_t body;
	uint8_t state, digits;
} px_chunk;

typedef enum px_chunk_verdict {
	PX_CHUNK_MORE,
	PX_CHUNK_DATA,
	PX_CHUNK_DONE,
	PX_CHUNK_BAD
} px_chunk_verdict;

/* Goes on with n bytes, until there is something to tell. *used: bytes taken. DATA: the last
 * *data of those are body. MORE: all are used. DONE: the body and its trailers have ended. */
px_chunk_verdict px_chunk_feed(px_chunk *chunk, const char *bytes, size_t n, size_t *used,
                               size_t *data);

/* A chunk of len > 0 bytes; and the last one. */
void px_put_chunk(px_buf *out, const void *bytes, size_t len);
void px_put_last_chunk(px_buf *out);

#endif
