/* Counting in front of the user's allocator; the C library's stands behind it by default. */
/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* The only place below floor 5 which names the heap. */
static void *libc_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	PX_UNUSED(user);
	PX_UNUSED(old_bytes);
	if (new_bytes)
		return realloc(old, new_bytes);
	free(old);
	return NULL;
}

void px_allocator_init(px_allocator *a, px_alloc_fn *fn, void *user)
{
	*a = (px_allocator){.fn = fn ? fn : libc_alloc, .user = user};
}

void *px_alloc(px_allocator *a, size_t bytes)
{
	void *p;

	if (!bytes)
		return NULL;
	a->calls++;
	p = a->fn(a->user, NULL, 0, bytes);
	if (!p)
		return NULL;
	a->live_blocks++;
	a->live_bytes += bytes;
	return p;
}

void *px_zalloc(px_allocator *a, size_t bytes)
{
	void *p = px_alloc(a, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

void *px_zalloc_array(px_allocator *a, size_t count, size_t bytes)
{
	size_t total;

	return px_mul_size(count, bytes, &total) ? px_zalloc(a, total) : NULL;
}

void *px_realloc(px_allocator *a, void *old, size_t old_bytes, size_t new_bytes)
{
	void *p;

	if (!old)
		return px_alloc(a, new_bytes);
	px_assert(new_bytes && a->live_bytes >= old_bytes);
	a->calls++;
	p = a->fn(a->user, old, old_bytes, new_bytes);
	if (p)
		a->live_bytes = a->live_bytes - old_bytes + new_bytes;
	return p;
}

void px_free(px_allocator *a, void *p, size_t bytes)
{
	if (!p)
		return;
	px_assert(a->live_blocks && a->live_bytes >= bytes);
	a->calls++;
	a->live_blocks--;
	a->live_bytes -= bytes;
	a->fn(a->user, p, bytes, 0);
}
