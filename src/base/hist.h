/* A histogram of fixed size and fixed relative precision, for latencies. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_HIST_H
#define PX_BASE_HIST_H

#include <stdint.h>

/* Log-linear buckets, as in HdrHistogram: each power of two is cut into 64 equal parts, so a value
 * is known to 1/64 (1.6 %) of itself, and exactly below 128. All of 64 bits in 30 KiB; recording
 * is a few instructions and never allocates. */
enum {
	PX_HIST_BITS = 6,
	PX_HIST_PARTS = 1 << PX_HIST_BITS,
	PX_HIST_BUCKETS = (64 - PX_HIST_BITS + 1) * PX_HIST_PARTS,
};

/* Valid when all zero, then empty. */
typedef struct px_hist {
	uint64_t count;
	uint64_t sum; /* stays at UINT64_MAX once there */
	uint64_t min; /* exact, as is max; both 0 while empty */
	uint64_t max;
	uint64_t buckets[PX_HIST_BUCKETS];
} px_hist;

void px_hist_reset(px_hist *h);
void px_hist_record(px_hist *h, uint64_t value);

/* `value`, `times` times. */
void px_hist_record_n(px_hist *h, uint64_t value, uint64_t times);

/* Adds all of `from`, as if recorded here: one histogram a thread, merged at the end. */
void px_hist_merge(px_hist *h, const px_hist *from);

/* The value that `percent` (0 to 100) of those recorded do not exceed: the end of its bucket, so
 * never too small, but never above the maximum. 0 while empty. */
uint64_t px_hist_percentile(const px_hist *h, double percent);

double px_hist_mean(const px_hist *h);

#endif
