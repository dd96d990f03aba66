/* Byte ranges (RFC 9110, 14). */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_RANGE_H
#define PX_HTTP_RANGE_H

#include <stdint.h>

typedef struct px_range {
	int64_t first, len; /* len > 0, all inside of the file */
} px_range;

enum { PX_RANGE_MAX = 8 };

/* How many satisfiable ranges `value` asks of a file of that size, in its order, into
 * out[PX_RANGE_MAX]. 0: send the whole file, because it is no byte range, is malformed, has too
 * many, or asks for more bytes than there are (RFC 9110, 14.2 lets a server ignore those). -1:
 * well formed, and nothing satisfiable: 416. */
int px_range_parse(const char *value, int64_t size, px_range *out);

#endif
