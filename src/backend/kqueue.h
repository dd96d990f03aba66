/* The kqueue selector from the inside: its state, and the changes that it passes with the wait. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_KQUEUE_H
#define PX_BACKEND_KQUEUE_H

#include "backend/ready.h"

#include <sys/event.h>

#ifdef PX_TORTURE
enum { PX_KQ_BATCH = 2, PX_KQ_CHANGES = 1 };
#else
enum { PX_KQ_BATCH = 256, PX_KQ_CHANGES = 64 };
#endif

enum { PX_KQ_FILTERS = 2 }; /* of each handle: one for each direction */
_Static_assert(PX_KQ_BATCH >= PX_KQ_CHANGES * PX_KQ_FILTERS, "each change has room for its error");

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
typedef struct px_kq_change {
	px_handle *handle;
	unsigned bits;
	bool fresh; /* the kernel has nothing of this handle yet */
} px_kq_change;

typedef struct px_kqueue {
	px_ready ready; /* first */
	int fd;
	unsigned noted;
	px_kq_change notes[PX_KQ_CHANGES];
	struct kevent changes[PX_KQ_CHANGES * PX_KQ_FILTERS];
	struct kevent events[PX_KQ_BATCH];
} px_kqueue;

static inline px_kqueue *px_kq_of(px_ready *ready)
{
	return (px_kqueue *)(void *)ready;
}

/* `udata` is a pointer, or, on NetBSD before 10, a number of its size. */
static inline px_handle *px_kq_handle(const struct kevent *e)
{
	return (px_handle *)(uintptr_t)e->udata;
}

/* Makes changes at once: 0 or errno. */
int px_kq_apply(px_kqueue *set, const struct kevent *changes, uint8_t n);
/* Whatever the kernel has of a handle goes. */
void px_kq_delete(px_kqueue *set, px_handle *h);
/* The notes as set->changes; how many. They are handed in, also by a call that is interrupted. */
uint16_t px_kq_take(px_kqueue *set);

/* The selector's add, arm and remove. */
int64_t px_kq_add(px_ready *ready, px_handle *h, int32_t *sys_error);
int64_t px_kq_arm(px_ready *ready, px_handle *h, unsigned bit, int32_t *sys_error);
void px_kq_remove(px_ready *ready, px_handle *h);

#endif
