/* Groups: threads with a loop each, which open, run, drain and end together. */
/* SPDX-License-Identifier: MIT */
#include "loop/group.h"

#include "loop/loop.h"

/* Wakes every loop of the group: their run functions return, and each looks at the group's state.
 * Entered. */
static void group_wake(proa_group *g)
{
	for (unsigned i = 0; i < g->n && g->state != PX_G_FREED; i++)
		if (g->member[i].loop)
			proa_stop(g->member[i].loop);
	px_lock_wake_all(&g->lock);
}

/* ---- the members ---- */

/* Nobody goes on before all have come. Entered. */
static void group_meet(proa_group *g)
{
	unsigned meeting = g->meetings;

	if (++g->arrived == g->n) {
		g->arrived = 0;
		g->meetings++;
		px_lock_wake_all(&g->lock);
	}
	while (g->meetings == meeting)
		px_lock_wait(&g->lock);
}

static void group_error(proa_group *g, int rc)
{
	if (rc < 0 && !g->error)
		g->error = rc;
}

static bool member_start(px_member *m)
{
	proa_group *g = m->group;
	int rc = proa_loop_open(&m->loop, &g->loop_options);
	bool ok;

	px_lock_enter(&g->lock);
	group_error(g, rc);
	group_meet(g);
	ok = !g->error;
	px_lock_leave(&g->lock);
	rc = ok && g->o.start ? g->o.start(g, m->loop, m->index, g->o.user) : 0;
	px_lock_enter(&g->lock);
	group_error(g, rc);
	group_meet(g);
	ok = !g->error;
	if (ok && g->state == PX_G_OPENING)
		g->state = PX_G_RUNNING;
	px_lock_wake_all(&g->lock);
	px_lock_leave(&g->lock);
	return ok;
}

static px_group_state group_state(proa_group *g)
{
	px_group_state state;

	px_lock_enter(&g->lock);
	state = g->state;
	px_lock_leave(&g->lock);
	return state;
}

static uint64_t member_completed(const px_member *m)
{
	return px_completed(px_core_of(m->loop));
}

/* Nothing in flight, nothing on its way, and nothing has happened since it found so itself.
 * Entered. */
static bool member_quiet(const px_member *m)
{
	return m->idle &&
	       !atomic_load_explicit(&px_core_of(m->loop)->posted, memory_order_acquire) &&
	       !px_loop_busy_since_ns(m->loop) && member_completed(m) == m->completed;
}

/* Entered. Quiet members are woken by what makes them unquiet, and look again then: so the last one
 * to become quiet sees that all are. */
static bool group_drained(const proa_group *g)
{
	if (g->acceptors)
		return false; /* also past the deadline: what they hand over rings bells that must
		                 be there */
	if (g->deadline_ns <= px_sys_now_ns())
		return true;
	if (g->callers || atomic_load_explicit(&g->handed, memory_order_acquire))
		return false;
	for (unsigned i = 0; i < g->n; i++)
		if (!member_quiet(&g->member[i]))
			return false;
	return true;
}

static void member_drain_begin(px_member *m)
{
	proa_group *g = m->group;

	if (g->o.drain)
		g->o.drain(g, m->loop, m->index, g->o.user);
	px_lock_enter(&g->lock);
	for (px_service *s = g->services; s;
	     s = s->next) { /* only the head changes, and no more when draining */
		px_lock_leave(&g->lock);
		s->drain(s, m->index);
		px_lock_enter(&g->lock);
	}
	px_lock_leave(&g->lock);
}

/* Runs the loop until the group is drained or the deadline has come. */
static void member_drain(px_member *m)
{
	proa_group *g = m->group;
	int64_t deadline;

	member_drain_begin(m);
	px_lock_enter(&g->lock);
	while (g->state == PX_G_DRAINING) {
		m->idle = !px_core_of(m->loop)->active;
		m->completed = member_completed(m);
		if (group_drained(g)) {
			g->state = PX_G_ENDING;
			group_wake(g);
			break;
		}
		deadline = g->acceptors ? 0 : g->deadline_ns;
		px_lock_leave(&g->lock);
		proa_run_once(m->loop, deadline == INT64_MAX ? 0 : deadline);
		px_lock_enter(&g->lock);
	}
	px_lock_leave(&g->lock);
}

/* Closes the root but keeps the loop, which others may still post to; goes on answering until
 * nobody does. */
static void member_shut(px_member *m)
{
	proa_group *g = m->group;
	px_core *core = px_core_of(m->loop);

	core->closing = true;
	px_handle_close(&core->root, NULL);
	while (core->root.state != PX_H_CLOSED || core->root.in_flight || core->root.owned) {
		if (core->root.state == PX_H_CLOSED)
			px_list_remove(&core->root.link);
		proa_run_once(m->loop, 0);
	}
	px_list_remove(&core->root.link);
	px_lock_enter(&g->lock);
	g->shut++;
	group_wake(g);
	while (g->shut < g->n || g->callers) {
		px_lock_leave(&g->lock);
		proa_run_once(m->loop, 0);
		px_lock_enter(&g->lock);
	}
	px_lock_leave(&g->lock);
	/* What was posted last. Nobody else runs callbacks after the meeting behind this. */
	proa_run_once(m->loop, PROA_POLL);
	proa_run_once(m->loop, PROA_POLL);
}

static void member_main(void *arg)
{
	px_member *m = arg;
	proa_group *g = m->group;
	bool started;
	int rc;

	m->self = px_sys_thread();
	started = member_start(m);
	while (started && group_state(g) == PX_G_RUNNING)
		proa_run(m->loop); /* a stop that is not the group's ends nothing */
	if (started)
		member_drain(m);
	px_lock_enter(&g->lock);
	g->state = PX_G_ENDING;
	if (!m->loop) {
		g->shut++;
		group_wake(g); /* one that did open may be waiting for just this */
	}
	px_lock_leave(&g->lock);
	if (m->loop)
		member_shut(m);
	px_lock_enter(&g->lock);
	group_meet(g);
	g->state = PX_G_FREED;
	px_lock_leave(&g->lock);
	rc = proa_loop_close(&m->loop, 0);
	px_lock_enter(&g->lock);
	group_error(g, rc);
	px_lock_leave(&g->lock);
}

/* ---- open and wait ---- */

static size_t group_bytes(unsigned n)
{
	return sizeof(proa_group) + n * sizeof(px_member);
}

static proa_group *group_new(const proa_group_options *o)
{
	static const proa_loop_options none;
	const proa_loop_options *lo = o->loop ? o->loop : &none;
	unsigned n = o->loops ? o->loops : px_sys_cpus();
	px_allocator a;
	proa_group *g;

	px_system_allocator(&a, lo->alloc, lo->alloc_user);
	if (!(g = px_zalloc(&a, group_bytes(n))))
		return NULL;
	g->magic = PX_GROUP_MAGIC;
	g->alloc = a;
	px_lock_init(&g->lock);
	g->o = *o;
	g->loop_options = *lo;
	g->loop_options.stay = true; /* connections come from elsewhere */
	g->deadline_ns = INT64_MAX;
	g->n = n;
	return g;
}

/* Joins all, frees all; what the first error was. */
static int group_free(proa_group *g)
{
	px_allocator a;
	px_service *s;
	int rc;

	for (unsigned i = 0; i < g->n; i++)
		px_thread_join(&g->member[i].thread);
	while ((s = g->services)) {
		g->services = s->next;
		s->end(s);
	}
	px_lock_enter(&g->lock); /* whoever stopped the group has left it */
	rc = g->error;
	px_lock_leave(&g->lock);
	px_lock_destroy(&g->lock);
	PX_MAGIC_KILL(g);
	a = g->alloc;
	px_free(&a, g, group_bytes(g->o.loops));
	return rc;
}

/* The threads wait for one another before they do anything, so a group that lacks one does nothing.
 * Entered. */
static void group_spawn(proa_group *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		px_member *m = &g->member[i];
		int rc;

		m->group = g;
		m->index = i;
		rc = px_thread_start(&m->thread, member_main, m, "proa-loop");
		if (rc < 0) {
			group_error(g, rc);
			g->n = i;
		}
	}
}

int proa_group_open(proa_group **group, const proa_group_options *options)
{
	static const proa_group_options none;
	const proa_group_options *o = options ? options : &none;
	proa_group *g;
	bool failed;

	px_system_plain();
	*group = NULL;
	if (o->size && o->size != sizeof *o)
		return -PROA_EINVAL;
	if (!(g = group_new(o)))
		return -PROA_ENOMEM;
	g->o.loops = g->n; /* what was allocated: n may become less */
	px_lock_enter(&g->lock);
	group_spawn(g);
	while (g->state == PX_G_OPENING && g->n)
		px_lock_wait(&g->lock);
	failed = g->error != 0;
	px_lock_leave(&g->lock);
	if (failed)
		return group_free(g);
	*group = g;
	return 0;
}

int proa_group_wait(proa_group **group)
{
	proa_group *g = *group;
	int rc;

	if (!g)
		return 0;
	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	rc = group_free(g);
	*group = NULL; /* only now: the loops' callbacks may have been using that very pointer */
	return rc;
}

void proa_group_stop(proa_group *g, int64_t drain_ns)
{
	int64_t deadline = px_add_sat(px_sys_now_ns(), PX_MAX(drain_ns, 0));

	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	px_lock_enter(&g->lock);
	if (g->state < PX_G_ENDING) {
		g->state = PX_G_DRAINING;
		g->deadline_ns = PX_MIN(g->deadline_ns, deadline);
		/* All under the lock: somebody else may wait to free the group. */
		for (px_service *s = g->services; s; s = s->next)
			s->stop(s);
		group_wake(g);
	}
	px_lock_leave(&g->lock);
}

/* ---- for services ---- */

bool px_group_call_enter(proa_group *g)
{
	bool running;

	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	px_lock_enter(&g->lock);
	running = g->state == PX_G_RUNNING;
	g->callers += running;
	for (unsigned i = 0; i < g->n; i++)
		if (g->member[i].self == px_sys_thread())
			PX_PANIC("proa_group_serve on the thread of one of the group's loops");
	px_lock_leave(&g->lock);
	return running;
}

void px_group_call_leave(proa_group *g)
{
	px_lock_enter(&g->lock);
	g->callers--;
	group_wake(g);
	px_lock_leave(&g->lock);
}

bool px_group_add(proa_group *g, px_service *s, unsigned acceptors)
{
	bool running;

	px_lock_enter(&g->lock);
	running = g->state == PX_G_RUNNING;
	if (running) {
		s->next = g->services;
		g->services = s;
		g->acceptors += acceptors;
	}
	px_lock_leave(&g->lock);
	return running;
}

void px_group_acceptor_done(proa_group *g)
{
	px_lock_enter(&g->lock);
	g->acceptors--;
	group_wake(g);
	px_lock_leave(&g->lock);
}

void *px_group_alloc(proa_group *g, size_t bytes)
{
	void *p;

	px_lock_enter(&g->lock);
	p = px_zalloc(&g->alloc, bytes);
	px_lock_leave(&g->lock);
	return p;
}

void px_group_free(proa_group *g, void *p, size_t bytes)
{
	px_lock_enter(&g->lock);
	px_free(&g->alloc, p, bytes);
	px_lock_leave(&g->lock);
}

/* ---- who has the least to do ---- */

bool px_member_stuck(const px_member *m, int64_t now_ns)
{
	int64_t since = px_loop_busy_since_ns(m->loop);

	return since && now_ns - since > PX_GROUP_STUCK_NS;
}

proa_loop *proa_group_least_loaded(proa_group *g)
{
	int64_t now = px_sys_now_ns();
	proa_loop *best = NULL;
	size_t least = SIZE_MAX;

	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	for (int stuck = 0; stuck < 2 && !best; stuck++)
		for (unsigned i = 0; i < g->n; i++) {
			size_t load = proa_loop_load(g->member[i].loop);

			if (load >= least || (!stuck && px_member_stuck(&g->member[i], now)))
				continue;
			least = load;
			best = g->member[i].loop;
		}
	return best;
}

unsigned proa_group_size(const proa_group *g)
{
	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	return g->n;
}

proa_loop *proa_group_loop(proa_group *g, unsigned i)
{
	PX_MAGIC_CHECK(g, PX_GROUP_MAGIC);
	return i < g->n ? g->member[i].loop : NULL;
}
