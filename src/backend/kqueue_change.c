/* Changes of a kqueue: noted and handed in with the wait, or made at once. */
/* SPDX-License-Identifier: MIT */
#include "backend/kqueue.h"

#include <errno.h>

/* See px_kq_handle. */
#define UDATA(handle) ((__typeof__(((struct kevent *)0)->udata))(uintptr_t)(handle))

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
int px_kq_apply(px_kqueue *set, const struct kevent *changes, uint8_t n)
{
	px_count(&set->ready.core->stat.system_calls);
	return kevent(set->fd, changes, n, NULL, 0, NULL) < 0 ? errno : 0;
}

/* A filter that is not there is one less to delete; but the call has ended at it. */
void px_kq_delete(px_kqueue *set, px_handle *h)
{
	struct kevent gone[PX_KQ_FILTERS];
	uint8_t n = filters_change(gone, h, PX_READY_IN | PX_READY_OUT, false);

	if (px_kq_apply(set, gone, n))
		px_kq_apply(set, gone + 1, 1);
}

/* False: the notes are full. */
static bool change_note(px_kqueue *set, px_handle *h, unsigned bits, bool fresh)
{
	if (set->noted == PX_KQ_CHANGES)
		return false;
	set->notes[set->noted] = (px_kq_change){h, bits, fresh};
	h->slot = ++set->noted;
	return true;
}

/* Takes a handle's notes out; true: the kernel has nothing of it. */
static bool change_drop(px_kqueue *set, px_handle *h)
{
	px_kq_change *note = &set->notes[h->slot - 1];
	bool fresh = note->fresh;

	px_assert(note->handle == h && h->slot <= set->noted);
	*note = set->notes[--set->noted];
	note->handle->slot = h->slot;
	h->slot = 0;
	return fresh;
}

int64_t px_kq_add(px_ready *ready, px_handle *h, int32_t *sys_error)
{
	px_kqueue *set = px_kq_of(ready);
	struct kevent now[PX_KQ_FILTERS];
	uint8_t n;

	*sys_error = 0;
	h->slot = 0;
	if (change_note(set, h, PX_READY_IN | PX_READY_OUT, true))
		return 0;
	n = filters_change(now, h, PX_READY_IN | PX_READY_OUT, true);
	*sys_error = px_kq_apply(set, now, n);
	if (!*sys_error)
		return 0;
	px_kq_delete(set, h);
	return px_sys_error(*sys_error);
}

int64_t px_kq_arm(px_ready *ready, px_handle *h, unsigned bit, int32_t *sys_error)
{
	px_kqueue *set = px_kq_of(ready);
	struct kevent now[PX_KQ_FILTERS];

	*sys_error = 0;
	if (h->slot)
		set->notes[h->slot - 1].bits |= bit;
	else if (!change_note(set, h, bit, false))
		*sys_error = px_kq_apply(set, now, filters_change(now, h, bit, true));
	return *sys_error ? px_sys_error(*sys_error) : 0;
}

void px_kq_remove(px_ready *ready, px_handle *h)
{
	px_kqueue *set = px_kq_of(ready);

	if (!h->slot || !change_drop(set, h))
		px_kq_delete(set, h);
}

uint16_t px_kq_take(px_kqueue *set)
{
	uint16_t n = 0;

	for (unsigned i = 0; i < set->noted; i++) {
		px_kq_change *note = &set->notes[i];

		n = (uint16_t)(n +
		               filters_change(&set->changes[n], note->handle, note->bits, true));
		note->handle->slot = 0;
	}
	set->noted = 0;
	return n;
}
