/* Groups: several loops, one a thread, serving together. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_GROUP_H
#define PROA_GROUP_H
#include "proa/net.h"
PROA_C_BEGIN

typedef struct proa_group_options {
	size_t size;
	unsigned loops; /* 0: one a CPU this process may use */
	/* For each of them; may be NULL. `alloc`, if given, is called on several threads at once;
	 * `stay` is always on. */
	const proa_loop_options *loop;
	/* On each loop's thread before it runs; an error ends the group's opening. May be NULL. */
	int (*start)(proa_group *, proa_loop *, unsigned index, void *user);
	/* On each loop's thread when the group begins to stop: close listeners, finish idle
	 * connections. May be NULL. */
	void (*drain)(proa_group *, proa_loop *, unsigned index, void *user);
	void *user;
} proa_group_options;

/* Starts the threads. They are running when it returns 0. Errors: of proa_loop_open and of `start`,
 * ENOMEM. */
PROA_API int proa_group_open(proa_group **group, const proa_group_options *options);
PROA_API unsigned proa_group_size(const proa_group *group);
PROA_API proa_loop *proa_group_loop(proa_group *group, unsigned i);
/* Any thread: the loop with the least load (proa_loop_load) among those that are not stuck in a
 * callback. */
PROA_API proa_loop *proa_group_least_loaded(proa_group *group);

/* Serves `addr` on all loops; options as for proa_serve (conn_max is for the whole group).
 * Connections are accepted on a thread of the group's own, where no user code runs, and handed to
 * the least loaded loop, so a loop blocked by a slow callback holds up nobody else's; with
 * listen->reuseport each loop has a listener of its own instead and the system spreads (cheaper per
 * connection, but what it gives to a blocked loop waits). `start` runs on the connection's loop.
 * `bound` (may be NULL) receives the address. Any thread but the loops', so not in `start`. Errors:
 * of proa_serve; ECANCELED: the group is stopping. */
PROA_API int proa_group_serve(proa_group *group, const char *addr,
                              const proa_serve_options *options, proa_addr *bound);

/* Any thread, a signal's callback too: servers stop accepting and drain until nothing is in flight
 * on any loop, or until now + drain_ns; then what is left is closed and the loops end. A second
 * call can only shorten the drain. What others post to the loops must have been posted by then. */
PROA_API void proa_group_stop(proa_group *group, int64_t drain_ns);
/* Waits for the loops to end (somebody must call proa_group_stop), joins and frees; `*group`
 * becomes NULL. 0 or the first loop's error. */
PROA_API int proa_group_wait(proa_group **group);

PROA_C_END
#endif
