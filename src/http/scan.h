/* Where a request's head ends: a strict look at line ends, before any parser sees the bytes. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_SCAN_H
#define PX_HTTP_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* Every line ends with CR LF, neither stands anywhere else, no line is folded, and there is no
 * control character but tab. So what follows, ours or a proxy's before us, cannot disagree on
 * where a line or the head ends: request smuggling has lived on bare CR, bare LF and folding.
 * All zero is ready. */
typedef struct px_scan {
	uint8_t state;
	uint8_t blank;  /* empty lines before the request line */
	uint32_t lines; /* complete lines so far */
} px_scan;

typedef enum px_scan_verdict { PX_SCAN_MORE, PX_SCAN_DONE, PX_SCAN_BAD } px_scan_verdict;

/* Goes on with n bytes; *used: those that belong to the head, its end included; *skip: how many
 * of them stand before the request line (empty lines, of which a few are tolerated: RFC 9112,
 * 2.2) and do not count. */
px_scan_verdict px_scan_head(px_scan *scan, const char *bytes, size_t n, size_t *skip,
                             size_t *used);

#endif
