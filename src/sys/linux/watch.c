/* Watching by inotify: which folder is which, those that come and go, changes packed. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include "proa/watch.h"
#include "sys/changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

/* ---- how it works ----
 *
 * inotify watches folders, not trees, and tells of each by a number. So a table has the path of
 * each number, relative to the root, and a tree is watched by walking it. A folder that appears is
 * watched first and then looked through, so that nothing in it is missed; some is told twice
 * perhaps.
 *
 * A folder that is moved keeps its number. Its two ends are two events with one cookie: until the
 * second has come, or has not come at the end of a batch (then it has left the tree, and is let
 * go), `away` is the first.
 *
 * All of it blocks and allocates by itself: it is for a worker, one at a time. */

enum { BUCKETS = 1024, IN_BYTES = 16 * 1024, BATCH_BYTES = 64 * 1024 };
enum { TWIN_WAIT_NS = 2000000 };
enum {
	SEEN = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB,
	SELF = IN_DELETE_SELF | IN_MOVE_SELF
};

typedef struct folder {
	struct folder *next;
	int wd;
	char path[]; /* "": the root */
} folder;

struct px_fswatch {
	int fd;
	bool tree, ended;
	bool begun; /* what was lost before it is told by the first read */
	char *root;
	folder *buckets[BUCKETS];
	px_changes out;
	uint32_t away_cookie; /* 0: none */
	char *away;
	_Alignas(struct inotify_event) char in[IN_BYTES];
};

static void tell(px_fswatch *w, uint32_t what, uint32_t pair, const char *dir, const char *name)
{
	px_changes_tell(&w->out, what, pair, dir, name);
}

/* ---- the table ---- */

static folder **place_of(px_fswatch *w, int wd)
{
	folder **f = &w->buckets[(unsigned)wd % BUCKETS];

	while (*f && (*f)->wd != wd)
		f = &(*f)->next;
	return f;
}

static bool folder_put(px_fswatch *w, int wd, const char *path)
{
	folder **place = place_of(w, wd), *old = *place;
	size_t len = strlen(path) + 1;
	folder *f = realloc(old, sizeof *f + len);

	if (!f)
		return false;
	f->next = old ? f->next : NULL;
	f->wd = wd;
	memcpy(f->path, path, len);
	*place = f;
	return true;
}

static void folder_free(folder **place)
{
	folder *f = *place;

	*place = f->next;
	free(f);
}

/* a/b, of two parts of which either may be empty; NULL: no memory. */
static char *joined(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), slash = n && m;
	char *path = malloc(n + slash + m + 1);

	if (!path)
		return NULL;
	memcpy(path, a, n);
	memcpy(path + n, "/", slash);
	memcpy(path + n + slash, b, m + 1);
	return path;
}

/* The rest behind `top`, from its "/" on, or "" for top itself; NULL: not below it. */
static const char *below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) || (path[len] && path[len] != '/') ? NULL : path + len;
}

/* Calls one(w, place, rest, arg) for `top` and each folder below it; true: it is no more there. */
static void each_below(px_fswatch *w, const char *top,
                       bool (*one)(px_fswatch *, folder **, const char *rest, const char *arg),
                       const char *arg)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		folder **f = &w->buckets[i];

		while (*f) {
			const char *rest = below((*f)->path, top);

			if (!rest || !one(w, f, rest, arg))
				f = &(*f)->next;
		}
	}
}

static bool let_go(px_fswatch *w, folder **place, const char *rest, const char *arg)
{
	PX_UNUSED(rest);
	PX_UNUSED(arg);
	inotify_rm_watch(w->fd, (*place)->wd);
	folder_free(place);
	return true;
}

static bool name_anew(px_fswatch *w, folder **place, const char *rest, const char *arg)
{
	size_t n = strlen(arg), m = strlen(rest) + 1;
	folder *f = malloc(sizeof *f + n + m);

	if (!f) { /* rather nothing than what is wrong */
		tell(w, PROA_W_OVERFLOW, 0, arg, "");
		return let_go(w, place, rest, arg);
	}
	*f = (folder){.next = (*place)->next, .wd = (*place)->wd};
	memcpy(f->path, arg, n);
	memcpy(f->path + n, rest, m);
	free(*place);
	*place = f;
	return false;
}

/* ---- walking ---- */

/* One folder, or the root itself: 0 or errno. *known: it was watched by that path already. */
static int folder_watch(px_fswatch *w, const char *path, bool *known)
{
	uint32_t mask = SEEN | (*path ? IN_ONLYDIR | IN_DONT_FOLLOW : (uint32_t)SELF);
	char *full = *path ? joined(w->root, path) : NULL;
	int wd, error;

	if (*path && !full)
		return ENOMEM;
	wd = inotify_add_watch(w->fd, full ? full : w->root, mask);
	error = wd < 0 ? errno : 0;
	free(full);
	*known = !error && *place_of(w, wd) && !strcmp((*place_of(w, wd))->path, path);
	if (!error && !folder_put(w, wd, path)) {
		inotify_rm_watch(w->fd, wd);
		error = ENOMEM;
	}
	return error;
}

static DIR *folder_list(px_fswatch *w, const char *path)
{
	char *full = joined(w->root, path);
	DIR *dir = NULL;
	int fd = -1, error;

	do
		if (full)
			fd = open(full,
			          O_RDONLY | O_DIRECTORY | O_CLOEXEC | (*path ? O_NOFOLLOW : 0));
	while (full && fd < 0 && errno == EINTR);
	if (fd >= 0)
		dir = fdopendir(fd);
	error = errno;
	if (fd >= 0 && !dir)
		close(fd);
	free(full);
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

/* Those still to be walked, a list. */
typedef struct todo {
	struct todo *next;
	char path[];
} todo;

static bool todo_push(todo **list, const char *dir, const char *name)
{
	size_t n = strlen(dir), m = strlen(name), slash = n && m;
	todo *t = malloc(sizeof *t + n + slash + m + 1);

	if (!t)
		return false;
	memcpy(t->path, dir, n);
	memcpy(t->path + n, "/", slash);
	memcpy(t->path + n + slash, name, m + 1);
	t->next = *list;
	*list = t;
	return true;
}

/* The next entry; at the end NULL and no error. */
static struct dirent *entry_next(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* 0 or errno. */
static int list_through(px_fswatch *w, const char *path, bool news, todo **more)
{
	DIR *dir = folder_list(w, path);
	struct dirent *e;
	int error;

	if (!dir)
		return errno;
	while ((e = entry_next(dir))) {
		bool sub = is_folder(dir, e);

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (news)
			tell(w, PROA_W_CREATED | (sub ? PROA_W_DIR : 0u), 0, path, e->d_name);
		if (sub && !todo_push(more, path, e->d_name))
			tell(w, PROA_W_OVERFLOW, 0, path, e->d_name);
	}
	error = errno;
	closedir(dir);
	return error;
}

/* Watches `top` and what is below; with `news`, tells of what is in folders that were not watched
 * before. What has gone meanwhile is passed over, and what cannot be watched is said to be lost. */
static void tree_walk(px_fswatch *w, const char *top, bool news)
{
	todo *list = NULL, *t;

	if (!todo_push(&list, top, ""))
		tell(w, PROA_W_OVERFLOW, 0, top, "");
	while ((t = list)) {
		bool known = true;
		int error = *t->path ? folder_watch(w, t->path, &known) : 0;

		list = t->next;
		if (!error)
			error = list_through(w, t->path, news && !known, &list);
		if (error && error != ENOENT && error != ENOTDIR)
			tell(w, PROA_W_OVERFLOW, 0, t->path, "");
		free(t);
	}
}

/* ---- open and close ---- */

void px_fswatch_close(px_fswatch *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (w->buckets[i])
			folder_free(&w->buckets[i]);
	if (w->fd >= 0)
		close(w->fd);
	free(w->root);
	px_changes_free(&w->out);
	free(w->away);
	free(w);
}

static int watch_begin(px_fswatch *w, const char *path)
{
	bool known;
	int error;

	if (w->fd < 0 || !(w->root = realpath(path, NULL)))
		return errno;
	if ((error = folder_watch(w, "", &known)))
		return error;
	if (w->tree)
		tree_walk(w, "", false);
	return 0;
}

int64_t px_fswatch_open(px_fswatch **out, const char *path, bool tree, int32_t *sys_error)
{
	px_fswatch *w = calloc(1, sizeof *w);
	int error;

	*out = NULL;
	if (!w)
		return -PROA_ENOMEM;
	w->tree = tree;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (!(error = watch_begin(w, path))) {
		*out = w;
		return 0;
	}
	px_fswatch_close(w);
	*sys_error = error;
	return px_sys_error(error);
}

int px_fswatch_fd(const px_fswatch *w)
{
	return w->fd;
}

bool px_fswatch_ended(const px_fswatch *w)
{
	return w->ended;
}

/* ---- events ---- */

static uint32_t what_of(uint32_t mask)
{
	uint32_t what = mask & IN_ISDIR ? PROA_W_DIR : 0;

	if (mask & (IN_CREATE | IN_MOVED_TO))
		what |= PROA_W_CREATED;
	if (mask & (IN_DELETE | IN_MOVED_FROM | SELF | IN_UNMOUNT))
		what |= PROA_W_REMOVED;
	if (mask & (IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF))
		what |= PROA_W_MOVED;
	if (mask & IN_MODIFY)
		what |= PROA_W_CHANGED;
	return mask & IN_ATTRIB ? what | PROA_W_ATTRIBUTES : what;
}

/* It did not come back. */
static void away_drop(px_fswatch *w)
{
	if (!w->away_cookie)
		return;
	each_below(w, w->away, let_go, NULL);
	free(w->away);
	w->away = NULL;
	w->away_cookie = 0;
}

static void folder_left(px_fswatch *w, const char *path, uint32_t cookie)
{
	away_drop(w);
	if ((w->away = joined(path, "")))
		w->away_cookie = cookie;
	else
		each_below(w, path, let_go, NULL);
}

static void folder_came(px_fswatch *w, const char *path, uint32_t cookie)
{
	if (w->away_cookie && w->away_cookie == cookie) {
		each_below(w, w->away, name_anew, path);
		free(w->away);
		w->away = NULL;
		w->away_cookie = 0;
	}
	/* It may have moved before it could be watched, or by its old path another one is. */
	tree_walk(w, path, true);
}

static void tree_follow(px_fswatch *w, const char *dir, const struct inotify_event *e)
{
	char *path = joined(dir, e->name);

	if (!path)
		tell(w, PROA_W_OVERFLOW, 0, dir, e->name);
	else if (e->mask & IN_CREATE)
		tree_walk(w, path, true);
	else if (e->mask & IN_MOVED_FROM)
		folder_left(w, path, e->cookie);
	else if (e->mask & IN_MOVED_TO)
		folder_came(w, path, e->cookie);
	free(path);
}

static void event_take(px_fswatch *w, const struct inotify_event *e)
{
	folder **place = place_of(w, e->wd), *f = *place;
	char *dir;

	if (e->mask & IN_Q_OVERFLOW) {
		tell(w, PROA_W_OVERFLOW, 0, "", "");
		if (w->tree)
			tree_walk(w, "", false); /* folders may be among what was lost */
		return;
	}
	if (!f)
		return; /* let go of meanwhile */
	if (!*f->path && e->mask & (SELF | IN_UNMOUNT | IN_IGNORED))
		w->ended = true;
	if (e->mask & IN_IGNORED) {
		folder_free(place);
		return;
	}
	if (!e->len && *f->path)
		return; /* of a folder itself: its own folder tells it, by name */
	if (!(dir = joined(f->path, ""))) {
		tell(w, PROA_W_OVERFLOW, 0, "", "");
		return;
	}
	tell(w, what_of(e->mask), e->cookie, dir, e->len ? e->name : "");
	if (w->tree && e->len && e->mask & IN_ISDIR)
		tree_follow(w, dir, e);
	free(dir);
}

/* Whether there was something. */
static bool batch_take(px_fswatch *w)
{
	ssize_t n, at = 0;

	do
		n = read(w->fd, w->in, sizeof w->in);
	while (n < 0 && errno == EINTR);
	while (at < n) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(w->in +
		                                                                             at);

		at += (ssize_t)sizeof *e + (ssize_t)e->len;
		event_take(w, e);
	}
	return n > 0;
}

int64_t px_fswatch_read(px_fswatch *w, const void **changes)
{
	static const struct timespec twin = {.tv_nsec = TWIN_WAIT_NS};

	if (w->begun)
		px_changes_begin(&w->out);
	w->begun = true;
	while (w->out.used < BATCH_BYTES && !w->ended && batch_take(w)) {
		/* all that is there */
	}
	if (w->away_cookie) { /* its other end is on the way, or there is none */
		nanosleep(&twin, NULL);
		batch_take(w);
	}
	away_drop(w);
	*changes = w->out.bytes;
	return (int64_t)w->out.used;
}
