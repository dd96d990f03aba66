/* <sys/event.h> of the stand-in for kqueue: tests/shim/kqueue.c says what it is and is not. */
/* SPDX-License-Identifier: MIT */
#ifndef SHIM_SYS_EVENT_H
#define SHIM_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

/* Names and meanings as in kqueue(2) of FreeBSD; the numbers are the stand-in's own. */
#define EVFILT_READ  (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_VNODE (-4)
#define EVFILT_TIMER (-7)
#define EVFILT_USER  (-11)

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned int fflags;
	int64_t data;
	void *udata;
};

#define EV_SET(e, ident_, filter_, flags_, fflags_, data_, udata_) \
	(*(e) = (struct kevent){.ident = (uintptr_t)(ident_),      \
	                        .filter = (filter_),               \
	                        .flags = (flags_),                 \
	                        .fflags = (fflags_),               \
	                        .data = (data_),                   \
	                        .udata = (udata_)})

/* Actions. */
#define EV_ADD     0x0001
#define EV_DELETE  0x0002
#define EV_ENABLE  0x0004
#define EV_DISABLE 0x0008

/* Flags. */
#define EV_ONESHOT  0x0010
#define EV_CLEAR    0x0020
#define EV_RECEIPT  0x0040
#define EV_DISPATCH 0x0080

/* Returned. */
#define EV_ERROR 0x4000
#define EV_EOF   0x8000

/* EVFILT_USER: what `fflags` of a change does to those that are kept. */
#define NOTE_FFNOP      0x00000000u
#define NOTE_FFAND      0x40000000u
#define NOTE_FFOR       0x80000000u
#define NOTE_FFCOPY     0xc0000000u
#define NOTE_FFCTRLMASK 0xc0000000u
#define NOTE_FFLAGSMASK 0x00ffffffu
#define NOTE_TRIGGER    0x01000000u

/* EVFILT_VNODE: what is asked for, and what has happened. */
#define NOTE_DELETE 0x0001u
#define NOTE_WRITE  0x0002u
#define NOTE_EXTEND 0x0004u
#define NOTE_ATTRIB 0x0008u
#define NOTE_LINK   0x0010u
#define NOTE_RENAME 0x0020u
#define NOTE_REVOKE 0x0040u

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
           const struct timespec *timeout);

/* ---- only here, for tests ---- */

/* The n-th addition of a filter from now on, and all behind it, fail with `error`, until it is
 * called with 0. */
void kqueue_shim_refuse(int nth, int error);
/* EVFILT_USER is unknown from now on, or known again. */
void kqueue_shim_no_user(int unknown);
/* From now on, or no more: some waits end at once, by a signal or as if their time were over, with
 * the changes made and no event told. On from the start in torture builds. */
void kqueue_shim_torture(int on);
/* How many descriptors were closed that still had filters. */
unsigned long kqueue_shim_left(void);

#endif
