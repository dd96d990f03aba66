/* The simulated disk by itself: limits, faults, folders, memory. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs.h"

#include "host_file.h"
#include "sim/fs_bed.h"

#include <stdio.h>
#include <time.h>

enum { SECTOR = PX_SIMFS_SECTOR, ALWAYS = 1000000 };

/* ---- descriptors ---- */

TEST(fs_lowest_descriptor)
{
	bed b;

	REQUIRE(bed_open(&b));
	for (int i = 0; i < 40; i++)
		CHECK_EQ(bed_file(&b, "f", BED_NEW), i);
	bed_shut(&b, 30);
	bed_shut(&b, 3);
	CHECK_EQ(px_simfs_open_files(b.fs), 38);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 3);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 30);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 40);
	px_simfs_drop_all(b.fs);
	CHECK_EQ(px_simfs_open_files(b.fs), 0);
	CHECK_EQ(bed_read(&b, 3, NULL, 0, 0), -PROA_EBADF);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	bed_close(&b);
}

TEST(fs_too_many_open)
{
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.files_max = 3}));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(bed_file(&b, "f", BED_NEW), i);
	CHECK_EQ(bed_file(&b, "new", BED_NEW), -PROA_EMFILE);
	CHECK_EQ(b.sys_error, PROA_EMFILE);
	CHECK_EQ(px_simfs_get(b.fs, "new", NULL, 0), -PROA_ENOENT);
	bed_shut(&b, 1);
	CHECK_EQ(bed_file(&b, "new", BED_NEW), 1);
	bed_close(&b);
}

static void close_twice(void)
{
	bed b;

	bed_open(&b);
	bed_file(&b, "f", BED_NEW);
	bed_shut(&b, 0);
	bed_shut(&b, 0);
}

TEST(fs_close_twice_dies)
{
	CHECK_DIES(close_twice, "assertion failed");
}

/* ---- files ---- */

TEST(fs_stat)
{
	proa_stat_info dir, file;
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.dev = 9, .now_ns = 5}));
	CHECK_EQ(bed_file(&b, "/", PROA_O_DIR), 0);
	CHECK_EQ(px_simfs_file_stat(b.fs, 0, &dir, &b.sys_error), 0);
	CHECK_EQ(dir.mtime_ns, 5);
	b.now_ns = 100;
	CHECK_EQ(px_simfs_file_open(b.fs, 0, "f", BED_NEW, 0666, 101, &b.sys_error), 1);
	CHECK_EQ(px_simfs_file_stat(b.fs, 0, &dir, &b.sys_error), 0);
	CHECK_EQ(dir.mtime_ns, 101);
	CHECK_EQ(dir.type, PROA_S_DIR);
	CHECK_EQ(dir.mode, 0755);
	CHECK_EQ(bed_write(&b, 1, "abc", 3, 0), 3);
	CHECK_EQ(px_simfs_file_stat(b.fs, 1, &file, &b.sys_error), 0);
	CHECK_EQ(file.mtime_ns, b.now_ns);
	CHECK_EQ(file.size_bytes, 3);
	CHECK_EQ(file.mode, 0644);
	CHECK_EQ(file.dev, 9);
	CHECK_EQ(dir.dev, 9);
	CHECK_NE(file.ino, dir.ino);
	bed_close(&b);
}

/* A hole costs nothing, however large it is. */
TEST(fs_holes)
{
	char buf[16] = "0123456789abcde";
	int64_t end = PX_SIMFS_FILE_MOST;
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	CHECK_EQ(bed_write(&b, 0, "x", 1, 0), 1);
	CHECK_EQ(bed_write(&b, 0, "ab", 2, end - 1), 1);
	CHECK_EQ(bed_write(&b, 0, "ab", 2, end), -PROA_EFBIG);
	CHECK_EQ(bed_write(&b, 0, "y", 1, INT64_C(1) << 33), 1);
	CHECK_EQ(bed_read(&b, 0, buf, 16, end - 8), 8);
	CHECK_MEM(buf, "\0\0\0\0\0\0\0a89abcde", 15);
	CHECK_EQ(bed_read(&b, 0, buf, 4, (INT64_C(1) << 33) - 1), 4);
	CHECK_MEM(buf, "\0y\0\0", 4);
	CHECK_EQ(px_simfs_used(b.fs), 3 * SECTOR);
	CHECK_LT(b.alloc.live_bytes, 40000);
	bed_close(&b);
}

TEST(fs_removed_while_open)
{
	char buf[4];
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "d/f", "old"), 0);
	CHECK_EQ(bed_file(&b, "d/f", BED_RW), 0);
	CHECK_EQ(bed_file(&b, "d", PROA_O_DIR), 1);
	CHECK_EQ(px_simfs_remove(b.fs, "d/f", 0), 0);
	CHECK_EQ(px_simfs_remove(b.fs, "d", 0), 0);
	CHECK_EQ(bed_put(&b, "d", "no folder"), 0);
	CHECK_EQ(bed_read(&b, 0, buf, 4, 0), 3);
	CHECK_MEM(buf, "old", 3);
	CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
	CHECK_EQ(px_simfs_file_open(b.fs, 1, "x", BED_NEW, 0, 0, &b.sys_error), -PROA_ENOENT);
	CHECK_EQ(px_simfs_dir_read(b.fs, 1, buf, sizeof buf, &b.sys_error), 0);
	CHECK_EQ(px_simfs_used(b.fs), 2 * SECTOR);
	bed_shut(&b, 0);
	bed_shut(&b, 1);
	CHECK_EQ(px_simfs_used(b.fs), SECTOR);
	bed_check(&b, "d", "no folder");
	bed_close(&b);
}

/* ---- a disk that is full ---- */

TEST(fs_full)
{
	static char buf[5 * SECTOR];
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.capacity_bytes = 4 * SECTOR + 100}));
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	CHECK_EQ(bed_write(&b, 0, buf, sizeof buf, 100), 4 * SECTOR - 100); /* to a sector's end */
	CHECK_EQ(bed_write(&b, 0, "x", 1, 4 * SECTOR), -PROA_ENOSPC);
	CHECK_EQ(b.sys_error, PROA_ENOSPC);
	CHECK_EQ(bed_write(&b, 0, buf, 4 * SECTOR, 0), 4 * SECTOR); /* again costs nothing */
	CHECK_EQ(bed_file(&b, "g", BED_NEW), 1);                    /* nor does a name */
	CHECK_EQ(bed_write(&b, 1, "x", 1, 0), -PROA_ENOSPC);
	CHECK_EQ(bed_put(&b, "h", "x"), -PROA_ENOSPC);
	px_simfs_set_capacity(b.fs, 5 * SECTOR);
	CHECK_EQ(bed_write(&b, 1, "x", 1, 9999), 1);
	px_simfs_set_capacity(b.fs, SECTOR);
	CHECK_EQ(bed_write(&b, 1, "y", 1, 0), -PROA_ENOSPC);
	CHECK_EQ(bed_file(&b, "f", BED_RW | PROA_O_TRUNC), 2);
	CHECK_EQ(px_simfs_used(b.fs), SECTOR);
	px_simfs_set_capacity(b.fs, 0);
	CHECK_EQ(bed_write(&b, 1, buf, sizeof buf, 1 << 20), (int)sizeof buf);
	CHECK_EQ(px_simfs_remove(b.fs, "f", 0), 0);
	bed_shut(&b, 1);
	CHECK_EQ(px_simfs_remove(b.fs, "g", 0), 0);
	CHECK_EQ(px_simfs_used(b.fs), 0);
	bed_close(&b);
}

/* The room of what was cut off can be had at once, synced or not. */
TEST(fs_full_after_truncating)
{
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.capacity_bytes = SECTOR}));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 0);
	CHECK_EQ(px_simfs_used(b.fs), 0);
	CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
	CHECK_EQ(bed_write(&b, 0, "new", 3, SECTOR), -PROA_ENOSPC);
	bed_close(&b);
}

/* ---- faults ---- */

TEST(fs_faults)
{
	const px_simfs_counts *counts;
	char buf[64];
	px_simfs_faults *f;
	bed b;

	REQUIRE(bed_open(&b));
	f = px_simfs_faults_of(b.fs);
	counts = px_simfs_counts_of(b.fs);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	*f = (px_simfs_faults){.open_emfile = ALWAYS};
	CHECK_EQ(bed_file(&b, "g", BED_NEW), -PROA_EMFILE);
	*f = (px_simfs_faults){.open_eio = ALWAYS};
	CHECK_EQ(bed_file(&b, "g", BED_NEW), -PROA_EIO);
	*f = (px_simfs_faults){.write_eio = ALWAYS};
	CHECK_EQ(bed_write(&b, 0, "abc", 3, 0), -PROA_EIO);
	CHECK_EQ(bed_write(&b, 0, "", 0, 0), 0);
	*f = (px_simfs_faults){.write_enospc = ALWAYS};
	CHECK_EQ(bed_write(&b, 0, "abc", 3, 0), -PROA_ENOSPC);
	*f = (px_simfs_faults){.read_eio = ALWAYS};
	CHECK_EQ(bed_write(&b, 0, "abc", 3, 0), 3);
	CHECK_EQ(bed_read(&b, 0, buf, 3, 0), -PROA_EIO);
	*f = (px_simfs_faults){.sync_eio = ALWAYS};
	CHECK_EQ(bed_sync(&b, 0), -PROA_EIO);
	bed_check(&b, "f", "abc"); /* read by another way: no fault of it */
	CHECK_EQ(px_simfs_get(b.fs, "g", NULL, 0), -PROA_ENOENT);
	CHECK_EQ(counts->open_emfile, 1);
	CHECK_EQ(counts->open_eio, 1);
	CHECK_EQ(counts->write_eio, 1);
	CHECK_EQ(counts->write_enospc, 1);
	CHECK_EQ(counts->read_eio, 1);
	CHECK_EQ(counts->sync_eio, 1);
	CHECK_EQ(counts->opens, 3);
	CHECK_EQ(counts->writes, 4);
	CHECK_EQ(counts->reads, 1);
	CHECK_EQ(counts->syncs, 1);
	bed_close(&b);
}

/* Never all, never nothing; what has one byte cannot be short. */
TEST(fs_short)
{
	const px_simfs_counts *counts;
	bool seen[10] = {false};
	char buf[64];
	bed b;

	REQUIRE(bed_open(&b));
	counts = px_simfs_counts_of(b.fs);
	CHECK_EQ(bed_put(&b, "f", "0123456789"), 0);
	*px_simfs_faults_of(b.fs) = (px_simfs_faults){.read_short = ALWAYS, .write_short = ALWAYS};
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	for (int i = 0; i < 500; i++) {
		int64_t n = bed_read(&b, 0, buf, sizeof buf, 0);

		CHECK(n >= 1 && n < 10);
		CHECK_MEM(buf, "0123456789", (size_t)PX_MAX(n, 0));
		seen[n] = true;
		n = bed_write(&b, 0, "0123456789", 10, 0);
		CHECK(n >= 1 && n < 10);
	}
	for (int i = 1; i < 10; i++)
		CHECK(seen[i]);
	CHECK_EQ(counts->read_short, 500);
	CHECK_EQ(counts->write_short, 500);
	CHECK_EQ(bed_read(&b, 0, buf, 1, 0), 1);
	CHECK_EQ(bed_read(&b, 0, buf, 64, 9), 1);
	CHECK_EQ(bed_read(&b, 0, buf, 64, 10), 0);
	CHECK_EQ(bed_write(&b, 0, "x", 1, 0), 1);
	CHECK_EQ(counts->read_short, 500);
	CHECK_EQ(counts->write_short, 500);
	bed_close(&b);
}

/* ---- folders ---- */

static void name_add(void *arg, const char *name, const proa_stat_info *st)
{
	char *out = arg;
	size_t len = strlen(out);

	snprintf(out + len, 200 - len, "%s%s ", name,
	         st->type == PROA_S_DIR    ? "/"
	         : st->type == PROA_S_LINK ? "@"
	                                   : "");
}

static void list_check(bed *b, const char *path, const char *names)
{
	char got[200] = "";

	CHECK_EQ(px_simfs_list(b->fs, path, name_add, got), 0);
	CHECK_STR(got, names);
}

TEST(fs_world_makes)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "/srv/www/b.html", "b"), 0);
	CHECK_EQ(bed_put(&b, "srv/www/a.html", "a"), 0);
	CHECK_EQ(px_simfs_link(b.fs, "srv/www/z", "/srv/www/a.html", 0), 0);
	CHECK_EQ(px_simfs_mkdir(b.fs, "srv//www/in/deep/", 0), 0);
	CHECK_EQ(px_simfs_mkdir(b.fs, "srv/www/in", 0), 0);
	CHECK_EQ(px_simfs_mkdir(b.fs, "/", 0), 0);
	list_check(&b, "/", "srv/ ");
	list_check(&b, "srv/www", "b.html a.html z@ in/ ");
	bed_check(&b, "srv/www/z", "a");
	CHECK_EQ(bed_put(&b, "srv/www/z", "through"), 0);
	bed_check(&b, "srv/www/a.html", "through");
	CHECK_EQ(bed_put(&b, "srv/www/a.html", ""), 0);
	bed_check(&b, "srv/www/a.html", "");
	CHECK_EQ(px_simfs_remove(b.fs, "srv/www/b.html", 0), 0);
	CHECK_EQ(bed_put(&b, "srv/www/b.html", "again"), 0);
	list_check(&b, "srv/www", "a.html z@ in/ b.html ");
	bed_close(&b);
}

TEST(fs_world_errors)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "d/f", "x"), 0);
	CHECK_EQ(px_simfs_link(b.fs, "loop", "loop", 0), 0);
	CHECK_EQ(bed_put(&b, "d", "x"), -PROA_EISDIR);
	CHECK_EQ(bed_put(&b, "d/g/", "x"), -PROA_EISDIR);
	CHECK_EQ(bed_put(&b, "d/f/g", "x"), -PROA_ENOTDIR);
	CHECK_EQ(bed_put(&b, "loop", "x"), -PROA_ELOOP);
	CHECK_EQ(bed_put(&b, "", "x"), -PROA_ENOENT);
	CHECK_EQ(px_simfs_mkdir(b.fs, "", 0), -PROA_ENOENT);
	CHECK_EQ(px_simfs_mkdir(b.fs, "d/f", 0), -PROA_ENOTDIR);
	CHECK_EQ(px_simfs_mkdir(b.fs, "d/f/g/h", 0), -PROA_ENOTDIR);
	CHECK_EQ(px_simfs_link(b.fs, "d/f", "x", 0), -PROA_EEXIST);
	CHECK_EQ(px_simfs_link(b.fs, "d/l/", "x", 0), -PROA_ENOENT);
	CHECK_EQ(px_simfs_link(b.fs, "d/l", "", 0), -PROA_ENOENT);
	CHECK_EQ(px_simfs_get(b.fs, "d", NULL, 0), -PROA_EISDIR);
	CHECK_EQ(px_simfs_get(b.fs, "d/none", NULL, 0), -PROA_ENOENT);
	CHECK_EQ(px_simfs_get(b.fs, "d/f/", NULL, 0), -PROA_ENOTDIR);
	CHECK_EQ(px_simfs_remove(b.fs, "d", 0), -PROA_ENOTEMPTY);
	CHECK_EQ(px_simfs_remove(b.fs, "/", 0), -PROA_EBUSY);
	CHECK_EQ(px_simfs_remove(b.fs, "none", 0), -PROA_ENOENT);
	CHECK_EQ(px_simfs_list(b.fs, "d/f", name_add, NULL), -PROA_ENOTDIR);
	CHECK_EQ(px_simfs_list(b.fs, "none", name_add, NULL), -PROA_ENOENT);
	CHECK_EQ(px_simfs_remove(b.fs, "loop", 0), 0);
	list_check(&b, "/", "d/ ");
	list_check(&b, "d", "f ");
	bed_close(&b);
}

/* One name at a time: what comes next is removed, what follows is told; what was made, too. */
TEST(fs_listing_while_it_changes)
{
	_Alignas(proa_dirent) char buf[80];
	const proa_dirent *e = (const proa_dirent *)(const void *)buf;
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "/", PROA_O_DIR), 0);
	for (const char *name = "a\0b\0c\0"; *name; name += 2)
		CHECK_EQ(bed_put(&b, name, ""), 0);
	CHECK_GT(px_simfs_dir_read(b.fs, 0, buf, sizeof buf, &b.sys_error), 0);
	CHECK_STR(e->name, "a");
	CHECK_EQ(px_simfs_remove(b.fs, "b", 0), 0);
	CHECK_EQ(px_simfs_remove(b.fs, "a", 0), 0);
	CHECK_EQ(bed_put(&b, "d", "four"), 0);
	CHECK_GT(px_simfs_dir_read(b.fs, 0, buf, sizeof buf, &b.sys_error), 0);
	CHECK_STR(e->name, "c");
	CHECK_GT(px_simfs_dir_read(b.fs, 0, buf, sizeof buf, &b.sys_error), 0);
	CHECK_STR(e->name, "d");
	CHECK_EQ(e->stat.size_bytes, 4);
	CHECK_EQ(px_simfs_dir_read(b.fs, 0, buf, sizeof buf, &b.sys_error), 0);
	CHECK_EQ(px_simfs_remove(b.fs, "d", 0), 0);
	CHECK_EQ(px_simfs_dir_read(b.fs, 0, buf, sizeof buf, &b.sys_error), 0);
	bed_close(&b);
}

TEST(fs_many_names)
{
	enum { N = 3000 };
	char name[32];
	bed b;

	REQUIRE(bed_open(&b));
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "d%d/f%d", i % 7, i);
		CHECK_EQ(bed_put(&b, name, name), 0);
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "d%d/f%d", i % 7, i);
		bed_check(&b, name, name);
		snprintf(name, sizeof name, "d%d/f%d", (i + 1) % 7, i);
		CHECK_EQ(px_simfs_get(b.fs, name, NULL, 0), -PROA_ENOENT);
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "d%d/f%d", i % 7, i);
		CHECK_EQ(px_simfs_remove(b.fs, name, 0), 0);
	}
	CHECK_EQ(px_simfs_used(b.fs), 0);
	bed_close(&b);
}

/* ---- memory ---- */

/* Some of everything that allocates. What ended well has to be there. */
static void use_disk(bed *b)
{
	static char big[3 * 4096];
	char got[8];
	int64_t fd, n = bed_put(b, "in/deep/file", "whole");
	int linked = px_simfs_link(b->fs, "in/link", "deep/file", 0);

	if (n == 0)
		bed_check(b, "in/deep/file", "whole");
	if (n == 0 && linked == 0)
		bed_check(b, "in/link", "whole");
	fd = bed_file(b, "in/deep/file", BED_RW);
	CHECK(fd >= 0 || fd == -PROA_ENOMEM || fd == -PROA_ENOENT);
	if (fd < 0)
		return;
	n = bed_write(b, fd, big, sizeof big, INT64_C(1) << 30);
	CHECK(n > 0 || n == -PROA_ENOMEM);
	n = bed_write(b, fd, "W", 1, 0);
	CHECK(n == 1 || n == -PROA_ENOMEM);
	bed_read(b, fd, got, 1, 0);
	CHECK(n < 0 || got[0] == 'W');
	bed_shut(b, fd);
	fd = bed_file(b, "in/new", BED_NEW | PROA_O_TRUNC);
	if (fd >= 0)
		bed_shut(b, fd);
	CHECK(fd >= 0 || px_simfs_get(b->fs, "in/new", NULL, 0) < 0);
}

/* Allocation k and all after it fail; then they do not, and all can be done. */
static bool fails_at(uint64_t k)
{
	bed b = {.fail = k};
	bool failed;

	if (!bed_open_as(&b, (px_simfs_options){0})) {
		CHECK_EQ(b.alloc.live_blocks, 0);
		return true;
	}
	use_disk(&b);
	failed = b.passed >= k;
	b.fail = 0;
	use_disk(&b);
	bed_check(&b, "in/new", "");
	px_simfs_crash(b.fs, &b.rng, 300000, 300000);
	use_disk(&b);
	CHECK_GE(px_simfs_get(b.fs, "in/link", NULL, 0), 5);
	bed_close(&b);
	return failed;
}

TEST(fs_no_memory)
{
	uint64_t k = 1;

	while (fails_at(k))
		k++;
	test_note("%llu allocations", (unsigned long long)k - 1);
	CHECK_GT(k, 20);
}

/* ---- speed; told, and only what is absurd fails ---- */

/* The processor's time: others' do not count in it (but on Windows, where it is the clock's). */
static long long used_ns(void)
{
	return (long long)clock() * (1000000000 / (long long)CLOCKS_PER_SEC);
}

TEST(fs_speed)
{
	enum { PAGES = 1024, BYTES = 4096 };
	static char buf[BYTES];
	int rounds = TEST_TIMES(100);
	long long start, write_ns, read_ns;
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	start = used_ns();
	for (int i = 0; i < rounds * PAGES; i++) {
		bed_write(&b, 0, buf, BYTES, (int64_t)(i % PAGES) * BYTES);
		if (i % 64 == 0)
			bed_sync(&b, 0);
	}
	write_ns = (used_ns() - start) / rounds / PAGES;
	start = used_ns();
	for (int i = 0; i < rounds * PAGES; i++)
		bed_read(&b, 0, buf, BYTES, (int64_t)(i * 7 % PAGES) * BYTES);
	read_ns = (used_ns() - start) / rounds / PAGES;
	test_note("4 KiB: write %lld ns, read %lld ns; %.2f bytes a byte", write_ns, read_ns,
	          (double)b.alloc.live_bytes / (PAGES * BYTES));
	CHECK_LT(write_ns, 1000 * host_slowness() * 100);
	CHECK_LT(b.alloc.live_bytes, PAGES * BYTES * 5 / 4);
	bed_close(&b);
}
