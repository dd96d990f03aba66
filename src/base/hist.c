/* A log-linear histogram. */
/* SPDX-License-Identifier: MIT */
#include "base/hist.h"

#include "base/util.h"

#include <string.h>

/* Row 0 holds the values below 64, row r the 64 parts of [2^(r+5), 2^(r+6)). */
static unsigned bucket_of(uint64_t value)
{
	unsigned row;

	if (value < PX_HIST_PARTS)
		return (unsigned)value;
	row = px_log2_64(value) - PX_HIST_BITS + 1;
	return row * PX_HIST_PARTS + (unsigned)(value >> (row - 1) & (PX_HIST_PARTS - 1));
}

/* The last value that falls into the bucket. */
static uint64_t bucket_last(unsigned bucket)
{
	unsigned row = bucket / PX_HIST_PARTS;
	uint64_t part = bucket % PX_HIST_PARTS;

	if (!row)
		return part;
	return ((PX_HIST_PARTS + part) << (row - 1)) + ((UINT64_C(1) << (row - 1)) - 1);
}

static uint64_t mul_add_sat(uint64_t sum, uint64_t value, uint64_t times)
{
	if (times && value > (UINT64_MAX - sum) / times)
		return UINT64_MAX;
	return sum + value * times;
}

void px_hist_reset(px_hist *h)
{
	memset(h, 0, sizeof *h);
}

void px_hist_record_n(px_hist *h, uint64_t value, uint64_t times)
{
	if (!times)
		return;
	if (!h->count || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count += times;
	h->sum = mul_add_sat(h->sum, value, times);
	h->buckets[bucket_of(value)] += times;
}

void px_hist_record(px_hist *h, uint64_t value)
{
	px_hist_record_n(h, value, 1);
}

void px_hist_merge(px_hist *h, const px_hist *from)
{
	if (!from->count)
		return;
	if (!h->count || from->min < h->min)
		h->min = from->min;
	h->max = PX_MAX(h->max, from->max);
	h->count += from->count;
	h->sum = mul_add_sat(h->sum, from->sum, 1);
	for (unsigned i = 0; i < PX_HIST_BUCKETS; i++)
		h->buckets[i] += from->buckets[i];
}

/* Which of the values in ascending order, from 1: the first that has `percent` at or below it. */
static uint64_t rank_of(uint64_t count, double percent)
{
	double exact = percent / 100 * (double)count;
	uint64_t rank;

	if (!(exact > 1))
		return 1;
	if (exact >= (double)count)
		return count;
	rank = (uint64_t)exact;
	return (double)rank < exact ? rank + 1 : rank;
}

uint64_t px_hist_percentile(const px_hist *h, double percent)
{
	uint64_t rank = rank_of(h->count, percent);
	uint64_t seen = 0;

	if (!h->count)
		return 0;
	for (unsigned i = 0; i < PX_HIST_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank)
			return PX_MIN(bucket_last(i), h->max);
	}
	return h->max;
}

double px_hist_mean(const px_hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}
