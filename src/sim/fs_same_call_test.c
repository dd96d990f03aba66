/* Names on the simulated disk are what they are on Linux: random calls on both. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_bed.h"

#include "host_file.h"
#include "sys/sys.h"

#include <stdio.h>

enum { LINK_TEXT = 64, PATH_ROOM = 64 };

typedef struct twin {
	bed b;
	char top[64];
	int real, sim; /* an empty folder on both, at different places */
	px_rng rng;
	int answered, refused; /* calls that both did, and both did not */
} twin;

static int folder_open(const char *path)
{
	int32_t sys;

	return (int)px_file_open(-1, path, PROA_O_READ | PROA_O_DIR, 0, &sys);
}

static bool twin_begin(twin *t, uint64_t seed)
{
	px_rng_init(&t->rng, seed);
	if (!CHECK(host_temp_dir(t->top, sizeof t->top)) || !CHECK(bed_open(&t->b)))
		return false;
	t->real = folder_open(t->top);
	CHECK_EQ(px_simfs_mkdir(t->b.fs, "/base", 0), 0);
	t->sim = (int)px_simfs_file_open(t->b.fs, -1, "/base", PROA_O_DIR, 0, 0, &t->b.sys_error);
	return CHECK(t->real >= 0 && t->sim >= 0);
}

/* What both look at. */
static void stats_compare(const proa_stat_info *real, const proa_stat_info *sim, px_call call)
{
	CHECK_EQ(real->type, sim->type);
	CHECK_EQ(real->mode, sim->mode);
	if (real->type != PROA_S_DIR)
		CHECK_EQ(real->size_bytes, sim->size_bytes);
	if (call == PX_CALL_UTIME)
		CHECK_EQ(real->mtime_ns, sim->mtime_ns);
}

/* One call, `a` without a place, on both; the result of the simulated one. */
static int64_t twin_call(twin *t, px_call_args a)
{
	union {
		proa_stat_info info;
		char text[LINK_TEXT];
	} real_out = {0}, sim_out = {0};
	int32_t real_error, sim_error;
	int64_t real, sim;

	a.fd = t->real;
	a.out = &real_out;
	real = px_file_call(&a, &real_error);
	a.fd = t->sim;
	a.out = &sim_out;
	sim = px_simfs_call(t->b.fs, a.fd, &a, 7, &sim_error);
	if (!CHECK_EQ(real, sim) ||
	    !CHECK_EQ(real_error != 0, sim_error != 0 && real != -PROA_ETOOLONG))
		test_note("call %d of '%s' and '%s'", a.call, a.path, a.to ? a.to : "");
	if (real == 0 && (a.call == PX_CALL_STAT || a.call == PX_CALL_LSTAT))
		stats_compare(&real_out.info, &sim_out.info, a.call);
	if (real >= 0 && a.call == PX_CALL_READLINK)
		CHECK_STR(real_out.text, sim_out.text);
	t->answered += sim >= 0;
	t->refused += sim < 0;
	return sim;
}

/* Short paths of few names, so that they meet: with dots, slashes, links and what is not there. */
static void path_draw(twin *t, char *out)
{
	static const char *const parts[] = {"a", "b", "c", "d", "l", "m", ".", "..", "a", "b"};
	unsigned n = 1 + (unsigned)px_rng_below(&t->rng, 3);
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *part = parts[px_rng_below(&t->rng, i ? PX_COUNT(parts) : 6)];

		at += (size_t)snprintf(out + at, PATH_ROOM - at, i ? "/%s" : "%s", part);
	}
	if (px_rng_below(&t->rng, 12) == 0)
		snprintf(out + at, PATH_ROOM - at, "/");
}

/* Not above the folders: what is there differs. */
static bool leads_out(const char *path)
{
	int depth = 0;

	for (; *path; path += strcspn(path, "/"), path += *path == '/') {
		if (!strncmp(path, "..", 2))
			depth--;
		else if (*path != '.')
			depth++;
		if (depth < 0)
			return true;
	}
	return false;
}

static void file_make(twin *t, const char *path)
{
	unsigned flags = PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL;
	int32_t sys;
	int64_t real = px_file_open(t->real, path, flags, 0644, &sys);
	int64_t sim = px_simfs_file_open(t->b.fs, t->sim, path, flags, 0644, 7, &sys);

	CHECK_EQ(PX_MIN(real, 0), PX_MIN(sim, 0));
	if (real >= 0)
		px_file_close((int)real);
	if (sim >= 0)
		px_simfs_file_close(t->b.fs, (int)sim);
}

static void twin_step(twin *t)
{
	static const char *const targets[] = {"a", "b/c", "nowhere", "l", "a/b/"};
	static const px_call drawn[] = {
		PX_CALL_STAT,    PX_CALL_LSTAT,    PX_CALL_ACCESS, PX_CALL_RENAME, PX_CALL_RENAME,
		PX_CALL_SYMLINK, PX_CALL_READLINK, PX_CALL_UNLINK, PX_CALL_MKDIR,  PX_CALL_MKDIR,
		PX_CALL_RMDIR,   PX_CALL_CHMOD,    PX_CALL_UTIME,
	};
	px_call call = drawn[px_rng_below(&t->rng, PX_COUNT(drawn))];
	char path[PATH_ROOM], to[PATH_ROOM];
	px_call_args a = {.call = call, .path = path, .to = to, .len = LINK_TEXT};

	path_draw(t, path);
	path_draw(t, to);
	if (leads_out(path) || leads_out(to))
		return;
	if (px_rng_below(&t->rng, 5) == 0) {
		file_make(t, path);
		return;
	}
	if (call == PX_CALL_SYMLINK)
		a.to = targets[px_rng_below(&t->rng, PX_COUNT(targets))];
	a.mode = call == PX_CALL_CHMOD || call == PX_CALL_MKDIR ? 0700 : 0;
	if (call == PX_CALL_ACCESS)
		a.mode = PROA_A_READ | PROA_A_WRITE;
	a.a = PROA_TIME_KEEP;
	a.b = INT64_C(1234567) * (int64_t)px_rng_below(&t->rng, 1000);
	twin_call(t, a);
}

/* Everything below a folder of the machine's. */
static void real_clear(const char *folder)
{
	_Alignas(proa_dirent) char buf[4096];
	int fd = folder_open(folder);
	int32_t sys;
	int64_t n;

	while (fd >= 0 && (n = px_dir_read(fd, buf, sizeof buf, &sys)) > 0)
		for (int64_t at = 0; at < n;) {
			const proa_dirent *e = (const proa_dirent *)(const void *)(buf + at);
			char path[1024];

			at += e->bytes;
			snprintf(path, sizeof path, "%s/%s", folder, e->name);
			if (e->stat.type == PROA_S_DIR)
				real_clear(path);
			else
				CHECK(host_remove(path));
		}
	px_file_close(fd);
	CHECK(host_remove(folder));
}

static void twin_end(twin *t)
{
	px_file_close(t->real);
	px_simfs_file_close(t->b.fs, t->sim);
	real_clear(t->top);
	bed_close(&t->b);
}

TEST(same_random_names)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		twin t = {0};

		REQUIRE(twin_begin(&t, seed));
		twin_call(&t, (px_call_args){.call = PX_CALL_CHMOD, .path = ".", .mode = 0755});
		for (int i = 0; i < TEST_TIMES(1500) && !test_failures(); i++)
			twin_step(&t);
		twin_end(&t);
		if (seed == 1)
			test_note("%d answered, %d refused", t.answered, t.refused);
	}
}
