/* Names that are watched on kqueue systems: their tree, their descriptors, what is told of them. */
/* SPDX-License-Identifier: MIT */
#include "sys/bsd/watch.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/event.h>
#include <unistd.h>

/* macOS lets go of a volume in spite of such a descriptor, and needs no right to read. */
#ifdef O_EVTONLY
#define WATCH_OPEN O_EVTONLY
#else
#define WATCH_OPEN O_RDONLY
#endif

/* Its type is a number on one system. */
#define UDATA(seen) ((__typeof__(((struct kevent *)0)->udata))(uintptr_t)(seen))

enum { NOTES = NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK | NOTE_DELETE | NOTE_RENAME };

/* All watches of the process together. */
static atomic_long fds_used;

/* ---- lists ---- */

bool px_seens_push(px_fswatch *w, px_seens *list, px_seen *s)
{
	size_t room = list->room ? 2 * list->room : 64;
	px_seen **more;

	if (list->n == list->room) {
		if (!(more = realloc(list->at, room * sizeof *more))) {
			w->lost = true;
			return false;
		}
		list->at = more;
		list->room = room;
	}
	list->at[list->n++] = s;
	return true;
}

void px_seen_dirty(px_fswatch *w, px_seen *s)
{
	if (!s->dirty && px_seen_listed(w, s))
		s->dirty = px_seens_push(w, &w->dirty, s);
}

void px_seen_touch(px_fswatch *w, px_seen *s, unsigned notes)
{
	s->notes |= notes;
	if (!s->touched && notes)
		s->touched = px_seens_push(w, &w->touched, s);
}

/* ---- the tree ---- */

px_seen *px_seen_new(px_seen *parent, const char *name)
{
	px_seen *s = calloc(1, sizeof *s);

	if (!s || !(s->name = strdup(name))) {
		free(s);
		return NULL;
	}
	s->parent = parent;
	s->fd = -1;
	return s;
}

static void lacks_set(px_fswatch *w, px_seen *s, bool lacks)
{
	w->lacking += lacks;
	w->lacking -= s->lacks;
	s->lacks = lacks;
}

static void fd_close(px_seen *s)
{
	if (s->fd < 0)
		return;
	close(s->fd); /* and nothing is told of it any more */
	s->fd = -1;
	atomic_fetch_sub(&fds_used, 1);
}

static void one_bury(px_fswatch *w, px_seen *s)
{
	if (s->buried)
		return;
	fd_close(s);
	lacks_set(w, s, false);
	s->buried = true;
	s->grave = w->graves;
	w->graves = s;
}

/* The last leaf again and again: a tree may be deeper than a stack. */
void px_seen_bury(px_fswatch *w, px_seen *top)
{
	px_seen *s = top;

	while (top && !top->buried) {
		if (s->n_kids) {
			s = s->kids[s->n_kids - 1];
			continue;
		}
		one_bury(w, s);
		if (s == top)
			return;
		s = s->parent;
		s->n_kids--;
	}
}

void px_graves_free(px_fswatch *w)
{
	px_seen *s;

	while ((s = w->graves)) {
		w->graves = s->grave;
		free(s->kids);
		free(s->name);
		free(s);
	}
}

bool px_seen_listed(const px_fswatch *w, const px_seen *s)
{
	return s->type == PROA_S_DIR && (w->tree || !s->parent);
}

bool px_seen_inside(const px_seen *s)
{
	while (s && !s->gone && !s->buried)
		s = s->parent;
	return !s;
}

size_t px_seen_depth(px_seen *s)
{
	s->depth = 0;
	for (const px_seen *up = s->parent; up; up = up->parent)
		s->depth++;
	return s->depth;
}

/* ---- paths ---- */

char *px_seen_path(const px_fswatch *w, const px_seen *s, bool whole)
{
	size_t root = whole ? strlen(w->root) : 0, len = root;
	char *path, *at;

	for (const px_seen *up = s; up->parent; up = up->parent)
		len += strlen(up->name) + 1;
	if (!(path = malloc(len + 1)))
		return NULL;
	at = path + len;
	*at = 0;
	for (; s->parent; s = s->parent) {
		size_t n = strlen(s->name);

		at -= n;
		memcpy(at, s->name, n);
		*--at = '/';
	}
	memcpy(path, whole ? w->root : "", root);
	if (!whole && len)
		memmove(path, path + 1, len); /* its first "/" */
	return path;
}

void px_seen_tell(px_fswatch *w, const px_seen *s, uint32_t what, uint32_t pair)
{
	char *path;

	if (w->quiet)
		return;
	if ((path = px_seen_path(w, s, false)))
		px_changes_tell(&w->out, what | (s->type == PROA_S_DIR ? PROA_W_DIR : 0u), pair,
		                path, "");
	else
		w->lost = true;
	free(path);
}

/* ---- descriptors ---- */

/* Folders come first, for they tell of names: files leave half of the room to them. */
static bool fd_allowed(const px_fswatch *w, const px_seen *s)
{
	long most = s->type == PROA_S_DIR ? w->fds_most : w->fds_most / 2;

	if (atomic_fetch_add(&fds_used, 1) < most || !s->parent)
		return true;
	atomic_fetch_sub(&fds_used, 1);
	return false;
}

/* Nothing that opening would wake, or that would wait: by name it may be something else by now. */
static int fd_open(const px_fswatch *w, const px_seen *s)
{
	int flags = WATCH_OPEN | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	char *path;
	int fd;

	flags |= s->type == PROA_S_DIR ? O_DIRECTORY : 0;
	if (!s->parent)
		return open(w->root, flags);
	flags |= O_NOFOLLOW;
	if (s->parent->fd >= 0)
		return openat(s->parent->fd, s->name, flags);
	if (!(path = px_seen_path(w, s, true)))
		return -1;
	fd = open(path, flags);
	free(path);
	return fd;
}

static bool fd_watch(const px_fswatch *w, px_seen *s)
{
	struct kevent e = {.ident = (uintptr_t)s->fd,
	                   .filter = EVFILT_VNODE,
	                   .flags = EV_ADD | EV_CLEAR,
	                   .fflags = NOTES | NOTE_REVOKE,
	                   .udata = UDATA(s)};

	return !kevent(w->fd, &e, 1, NULL, 0, NULL);
}

static bool wants_fd(const px_seen *s)
{
	return !s->parent || s->type == PROA_S_FILE || s->type == PROA_S_DIR;
}

/* By name it may be another one than was listed, of which its folder tells. A mount point is known
 * to its folder by a number of its own. */
static bool fd_is_other(px_fswatch *w, px_seen *s)
{
	return s->parent && !px_seen_look(w, s) && s->facts.dev == s->dev && s->facts.ino != s->ino;
}

/* Watched first and looked at then, so nothing happens between. */
void px_seen_open(px_fswatch *w, px_seen *s)
{
	int saved = EMFILE;

	if (wants_fd(s) && s->fd < 0 && fd_allowed(w, s)) {
		s->fd = fd_open(w, s);
		saved = errno;
		if (s->fd < 0)
			atomic_fetch_sub(&fds_used, 1);
		else if (!fd_watch(w, s) || fd_is_other(w, s)) {
			saved = errno;
			fd_close(s);
		}
	}
	lacks_set(w, s, wants_fd(s) && s->fd < 0);
	px_seen_look(w, s);
	errno = saved;
}

static int seen_stat(px_fswatch *w, px_seen *s, struct stat *st)
{
	char *path;
	int rc;

	if (s->fd >= 0)
		return fstat(s->fd, st);
	if (s->parent && s->parent->fd >= 0)
		return fstatat(s->parent->fd, s->name, st, AT_SYMLINK_NOFOLLOW);
	if (!(path = px_seen_path(w, s, true)))
		return -1;
	rc = lstat(path, st);
	free(path);
	return rc;
}

int px_seen_look(px_fswatch *w, px_seen *s)
{
	proa_stat_info info;
	struct stat st;

	if (seen_stat(w, s, &st))
		return -1;
	px_stat_fill(&info, &st);
	s->facts = (px_facts){.size_bytes = info.size_bytes,
	                      .mtime_ns = info.mtime_ns,
	                      .ino = info.ino,
	                      .dev = info.dev,
	                      .links = (uint64_t)st.st_nlink,
	                      .mode = info.mode,
	                      .uid = (uint32_t)st.st_uid,
	                      .gid = (uint32_t)st.st_gid};
	return 0;
}
