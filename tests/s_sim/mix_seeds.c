/* The mixed program in worlds of drawn faults, links and clocks: nothing breaks. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/mix.h"
#include "s_sim/seeds.h"

static unsigned long long done, lost;

/* Neither kills nor partitions: its clients count on a server that stays. */
static void clocks_draw(seed_rng *r, proa_world *w)
{
	static const char *const names[] = {"server", "one", "two"};

	for (unsigned i = 0; i < 3; i++) {
		if (seed_below(r, 3) == 0)
			proa_world_drift(w, names[i], (int32_t)seed_below(r, 100000) - 50000);
		if (seed_below(r, 3) == 0)
			proa_world_set_wall(w, names[i], -(int64_t)seed_below(r, 1000) * PROA_SEC);
	}
}

static uint64_t mix_seed(uint64_t seed)
{
	proa_world_options o = {.seed = seed};
	seed_rng r = {seed};
	int failures = test_failures();
	uint64_t hash;
	mix m;

	seed_options(&r, &o);
	mix_open(&m, &o);
	clocks_draw(&r, m.bed.w);
	mix_run(&m);
	done += m.done;
	lost += m.lost;
	hash = proa_world_trace_hash(m.bed.w);
	seed_count(m.bed.w);
	mix_close(&m);
	if (test_failures() != failures)
		seed_wrong("what is told above");
	return hash;
}

TEST_LIMIT(mix_worlds, 36000)
{
	seeds_run(TEST_TIMES(300), mix_seed);
	test_note("%llu exchanges, %llu lost", done, lost);
}
