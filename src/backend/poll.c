/* The poll selector, for systems that have nothing better: one dense array, armed by what waits. */
/* SPDX-License-Identifier: MIT */
#include "backend/list.h"
#include "backend/ready.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#ifdef PX_TORTURE
enum { SLOTS_FIRST = 1 };
#else
enum { SLOTS_FIRST = 64 };
#endif

/* macOS refuses to look at more than OPEN_MAX, which its headers do not always show. */
#ifdef __APPLE__
enum { SLOTS_MOST = 10240 };
#else
enum { SLOTS_MOST = INT32_MAX };
#endif

/* What is looked at at once, and how long it sleeps then, while all together are refused. */
enum { PIECE = 16, PIECES_SLEEP_MS = 10 };

/* Two arrays, 16 bytes a handle: what poll reads is dense. Slot 0 is the wake-up;
 * handle->slot names a handle's. A slot that nothing is asked of has the descriptor -1, which poll
 * skips: it would report hang-ups else. */
typedef struct poll_set {
	px_ready ready; /* first */
	px_handle **handles;
	struct pollfd *fds; /* behind the handles, in one piece of memory */
	uint32_t n, room;
} poll_set;

static poll_set *set_of(px_ready *ready)
{
	return (poll_set *)(void *)ready;
}

static size_t room_bytes(uint32_t room)
{
	return room * (sizeof(px_handle *) + sizeof(struct pollfd));
}

static bool set_grow(poll_set *set)
{
	px_allocator *alloc = &set->ready.core->alloc;
	uint32_t room = set->room ? set->room + set->room / 2 + 1 : SLOTS_FIRST;
	px_handle **handles = px_alloc(alloc, room_bytes(room));
	struct pollfd *fds;

	if (!handles)
		return false;
	fds = (struct pollfd *)(void *)(handles + room);
	if (set->n) {
		memcpy(handles, set->handles, set->n * sizeof *handles);
		memcpy(fds, set->fds, set->n * sizeof *fds);
	}
	px_free(alloc, set->handles, room_bytes(set->room));
	set->handles = handles;
	set->fds = fds;
	set->room = room;
	return true;
}

static int64_t set_add(px_ready *ready, px_handle *h, int32_t *sys_error)
{
	poll_set *set = set_of(ready);

	*sys_error = 0;
	if (set->n >= SLOTS_MOST)
		return -PROA_EMFILE;
	if (set->n == set->room && !set_grow(set))
		return -PROA_ENOMEM;
	set->fds[set->n] = (struct pollfd){.fd = -1};
	set->handles[set->n] = h;
	h->slot = set->n++;
	return 0;
}

static int64_t set_arm(px_ready *ready, px_handle *h, unsigned bits, int32_t *sys_error)
{
	struct pollfd *p = &set_of(ready)->fds[h->slot];
	int events = (bits & PX_READY_IN ? POLLIN : 0) | (bits & PX_READY_OUT ? POLLOUT : 0);

	*sys_error = 0;
	p->fd = h->fd;
	p->events = (short)(p->events | events);
	return 0;
}

static void set_remove(px_ready *ready, px_handle *h)
{
	poll_set *set = set_of(ready);
	uint32_t last = --set->n;

	px_assert(h->slot && h->slot <= last && set->handles[h->slot] == h);
	set->fds[h->slot] = set->fds[last];
	set->handles[h->slot] = set->handles[last];
	set->handles[h->slot]->slot = h->slot;
}

static int set_open(px_ready *ready, char *why)
{
	poll_set *set = set_of(ready);
	int rc = px_ready_wake_open(ready, why);

	if (rc < 0)
		return rc;
	if (!set_grow(set)) {
		px_ready_why(why, "poll", ENOMEM);
		return -PROA_ENOMEM;
	}
	set->fds[0] = (struct pollfd){.fd = ready->wake.rd, .events = POLLIN};
	set->handles[0] = NULL;
	set->n = 1;
	return 0;
}

static void set_close(px_ready *ready, bool forked)
{
	poll_set *set = set_of(ready);

	PX_UNUSED(forked); /* nothing here is shared with the parent */
	px_free(&ready->core->alloc, set->handles, room_bytes(set->room));
}

/* ---- waiting ---- */

#ifdef __APPLE__ /* no ppoll */
/* The whole milliseconds that are at least so long: never early. */
static int set_poll(poll_set *set, int64_t left_ns)
{
	int64_t ms = left_ns < 0 ? -1 : PX_MIN((left_ns + 999999) / 1000000, (int64_t)INT32_MAX);

	return poll(set->fds, set->n, (int)ms);
}
#else
#ifdef __NetBSD__ /* before 10 it had another name only */
#define ppoll pollts
#endif
static int set_poll(poll_set *set, int64_t left_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(left_ns / PROA_SEC),
	                      .tv_nsec = left_ns % PROA_SEC};

	return ppoll(set->fds, set->n, left_ns < 0 ? NULL : &ts, NULL);
}
#endif

/* Refused for what there is too little of: the limit of descriptors was lowered below their number
 * (EINVAL), or the kernel has no memory. Until that is over they are looked at piece by piece, at
 * the pace of a clock, except that a ring ends the sleep. */
static int pieces_poll(poll_set *set, int64_t left_ns)
{
	int64_t ms = left_ns < 0 ? PIECES_SLEEP_MS : (left_ns + 999999) / 1000000;
	int hits = 0, n;

	for (uint32_t i = 0; i < set->n; i += PIECE) {
		uint16_t piece = (uint16_t)PX_MIN(set->n - i, (uint32_t)PIECE);

		px_count(&set->ready.core->stat.system_calls);
		n = poll(set->fds + i, piece, 0);
		hits += PX_MAX(n, 0);
	}
	if (hits || !ms)
		return hits;
	px_count(&set->ready.core->stat.system_calls);
	n = poll(set->fds, 1, (int)PX_MIN(ms, (int64_t)PIECES_SLEEP_MS));
	if (n < 0)
		px_sys_yield();
	return PX_MAX(n, 0);
}

/* How many have something. */
static int set_sleep(poll_set *set, int64_t left_ns)
{
	int n;

	px_count(&set->ready.core->stat.system_calls);
	n = set_poll(set, left_ns);
	if (n >= 0)
		return n;
	switch (errno) {
	case EINTR: return 0;
	case EINVAL:
	case EAGAIN:
	case ENOMEM: return pieces_poll(set, left_ns);
	default: PX_PANIC("poll failed, so that the loop cannot wait");
	}
}

static unsigned ready_bits(short revents)
{
	unsigned bits = 0;

	if (revents & POLLIN)
		bits |= PX_READY_IN;
	if (revents & POLLOUT)
		bits |= PX_READY_OUT;
	if (revents & (POLLHUP | POLLERR | POLLNVAL))
		bits |= PX_READY_IN | PX_READY_OUT | PX_READY_HUP;
	return bits;
}

/* A direction whose flag is still set after its event has nobody who waits for it: it would be
 * reported again and again. One whose flag is clear stays armed, for most often the next op is
 * already on its way. */
static void slot_disarm(poll_set *set, const px_handle *h)
{
	struct pollfd *p = &set->fds[h->slot];
	int events = p->events;

	if (h->flags & PX_HF_READABLE)
		events &= ~POLLIN;
	if (h->flags & PX_HF_WRITABLE)
		events &= ~POLLOUT;
	p->events = (short)events;
	if (!events)
		p->fd = -1;
}

static void slot_event(poll_set *set, uint32_t i)
{
	px_handle *h = set->handles[i];
	unsigned bits = ready_bits(set->fds[i].revents);

	set->fds[i].revents = 0;
	if (!h) {
		px_ready_woken(&set->ready);
		return;
	}
	px_ready_event(&set->ready, h, bits);
	if (h->flags & PX_HF_REGISTERED)
		slot_disarm(set, h);
}

static void set_wait(px_ready *ready, int64_t deadline_ns)
{
	poll_set *set = set_of(ready);
	int hits = set_sleep(set, px_ready_left_ns(ready->core, deadline_ns));

	px_ready_slept(ready);
	/* From the back: an event may take its handle out (then the last one moves to its place,
	 * and has been looked at) or add others behind. */
	for (uint32_t i = set->n; hits > 0 && i--;) {
		if (!set->fds[i].revents)
			continue;
		hits--;
		slot_event(set, i);
	}
}

static const px_selector poll_selector = {
	.name = "poll",
	.size_bytes = sizeof(poll_set),
	.level = true,
	.short_drains = true,
	.open = set_open,
	.close = set_close,
	.add = set_add,
	.arm = set_arm,
	.remove = set_remove,
	.wait = set_wait,
};

static int backend_open(px_core *core, char *why)
{
	return px_ready_open(core, &poll_selector, why);
}

const px_backend_ops px_backend_poll = {.name = "poll", .open = backend_open, PX_READY_OPS};
