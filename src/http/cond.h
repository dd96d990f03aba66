/* Conditional requests (RFC 9110, 13): entity tags, dates, and which of the headers decides. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_HTTP_COND_H
#define PX_HTTP_COND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct px_cond {
	const char *if_match, *if_none_match, *if_modified, *if_unmodified,
		*if_range; /* NULL: not sent */
} px_cond;

enum { PX_ETAG_TEXT = 56 };
/* A strong tag, quotes included: another one whenever time of change (in ns), size or inode
 * differ. */
void px_etag_print(int64_t mtime_ns, int64_t size, uint64_t ino, char *out);

/* 0: go on; 304; 412. For GET and HEAD of something that exists. */
int px_cond_check(const px_cond *cond, const char *etag, int64_t mtime_s, int64_t now_s);
/* Whether ranges may be served: no If-Range, or one that holds. */
bool px_cond_range(const px_cond *cond, const char *etag, int64_t mtime_s, int64_t now_s);

#endif
