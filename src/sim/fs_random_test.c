/* The simulated disk against a model of it that is slow and plain, with faults and power cuts. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_bed.h"

#include <stdio.h>

enum {
	SECTOR = PX_SIMFS_SECTOR,
	SECTORS = 24, /* of a file: three pages */
	BYTES = SECTORS * SECTOR,
	FILES = 5,
	DESCS = 8,
	SEEDS = 60,
	STEPS = 800
};

/* A file as it is read and as it is on the disk; behind their sizes, both are zeros. */
typedef struct model {
	bool there, name_durable, truncated;
	bool dirty[SECTORS], lost[SECTORS];
	int64_t size, disk_size, before_size;
	char now[BYTES], disk[BYTES], before[BYTES];
} model;

typedef struct desk {
	bed b;
	px_rng rng;
	model file[FILES];
	int open[DESCS]; /* which file; -1: none. The disk's own numbers are in fd */
	int64_t fd[DESCS];
	unsigned flags[DESCS];
	bool strict;
	uint64_t hash; /* of all that was seen */
} desk;

static const char *name_of(int file)
{
	static const char *const names[FILES] = {"a", "b", "d/a", "d/b", "d/c"};

	return names[file];
}

static void desk_saw(desk *d, int64_t number)
{
	d->hash = px_fnv(d->hash, &(uint64_t){(uint64_t)number}, 8);
}

/* ---- the model's steps ---- */

static void model_truncate(model *m)
{
	if (!m->truncated && m->disk_size) {
		m->truncated = true;
		m->before_size = m->disk_size;
		memcpy(m->before, m->disk, BYTES);
	}
	memset(m->now, 0, BYTES);
	memset(m->disk, 0, BYTES);
	memset(m->dirty, 0, sizeof m->dirty);
	memset(m->lost, 0, sizeof m->lost);
	m->size = m->disk_size = 0;
}

static void model_write(model *m, const char *data, int64_t n, int64_t offset)
{
	memcpy(m->now + offset, data, (size_t)n);
	m->size = PX_MAX(m->size, offset + n);
	for (int64_t s = offset / SECTOR; s <= (offset + n - 1) / SECTOR; s++) {
		m->dirty[s] = true;
		m->lost[s] = false;
	}
}

static void model_sync(model *m, bool failed)
{
	for (int s = 0; s < SECTORS; s++) {
		if (m->dirty[s] && failed)
			m->lost[s] = true;
		else if (m->dirty[s])
			memcpy(m->disk + s * SECTOR, m->now + s * SECTOR, SECTOR);
		m->dirty[s] = false;
	}
	if (failed)
		return;
	m->disk_size = m->size;
	m->truncated = false;
}

/* What is there is durable. */
static void model_settle(model *m)
{
	memcpy(m->disk, m->now, BYTES);
	memset(m->dirty, 0, sizeof m->dirty);
	memset(m->lost, 0, sizeof m->lost);
	m->disk_size = m->size;
	m->truncated = false;
	m->name_durable = true;
}

/* ---- steps of both ---- */

static void step_open(desk *d, int i)
{
	static const unsigned flags[] = {BED_RW, BED_NEW, BED_NEW, BED_NEW | PROA_O_APPEND,
	                                 BED_NEW | PROA_O_TRUNC};
	unsigned f = flags[px_rng_below(&d->rng, PX_COUNT(flags))];
	int file = (int)px_rng_below(&d->rng, FILES);
	model *m = &d->file[file];

	d->fd[i] = bed_file(&d->b, name_of(file), f);
	desk_saw(d, d->fd[i]);
	if (d->fd[i] == -PROA_EMFILE || d->fd[i] == -PROA_EIO)
		return; /* a fault */
	CHECK_EQ(d->fd[i] < 0, !m->there && !(f & PROA_O_CREATE));
	if (d->fd[i] < 0)
		return;
	d->open[i] = file;
	d->flags[i] = f;
	if (!m->there)
		*m = (model){.there = true};
	else if (f & PROA_O_TRUNC)
		model_truncate(m);
}

static void step_write(desk *d, int i)
{
	static char data[BYTES];
	model *m = &d->file[d->open[i]];
	int64_t offset = (int64_t)px_rng_below(&d->rng, BYTES);
	int64_t at = d->flags[i] & PROA_O_APPEND ? m->size : offset;
	size_t len = (size_t)px_rng_below(&d->rng, px_rng_chance(&d->rng, 500000) ? 100 : 6000);
	int64_t n;

	len = PX_MIN(len, (size_t)(BYTES - at));
	memset(data, (int)(1 + px_rng_below(&d->rng, 255)), sizeof data);
	n = bed_write(&d->b, d->fd[i], data, len, offset);
	desk_saw(d, n);
	CHECK(n == -PROA_EIO || n == -PROA_ENOSPC || (n >= 0 && n <= (int64_t)len));
	if (n > 0)
		model_write(m, data, n, at);
}

static void step_read(desk *d, int i)
{
	static char data[BYTES];
	const model *m = &d->file[d->open[i]];
	int64_t offset = (int64_t)px_rng_below(&d->rng, BYTES);
	int64_t rest = PX_MAX(m->size - offset, 0);
	size_t len = (size_t)px_rng_below(&d->rng, BYTES);
	int64_t n = bed_read(&d->b, d->fd[i], data, len, offset);

	desk_saw(d, n);
	CHECK(n == -PROA_EIO || (n >= 0 && n <= PX_MIN((int64_t)len, rest)));
	CHECK(n != 0 || !len || !rest);
	if (n > 0)
		CHECK_MEM(data, m->now + offset, (size_t)n);
}

static void step_sync(desk *d, int i)
{
	model *m = &d->file[d->open[i]];
	int64_t n = bed_sync(&d->b, d->fd[i]);

	desk_saw(d, n);
	CHECK(n == 0 || n == -PROA_EIO);
	model_sync(m, n < 0);
	m->name_durable |= n == 0 && !d->strict;
}

static void step_close(desk *d, int i)
{
	bed_shut(&d->b, d->fd[i]);
	d->open[i] = -1;
}

static void all_closed(desk *d)
{
	for (int i = 0; i < DESCS; i++)
		d->open[i] = -1;
}

/* ---- a power cut ---- */

static int64_t file_now(desk *d, int file, char *data)
{
	memset(data, 0, BYTES);
	return px_simfs_get(d->b.fs, name_of(file), data, BYTES);
}

static bool size_allowed(const model *m, int64_t size)
{
	if (size == m->size || size == m->disk_size)
		return true;
	return size > m->disk_size && size < m->size && size % SECTOR == 0;
}

/* Each sector is old or new as far as the file goes. */
static bool bytes_allowed(const model *m, const char *data, int64_t size)
{
	for (int s = 0; (int64_t)s * SECTOR < size; s++) {
		size_t at = (size_t)s * SECTOR, n = PX_MIN(SECTOR, (size_t)size - at);
		bool old = !memcmp(data + at, m->disk + at, n);
		bool new = !memcmp(data + at, m->now + at, n);

		if (!(m->lost[s] ? old : m->dirty[s] ? old || new : new))
			return false;
	}
	return true;
}

static void file_cut(desk *d, int file)
{
	static char data[BYTES];
	model *m = &d->file[file];
	int64_t size = file_now(d, file, data);

	desk_saw(d, size);
	d->hash = px_fnv(d->hash, data, BYTES);
	if (size < 0) {
		CHECK(size == -PROA_ENOENT && (!m->there || !m->name_durable));
		m->there = false;
		return;
	}
	CHECK(m->there);
	if (!m->truncated || size != m->before_size || memcmp(data, m->before, BYTES) != 0)
		CHECK(size_allowed(m, size) && bytes_allowed(m, data, size));
	memcpy(m->now, data, BYTES);
	m->size = size;
	model_settle(m);
}

/* The room of what was lost can be had again. */
static int64_t room_most(const desk *d)
{
	int64_t bytes = 0;

	for (int file = 0; file < FILES; file++)
		if (d->file[file].there)
			bytes += (d->file[file].size + SECTOR - 1) / SECTOR * SECTOR;
	return bytes;
}

static void step_crash(desk *d)
{
	static const uint32_t ppm[] = {0, 200000, 500000, 1000000};
	uint32_t torn = ppm[px_rng_below(&d->rng, PX_COUNT(ppm))];

	px_simfs_crash(d->b.fs, &d->rng, torn, ppm[px_rng_below(&d->rng, PX_COUNT(ppm))]);
	all_closed(d);
	for (int file = 0; file < FILES; file++)
		file_cut(d, file);
	CHECK_LE(px_simfs_used(d->b.fs), room_most(d));
}

/* ---- what the world does ---- */

static bool is_open(const desk *d, int file)
{
	for (int i = 0; i < DESCS; i++)
		if (d->open[i] == file)
			return true;
	return false;
}

static void step_put(desk *d, int file)
{
	static char data[BYTES];
	model *m = &d->file[file];
	size_t len = (size_t)px_rng_below(&d->rng, BYTES);
	int n;

	memset(data, 0, sizeof data);
	memset(data, (int)px_rng_below(&d->rng, 256), len);
	n = px_simfs_put(d->b.fs, name_of(file), data, len, 0);
	desk_saw(d, n);
	CHECK(n == 0 || n == -PROA_ENOSPC);
	if (!m->there)
		*m = (model){.there = true};
	m->size = file_now(d, file, m->now);
	CHECK(m->size == (int64_t)len || (n < 0 && m->size < (int64_t)len));
	CHECK_MEM(m->now, data, (size_t)PX_MAX(m->size, 0));
	model_settle(m);
}

static void step_remove(desk *d, int file)
{
	if (is_open(d, file))
		return; /* that is another test */
	CHECK_EQ(px_simfs_remove(d->b.fs, name_of(file), 0),
	         d->file[file].there ? 0 : -PROA_ENOENT);
	d->file[file].there = false;
}

/* ---- */

static void step_rare(desk *d)
{
	int file = (int)px_rng_below(&d->rng, FILES);

	switch (px_rng_below(&d->rng, 4)) {
	case 0: step_put(d, file); break;
	case 1: step_remove(d, file); break;
	case 2:
		px_simfs_drop_all(d->b.fs);
		all_closed(d);
		break;
	default: step_crash(d); break;
	}
	px_simfs_set_capacity(d->b.fs, px_rng_chance(&d->rng, 500000) ? 50000 : 0);
}

static void step_any(desk *d)
{
	int i = (int)px_rng_below(&d->rng, DESCS);
	uint64_t what = px_rng_below(&d->rng, 100);

	if (what < 4)
		step_rare(d);
	else if (d->open[i] < 0)
		step_open(d, i);
	else if (what < 45)
		step_write(d, i);
	else if (what < 85)
		step_read(d, i);
	else if (what < 93)
		step_sync(d, i);
	else
		step_close(d, i);
}

static bool desk_open(desk *d, uint64_t seed)
{
	*d = (desk){.hash = PX_FNV_SEED, .strict = seed % 2};
	px_rng_init(&d->rng, seed);
	all_closed(d);
	if (!CHECK(bed_open_as(&d->b, (px_simfs_options){.strict_names = d->strict})))
		return false;
	CHECK_EQ(px_simfs_mkdir(d->b.fs, "d", 0), 0);
	if (seed % 3)
		*px_simfs_faults_of(d->b.fs) = (px_simfs_faults){
			10000, 10000, 50000, 10000, 50000, 10000, 10000, 100000,
		};
	return true;
}

static void desk_close(desk *d)
{
	step_crash(d);
	for (int file = 0; file < FILES; file++)
		step_remove(d, file);
	CHECK_EQ(px_simfs_used(d->b.fs), 0);
	bed_close(&d->b);
}

static uint64_t seed_run(uint64_t seed)
{
	static desk d;

	if (!desk_open(&d, seed))
		return 0;
	for (int i = 0; i < STEPS; i++)
		step_any(&d);
	desk_close(&d);
	return d.hash;
}

TEST(fs_random)
{
	for (uint64_t seed = 0; seed < TEST_TIMES(SEEDS); seed++)
		seed_run(seed);
}

/* The number is the same on every system, with every compiler. */
TEST(fs_random_is_determined)
{
	uint64_t hash = seed_run(1) ^ seed_run(2);

	CHECK_EQ(hash, seed_run(1) ^ seed_run(2));
	CHECK_EQ(hash, UINT64_C(0xa192f13535bb5e11));
}
