/* Watching by EVFILT_VNODE, which tells that something has changed, and not what. */
/* SPDX-License-Identifier: MIT */
#include "sys/bsd/watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <sys/event.h>
#include <time.h>
#include <unistd.h>

/* ---- how it works ----
 *
 * Every folder and every file that is watched is open. A folder's note says that it has to be
 * listed again (watch_round.c), a file's what has changed of it. What has no descriptor, because
 * there are too many or it may not be opened, is compared once a second, as long as there is such
 * a one.
 *
 * All of it blocks and allocates by itself: it is for a worker, one at a time. */

enum { EVENTS = 64, FETCHES = 64, LOOK_EACH_MS = 1000 };
enum { TWIN_WAIT_NS = 2000000 };
enum { FDS_SHARE = 4, FDS_MOST = 32768 };
enum { WRITTEN = NOTE_WRITE | NOTE_EXTEND, ENDS = NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE };

/* ---- open and close ---- */

void px_fswatch_close(px_fswatch *w)
{
	if (!w)
		return;
	px_watch_away_drop(w);
	px_seen_bury(w, w->top);
	px_graves_free(w);
	if (w->fd >= 0)
		close(w->fd);
	free(w->dirty.at);
	free(w->touched.at);
	free(w->news.at);
	free(w->gone.at);
	free(w->root);
	px_changes_free(&w->out);
	free(w);
}

/* A share of what the process may have: the rest is the program's. */
static long fds_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / FDS_SHARE > FDS_MOST)
		return FDS_MOST;
	return (long)(limit.rlim_cur / FDS_SHARE);
}

/* 0 or errno. */
static int top_open(px_fswatch *w)
{
	struct stat st;

	if (!(w->top = px_seen_new(NULL, "")))
		return ENOMEM;
	if (stat(w->root, &st))
		return errno;
	w->top->type = px_stat_type(st.st_mode);
	px_seen_open(w, w->top);
	return w->top->fd < 0 ? errno : 0;
}

static void touched_forget(px_fswatch *w)
{
	for (size_t i = 0; i < w->touched.n; i++)
		w->touched.at[i]->touched = false;
	w->touched.n = 0;
}

/* Until the next batch. */
static void batch_end(px_fswatch *w)
{
	px_watch_away_drop(w);
	touched_forget(w);
	w->dirty.n = 0; /* of what was let go */
	px_graves_free(w);
}

/* While there is something that nobody tells of. */
static void timer_set(px_fswatch *w)
{
	struct kevent e = {.filter = EVFILT_TIMER, .flags = EV_ADD, .data = LOOK_EACH_MS};

	if (w->timed == (w->lacking > 0))
		return;
	w->timed = !w->timed;
	if (!w->timed)
		e.flags = EV_DELETE;
	kevent(w->fd, &e, 1, NULL, 0, NULL);
}

static int watch_begin(px_fswatch *w, const char *path)
{
	int error;

	if (w->fd < 0 || fcntl(w->fd, F_SETFD, FD_CLOEXEC) || !(w->root = realpath(path, NULL)))
		return errno;
	if ((error = top_open(w)))
		return error;
	w->quiet = true;
	px_seen_dirty(w, w->top);
	px_watch_rounds(w);
	batch_end(w);
	w->quiet = false;
	timer_set(w);
	return w->lost ? ENOMEM : 0;
}

int64_t px_fswatch_open(px_fswatch **out, const char *path, bool tree, int32_t *sys_error)
{
	px_fswatch *w = calloc(1, sizeof *w);
	int error;

	*out = NULL;
	if (!w)
		return -PROA_ENOMEM;
	w->tree = tree;
	w->fds_most = fds_most();
	w->fd = kqueue();
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

static bool has_lacking(const px_seen *folder)
{
	bool lacks = folder->lacks;

	for (size_t i = 0; i < folder->n_kids && !lacks; i++)
		lacks = folder->kids[i]->lacks;
	return lacks;
}

/* All folders are gone through; those are to be listed of which not everything tells. */
static void lacking_dirty(px_fswatch *w)
{
	px_seens todo = {.n = 0};

	px_seens_push(w, &todo, w->top);
	while (todo.n) {
		px_seen *folder = todo.at[--todo.n];

		if (has_lacking(folder))
			px_seen_dirty(w, folder);
		for (size_t i = 0; i < folder->n_kids; i++)
			if (folder->kids[i]->n_kids)
				px_seens_push(w, &todo, folder->kids[i]);
	}
	free(todo.at);
}

/* Those of a folder: its own notes are told by its name, and what is in it by being listed. */
static void event_take(px_fswatch *w, const struct kevent *e)
{
	px_seen *s = (px_seen *)(uintptr_t)e->udata;
	unsigned notes = (unsigned)e->fflags;

	if (e->filter == EVFILT_TIMER) {
		lacking_dirty(w);
		return;
	}
	px_seen_touch(w, s, notes);
	if (notes & (WRITTEN | NOTE_LINK))
		px_seen_dirty(w, s);
}

/* All that is there, but not for ever: the rest makes the queue readable again. */
static void events_take(px_fswatch *w)
{
	static const struct timespec at_once;
	struct kevent e[EVENTS];
	int n = EVENTS;

	for (int turns = 0; n == EVENTS && turns < FETCHES; turns++) {
		do
			n = kevent(w->fd, NULL, 0, e, EVENTS, &at_once);
		while (n < 0 && errno == EINTR);
		for (int i = 0; i < n; i++)
			event_take(w, &e[i]);
	}
}

/* ---- told ---- */

static bool attributes_differ(const px_facts *a, const px_facts *b)
{
	return a->links != b->links || a->mode != b->mode || a->uid != b->uid || a->gid != b->gid;
}

/* A name that is still there. Links come and go with folders, and are told as those. */
static void touched_tell(px_fswatch *w, px_seen *s)
{
	bool file = s->type != PROA_S_DIR;
	px_facts before = s->facts;
	unsigned notes = s->notes;
	uint32_t what = 0;

	if (px_seen_look(w, s))
		return;
	if (file && (notes & WRITTEN || before.size_bytes != s->facts.size_bytes))
		what |= PROA_W_CHANGED;
	if (notes & NOTE_ATTRIB ||
	    (file && notes & NOTE_LINK && attributes_differ(&before, &s->facts)))
		what |= PROA_W_ATTRIBUTES;
	if (what && s->facts.links)
		px_seen_tell(w, s, what, 0);
}

static void all_touched_tell(px_fswatch *w)
{
	for (size_t i = 0; i < w->touched.n; i++) {
		px_seen *s = w->touched.at[i];

		if (!s->buried && px_seen_inside(s))
			touched_tell(w, s);
		s->notes = 0;
	}
}

/* Its name is another's, or nobody's. */
static void top_look(px_fswatch *w, unsigned ends)
{
	uint32_t moved = 0;
	struct stat st;

	if (!stat(w->root, &st) && (uint64_t)st.st_ino == w->top->facts.ino &&
	    (uint64_t)st.st_dev == w->top->facts.dev)
		return;
	if (!(ends & NOTE_DELETE) && !px_seen_look(w, w->top) && w->top->facts.links)
		moved = PROA_W_MOVED;
	px_seen_tell(w, w->top, PROA_W_REMOVED | moved, 0);
	w->ended = true;
}

static void batch_take(px_fswatch *w)
{
	events_take(w);
	px_watch_rounds(w);
}

int64_t px_fswatch_read(px_fswatch *w, const void **changes)
{
	static const struct timespec twin = {.tv_nsec = TWIN_WAIT_NS};
	unsigned ends;

	px_changes_begin(&w->out);
	w->lost = false;
	batch_take(w);
	if (w->gone.n) { /* the other end is on the way, or there is none */
		nanosleep(&twin, NULL);
		batch_take(w);
	}
	ends = w->top->notes & ENDS;
	all_touched_tell(w);
	if (ends)
		top_look(w, ends);
	batch_end(w);
	if (w->lost)
		px_changes_tell(&w->out, PROA_W_OVERFLOW, 0, "", "");
	timer_set(w);
	*changes = w->out.bytes;
	return (int64_t)w->out.used;
}
