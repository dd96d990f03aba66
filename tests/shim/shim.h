/* The stand-in for kqueue from the inside: what its two files share. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHIM_SHIM_H
#define TESTS_SHIM_SHIM_H

#include "include/sys/event.h"

#include <stdbool.h>
#include <stddef.h>

/* What kind of descriptor it is, as far as the rules differ. */
typedef enum shim_kind { SHIM_PIPE, SHIM_TCP, SHIM_STREAM, SHIM_DATAGRAM } shim_kind;

/* What has been learned of a descriptor, because Linux cannot be asked for it again. */
typedef struct shim_file {
	int fd;
	shim_kind kind;
	bool listener;
	bool connected; /* once */
} shim_file;

/* 0, or EBADF. */
int shim_file_learn(shim_file *file, int fd);
/* Is this so of the descriptor now, by the rules of the filter? If it is, fills in the event's data
 * and fflags, and adds EV_EOF to its flags. */
bool shim_file_look(shim_file *file, short filter, struct kevent *event);

/* What Linux watches for an EVFILT_VNODE. */
typedef struct shim_vnode {
	int wd;
	int above;         /* of a folder: its parent's, who alone tells of its end; else -1 */
	unsigned happened; /* NOTE_..., not yet told */
	int64_t size;
	unsigned long links;
	bool folder, deleted;
} shim_vnode;

void shim_close(int fd); /* a descriptor of the stand-in's own, under the lock */

/* ---- notes.c; all of it under the one lock of kqueue.c ---- */

typedef struct shim_note {
	struct kevent is; /* as added: ident, filter, flags, udata; EVFILT_USER: fflags, data */
	shim_file file;
	shim_vnode vnode; /* EVFILT_VNODE */
	int timer;        /* EVFILT_TIMER: a timerfd; else -1 */
	bool disabled;
	bool triggered; /* EVFILT_USER */
	bool queued;
	struct shim_note *next;    /* in the queue's line */
	struct shim_note *sibling; /* among those of no descriptor */
} shim_note;

enum { SHIM_READ, SHIM_WRITE, SHIM_VNODE, SHIM_FILTERS };
/* In the epoll's data: a descriptor, or so much more. */
#define SHIM_OF_TIMER (UINT64_C(1) << 62)
#define SHIM_OF_NAMES (UINT64_C(1) << 61)

typedef struct shim_queue {
	int fd;     /* an epoll: descriptors with EVFILT_READ, `writes` and the bell */
	int writes; /* an epoll of its own, so that one direction's edge is not the other's */
	int bell;   /* always readable: to ring is to have it looked at anew */
	int names;  /* an inotify, for EVFILT_VNODE; -1: it needed none */
	shim_note **files;       /* FILTERS of each descriptor */
	size_t n_files;          /* descriptors there is room for */
	shim_note *users;        /* and timers */
	shim_note *first, **end; /* the line of those to look at, and perhaps to tell */
	unsigned waiting;        /* threads */
	struct shim_queue *next;
} shim_queue;

extern int shim_refuse_in, shim_refuse_error, shim_no_user, shim_torture;

/* `place` stays where it is, and is empty then. */
void shim_note_free(shim_queue *q, shim_note **place);
/* How many events the errors and receipts are; -1 and errno: an error that has no room. */
int shim_changes_apply(shim_queue *q, const struct kevent *c, int n, struct kevent *out, int room);
/* What is so now of the filters in which something happened; each is told once. How many. */
int shim_events_take(shim_queue *q, struct kevent *out, int room);
/* It is to be looked at, and perhaps told. */
void shim_note_activate(shim_queue *q, shim_note *n);

/* ---- vnode.c: inotify in the place of EVFILT_VNODE ---- */
int shim_vnode_watch(shim_queue *q, shim_note *n); /* 0 or an error */
void shim_vnode_forget(shim_queue *q, shim_note *n);
/* What inotify has is shared out among the notes. */
void shim_vnodes_take(shim_queue *q);

#endif
