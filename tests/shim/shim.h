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

/* ---- notes.c; all of it under the one lock of kqueue.c ---- */

typedef struct shim_note {
	struct kevent is; /* as added: ident, filter, flags, udata; EVFILT_USER: fflags, data */
	shim_file file;
	bool disabled;
	bool triggered; /* EVFILT_USER */
	bool queued;
	struct shim_note *next;    /* in the queue's line */
	struct shim_note *sibling; /* among the EVFILT_USER ones */
} shim_note;

enum { SHIM_READ, SHIM_WRITE, SHIM_FILTERS };

typedef struct shim_queue {
	int fd;     /* an epoll: descriptors with EVFILT_READ, `writes` and the bell */
	int writes; /* an epoll of its own, so that one direction's edge is not the other's */
	int bell;   /* always readable: to ring is to have it looked at anew */
	shim_note **files; /* FILTERS of each descriptor */
	size_t n_files;    /* descriptors there is room for */
	shim_note *users;
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

#endif
