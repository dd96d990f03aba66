/* The slab: distinct aligned objects, reuse, growth, failure, leaks. */
/* SPDX-License-Identifier: MIT */
#include "base/slab.h"

#include "base/rng.h"
#include "base/util.h"
#include "test.h"

#include <string.h>

enum { OBJECTS = 1000, STEPS = 50000 };

static void *nothing_left(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	PX_UNUSED(user);
	PX_UNUSED(old);
	PX_UNUSED(old_bytes);
	PX_UNUSED(new_bytes);
	return NULL;
}

static bool all_bytes(const void *object, size_t bytes, unsigned char value)
{
	const unsigned char *p = object;

	for (size_t i = 0; i < bytes; i++)
		if (p[i] != value)
			return false;
	return true;
}

TEST(slab_reuses_the_last_freed)
{
	px_allocator a;
	px_slab slab;
	void *x, *y;

	px_allocator_init(&a, NULL, NULL);
	px_slab_init(&slab, &a, 1, 0);
	CHECK(slab.object_bytes >= sizeof(void *) && a.calls == 0);
	x = px_slab_alloc(&slab);
	y = px_slab_alloc(&slab);
	CHECK(x && y && x != y && slab.live == 2 && slab.capacity >= 2);
	px_slab_free(&slab, x);
	px_slab_free(&slab, y);
	px_slab_free(&slab, NULL);
	CHECK(slab.live == 0);
	CHECK(px_slab_alloc(&slab) == y);
	CHECK(px_slab_alloc(&slab) == x);
	CHECK(px_slab_destroy(&slab) == 2);
	CHECK(a.live_blocks == 0 && a.live_bytes == 0);
	CHECK(slab.live == 0 && slab.capacity == 0);
}

TEST(slab_aligns)
{
	static const size_t aligns[] = {8, 16, 64, 4096};
	px_allocator a;
	px_slab slab;

	px_allocator_init(&a, NULL, NULL);
	for (unsigned i = 0; i < PX_COUNT(aligns); i++) {
		px_slab_init(&slab, &a, 40, aligns[i]);
		for (unsigned k = 0; k < 20; k++)
			CHECK(((uintptr_t)px_slab_alloc(&slab) & (aligns[i] - 1)) == 0);
		CHECK(px_slab_destroy(&slab) == 20);
	}
	CHECK(a.live_blocks == 0);
}

TEST(slab_survives_no_memory)
{
	px_allocator a;
	px_slab slab;

	px_allocator_init(&a, nothing_left, NULL);
	px_slab_init(&slab, &a, 24, 0);
	CHECK(px_slab_alloc(&slab) == NULL && px_slab_zalloc(&slab) == NULL);
	CHECK(slab.live == 0 && slab.capacity == 0);
	CHECK(px_slab_destroy(&slab) == 0);
}

/* Each object is filled with a byte of its own: overlap, or a chunk's end missed, shows. */
TEST(slab_objects_are_distinct)
{
	static void *objects[OBJECTS];
	px_allocator a;
	px_slab slab;
	px_rng rng;
	uint64_t calls;

	px_allocator_init(&a, NULL, NULL);
	px_slab_init(&slab, &a, 72, 0);
	px_rng_init(&rng, 5);
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t k = px_rng_below(&rng, OBJECTS);

		if (!objects[k]) {
			objects[k] = px_slab_zalloc(&slab);
			CHECK(objects[k] && all_bytes(objects[k], 72, 0));
			memset(objects[k], (int)(k & 0xff), 72);
		} else {
			CHECK(all_bytes(objects[k], 72, (unsigned char)k));
			px_slab_free(&slab, objects[k]);
			objects[k] = NULL;
		}
	}
	calls = a.calls;
	for (unsigned k = 0; k < OBJECTS; k++)
		px_slab_free(&slab, objects[k]);
	CHECK(slab.live == 0 && a.calls == calls);
	CHECK(px_slab_destroy(&slab) == 0);
	CHECK(a.live_blocks == 0);
}

static void free_twice(void)
{
	px_allocator a;
	px_slab slab;
	void *object;

	px_allocator_init(&a, NULL, NULL);
	px_slab_init(&slab, &a, 40, 0);
	object = px_slab_alloc(&slab);
	px_slab_alloc(&slab);
	px_slab_free(&slab, object);
	px_slab_free(&slab, object);
}

TEST(slab_free_twice_dies)
{
	CHECK_DIES(free_twice, "assertion failed");
}
