/* Seeds, one world each: how many are run, and what is said of one that fails. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SIM_SEEDS_H
#define S_SIM_SEEDS_H

#include "proa.h"
#include "test.h"

#include <stdint.h>

/* Runs `few` seeds from 1; PROA_SIM_SEEDS=N of them, from PROA_SIM_FROM=S, if those are set. `run`
 * runs one and tells its trace's hash; every 16th runs twice, and the hashes must agree. A failure
 * comes with the command that repeats it, also when the program itself ends; the first one is the
 * last, unless PROA_SIM_KEEP_ON is set. */
void seeds_run(unsigned few, uint64_t (*run)(uint64_t seed));

/* Adds what was done in this world to what is told at the end. */
void seed_count(const proa_world *w);
/* In a seed: false, and it has failed. Only the first one is told. */
bool seed_wrong(const char *format, ...) HOST_PRINTF(1, 2);
#define MUST(...) seed_must(!!(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
bool seed_must(bool held, const char *text, const char *file, int line);
extern bool seed_failed;
/* For proa_world_options. */
void seed_violation(const char *text, void *user);

/* ---- choices that a seed makes before it has a world ---- */

typedef struct seed_rng {
	uint64_t x;
} seed_rng;
uint64_t seed_below(seed_rng *r, uint64_t n);
/* Latencies, bandwidth, window and faults; each fault in one world of three. */
void seed_options(seed_rng *r, proa_world_options *o);
/* How far apart things happen, at most. */
int64_t seed_apart(seed_rng *r);

/* ---- what happens to nodes and links meanwhile ---- */

enum { CHAOS_NODES = 6 };
typedef struct seed_chaos seed_chaos;
struct seed_chaos {
	proa_world *w;
	const char *const *names; /* of nodes that may go down */
	unsigned n_names, left;   /* left: things to happen */
	int64_t apart_ns;         /* between them, at most */
	bool no_kills;
	bool over; /* nothing is to be restarted any more */
	struct rising {
		seed_chaos *c;
		const char *name;
	} rising[CHAOS_NODES];
};
void chaos_begin(seed_chaos *c);
/* Everything as it should be again: healed, resumed, no faults, all nodes up. */
void chaos_end(seed_chaos *c);
/* For `down`: starts the node again, after a while. */
void chaos_down(seed_chaos *c, const char *name);

#endif
