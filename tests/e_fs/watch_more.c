/* Watching by kqueue: more changes at once than are told at once. */
/* SPDX-License-Identifier: MIT */
#include "watched.h"

/* A batch is 1 MiB at most, and of each file its whole path is told: folders with long names in
 * each other need few files for that. */
enum { FILES = 1600, DEPTH = 3, NAME = 200, DEEP = 1000 };

static unsigned n_told;

static void count(const proa_change *c)
{
	n_told += c->name_len > (DEPTH + 1) * NAME;
}

/* Below `dir`, in the lowest of so many folders: number `i` there. */
static const char *deep_name(const char *dir, unsigned depth, unsigned i)
{
	static char path[DEEP];
	int n = snprintf(path, sizeof path, "%s", dir);

	while (depth--)
		n += snprintf(path + n, sizeof path - (size_t)n, "/%0*u", NAME, 0u);
	snprintf(path + n, sizeof path - (size_t)n, "/%0*u", NAME, i);
	return path;
}

static void folders_make(const char *dir)
{
	for (unsigned depth = 0; depth < DEPTH; depth++)
		CHECK(host_make_dir(deep_name(dir, depth, 0)));
}

static void folders_remove(const char *dir)
{
	for (unsigned depth = DEPTH; depth--;)
		CHECK(host_remove(deep_name(dir, depth, 0)));
}

/* What has no place is told to be lost, and what comes then is told. */
TEST(watch_of_more_than_is_told_at_once)
{
	static watched w;
	char outside[PATH];
	unsigned made = 0;
	NEED(HOST_WATCH);
	LOOP(loop);

	REQUIRE(host_temp_dir(outside, sizeof outside));
	folders_make(outside);
	while (made < FILES && host_make_file(deep_name(outside, DEPTH, made)))
		made++;
	CHECK_EQ(made, FILES);
	watched_open(loop, &w, PROA_WATCH_TREE);
	w.each = count;
	n_told = 0;
	CHECK_EQ(rename(outside, watched_in(&w, "in")), 0);
	UNTIL(loop, w.lost || n_told >= FILES);
	CHECK_GT(n_told, FILES / 2);
	test_note("%u told, %u times lost", n_told, w.lost);
	CHECK(host_make_file(watched_in(&w, "in/later")));
	TOLD(loop, &w, "+in/later");
	CHECK(host_remove(watched_in(&w, "in/later")));
	CHECK_EQ(rename(watched_in(&w, "in"), outside), 0);
	TOLD(loop, &w, "<in");
	watched_close(loop, &w);
	while (made && host_remove(deep_name(outside, DEPTH, made - 1)))
		made--;
	folders_remove(outside);
	CHECK(host_remove(outside));
	kit_close(&loop);
}
