/* Watching: what is told, done again elsewhere, makes the tree that is there. */
/* SPDX-License-Identifier: MIT */
#include "watched.h"

#include <string.h>

enum { NAMES = 64, NAME = 64, DEPTH = 3, STEPS = 60, SEEDS = 8 };

/* All names below a folder. Those that have moved away have the rest of theirs, and a pair. */
typedef struct mirror {
	char name[NAMES][NAME];
	uint32_t pair[NAMES];
	bool dir[NAMES];
	unsigned n;
} mirror;

static mirror told_of, truth;

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

static void mirror_add(mirror *m, const char *name, bool dir)
{
	if (mirror_find(m, name) >= 0 || !CHECK(m->n < NAMES))
		return;
	snprintf(m->name[m->n], NAME, "%s", name);
	m->pair[m->n] = 0;
	m->dir[m->n++] = dir;
}

static void mirror_drop(mirror *m, unsigned i)
{
	m->n--;
	memcpy(m->name[i], m->name[m->n], NAME);
	m->pair[i] = m->pair[m->n];
	m->dir[i] = m->dir[m->n];
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

static void mirror_take(const proa_change *c)
{
	mirror *m = &told_of;
	bool moved = c->what & PROA_W_MOVED && c->pair;

	if (c->what & PROA_W_REMOVED && moved)
		mirror_away(m, c->name, c->pair);
	else if (c->what & PROA_W_REMOVED)
		mirror_remove(m, c->name);
	if (c->what & PROA_W_CREATED && moved)
		mirror_back(m, c->name, c->pair);
	if (c->what & PROA_W_CREATED)
		mirror_add(m, c->name, (c->what & PROA_W_DIR) != 0);
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

	i = i < (int)truth.n && truth.dir[i] ? i : -1;
	for (const char *c = i < 0 ? "" : truth.name[i]; *c; c++)
		depth += *c == '/';
	if (i < 0 || depth >= DEPTH)
		snprintf(out, 2 * NAME, "%c", letter);
	else
		snprintf(out, 2 * NAME, "%s/%c", truth.name[i], letter);
}

static bool is_empty(const mirror *m, const char *name)
{
	unsigned below = 0;

	for (unsigned i = 0; i < m->n; i++)
		below += rest_of(m->name[i], name) != NULL;
	return below == 1;
}

static void step_make(const watched *w, const char *name, bool dir)
{
	CHECK(dir ? host_make_dir(watched_in(w, name)) : host_make_file(watched_in(w, name)));
	mirror_add(&truth, name, dir);
}

static void step_rename(const watched *w, const char *from, const char *to)
{
	size_t longest = strlen(to);

	for (unsigned i = 0; i < truth.n; i++)
		if (rest_of(truth.name[i], from))
			longest = strlen(to) + strlen(truth.name[i]);
	if (longest + 8 > NAME || mirror_find(&truth, to) >= 0 || rest_of(to, from))
		return;
	CHECK_EQ(rename(watched_in(w, from), watched_in(w, to)), 0);
	mirror_away(&truth, from, 1);
	mirror_back(&truth, to, 1);
}

/* One thing that programs do to a tree. */
static void step(const watched *w, unsigned *seed)
{
	char name[2 * NAME], to[2 * NAME];
	unsigned what = chance(seed, 8);
	int i;

	name_choose(seed, name);
	name_choose(seed, to);
	i = mirror_find(&truth, name);
	if (i < 0) {
		if (truth.n < NAMES / 2 && strlen(name) + 8 < NAME)
			step_make(w, name, what & 1);
	} else if (what < 4) {
		step_rename(w, name, to);
	} else if (what < 6 && !truth.dir[i]) {
		watched_append(watched_in(w, name));
	} else if (is_empty(&truth, name)) {
		CHECK(host_remove(watched_in(w, name)));
		mirror_remove(&truth, name);
	}
}

static bool mirrors_same(const mirror *a, const mirror *b)
{
	unsigned there = 0;

	for (unsigned i = 0; i < a->n; i++) {
		int other = mirror_find(b, a->name[i]);

		if (a->pair[i])
			continue; /* it has left */
		if (other < 0 || b->dir[other] != a->dir[i])
			return false;
		there++;
	}
	return there == b->n;
}

static void mirror_print(const char *what, const mirror *m)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!m->pair[i])
			test_note("%s: %s%s", what, m->name[i], m->dir[i] ? "/" : "");
}

static void everything_remove(const watched *w, mirror *m)
{
	while (m->n) {
		unsigned longest = 0;

		for (unsigned i = 0; i < m->n; i++)
			if (strlen(m->name[i]) > strlen(m->name[longest]))
				longest = i;
		CHECK(host_remove(watched_in(w, m->name[longest])));
		mirror_drop(m, longest);
	}
}

/* Where changes come one by one, a name in them may be another's by the time that it is looked at:
 * that is exact only if one thing happens at a time. */
static void mirror_run(proa_loop *loop, unsigned seed, bool logged)
{
	static watched w;
	unsigned first = seed;

	watched_open(loop, &w, PROA_WATCH_TREE);
	told_of.n = truth.n = 0;
	w.each = mirror_take;
	for (int i = 0; i < STEPS; i++) {
		step(&w, &seed);
		if (logged)
			UNTIL(loop, mirrors_same(&told_of, &truth));
		else if (chance(&seed, 4) == 0)
			kit_once(loop, 2);
	}
	step_make(&w, "end", false);
	UNTIL(loop, mirrors_same(&told_of, &truth));
	CHECK_EQ(w.lost, 0);
	if (!mirrors_same(&told_of, &truth)) {
		test_note("seed %u; told: %s", first, w.said);
		mirror_print("told", &told_of);
		mirror_print("there", &truth);
	}
	everything_remove(&w, &truth);
	watched_close(loop, &w);
}

TEST(watch_told_makes_the_same_tree)
{
	bool logged = !host_lacks(HOST_WATCH_LOG);
	NEED(HOST_WATCH_SELF);
	LOOP(loop);

	for (unsigned seed = 1; seed <= SEEDS; seed++)
		mirror_run(loop, seed, logged);
	kit_close(&loop);
}
