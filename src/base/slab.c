/* Equal-size objects out of chunks that grow. */
/* SPDX-License-Identifier: MIT */
#include "base/slab.h"

#include "base/poison.h"
#include "base/util.h"

#include <string.h>

#ifdef PX_TORTURE
enum { FIRST_OBJECTS = 2, CHUNK_MAX_BYTES = 1 };
#else
enum { FIRST_OBJECTS = 8, CHUNK_MAX_BYTES = 256 * 1024 };
#endif

/* Filling and checking costs a pass over each object, which only builds that look for bugs (or are
 * not optimised anyway) pay. */
#if defined(PX_TORTURE) || defined(PX_ASAN) || !defined(__OPTIMIZE__)
enum { FILL = 1 };
#else
enum { FILL = 0 };
#endif

struct px_slab_chunk {
	px_slab_chunk *next;
	size_t bytes;
};

void px_slab_init(px_slab *slab, px_allocator *allocator, size_t object_bytes, size_t align)
{
	size_t least = PX_MAX(sizeof(void *), sizeof(uint64_t));

	px_assert(object_bytes && (!align || px_is_pow2(align)));
	align = PX_MAX(align, least);
	*slab = (px_slab){
		.allocator = allocator,
		.object_bytes = px_align_up(object_bytes, align),
		.align = align,
		.next_objects = FIRST_OBJECTS,
	};
}

/* The allocator aligns for max_align_t only, hence up to `align` more for the first object. What
 * is left of the chunk before is used up: a chunk is only asked for when it is. */
static bool chunk_add(px_slab *slab)
{
	size_t objects = slab->next_objects;
	size_t object_bytes = objects * slab->object_bytes;
	size_t bytes = sizeof(px_slab_chunk) + slab->align + object_bytes;
	px_slab_chunk *chunk = px_alloc(slab->allocator, bytes);

	if (!chunk)
		return false;
	chunk->next = slab->chunks;
	chunk->bytes = bytes;
	slab->chunks = chunk;
	slab->fresh = (char *)(chunk + 1) + (-(uintptr_t)(chunk + 1) & (slab->align - 1));
	slab->fresh_end = slab->fresh + object_bytes;
	slab->capacity += objects;
	if (object_bytes <= CHUNK_MAX_BYTES / 2)
		slab->next_objects = objects * 2;
	px_poison(slab->fresh, object_bytes);
	return true;
}

static void *fresh_take(px_slab *slab)
{
	char *object = slab->fresh;

	if (object == slab->fresh_end) {
		if (!chunk_add(slab))
			return NULL;
		object = slab->fresh;
	}
	slab->fresh = object + slab->object_bytes;
	px_unpoison(object, slab->object_bytes);
	return object;
}

/* A byte that is no longer poison was written through a pointer to a dead object. */
static void fill_check(const px_slab *slab, const void *object)
{
	const unsigned char *p = object;

	for (size_t i = sizeof(void *); i < slab->object_bytes; i++)
		if (p[i] != PX_POISON_BYTE)
			PX_PANIC("memory was written to after it was freed");
}

static void *freed_take(px_slab *slab)
{
	void *object = slab->free;

	px_unpoison(object, slab->object_bytes);
	memcpy(&slab->free, object, sizeof slab->free);
	if (FILL)
		fill_check(slab, object);
	return object;
}

void *px_slab_alloc(px_slab *slab)
{
	void *object = slab->free ? freed_take(slab) : fresh_take(slab);

	if (object)
		slab->live++;
	return object;
}

void *px_slab_zalloc(px_slab *slab)
{
	void *object = px_slab_alloc(slab);

	return object ? memset(object, 0, slab->object_bytes) : NULL;
}

void px_slab_free(px_slab *slab, void *object)
{
	if (!object)
		return;
	px_assert(slab->live && object != slab->free);
	slab->live--;
	if (FILL)
		memset(object, PX_POISON_BYTE, slab->object_bytes);
	memcpy(object, &slab->free, sizeof slab->free);
	px_poison(object, slab->object_bytes);
	slab->free = object;
}

size_t px_slab_destroy(px_slab *slab)
{
	size_t leaked = slab->live;
	px_slab_chunk *next;

	for (px_slab_chunk *chunk = slab->chunks; chunk; chunk = next) {
		next = chunk->next;
		px_unpoison(chunk, chunk->bytes);
		px_free(slab->allocator, chunk, chunk->bytes);
	}
	px_slab_init(slab, slab->allocator, slab->object_bytes, slab->align);
	return leaked;
}
