/* Each fault alone, in a world that does a little of everything; and what each one does. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/mix.h"

TEST(fault_none)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		mix m;

		mix_open(&m, &(proa_world_options){.seed = seed});
		mix_run(&m);
		CHECK_EQ(m.done, 24);
		CHECK_EQ(m.lost, 0);
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			CHECK_EQ(bed_faults(&m.bed, (proa_fault)f), 0);
		mix_close(&m);
	}
}

/* 5 % of each kind: it happens, it may lose exchanges, but never one thing more. */
static void fault_alone(proa_fault fault, int seeds)
{
	uint64_t injected = 0, done = 0;

	for (int seed = 1; seed <= seeds; seed++) {
		mix m;

		mix_open(&m, &(proa_world_options){.seed = (uint64_t)seed});
		CHECK_EQ(proa_world_fault(m.bed.w, fault, NULL, 50000), 0);
		mix_run(&m);
		injected += bed_faults(&m.bed, fault);
		done += m.done;
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			CHECK(f == (int)fault || !bed_faults(&m.bed, (proa_fault)f));
		mix_close(&m);
	}
	CHECK_GT(injected, 0);
	CHECK_GT(done, 0);
}

#define FAULT_TEST(name, text)                                        \
	TEST(fault_##name##_alone)                                    \
	{                                                             \
		fault_alone(PROA_FAULT_##name, TEST_TIMES(50));       \
		CHECK_STR(proa_fault_name(PROA_FAULT_##name), #name); \
	}
PROA_FAULTS(FAULT_TEST)

TEST(fault_all_together)
{
	uint64_t injected[PROA_FAULT_COUNT] = {0};

	for (int seed = 1; seed <= TEST_TIMES(100); seed++) {
		mix m;

		mix_open(&m, &(proa_world_options){.seed = (uint64_t)seed});
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			CHECK_EQ(proa_world_fault(m.bed.w, (proa_fault)f, NULL, 5000), 0);
		mix_run(&m);
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			injected[f] += bed_faults(&m.bed, (proa_fault)f);
		mix_close(&m);
	}
	for (int f = 0; f < PROA_FAULT_COUNT; f++)
		if (!CHECK(injected[f] || TEST_TIMES(100) < 100))
			test_note("%s", proa_fault_name((proa_fault)f));
}

TEST(fault_names_and_kinds)
{
	bed s;

	bed_open(&s, NULL);
	CHECK(!proa_fault_name(PROA_FAULT_COUNT));
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_COUNT, NULL, 0), -PROA_EINVAL);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_LATE, "nothing", 0), -PROA_EINVAL);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_LATE, "recv", 1), 0);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_LATE, "timer", 1), -PROA_EINVAL);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_REORDER, "recv", 1), -PROA_EINVAL);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_REORDER, NULL, 1), 0);
	bed_close(&s);
}
