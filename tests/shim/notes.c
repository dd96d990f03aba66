/* The stand-in for kqueue: filters, the changes made to them, and the events that they tell. */
/* SPDX-License-Identifier: MIT */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int shim_refuse_in, shim_refuse_error, shim_no_user;
#ifdef PX_TORTURE
int shim_torture = 1;
#else
int shim_torture;
#endif

/* ---- the line ---- */

void shim_note_activate(shim_queue *q, shim_note *n)
{
	if (n->queued || n->disabled)
		return;
	n->queued = true;
	n->next = NULL;
	*q->end = n;
	q->end = &n->next;
}

static void note_unqueue(shim_queue *q, shim_note *n)
{
	shim_note **at = &q->first;

	if (!n->queued)
		return;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	if (q->end == &n->next)
		q->end = at;
	n->queued = false;
}

/* ---- notes ---- */

static bool of_descriptor(short filter)
{
	return filter != EVFILT_USER && filter != EVFILT_TIMER;
}

static size_t slot_of(short filter)
{
	switch (filter) {
	case EVFILT_READ: return SHIM_READ;
	case EVFILT_WRITE: return SHIM_WRITE;
	default: return SHIM_VNODE;
	}
}

/* Where the filter's note is, or would be; NULL: no room was ever made for it. */
static shim_note **note_place(shim_queue *q, uintptr_t ident, short filter)
{
	shim_note **at = &q->users;

	if (!of_descriptor(filter)) {
		while (*at && ((*at)->is.ident != ident || (*at)->is.filter != filter))
			at = &(*at)->sibling;
		return at;
	}
	if (ident >= q->n_files)
		return NULL;
	return &q->files[ident * SHIM_FILTERS + slot_of(filter)];
}

static int places_grow(shim_queue *q, uintptr_t fd)
{
	size_t room = (size_t)(fd | 63) + 1;
	shim_note **more;

	if (fd < q->n_files)
		return 0;
	more = realloc(q->files, room * SHIM_FILTERS * sizeof *more);
	if (!more)
		return ENOMEM;
	for (size_t i = q->n_files * SHIM_FILTERS; i < room * SHIM_FILTERS; i++)
		more[i] = NULL;
	q->files = more;
	q->n_files = room;
	return 0;
}

static int epoll_of(const shim_queue *q, const shim_note *n)
{
	return n->is.filter == EVFILT_READ ? q->fd : q->writes;
}

static int timer_watch(shim_queue *q, shim_note *n)
{
	struct timespec each = {.tv_sec = (time_t)(n->is.data / 1000),
	                        .tv_nsec = (long)(n->is.data % 1000) * 1000000};
	struct itimerspec t = {.it_interval = each, .it_value = each};
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = SHIM_OF_TIMER | n->is.ident};

	n->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (n->timer >= 0 && !timerfd_settime(n->timer, 0, &t, NULL) &&
	    !epoll_ctl(q->fd, EPOLL_CTL_ADD, n->timer, &e)) {
		n->is.data = 0; /* from now on how often */
		return 0;
	}
	return errno;
}

static int note_watch(shim_queue *q, shim_note *n)
{
	struct epoll_event e = {.events = EPOLLET, .data.u64 = n->is.ident};

	switch (n->is.filter) {
	case EVFILT_USER: return 0;
	case EVFILT_TIMER: return timer_watch(q, n);
	case EVFILT_VNODE: return shim_vnode_watch(q, n);
	default: break;
	}
	e.events |= n->is.filter == EVFILT_READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
	return epoll_ctl(epoll_of(q, n), EPOLL_CTL_ADD, n->file.fd, &e) ? errno : 0;
}

static void note_unwatch(shim_queue *q, shim_note *n)
{
	if (n->is.filter == EVFILT_VNODE)
		shim_vnode_forget(q, n);
	else if (of_descriptor(n->is.filter))
		epoll_ctl(epoll_of(q, n), EPOLL_CTL_DEL, n->file.fd, NULL);
	if (n->timer >= 0)
		shim_close(n->timer);
}

/* `place` stays where it is, and is empty then. */
void shim_note_free(shim_queue *q, shim_note **place)
{
	shim_note *n = *place;

	note_unqueue(q, n);
	*place = n->sibling;
	note_unwatch(q, n);
	free(n);
}

static bool make_refused(void)
{
	if (shim_refuse_in > 1)
		shim_refuse_in--;
	else if (shim_refuse_in == 1)
		return true;
	return false;
}

static int note_make(shim_queue *q, const struct kevent *c)
{
	bool file_s = of_descriptor(c->filter);
	int fd = c->ident > INT32_MAX ? -1 : (int)c->ident;
	shim_file file = {.fd = -1};
	shim_note *n;
	int error;

	if (make_refused())
		return shim_refuse_error;
	if (file_s && ((error = shim_file_learn(&file, fd)) || (error = places_grow(q, c->ident))))
		return error;
	if (!(n = calloc(1, sizeof *n)))
		return ENOMEM;
	n->is = *c;
	n->is.fflags = c->fflags & NOTE_FFLAGSMASK & ~NOTE_TRIGGER;
	n->timer = -1;
	n->is.flags = c->flags & (EV_CLEAR | EV_ONESHOT | EV_DISPATCH);
	n->file = file;
	if ((error = note_watch(q, n))) {
		if (n->timer >= 0)
			shim_close(n->timer);
		free(n);
		return error;
	}
	*note_place(q, c->ident, c->filter) = n;
	return 0;
}

/* ---- changes ---- */

static unsigned flags_changed(unsigned old, unsigned by)
{
	switch (by & NOTE_FFCTRLMASK) {
	case NOTE_FFAND: old &= by; break;
	case NOTE_FFOR: old |= by; break;
	case NOTE_FFCOPY: old = by; break;
	default: break;
	}
	return old & NOTE_FFLAGSMASK;
}

static void user_touch(shim_note *n, const struct kevent *c)
{
	n->is.fflags = flags_changed(n->is.fflags, c->fflags);
	n->is.data = c->data;
	if (c->fflags & NOTE_TRIGGER)
		n->triggered = true;
	if (c->flags & EV_CLEAR)
		n->triggered = false;
}

static void note_touch(shim_queue *q, shim_note *n, const struct kevent *c)
{
	n->is.udata = c->udata;
	if (n->is.filter == EVFILT_USER)
		user_touch(n, c);
	if (n->is.filter == EVFILT_VNODE)
		n->is.fflags = c->fflags;
	if (c->flags & EV_DISABLE) {
		n->disabled = true;
		note_unqueue(q, n);
	} else if (c->flags & (EV_ADD | EV_ENABLE)) {
		n->disabled = false;
	}
	shim_note_activate(q, n);
}

static bool filter_known(short filter)
{
	switch (filter) {
	case EVFILT_READ:
	case EVFILT_WRITE:
	case EVFILT_VNODE:
	case EVFILT_TIMER: return true;
	default: return filter == EVFILT_USER && !shim_no_user;
	}
}

static int change_apply(shim_queue *q, const struct kevent *c)
{
	shim_note **place;
	int error;

	if (!filter_known(c->filter))
		return EINVAL;
	place = note_place(q, c->ident, c->filter);
	if ((!place || !*place) && !(c->flags & EV_ADD))
		return ENOENT;
	if (!place || !*place) {
		if ((error = note_make(q, c)))
			return error;
		place = note_place(q, c->ident, c->filter);
		if (!of_descriptor(c->filter))
			return 0;
	}
	if (c->flags & EV_DELETE)
		shim_note_free(q, place);
	else
		note_touch(q, *place, c);
	return 0;
}

/* Another thread may sleep in the queue, or a foreign loop wait for its descriptor. */
static void queue_ring(shim_queue *q)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = UINT64_MAX};

	epoll_ctl(q->fd, EPOLL_CTL_MOD, q->bell, &e);
}

/* How many events the errors and receipts are; -1 and errno: an error that has no room. */
int shim_changes_apply(shim_queue *q, const struct kevent *c, int n, struct kevent *out, int room)
{
	int told = 0;

	for (int i = 0; i < n; i++) {
		int error = change_apply(q, &c[i]);

		if (!error && !(c[i].flags & EV_RECEIPT))
			continue;
		if (told == room) {
			errno = error;
			return error ? -1 : told;
		}
		out[told] = c[i];
		out[told].flags |= EV_ERROR;
		out[told++].data = error;
	}
	if (n && (q->waiting || q->first))
		queue_ring(q);
	return told;
}

/* ---- events ---- */

/* A timer's data is how often it has run out. */
static void timer_take(shim_queue *q, uintptr_t ident)
{
	shim_note *n = *note_place(q, ident, EVFILT_TIMER);
	uint64_t times = 0;

	if (!n || read(n->timer, &times, sizeof times) != sizeof times)
		return;
	n->is.data += (int64_t)times;
	shim_note_activate(q, n);
}

static void edge_take(shim_queue *q, uint64_t of, short filter)
{
	shim_note **place;

	if (of == SHIM_OF_NAMES) {
		shim_vnodes_take(q);
		return;
	}
	if (of != UINT64_MAX && of & SHIM_OF_TIMER) {
		timer_take(q, (uintptr_t)(of & ~SHIM_OF_TIMER));
		return;
	}
	place = note_place(q, (uintptr_t)of, filter);
	if (place && *place)
		shim_note_activate(q, *place);
}

static void edges_take(shim_queue *q, int epoll, short filter)
{
	struct epoll_event e[64];
	int n;

	do {
		n = epoll_wait(epoll, e, 64, 0);
		for (int i = 0; i < n; i++)
			edge_take(q, e[i].data.u64, filter);
	} while (n == 64);
}

/* False: it is not so any more. */
static bool note_look(shim_note *n, struct kevent *out)
{
	*out = n->is;
	switch (n->is.filter) {
	case EVFILT_USER: return n->triggered;
	case EVFILT_TIMER: return n->is.data > 0;
	case EVFILT_VNODE: out->fflags = n->vnode.happened; return out->fflags != 0;
	default: return shim_file_look(&n->file, n->is.filter, out);
	}
}

/* What being told makes of it. */
static void note_told(shim_queue *q, shim_note *n)
{
	if (n->is.flags & EV_ONESHOT) {
		shim_note_free(q, note_place(q, n->is.ident, n->is.filter));
		return;
	}
	if (n->is.flags & EV_DISPATCH) {
		n->disabled = true;
	} else if (!(n->is.flags & EV_CLEAR) && n->is.filter != EVFILT_TIMER) {
		shim_note_activate(q, n);
	}
	if (n->is.filter == EVFILT_TIMER)
		n->is.data = 0;
	if (n->is.flags & EV_CLEAR)
		n->vnode.happened = 0;
	if (n->is.filter == EVFILT_USER && (n->is.flags & EV_CLEAR)) {
		n->triggered = false;
		n->is.fflags = 0;
		n->is.data = 0;
	}
}

/* Looks at what stood in the line when it began, once each. */
int shim_events_take(shim_queue *q, struct kevent *out, int room)
{
	shim_note *last = NULL, *n;
	int told = 0;

	edges_take(q, q->writes, EVFILT_WRITE);
	edges_take(q, q->fd, EVFILT_READ);
	for (n = q->first; n; n = n->next)
		last = n;
	while (told < room && (n = q->first)) {
		bool was_last = n == last;

		note_unqueue(q, n);
		if (note_look(n, &out[told])) {
			told++;
			note_told(q, n);
		}
		if (was_last)
			break;
	}
	return told;
}
