/* Folders that are to be watched by inotify: by their paths, without taking another for one. */
/* SPDX-License-Identifier: MIT */
#include "sys/linux/watch.h"

#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- how it works ----
 *
 * A folder is known by the events that were taken, and has to be watched by its path, which is of
 * now. Between the two, others may have come to that path. But then there are events of it: so
 * when the folder has been watched and listed, all events that there are by now are read. If one
 * of them is of a name on the path, what was found is thrown away, and it is tried again after
 * these have been taken. A number that is another folder's, or a path that is not there, without
 * such an event: it is on its way. (That one change alone happens before it is told, and puts a
 * new folder in another's place, is no harm: whatever was at that place is let go of by it.) */

enum { IN_LEAST = 16 * 1024, IN_MOST = 1 << 20, EVENT_MOST = sizeof(struct inotify_event) + 256 };
enum { TRIES = 4 };
enum { TWIN = -1 }; /* an error: the folder there is known by another name */

/* ---- events, read ---- */

/* Until the queue was empty, or too much was in it. */
bool px_events_fetch(px_fswatch *w)
{
	ssize_t n = 0;

	w->in_all = false;
	while (!w->in_all && w->in_used < IN_MOST) {
		if (!px_room_make(&w->in, &w->in_room, w->in_used, IN_LEAST))
			break;
		do
			n = read(w->fd, w->in + w->in_used, w->in_room - w->in_used);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			w->in_used += (size_t)n;
		w->in_all = n <= 0 || w->in_room - w->in_used >= EVENT_MOST;
	}
	return w->in_used > 0;
}

const struct inotify_event *px_event_next(const px_fswatch *w, size_t *at)
{
	const struct inotify_event *e;

	if (*at >= w->in_used)
		return NULL;
	e = (const void *)(w->in + *at);
	*at += sizeof *e + e->len;
	return e;
}

/* Whether one of those that were read is of a name on its path. */
static bool path_touched(const px_fswatch *w, const px_folder *f)
{
	const struct inotify_event *e;
	size_t at = 0;

	while ((e = px_event_next(w, &at))) {
		px_folder *of = px_folder_of(w, e->wd);

		if (e->mask & IN_Q_OVERFLOW)
			return true;
		if (of && e->mask & PX_IN_ENTRY)
			of = px_folder_in(w, of, e->name);
		else if (of && !(e->mask & (PX_IN_SELF | IN_IGNORED | IN_UNMOUNT)))
			of = NULL;
		if (of && px_folder_above(of, f))
			return true;
	}
	return false;
}

/* ---- what is in it ---- */

static DIR *folder_open(px_fswatch *w, const px_folder *f)
{
	const char *path = px_folder_path(w, f, true);
	int fd = -1, error;
	DIR *dir = NULL;

	do
		if (path)
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	while (path && fd < 0 && errno == EINTR);
	if (fd >= 0)
		dir = fdopendir(fd);
	error = path ? errno : ENOMEM;
	if (fd >= 0 && !dir)
		close(fd);
	errno = error;
	return dir;
}

static bool is_folder(DIR *dir, const struct dirent *e)
{
	struct stat s;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return !fstatat(dirfd(dir), e->d_name, &s, AT_SYMLINK_NOFOLLOW) && S_ISDIR(s.st_mode);
}

static bool name_keep(px_fswatch *w, bool folder, const char *name)
{
	size_t n = strlen(name) + 1;

	if (!px_room_make(&w->names, &w->names_room, w->names_used, n + 1))
		return false;
	w->names[w->names_used] = folder;
	memcpy(w->names + w->names_used + 1, name, n);
	w->names_used += n + 1;
	return true;
}

/* The next entry; at the end NULL and no error. */
static struct dirent *entry_next(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* Into `names`, as far as it goes: 0 or errno. */
static int folder_list(px_fswatch *w, const px_folder *f)
{
	DIR *dir = folder_open(w, f);
	struct dirent *e;
	int error = 0;

	if (!dir)
		return errno;
	while (!error && (e = entry_next(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    !name_keep(w, is_folder(dir, e), e->d_name))
			error = ENOMEM;
	if (!error)
		error = errno;
	closedir(dir);
	return error;
}

static void names_tell(px_fswatch *w, px_folder *f)
{
	for (size_t at = 0; at < w->names_used;) {
		bool folder = w->names[at];
		const char *name = w->names + at + 1;

		at += strlen(name) + 2;
		px_folder_tell(w, f, PROA_W_CREATED | (folder ? PROA_W_DIR : 0u), 0, name);
		if (folder && !px_folder_in(w, f, name) && !px_folder_new(w, f, name))
			px_folder_tell(w, f, PROA_W_OVERFLOW, 0, name);
	}
}

/* ---- watched ---- */

/* By its path: 0 and its number, or errno. */
static int wd_get(px_fswatch *w, px_folder *f, int *wd)
{
	uint32_t mask = PX_IN_SEEN | IN_MASK_ADD;
	const char *path = px_folder_path(w, f, true);
	px_folder *other;

	if (!path)
		return ENOMEM;
	mask |= f->parent ? IN_ONLYDIR | IN_DONT_FOLLOW : (uint32_t)PX_IN_SELF;
	if ((*wd = inotify_add_watch(w->fd, path, mask)) < 0)
		return errno;
	other = px_folder_of(w, *wd);
	if (f->wd < 0 ? !other || px_folder_top(other) != w->top : other == f)
		return 0;
	if (!other)
		inotify_rm_watch(w->fd, *wd);
	*wd = -1;
	return TWIN;
}

static bool waits_for_more(int error)
{
	return error == TWIN || error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* It may be gone, or another's, without that this was told. */
static void folder_stuck(px_fswatch *w, px_folder *f)
{
	px_list_remove(&f->wait);
	if (f->tries++ < TRIES)
		px_list_push_back(&w->stuck, &f->wait);
	if (f->tries == TRIES / 2 && f->parent)
		px_folder_tell(w, f->parent, PROA_W_OVERFLOW, 0, f->name);
}

/* Whether it is over with one that nobody has told of: it is no folder. */
static bool maybe_settle(px_fswatch *w, px_folder *f, int error)
{
	bool there = error != ENOENT, folder = error != ENOTDIR && error != ELOOP;

	if (error == TWIN || (!there && !f->tries))
		return false;

	f->maybe = false;
	if (there)
		px_folder_tell(w, f->parent, PROA_W_CREATED | (folder ? PROA_W_DIR : 0u), 0,
		               f->name);
	if (there && folder)
		return false;
	px_folder_drop(w, f);
	return true;
}

bool px_folder_settle(px_fswatch *w, px_folder *f)
{
	px_folder *other;
	int wd = -1, error;

	w->names_used = 0;
	error = wd_get(w, f, &wd);
	if (!error)
		error = folder_list(w, f);
	px_events_fetch(w);
	other = px_folder_of(w, wd);
	if (!w->in_all || path_touched(w, f)) {
		if (wd >= 0 && !other)
			inotify_rm_watch(w->fd, wd);
		px_list_remove(&f->wait);
		px_list_push_back(&w->pending, &f->wait);
		return false;
	}
	if (other && other != f) /* that was away, and is this */
		px_folder_watched(w, other, -1);
	if (wd >= 0)
		px_folder_watched(w, f, wd);
	if (f->maybe && maybe_settle(w, f, error))
		return true;
	if (waits_for_more(error)) {
		folder_stuck(w, f);
		return true;
	}
	px_list_remove(&f->wait);
	if (error)
		px_folder_tell(w, f, PROA_W_OVERFLOW, 0, "");
	names_tell(w, f);
	return true;
}
