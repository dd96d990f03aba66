/* The world's events: a heap by time and order, and the step that takes the first. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <string.h>

static bool event_before(const px_simevent *a, const px_simevent *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void heap_put(px_world *w, size_t at, px_simevent *e)
{
	w->heap[at] = e;
	e->index = at;
}

static void heap_up(px_world *w, px_simevent *e)
{
	size_t at = e->index;

	for (; at > 1 && event_before(e, w->heap[at / 2]); at /= 2)
		heap_put(w, at, w->heap[at / 2]);
	heap_put(w, at, e);
}

static void heap_down(px_world *w, px_simevent *e)
{
	size_t at = e->index;

	for (size_t child; (child = 2 * at) <= w->heap_n; at = child) {
		if (child < w->heap_n && event_before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!event_before(w->heap[child], e))
			break;
		heap_put(w, at, w->heap[child]);
	}
	heap_put(w, at, e);
}

/* An event that finds no room would be lost, and the world with it. */
static void heap_room(px_world *w)
{
	size_t max = w->heap_max ? 2 * w->heap_max : 64;
	px_simevent **heap;

	if (w->heap_n + 1 < w->heap_max)
		return;
	heap = px_realloc(&w->alloc, w->heap, w->heap_max * sizeof(px_simevent *),
	                  max * sizeof(px_simevent *));
	if (!heap)
		PX_PANIC("a simulated world is out of memory for its events");
	w->heap = heap;
	w->heap_max = max;
}

void px_sim_schedule(px_world *w, px_simevent *e, int64_t at_ns)
{
	px_sim_unschedule(w, e);
	heap_room(w);
	e->at_ns = PX_MAX(at_ns, w->now_ns);
	e->order = ++w->order;
	if (px_sim_fault(w, PROA_FAULT_REORDER, PX_POST))
		e->order -= px_rng_below(&w->rng, PX_MIN(e->order, 64));
	heap_put(w, ++w->heap_n, e);
	heap_up(w, e);
}

void px_sim_unschedule(px_world *w, px_simevent *e)
{
	px_simevent *last;
	size_t at = e->index;

	if (!at)
		return;
	last = w->heap[w->heap_n--];
	e->index = 0;
	if (last == e)
		return;
	heap_put(w, at, last);
	heap_up(w, last);
	heap_down(w, last);
}

bool px_sim_step(px_world *w, int64_t until_ns)
{
	px_simevent *e = w->heap_n ? w->heap[1] : NULL;

	if (!e || e->at_ns > until_ns)
		return false;
	px_assert(!w->stepping && e->at_ns >= w->now_ns);
	w->stepping = true;
	px_sim_unschedule(w, e);
	w->now_ns = e->at_ns;
	w->stat.events++;
	e->fire(w, e);
	w->stepping = false;
	px_sim_leave(NULL);
	px_sim_threads_free(w);
	return true;
}
