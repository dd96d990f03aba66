/* Equal-size objects out of chunks that grow: O(1) to take and to give back. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_SLAB_H
#define PX_BASE_SLAB_H

#include "base/alloc.h"

#include <stddef.h>

typedef struct px_slab_chunk px_slab_chunk;

/* Chunks double from a few objects to 256 KiB and are kept until the slab is destroyed: an object
 * never moves, and steady state allocates nothing. A chunk's objects are first handed out in
 * address order without touching those behind, later from a last-in-first-out free list, because
 * what was freed last is still in the cache. Freed objects are poisoned in builds that look for
 * bugs, and such a build also panics when one was written to. One thread. */
typedef struct px_slab {
	px_allocator *allocator;
	px_slab_chunk *chunks;
	void *free;  /* the first freed object; its first word is the link to the next */
	char *fresh; /* never handed out yet: [fresh, fresh_end) of the newest chunk */
	char *fresh_end;
	size_t object_bytes; /* rounded up to the alignment */
	size_t align;
	size_t next_objects; /* of the chunk to come */
	size_t live;         /* objects handed out and not given back */
	size_t capacity;     /* objects in all chunks */
} px_slab;

/* `align` is a power of two, or 0 for that of a pointer or a 64-bit integer; PX_CACHE_LINE keeps
 * objects from sharing lines. Allocates nothing yet. */
void px_slab_init(px_slab *slab, px_allocator *allocator, size_t object_bytes, size_t align);

/* Contents undefined. NULL if a chunk was needed and there was no memory for it. */
void *px_slab_alloc(px_slab *slab);

/* The same, all zero. */
void *px_slab_zalloc(px_slab *slab);

/* `object` from this slab, or NULL. */
void px_slab_free(px_slab *slab, void *object);

/* Gives back every chunk and returns how many objects were still live: memory is freed under
 * their feet, so a caller who gets anything but 0 has a leak to report. */
size_t px_slab_destroy(px_slab *slab);

#endif
