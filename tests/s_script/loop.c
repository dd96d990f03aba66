/* The loop that a script runs on, with its memory counted. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "s_script/run.h"

#include <stdio.h>
#include <stdlib.h>

static long blocks, bytes;

static void *counted(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	void *new;

	(void)user;
	if (!new_bytes) {
		blocks -= old != NULL;
		bytes -= old ? (long)old_bytes : 0;
		free(old);
		return NULL;
	}
	if (!(new = realloc(old, new_bytes)))
		return NULL;
	blocks += old == NULL;
	bytes += (long)new_bytes - (old ? (long)old_bytes : 0);
	return new;
}

/* ---- in a world ---- */

static proa_world *world;

static void violated(const char *text, void *user)
{
	(void)user;
	run_fail(F_RESULT, "violation: %s", text);
}

/* Chances of the seed's own: some faults are off, some rare, some frequent. Of those that the
 * contract has a stated set for in any script that races. */
static void chances_draw(proa_world *w, uint64_t seed)
{
	static const proa_fault faults[] = {
		PROA_FAULT_LATE,      PROA_FAULT_SHORT,       PROA_FAULT_ONE_BYTE,
		PROA_FAULT_MULTISHOT, PROA_FAULT_CANCEL_LATE, PROA_FAULT_CANCEL_LOST,
		PROA_FAULT_REORDER,   PROA_FAULT_ABORTED,     PROA_FAULT_STORM,
		PROA_FAULT_RESET,     PROA_FAULT_ERROR_AFTER, PROA_FAULT_ERROR_DURING,
		PROA_FAULT_STALL};
	static const uint32_t ppm[] = {0, 0, 1000, 20000, 200000};
	px_rng rng;

	px_rng_init(&rng, seed);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		proa_world_fault(w, faults[i], NULL, ppm[px_rng_below(&rng, 5)]);
}

static void world_open(proa_loop **loop, const script_env *env, const proa_loop_options *o)
{
	/* Pools and the ops of one script, and what threads are remembered by. */
	proa_world_options wo = {
		.seed = env->seed, .violation = violated, .memory_max_bytes = 2 << 20};
	char path[200];

	*loop = NULL;
	if (proa_world_open(&world, &wo) < 0)
		return;
	proa_world_add(world, NULL, &(proa_node_options){.name = "here", .addr = "10.0.0.1"});
	snprintf(path, sizeof path, "%s/made", env->dir);
	proa_world_file_put(world, "here", path, NULL, 0);
	if (env->chances)
		chances_draw(world, env->seed);
	if (proa_node_open(proa_world_find(world, "here"), loop, o) < 0)
		proa_world_close(&world);
}

void script_calm(bool calm)
{
	if (world)
		proa_world_calm(world, calm);
}

uint64_t script_faults(void)
{
	proa_world_stats stats;
	uint64_t n = 0;

	if (!world)
		return 0;
	proa_world_get_stats(world, &stats);
	for (unsigned i = 0; i < PROA_FAULT_COUNT; i++)
		n += stats.faults[i];
	return n;
}

/* ---- on any backend ---- */

proa_loop *script_loop_open(const script_env *env, const proa_loop_options *options)
{
	proa_loop_options o = *options;
	proa_loop *loop;

	blocks = bytes = 0;
	o.backend = env->backend;
	o.alloc = counted;
	if (env->simulated)
		world_open(&loop, env, &o);
	else
		proa_loop_open(&loop, &o);
	return loop;
}

int script_loop_close(proa_loop **loop)
{
	int rc, left;

	if (world)
		proa_world_calm(world, true);
	rc = proa_loop_close(loop, proa_clock(*loop) + 10 * PROA_SEC);
	left = world ? proa_world_close(&world) : 0;
	if (rc || left)
		return rc ? rc : left;
	return blocks || bytes ? -PROA_ELEAK : 0;
}
