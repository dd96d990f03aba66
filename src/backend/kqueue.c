/* The kqueue selector: both filters of a handle added once, changes passed with the wait. */
/* SPDX-License-Identifier: MIT */
#include "backend/kqueue.h"

#include "backend/list.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { SLEEP_MOST_SEC = 24 * 60 * 60 }; /* longer ones are no valid time everywhere */

/* ---- waking: by EVFILT_USER, or by ready->wake where the system has no such filter ---- */

#ifdef EVFILT_USER
static const struct kevent user_add = {.filter = EVFILT_USER, .flags = EV_ADD | EV_CLEAR};
static const struct kevent user_ring = {.filter = EVFILT_USER, .fflags = NOTE_TRIGGER};

static bool user_open(px_kqueue *set)
{
	return !px_kq_apply(set, &user_add, 1);
}

/* A system call on a number that never changes: any thread, signal handlers too. */
static void set_wake(px_ready *ready)
{
	int saved = errno;

	if (ready->wake.wr < 0)
		kevent(px_kq_of(ready)->fd, &user_ring, 1, NULL, 0, NULL);
	errno = saved;
}
#else
#define user_open(set) ((void)(set), false)
#define set_wake       NULL
#endif

static int wake_open(px_kqueue *set, char *why)
{
	struct kevent add = {.filter = EVFILT_READ, .flags = EV_ADD};
	int rc = px_ready_wake_open(&set->ready, why);
	int error;

	if (rc < 0)
		return rc;
	add.ident = (uintptr_t)set->ready.wake.rd;
	error = px_kq_apply(set, &add, 1);
	if (error)
		px_ready_why(why, "kevent", error);
	return error ? (int)px_sys_error(error) : 0;
}

/* ---- open and close ---- */

static int set_open(px_ready *ready, char *why)
{
	px_kqueue *set = px_kq_of(ready);

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
	px_kqueue *set = px_kq_of(ready);

	if (set->fd >= 0 && !forked)
		close(set->fd);
}

/* ---- waiting ---- */

/* How many events. A wait fails by a signal only, and that of macOS perhaps by its time: anything
 * else would fail for ever, and a loop that never sleeps and is told nothing helps nobody. */
static int set_sleep(px_kqueue *set, int64_t left_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(left_ns / PROA_SEC),
	                      .tv_nsec = (long)(left_ns % PROA_SEC)};
	uint16_t changes = px_kq_take(set);
	int n;

	if (ts.tv_sec >= SLEEP_MOST_SEC)
		ts = (struct timespec){.tv_sec = SLEEP_MOST_SEC};
	px_count(&set->ready.core->stat.system_calls);
	n = kevent(set->fd, set->changes, changes, set->events, PX_KQ_BATCH,
	           left_ns < 0 ? NULL : &ts);
	if (n < 0 && errno != EINTR && errno != ETIMEDOUT)
		PX_PANIC("kevent failed: was a loop's kqueue closed by somebody else?");
	return PX_MAX(n, 0);
}

/* One of its filters may have been taken, and the second one's error follows in the same batch. */
static void event_refused(px_kqueue *set, px_handle *h, int64_t error)
{
	if (h->slot)
		return; /* told already, and somebody has begun anew */
	px_kq_delete(set, h);
	px_ready_refused(&set->ready, h, (int32_t)error);
}

/* `data` and `fflags` are not looked at: the end and errors are found by the call that meets
 * them. */
static void event_take(px_kqueue *set, const struct kevent *e)
{
	px_handle *h = px_kq_handle(e);
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
	px_kqueue *set = px_kq_of(ready);
	int n = set_sleep(set, px_ready_left_ns(ready->core, deadline_ns));

	px_ready_slept(ready);
	for (int i = 0; i < n; i++)
		event_take(set, &set->events[i]);
}

static int set_fd(px_ready *ready)
{
	return px_kq_of(ready)->fd;
}

static bool set_unsaid(px_ready *ready)
{
	return px_kq_of(ready)->noted > 0;
}

/* No short recv counts as drained: an end that came with the bytes may be without an event of its
 * own, and a recv stops at an urgent byte, of which no filter tells. */
static const px_selector kqueue_selector = {
	.name = "kqueue",
	.size_bytes = sizeof(px_kqueue),
	.level = false,
	.short_drains = false,
	.open = set_open,
	.close = set_close,
	.add = px_kq_add,
	.arm = px_kq_arm,
	.remove = px_kq_remove,
	.wait = set_wait,
	.wake = set_wake,
	.fd = set_fd,
	.unsaid = set_unsaid,
};

static int backend_open(px_core *core, char *why)
{
	return px_ready_open(core, &kqueue_selector, why);
}

const px_backend_ops px_backend_kqueue = {.name = "kqueue", .open = backend_open, PX_READY_OPS};
