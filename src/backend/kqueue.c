/* The kqueue selector: both filters of a handle added once, changes passed with the wait. */
/* SPDX-License-Identifier: MIT */
#include "backend/list.h"
#include "backend/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

#ifdef PX_TORTURE
enum { BATCH = 2, CHANGES = 1 };
#else
enum { BATCH = 256, CHANGES = 64 };
#endif

enum { FILTERS = 2 }; /* of each handle: one for each direction */
_Static_assert(BATCH >= CHANGES * FILTERS, "each change has room for its error");

enum { SLEEP_MOST_SEC = 24 * 60 * 60 }; /* longer ones are no valid time everywhere */

/* ---- what is passed with the wait ----
 *
 * Registering and arming cost no system call: they are noted, and the next wait hands them in. An
 * arm adds the filter again, which reports what is so by then (kqueue(2)). A handle stands in the
 * notes once, and names its place there by `slot` (place + 1; 0: nothing is noted).
 *
 * The kernel may refuse a note (no memory). Then the wait brings an event with EV_ERROR, and the
 * engine is told by px_ready_refused. With the notes full, a change is made at once and its error
 * returned.
 *
 * A handle that goes before its notes were handed in takes them along. What the kernel knows of is
 * deleted at once: before the close, for the number may be somebody else's soon after. */
typedef struct change {
	px_handle *handle;
	unsigned bits;
	bool fresh; /* the kernel has nothing of this handle yet */
} change;

typedef struct kqueue_set {
	px_ready ready; /* first */
	int fd;
	unsigned noted;
	change notes[CHANGES];
	struct kevent changes[CHANGES * FILTERS];
	struct kevent events[BATCH];
} kqueue_set;

static kqueue_set *set_of(px_ready *ready)
{
	return (kqueue_set *)(void *)ready;
}

/* ---- changes ---- */

/* `udata` is a pointer, or, on NetBSD before 10, a number of its size. */
#define UDATA(handle) ((__typeof__(((struct kevent *)0)->udata))(uintptr_t)(handle))

static px_handle *handle_of(const struct kevent *e)
{
	return (px_handle *)(uintptr_t)e->udata;
}

/* One change for each direction of `bits`; how many, in a type that the int of one system and the
 * size_t of another both hold. */
static uint8_t filters_change(struct kevent *out, px_handle *h, unsigned bits, bool add)
{
	struct kevent e = {.ident = (uintptr_t)h->fd, .udata = UDATA(h)};
	uint8_t n = 0;

	e.flags = add ? EV_ADD | EV_CLEAR : EV_DELETE;
	e.filter = EVFILT_READ;
	if (bits & PX_READY_IN)
		out[n++] = e;
	e.filter = EVFILT_WRITE;
	if (bits & PX_READY_OUT)
		out[n++] = e;
	return n;
}

/* Without room for events none is taken, and the first error ends the call: kqueue(2). */
static int set_apply(kqueue_set *set, const struct kevent *changes, uint8_t n)
{
	px_count(&set->ready.core->stat.system_calls);
	return kevent(set->fd, changes, n, NULL, 0, NULL) < 0 ? errno : 0;
}

/* A filter that is not there is one less to delete; but the call has ended at it. */
static void filters_delete(kqueue_set *set, px_handle *h)
{
	struct kevent gone[FILTERS];
	uint8_t n = filters_change(gone, h, PX_READY_IN | PX_READY_OUT, false);

	if (set_apply(set, gone, n))
		set_apply(set, gone + 1, 1);
}

/* False: the notes are full. */
static bool change_note(kqueue_set *set, px_handle *h, unsigned bits, bool fresh)
{
	if (set->noted == CHANGES)
		return false;
	set->notes[set->noted] = (change){h, bits, fresh};
	h->slot = ++set->noted;
	return true;
}

/* Takes a handle's notes out; true: the kernel has nothing of it. */
static bool change_drop(kqueue_set *set, px_handle *h)
{
	change *note = &set->notes[h->slot - 1];
	bool fresh = note->fresh;

	px_assert(note->handle == h && h->slot <= set->noted);
	*note = set->notes[--set->noted];
	note->handle->slot = h->slot;
	h->slot = 0;
	return fresh;
}

static int64_t set_add(px_ready *ready, px_handle *h, int32_t *sys_error)
{
	kqueue_set *set = set_of(ready);
	struct kevent now[FILTERS];

	*sys_error = 0;
	h->slot = 0;
	if (change_note(set, h, PX_READY_IN | PX_READY_OUT, true))
		return 0;
	*sys_error = set_apply(set, now, filters_change(now, h, PX_READY_IN | PX_READY_OUT, true));
	if (!*sys_error)
		return 0;
	filters_delete(set, h);
	return px_sys_error(*sys_error);
}

static int64_t set_arm(px_ready *ready, px_handle *h, unsigned bit, int32_t *sys_error)
{
	kqueue_set *set = set_of(ready);
	struct kevent now[FILTERS];

	*sys_error = 0;
	if (h->slot)
		set->notes[h->slot - 1].bits |= bit;
	else if (!change_note(set, h, bit, false))
		*sys_error = set_apply(set, now, filters_change(now, h, bit, true));
	return *sys_error ? px_sys_error(*sys_error) : 0;
}

static void set_remove(px_ready *ready, px_handle *h)
{
	kqueue_set *set = set_of(ready);

	if (!h->slot || !change_drop(set, h))
		filters_delete(set, h);
}

/* ---- waking: by EVFILT_USER, or by ready->wake where the system has no such filter ---- */

#ifdef EVFILT_USER
static const struct kevent user_add = {.filter = EVFILT_USER, .flags = EV_ADD | EV_CLEAR};
static const struct kevent user_ring = {.filter = EVFILT_USER, .fflags = NOTE_TRIGGER};

static bool user_open(kqueue_set *set)
{
	return !set_apply(set, &user_add, 1);
}

/* A system call on a number that never changes: any thread, signal handlers too. */
static void set_wake(px_ready *ready)
{
	int saved = errno;

	if (ready->wake.wr < 0)
		kevent(set_of(ready)->fd, &user_ring, 1, NULL, 0, NULL);
	errno = saved;
}
#else
#define user_open(set) ((void)(set), false)
#define set_wake       NULL
#endif

static int wake_open(kqueue_set *set, char *why)
{
	struct kevent add = {.filter = EVFILT_READ, .flags = EV_ADD};
	int rc = px_ready_wake_open(&set->ready, why);
	int error;

	if (rc < 0)
		return rc;
	add.ident = (uintptr_t)set->ready.wake.rd;
	error = set_apply(set, &add, 1);
	if (error)
		px_ready_why(why, "kevent", error);
	return error ? (int)px_sys_error(error) : 0;
}

/* ---- open and close ---- */

static int set_open(px_ready *ready, char *why)
{
	kqueue_set *set = set_of(ready);

	set->fd = kqueue();
	if (set->fd < 0 || fcntl(set->fd, F_SETFD, FD_CLOEXEC)) {
		int error = errno;

		px_ready_why(why, "kqueue", error);
		return (int)px_sys_error(error);
	}
	return user_open(set) ? 0 : wake_open(set, why);
}

/* No child inherits a kqueue by fork: there, the number is nobody's, or another file's already. */
static void set_close(px_ready *ready, bool forked)
{
	kqueue_set *set = set_of(ready);

	if (set->fd >= 0 && !forked)
		close(set->fd);
}

/* ---- waiting ---- */

/* The notes as changes; how many. They are handed in, also by a call that is interrupted. */
static uint16_t changes_take(kqueue_set *set)
{
	uint16_t n = 0;

	for (unsigned i = 0; i < set->noted; i++) {
		change *note = &set->notes[i];

		n = (uint16_t)(n +
		               filters_change(&set->changes[n], note->handle, note->bits, true));
		note->handle->slot = 0;
	}
	set->noted = 0;
	return n;
}

/* How many events. A wait fails by a signal only, and that of macOS perhaps by its time: anything
 * else would fail for ever, and a loop that never sleeps and is told nothing helps nobody. */
static int set_sleep(kqueue_set *set, int64_t left_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(left_ns / PROA_SEC),
	                      .tv_nsec = (long)(left_ns % PROA_SEC)};
	uint16_t changes = changes_take(set);
	int n;

	if (ts.tv_sec >= SLEEP_MOST_SEC)
		ts = (struct timespec){.tv_sec = SLEEP_MOST_SEC};
	px_count(&set->ready.core->stat.system_calls);
	n = kevent(set->fd, set->changes, changes, set->events, BATCH, left_ns < 0 ? NULL : &ts);
	if (n < 0 && errno != EINTR && errno != ETIMEDOUT)
		PX_PANIC("kevent failed: was a loop's kqueue closed by somebody else?");
	return PX_MAX(n, 0);
}

/* One of its filters may have been taken, and the second one's error follows in the same batch. */
static void event_refused(kqueue_set *set, px_handle *h, int64_t error)
{
	if (h->slot)
		return; /* told already, and somebody has begun anew */
	filters_delete(set, h);
	px_ready_refused(&set->ready, h, (int32_t)error);
}

/* `data` and `fflags` are not looked at: the end and errors are found by the call that meets
 * them. */
static void event_take(kqueue_set *set, const struct kevent *e)
{
	px_handle *h = handle_of(e);
	unsigned bits = e->filter == EVFILT_READ ? PX_READY_IN : PX_READY_OUT;

	if (!h) {
		if (e->filter == EVFILT_READ)
			px_ready_woken(&set->ready);
		return;
	}
	if (!(h->flags & PX_HF_REGISTERED))
		return; /* the other filter's event came first, and a connect has failed */
	if (e->flags & EV_ERROR)
		event_refused(set, h, e->data);
	else
		px_ready_event(&set->ready, h, bits | (e->flags & EV_EOF ? PX_READY_HUP : 0u));
}

static void set_wait(px_ready *ready, int64_t deadline_ns)
{
	kqueue_set *set = set_of(ready);
	int n = set_sleep(set, px_ready_left_ns(ready->core, deadline_ns));

	px_ready_slept(ready);
	for (int i = 0; i < n; i++)
		event_take(set, &set->events[i]);
}

/* No short recv counts as drained: an end that came with the bytes may be without an event of its
 * own, and a recv stops at an urgent byte, of which no filter tells. */
static const px_selector kqueue_selector = {
	.name = "kqueue",
	.size_bytes = sizeof(kqueue_set),
	.level = false,
	.short_drains = false,
	.open = set_open,
	.close = set_close,
	.add = set_add,
	.arm = set_arm,
	.remove = set_remove,
	.wait = set_wait,
	.wake = set_wake,
};

static int backend_open(px_core *core, char *why)
{
	return px_ready_open(core, &kqueue_selector, why);
}

const px_backend_ops px_backend_kqueue = {.name = "kqueue", .open = backend_open, PX_READY_OPS};
