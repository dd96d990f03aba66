/* The allocator counts right and passes on what its function is promised. */
/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

/* Fails when `left` calls are used up, and remembers the last call. */
typedef struct stingy {
	unsigned left;
	size_t old_bytes, new_bytes;
} stingy;

static void *stingy_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	stingy *s = user;

	s->old_bytes = old_bytes;
	s->new_bytes = new_bytes;
	if (!new_bytes) {
		free(old);
		return NULL;
	}
	if (!s->left)
		return NULL;
	s->left--;
	return realloc(old, new_bytes);
}

TEST(alloc_default)
{
	px_allocator a;
	unsigned char *p;

	px_allocator_init(&a, NULL, NULL);
	p = px_zalloc(&a, 100);
	CHECK(p && p[0] == 0 && p[99] == 0);
	CHECK(a.live_bytes == 100 && a.live_blocks == 1 && a.calls == 1);
	p[99] = 7;
	p = px_realloc(&a, p, 100, 5000);
	CHECK(p && p[99] == 7);
	CHECK(a.live_bytes == 5000 && a.live_blocks == 1 && a.calls == 2);
	px_free(&a, p, 5000);
	CHECK(a.live_bytes == 0 && a.live_blocks == 0 && a.calls == 3);
	px_free(&a, NULL, 10);
	CHECK(a.calls == 3);
}

TEST(alloc_nothing)
{
	px_allocator a;

	px_allocator_init(&a, NULL, NULL);
	CHECK(px_alloc(&a, 0) == NULL);
	CHECK(px_zalloc(&a, 0) == NULL);
	CHECK(px_zalloc_array(&a, SIZE_MAX / 2, 3) == NULL);
	CHECK(a.calls == 0 && a.live_blocks == 0);
}

TEST(alloc_failure_leaves_what_was)
{
	stingy s = {.left = 1};
	px_allocator a;
	char *p;

	px_allocator_init(&a, stingy_alloc, &s);
	p = px_realloc(&a, NULL, 0, 4);
	CHECK(p != NULL);
	memcpy(p, "abc", 4);
	CHECK(px_realloc(&a, p, 4, 400) == NULL);
	CHECK(s.old_bytes == 4 && s.new_bytes == 400);
	CHECK(memcmp(p, "abc", 4) == 0);
	CHECK(px_alloc(&a, 8) == NULL && px_zalloc(&a, 8) == NULL);
	CHECK(a.live_bytes == 4 && a.live_blocks == 1);
	px_free(&a, p, 4);
	CHECK(s.old_bytes == 4 && s.new_bytes == 0);
	CHECK(a.live_bytes == 0 && a.live_blocks == 0);
}
