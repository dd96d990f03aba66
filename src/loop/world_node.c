/* Nodes of a world: their programs started, stopped, killed; links, clocks and disks changed. */
/* SPDX-License-Identifier: MIT */
#include "loop/world.h"

#include "loop/loop.h"
#include "sim/fs.h"

#include <string.h>

static px_simnode *node_of(proa_node *node)
{
	return (px_simnode *)(void *)node;
}

static proa_node *node_pub(px_simnode *node)
{
	return (proa_node *)(void *)node;
}

static px_worldfull *full_of(px_simnode *node)
{
	return (px_worldfull *)(void *)node->world;
}

/* ---- the program ---- */

static int loop_open(px_simnode *node)
{
	proa_loop_options o = {.stay = true};

	return node->loop ? 0 : proa_loop_open(&node->loop, &o);
}

static int start_run(px_simnode *node)
{
	int rc = loop_open(node);

	if (rc < 0)
		return rc;
	rc = node->o.start ? node->o.start(node->loop, node->o.user) : 0;
	if (rc >= 0)
		proa_run(node->loop);
	proa_loop_close(&node->loop, 0);
	return rc;
}

/* One that is killed leaves nothing. */
static bool program_leaves(const px_simnode *node)
{
	return node->files || !px_list_empty(&node->blocks) || !px_list_empty(&node->loops);
}

static void program_main(void *arg)
{
	px_simnode *node = arg;

	node->result = node->o.main ? node->o.main(node->o.user) : start_run(node);
	full_of(node)->leaks |= program_leaves(node);
	node->loop = NULL;
	node->kill = PROA_KILL_PROCESS;
	px_sim_schedule(node->world, &node->end, node->world->now_ns);
}

static void begin_fire(px_world *w, px_simevent *e)
{
	px_simnode *node = PX_OF(e, px_simnode, begin);
	px_simthread *t;

	if (node->up) {
		if (px_sim_pending(&node->end)) /* of one time, in whatever order */
			px_sim_schedule(w, e, w->now_ns);
		return;
	}
	if (px_sim_thread_new(w, node, program_main, node, &t) < 0)
		PX_PANIC("a simulated world is out of memory for its threads");
	t->identity = &w->outer;
	px_sim_trace(w, node, "starts");
	node->up = true;
	node->dark = false;
	node->kill = PROA_KILL_PROCESS;
	node->result = -PROA_ECANCELED;
}

/* Its loops are not closed: they are gone, with everything that was in flight. */
static void end_fire(px_world *w, px_simevent *e)
{
	px_simnode *node = PX_OF(e, px_simnode, end);
	px_node *n;

	if (!node->up && !node->loop && !node->called_off)
		return;
	px_sim_trace(w, node, node->kill == PROA_KILL_POWER ? "loses its power" : "is down");
	while ((n = px_list_pop_front(&node->loops))) {
		px_simloop *l = PX_OF(n, px_simloop, link);

		if (l->waiter == &w->outer)
			PX_PANIC("a node was killed while the outside was running a loop of it");
		px_checker_forget(&full_of(node)->checker, l->core);
	}
	w->kills++;
	px_sim_enter(node);
	px_sim_node_drop(node, node->kill);
	node->loop = NULL;
	node->up = node->stopping = node->called_off = false;
	node->dark = node->kill == PROA_KILL_POWER;
	px_sim_leave(NULL);
	if (node->o.down)
		node->o.down(node->result, node->o.user);
}

/* ---- adding ---- */

static int node_add(px_world *w, px_simnode **out, const proa_node_options *o)
{
	int rc = -PROA_EINVAL;
	px_simnode *node = o->name && o->addr ? px_sim_node_new(w, o->name, o->addr, &rc) : NULL;

	*out = node;
	if (!node)
		return rc;
	node->o = *o;
	node->o.name = node->name;
	node->o.addr = NULL;
	if (o->cpus)
		node->cpus = o->cpus;
	if (o->files_max)
		node->files_max = o->files_max;
	px_simfs_set_capacity(node->fs, o->disk_bytes);
	node->begin.fire = begin_fire;
	node->end.fire = end_fire;
	return proa_world_zone(w, node->name, o->addr);
}

int proa_world_add(proa_world *world, proa_node **out, const proa_node_options *options)
{
	px_world *w = px_world_of(world);
	px_simnode *node;
	int rc;

	if (out)
		*out = NULL;
	if (options->size && options->size != sizeof *options)
		return -PROA_ESIZES;
	if ((rc = node_add(w, &node, options)) < 0)
		return rc;
	px_sim_schedule(w, &node->begin, w->now_ns);
	if (out)
		*out = node_pub(node);
	return 0;
}

proa_loop *proa_world_node(proa_world *world, const char *name, const char *addr)
{
	px_world *w = px_world_of(world);
	proa_node_options o = {.name = name, .addr = addr};
	px_simnode *node;

	if (node_add(w, &node, &o) < 0)
		return NULL;
	px_sim_enter(node);
	if (loop_open(node) < 0)
		node->loop = NULL;
	px_sim_leave(NULL);
	px_sim_schedule(w, &node->begin, w->now_ns);
	return node->loop;
}

proa_node *proa_world_find(proa_world *world, const char *name)
{
	return node_pub(px_sim_node_find(px_world_of(world), name));
}

proa_loop *proa_node_loop(proa_node *node)
{
	return node_of(node)->loop;
}

int proa_node_open(proa_node *pub, proa_loop **loop, const proa_loop_options *options)
{
	px_simnode *node = node_of(pub);
	int rc;

	if (node->world->running || node->world->stepping)
		PX_PANIC("proa_node_open inside of a world, where proa_loop_open is");
	px_sim_enter(node);
	rc = proa_loop_open(loop, options);
	px_sim_leave(NULL);
	return rc;
}

/* ---- the end of a program ---- */

void px_sim_nodes_stop(px_world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		px_simnode *node = w->nodes[i];

		px_sim_unschedule(w, &node->begin);
		if (!node->up && node->loop) { /* it has never run: as if it had */
			begin_fire(w, &node->begin);
		}
		if (!node->up)
			continue;
		node->stopping = true;
		if (node->loop)
			proa_stop(node->loop);
		else
			px_sim_schedule(w, &node->end, w->now_ns);
	}
}

static px_simnode *named(px_world *w, const char *name)
{
	px_simnode *node = px_sim_node_find(w, name);

	if (!node)
		PX_PANIC("a world has no node of that name");
	return node;
}

void proa_world_kill(proa_world *world, const char *name, proa_kill how)
{
	px_world *w = px_world_of(world);
	px_simnode *node = named(w, name);

	node->kill = how;
	if (px_sim_pending(&node->begin) && !node->up) { /* its end is told all the same */
		node->called_off = true;
		node->result = -PROA_ECANCELED;
	}
	px_sim_unschedule(w, &node->begin);
	px_sim_schedule(w, &node->end, w->now_ns);
}

void proa_world_restart(proa_world *world, const char *name)
{
	px_world *w = px_world_of(world);

	px_sim_schedule(w, &named(w, name)->begin, w->now_ns);
}

bool proa_world_is_up(proa_world *world, const char *name)
{
	return named(px_world_of(world), name)->up;
}

bool proa_world_signal(proa_world *world, const char *name, int signo)
{
	px_simnode *node = named(px_world_of(world), name);
	bool heard = false;

	for (unsigned i = 0; i < PX_SIM_SIGNALS; i++) {
		if (node->signals[i].signo != signo)
			continue;
		node->signals[i].ring(node->signals[i].arg);
		heard = true;
	}
	return heard;
}

/* ---- everything that is meant by a name, NULL: all ---- */

static bool meant(const px_simnode *node, const char *name)
{
	return !name || !strcmp(node->name, name);
}

void proa_world_pause(proa_world *world, const char *name, bool paused)
{
	px_world *w = px_world_of(world);

	for (unsigned i = 0; i < w->n_nodes; i++) {
		px_simnode *node = w->nodes[i];

		if (!meant(node, name) || node->paused == paused)
			continue;
		node->paused = paused;
		if (!paused)
			px_sim_threads_unstall(w, node);
	}
}

typedef void link_fn(px_simlink *l, int64_t a, int64_t b);

static void links_change(px_world *w, const char *from, const char *to, link_fn *fn, int64_t a,
                         int64_t b)
{
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < w->n_nodes; k++)
			if (meant(w->nodes[i], from) && meant(w->nodes[k], to))
				fn(px_sim_link(w, w->nodes[i], w->nodes[k]), a, b);
}

static void link_cut(px_simlink *l, int64_t cut, int64_t unused)
{
	PX_UNUSED(unused);
	l->cut = cut != 0;
}

static void link_latency(px_simlink *l, int64_t min_ns, int64_t max_ns)
{
	l->min_ns = min_ns;
	l->max_ns = PX_MAX(max_ns, min_ns);
}

static void link_bandwidth(px_simlink *l, int64_t bytes, int64_t unused)
{
	PX_UNUSED(unused);
	l->bandwidth = (uint64_t)bytes;
}

void proa_world_partition(proa_world *world, const char *from, const char *to, bool both_ways)
{
	px_world *w = px_world_of(world);

	links_change(w, from, to, link_cut, 1, 0);
	if (both_ways)
		links_change(w, to, from, link_cut, 1, 0);
	for (unsigned i = 0; i < w->n_nodes; i++) /* a machine reaches itself */
		px_sim_link(w, w->nodes[i], w->nodes[i])->cut = false;
}

void proa_world_heal(proa_world *world)
{
	px_world *w = px_world_of(world);

	links_change(w, NULL, NULL, link_cut, 0, 0);
	px_sim_streams_heal(w);
}

void proa_world_latency(proa_world *world, const char *from, const char *to, int64_t min_ns,
                        int64_t max_ns)
{
	links_change(px_world_of(world), from, to, link_latency, min_ns, max_ns);
}

void proa_world_bandwidth(proa_world *world, const char *from, const char *to,
                          uint64_t bytes_per_sec)
{
	links_change(px_world_of(world), from, to, link_bandwidth,
	             (int64_t)PX_MIN(bytes_per_sec, (uint64_t)INT64_MAX), 0);
}

void proa_world_reset(proa_world *world, const char *from, const char *to)
{
	px_world *w = px_world_of(world);

	for (px_node *n = px_list_first(&w->streams); n; n = px_list_next(&w->streams, n)) {
		px_simsock *s = PX_OF(n, px_simsock, all);

		if (meant(s->node, from) && meant(s->peer->node, to))
			px_sim_stream_reset(s);
	}
}

int proa_world_zone(proa_world *world, const char *name, const char *addrs)
{
	px_world *w = px_world_of(world);
	size_t bytes = sizeof(px_simname) + strlen(name) + 1;
	px_simname *entry = px_zalloc(&w->alloc, bytes);
	int rc;

	if (!entry)
		return -PROA_ENOMEM;
	if ((rc = px_sim_addrs(entry->addr, &entry->n, addrs)) < 0) {
		px_free(&w->alloc, entry, bytes);
		return rc;
	}
	entry->bytes = bytes;
	memcpy(entry->name, name, strlen(name) + 1);
	px_list_push_front(&w->zone, &entry->link); /* the newest one answers */
	return 0;
}

/* ---- clocks ---- */

/* Its time until now stands; from here on it goes on differently. */
static void clock_rebase(px_simnode *node)
{
	node->base_ns = px_sim_node_now(node);
	node->base_world = node->world->now_ns;
}

void proa_world_drift(proa_world *world, const char *name, int32_t ppm)
{
	px_simnode *node = named(px_world_of(world), name);

	clock_rebase(node);
	node->ppm = PX_MIN(PX_MAX(ppm, -900000), 9000000);
	px_sim_loops_wake(node);
}

void proa_world_jump(proa_world *world, const char *name, int64_t ns)
{
	px_simnode *node = named(px_world_of(world), name);

	clock_rebase(node);
	node->base_ns += PX_MAX(ns, 0);
	px_sim_loops_wake(node);
}

void proa_world_set_wall(proa_world *world, const char *name, int64_t by_ns)
{
	named(px_world_of(world), name)->wall_ns += by_ns;
}

/* ---- disks ---- */

int proa_world_file_put(proa_world *world, const char *name, const char *path, const void *bytes,
                        size_t len)
{
	px_simnode *node = named(px_world_of(world), name);

	return px_simfs_put(node->fs, path, bytes, len, px_sim_node_now(node) + node->wall_ns);
}

int64_t proa_world_file_get(proa_world *world, const char *name, const char *path, void *out,
                            size_t len)
{
	return px_simfs_get(named(px_world_of(world), name)->fs, path, out, len);
}

void proa_world_disk(proa_world *world, const char *name, int64_t bytes)
{
	px_simfs_set_capacity(named(px_world_of(world), name)->fs, bytes);
}
