/* What the measurement of timers (timers.c) asks of a library: one file answers for each. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MICRO_TIMERS_H
#define BENCH_MICRO_TIMERS_H

#include "micro.h"

extern const char px_timers_name[];

void px_timers_open(const px_micro_args *args); /* args->count timers, none armed */
/* From here on "after" counts, for each library keeps the time of its last look at the clock. */
void px_timers_look(void);
void px_timers_arm(size_t i, int64_t after_ns);
void px_timers_cancel(size_t i); /* of one that is pending */
/* Whatever cancelling has left to do. How many callbacks of cancelled timers ran, if such a
 * library runs them. */
size_t px_timers_settle(void);
/* Runs the loop until no timer is pending. */
void px_timers_run(void);
void px_timers_close(void);

/* Counted by the callbacks of timers whose time has come. */
extern size_t px_timers_fired;

#endif
