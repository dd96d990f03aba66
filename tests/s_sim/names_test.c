/* Names, whole files and walks on disks of nodes: also after a power failure. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <stdio.h>

/* One call on node a, and its result. */
#define DO(s, call, ...)                                                     \
	(op = (proa_op){0}, call(proa_root((s)->a), &op, __VA_ARGS__, NULL), \
	 proa_world_await((s)->w, &op))

TEST(disk_names)
{
	proa_stat_info info;
	proa_op op;
	char text[16];
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(DO(&s, proa_mkdir, "/d", 0700), 0);
	CHECK_EQ(DO(&s, proa_mkdir, "/d", 0700), -PROA_EEXIST);
	CHECK_EQ(DO(&s, proa_write_file, "/d/f", "text", 4, 0644), 4);
	CHECK_EQ(DO(&s, proa_copy_file, "/d/f", "/d/g", PROA_COPY_ATTRS), 4);
	CHECK_EQ(DO(&s, proa_rename, "/d/g", "/h"), 0);
	CHECK_EQ(DO(&s, proa_symlink, "h", "/l"), 0);
	CHECK_EQ(DO(&s, proa_readlink, "/l", text, sizeof text), 1);
	CHECK_STR(text, "h");
	CHECK_EQ(DO(&s, proa_stat, "/l", &info), 0);
	CHECK_EQ(info.size_bytes, 4);
	CHECK_EQ(DO(&s, proa_link, "/h", "/i"), -PROA_ENOTSUP); /* one name each */
	CHECK_EQ(DO(&s, proa_chmod, "/h", 0400), 0);
	CHECK_EQ(DO(&s, proa_utime, "/h", PROA_TIME_KEEP, 12345), 0);
	CHECK_EQ(DO(&s, proa_stat, "/h", &info), 0);
	CHECK_EQ(info.mode, 0400);
	CHECK_EQ(info.mtime_ns, 12345);
	CHECK_EQ(DO(&s, proa_rmdir, "/d"), -PROA_ENOTEMPTY);
	CHECK_EQ(DO(&s, proa_unlink, "/d/f"), 0);
	CHECK_EQ(DO(&s, proa_rmdir, "/d"), 0);
	CHECK_EQ(DO(&s, proa_read_file, "/h", 3), -PROA_ETOOLONG);
	CHECK_EQ(DO(&s, proa_read_file, "/h", 4), 4);
	CHECK_STR(op.buf, "text");
	proa_loop_alloc(s.a, op.buf, 5, 0);
	bed_close(&s);
}

TEST(disk_sizes_and_pieces)
{
	static const proa_vec out[] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
	char one[3], two[8] = "";
	proa_vec in[] = {{one, sizeof one}, {two, sizeof two}};
	proa_handle f = {0};
	proa_op op = {0};
	bed s;

	bed_open(&s, NULL);
	proa_handle_init(proa_root(s.a), &f);
	proa_file_open(&f, &op, "/f", PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE, 0644, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	proa_writev(&f, &op, out, 3, 0, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 8);
	proa_truncate(&f, &op, 5, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	proa_allocate(&f, &op, 0, 7, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	proa_readv(&f, &op, in, 2, 0, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 7);
	CHECK_EQ(op.got, PROA_END);
	CHECK_MEM(one, "abc", 3);
	CHECK_MEM(two, "de\0\0", 4);
	proa_datasync(&f, &op, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	bed_end(&s, &f);
	bed_close(&s);
}

/* What is there after the power failed in the middle of replacing "old", or just behind it: all of
 * one of them. */
static bool replaced(uint64_t seed, int64_t run_ns)
{
	enum { LEN = 20000 };
	static char new[LEN], got[LEN + 1];
	proa_op op;
	int64_t n;
	bed s;

	bed_open(&s, &(proa_world_options){
			     .seed = seed, .sector_lost_ppm = 500000, .write_torn_ppm = 200000});
	memset(new, 'n', sizeof new);
	CHECK_EQ(DO(&s, proa_write_file, "/f", "old", 3, 0644), 3);
	op = (proa_op){0};
	proa_write_file(proa_root(s.a), &op, "/f", new, LEN, 0644, NULL);
	proa_world_run(s.w, run_ns);
	n = proa_in_flight(&op) ? 0 : op.result;
	proa_world_kill(s.w, "a", PROA_KILL_POWER);
	proa_world_run(s.w, PROA_SEC);
	memset(got, 0, sizeof got);
	if (proa_world_file_get(s.w, "a", "/f", got, sizeof got) == 3)
		CHECK(n != LEN && !strcmp(got, "old")); /* what was told is not undone */
	else
		CHECK(strspn(got, "n") == LEN);
	bed_close(&s);
	return n == LEN;
}

TEST(disk_replaced_whole_or_not_at_all)
{
	int done = 0;

	for (uint64_t seed = 1; seed <= 60; seed++)
		done += replaced(seed, (int64_t)seed * 100 * PROA_USEC);
	CHECK(done > 5 && done < 55);
}

/* ---- walks ---- */

static unsigned entries, batches;

static void on_batch(proa_op *op)
{
	const proa_dirent *d = NULL;

	if (!(op->got & PROA_MORE))
		return;
	batches++;
	while ((d = proa_dirent_next(op->buf, d)))
		entries++;
}

TEST(disk_walked)
{
	proa_op op;
	char path[32];
	bed s;

	bed_open(&s, NULL);
	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof path, "/t/%d/%d/file", i % 5, i);
		CHECK_EQ(proa_world_file_put(s.w, "a", path, "x", 1), 0);
	}
	entries = batches = 0;
	op = (proa_op){0};
	proa_walk(proa_root(s.a), &op, "/t", 0, on_batch);
	while (proa_in_flight(&op))
		proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(op.result, 0);
	CHECK_EQ(op.got, PROA_END);
	CHECK_EQ(entries, 5 + 30 + 30);
	CHECK_GT(batches, 30);
	bed_close(&s);
}
