/* The histogram's precision, percentiles and merging. */
/* SPDX-License-Identifier: MIT */
#include "base/hist.h"

#include "base/rng.h"
#include "test.h"

static px_hist h, other;

TEST(hist_empty)
{
	px_hist_reset(&h);
	CHECK(px_hist_percentile(&h, 50) == 0 && h.count == 0 && h.max == 0);
	CHECK(px_hist_mean(&h) >= 0 && px_hist_mean(&h) <= 0);
}

TEST(hist_small_values_are_exact)
{
	px_hist_reset(&h);
	for (uint64_t v = 1; v <= 100; v++)
		px_hist_record(&h, v);
	CHECK(px_hist_percentile(&h, 0) == 1);
	CHECK(px_hist_percentile(&h, 1) == 1);
	CHECK(px_hist_percentile(&h, 50) == 50);
	CHECK(px_hist_percentile(&h, 99) == 99);
	CHECK(px_hist_percentile(&h, 99.5) == 100);
	CHECK(px_hist_percentile(&h, 100) == 100);
	CHECK(h.min == 1 && h.max == 100);
	CHECK(px_hist_mean(&h) > 50.49 && px_hist_mean(&h) < 50.51);
}

/* Of every magnitude: not below the value, and above it by 1/64 at most. */
TEST(hist_precision)
{
	px_rng rng;

	px_rng_init(&rng, 1);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t v = px_rng_next(&rng) >> px_rng_below(&rng, 64);
		uint64_t p;

		px_hist_reset(&h);
		px_hist_record(&h, v);
		px_hist_record(&h, UINT64_MAX);
		p = px_hist_percentile(&h, 50);
		CHECK(p >= v && p - v <= v / 64);
	}
}

TEST(hist_extremes)
{
	px_hist_reset(&h);
	px_hist_record(&h, 0);
	px_hist_record(&h, UINT64_MAX);
	px_hist_record_n(&h, UINT64_MAX, 0);
	CHECK(h.count == 2 && h.min == 0 && h.max == UINT64_MAX && h.sum == UINT64_MAX);
	CHECK(px_hist_percentile(&h, 50) == 0 && px_hist_percentile(&h, 51) == UINT64_MAX);
	px_hist_record_n(&h, 2, 3);
	CHECK(h.sum == UINT64_MAX && h.count == 5);
}

TEST(hist_merge)
{
	px_hist_reset(&h);
	px_hist_reset(&other);
	px_hist_merge(&h, &other);
	CHECK(h.count == 0);
	px_hist_record_n(&other, 1000, 10);
	px_hist_merge(&h, &other);
	CHECK(h.count == 10 && h.min == 1000 && h.max == 1000 && h.sum == 10000);
	px_hist_reset(&other);
	px_hist_record_n(&other, 5, 90);
	px_hist_merge(&h, &other);
	CHECK(h.count == 100 && h.min == 5 && h.max == 1000);
	CHECK(px_hist_percentile(&h, 90) == 5 && px_hist_percentile(&h, 90.1) == 1000);
}
