/* The simulated disk does what Linux does: the same calls on both, and the same results. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_bed.h"

#include "host_file.h"
#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>

/* A folder `base` in a new one; both have the same name on both disks. */
typedef struct twin {
	bed b;
	char top[64];
	int real_base, sim_base;
} twin;

typedef struct pair {
	int64_t real, sim; /* descriptors, or errors */
	int32_t real_error, sim_error;
} pair;

static const char *twin_path(const twin *t, const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/base/%s", t->top, name);
	return path;
}

static void twin_dir(twin *t, const char *name)
{
	CHECK(host_make_dir(twin_path(t, name)));
	CHECK_EQ(px_simfs_mkdir(t->b.fs, twin_path(t, name), 0), 0);
}

static void twin_file(twin *t, const char *name)
{
	CHECK(host_make_file(twin_path(t, name)));
	CHECK_EQ(px_simfs_put(t->b.fs, twin_path(t, name), NULL, 0, 0), 0);
}

static void twin_link(twin *t, const char *name, const char *to)
{
	CHECK(host_make_link(twin_path(t, name), to));
	CHECK_EQ(px_simfs_link(t->b.fs, twin_path(t, name), to, 0), 0);
}

/* Both have it and lose it, or neither has it. */
static bool twin_remove(twin *t, const char *name)
{
	bool real = host_remove(twin_path(t, name));
	bool sim = px_simfs_remove(t->b.fs, twin_path(t, name), 0) == 0;

	if (!CHECK_EQ(real, sim))
		test_note("%s", name);
	return real && sim;
}

static pair twin_open_in(twin *t, int real_dir, int sim_dir, const char *path, unsigned flags)
{
	pair p;

	p.real = px_file_open(real_dir, path, flags, 0644, &p.real_error);
	p.sim = px_simfs_file_open(t->b.fs, sim_dir, path, flags, 0644, 0, &p.sim_error);
	if (!CHECK_EQ(PX_MIN(p.real, 0), PX_MIN(p.sim, 0)) ||
	    !CHECK_EQ(p.real_error != 0, p.sim_error != 0))
		test_note("open %.60s, flags 0x%x", path, flags);
	return p;
}

static pair twin_open(twin *t, const char *path, unsigned flags)
{
	return twin_open_in(t, t->real_base, t->sim_base, path, flags);
}

static void twin_shut(twin *t, const pair *p)
{
	if (p->real >= 0)
		px_file_close((int)p->real);
	if (p->sim >= 0)
		px_simfs_file_close(t->b.fs, (int)p->sim);
}

static bool twin_begin(twin *t)
{
	pair p;

	if (!CHECK(host_temp_dir(t->top, sizeof t->top)) || !CHECK(bed_open(&t->b)))
		return false;
	twin_dir(t, "");
	p = twin_open_in(t, -1, -1, twin_path(t, ""), PROA_O_DIR);
	t->real_base = (int)p.real;
	t->sim_base = (int)p.sim;
	return p.real >= 0 && p.sim >= 0;
}

/* `names` as they are to be removed: what is in a folder before it. */
static void twin_end(twin *t, const char *const *names)
{
	pair base = {.real = t->real_base, .sim = t->sim_base};

	for (; *names; names++)
		CHECK(twin_remove(t, *names));
	twin_shut(t, &base);
	CHECK(twin_remove(t, ""));
	CHECK(host_remove(t->top));
	bed_close(&t->b);
}

/* ---- calls on a pair ---- */

static int64_t pair_write(twin *t, const pair *p, const void *data, size_t len, int64_t offset)
{
	int32_t sys;
	int64_t real = px_file_write((int)p->real, data, len, offset, &sys);
	int64_t sim = px_simfs_file_write(t->b.fs, (int)p->sim, data, len, offset, 0, &sys);

	if (!CHECK_EQ(real, sim))
		test_note("write %zu at %lld", len, (long long)offset);
	return sim;
}

static int64_t pair_read(twin *t, const pair *p, size_t len, int64_t offset)
{
	static char real_buf[1 << 17], sim_buf[1 << 17];
	int32_t sys;
	int64_t real = px_file_read((int)p->real, real_buf, len, offset, &sys);
	int64_t sim = px_simfs_file_read(t->b.fs, (int)p->sim, sim_buf, len, offset, &sys);

	if (!CHECK_EQ(real, sim))
		test_note("read %zu at %lld", len, (long long)offset);
	if (real > 0 && real == sim)
		CHECK_MEM(sim_buf, real_buf, (size_t)sim);
	return sim;
}

static void pair_sync(twin *t, const pair *p)
{
	int32_t sys;

	CHECK_EQ(px_file_sync((int)p->real, &sys), px_simfs_file_sync(t->b.fs, (int)p->sim, &sys));
}

static void pair_stat(twin *t, const pair *p)
{
	proa_stat_info real = {0}, sim = {0};
	int32_t sys;

	CHECK_EQ(px_file_stat((int)p->real, &real, &sys),
	         px_simfs_file_stat(t->b.fs, (int)p->sim, &sim, &sys));
	CHECK_EQ(real.type, sim.type);
	if (sim.type != PROA_S_FILE)
		return;
	CHECK_EQ(real.mode & 0700, sim.mode & 0700);
	CHECK_EQ(real.size_bytes, sim.size_bytes);
}

/* Only whether there is something: the orders differ. */
static void pair_list(twin *t, const pair *p)
{
	_Alignas(proa_dirent) char buf[4096];
	int32_t sys;
	int64_t real = px_dir_read((int)p->real, buf, sizeof buf, &sys);
	int64_t sim = px_simfs_dir_read(t->b.fs, (int)p->sim, buf, sizeof buf, &sys);

	CHECK_EQ(PX_MIN(real, 1), PX_MIN(sim, 1));
}

static void pair_try_all(twin *t, const pair *p)
{
	pair_stat(t, p);
	pair_read(t, p, 8, 0);
	pair_read(t, p, 0, 0);
	pair_write(t, p, "12345", 5, 2);
	pair_write(t, p, "", 0, 0);
	pair_stat(t, p);
	pair_list(t, p);
	pair_read(t, p, 8, -1);
	pair_write(t, p, "x", 1, -1);
	pair_read(t, p, 8, INT64_MAX - 3);
	pair_write(t, p, "12345678", 8, INT64_MAX - 3);
}

/* ---- paths ---- */

enum { LINKS = PX_SIMFS_LINKS_MOST + 1 };

static const char *const tree[] = {
	"in/file", "in/down", "in", "file",     "to_file", "to_in", "to_none",     "to_dots",
	"to_loop", "out",     "up", "to_slash", "through", "abs",   "to_in_slash", NULL};

static void tree_make(twin *t)
{
	twin_dir(t, "in");
	twin_file(t, "in/file");
	twin_file(t, "file");
	twin_link(t, "in/down", "../file");
	twin_link(t, "to_file", "in/file");
	twin_link(t, "to_in", "in");
	twin_link(t, "to_none", "in/new");
	twin_link(t, "to_dots", "./in/../in/.");
	twin_link(t, "to_loop", "to_loop");
	twin_link(t, "out", "../outer");
	twin_link(t, "up", "..");
	twin_link(t, "to_slash", "file/");
	twin_link(t, "to_in_slash", "in/");
	twin_link(t, "through", "to_in/file");
	twin_link(t, "abs", twin_path(t, "in"));
}

/* What can be made by opening these is removed by its name. */
static const char *const paths[] = {"file",
                                    "new",
                                    "in",
                                    "in/",
                                    "in//",
                                    "in/file",
                                    "in/new",
                                    "in/new/",
                                    "in/file/",
                                    "in/./file",
                                    "in/..",
                                    "in/../file",
                                    "in/../new",
                                    "in/../../base/file",
                                    "in/down",
                                    "in/down/",
                                    "in/down/x",
                                    "none/new",
                                    "none/../file",
                                    "file/new",
                                    "file/..",
                                    "file/.",
                                    "./file",
                                    ".",
                                    "./",
                                    "..",
                                    "../",
                                    "../base",
                                    "../outer",
                                    "../base/in/../file",
                                    "",
                                    "to_file",
                                    "to_file/",
                                    "to_in",
                                    "to_in/",
                                    "to_in/file",
                                    "to_in/new",
                                    "to_in/..",
                                    "to_in/down",
                                    "to_none",
                                    "to_none/",
                                    "to_none/x",
                                    "to_dots",
                                    "to_dots/new",
                                    "to_loop",
                                    "to_loop/x",
                                    "out",
                                    "up",
                                    "up/",
                                    "up/base/file",
                                    "up/base/new",
                                    "to_slash",
                                    "to_in_slash",
                                    "to_in_slash/",
                                    "to_in_slash/new",
                                    "through",
                                    "abs",
                                    "abs/file",
                                    "abs/new",
                                    "...",
                                    NULL};

static void one_open(twin *t, const char *path, unsigned flags)
{
	static const char *const made[] = {"new", "in/new", "../outer", "...", NULL};
	pair p = twin_open(t, path, flags);

	if (p.real >= 0 && p.sim >= 0)
		pair_try_all(t, &p);
	twin_shut(t, &p);
	for (const char *const *m = made; *m; m++)
		twin_remove(t, *m);
}

/* Every set of flags on every path. CREATE with DIR was taken by older kernels, in several ways. */
static void all_opens(twin *t, unsigned more)
{
	for (unsigned flags = 0; flags < PROA_O_BENEATH; flags++)
		for (const char *const *p = paths; *p; p++)
			if (!(flags & PROA_O_CREATE) || !(flags & PROA_O_DIR))
				one_open(t, *p, flags | more);
}

TEST(same_open)
{
	twin t;

	NEED(HOST_LINKS);
	REQUIRE(twin_begin(&t));
	tree_make(&t);
	all_opens(&t, 0);
	twin_end(&t, tree);
}

/* Without openat2(2), links and ".." inside of the folder are refused as well. */
static bool beneath_is_exact(twin *t)
{
	int32_t sys;
	int64_t fd = px_file_open(t->real_base, "to_in/../file", PROA_O_READ | PROA_O_BENEATH, 0,
	                          &sys);

	if (fd >= 0)
		px_file_close((int)fd);
	return fd >= 0;
}

TEST(same_open_beneath)
{
	bool exact;
	twin t;

	NEED(HOST_LINKS);
	REQUIRE(twin_begin(&t));
	tree_make(&t);
	exact = beneath_is_exact(&t);
	if (exact)
		all_opens(&t, PROA_O_BENEATH);
	twin_end(&t, tree);
	if (!exact)
		SKIP("no openat2 here");
}

TEST(same_absolute_paths)
{
	static const char *const ends[] = {"",         "in",      "in/new", "abs/../file",
	                                   "../../..", "to_none", NULL};
	char path[512];
	twin t;

	NEED(HOST_LINKS);
	REQUIRE(twin_begin(&t));
	tree_make(&t);
	for (const char *const *end = ends; *end; end++) {
		snprintf(path, sizeof path, "%s", twin_path(&t, *end));
		one_open(&t, path, PROA_O_READ);
		one_open(&t, path, PROA_O_READ | PROA_O_BENEATH);
		one_open(&t, path, BED_NEW);
	}
	one_open(&t, "/", PROA_O_DIR);
	one_open(&t, "/..", PROA_O_DIR);
	one_open(&t, "/", BED_NEW);
	one_open(&t, "/", BED_NEW | PROA_O_EXCL);
	twin_end(&t, tree);
}

TEST(same_many_links)
{
	char names[LINKS][16];
	const char *all[LINKS + 2] = {0};
	twin t;

	NEED(HOST_LINKS);
	REQUIRE(twin_begin(&t));
	twin_file(&t, "file");
	for (int i = 0; i < LINKS; i++) {
		snprintf(names[i], sizeof names[i], "l%d", i);
		twin_link(&t, names[i], i ? names[i - 1] : "file");
		all[i] = names[i];
	}
	all[LINKS] = "file";
	CHECK_EQ(LINKS, 41);
	one_open(&t, "l39", PROA_O_READ); /* 40 of them */
	one_open(&t, "l40", PROA_O_READ);
	twin_end(&t, all);
}

TEST(same_long_names)
{
	static char name[257], path[4200];
	const char *all[] = {name, "file", NULL};
	twin t;

	REQUIRE(twin_begin(&t));
	twin_file(&t, "file");
	memset(name, 'n', 256);
	one_open(&t, name, BED_NEW);
	for (size_t i = 0; i < 4092; i += 2)
		memcpy(path + i, "./", 2);
	memcpy(path + 4092, "file", 5);
	one_open(&t, path, PROA_O_READ); /* 4096 bytes, and the zero */
	memcpy(path + 4090, "/file", 6);
	one_open(&t, path, PROA_O_READ);
	name[255] = 0;
	twin_file(&t, name);
	one_open(&t, name, PROA_O_READ);
	twin_end(&t, all);
}

TEST(same_no_folder)
{
	twin t;
	pair p, q;

	REQUIRE(twin_begin(&t));
	twin_file(&t, "file");
	p = twin_open(&t, "file", BED_RW);
	q = twin_open_in(&t, (int)p.real, (int)p.sim, "x", PROA_O_READ);
	CHECK_EQ(q.sim, -PROA_ENOTDIR);
	q = twin_open_in(&t, (int)p.real, (int)p.sim, "/", PROA_O_DIR);
	CHECK_GE(q.sim, 0);
	twin_shut(&t, &q);
	q = twin_open_in(&t, 99999, 99999, "x", PROA_O_READ);
	CHECK_EQ(q.sim, -PROA_EBADF);
	twin_shut(&t, &p);
	p = (pair){.real = 99999, .sim = 99999};
	pair_try_all(&t, &p);
	pair_sync(&t, &p);
	twin_end(&t, (const char *const[]){"file", NULL});
}

/* ---- bytes ---- */

enum { NAMES = 3, DESCS = 6, AREA = 1 << 16 };

typedef struct deck {
	twin t;
	px_rng rng;
	pair open[DESCS];
	char data[AREA];
} deck;

static void deck_reopen(deck *d, pair *p)
{
	static const unsigned flags[] = {
		BED_NEW, BED_NEW, BED_NEW, BED_NEW | PROA_O_APPEND, PROA_O_READ, PROA_O_WRITE,
	};
	unsigned f = flags[px_rng_below(&d->rng, PX_COUNT(flags))];
	char name[2] = {(char)('a' + px_rng_below(&d->rng, NAMES)), 0};

	twin_shut(&d->t, p);
	if ((f & PROA_O_WRITE) && px_rng_chance(&d->rng, 200000))
		f |= PROA_O_TRUNC;
	*p = twin_open(&d->t, name, f);
}

/* Mostly small, near the borders of pages, or anywhere. */
static size_t deck_number(deck *d)
{
	size_t n = (size_t)px_rng_below(&d->rng, AREA);

	switch (px_rng_below(&d->rng, 3)) {
	case 0: return n % 700;
	case 1: return n / 4096 * 4096 + (size_t)px_rng_below(&d->rng, 5);
	default: return n;
	}
}

static void deck_step(deck *d)
{
	pair *p = &d->open[px_rng_below(&d->rng, DESCS)];
	uint64_t what = px_rng_below(&d->rng, 100);
	int64_t offset = (int64_t)deck_number(d) * (px_rng_chance(&d->rng, 20000) ? 9999 : 1);

	if (what < 10 || p->sim < 0)
		deck_reopen(d, p);
	else if (what < 50)
		pair_write(&d->t, p, d->data, deck_number(d), offset);
	else if (what < 94)
		pair_read(&d->t, p, deck_number(d), offset);
	else if (what < 99)
		pair_stat(&d->t, p);
	else
		pair_sync(&d->t, p);
}

TEST(same_random_bytes)
{
	static deck d;

	REQUIRE(twin_begin(&d.t));
	px_rng_init(&d.rng, 3);
	for (int i = 0; i < DESCS; i++)
		d.open[i] = (pair){.real = -1, .sim = -1};
	for (int i = 0; i < TEST_TIMES(10000); i++) {
		d.data[px_rng_below(&d.rng, AREA)] = (char)i;
		deck_step(&d);
	}
	for (int i = 0; i < DESCS; i++)
		twin_shut(&d.t, &d.open[i]);
	for (char c = 'a'; c < 'a' + NAMES; c++) {
		pair p = twin_open(&d.t, (char[]){c, 0}, PROA_O_READ);

		pair_stat(&d.t, &p);
		pair_read(&d.t, &p, AREA, 0);
		twin_shut(&d.t, &p);
		if (p.sim >= 0)
			twin_remove(&d.t, (char[]){c, 0});
	}
	twin_end(&d.t, (const char *const[]){NULL});
}

/* ---- folders ---- */

enum { FILES = 200 };

typedef int64_t list_fn(twin *, int fd, void *buf, size_t len);

static int64_t list_real(twin *t, int fd, void *buf, size_t len)
{
	PX_UNUSED(t);
	return px_dir_read(fd, buf, len, &(int32_t){0});
}

static int64_t list_sim(twin *t, int fd, void *buf, size_t len)
{
	return px_simfs_dir_read(t->b.fs, fd, buf, len, &t->b.sys_error);
}

/* Which of the files are told, each once, with its type and size. */
static int list_all(twin *t, int fd, list_fn *next)
{
	_Alignas(proa_dirent) char buf[1024];
	bool seen[FILES] = {false};
	int count = 0;
	int64_t n;

	while ((n = next(t, fd, buf, sizeof buf)) > 0)
		for (int64_t at = 0; at < n; count++) {
			const proa_dirent *e = (const proa_dirent *)(const void *)(buf + at);
			int i = (int)strtol(e->name + 1, NULL, 10);

			CHECK(i < FILES && !seen[i]);
			seen[i % FILES] = true;
			CHECK_EQ(e->stat.type, PROA_S_FILE);
			CHECK_EQ(e->stat.size_bytes, 0);
			CHECK_EQ(e->name_len, strlen(e->name));
			CHECK_EQ(e->bytes % _Alignof(proa_dirent), 0);
			at += e->bytes;
		}
	CHECK_EQ(n, 0);
	return count;
}

TEST(same_listing)
{
	static char names[FILES][32];
	const char *all[FILES + 1] = {0};
	pair base;
	twin t;

	REQUIRE(twin_begin(&t));
	base = (pair){.real = t.real_base, .sim = t.sim_base};
	for (int i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof names[i], "f%d%.*s", i, i % 10, "xxxxxxxxxx");
		twin_file(&t, names[i]);
		all[i] = names[i];
	}
	CHECK_EQ(list_all(&t, t.real_base, list_real), FILES);
	CHECK_EQ(list_all(&t, t.sim_base, list_sim), FILES);
	pair_list(&t, &base); /* at its end for both */
	twin_end(&t, all);
}
