/* What the tests of the simulated disk share: a disk on an allocator that counts and can fail. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_FS_BED_H
#define PX_SIM_FS_BED_H

#include "proa/err.h"
#include "sim/fs.h"
#include "test.h"

#include <string.h>

/* Its times are numbers that go up. */
typedef struct bed {
	px_allocator alloc, below;
	px_rng rng;
	px_simfs *fs;
	int64_t now_ns;
	int32_t sys_error; /* of the last call */
	uint64_t fail,
		passed; /* allocation number `fail` (from 1) and all later ones fail; 0: none */
} bed;

enum { BED_RW = PROA_O_READ | PROA_O_WRITE, BED_NEW = BED_RW | PROA_O_CREATE };

static inline void *bed_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	bed *b = user;

	if (new_bytes && b->fail && ++b->passed >= b->fail)
		return NULL;
	if (new_bytes)
		return px_realloc(&b->below, old, old_bytes, new_bytes);
	px_free(&b->below, old, old_bytes);
	return NULL;
}

/* The allocator and the generator of `o` are filled in. */
static inline bool bed_open_as(bed *b, px_simfs_options o)
{
	px_allocator_init(&b->below, NULL, NULL);
	px_allocator_init(&b->alloc, bed_alloc, b);
	px_rng_init(&b->rng, 1);
	o.alloc = &b->alloc;
	o.rng = &b->rng;
	b->fs = px_simfs_open(&o);
	return b->fs != NULL;
}

static inline bool bed_open(bed *b)
{
	*b = (bed){0};
	return bed_open_as(b, (px_simfs_options){.dev = 7});
}

/* And all its memory is back. */
static inline void bed_close(bed *b)
{
	px_simfs_close(b->fs);
	CHECK_EQ(b->alloc.live_blocks, 0);
	CHECK_EQ(b->alloc.live_bytes, 0);
	CHECK_EQ(b->below.live_bytes, 0); /* freed with the sizes that were asked for */
}

static inline int64_t bed_file(bed *b, const char *path, unsigned flags)
{
	return px_simfs_file_open(b->fs, -1, path, flags, 0644, ++b->now_ns, &b->sys_error);
}

static inline int64_t bed_write(bed *b, int64_t fd, const void *from, size_t len, int64_t offset)
{
	return px_simfs_file_write(b->fs, (int)fd, from, len, offset, ++b->now_ns, &b->sys_error);
}

static inline int64_t bed_read(bed *b, int64_t fd, void *to, size_t len, int64_t offset)
{
	return px_simfs_file_read(b->fs, (int)fd, to, len, offset, &b->sys_error);
}

static inline int64_t bed_sync(bed *b, int64_t fd)
{
	return px_simfs_file_sync(b->fs, (int)fd, &b->sys_error);
}

static inline void bed_shut(bed *b, int64_t fd)
{
	px_simfs_file_close(b->fs, (int)fd);
}

static inline int bed_put(bed *b, const char *path, const char *text)
{
	return px_simfs_put(b->fs, path, text, strlen(text), ++b->now_ns);
}

/* The file is this text, as it is read. */
static inline void bed_check(bed *b, const char *path, const char *text)
{
	char got[512] = "";

	CHECK_EQ(px_simfs_get(b->fs, path, got, sizeof got - 1), (int64_t)strlen(text));
	CHECK_STR(got, text);
}

#endif
