/* What has happened in folders, on kqueue systems: by comparing, and moves put together. */
/* SPDX-License-Identifier: MIT */
#include "sys/bsd/watch.h"

#include <stdlib.h>
#include <sys/types.h>

#include <sys/event.h>

/* ---- how it works ----
 *
 * A folder tells that something of it has changed, not what. A round lists the folders that did,
 * and has two lists then: names that are gone, and new ones. Who is gone here and new there, by its
 * number, has moved, with all that is known below it; so the tree keeps its descriptors. The other
 * new ones are opened, and folders among them are listed by the next round. When nothing is left to
 * be listed, the rounds are over.
 *
 * It is told from the deepest to the highest what is gone, and the other way round what is new: so
 * no name is told below one that is not there. What is gone but lives has moved away; its other end
 * may come with a later round, so until the end of the batch it stays in `gone`, told already. */

/* ---- order ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = (*(px_seen *const *)a)->ino, y = (*(px_seen *const *)b)->ino;

	return (x > y) - (x < y);
}

static int by_depth(const void *a, const void *b)
{
	size_t x = (*(px_seen *const *)a)->depth, y = (*(px_seen *const *)b)->depth;

	return (x > y) - (x < y);
}

static void seens_sort(px_seens *list, int (*by)(const void *, const void *))
{
	for (size_t i = 0; i < list->n; i++)
		px_seen_depth(list->at[i]);
	if (list->n)
		qsort(list->at, list->n, sizeof *list->at, by);
}

/* ---- moves ---- */

static bool looks_same(const px_facts *a, const px_facts *b)
{
	return a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns && a->mode == b->mode;
}

/* A number is another file's when the first is gone; who has it by a descriptor keeps it. */
static bool is_twin(px_fswatch *w, const px_seen *old, px_seen *new)
{
	if (old->ino != new->ino || old->dev != new->dev || old->type != new->type || old->taken ||
	    old->buried)
		return false;
	return old->fd >= 0 || (!px_seen_look(w, new) && looks_same(&old->facts, &new->facts));
}

/* `gone` is by number. */
static px_seen *twin_find(px_fswatch *w, px_seen *new)
{
	size_t low = 0, high = w->gone.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->gone.at[mid]->ino < new->ino)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < w->gone.n && w->gone.at[low]->ino == new->ino; low++)
		if (is_twin(w, w->gone.at[low], new))
			return w->gone.at[low];
	return NULL;
}

static bool is_below(const px_seen *s, const px_seen *top)
{
	while (s && s != top)
		s = s->parent;
	return s != NULL;
}

/* What cannot be is not: a listing was older than another one. */
static void twins_find(px_fswatch *w)
{
	seens_sort(&w->gone, by_number);
	for (size_t i = 0; i < w->news.n; i++) {
		px_seen *new = w->news.at[i], *old = new->buried ? NULL : twin_find(w, new);

		if (!old || is_below(new, old))
			continue;
		old->taken = true;
		new->twin = old;
	}
}

/* The old one, with all that is below it, takes the new one's place; `new` is none any more. */
static void twin_place(px_fswatch *w, px_seen *new)
{
	px_seen *old = new->twin, *folder = new->parent;
	char *name = new->name;

	for (size_t i = 0; i < folder->n_kids; i++)
		if (folder->kids[i] == new)
			folder->kids[i] = old;
	new->name = old->name;
	old->name = name;
	old->parent = folder;
	old->gone = old->taken = false;
	px_seen_bury(w, new);
}

/* ---- gone ---- */

/* It is moved, not removed, if it still has as many names as before; of a folder they are those of
 * its own folders, too. */
static bool has_moved(px_fswatch *w, px_seen *s)
{
	uint64_t before = s->facts.links;

	if (s->taken)
		return true;
	if (s->fd < 0 || px_seen_look(w, s) || !s->facts.links)
		return false;
	if (s->type == PROA_S_DIR)
		return !(s->notes & NOTE_DELETE);
	return s->facts.links >= before;
}

static void removed_tell(px_fswatch *w, px_seen *top)
{
	px_seen *s = top;

	for (;;) {
		if (s->n_kids) {
			s = s->kids[s->n_kids - 1];
			continue;
		}
		if (!s->fresh)
			px_seen_tell(w, s, PROA_W_REMOVED, 0);
		px_seen_bury(w, s);
		if (s == top)
			return;
		s = s->parent;
		s->n_kids--;
	}
}

static void gone_tell(px_fswatch *w)
{
	seens_sort(&w->gone, by_depth);
	for (size_t i = w->gone.n; i--;) {
		px_seen *s = w->gone.at[i];

		if (s->pair || s->buried)
			continue; /* told before */
		if (!has_moved(w, s)) {
			removed_tell(w, s);
			continue;
		}
		if (!(s->pair = ++w->pairs))
			s->pair = ++w->pairs;
		px_seen_tell(w, s, PROA_W_REMOVED | PROA_W_MOVED, s->pair);
	}
}

/* ---- new ---- */

static void new_tell(px_fswatch *w, px_seen *s)
{
	s->fresh = false;
	if (s->pair) {
		px_seen_tell(w, s, PROA_W_CREATED | PROA_W_MOVED, s->pair);
		s->pair = 0;
		return;
	}
	px_seen_open(w, s);
	px_seen_tell(w, s, PROA_W_CREATED, 0);
	px_seen_dirty(w, s);
}

static void twins_place(px_fswatch *w)
{
	for (size_t i = 0; i < w->news.n; i++) {
		px_seen *new = w->news.at[i], *old = new->twin;

		if (!old)
			continue;
		if (new->buried || is_below(new, old)) { /* gone with its folder; or by now below */
			new->twin = NULL;
			old->taken = false;
			continue;
		}
		twin_place(w, new);
		w->news.at[i] = old;
	}
}

/* What is below something that is away waits until it is known where. */
static void news_tell(px_fswatch *w)
{
	size_t kept = 0;

	seens_sort(&w->news, by_depth);
	for (size_t i = 0; i < w->news.n; i++) {
		px_seen *s = w->news.at[i];

		if (s->buried)
			continue;
		if (px_seen_inside(s))
			new_tell(w, s);
		else
			w->news.at[kept++] = s;
	}
	w->news.n = kept;
}

static void gone_keep(px_fswatch *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->gone.n; i++)
		if (w->gone.at[i]->gone && !w->gone.at[i]->buried)
			w->gone.at[kept++] = w->gone.at[i];
	w->gone.n = kept;
}

/* ---- a round ---- */

/* The deepest first: so what has left a folder that is gone is found. Whether there was one. */
static bool folders_list(px_fswatch *w)
{
	px_seens list = w->dirty;
	bool some = false;

	w->dirty = (px_seens){.n = 0};
	seens_sort(&list, by_depth);
	for (size_t i = list.n; i--;) {
		px_seen *s = list.at[i];

		s->dirty = false;
		if (s->buried)
			continue;
		if (!px_seen_inside(s)) { /* later, or never */
			px_seen_dirty(w, s);
			continue;
		}
		px_seen_list(w, s);
		some = true;
	}
	free(list.at);
	return some;
}

void px_watch_rounds(px_fswatch *w)
{
	while (folders_list(w)) {
		twins_find(w);
		gone_tell(w);
		twins_place(w);
		news_tell(w);
		gone_keep(w);
	}
}

void px_watch_away_drop(px_fswatch *w)
{
	for (size_t i = 0; i < w->gone.n; i++)
		px_seen_bury(w, w->gone.at[i]);
	w->gone.n = 0;
	w->news.n = 0;
}
