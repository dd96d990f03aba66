/* Watching by inotify: events taken in their order, folders that come, go and move. */
/* SPDX-License-Identifier: MIT */
#include "sys/linux/watch.h"

#include "base/util.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- how it works ----
 *
 * inotify watches folders, not trees, and tells of each by a number. So there is a tree of the
 * folders (watch_tree.c) as it was by the last event that was taken: each event has its name from
 * there and then changes it. The system's tree is further than that; the two meet only where a
 * folder that came is watched and listed (watch_look.c), after all events before were taken.
 *
 * A folder that is moved keeps its number and what is known below it. Its two ends are two events
 * with one cookie: between them it is away; if the second does not come soon, it has left and is
 * let go. What comes without having been away is looked at as a new one.
 *
 * Two names that change places at once tell two moves, the first over the second's file, and that
 * back from where it is no more. What is moved on at once from where something has just come is
 * doubted, and both names are looked at anew.
 *
 * All of it blocks and allocates by itself: it is for a worker, one at a time. */

enum { BATCH_BYTES = 64 * 1024, FETCHES = 64, AGAIN = 256 };
enum { TWIN_WAIT_NS = 2000000 };

static void work(px_fswatch *w);

/* ---- open and close ---- */

void px_fswatch_close(px_fswatch *w)
{
	px_node *away;

	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd); /* which lets go of all at once */
	w->fd = -1;
	while ((away = px_list_first(&w->away)))
		px_folder_drop(w, PX_OF(away, px_folder, kin));
	if (w->top)
		px_folder_drop(w, w->top);
	for (int by = 0; by < PX_BYS; by++)
		free(w->by[by].at);
	free(w->root);
	free(w->path);
	free(w->in);
	free(w->names);
	px_changes_free(&w->out);
	free(w);
}

/* Makes the queue readable: there is more to do. Its number is nobody's. */
static void wake(px_fswatch *w)
{
	int wd = inotify_add_watch(w->fd, "/dev/null", IN_DELETE_SELF | IN_MASK_ADD);

	if (wd >= 0 && !px_folder_of(w, wd))
		inotify_rm_watch(w->fd, wd);
}

/* 0 or errno. */
static int watch_begin(px_fswatch *w, const char *path)
{
	int wd;

	if (w->fd < 0 || !(w->root = realpath(path, NULL)))
		return errno;
	if (!(w->top = px_folder_new(w, NULL, "")))
		return ENOMEM;
	if ((wd = inotify_add_watch(w->fd, w->root, PX_IN_SEEN | PX_IN_SELF)) < 0)
		return errno;
	px_folder_watched(w, w->top, wd);
	if (!w->tree) {
		px_list_remove(&w->top->wait);
		return 0;
	}
	w->quiet = true;
	work(w);
	w->lost = w->quiet;
	if (w->quiet || w->out.used || !px_list_empty(&w->away))
		wake(w);
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
	px_list_init(&w->pending);
	px_list_init(&w->stuck);
	px_list_init(&w->away);
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

/* ---- events of entries ---- */

static uint32_t what_of(uint32_t mask)
{
	uint32_t what = mask & IN_ISDIR ? PROA_W_DIR : 0;

	if (mask & (IN_CREATE | IN_MOVED_TO))
		what |= PROA_W_CREATED;
	if (mask & (IN_DELETE | IN_MOVED_FROM | PX_IN_SELF | IN_UNMOUNT))
		what |= PROA_W_REMOVED;
	if (mask & (IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF))
		what |= PROA_W_MOVED;
	if (mask & IN_MODIFY)
		what |= PROA_W_CHANGED;
	return mask & IN_ATTRIB ? what | PROA_W_ATTRIBUTES : what;
}

/* Of a folder's entry, for as long as the folder is watched. */
static uint64_t place_of(const px_folder *dir, const char *name)
{
	return (uint64_t)(uint32_t)dir->wd << 32 | px_name_hash(0, name);
}

static px_folder *away_find(px_fswatch *w, uint32_t cookie)
{
	px_node *n = px_list_first(&w->away);

	while (n && PX_OF(n, px_folder, kin)->cookie != cookie)
		n = px_list_next(&w->away, n);
	return n ? PX_OF(n, px_folder, kin) : NULL;
}

/* Something may be there, of which nobody has told. Without a tree it is looked at at once. */
static void name_doubt(px_fswatch *w, px_folder *dir, const char *name)
{
	px_folder *f;
	struct stat st;

	if (!px_folder_in(w, dir, name))
		px_folder_maybe(w, dir, name);
	if (w->tree || !(f = px_folder_in(w, dir, name)))
		return;
	if (!fstatat(AT_FDCWD, px_folder_path(w, f, true), &st, AT_SYMLINK_NOFOLLOW))
		px_folder_tell(w, dir, PROA_W_CREATED | (S_ISDIR(st.st_mode) ? PROA_W_DIR : 0u), 0,
		               name);
	px_folder_drop(w, f);
}

/* The pair is told of a folder only if it takes along what is known below it. */
static void move_tell(px_fswatch *w, const px_folder *dir, const struct inotify_event *e,
                      bool known)
{
	bool whole = !w->tree || known == ((e->mask & IN_ISDIR) != 0);

	px_folder_tell(w, dir, what_of(e->mask), whole ? e->cookie : 0, e->name);
}

static void entry_left(px_fswatch *w, px_folder *dir, const struct inotify_event *e, px_folder *kid)
{
	bool at_once = dir->came == px_name_hash(0, e->name);

	move_tell(w, dir, e, kid != NULL);
	w->left = place_of(dir, e->name);
	w->left_cookie = e->cookie;
	if (kid) {
		kid->left = w->left;
		kid->doubt = at_once;
		px_folder_leave(w, kid, e->mask & IN_ISDIR ? e->cookie : 0);
	}
	if (at_once)
		name_doubt(w, dir, e->name);
}

static void folder_back(px_fswatch *w, px_folder *f, px_folder *dir, const char *name)
{
	bool swapped = f->doubt && f->origin == place_of(dir, name);

	if (!px_folder_enter(w, f, dir, name)) {
		px_folder_tell(w, dir, PROA_W_OVERFLOW, 0, name);
		return;
	}
	f->origin = f->left;
	f->tries = 0;
	if (f->wd < 0 && !px_node_linked(&f->wait))
		px_list_push_back(&w->pending, &f->wait);
	px_list_splice_back(&w->pending, &w->stuck); /* some may have waited for this */
	if (swapped || f->missed)
		px_folder_anew(w, f);
}

static void folder_new(px_fswatch *w, px_folder *dir, const struct inotify_event *e)
{
	px_folder *f = px_folder_new(w, dir, e->name);

	if (!f)
		px_folder_tell(w, dir, PROA_W_OVERFLOW, 0, e->name);
	else if (e->mask & IN_MOVED_TO && e->cookie == w->left_cookie)
		f->origin = w->left;
}

static void entry_came(px_fswatch *w, px_folder *dir, const struct inotify_event *e, px_folder *kid)
{
	px_folder *was = away_find(w, e->cookie);

	if (kid)
		px_folder_leave(w, kid, 0);
	if (kid && !was)
		px_folder_tell(w, dir, PROA_W_REMOVED | PROA_W_DIR, 0, e->name);
	move_tell(w, dir, e, was != NULL);
	if (was)
		folder_back(w, was, dir, e->name);
	else if (w->tree && e->mask & IN_ISDIR)
		folder_new(w, dir, e);
}

/* Those that are known already were listed. */
static void entry_made(px_fswatch *w, px_folder *dir, const struct inotify_event *e, px_folder *kid)
{
	px_folder_tell(w, dir, what_of(e->mask), 0, e->name);
	if (!w->tree || !(e->mask & IN_ISDIR))
		return;
	if (kid)
		kid->maybe = false;
	else
		folder_new(w, dir, e);
}

static void entry_take(px_fswatch *w, px_folder *dir, const struct inotify_event *e)
{
	px_folder *kid = px_folder_in(w, dir, e->name);

	if (e->mask & IN_MOVED_FROM) {
		entry_left(w, dir, e, kid);
	} else if (e->mask & IN_MOVED_TO) {
		entry_came(w, dir, e, kid);
	} else if (e->mask & IN_CREATE) {
		entry_made(w, dir, e, kid);
	} else {
		px_folder_tell(w, dir, what_of(e->mask), 0, e->name);
		if (kid)
			px_folder_drop(w, kid);
	}
	dir->came = e->mask & IN_MOVED_TO ? px_name_hash(0, e->name) : 0;
}

/* ---- events ---- */

static void top_ends(px_fswatch *w, const struct inotify_event *e)
{
	w->quiet = false;
	if (!(e->mask & IN_IGNORED))
		px_folder_tell(w, w->top, what_of(e->mask), 0, "");
	w->ended = true;
}

/* Folders may be among what was lost: all are looked for, and that it was lost is told behind. */
static void all_lost(px_fswatch *w)
{
	px_node *kid;

	while ((kid = px_list_first(&w->top->kids)))
		px_folder_leave(w, PX_OF(kid, px_folder, kin), 0);
	w->top->came = 0;
	w->quiet = w->lost = true;
	if (w->tree && !px_node_linked(&w->top->wait))
		px_list_push_back(&w->pending, &w->top->wait);
}

static void event_take(px_fswatch *w, const struct inotify_event *e)
{
	px_folder *f = px_folder_of(w, e->wd), *top;

	if (e->mask & IN_Q_OVERFLOW)
		all_lost(w);
	if (!f)
		return; /* let go of meanwhile */
	top = px_folder_top(f);
	if (f == w->top && e->mask & (PX_IN_SELF | IN_UNMOUNT | IN_IGNORED))
		top_ends(w, e);
	else if (e->mask & IN_IGNORED)
		px_folder_watched(w, f, -1);
	else if (top != w->top)
		top->missed = true;
	else if (e->mask & IN_UNMOUNT)
		px_folder_anew(w, f);
	else if (e->mask & PX_IN_ENTRY)
		entry_take(w, f, e);
	else if (e->len || f == w->top) /* else its own folder tells it, by name */
		px_folder_tell(w, f, what_of(e->mask), 0, e->len ? e->name : "");
}

static void events_take(px_fswatch *w)
{
	const struct inotify_event *e;
	size_t at = 0;

	w->taking = true;
	while (!w->ended && (e = px_event_next(w, &at)))
		event_take(w, e);
	w->taking = false;
	w->in_used = 0;
}

/* ---- reading ---- */

static px_folder *pending_next(px_fswatch *w)
{
	px_node *n = px_list_first(&w->pending);

	while (n && px_folder_top(PX_OF(n, px_folder, wait)) != w->top)
		n = px_list_next(&w->pending, n);
	return n ? PX_OF(n, px_folder, wait) : NULL;
}

/* Until nothing is left to do, or much has been done. */
static void work(px_fswatch *w)
{
	unsigned fetches = 0, again = 0;
	px_folder *f;

	for (;;) {
		events_take(w);
		f = pending_next(w);
		if (w->ended || w->out.used >= BATCH_BYTES || again == AGAIN)
			break;
		if (f)
			again += !px_folder_settle(w, f);
		else if (fetches++ == FETCHES || !px_events_fetch(w))
			break;
	}
	if (!w->quiet || f)
		return;
	w->quiet = false;
	if (w->lost)
		px_folder_tell(w, w->top, PROA_W_OVERFLOW, 0, "");
	w->lost = false;
}

static void away_drop(px_fswatch *w)
{
	px_node *n;

	while ((n = px_list_first(&w->away)))
		px_folder_drop(w, PX_OF(n, px_folder, kin));
}

int64_t px_fswatch_read(px_fswatch *w, const void **changes)
{
	static const struct timespec twin = {.tv_nsec = TWIN_WAIT_NS};

	if (w->begun)
		px_changes_begin(&w->out);
	w->begun = true;
	px_list_splice_back(&w->pending, &w->stuck);
	work(w);
	if (!px_list_empty(&w->away) || !px_list_empty(&w->stuck)) {
		nanosleep(&twin, NULL); /* what they wait for is on the way, or there is none */
		px_list_splice_back(&w->pending, &w->stuck);
		work(w);
	}
	if (w->out.used < BATCH_BYTES)
		away_drop(w);
	if (!w->ended && (w->in_used || pending_next(w) || !px_list_empty(&w->away)))
		wake(w);
	*changes = w->out.bytes;
	return (int64_t)w->out.used;
}
