/* The one allocator interface: everything the floors above own comes through a px_allocator. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_ALLOC_H
#define PX_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* One function does it all, so that a user's allocator cannot be half replaced:
 *   old NULL, new_bytes > 0    allocate
 *   old, new_bytes > 0         resize, keeping the common prefix; on failure `old` stays valid
 *   old, new_bytes 0           free; returns NULL
 * NULL means failure. Memory is aligned for max_align_t. `old_bytes` is exactly what was asked for
 * when `old` was allocated, so an allocator needs no headers of its own. */
typedef void *px_alloc_fn(void *user, void *old, size_t old_bytes, size_t new_bytes);

/* Belongs to one thread, as its loop does. The counters are statistics, and tests hold them to
 * their baseline: what is live now, and how many calls there have ever been. */
typedef struct px_allocator {
	px_alloc_fn *fn;
	void *user;
	size_t live_bytes;
	size_t live_blocks;
	uint64_t calls;
} px_allocator;

/* `fn` NULL: the C library's. */
void px_allocator_init(px_allocator *a, px_alloc_fn *fn, void *user);

/* NULL on failure, and for 0 bytes. Contents undefined. */
void *px_alloc(px_allocator *a, size_t bytes);

/* The same, all zero. */
void *px_zalloc(px_allocator *a, size_t bytes);

/* `count` * `bytes` all zero; NULL also if the product does not fit a size_t. */
void *px_zalloc_array(px_allocator *a, size_t count, size_t bytes);

/* NULL on failure, with `old` untouched. new_bytes must not be 0. */
void *px_realloc(px_allocator *a, void *old, size_t old_bytes, size_t new_bytes);

/* `bytes` as it was allocated; `p` may be NULL. */
void px_free(px_allocator *a, void *p, size_t bytes);

#endif
