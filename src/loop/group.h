/* A group from the inside: its loops and threads, and what is served on all of them. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LOOP_GROUP_H
#define PX_LOOP_GROUP_H

#include "base/alloc.h"
#include "proa/group.h"
#include "sys/sys.h"

#include <stdatomic.h>

/* ---- the life of a group ----
 *
 *   OPENING --all started--> RUNNING --proa_group_stop--> DRAINING --quiet or deadline--> ENDING
 * --all shut--> FREED
 *
 * Each loop's thread walks through these by itself, and they meet at the edges: after opening their
 * loops (nobody may be given a loop that is not there), after `start` (an error of one is the end
 * of all), and when all have shut their roots (so that a post to a loop of the group never meets
 * freed memory). */
typedef enum px_group_state {
	PX_G_OPENING,
	PX_G_RUNNING,
	PX_G_DRAINING,
	PX_G_ENDING,
	PX_G_FREED
} px_group_state;

/* A loop is stuck when its callbacks have been running so long. */
#define PX_GROUP_STUCK_NS (5 * PROA_MSEC)

/* Something served on all loops. Its memory is freed by `end`. */
typedef struct px_service px_service;
struct px_service {
	px_service *next;
	void (*stop)(px_service *); /* any thread, under the group's lock, more than once: accept no
	                               more */
	void (*drain)(px_service *, unsigned i); /* on loop i's thread */
	void (*end)(px_service *);               /* all loops are gone: join, free */
};

typedef struct px_member {
	proa_group *group;
	proa_loop *loop;
	px_thread thread;
	unsigned index;
	const void *self; /* px_sys_thread of it */
	/* Under the group's lock: when it last looked, nothing was in flight, and so many
	 * completions had been delivered. */
	bool idle;
	uint64_t completed;
} px_member;

#define PX_GROUP_MAGIC PX_MAGIC('g', 'r', 'u', 'p')

struct proa_group {
	uint32_t magic;
	px_allocator alloc; /* under the lock */
	px_lock lock;
	proa_group_options o;
	proa_loop_options loop_options;
	px_group_state state;
	int64_t deadline_ns;           /* of the drain */
	int error;                     /* the first */
	unsigned n, arrived, meetings; /* members; how many are at the current meeting; meetings
	                                  that were held */
	unsigned shut;                 /* members whose root has closed */
	unsigned acceptors;            /* threads that may still hand over */
	unsigned callers;              /* threads in proa_group_serve */
	px_service *services;
	_Atomic unsigned handed; /* sockets on their way to a loop */
	px_member member[];
};

/* Begin and end of a call from outside that needs the loops to answer posts. false: the group is
 * stopping. */
bool px_group_call_enter(proa_group *);
void px_group_call_leave(proa_group *);
/* From now on stopped, drained and ended with the group; `acceptors` of its threads hand over.
 * false: the group is stopping. */
bool px_group_add(proa_group *, px_service *, unsigned acceptors);
void px_group_acceptor_done(proa_group *);
void *px_group_alloc(proa_group *, size_t bytes); /* zero-filled; any thread */
void px_group_free(proa_group *, void *, size_t bytes);
/* The member's loop is in a callback since PX_GROUP_STUCK_NS. */
bool px_member_stuck(const px_member *, int64_t now_ns);

#endif
