/* A run is its seed: the same trace in every build, twice, beside others, on several threads. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/mix.h"

#include <inttypes.h>

/* Every fault, one in a hundred, and what the numbers say besides. */
static uint64_t trace_of(uint64_t seed, uint32_t ppm, int64_t late_ns)
{
	proa_world_options o = {.seed = seed,
	                        .latency_min_ns = 50 * PROA_USEC,
	                        .latency_max_ns = 5 * PROA_MSEC,
	                        .late_max_ns = late_ns,
	                        .bandwidth = seed & 2 ? 1000000 : 0};
	uint64_t hash;
	mix m;

	mix_open(&m, &o);
	for (int f = 0; f < PROA_FAULT_COUNT; f++)
		CHECK_EQ(proa_world_fault(m.bed.w, (proa_fault)f, NULL, ppm), 0);
	proa_world_drift(m.bed.w, "one", (int32_t)(seed * 1000));
	mix_run(&m);
	hash = proa_world_trace_hash(m.bed.w);
	mix_close(&m);
	return hash;
}

/* What each build must come to, whatever compiled it. A change of what the library or the
 * simulation does changes them: then they are what the test says. */
static const struct {
	uint64_t seed;
	uint32_t ppm;
	int64_t late_ns;
	uint64_t hash;
} known[] = {
	{1, 0, 0, UINT64_C(0x2ad84196782c00ea)},
	{2, 0, PROA_SEC, UINT64_C(0xfba5ade9a7e0c633)},
	{3, 2000, 0, UINT64_C(0x135898017fdba8f4)},
	{4, 10000, 0, UINT64_C(0x0883023ab6df8557)},
	{5, 10000, PROA_SEC, UINT64_C(0xc26317acaddfd3b8)},
	{6, 50000, 50 * PROA_MSEC, UINT64_C(0xd0651ce1ca29a933)},
};

TEST(same_in_every_build)
{
#ifdef PX_TORTURE
	SKIP("a build with tiny sizes takes other ways");
#endif
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		uint64_t hash = trace_of(known[i].seed, known[i].ppm, known[i].late_ns);

		if (!CHECK(hash == known[i].hash))
			test_note("seed %" PRIu64 ": 0x%016" PRIx64, known[i].seed, hash);
	}
}

TEST(same_twice_and_different_seeds_differ)
{
	uint64_t last = 0;

	for (uint64_t seed = 100; seed < 110; seed++) {
		uint64_t hash = trace_of(seed, 10000, 0);

		CHECK(hash == trace_of(seed, 10000, 0));
		CHECK(hash != last);
		last = hash;
	}
}

static void turn_open(mix *m, uint64_t seed)
{
	mix_open(m,
	         &(proa_world_options){.seed = seed, .short_io_ppm = 100000, .late_ppm = 100000});
}

static void turn_run(mix *m, int turn)
{
	proa_world_run(m->bed.w, 2 * PROA_MSEC + turn);
}

static uint64_t turn_close(mix *m)
{
	uint64_t hash;

	mix_run(m);
	hash = proa_world_trace_hash(m->bed.w);
	mix_close(m);
	return hash;
}

/* Two worlds take turns of odd lengths; or each has all of its own first. */
TEST(same_beside_another_world)
{
	enum { TURNS = 1000 };
	uint64_t alone[2];
	mix m[2];

	for (int i = 0; i < 2; i++) {
		turn_open(&m[i], 7 + (uint64_t)i);
		for (int turn = 0; turn < TURNS; turn++)
			turn_run(&m[i], turn);
		alone[i] = turn_close(&m[i]);
	}
	CHECK(alone[0] != alone[1]);
	for (int i = 0; i < 2; i++)
		turn_open(&m[i], 7 + (uint64_t)i);
	for (int turn = 0; turn < TURNS; turn++)
		for (int i = 0; i < 2; i++)
			turn_run(&m[i], turn);
	CHECK(turn_close(&m[1]) == alone[1]);
	CHECK(turn_close(&m[0]) == alone[0]);
}

/* The first that was opened is closed first; the other goes on. */
TEST(same_behind_a_world_that_is_closed)
{
	uint64_t alone;
	mix m[2];

	turn_open(&m[0], 9);
	turn_run(&m[0], 0);
	alone = turn_close(&m[0]);
	turn_open(&m[0], 8);
	turn_open(&m[1], 9);
	turn_run(&m[1], 0);
	turn_close(&m[0]);
	CHECK(turn_close(&m[1]) == alone);
}

typedef struct lane {
	host_thread thread;
	uint64_t from, hash[4];
} lane;

static void *lane_run(void *user)
{
	lane *l = user;

	for (uint64_t i = 0; i < 4; i++)
		l->hash[i] = trace_of(l->from + i, 10000, 0);
	return NULL;
}

TEST(same_on_several_threads)
{
	lane lanes[3] = {{.from = 200}, {.from = 200}, {.from = 202}};

	for (int i = 0; i < 3; i++)
		CHECK(host_thread_start(&lanes[i].thread, lane_run, &lanes[i]));
	for (int i = 0; i < 3; i++)
		host_thread_join(&lanes[i].thread);
	CHECK_MEM(lanes[0].hash, lanes[1].hash, sizeof lanes[0].hash);
	CHECK_MEM(lanes[0].hash + 2, lanes[2].hash, 2 * sizeof *lanes[0].hash);
	CHECK(lanes[0].hash[0] == trace_of(200, 10000, 0));
}
