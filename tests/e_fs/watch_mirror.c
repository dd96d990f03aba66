/* Watching: what is told, done again elsewhere, makes the tree that is there. */
/* SPDX-License-Identifier: MIT */
#include "watched.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES = 512, SEVERAL = 32, NAME = 64, DEPTH = 3, STEPS = 60, SEEDS = 15 };
enum { RENAMED = 1, SWAPPED, OUTSIDE }; /* pairs of the truth's own */

/* All names below a folder. Those that have moved away have the rest of theirs, and a pair. */
typedef struct mirror {
	char name[NAMES][NAME];
	uint32_t pair[NAMES];
	bool dir[NAMES];
	unsigned n;
} mirror;

static mirror told_of, truth;
static watched w, outside;

/* What is behind `top`, or NULL: not it, nor below it. */
static const char *rest_of(const char *name, const char *top)
{
	size_t len = strlen(top);

	return strncmp(name, top, len) || (name[len] && name[len] != '/') ? NULL : name + len;
}

static int mirror_find(const mirror *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!m->pair[i] && !strcmp(m->name[i], name))
			return (int)i;
	return -1;
}

static void mirror_drop(mirror *m, unsigned i)
{
	m->n--;
	memcpy(m->name[i], m->name[m->n], NAME);
	m->pair[i] = m->pair[m->n];
	m->dir[i] = m->dir[m->n];
}

/* What moved away, and never back. */
static void mirror_forget(mirror *m)
{
	for (unsigned i = m->n; i--;)
		if (m->pair[i])
			mirror_drop(m, i);
}

static void mirror_add(mirror *m, const char *name, bool dir)
{
	if (mirror_find(m, name) >= 0)
		return;
	if (m->n == NAMES)
		mirror_forget(m);
	REQUIRE(m->n < NAMES);
	snprintf(m->name[m->n], NAME, "%s", name);
	m->pair[m->n] = 0;
	m->dir[m->n++] = dir;
}

static void mirror_remove(mirror *m, const char *name)
{
	for (unsigned i = m->n; i--;)
		if (!m->pair[i] && rest_of(m->name[i], name))
			mirror_drop(m, i);
}

static void mirror_away(mirror *m, const char *name, uint32_t pair)
{
	for (unsigned i = 0; i < m->n; i++) {
		const char *rest = m->pair[i] ? NULL : rest_of(m->name[i], name);

		if (rest) {
			memmove(m->name[i], rest, strlen(rest) + 1);
			m->pair[i] = pair;
		}
	}
}

static void mirror_back(mirror *m, const char *name, uint32_t pair)
{
	char whole[2 * NAME];

	mirror_remove(m, name);
	for (unsigned i = 0; i < m->n; i++) {
		if (m->pair[i] != pair)
			continue;
		snprintf(whole, sizeof whole, "%s%s", name, m->name[i]);
		CHECK(strlen(whole) < NAME);
		memcpy(m->name[i], whole, NAME);
		m->pair[i] = 0;
	}
}

/* As who was told to look does: what is below a name now, or below all. */
static void mirror_look(const char *top)
{
	for (unsigned i = told_of.n; i--;)
		if (!told_of.pair[i] &&
		    (!*top || (rest_of(told_of.name[i], top) && *rest_of(told_of.name[i], top))))
			mirror_drop(&told_of, i);
	for (unsigned i = 0; i < truth.n; i++)
		if (!truth.pair[i] && (!*top || rest_of(truth.name[i], top)))
			mirror_add(&told_of, truth.name[i], truth.dir[i]);
}

static void mirror_take(const proa_change *c)
{
	mirror *m = &told_of;
	bool moved = c->what & PROA_W_MOVED && c->pair, dir = (c->what & PROA_W_DIR) != 0;

	if (c->what & PROA_W_OVERFLOW)
		mirror_look(c->name);
	if (c->what & PROA_W_REMOVED && moved)
		mirror_away(m, c->name, c->pair);
	if (c->what & PROA_W_REMOVED && !moved)
		mirror_remove(m, c->name);
	if (!(c->what & PROA_W_CREATED))
		return;
	if (moved)
		mirror_back(m, c->name, c->pair);
	mirror_add(m, c->name, dir);
	if (dir && w.lost)
		mirror_look(c->name); /* what was seen before may be newer than what is told */
}

static unsigned chance(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

/* A name that may be there or not, in a folder that is there. */
static void name_choose(unsigned *seed, char out[2 * NAME])
{
	char letter = (char)('a' + chance(seed, 5));
	int i = (int)chance(seed, truth.n + 1);
	unsigned depth = 0;

	i = i < (int)truth.n && truth.dir[i] && !truth.pair[i] ? i : -1;
	for (const char *c = i < 0 ? "" : truth.name[i]; *c; c++)
		depth += *c == '/';
	if (i < 0 || depth >= DEPTH)
		snprintf(out, 2 * NAME, "%c", letter);
	else
		snprintf(out, 2 * NAME, "%s/%c", truth.name[i], letter);
}

static void step_make(const char *name, bool dir)
{
	CHECK(dir ? host_make_dir(watched_in(&w, name)) : host_make_file(watched_in(&w, name)));
	mirror_add(&truth, name, dir);
}

/* Whether all names below are still short enough there. */
static bool fits(const char *from, const char *to, uint32_t pair)
{
	for (unsigned i = 0; i < truth.n; i++)
		if (truth.pair[i] == pair && (pair || rest_of(truth.name[i], from)) &&
		    strlen(to) + strlen(truth.name[i]) + 8 > NAME)
			return false;
	return true;
}

static bool is_empty(const mirror *m, const char *name)
{
	unsigned below = 0;

	for (unsigned i = 0; i < m->n; i++)
		below += !m->pair[i] && rest_of(m->name[i], name) != NULL;
	return below == 1;
}

/* To a name that nobody has, or over something of its kind; or the two change places. */
static void step_rename(const char *from, const char *to, bool swap)
{
	int i = mirror_find(&truth, from), there = mirror_find(&truth, to);

	swap = swap && there >= 0;
	if (rest_of(to, from) || rest_of(from, to) || !fits(from, to, 0))
		return;
	if (swap) {
		if (!fits(to, from, 0) || !host_swap(watched_in(&w, from), watched_in(&w, to)))
			return;
		mirror_away(&truth, to, SWAPPED);
	} else if (there >= 0 && (truth.dir[there] != truth.dir[i] || !is_empty(&truth, to))) {
		return;
	} else if (rename(watched_in(&w, from), watched_in(&w, to))) {
		CHECK_GE(there, 0); /* where nothing is replaced */
		return;
	}
	mirror_away(&truth, from, RENAMED);
	mirror_back(&truth, to, RENAMED);
	mirror_back(&truth, from, SWAPPED);
}

/* Elsewhere, and back: by another name, perhaps. */
static void step_outside(const char *name, int i)
{
	bool there = false;

	for (unsigned j = 0; j < truth.n; j++)
		there = there || truth.pair[j] == OUTSIDE;
	if (i >= 0 && !there) {
		CHECK_EQ(rename(watched_in(&w, name), watched_in(&outside, "o")), 0);
		mirror_away(&truth, name, OUTSIDE);
	} else if (i < 0 && there && fits("", name, OUTSIDE)) {
		CHECK_EQ(rename(watched_in(&outside, "o"), watched_in(&w, name)), 0);
		mirror_back(&truth, name, OUTSIDE);
	}
}

/* One thing that programs do to a tree. */
static void step(unsigned *seed)
{
	char name[2 * NAME], to[2 * NAME];
	unsigned what = chance(seed, 10);
	int i;

	name_choose(seed, name);
	name_choose(seed, to);
	i = mirror_find(&truth, name);
	if (what > 8) {
		step_outside(name, i);
	} else if (i < 0) {
		if (truth.n < SEVERAL && strlen(name) + 8 < NAME)
			step_make(name, what & 1);
	} else if (what < 5) {
		step_rename(name, to, what > 2);
	} else if (what < 6 && !truth.dir[i]) {
		watched_append(watched_in(&w, name));
	} else if (is_empty(&truth, name)) {
		CHECK(host_remove(watched_in(&w, name)));
		mirror_remove(&truth, name);
	}
}

static unsigned mirror_count(const mirror *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += !m->pair[i]; /* else it has left */
	return n;
}

static bool mirrors_same(const mirror *a, const mirror *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		int other = a->pair[i] ? 0 : mirror_find(b, a->name[i]);

		if (!a->pair[i] && (other < 0 || b->dir[other] != a->dir[i]))
			return false;
	}
	return mirror_count(a) == mirror_count(b);
}

static void mirror_print(const char *what, const mirror *m)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!m->pair[i])
			test_note("%s: %s%s", what, m->name[i], m->dir[i] ? "/" : "");
}

static void everything_remove(mirror *m)
{
	while (m->n) {
		unsigned longest = 0;

		for (unsigned i = 0; i < m->n; i++)
			if (strlen(m->name[i]) > strlen(m->name[longest]))
				longest = i;
		CHECK(host_remove(watched_in(&w, m->name[longest])));
		mirror_drop(m, longest);
	}
}

/* Few seeds wait for each step to be told, or with all; most have a worker look meanwhile. */
static unsigned mirror_run(proa_loop *loop, unsigned seed)
{
	unsigned first = seed, pace = seed % 6, steps = pace ? 5 * STEPS : STEPS;

	watched_open(loop, &w, PROA_WATCH_TREE);
	told_of.n = truth.n = 0;
	w.each = mirror_take;
	for (unsigned i = 0; i < steps; i++) {
		step(&seed);
		if (!pace)
			UNTIL(loop, mirrors_same(&told_of, &truth));
		else if (pace > 1 && chance(&seed, 3) == 0)
			kit_once(loop, 0);
	}
	UNTIL(loop, mirrors_same(&told_of, &truth));
	if (!mirrors_same(&told_of, &truth)) {
		test_note("seed %u; told: %s", first, w.said);
		mirror_print("told", &told_of);
		mirror_print("there", &truth);
	}
	if (!rename(watched_in(&outside, "o"), watched_in(&w, "o")))
		mirror_back(&truth, "o", OUTSIDE);
	everything_remove(&truth);
	watched_close(loop, &w);
	return w.lost;
}

TEST(watch_told_makes_the_same_tree)
{
	const char *more = getenv("PROA_MIRROR_SEEDS");
	unsigned lost = 0, seeds = more ? (unsigned)strtoul(more, NULL, 10) : SEEDS;
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	REQUIRE(host_temp_dir(outside.dir, sizeof outside.dir));
	for (unsigned seed = 1; seed <= seeds; seed++)
		lost += mirror_run(loop, seed);
	CHECK_LE(lost, 1 + seeds / 100); /* a rename may be seen long before it is told */
	CHECK(host_remove(outside.dir));
	kit_close(&loop);
}
