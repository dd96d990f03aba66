/* Watching: what happens to names in a folder and below it is told, in order, and to its end. */
/* SPDX-License-Identifier: MIT */
#include "proa/watch.h"
#include "c_conform/kit.h"
#include "host_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH = 512, SAID = 8192 };

/* A folder, the op that watches it, and all that was told: "+dir/ ~dir/file -file ". A
 * slash stands behind folders that are there: what is gone does not say everywhere what it was. */
typedef struct watched {
	char dir[PATH];
	rec r; /* kit_done, then `took` */
	char said[SAID];
	size_t used;
	unsigned begun; /* completions without changes */
	unsigned lost;  /* changes that say so */
	uint32_t pairs[8];
	unsigned n_pairs;
} watched;

static const char *mark_of(uint32_t what)
{
	if (what & PROA_W_OVERFLOW)
		return "!";
	if (what & PROA_W_CREATED)
		return what & PROA_W_MOVED ? ">" : "+";
	if (what & PROA_W_REMOVED)
		return what & PROA_W_MOVED ? "<" : "-";
	return what & PROA_W_CHANGED ? "~" : "*";
}

static void change_note(watched *w, const proa_change *c)
{
	CHECK_EQ(strlen(c->name), c->name_len);
	CHECK_EQ(c->bytes % 8, 0);
	w->lost += (c->what & PROA_W_OVERFLOW) != 0;
	if (w->used > SAID - PATH)
		w->used = 0; /* the oldest are of no use any more */
	if (c->what & PROA_W_MOVED && w->n_pairs < 8)
		w->pairs[w->n_pairs++] = c->pair;
	w->used += (size_t)snprintf(w->said + w->used, SAID - w->used, "%s%s%s ", mark_of(c->what),
	                            c->name,
	                            c->what & PROA_W_DIR && !(c->what & PROA_W_REMOVED) ? "/" : "");
}

static void took(rec *r)
{
	watched *w = r->ctx;
	int64_t at = 0;

	if (!(r->got & PROA_MORE))
		return;
	w->begun += !r->result;
	while (at < r->result) {
		const proa_change *c = (const void *)((char *)r->buf + at);

		at += c->bytes;
		change_note(w, c);
	}
	CHECK_EQ(at, r->result);
}

static void watch_open(proa_loop *loop, watched *w, unsigned flags)
{
	*w = (watched){.r = {.then = took, .ctx = w}};
	REQUIRE(host_temp_dir(w->dir, sizeof w->dir));
	proa_watch(proa_root(loop), kit_op(&w->r), w->dir, flags, kit_done);
	UNTIL(loop, w->begun || w->r.finals);
	CHECK_EQ(w->begun, 1);
}

static void watch_close(proa_loop *loop, watched *w)
{
	proa_cancel(&w->r.op);
	CHECK_EQ(kit_await(loop, &w->r), -PROA_ECANCELED);
	CHECK(host_remove(w->dir));
}

/* One path; good until the fourth call from here. */
static const char *in(const watched *w, const char *name)
{
	static char path[4][2 * PATH];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof path[0], "%s/%s", w->dir, name);
	return out;
}

static void append(const char *path)
{
	FILE *file = fopen(path, "a");

	REQUIRE(file);
	fputs("more", file);
	fclose(file);
}

/* Until all of that was told, in this order; what else was told is between. */
static bool told(const watched *w, const char *what)
{
	const char *at = w->said;
	char word[PATH];
	int n;

	while (sscanf(what, " %511s%n", word, &n) == 1) {
		size_t len = strlen(word);

		while ((at = strstr(at, word)) && at[len] != ' ')
			at += len;
		if (!at)
			return false;
		what += n;
	}
	return true;
}

#define TOLD(loop, w, what)                                  \
	do {                                                 \
		UNTIL(loop, told(w, what) || (w)->r.finals); \
		if (!CHECK(told(w, what)))                   \
			test_note("told: %s", (w)->said);    \
	} while (0)

TEST(watch_folder)
{
	static watched w;
	NEED(HOST_WATCH);
	LOOP(loop);

	watch_open(loop, &w, 0);
	CHECK(host_make_file(in(&w, "a")));
	TOLD(loop, &w, "+a");
	append(in(&w, "a"));
	TOLD(loop, &w, "~a");
	CHECK_EQ(rename(in(&w, "a"), in(&w, "b")), 0);
	TOLD(loop, &w, "<a >b");
	CHECK_EQ(w.n_pairs, 2);
	CHECK(w.pairs[0] && w.pairs[0] == w.pairs[1]);
	CHECK(host_make_dir(in(&w, "dir")));
	TOLD(loop, &w, "+dir/");
	CHECK(host_make_file(in(&w, "dir/unseen"))); /* no tree */
	CHECK(host_remove(in(&w, "b")));
	TOLD(loop, &w, "-b");
	CHECK(host_remove(in(&w, "dir/unseen")));
	CHECK(host_remove(in(&w, "dir")));
	TOLD(loop, &w, "-dir");
	CHECK(!strstr(w.said, "unseen"));
	watch_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_tree)
{
	static watched w;
	NEED(HOST_WATCH);
	LOOP(loop);

	watch_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(in(&w, "x")));
	CHECK(host_make_dir(in(&w, "x/y"))); /* perhaps before x is watched */
	CHECK(host_make_file(in(&w, "x/y/f")));
	TOLD(loop, &w, "+x/ +x/y/ +x/y/f");
	append(in(&w, "x/y/f"));
	TOLD(loop, &w, "~x/y/f");
	for (const char *const *name = (const char *const[]){"x/y/f", "x/y", "x", NULL}; *name;
	     name++)
		CHECK(host_remove(in(&w, *name)));
	TOLD(loop, &w, "-x/y/f -x/y -x");
	watch_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_tree_whose_folder_is_moved)
{
	static watched w;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	watch_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(in(&w, "x")));
	CHECK(host_make_dir(in(&w, "x/y")));
	TOLD(loop, &w, "+x/ +x/y/");
	CHECK_EQ(rename(in(&w, "x"), in(&w, "z")), 0); /* all below have other names now */
	TOLD(loop, &w, "<x >z/");
	CHECK(host_make_file(in(&w, "z/y/g")));
	TOLD(loop, &w, "+z/y/g");
	for (const char *const *name = (const char *const[]){"z/y/g", "z/y", "z", NULL}; *name;
	     name++)
		CHECK(host_remove(in(&w, *name)));
	TOLD(loop, &w, "-z/y/g -z/y -z");
	watch_close(loop, &w);
	kit_close(&loop);
}

/* What was there before belongs to it; what leaves it does not any more. */
TEST(watch_tree_that_is_there_and_a_part_that_leaves)
{
	static watched w, outside;
	char path[2 * PATH];
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	w = (watched){.r = {.then = took, .ctx = &w}};
	REQUIRE(host_temp_dir(w.dir, sizeof w.dir) &&
	        host_temp_dir(outside.dir, sizeof outside.dir));
	CHECK(host_make_dir(in(&w, "a")) && host_make_dir(in(&w, "a/b")));
	proa_watch(proa_root(loop), kit_op(&w.r), w.dir, PROA_WATCH_TREE, kit_done);
	UNTIL(loop, w.begun);
	CHECK(host_make_file(in(&w, "a/b/c")));
	TOLD(loop, &w, "+a/b/c");
	snprintf(path, sizeof path, "%s/gone", outside.dir);
	CHECK_EQ(rename(in(&w, "a/b"), path), 0);
	UNTIL(loop, told(&w, "<a/b") || told(&w, "-a/b")); /* Windows tells no move out */
	snprintf(path, sizeof path, "%s/gone/late", outside.dir);
	CHECK(host_make_file(path));
	CHECK(host_make_file(in(&w, "a/last")));
	TOLD(loop, &w, "+a/last");
	CHECK(!strstr(w.said, "late"));
	CHECK(host_remove(path));
	snprintf(path, sizeof path, "%s/gone", outside.dir);
	CHECK_EQ(rename(path, in(&w, "back")), 0); /* and it is one of ours again */
	UNTIL(loop, told(&w, ">back/") || told(&w, "+back/"));
	CHECK(host_make_file(in(&w, "back/new")));
	TOLD(loop, &w, "+back/new");
	for (const char *const *name =
	             (const char *const[]){"back/new", "back/c", "back", "a/last", "a", NULL};
	     *name; name++)
		CHECK(host_remove(in(&w, *name)));
	CHECK(host_remove(outside.dir));
	watch_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_ends_with_what_it_watches)
{
	static watched w;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	for (unsigned tree = 0; tree < 2; tree++) {
		watch_open(loop, &w, tree ? PROA_WATCH_TREE : 0);
		CHECK(host_remove(w.dir));
		CHECK_EQ(kit_await(loop, &w.r), 0);
		CHECK_EQ(w.r.got, PROA_END);
		CHECK(!w.r.buf);
		CHECK(told(&w, "-"));
	}
	kit_close(&loop);
}

TEST(watch_of_a_file)
{
	static watched w;
	char path[2 * PATH];
	NEED(HOST_WATCH);
	LOOP(loop);

	w = (watched){.r = {.then = took, .ctx = &w}};
	REQUIRE(host_temp_dir(w.dir, sizeof w.dir));
	snprintf(path, sizeof path, "%s/file", w.dir);
	CHECK(host_make_file(path));
	proa_watch(proa_root(loop), kit_op(&w.r), path, 0, kit_done);
	UNTIL(loop, w.begun);
	append(path);
	TOLD(loop, &w, "~");
	CHECK(host_remove(path));
	CHECK_EQ(kit_await(loop, &w.r), 0);
	CHECK_EQ(w.r.got, PROA_END);
	CHECK(host_remove(w.dir));
	kit_close(&loop);
}

/* What is not taken waits, and what waits may be joined. */
TEST(watch_paused)
{
	static watched w;
	NEED(HOST_WATCH);
	LOOP(loop);

	watch_open(loop, &w, 0);
	CHECK(host_make_file(in(&w, "before")));
	TOLD(loop, &w, "+before");
	proa_pause(&w.r.op);
	CHECK(host_make_file(in(&w, "kept")));
	append(in(&w, "before"));
	kit_settle(loop);
	CHECK(!told(&w, "+kept"));
	proa_resume(&w.r.op);
	TOLD(loop, &w, "+kept");
	TOLD(loop, &w, "~before");
	CHECK_EQ(w.lost, 0);
	CHECK(host_remove(in(&w, "before")) && host_remove(in(&w, "kept")));
	watch_close(loop, &w);
	kit_close(&loop);
}

/* Where too much waits that is told, and the rest goes on. */
TEST(watch_paused_and_overflown)
{
	enum { ROUNDS = 9000 }; /* 18,000 changes; a queue has 16,384 */
	static watched w;
	FILE *file[2];
	NEED(HOST_WATCH_LOG);
	LOOP(loop);

	watch_open(loop, &w, 0);
	proa_pause(&w.r.op);
	CHECK(host_make_file(in(&w, "kept")));
	kit_settle(loop);
	CHECK_EQ(w.used, 0);
	file[0] = fopen(in(&w, "0"), "w");
	file[1] = fopen(in(&w, "1"), "w");
	REQUIRE(file[0] && file[1]);
	setbuf(file[0], NULL);
	setbuf(file[1], NULL);
	for (int i = 0; i < 2 * ROUNDS; i++) /* in turns: equal ones in a row would be one */
		fputc('x', file[i % 2]);
	fclose(file[0]);
	fclose(file[1]);
	proa_resume(&w.r.op);
	UNTIL(loop, w.lost);
	CHECK_GT(w.r.mores, 1);
	CHECK(host_remove(in(&w, "kept")));
	TOLD(loop, &w, "-kept");
	CHECK(host_remove(in(&w, "0")) && host_remove(in(&w, "1")));
	watch_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_cancel_close_and_deadline)
{
	static watched w;
	proa_handle owner = {0};
	rec r = {0};
	NEED(HOST_WATCH);
	LOOP(loop);

	REQUIRE(host_temp_dir(w.dir, sizeof w.dir));
	for (int turns = 0; turns < 6; turns++) { /* at each step of its beginning */
		proa_watch(proa_root(loop), kit_op(&r), w.dir, PROA_WATCH_TREE, kit_done);
		for (int i = 0; i < turns; i++)
			kit_once(loop, 1);
		proa_cancel(&r.op);
		CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
		proa_handle_init(proa_root(loop), &owner);
		proa_watch(&owner, kit_op(&r), w.dir, 0, kit_done);
		for (int i = 0; i < turns; i++)
			kit_once(loop, 1);
		kit_end(loop, &owner);
		CHECK_EQ(r.result, -PROA_ECANCELED);
	}
	r.op.deadline_ns = PROA_POLL;
	proa_watch(proa_root(loop), kit_op(&r), w.dir, 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	r.op.deadline_ns = proa_clock(loop) + 30 * PROA_MSEC;
	proa_watch(proa_root(loop), kit_op(&r), w.dir, 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ETIMEDOUT);
	CHECK(host_remove(w.dir));
	kit_close(&loop);
}

static void cancel_self(rec *r)
{
	proa_cancel(&r->op);
}

TEST(watch_cancelled_in_its_callback)
{
	rec r = {.then = cancel_self};
	NEED(HOST_WATCH);
	LOOP(loop);

	proa_watch(proa_root(loop), kit_op(&r), ".", 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	CHECK_EQ(r.mores, 1);
	kit_close(&loop);
}

TEST(watch_mistakes)
{
	rec r = {0};
	bool none;
	LOOP(loop);

	none = host_lacks(HOST_WATCH) != NULL;
	proa_watch(proa_root(loop), kit_op(&r), "no/such/folder", 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), none ? -PROA_ENOTSUP : -PROA_ENOENT);
	CHECK_EQ(r.mores, 0);
	proa_watch(proa_root(loop), kit_op(&r), ".", 2, kit_done);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	proa_watch(proa_root(loop), kit_op(&r), "", 0, kit_done);
	CHECK_EQ(kit_await(loop, &r), none ? -PROA_ENOTSUP : -PROA_ENOENT);
	kit_close(&loop);
}

/* Told as values: one at a time, and good until the loop runs again. */
TEST(watch_by_wait)
{
	static watched w;
	proa_event e[4];
	int n = 0;
	NEED(HOST_WATCH);
	LOOP(loop);

	w = (watched){.used = 0};
	REQUIRE(host_temp_dir(w.dir, sizeof w.dir));
	proa_watch(proa_root(loop), &w.r.op, w.dir, 0, NULL);
	CHECK_EQ(proa_wait(loop, e, 4, proa_clock(loop) + 5 * PROA_SEC), 1);
	CHECK_EQ(e[0].result, 0);
	CHECK_EQ(e[0].got, PROA_MORE);
	CHECK(host_make_file(in(&w, "one")));
	CHECK(host_make_file(in(&w, "two")));
	while (!told(&w, "+one +two") && n++ < 10) {
		CHECK_EQ(proa_wait(loop, e, 4, proa_clock(loop) + 5 * PROA_SEC), 1);
		for (int64_t at = 0; at < e[0].result;) {
			const proa_change *c = (const void *)((char *)e[0].buf + at);

			change_note(&w, c);
			at += c->bytes;
		}
	}
	CHECK(told(&w, "+one +two"));
	proa_cancel(&w.r.op);
	CHECK_EQ(proa_await(loop, &w.r.op), -PROA_ECANCELED);
	CHECK(host_remove(in(&w, "one")) && host_remove(in(&w, "two")) && host_remove(w.dir));
	kit_close(&loop);
}
