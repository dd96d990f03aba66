/* Worlds: opened, run, settled, closed; the public calls on the whole of one. */
/* SPDX-License-Identifier: MIT */
#include "loop/world.h"

#include "loop/loop.h"

#include <string.h>

/* ---- the trace ---- */

static px_worldfull *full_of(px_tracer *t)
{
	return PX_OF(t, px_worldfull, tracer);
}

static void hash_word(px_worldfull *f, uint64_t word)
{
	f->w.hash = px_mix(f->w.hash ^ word) + word;
}

/* The bytes that an op was given: received, or read from a file. */
static const unsigned char *op_bytes(const px_op *op)
{
	switch (op->kind) {
	case PX_RECV:
	case PX_READ: return op->args.io.ptr;
	case PX_RECV_MSG: return ((const proa_msg *)op->args.io.ptr)->buf;
	case PX_RECV_POOLED:
	case PX_RECV_MANY: return op->buf;
	default: return NULL;
	}
}

static void hash_bytes(px_worldfull *f, const px_op *op)
{
	const unsigned char *p = op_bytes(op);
	size_t n = p && op->result > 0 ? (size_t)op->result : 0;

	for (uint64_t word; n >= sizeof word; n -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		hash_word(f, word);
	}
	for (; n; n--)
		hash_word(f, *p++);
}

static void hash_op(px_worldfull *f, const px_core *core, const px_op *op, unsigned what)
{
	const px_simnode *node = core->place;

	hash_word(f, (uint64_t)f->w.now_ns);
	hash_word(f, (uint64_t)node->index << 32 | (uint64_t)op->kind << 16 | what);
}

static void on_submitted(px_tracer *t, px_core *core, const px_op *op)
{
	px_worldfull *f = full_of(t);

	f->w.stat.operations++;
	hash_op(f, core, op, 1);
	f->checker.tracer.submitted(&f->checker.tracer, core, op);
}

static void on_completed(px_tracer *t, px_core *core, const px_op *op)
{
	px_worldfull *f = full_of(t);
	bool bell = op->kind == PX_DOORBELL || op->kind == PX_SIGNAL;

	f->w.stat.completions++;
	if (PX_UNLIKELY(f->w.o.trace != NULL))
		px_sim_trace_op(&f->w, core, op);
	hash_op(f, core, op, 2);
	hash_word(f, (uint64_t)op->result);
	hash_word(f, (uint64_t)op->got << 32 ^ (bell ? 0 : (uint64_t)op->count));
	hash_bytes(f, op);
	f->checker.tracer.completed(&f->checker.tracer, core, op);
}

static void on_closed(px_tracer *t, px_core *core, const px_handle *h)
{
	px_worldfull *f = full_of(t);
	const px_simnode *node = core->place;

	hash_word(f, (uint64_t)f->w.now_ns);
	hash_word(f, node->index);
	f->checker.tracer.closed(&f->checker.tracer, core, h);
}

static void on_gone(px_tracer *t, px_core *core)
{
	px_worldfull *f = full_of(t);

	f->checker.tracer.gone(&f->checker.tracer, core);
}

/* ---- open ---- */

static void checker_told(const char *text, void *user)
{
	px_sim_violation(user, "%s", text);
}

static void world_init(px_worldfull *f, const proa_world_options *o, const px_allocator *a)
{
	px_world *w = &f->w;

	w->magic = PX_WORLD_MAGIC;
	w->o = *o;
	w->o.latency_max_ns = PX_MAX(o->latency_max_ns, o->latency_min_ns);
	w->thread = &px_here;
	w->alloc = *a;
	px_rng_init(&w->rng, o->seed);
	px_sim_faults_init(w, o);
	px_list_init(&w->ended);
	px_list_init(&w->streams);
	px_list_init(&w->zone);
	px_list_init(&w->calls);
	px_sim_grams_init(w);
	px_sim_segs_init(w);
	px_slab_init(&w->slab_sock, &w->alloc, sizeof(px_simsock), 0);
	f->tracer = (px_tracer){.submitted = on_submitted,
	                        .completed = on_completed,
	                        .closed = on_closed,
	                        .gone = on_gone};
	w->tracer = &f->tracer;
	w->hash = o->seed;
	px_sim_world_begins(w);
}

static int checker_open(px_worldfull *f)
{
	proa_checker_options o = {.violation = checker_told, .user = &f->w};
	px_allocator own;

	px_allocator_init(&own, NULL, NULL);
	return px_checker_init(&f->checker, &o, &own);
}

int proa_world_open(proa_world **out, const proa_world_options *options)
{
	static const proa_world_options none;
	const proa_world_options *o = options ? options : &none;
	px_allocator a;
	px_worldfull *f;

	*out = NULL;
	if (o->size && o->size != sizeof *o)
		return -PROA_ESIZES;
	px_allocator_init(&a, NULL, NULL);
	if (!(f = px_zalloc(&a, sizeof *f)))
		return -PROA_ENOMEM;
	world_init(f, o, &a);
	f->w.outer.fiber = px_fiber_here();
	if (!f->w.outer.fiber || checker_open(f) < 0) {
		px_sim_world_ends(&f->w);
		px_fiber_close(f->w.outer.fiber);
		px_checker_free(&f->checker);
		px_free(&a, f, sizeof *f);
		return -PROA_ENOMEM;
	}
	*out = &f->w;
	return 0;
}

/* ---- running ---- */

#define AWAIT_MOST_NS (24 * 3600 * PROA_SEC)

static px_worldfull *full_of_world(px_world *w)
{
	return (px_worldfull *)(void *)w;
}

static void outside_only(const px_world *w)
{
	if (w->running || w->stepping)
		PX_PANIC("a world was run from inside of it");
}

int64_t proa_world_now(const proa_world *world)
{
	return px_world_of(world)->now_ns;
}

int64_t proa_world_run(proa_world *world, int64_t for_ns)
{
	px_world *w = px_world_of(world);
	int64_t until = px_add_sat(w->now_ns, PX_MAX(for_ns, 0)), n = 0;

	outside_only(w);
	while (px_sim_step(w, until))
		n++;
	w->now_ns = PX_MAX(w->now_ns, until);
	px_sim_leave(NULL);
	return n;
}

int64_t proa_world_await(proa_world *world, proa_op *op)
{
	px_world *w = px_world_of(world);
	int64_t until = px_add_sat(w->now_ns, AWAIT_MOST_NS);
	uint64_t kills = w->kills;

	outside_only(w);
	while (proa_in_flight(op)) {
		if (!px_sim_step(w, until))
			PX_PANIC("proa_world_await: nothing is left that could end it, or a "
			         "virtual day is over");
		if (w->kills != kills && proa_in_flight(op) &&
		    !px_checker_knows(&full_of_world(w)->checker, op))
			PX_PANIC("proa_world_await: the op's loop went when its node was killed");
	}
	px_sim_leave(NULL);
	return op->result;
}

int proa_world_until(proa_world *world, bool (*done)(void *user), void *user, int64_t within_ns)
{
	px_world *w = px_world_of(world);
	int64_t until = px_add_sat(w->now_ns, within_ns);

	outside_only(w);
	while (!done(user))
		if (!px_sim_step(w, until)) {
			if (w->heap_n) /* what is left comes later */
				w->now_ns = until;
			px_sim_leave(NULL);
			return -PROA_ETIMEDOUT;
		}
	px_sim_leave(NULL);
	return 0;
}

static bool world_quiet(void *user)
{
	const px_world *w = user;

	for (unsigned i = 0; i < w->n_nodes; i++) {
		const px_list *loops = &w->nodes[i]->loops;

		for (px_node *n = px_list_first(loops); n; n = px_list_next(loops, n))
			if (PX_OF(n, px_simloop, link)->core->active)
				return false;
	}
	return true;
}

int proa_world_settle(proa_world *world, int64_t within_ns)
{
	px_world *w = px_world_of(world);

	proa_world_calm(w, true);
	proa_world_heal(w);
	proa_world_pause(w, NULL, false);
	return proa_world_until(w, world_quiet, w, within_ns);
}

/* ---- calls at a time ---- */

typedef struct call {
	px_simevent event; /* first */
	px_node link;      /* in world->calls */
	void (*fn)(void *);
	void *user;
} call;

static void call_fire(px_world *w, px_simevent *e)
{
	call *c = PX_OF(e, call, event);
	void (*fn)(void *) = c->fn;
	void *user = c->user;

	px_list_remove(&c->link);
	px_free(&w->alloc, c, sizeof *c);
	fn(user);
}

int proa_world_at(proa_world *world, int64_t at_ns, void (*fn)(void *user), void *user)
{
	px_world *w = px_world_of(world);
	call *c = px_zalloc(&w->alloc, sizeof *c);

	if (!c)
		return -PROA_ENOMEM;
	c->event.fire = call_fire;
	c->fn = fn;
	c->user = user;
	px_list_push_back(&w->calls, &c->link);
	px_sim_schedule(w, &c->event, at_ns);
	return 0;
}

/* ---- looking ---- */

uint64_t proa_world_random(proa_world *world, uint64_t n)
{
	return px_rng_below(&px_world_of(world)->rng, n);
}

uint64_t proa_world_trace_hash(const proa_world *world)
{
	return px_world_of(world)->hash;
}

void proa_world_get_stats(const proa_world *world, proa_world_stats *out)
{
	const px_world *w = px_world_of(world);
	const px_worldfull *f = (const px_worldfull *)(const void *)w;

	*out = w->stat;
	px_sim_disk_counts(w, out->faults);
	out->size = sizeof *out;
	out->in_flight = f->checker.ops.n;
}

/* ---- closing ---- */

static bool world_ended(void *user)
{
	const px_world *w = user;

	for (unsigned i = 0; i < w->n_nodes; i++)
		if (w->nodes[i]->up)
			return false;
	return true;
}

/* What nobody gave back. */
static bool world_leaks(px_worldfull *f)
{
	px_world *w = &f->w;
	bool leaks = f->leaks || f->checker.ops.n != 0;

	for (unsigned i = 0; i < w->n_nodes; i++)
		leaks |= w->nodes[i]->files || !px_list_empty(&w->nodes[i]->blocks);
	return leaks;
}

static void world_free(px_worldfull *f)
{
	px_world *w = &f->w;
	px_allocator a;
	px_node *n;

	for (unsigned i = 0; i < w->n_nodes; i++)
		px_sim_node_drop(w->nodes[i], PROA_KILL_PROCESS);
	px_sim_grams_free(w);
	while ((n = px_list_pop_front(&w->calls)))
		px_free(&w->alloc, PX_OF(n, call, link), sizeof(call));
	while ((n = px_list_pop_front(&w->zone))) {
		px_simname *name = PX_OF(n, px_simname, link);

		px_free(&w->alloc, name, name->bytes);
	}
	for (unsigned i = 0; i < w->n_nodes; i++)
		px_sim_node_free(w->nodes[i]);
	px_slab_destroy(&w->slab_sock);
	px_slab_destroy(&w->slab_gram);
	for (unsigned c = 0; c < PX_SEG_CLASSES; c++)
		px_slab_destroy(&w->slab_seg[c]);
	px_free(&w->alloc, w->fds, w->fds_max * sizeof *w->fds);
	px_free(&w->alloc, w->heap, w->heap_max * sizeof(px_simevent *));
	px_free(&w->alloc, w->nodes, w->nodes_max * sizeof(px_simnode *));
	px_free(&w->alloc, w->links, (size_t)w->nodes_max * w->nodes_max * sizeof *w->links);
	px_checker_free(&f->checker);
	px_fiber_close(w->outer.fiber);
	px_sim_world_ends(w);
	PX_MAGIC_KILL(w);
	a = w->alloc;
	px_free(&a, f, sizeof *f);
	px_assert(a.live_blocks == 0);
}

int proa_world_close(proa_world **world)
{
	px_world *w;
	bool leaks;

	if (!*world)
		return 0;
	w = px_world_of(*world);
	outside_only(w);
	proa_world_calm(w, true);
	proa_world_heal(w);
	proa_world_pause(w, NULL, false);
	px_sim_nodes_stop(w);
	leaks = proa_world_until(w, world_ended, w, 60 * PROA_SEC) < 0;
	leaks |= world_leaks((px_worldfull *)(void *)w);
	world_free((px_worldfull *)(void *)w);
	px_sim_leave(NULL);
	*world = NULL;
	return leaks ? -PROA_ELEAK : 0;
}
