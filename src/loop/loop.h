/* The loop from the inside: what run, wait and post share. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LOOP_LOOP_H
#define PX_LOOP_LOOP_H

#include "op/backend.h"

/* ---- one iteration ----
 *
 *   receive   posts, doorbells and workers' returns onto core->done and core->more
 *   time      due timers, deadlines and idle times, likewise
 *   wait      in the kernel, unless something is to be delivered already; what ended joins the
 * lists time      again, for it has passed deliver   the batch: what was on the lists by now, and
 * nothing that the callbacks add
 *
 * Only deliver runs user code. */
struct proa_loop {
	px_core core; /* first: a proa_loop is its core */
	void *user;
	bool stay;
	uint32_t spin_ns;
	void (*notice)(proa_loop *, int64_t error, const char *what, void *user);
	void *notice_user;
	px_list batch;      /* DONE ops of this iteration not delivered yet */
	unsigned unseen;    /* iterations in a row that delivered without looking at the kernel */
	uint64_t delivered; /* callbacks and events, ever */
	/* While proa_wait runs: where ops without a callback go. */
	proa_event *events;
	int events_n, events_max;
	_Atomic int64_t
		busy_since_ns; /* callbacks running since then; 0: waiting. Any thread reads */
};

static inline proa_loop *px_loop_of(px_core *core)
{
	return PX_OF(core, proa_loop, core);
}

/* Any thread: since when the loop has been in callbacks without a look at the kernel; 0: it waits.
 */
int64_t px_loop_busy_since_ns(const proa_loop *loop);

void px_core_init(px_core *core, const proa_loop_options *o); /* of zeroed memory; no backend yet */
/* Behind the last iteration of a run function: the thread's signals are its own again. */
void px_loop_leave(proa_loop *loop);
void px_loop_iterate(proa_loop *loop, int64_t deadline_ns);
/* The head of a run function: the thread is the loop's, and no callback is running. */
void px_loop_enter(proa_loop *loop);
/* An iteration without its delivery: hands in what was submitted, and takes what has ended. */
void px_loop_look(proa_loop *loop);
bool px_loop_has_work(const proa_loop *loop); /* something is to be delivered */
int64_t px_loop_next_ns(px_core *core);   /* the nearest deadline or idle time, INT64_MAX: none */
bool px_loop_full(const proa_loop *loop); /* proa_wait's array takes no more */
void px_loop_deliver(proa_loop *loop);

/* Everything that other threads sent, in order, onto the core's lists. */
void px_loop_receive(px_core *core);

/* proa_notify from inside the library (signal handlers, groups); any thread. */
void px_doorbell_ring(px_op *op);
/* Begins a doorbell-like op: an engine op that counts rings. `engine` may add to what a cancel
 * does, then calls px_doorbell_end. */
void px_doorbell_begin(px_op *op, const px_engine *engine, void *b);
void px_doorbell_end(px_op *op);
/* The rings since last pulled. */
px_pulled px_doorbell_pull(px_op *op);

#endif
