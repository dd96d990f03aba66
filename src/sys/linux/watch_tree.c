/* Folders that are watched by inotify: found by number and by name, their paths, their moves. */
/* SPDX-License-Identifier: MIT */
#include "sys/linux/watch.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 4096, TABLE_FIRST = 64, LET_GO = 1024 };

bool px_room_make(char **at, size_t *room, size_t used, size_t bytes)
{
	size_t more = *room ? *room : ROOM_FIRST;
	char *grown;

	while (more < used + bytes)
		more *= 2;
	if (more == *room)
		return true;
	if (!(grown = realloc(*at, more)))
		return false;
	*at = grown;
	*room = more;
	return true;
}

/* ---- two tables ---- */

uint32_t px_name_hash(uint32_t seed, const char *name)
{
	uint32_t h = seed ^ 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h ? h : 1;
}

static uint32_t wd_key(int wd)
{
	return (uint32_t)wd * 2654435761u;
}

static uint32_t name_key(const px_folder *parent, const char *name)
{
	uint64_t p = (uintptr_t)parent;

	return px_name_hash((uint32_t)(p >> 4) ^ (uint32_t)(p >> 32), name);
}

static px_folder **bucket(const px_folders *t, uint32_t key)
{
	return &t->at[(key ^ key >> 16) & (t->room - 1)];
}

/* Without memory it stays as it is, and becomes slower. */
static bool table_grow(px_folders *t, int by)
{
	px_folders more = {.room = t->room ? 2 * t->room : TABLE_FIRST, .n = t->n};

	if (t->n < t->room)
		return true;
	if (!(more.at = calloc(more.room, sizeof(px_folder *))))
		return t->room > 0;
	for (size_t i = 0; i < t->room; i++) {
		px_folder *f;

		while ((f = t->at[i])) {
			px_folder **place = bucket(&more, f->key[by]);

			t->at[i] = f->chain[by];
			f->chain[by] = *place;
			*place = f;
		}
	}
	free(t->at);
	*t = more;
	return true;
}

static bool table_put(px_fswatch *w, int by, px_folder *f, uint32_t key)
{
	px_folder **place;

	if (!table_grow(&w->by[by], by))
		return false;
	place = bucket(&w->by[by], key);
	f->key[by] = key;
	f->chain[by] = *place;
	*place = f;
	w->by[by].n++;
	return true;
}

static void table_take(px_fswatch *w, int by, px_folder *f)
{
	px_folder **place = bucket(&w->by[by], f->key[by]);

	while (*place != f)
		place = &(*place)->chain[by];
	*place = f->chain[by];
	w->by[by].n--;
}

static px_folder *table_first(const px_fswatch *w, int by, uint32_t key)
{
	return w->by[by].room ? *bucket(&w->by[by], key) : NULL;
}

px_folder *px_folder_of(const px_fswatch *w, int wd)
{
	px_folder *f = table_first(w, PX_BY_WD, wd_key(wd));

	while (f && f->wd != wd)
		f = f->chain[PX_BY_WD];
	return f;
}

px_folder *px_folder_in(const px_fswatch *w, const px_folder *parent, const char *name)
{
	uint32_t key = name_key(parent, name);
	px_folder *f = table_first(w, PX_BY_NAME, key);

	while (f && (f->key[PX_BY_NAME] != key || f->parent != parent || strcmp(f->name, name)))
		f = f->chain[PX_BY_NAME];
	return f;
}

/* ---- one folder ---- */

void px_folder_watched(px_fswatch *w, px_folder *f, int wd)
{
	if (f->wd == wd)
		return;
	if (f->wd >= 0)
		table_take(w, PX_BY_WD, f);
	f->wd = wd;
	if (wd >= 0 && !table_put(w, PX_BY_WD, f, wd_key(wd))) {
		inotify_rm_watch(w->fd, wd);
		f->wd = -1;
	}
}

static void folder_out(px_fswatch *w, px_folder *f)
{
	if (f->parent)
		table_take(w, PX_BY_NAME, f);
	px_list_remove(&f->kin);
	f->parent = NULL;
}

bool px_folder_enter(px_fswatch *w, px_folder *f, px_folder *parent, const char *name)
{
	char *copy = strdup(name);

	if (!copy || !table_put(w, PX_BY_NAME, f, name_key(parent, name))) {
		free(copy);
		return false;
	}
	free(f->name);
	f->name = copy;
	f->parent = parent;
	px_list_remove(&f->kin);
	px_list_push_back(&parent->kids, &f->kin);
	return true;
}

void px_folder_leave(px_fswatch *w, px_folder *f, uint32_t cookie)
{
	folder_out(w, f);
	f->cookie = cookie;
	f->missed = false;
	px_list_push_back(&w->away, &f->kin);
}

px_folder *px_folder_new(px_fswatch *w, px_folder *parent, const char *name)
{
	px_folder *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->wd = -1;
	px_list_init(&f->kids);
	if (parent && !px_folder_enter(w, f, parent, name)) {
		free(f);
		return NULL;
	}
	px_list_push_back(&w->pending, &f->wait);
	return f;
}

/* Many at once would be more events than a queue takes. */
static void one_drop(px_fswatch *w, px_folder *f)
{
	if (f->wd >= 0 && !inotify_rm_watch(w->fd, f->wd) && ++w->let_go % LET_GO == 0 &&
	    !w->taking)
		px_events_fetch(w);
	px_folder_watched(w, f, -1);
	folder_out(w, f);
	px_list_remove(&f->wait);
	free(f->name);
	free(f);
}

/* The last leaf again and again: a tree may be deeper than a stack. */
void px_folder_drop(px_fswatch *w, px_folder *top)
{
	px_folder *f = top;

	for (;;) {
		px_node *last = px_list_last(&f->kids);
		px_folder *up = f == top ? NULL : f->parent;

		if (last) {
			f = PX_OF(last, px_folder, kin);
			continue;
		}
		one_drop(w, f);
		if (!up)
			return;
		f = up;
	}
}

px_folder *px_folder_top(px_folder *f)
{
	while (f->parent)
		f = f->parent;
	return f;
}

bool px_folder_above(const px_folder *top, const px_folder *f)
{
	while (f && f != top)
		f = f->parent;
	return f != NULL;
}

/* ---- paths, and what is told ---- */

const char *px_folder_path(px_fswatch *w, const px_folder *f, bool whole)
{
	size_t root = whole ? strlen(w->root) : 0, len = root;
	const px_folder *up;
	char *at;

	for (up = f; up->parent; up = up->parent)
		len += strlen(up->name) + 1;
	if (!px_room_make(&w->path, &w->path_room, 0, len + 1))
		return NULL;
	at = w->path + len;
	*at = 0;
	for (up = f; up->parent; up = up->parent) {
		size_t n = strlen(up->name);

		at -= n;
		memcpy(at, up->name, n);
		*--at = '/';
	}
	memcpy(w->path, w->root, root);
	return whole || !f->parent ? w->path : w->path + 1;
}

void px_folder_tell(px_fswatch *w, const px_folder *dir, uint32_t what, uint32_t pair,
                    const char *name)
{
	const char *path;

	if (w->quiet && !(what & PROA_W_OVERFLOW))
		return;
	if ((path = px_folder_path(w, dir, false)))
		px_changes_tell(&w->out, what, pair, path, name);
	else
		px_changes_tell(&w->out, PROA_W_OVERFLOW, 0, "", "");
}

void px_folder_maybe(px_fswatch *w, px_folder *parent, const char *name)
{
	px_folder *f = px_folder_new(w, parent, name);

	if (f)
		f->maybe = true;
	else
		px_folder_tell(w, parent, PROA_W_OVERFLOW, 0, name);
}

void px_folder_anew(px_fswatch *w, px_folder *f)
{
	px_folder *parent = f->parent;
	const char *name = f->name;

	px_folder_tell(w, parent, PROA_W_REMOVED | PROA_W_DIR, 0, name);
	px_folder_leave(w, f, 0);
	px_folder_maybe(w, parent, name);
}
