/* Answers that may be used again for a while. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_CACHE_H
#define PX_DNS_CACHE_H

#include "dns/name.h"

enum { PX_CACHE_NAMES = 64, PX_CACHE_ADDRS = 8 };

typedef struct px_cached {
	char name[PX_NAME_MAX + 1]; /* empty: free */
	uint32_t family;
	unsigned n;
	int64_t until_ns;
	proa_addr addr[PX_CACHE_ADDRS];
} px_cached;

/* All zero is empty. */
typedef struct px_cache {
	px_cached entry[PX_CACHE_NAMES];
} px_cache;

/* How many addresses, 0 if it is not there or too old; *left_ns: how long they may be used. */
unsigned px_cache_find(const px_cache *, const char *name, uint32_t family, int64_t now_ns,
                       proa_addr *out, int64_t *left_ns);
/* For at most an hour. The one that would have gone first makes room. */
void px_cache_put(px_cache *, const char *name, uint32_t family, const proa_addr *addr, unsigned n,
                  int64_t now_ns, int64_t ttl_ns);

#endif
