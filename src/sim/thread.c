/* Simulated threads: fibers that the world's events make ready, and locks between them. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <string.h>

enum { STACK_DEFAULT = 256 * 1024, CPU_NS = 1000 };

/* ---- being run ---- */

/* The scheduler's turn: until the thread waits, or has ended. */
static void thread_resume(px_world *w, px_simthread *t)
{
	w->running = t;
	px_sim_enter(t->node);
	px_fiber_switch(w->outer.fiber, t->fiber, false);
	w->running = NULL;
}

static void resume_fire(px_world *w, px_simevent *e)
{
	px_simthread *t = PX_OF(e, px_simthread, resume);

	if (!t->ready)
		t->timed = true;
	t->ready = true;
	if (t == &w->outer)
		return; /* it sees so behind this step */
	t->stalled = t->node->paused;
	if (!t->stalled)
		thread_resume(w, t);
}

static void thread_main(void *arg)
{
	px_simthread *t = arg;
	px_world *w = t->node->world;

	t->fn(t->arg);
	t->ended = true;
	if (t->joiner)
		px_sim_ready(w, t->joiner);
	px_list_remove(&t->link);
	px_list_push_back(&w->ended, &t->link);
	px_fiber_switch(t->fiber, w->outer.fiber, true);
}

int px_sim_thread_new(px_world *w, px_simnode *node, void (*fn)(void *), void *arg,
                      px_simthread **out)
{
	px_simthread *t = px_zalloc(&w->alloc, sizeof *t);
	size_t stack = w->o.stack_bytes ? w->o.stack_bytes : STACK_DEFAULT;

	if (!t)
		return -PROA_ENOMEM;
	t->fiber = px_fiber_open(stack, thread_main, t);
	if (!t->fiber) {
		px_free(&w->alloc, t, sizeof *t);
		return -PROA_ENOMEM;
	}
	t->resume.fire = resume_fire;
	t->node = node;
	t->fn = fn;
	t->arg = arg;
	t->identity = t;
	t->ready = true;
	px_list_push_back(&node->threads, &t->link);
	px_sim_schedule(w, &t->resume, w->now_ns + CPU_NS);
	*out = t;
	return 0;
}

static void thread_free(px_world *w, px_simthread *t)
{
	px_sim_unschedule(w, &t->resume);
	if (px_node_linked(&t->waits))
		px_list_remove(&t->waits);
	px_fiber_close(t->fiber);
	px_free(&w->alloc, t, sizeof *t);
}

void px_sim_threads_free(px_world *w)
{
	px_node *node;

	while ((node = px_list_pop_front(&w->ended))) {
		px_simthread *t = PX_OF(node, px_simthread, link);

		if (!t->joinable) {
			thread_free(w, t);
			continue;
		}
		px_fiber_close(t->fiber);
		t->fiber = NULL;
		px_list_push_back(&t->node->threads, &t->link);
	}
}

void px_sim_join(px_world *w, px_simthread *t)
{
	if (!t->ended) {
		t->joiner = w->running ? w->running : &w->outer;
		px_sim_wait(w, INT64_MAX);
	}
	t->joinable = false;
	if (!t->fiber) {
		px_list_remove(&t->link);
		thread_free(w, t);
	}
}

void px_sim_threads_stop(px_world *w, px_simnode *node)
{
	for (px_node *n = px_list_first(&node->threads); n; n = px_list_next(&node->threads, n)) {
		px_simthread *t = PX_OF(n, px_simthread, link);

		px_sim_unschedule(w, &t->resume);
		if (px_node_linked(&t->waits))
			px_list_remove(&t->waits);
	}
}

void px_sim_threads_drop(px_world *w, px_simnode *node)
{
	px_node *n;

	while ((n = px_list_pop_front(&node->threads))) {
		px_simthread *t = PX_OF(n, px_simthread, link);

		px_assert(t != w->running);
		thread_free(w, t);
	}
}

void px_sim_threads_unstall(px_world *w, px_simnode *node)
{
	for (px_node *n = px_list_first(&node->threads); n; n = px_list_next(&node->threads, n)) {
		px_simthread *t = PX_OF(n, px_simthread, link);

		if (t->stalled)
			px_sim_schedule(w, &t->resume, w->now_ns + CPU_NS);
		t->stalled = false;
	}
}

/* ---- waiting ---- */

void px_sim_ready(px_world *w, px_simthread *t)
{
	if (t->ready)
		return;
	t->ready = true;
	t->timed = false;
	px_sim_schedule(w, &t->resume, w->now_ns + CPU_NS);
}

/* The outside waits by running the world itself. */
static void outer_wait(px_world *w)
{
	px_simnode *was = px_sim_here();

	while (!w->outer.ready)
		if (!px_sim_step(w, INT64_MAX))
			PX_PANIC("a simulated world has come to a stop: what is waited for can "
			         "never happen");
	px_sim_unschedule(w, &w->outer.resume);
	px_sim_leave(was);
}

bool px_sim_wait(px_world *w, int64_t until_ns)
{
	px_simthread *t = w->running ? w->running : &w->outer;

	if (w->stepping && !w->running)
		PX_PANIC("something waited inside an event of a simulated world");
	t->ready = t->timed = false;
	t->resume.fire = resume_fire;
	px_sim_unschedule(w, &t->resume);
	if (until_ns != INT64_MAX)
		px_sim_schedule(w, &t->resume, PX_MAX(until_ns, w->now_ns + CPU_NS));
	if (t == &w->outer)
		outer_wait(w);
	else
		px_fiber_switch(t->fiber, w->outer.fiber, false);
	return !t->timed;
}
