/* Power cuts of the simulated disk, one promise at a time. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_bed.h"

enum { SECTOR = PX_SIMFS_SECTOR, ALWAYS = 1000000, EIGHT = 8 * SECTOR };

/* Everything that is not durable is lost, or nothing. */
static void cut_hard(bed *b)
{
	px_simfs_crash(b->fs, &b->rng, 0, ALWAYS);
}

static void cut_soft(bed *b)
{
	px_simfs_crash(b->fs, &b->rng, 0, 0);
}

static int64_t size_of(bed *b, const char *path)
{
	return px_simfs_get(b->fs, path, NULL, 0);
}

/* ---- names ---- */

TEST(crash_name)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "gone", BED_NEW), 0);
	CHECK_EQ(bed_file(&b, "kept", BED_NEW), 1);
	CHECK_EQ(bed_sync(&b, 1), 0);
	cut_hard(&b);
	CHECK_EQ(px_simfs_open_files(b.fs), 0);
	CHECK_EQ(size_of(&b, "gone"), -PROA_ENOENT);
	CHECK_EQ(size_of(&b, "kept"), 0);
	CHECK_EQ(px_simfs_counts_of(b.fs)->names_lost, 1);
	CHECK_EQ(px_simfs_counts_of(b.fs)->crashes, 1);
	CHECK_EQ(bed_file(&b, "gone", BED_NEW), 0);
	cut_soft(&b);
	CHECK_EQ(size_of(&b, "gone"), 0);
	cut_hard(&b); /* what is left is durable */
	CHECK_EQ(size_of(&b, "gone"), 0);
	bed_close(&b);
}

TEST(crash_name_with_the_folder)
{
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.strict_names = true}));
	CHECK_EQ(px_simfs_mkdir(b.fs, "d", 0), 0);
	CHECK_EQ(bed_file(&b, "d", PROA_O_DIR), 0);
	CHECK_EQ(bed_file(&b, "d/a", BED_NEW), 1);
	CHECK_EQ(bed_write(&b, 1, "a", 1, 0), 1);
	CHECK_EQ(bed_sync(&b, 0), 0);
	CHECK_EQ(bed_sync(&b, 1), 0);
	CHECK_EQ(bed_file(&b, "d/b", BED_NEW), 2);
	CHECK_EQ(bed_sync(&b, 2), 0);
	cut_hard(&b);
	bed_check(&b, "d/a", "a");
	CHECK_EQ(size_of(&b, "d/b"), -PROA_ENOENT);
	bed_close(&b);
}

/* What the world puts there. */
TEST(crash_from_outside)
{
	bed b = {0};

	REQUIRE(bed_open_as(&b, (px_simfs_options){.strict_names = true}));
	CHECK_EQ(bed_put(&b, "d/f", "whole"), 0);
	CHECK_EQ(px_simfs_link(b.fs, "d/l", "f", 0), 0);
	CHECK_EQ(px_simfs_mkdir(b.fs, "d/in", 0), 0);
	CHECK_EQ(bed_put(&b, "x", "x"), 0);
	CHECK_EQ(px_simfs_remove(b.fs, "x", 0), 0);
	cut_hard(&b);
	bed_check(&b, "d/l", "whole");
	CHECK_EQ(px_simfs_remove(b.fs, "d/in", 0), 0);
	CHECK_EQ(size_of(&b, "x"), -PROA_ENOENT);
	bed_close(&b);
}

/* ---- bytes ---- */

TEST(crash_synced_and_not)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	CHECK_EQ(bed_write(&b, 0, "durable", 7, 0), 7);
	CHECK_EQ(bed_sync(&b, 0), 0);
	CHECK_EQ(bed_write(&b, 0, "DUR", 3, 0), 3);
	CHECK_EQ(bed_write(&b, 0, "more", 4, 7), 4);
	bed_check(&b, "f", "DURablemore");
	cut_hard(&b);
	bed_check(&b, "f", "durable");
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	CHECK_EQ(bed_write(&b, 0, "!", 1, 12), 1); /* no byte of "more" comes back */
	CHECK_EQ(size_of(&b, "f"), 13);
	CHECK_EQ(bed_read(&b, 0, (char[8]){0}, 8, 7), 6);
	cut_soft(&b);
	CHECK_EQ(size_of(&b, "f"), 13);
	CHECK_EQ(px_simfs_counts_of(b.fs)->sectors_kept, 1);
	CHECK_EQ(px_simfs_counts_of(b.fs)->sectors_lost, 1);
	CHECK_EQ(px_simfs_counts_of(b.fs)->sizes_lost, 1);
	bed_close(&b);
}

/* Closing, and the end of a process, are no syncs, and lose nothing by themselves. */
TEST(crash_after_close)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
	bed_shut(&b, 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	px_simfs_drop_all(b.fs);
	bed_check(&b, "f", "new");
	cut_hard(&b);
	bed_check(&b, "f", "old");
	bed_close(&b);
}

/* Lost sectors inside of a size that was kept are zeros; their room can be had again. */
TEST(crash_holes)
{
	char buf[EIGHT], zeros[EIGHT] = {0};
	bool seen_lost = false, seen_kept = false;
	bed b;

	REQUIRE(bed_open(&b));
	for (int i = 0; i < 50; i++) {
		int64_t lost_before = (int64_t)px_simfs_counts_of(b.fs)->sectors_lost, n = 0;

		CHECK_EQ(bed_put(&b, "f", ""), 0);
		CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
		memset(buf, 'x', sizeof buf);
		CHECK_EQ(bed_write(&b, 0, buf, EIGHT, 0), EIGHT);
		px_simfs_crash(b.fs, &b.rng, 0, 300000);
		n = px_simfs_get(b.fs, "f", buf, sizeof buf);
		for (int64_t at = 0; at + SECTOR <= n; at += SECTOR) {
			bool lost = !memcmp(buf + at, zeros, SECTOR);

			CHECK(lost || (buf[at] == 'x' && !memcmp(buf + at, buf + at + 1, 511)));
			seen_lost |= lost;
			seen_kept |= !lost;
		}
		if (n == EIGHT)
			CHECK_EQ(px_simfs_used(b.fs) / SECTOR,
			         8 - ((int64_t)px_simfs_counts_of(b.fs)->sectors_lost -
			              lost_before));
	}
	CHECK(seen_lost && seen_kept);
	bed_close(&b);
}

/* A size that is lost is the old one, or a sector's end on the way to the new one. */
TEST(crash_sizes)
{
	bool seen[9] = {false};
	char buf[EIGHT] = {0};
	bed b;

	REQUIRE(bed_open(&b));
	for (int i = 0; i < 300; i++) {
		int64_t n;

		CHECK_EQ(bed_put(&b, "f", "abc"), 0);
		CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
		CHECK_EQ(bed_write(&b, 0, buf, EIGHT, 0), EIGHT);
		cut_hard(&b);
		n = size_of(&b, "f");
		CHECK(n == 3 || (n > 0 && n < EIGHT && n % SECTOR == 0));
		CHECK_EQ(px_simfs_used(b.fs), SECTOR); /* nothing behind it, holes before it */
		seen[n / SECTOR % 9] = true;
	}
	for (int i = 0; i < 8; i++)
		CHECK(seen[i]);
	bed_close(&b);
}

/* ---- torn writes ---- */

/* How many of the first sectors of a file are this byte; none behind them may be. */
static int prefix_of(bed *b, const char *path, char byte, int sectors)
{
	static char buf[64 * SECTOR];
	int n = 0, all = 0;

	px_simfs_get(b->fs, path, buf, sizeof buf);
	while (n < sectors && buf[n * SECTOR] == byte)
		n++;
	for (int i = 0; i < sectors; i++)
		all += buf[i * SECTOR] == byte;
	CHECK_EQ(n, all);
	return n;
}

/* Over page borders, too. */
TEST(crash_torn)
{
	enum { SECTORS = 20 };
	static char old[SECTORS * SECTOR], new[SECTORS * SECTOR];
	bool seen[SECTORS + 1] = {false};
	bed b;

	REQUIRE(bed_open(&b));
	memset(old, 'o', sizeof old);
	memset(new, 'n', sizeof new);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(px_simfs_put(b.fs, "f", old, sizeof old, 0), 0);
		CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
		CHECK_EQ(bed_write(&b, 0, new, sizeof new, 0), (int)sizeof new);
		px_simfs_crash(b.fs, &b.rng, ALWAYS, 0);
		seen[prefix_of(&b, "f", 'n', SECTORS)] = true;
	}
	for (int i = 0; i < SECTORS; i++)
		CHECK(seen[i]);
	CHECK(!seen[SECTORS]);
	CHECK_EQ(px_simfs_counts_of(b.fs)->writes_torn, 500);
	bed_close(&b);
}

/* Two writes are torn each for itself; and a byte of a sector is never old in a new one. */
TEST(crash_torn_apart)
{
	static char old[8 * SECTOR], new[4 * SECTOR];
	int both = 0, swapped = 0;
	char buf[8 * SECTOR];
	bed b;

	REQUIRE(bed_open(&b));
	memset(old, 'o', sizeof old);
	memset(new, 'n', sizeof new);
	for (int i = 0; i < 400; i++) {
		CHECK_EQ(px_simfs_put(b.fs, "f", old, sizeof old, 0), 0);
		CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
		bed_write(&b, 0, new, sizeof new, 0);
		bed_write(&b, 0, new, sizeof new, sizeof new);
		px_simfs_crash(b.fs, &b.rng, 500000, 0);
		px_simfs_get(b.fs, "f", buf, sizeof buf);
		for (size_t s = 0; s < 8; s++)
			CHECK(!memcmp(buf + s * SECTOR, buf + s * SECTOR + 1, SECTOR - 1));
		both += buf[3 * SECTOR] == 'n' && buf[7 * SECTOR] == 'n';
		swapped += buf[3 * SECTOR] == 'o' && buf[7 * SECTOR] == 'n';
	}
	CHECK(both > 60 && both < 140);
	CHECK(swapped > 60 && swapped < 140);
	bed_close(&b);
}

/* Sectors of one write are lost each for itself. */
TEST(crash_lost_apart)
{
	enum { SECTORS = 64 };
	static char new[SECTORS * SECTOR];
	bed b;

	REQUIRE(bed_open(&b));
	memset(new, 'n', sizeof new);
	CHECK_EQ(bed_put(&b, "f", ""), 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(bed_write(&b, 0, new, sizeof new, 0), (int)sizeof new);
		px_simfs_crash(b.fs, &b.rng, 0, 100000);
		CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	}
	CHECK_EQ(px_simfs_counts_of(b.fs)->sectors_kept + px_simfs_counts_of(b.fs)->sectors_lost,
	         100 * SECTORS);
	CHECK(px_simfs_counts_of(b.fs)->sectors_lost > 540 &&
	      px_simfs_counts_of(b.fs)->sectors_lost < 740);
	bed_close(&b);
}

/* ---- failed syncs ---- */

TEST(crash_after_a_failed_sync)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
	px_simfs_faults_of(b.fs)->sync_eio = ALWAYS;
	CHECK_EQ(bed_sync(&b, 0), -PROA_EIO);
	px_simfs_faults_of(b.fs)->sync_eio = 0;
	CHECK_EQ(bed_sync(&b, 0), 0); /* says that all is well */
	bed_check(&b, "f", "new");
	cut_soft(&b);
	bed_check(&b, "f", "old");
	bed_close(&b);
}

TEST(crash_written_again_after_a_failed_sync)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 0);
	CHECK_EQ(bed_write(&b, 0, "first", 5, 0), 5);
	CHECK_EQ(bed_write(&b, 0, "other", 5, SECTOR), 5);
	px_simfs_faults_of(b.fs)->sync_eio = ALWAYS;
	CHECK_EQ(bed_sync(&b, 0), -PROA_EIO);
	px_simfs_faults_of(b.fs)->sync_eio = 0;
	CHECK_EQ(bed_write(&b, 0, "F", 1, 0), 1);
	CHECK_EQ(bed_sync(&b, 0), 0);
	cut_hard(&b);
	CHECK_EQ(size_of(&b, "f"), SECTOR + 5);
	CHECK_EQ(px_simfs_used(b.fs), SECTOR); /* of the other there is a hole */
	CHECK_EQ(bed_file(&b, "f", BED_RW | PROA_O_TRUNC), 0);
	bed_close(&b);
}

/* A name and a folder's names do not get there by a sync that failed. */
TEST(crash_name_after_a_failed_sync)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_file(&b, "/", PROA_O_DIR), 0);
	CHECK_EQ(bed_file(&b, "f", BED_NEW), 1);
	px_simfs_faults_of(b.fs)->sync_eio = ALWAYS;
	CHECK_EQ(bed_sync(&b, 1), -PROA_EIO);
	CHECK_EQ(bed_sync(&b, 0), -PROA_EIO);
	cut_hard(&b);
	CHECK_EQ(size_of(&b, "f"), -PROA_ENOENT);
	bed_close(&b);
}

/* ---- truncating ---- */

TEST(crash_truncated)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	CHECK_EQ(bed_write(&b, 0, "OLD", 3, 0), 3); /* never durable */
	CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 1);
	CHECK_EQ(bed_write(&b, 1, "n", 1, 0), 1);
	CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 2); /* once more */
	CHECK_EQ(bed_write(&b, 2, "ne", 2, 0), 2);
	bed_check(&b, "f", "ne");
	cut_hard(&b);
	bed_check(&b, "f", "old");
	CHECK_EQ(px_simfs_used(b.fs), SECTOR);
	CHECK_EQ(px_simfs_counts_of(b.fs)->truncations_lost, 1);
	CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 0);
	CHECK_EQ(bed_write(&b, 0, "ne", 2, 0), 2);
	cut_soft(&b);
	bed_check(&b, "f", "ne");
	bed_close(&b);
}

TEST(crash_truncated_and_synced)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 0);
	CHECK_EQ(bed_sync(&b, 0), 0);
	CHECK_EQ(bed_write(&b, 0, "n", 1, 0), 1);
	cut_hard(&b);
	bed_check(&b, "f", "");
	CHECK_EQ(px_simfs_used(b.fs), 0);
	bed_close(&b);
}

/* Kept, while the bytes after it are lost: what programs fear that truncate and write. */
TEST(crash_truncated_and_no_more)
{
	int old = 0, empty = 0, whole = 0;
	bed b;

	REQUIRE(bed_open(&b));
	for (int i = 0; i < 200; i++) {
		char got[4] = "";
		int64_t n;

		CHECK_EQ(bed_put(&b, "f", "old"), 0);
		CHECK_EQ(bed_file(&b, "f", BED_NEW | PROA_O_TRUNC), 0);
		CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
		px_simfs_crash(b.fs, &b.rng, 0, 500000);
		n = px_simfs_get(b.fs, "f", got, 3);
		old += n == 3 && !strcmp(got, "old");
		whole += n == 3 && !strcmp(got, "new");
		empty += n == 0 || (n == 3 && !got[0]);
	}
	CHECK_EQ(old + empty + whole, 200);
	CHECK(old > 60 && empty > 60 && whole > 5);
	bed_close(&b);
}

/* Removed while it was open, it has no name to come back to. */
TEST(crash_removed)
{
	bed b;

	REQUIRE(bed_open(&b));
	CHECK_EQ(bed_put(&b, "f", "old"), 0);
	CHECK_EQ(bed_file(&b, "f", BED_RW), 0);
	CHECK_EQ(bed_write(&b, 0, "new", 3, 0), 3);
	CHECK_EQ(px_simfs_remove(b.fs, "f", 0), 0);
	cut_soft(&b);
	CHECK_EQ(size_of(&b, "f"), -PROA_ENOENT);
	CHECK_EQ(px_simfs_used(b.fs), 0);
	bed_close(&b);
}
