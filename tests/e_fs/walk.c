/* Folders as multishots: one, and all that are below it. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "e_fs/place.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILES = 700, SEEN_MAX = 2000 };

static rec ask;

/* What was told, by the numbers that the names begin with. */
static struct {
	unsigned of[SEEN_MAX], batches, entries, folders, errors;
	uint32_t deepest;
	int32_t error;
	bool hurt; /* a batch was not as it is promised */
} seen;

static void entry_see(const proa_dir_batch *b, const proa_dirent *d)
{
	int n = (int)strtol(d->name, NULL, 10);

	seen.entries++;
	seen.folders += d->stat.type == PROA_S_DIR;
	seen.hurt |= strlen(d->name) != d->name_len || n < 0 || n >= SEEN_MAX;
	seen.hurt |= b->depth == 1 ? *b->folder != 0 : *b->folder == 0 || *b->folder == '/';
	if (n >= 0 && n < SEEN_MAX)
		seen.of[n]++;
}

static void batch_see(const proa_dir_batch *b)
{
	const proa_dirent *d = NULL;

	seen.batches++;
	seen.errors += b->error != 0;
	if (b->error)
		seen.error = b->error;
	seen.deepest = b->depth > seen.deepest ? b->depth : seen.deepest;
	while ((d = proa_dirent_next(b, d)))
		entry_see(b, d);
}

static void on_batch(rec *r)
{
	if (r->got & PROA_MORE)
		batch_see(r->buf);
	else
		CHECK(r->buf == NULL);
}

static void seen_begin(rec *r)
{
	memset(&seen, 0, sizeof seen);
	*r = (rec){.then = on_batch};
}

/* The first `n` numbers once each, and nothing else. */
static void seen_all(unsigned n)
{
	CHECK(!seen.hurt);
	CHECK_EQ(seen.entries, n);
	for (unsigned i = 0; i < n; i++)
		if (!CHECK_EQ(seen.of[i], 1))
			break;
}

static const char *numbered(int i)
{
	static char name[128];

	snprintf(name, sizeof name, "%d-%.*s", i, i % 60,
	         "a name of some length so that it takes more than one batch to tell them");
	return name;
}

static void many_make(void)
{
	place_make();
	for (int i = 0; i < FILES; i++)
		host_make_file(in_place(numbered(i)));
}

static void many_drop(void)
{
	for (int i = 0; i < FILES; i++)
		CHECK(host_remove(in_place(numbered(i))));
	place_drop();
}

static void dir_open(proa_loop *loop, proa_handle *dir, const char *path, unsigned flags)
{
	rec r = {0};

	memset(dir, 0, sizeof *dir);
	proa_handle_init(proa_root(loop), dir);
	SUBMIT(proa_file_open, dir, &r, path, PROA_O_READ | flags, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
}

TEST(walk_one_folder)
{
	proa_handle dir;
	rec r;

	LOOP(loop);
	many_make();
	dir_open(loop, &dir, place, PROA_O_DIR);
	seen_begin(&r);
	SUBMIT0(proa_dir_read_many, &dir, &r);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.got, PROA_END);
	CHECK_EQ(r.finals, 1);
	CHECK_GT(seen.batches, 1);
	seen_all(FILES);
	seen_begin(&r); /* it is at its end */
	SUBMIT0(proa_dir_read_many, &dir, &r);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(r.got, PROA_END);
	seen_all(0);
	kit_end(loop, &dir);
	many_drop();
	kit_close(&loop);
}

/* 0 to 2 in the first folder, where 0 and 1 are folders; 3 to 5 in 0; 6 to 8 in 1; 9 in 0/3. */
static const char *const tree[] = {"0",   "1",   "0/3", "2",   "0/4",
                                   "0/5", "1/6", "1/7", "1/8", "0/3/9"};
enum { TREE = sizeof tree / sizeof *tree, TREE_FOLDERS = 3 };

static void tree_make(void)
{
	place_make();
	for (int i = 0; i < TREE; i++)
		CHECK(i < TREE_FOLDERS ? host_make_dir(in_place(tree[i]))
		                       : host_make_file(in_place(tree[i])));
}

static void tree_drop(void)
{
	for (int i = TREE; i--;)
		CHECK(host_remove(in_place(tree[i])));
	place_drop();
}

TEST(walk_a_tree)
{
	rec r;

	LOOP(loop);
	tree_make();
	for (unsigned depth = 0; depth <= 4; depth++) {
		seen_begin(&r);
		proa_walk(proa_root(loop), kit_op(&r), place, depth, kit_done);
		CHECK_EQ(kit_await(loop, &r), 0);
		CHECK_EQ(r.got, PROA_END);
		seen_all(depth == 1 ? 3 : depth == 2 ? 9 : TREE);
		CHECK_EQ(seen.deepest, depth == 1 || depth == 2 ? depth : 3);
		CHECK_EQ(seen.folders, depth == 1 ? 2 : 3);
		CHECK_EQ(seen.errors, 0);
	}
	tree_drop();
	kit_close(&loop);
}

TEST(walk_from_an_open_folder)
{
	proa_handle dir;
	rec r;

	LOOP(loop);
	tree_make();
	dir_open(loop, &dir, in_place("0"), PROA_O_DIR);
	seen_begin(&r);
	SUBMIT(proa_walk, &dir, &r, "../1", 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(seen.entries, 3);
	CHECK_EQ(seen.of[6] + seen.of[7] + seen.of[8], 3);
	kit_end(loop, &dir);
	tree_drop();
	kit_close(&loop);
}

/* A folder that goes between being told and being read. */
static void on_batch_remove(rec *r)
{
	const proa_dirent *d = NULL;

	if (!(r->got & PROA_MORE))
		return;
	batch_see(r->buf);
	while ((d = proa_dirent_next(r->buf, d)))
		if (d->stat.type == PROA_S_DIR)
			host_remove(in_place(d->name));
}

TEST(walk_what_cannot_be_read)
{
	rec r;

	LOOP(loop);
	place_make();
	CHECK(host_make_dir(in_place("0")));
	CHECK(host_make_file(in_place("1")));
	for (int i = 0; i < 20 && !seen.errors; i++) {
		host_make_dir(in_place("0"));
		seen_begin(&r);
		r.then = on_batch_remove; /* the worker may be there first */
		proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
		CHECK_EQ(kit_await(loop, &r), 0);
		CHECK_EQ(r.got, PROA_END);
	}
	CHECK(seen.errors <= 1 && (!seen.errors || seen.error == PROA_ENOENT));
	CHECK(host_remove(in_place("1")));
	place_drop();
	kit_close(&loop);
}

TEST(walk_wrong)
{
	proa_handle h;
	rec r;
	int peer;

	LOOP(loop);
	place_make();
	CHECK(host_make_file(in_place("1")));
	CHECK_EQ(ASK(loop, proa_walk, in_place("none"), 0), -PROA_ENOENT);
	CHECK_NE(ask.sys_error, 0);
	CHECK_EQ(ASK(loop, proa_walk, "", 0), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_walk, in_place("1"), 0), -PROA_ENOTDIR);
	dir_open(loop, &h, in_place("1"), 0);
	seen_begin(&r);
	SUBMIT0(proa_dir_read_many, &h, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTDIR);
	CHECK_EQ(r.got, 0);
	kit_end(loop, &h);
	peer = kit_half(loop, &h);
	SUBMIT0(proa_dir_read_many, &h, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_fd_close(peer);
	kit_end(loop, &h);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT0(proa_dir_read_many, &h, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	kit_end(loop, &h);
	CHECK(host_remove(in_place("1")));
	place_drop();
	kit_close(&loop);
}

/* ---- holding, and ending it ---- */

static void on_batch_pause(rec *r)
{
	on_batch(r);
	if (r->got & PROA_MORE)
		proa_pause(&r->op);
}

TEST(walk_paused)
{
	proa_handle dir;
	rec r;

	LOOP(loop);
	many_make();
	dir_open(loop, &dir, place, PROA_O_DIR);
	seen_begin(&r);
	r.then = on_batch_pause;
	SUBMIT0(proa_dir_read_many, &dir, &r);
	for (unsigned n = 1; !r.finals && n < 100; n++) {
		UNTIL(loop, r.finals || r.mores == n);
		kit_settle(loop);
		CHECK(r.finals || r.mores == n); /* no further */
		proa_resume(&r.op);
	}
	CHECK_EQ(r.result, 0);
	seen_all(FILES);
	kit_end(loop, &dir);
	many_drop();
	kit_close(&loop);
}

/* Who cancels in the callback may look at the batch on. */
static void on_batch_cancel(rec *r)
{
	if (!(r->got & PROA_MORE))
		return;
	if (r->ctx)
		proa_pause(&r->op);
	proa_cancel(&r->op);
	batch_see(r->buf);
}

TEST(walk_cancelled_in_its_callback)
{
	int paused = 0;
	rec r;

	LOOP(loop);
	many_make();
	for (; paused < 2; paused++) {
		seen_begin(&r);
		r.then = on_batch_cancel;
		r.ctx = paused ? &r : NULL;
		proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
		CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
		CHECK_EQ(r.mores, 1);
		CHECK(!seen.hurt && seen.entries > 0);
	}
	many_drop();
	kit_close(&loop);
}

TEST(walk_cancelled_paused_and_queued)
{
	rec r;
	gate *g;

	LOOP(loop);
	many_make();
	seen_begin(&r);
	r.then = on_batch_pause;
	proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
	UNTIL(loop, r.mores == 1);
	kit_settle(loop);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK_EQ(r.mores, 1);
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	seen_begin(&r);
	proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	seen_begin(&r);
	r.op.deadline_ns = proa_in(loop, 5 * PROA_MSEC);
	proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	gate_open(loop, g);
	many_drop();
	kit_close(&loop);
}

TEST(walk_closed)
{
	LOOP(loop);
	many_make();
	for (int i = 0; i < TEST_TIMES(40); i++) {
		proa_handle owner = {0};
		rec r;

		seen_begin(&r);
		proa_handle_init(proa_root(loop), &owner);
		SUBMIT(proa_walk, &owner, &r, place, 0);
		for (int k = 0; k < i % 5; k++)
			kit_once(loop, 1);
		kit_end(loop, &owner);
		CHECK_EQ(r.finals, 1);
		CHECK(r.result == 0 || r.result == -PROA_ECANCELED);
	}
	many_drop();
	kit_close(&loop);
}

TEST(walk_as_events)
{
	proa_event events[8];
	proa_op op = {0};
	bool over = false;

	LOOP(loop);
	tree_make();
	memset(&seen, 0, sizeof seen);
	proa_walk(proa_root(loop), &op, place, 0, NULL);
	while (!over) {
		int n = proa_wait(loop, events, 8, proa_in(loop, 60 * PROA_SEC));

		REQUIRE(n > 0);
		for (int i = 0; i < n; i++) {
			over |= !(events[i].got & PROA_MORE);
			if (events[i].got & PROA_MORE)
				batch_see(events[i].buf);
		}
	}
	seen_all(TREE);
	tree_drop();
	kit_close(&loop);
}

TEST(walk_without_memory)
{
	rec r;

	LOOP(loop);
	tree_make();
	CHECK_EQ(ASK(loop, proa_walk, place, 0), 0); /* so that there are workers */
	for (long at = 1; at <= 4; at++) {
		seen_begin(&r);
		kit_mem.fail_at = kit_mem.calls + at; /* the walk, its folder, those in it */
		proa_walk(proa_root(loop), kit_op(&r), place, 0, kit_done);
		CHECK_EQ(kit_await(loop, &r), -PROA_ENOMEM);
		kit_mem.fail_at = 0;
		CHECK_EQ(r.mores, at > 2);
	}
	tree_drop();
	kit_close(&loop);
}
