/* What the small measurements share: arguments, clocks, chance, one line of JSON. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include "../common.h"

#include <stdbool.h>

typedef struct px_micro_args {
	size_t count;        /* how many of whatever is measured */
	const char *only;    /* stop behind this phase; NULL: all of them */
	const char *backend; /* of proa; NULL: the best */
	const char *path;    /* where files are made; NULL: /tmp */
} px_micro_args;

/* --count N, --only PHASE, --backend NAME, --path FOLDER. Dies on anything else. */
px_micro_args px_micro_parse(int argc, char **argv, size_t count);

/* {"program": "name", "figures": {"a": 1.0, ...}} and the end of the line. Figures that are no
 * numbers are said as null. */
void px_micro_begin(const char *program);
void px_micro_figure(const char *name, double value);
void px_micro_end(void);

int64_t px_micro_thread_cpu_ns(void);
int64_t px_micro_process_cpu_ns(void);
uint64_t px_micro_writes(void);  /* write(2) and its kin, that this process has made */
void px_micro_pin(unsigned cpu); /* this thread, if there is such a CPU */
void px_micro_sleep_until(int64_t at_ns);

void *px_micro_alloc(size_t n, size_t bytes); /* zeroed and touched, on a cache line; or dies */

/* The same numbers each time. */
uint64_t px_micro_random(uint64_t *state);
uint32_t *px_micro_shuffled(size_t n); /* 0 to n - 1 */

double px_micro_median(double *values, size_t n); /* sorts them */

#endif
