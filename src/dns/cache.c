/* Answers that may be used again: a few, each as long as its zone says. */
/* SPDX-License-Identifier: MIT */
#include "dns/cache.h"

#include "base/util.h"

#include <string.h>

#define TTL_MOST (3600 * PROA_SEC)

static const px_cached *entry_of(const px_cache *c, const char *name, uint32_t family)
{
	for (unsigned i = 0; i < PX_CACHE_NAMES; i++) {
		const px_cached *e = &c->entry[i];

		if (e->name[0] && e->family == family &&
		    px_name_same(e->name, strlen(e->name), name, strlen(name)))
			return e;
	}
	return NULL;
}

unsigned px_cache_find(const px_cache *c, const char *name, uint32_t family, int64_t now_ns,
                       proa_addr *out, int64_t *left_ns)
{
	const px_cached *e = entry_of(c, name, family);

	if (!e || e->until_ns <= now_ns)
		return 0;
	memcpy(out, e->addr, e->n * sizeof *out);
	*left_ns = e->until_ns - now_ns;
	return e->n;
}

static px_cached *entry_to_replace(px_cache *c, const char *name, uint32_t family)
{
	px_cached *first = (px_cached *)(uintptr_t)entry_of(c, name, family);

	if (first)
		return first;
	first = &c->entry[0];
	for (unsigned i = 1; i < PX_CACHE_NAMES; i++)
		if (c->entry[i].until_ns < first->until_ns)
			first = &c->entry[i];
	return first;
}

void px_cache_put(px_cache *c, const char *name, uint32_t family, const proa_addr *addr, unsigned n,
                  int64_t now_ns, int64_t ttl_ns)
{
	size_t len = strlen(name);
	px_cached *e;

	if (ttl_ns <= 0 || !n || len >= sizeof e->name)
		return;
	e = entry_to_replace(c, name, family);
	memcpy(e->name, name, len + 1);
	e->family = family;
	e->n = PX_MIN(n, (unsigned)PX_CACHE_ADDRS);
	e->until_ns = px_add_sat(now_ns, PX_MIN(ttl_ns, TTL_MOST));
	memcpy(e->addr, addr, e->n * sizeof *addr);
}
