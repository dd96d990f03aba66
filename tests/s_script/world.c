/* The world around a script's loop: its faults, its link and what happens to it, from the seed. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "s_script/run.h"

#include <stdio.h>

enum { HAPPENINGS = 12 };

static struct {
	proa_world *w;
	uint32_t may; /* faults with a chance, by bits */
	unsigned left;
	unsigned calm; /* how often it was asked for */
} here;

static void violated(const char *text, void *user)
{
	(void)user;
	run_fail(F_RESULT, "violation: %s", text);
}

/* ---- faults ---- */

/* Some are off, some rare, some frequent. */
static void chances_draw(px_rng *rng, const proa_fault *faults, unsigned n)
{
	static const uint32_t ppm[] = {0, 0, 1000, 20000, 200000};

	for (unsigned i = 0; i < n; i++) {
		uint32_t chance = ppm[px_rng_below(rng, 5)];

		proa_world_fault(here.w, faults[i], NULL, chance);
		here.may |= chance ? 1u << faults[i] : 0;
	}
}

/* Datagrams come in another order if the world may change it. */
static bool has_datagrams(void)
{
	for (unsigned i = 0; i < r.script->n; i++)
		if (r.script->step[i].kind == S_udp)
			return true;
	return false;
}

/* Of a race-free script: those that nobody but the library sees. */
static void unseen_draw(px_rng *rng)
{
	static const proa_fault faults[] = {PROA_FAULT_LATE,        PROA_FAULT_SHORT,
	                                    PROA_FAULT_ONE_BYTE,    PROA_FAULT_MULTISHOT,
	                                    PROA_FAULT_CANCEL_LATE, PROA_FAULT_CANCEL_LOST,
	                                    PROA_FAULT_STALL,       PROA_FAULT_REORDER};
	unsigned n = sizeof faults / sizeof *faults;

	chances_draw(rng, faults, has_datagrams() ? n - 1 : n);
}

/* Of one that races: everything; rarely what ends much, or nothing would be left of it. */
static void all_draw(px_rng *rng)
{
	static const proa_fault mild[] = {
		PROA_FAULT_LATE,      PROA_FAULT_SHORT,       PROA_FAULT_ONE_BYTE,
		PROA_FAULT_MULTISHOT, PROA_FAULT_CANCEL_LATE, PROA_FAULT_CANCEL_LOST,
		PROA_FAULT_REORDER,   PROA_FAULT_ABORTED,     PROA_FAULT_STORM,
		PROA_FAULT_RESET,     PROA_FAULT_ERROR_AFTER, PROA_FAULT_ERROR_DURING,
		PROA_FAULT_STALL};
	static const proa_fault hard[] = {
		PROA_FAULT_ERROR_BEFORE, PROA_FAULT_HALF_CLOSE, PROA_FAULT_EXHAUSTED,
		PROA_FAULT_REFUSED,      PROA_FAULT_HANG,       PROA_FAULT_LOST,
		PROA_FAULT_TWICE,        PROA_FAULT_NO_MEMORY,  PROA_FAULT_DISK_ERROR};

	chances_draw(rng, mild, sizeof mild / sizeof *mild);
	if (px_rng_below(rng, 2))
		chances_draw(rng, hard, sizeof hard / sizeof *hard);
}

bool script_may(proa_fault fault)
{
	return here.w && here.may & 1u << fault;
}

/* ---- the node, its link and its clock ---- */

static int64_t below(uint64_t n)
{
	return (int64_t)proa_world_random(here.w, n);
}

static void link_draw(bool even)
{
	static const int64_t latency[] = {PROA_USEC, PROA_MSEC, 20 * PROA_MSEC};
	int64_t least = latency[below(3)], most = least + (even ? 0 : latency[below(3)]);

	if (below(2))
		proa_world_latency(here.w, "here", "here", least, most);
	if (below(4) == 0)
		proa_world_bandwidth(here.w, "here", "here", 20000 + (uint64_t)below(1000000));
}

static void go_on(void *user)
{
	(void)user;
	proa_world_pause(here.w, "here", false);
}

static void rest(void)
{
	proa_world_pause(here.w, "here", true);
	proa_world_at(here.w, proa_world_now(here.w) + below(20 * PROA_MSEC), go_on, NULL);
}

static void happen(void)
{
	switch (below(7)) {
	case 0: rest(); break;
	case 1: proa_world_jump(here.w, "here", below(2 * PROA_SEC)); break;
	case 2: proa_world_drift(here.w, "here", (int32_t)below(200000) - 100000); break;
	case 3: proa_world_set_wall(here.w, "here", below(4 * PROA_SEC) - 2 * PROA_SEC); break;
	case 4: proa_world_reset(here.w, "here", "here"); break;
	default: link_draw(false); break;
	}
}

static void happening(void *user)
{
	(void)user;
	if (!here.left)
		return;
	here.left--;
	if (!here.calm)
		happen();
	proa_world_at(here.w, proa_world_now(here.w) + below(5 * PROA_MSEC), happening, NULL);
}

/* ---- all of it ---- */

/* Behind the loop's opening, which is to go well. */
static void world_draw(const script_env *env)
{
	px_rng rng;

	px_rng_init(&rng, env->seed);
	link_draw(env->chances != CHANCES_ALL && has_datagrams());
	if (env->chances != CHANCES_ALL) {
		unseen_draw(&rng);
		return;
	}
	all_draw(&rng);
	if (below(2)) {
		here.left = (unsigned)below(HAPPENINGS);
		happening(NULL);
	}
}

void script_world_open(proa_loop **loop, const script_env *env, const proa_loop_options *o)
{
	/* Pools and the ops of one script, and what threads are remembered by. */
	proa_world_options wo = {
		.seed = env->seed, .violation = violated, .memory_max_bytes = 2 << 20};
	char path[200];

	*loop = NULL;
	here.may = here.left = here.calm = 0;
	if (proa_world_open(&here.w, &wo) < 0)
		return;
	proa_world_add(here.w, NULL, &(proa_node_options){.name = "here", .addr = "10.0.0.1"});
	snprintf(path, sizeof path, "%s/made", env->dir);
	proa_world_file_put(here.w, "here", path, NULL, 0);
	/* Its own program, which does nothing, has begun before anything may fail: it would end,
	 * and the loop of the script with it. */
	proa_world_run(here.w, PROA_USEC);
	if (proa_node_open(proa_world_find(here.w, "here"), loop, o) < 0)
		proa_world_close(&here.w);
	else if (env->chances)
		world_draw(env);
}

int script_world_close(void)
{
	return here.w ? proa_world_close(&here.w) : 0;
}

void script_calm(bool calm)
{
	if (!here.w)
		return;
	here.calm += calm ? 1 : -1u;
	proa_world_calm(here.w, here.calm > 0);
	if (calm)
		proa_world_pause(here.w, "here", false);
}

void script_pass(int64_t ns)
{
	proa_world_run(here.w, ns);
}

int64_t script_patience_ns(void)
{
	return script_may(PROA_FAULT_HANG) ? 300 * PROA_SEC : 60 * PROA_SEC;
}

uint64_t script_faults(void)
{
	proa_world_stats stats;
	uint64_t n = 0;

	if (!here.w)
		return 0;
	proa_world_get_stats(here.w, &stats);
	for (unsigned i = 0; i < PROA_FAULT_COUNT; i++)
		n += stats.faults[i];
	return n;
}
