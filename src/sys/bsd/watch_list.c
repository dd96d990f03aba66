/* Folders that are watched on kqueue systems, listed and compared with what was there before. */
/* SPDX-License-Identifier: MIT */
#include "sys/bsd/dir.h"
#include "sys/bsd/watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/event.h>
#include <unistd.h>

/* ---- reading ---- */

static DIR *folder_open(const px_fswatch *w, const px_seen *folder)
{
	char *path = folder->fd < 0 ? px_seen_path(w, folder, true) : NULL;
	int fd = folder->fd, saved;
	DIR *dir = NULL;

	if (path)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		dir = px_dir_again(fd);
	saved = errno;
	if (path && fd >= 0)
		close(fd);
	free(path);
	errno = saved;
	return dir;
}

static uint32_t type_of(DIR *dir, const struct dirent *e)
{
	struct stat st;

	switch (e->d_type) {
	case DT_REG: return PROA_S_FILE;
	case DT_DIR: return PROA_S_DIR;
	case DT_LNK: return PROA_S_LINK;
	case DT_UNKNOWN: break;
	default: return PROA_S_OTHER;
	}
	if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
		return PROA_S_OTHER;
	return px_stat_type(st.st_mode);
}

static bool entry_push(px_fswatch *w, px_seens *now, px_seen *folder, DIR *dir,
                       const struct dirent *e)
{
	px_seen *s = px_seen_new(folder, e->d_name);

	if (!s)
		return false;
	s->ino = e->d_ino;
	s->type = type_of(dir, e);
	if (px_seens_push(w, now, s))
		return true;
	px_seen_bury(w, s);
	return false;
}

/* 0 or errno, and then there may be some. */
static int entries_read(px_fswatch *w, px_seens *now, px_seen *folder, DIR *dir)
{
	struct dirent *e;

	for (;;) {
		errno = 0;
		if (!(e = readdir(dir)))
			return errno;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!entry_push(w, now, folder, dir, e))
			return ENOMEM;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(px_seen *const *)a)->name, (*(px_seen *const *)b)->name);
}

/* What its folder has, by name; 0 or errno. */
static int folder_read(px_fswatch *w, px_seens *now, px_seen *folder)
{
	DIR *dir = folder_open(w, folder);
	struct stat st = {0};
	int error;

	if (!dir)
		return errno;
	error = fstat(dirfd(dir), &st) ? errno : entries_read(w, now, folder, dir);
	closedir(dir);
	for (size_t i = 0; i < now->n; i++)
		now->at[i]->dev = (uint64_t)st.st_dev;
	if (now->n)
		qsort(now->at, now->n, sizeof *now->at, by_name);
	return error;
}

/* ---- comparing ---- */

static unsigned notes_of(const px_facts *a, const px_facts *b)
{
	unsigned notes = 0;

	if (a->size_bytes != b->size_bytes || a->mtime_ns != b->mtime_ns)
		notes |= NOTE_WRITE;
	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->links != b->links)
		notes |= NOTE_ATTRIB;
	return notes;
}

/* Nobody tells of it; perhaps there is a descriptor for it now. */
static void lacking_look(px_fswatch *w, px_seen *s)
{
	px_facts before = s->facts;

	px_seen_open(w, s);
	if (s->type == PROA_S_DIR)
		before.links = s->facts.links; /* told as the folders in it */
	px_seen_touch(w, s, notes_of(&before, &s->facts));
	px_seen_dirty(w, s);
}

static void kid_gone(px_fswatch *w, px_seen *s)
{
	s->gone = true;
	if (!px_seens_push(w, &w->gone, s))
		px_seen_bury(w, s);
}

static void kid_came(px_fswatch *w, px_seen *s)
{
	s->fresh = px_seens_push(w, &w->news, s);
}

/* Both are by name. What stays takes its place among those that are there now. */
static void kids_compare(px_fswatch *w, px_seen *folder, px_seens *now)
{
	size_t i = 0, j = 0;

	while (i < folder->n_kids || j < now->n) {
		px_seen *old = i < folder->n_kids ? folder->kids[i] : NULL;
		px_seen *new = j < now->n ? now->at[j] : NULL;
		int order = !old ? 1 : !new ? -1 : strcmp(old->name, new->name);
		bool same = order == 0 && old->ino == new->ino && old->type == new->type;

		i += order <= 0;
		j += order >= 0;
		if (same) {
			now->at[j - 1] = old;
			px_seen_bury(w, new);
			if (old->lacks)
				lacking_look(w, old);
			continue;
		}
		if (order <= 0)
			kid_gone(w, old);
		if (order >= 0)
			kid_came(w, new);
	}
}

/* One that has gone meanwhile is told by its own folder. */
static void list_failed(px_fswatch *w, px_seen *folder, int error)
{
	if (error == ENOENT || error == ENOTDIR || w->quiet || folder->unread)
		return;
	folder->unread = true;
	px_seen_tell(w, folder, PROA_W_OVERFLOW, 0);
}

void px_seen_list(px_fswatch *w, px_seen *folder)
{
	px_seens now = {.n = 0};
	int error = folder_read(w, &now, folder);

	if (error) {
		for (size_t i = 0; i < now.n; i++)
			px_seen_bury(w, now.at[i]);
		free(now.at);
		list_failed(w, folder, error);
		return;
	}
	folder->unread = false;
	kids_compare(w, folder, &now);
	free(folder->kids);
	folder->kids = now.at;
	folder->n_kids = now.n;
}
