/* Watching: what happens to names in a folder and below it is told, in order, and to its end. */
/* SPDX-License-Identifier: MIT */
#include "watched.h"

#include <string.h>

TEST(watch_folder)
{
	static watched w;
	NEED(HOST_WATCH);
	LOOP(loop);

	watched_open(loop, &w, 0);
	CHECK(host_make_file(watched_in(&w, "a")));
	TOLD(loop, &w, "+a");
	watched_append(watched_in(&w, "a"));
	TOLD(loop, &w, "~a");
	CHECK_EQ(rename(watched_in(&w, "a"), watched_in(&w, "b")), 0);
	TOLD(loop, &w, "<a >b");
	CHECK_EQ(w.n_pairs, 2);
	CHECK(w.pairs[0] && w.pairs[0] == w.pairs[1]);
	CHECK(host_make_dir(watched_in(&w, "dir")));
	TOLD(loop, &w, "+dir/");
	CHECK(host_make_file(watched_in(&w, "dir/unseen"))); /* no tree */
	CHECK(host_remove(watched_in(&w, "b")));
	TOLD(loop, &w, "-b");
	CHECK(host_remove(watched_in(&w, "dir/unseen")));
	CHECK(host_remove(watched_in(&w, "dir")));
	TOLD(loop, &w, "-dir");
	CHECK(!strstr(w.said, "unseen"));
	watched_close(loop, &w);
	kit_close(&loop);
}

/* By one call; as two moves alone the first would have replaced the second. */
TEST(watch_folder_whose_names_change_places)
{
	static watched w;
	NEED(HOST_WATCH_LOG);
	NEED(HOST_SWAP);
	LOOP(loop);

	watched_open(loop, &w, 0);
	CHECK(host_make_file(watched_in(&w, "a")));
	CHECK(host_make_dir(watched_in(&w, "b")));
	TOLD(loop, &w, "+a +b/");
	CHECK(host_swap(watched_in(&w, "a"), watched_in(&w, "b")));
	TOLD(loop, &w, "<a >b <b +b >a/");
	CHECK(host_remove(watched_in(&w, "a")) && host_remove(watched_in(&w, "b")));
	watched_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_tree)
{
	static watched w;
	NEED(HOST_WATCH);
	LOOP(loop);

	watched_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(watched_in(&w, "x")));
	CHECK(host_make_dir(watched_in(&w, "x/y"))); /* perhaps before x is watched */
	CHECK(host_make_file(watched_in(&w, "x/y/f")));
	TOLD(loop, &w, "+x/ +x/y/ +x/y/f");
	watched_append(watched_in(&w, "x/y/f"));
	TOLD(loop, &w, "~x/y/f");
	for (const char *const *name = (const char *const[]){"x/y/f", "x/y", "x", NULL}; *name;
	     name++)
		CHECK(host_remove(watched_in(&w, *name)));
	TOLD(loop, &w, "-x/y/f -x/y -x");
	watched_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_tree_whose_folder_is_moved)
{
	static watched w;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	watched_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(watched_in(&w, "x")));
	CHECK(host_make_dir(watched_in(&w, "x/y")));
	TOLD(loop, &w, "+x/ +x/y/");
	CHECK_EQ(rename(watched_in(&w, "x"), watched_in(&w, "z")), 0); /* all below is elsewhere */
	TOLD(loop, &w, "<x >z/");
	CHECK(host_make_file(watched_in(&w, "z/y/g")));
	TOLD(loop, &w, "+z/y/g");
	for (const char *const *name = (const char *const[]){"z/y/g", "z/y", "z", NULL}; *name;
	     name++)
		CHECK(host_remove(watched_in(&w, *name)));
	TOLD(loop, &w, "-z/y/g -z/y -z");
	watched_close(loop, &w);
	kit_close(&loop);
}

/* Moved before it could be watched: it is watched where it is now, and what is in it is told. */
TEST(watch_folder_that_moves_at_once)
{
	static watched w;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	watched_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(watched_in(&w, "x")));
	CHECK(host_make_dir(watched_in(&w, "x/y")));
	CHECK_EQ(rename(watched_in(&w, "x"), watched_in(&w, "z")), 0);
	TOLD(loop, &w, "z/ +z/y/");
	CHECK(host_make_file(watched_in(&w, "z/y/f")));
	TOLD(loop, &w, "+z/y/f");
	for (const char *const *name = (const char *const[]){"z/y/f", "z/y", "z", NULL}; *name;
	     name++)
		CHECK(host_remove(watched_in(&w, *name)));
	watched_close(loop, &w);
	kit_close(&loop);
}

/* What was there before belongs to it; what leaves it does not any more. */
TEST(watch_tree_that_is_there_and_a_part_that_leaves)
{
	static watched w, outside;
	char path[2 * PATH];
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	w = (watched){.r = {.then = watched_took, .ctx = &w}};
	REQUIRE(host_temp_dir(w.dir, sizeof w.dir) &&
	        host_temp_dir(outside.dir, sizeof outside.dir));
	CHECK(host_make_dir(watched_in(&w, "a")) && host_make_dir(watched_in(&w, "a/b")));
	proa_watch(proa_root(loop), kit_op(&w.r), w.dir, PROA_WATCH_TREE, kit_done);
	UNTIL(loop, w.begun);
	CHECK(host_make_file(watched_in(&w, "a/b/c")));
	TOLD(loop, &w, "+a/b/c");
	snprintf(path, sizeof path, "%s/gone", outside.dir);
	CHECK_EQ(rename(watched_in(&w, "a/b"), path), 0);
	UNTIL(loop,
	      watched_told(&w, "<a/b") || watched_told(&w, "-a/b")); /* Windows tells no move out */
	snprintf(path, sizeof path, "%s/gone/late", outside.dir);
	CHECK(host_make_file(path));
	CHECK(host_make_file(watched_in(&w, "a/last")));
	TOLD(loop, &w, "+a/last");
	CHECK(!strstr(w.said, "late"));
	CHECK(host_remove(path));
	snprintf(path, sizeof path, "%s/gone", outside.dir);
	CHECK_EQ(rename(path, watched_in(&w, "back")), 0); /* and it is one of ours again */
	UNTIL(loop, watched_told(&w, ">back/") || watched_told(&w, "+back/"));
	CHECK(host_make_file(watched_in(&w, "back/new")));
	TOLD(loop, &w, "+back/new");
	for (const char *const *name =
	             (const char *const[]){"back/new", "back/c", "back", "a/last", "a", NULL};
	     *name; name++)
		CHECK(host_remove(watched_in(&w, *name)));
	CHECK(host_remove(outside.dir));
	watched_close(loop, &w);
	kit_close(&loop);
}

TEST(watch_ends_with_what_it_watches)
{
	static watched w;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	for (unsigned tree = 0; tree < 2; tree++) {
		watched_open(loop, &w, tree ? PROA_WATCH_TREE : 0);
		CHECK(host_remove(w.dir));
		CHECK_EQ(kit_await(loop, &w.r), 0);
		CHECK_EQ(w.r.got, PROA_END);
		CHECK(!w.r.buf);
		CHECK(watched_told(&w, "-"));
	}
	kit_close(&loop);
}

TEST(watch_of_a_file)
{
	static watched w;
	char path[2 * PATH];
	NEED(HOST_WATCH);
	LOOP(loop);

	w = (watched){.r = {.then = watched_took, .ctx = &w}};
	REQUIRE(host_temp_dir(w.dir, sizeof w.dir));
	snprintf(path, sizeof path, "%s/file", w.dir);
	CHECK(host_make_file(path));
	proa_watch(proa_root(loop), kit_op(&w.r), path, 0, kit_done);
	UNTIL(loop, w.begun);
	watched_append(path);
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

	watched_open(loop, &w, 0);
	CHECK(host_make_file(watched_in(&w, "before")));
	TOLD(loop, &w, "+before");
	proa_pause(&w.r.op);
	CHECK(host_make_file(watched_in(&w, "kept")));
	watched_append(watched_in(&w, "before"));
	kit_settle(loop);
	CHECK(!watched_told(&w, "+kept"));
	proa_resume(&w.r.op);
	TOLD(loop, &w, "+kept");
	TOLD(loop, &w, "~before");
	CHECK_EQ(w.lost, 0);
	CHECK(host_remove(watched_in(&w, "before")) && host_remove(watched_in(&w, "kept")));
	watched_close(loop, &w);
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

	watched_open(loop, &w, 0);
	proa_pause(&w.r.op);
	CHECK(host_make_file(watched_in(&w, "kept")));
	kit_settle(loop);
	CHECK_EQ(w.used, 0);
	file[0] = fopen(watched_in(&w, "0"), "w");
	file[1] = fopen(watched_in(&w, "1"), "w");
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
	CHECK(host_remove(watched_in(&w, "kept")));
	TOLD(loop, &w, "-kept");
	CHECK(host_remove(watched_in(&w, "0")) && host_remove(watched_in(&w, "1")));
	watched_close(loop, &w);
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

/* Not followed where they are met, but where they are what is to be watched. */
TEST(watch_and_links)
{
	static watched w, v;
	char outside[PATH], link[2 * PATH], in[2 * PATH];
	NEED(HOST_WATCH);
	NEED(HOST_LINKS);
	LOOP(loop);

	REQUIRE(host_temp_dir(outside, sizeof outside));
	watched_open(loop, &w, PROA_WATCH_TREE);
	snprintf(link, sizeof link, "%s/link", w.dir);
	snprintf(in, sizeof in, "%s/one", outside);
	CHECK(host_make_link(link, outside));
	TOLD(loop, &w, "+link");
	CHECK(host_make_file(in));
	CHECK(host_make_file(watched_in(&w, "end")));
	TOLD(loop, &w, "+end");
	CHECK(!strstr(w.said, "one"));
	v = (watched){.r = {.then = watched_took, .ctx = &v}};
	proa_watch(proa_root(loop), kit_op(&v.r), link, 0, kit_done);
	UNTIL(loop, v.begun || v.r.finals);
	CHECK(host_remove(in));
	TOLD(loop, &v, "-one");
	proa_cancel(&v.r.op);
	CHECK_EQ(kit_await(loop, &v.r), -PROA_ECANCELED);
	CHECK(host_remove(watched_in(&w, "end")) && host_remove(link) && host_remove(outside));
	watched_close(loop, &w);
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
	CHECK_EQ(proa_wait(loop, e, 4, proa_clock(loop) + 60 * PROA_SEC), 1);
	CHECK_EQ(e[0].result, 0);
	CHECK_EQ(e[0].got, PROA_MORE);
	CHECK(host_make_file(watched_in(&w, "one")));
	CHECK(host_make_file(watched_in(&w, "two")));
	while (!watched_told(&w, "+one +two") && n++ < 10) {
		CHECK_EQ(proa_wait(loop, e, 4, proa_clock(loop) + 60 * PROA_SEC), 1);
		for (int64_t at = 0; at < e[0].result;) {
			const proa_change *c = (const void *)((char *)e[0].buf + at);

			watched_note(&w, c);
			at += c->bytes;
		}
	}
	CHECK(watched_told(&w, "+one +two"));
	proa_cancel(&w.r.op);
	CHECK_EQ(proa_await(loop, &w.r.op), -PROA_ECANCELED);
	CHECK(host_remove(watched_in(&w, "one")) && host_remove(watched_in(&w, "two")) &&
	      host_remove(w.dir));
	kit_close(&loop);
}

/* Nothing is missed for want of descriptors, it may only take longer. */
TEST(watch_with_few_descriptors)
{
	enum { FILES = 12 };
	static watched w;
	char name[16], said[16];
	NEED(HOST_WATCH);
	NEED(HOST_LIMIT);
	LOOP(loop);

	host_limit_low(12);
	watched_open(loop, &w, PROA_WATCH_TREE);
	CHECK(host_make_dir(watched_in(&w, "dir")));
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "dir/%d", i);
		CHECK(host_make_file(watched_in(&w, name)));
	}
	TOLD(loop, &w, "+dir/11");
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "dir/%d", i);
		watched_append(watched_in(&w, name));
	}
	for (int i = 0; i < FILES; i++) {
		snprintf(said, sizeof said, "~dir/%d", i);
		TOLD(loop, &w, said);
	}
	host_limit_back();
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "dir/%d", i);
		CHECK(host_remove(watched_in(&w, name)));
	}
	CHECK(host_remove(watched_in(&w, "dir")));
	TOLD(loop, &w, "-dir");
	CHECK_EQ(w.lost, 0);
	watched_close(loop, &w);
	kit_close(&loop);
}
