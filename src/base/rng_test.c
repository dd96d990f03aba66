/* The generators give their published numbers, within their stated bounds. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include "test.h"

TEST(rng_splitmix64_from_zero)
{
	uint64_t counter = 0;

	CHECK(px_splitmix64(&counter) == UINT64_C(0xe220a8397b1dcdaf));
	CHECK(px_splitmix64(&counter) == UINT64_C(0x6e789e6aa1b965f4));
}

/* By hand from the definition: state 1, 2, 3, 4 gives rotl(2 * 5, 7) * 9, and so on. */
TEST(rng_xoshiro256_from_1_2_3_4)
{
	px_rng rng = {{1, 2, 3, 4}};

	CHECK(px_rng_next(&rng) == 11520);
	CHECK(px_rng_next(&rng) == 0);
	CHECK(px_rng_next(&rng) == 1509978240);
	CHECK(px_rng_next(&rng) == UINT64_C(1215971899390074240));
}

TEST(rng_same_seed_same_numbers)
{
	px_rng a, b, c;
	unsigned same = 0;

	px_rng_init(&a, 42);
	px_rng_init(&b, 42);
	px_rng_init(&c, 43);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t x = px_rng_next(&a);

		CHECK(x == px_rng_next(&b));
		same += x == px_rng_next(&c);
	}
	CHECK(same == 0);
}

TEST(rng_bounds)
{
	unsigned seen[10] = {0};
	unsigned hits = 0;
	px_rng rng;

	px_rng_init(&rng, 0);
	for (unsigned i = 0; i < 100000; i++) {
		seen[px_rng_below(&rng, 10)]++;
		hits += px_rng_chance(&rng, 250000);
		CHECK(px_rng_below(&rng, 1) == 0);
	}
	for (unsigned i = 0; i < 10; i++)
		CHECK(seen[i] > 9500 && seen[i] < 10500);
	CHECK(hits > 24000 && hits < 26000);
	CHECK(!px_rng_chance(&rng, 0) && px_rng_chance(&rng, 1000000));
	CHECK(px_rng_between(&rng, 9, 9) == 9);
	CHECK(px_rng_between(&rng, 3, 4) - 3 <= 1);
	px_rng_between(&rng, 0, UINT64_MAX); /* does not divide by zero */
}
