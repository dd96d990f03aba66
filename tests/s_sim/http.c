/* The HTTP server in worlds where everything goes wrong: what it answers is whole, or cut off. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/http.h"

#include <string.h>

enum { CLIENTS = 3 };

/* Blocks of a loop's folder, workers and pool; one request would have as many again. */
#ifdef PX_TORTURE
enum { BLOCKS_LEFT = 40 }; /* the pool grows by single buffers */
#else
enum { BLOCKS_LEFT = 10 };
#endif

static const char *const names[] = {"server", "ann", "ben", "cid"};
static const char *const addrs[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};

typedef struct town {
	proa_world *w;
	seed_chaos chaos;
	served s;
	client clients[CLIENTS], probe;
	unsigned n;
	bool stalled;
} town;

static town t; /* large; the loops' ops lie in it */

static bool all_done(void *user)
{
	(void)user;
	for (unsigned i = 0; i < t.n; i++)
		if (!client_done(&t.clients[i]))
			return false;
	return true;
}

static bool server_up(void *user)
{
	(void)user;
	return t.s.up;
}

static bool probe_done(void *user)
{
	(void)user;
	return client_done(&t.probe);
}

static bool server_ended(void *user)
{
	(void)user;
	return t.s.ended;
}

static void town_open(uint64_t seed)
{
	proa_world_options o = {.seed = seed};
	seed_rng r = {seed};

	memset(&t, 0, sizeof t);
	seed_options(&r, &o);
	MUST(proa_world_open(&t.w, &o) == 0);
	t.n = 1 + (unsigned)seed_below(&r, CLIENTS);
	t.chaos = (seed_chaos){.w = t.w,
	                       .names = names,
	                       .n_names = t.n + 1,
	                       .left = (unsigned)seed_below(&r, 30),
	                       .apart_ns = seed_apart(&r),
	                       .no_kills = seed_below(&r, 2)};
	seen.closes_tell = t.chaos.no_kills && !o.half_close_ppm;
	seen.list_len = 0;
	seen.next_id = 0;
	t.s = (served){.w = t.w, .chaos = &t.chaos, .name = names[0]};
	t.s.group = seed_below(&r, 3) == 0;
	server_add(&t.s, addrs[0]);
	for (unsigned i = 0; i < t.n; i++) {
		t.clients[i] = (client){.w = t.w,
		                        .chaos = &t.chaos,
		                        .name = names[1 + i],
		                        .left = 1 + (unsigned)seed_below(&r, 6)};
		client_add(&t.clients[i], addrs[1 + i]);
	}
}

/* What the loop of an ended server holds: its folder, its workers, its pool. */
static void left_check(void)
{
	proa_stats stats;

	proa_world_run(t.w, PROA_SEC); /* its last file is being closed */
	proa_loop_stats(t.s.loop, &stats);
	MUST(stats.handles <= 1 && stats.in_flight == 0);
	MUST(stats.memory_blocks <= BLOCKS_LEFT);
	MUST(proa_buffers_free(proa_loop_buffers(t.s.loop)) == 4096);
}

/* The server has lived through it: it answers as if nothing had been, and lets go of everything. */
static void town_after(void)
{
	chaos_end(&t.chaos);
	MUST(proa_world_until(t.w, server_up, NULL, 10 * PROA_SEC) == 0);
	MUST(proa_world_until(t.w, all_done, NULL, 600 * PROA_SEC) == 0);
	proa_world_run(t.w, 20 * PROA_SEC);
	if (t.s.up && !t.s.group)
		MUST(proa_serve_count(&t.s.server) == 0);
	t.probe = (client){.w = t.w, .chaos = &t.chaos, .name = "probe", .left = 2, .calm = true};
	client_add(&t.probe, "10.0.0.9");
	/* On a slow link the server, which has handed all over, takes who still reads for idle. */
	proa_world_bandwidth(t.w, NULL, NULL, 0);
	proa_world_latency(t.w, NULL, NULL, PROA_USEC, PROA_MSEC);
	MUST(proa_world_until(t.w, probe_done, NULL, 60 * PROA_SEC) == 0);
	if (seed_failed)
		return;
	server_end(&t.s);
	MUST(proa_world_until(t.w, server_ended, NULL, 6 * PROA_SEC) == 0);
	if (t.s.loop)
		left_check();
}

static uint64_t town_run(uint64_t seed)
{
	uint64_t hash;

	town_open(seed);
	if (t.chaos.left)
		chaos_begin(&t.chaos);
	proa_world_until(t.w, all_done, NULL, 60 * PROA_SEC);
	town_after();
	hash = proa_world_trace_hash(t.w);
	seed_count(t.w);
	MUST(proa_world_close(&t.w) == 0);
	return hash;
}

TEST_LIMIT(http_worlds, 36000)
{
	seeds_run(TEST_TIMES(1500), town_run);
	test_note("%llu connections, %llu requests, %llu answers (%llu refusals), %llu cut",
	          seen.conns, seen.asked, seen.whole, seen.refused, seen.cut);
}
