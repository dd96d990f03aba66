/* A million timers pending: what arming, cancelling and firing one costs, in each library alike. */
/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <stdlib.h>
#include <string.h>

/* Pending ones are due in one to two minutes, as idle times and time-outs are. Those that are to
 * fire lie within a second, all of which has passed when the loop is let run: no waiting is
 * measured. `live` is the same second, but run as it passes. All is CPU time of the thread, which
 * without waiting is the time it takes. */
#define MSEC        INT64_C(1000000)
#define FAR_FROM    (60000 * MSEC)
#define FAR_FOR     (60000 * MSEC)
#define NEAR_FROM   (10 * MSEC)
#define NEAR_FOR    (1000 * MSEC)
#define NEAR_MARGIN (100 * MSEC)

/* So many are cancelled between two turns of the loop. */
enum { BATCH = 1000 };

size_t px_timers_fired;

static int64_t *after_random(size_t n, int64_t from_ns, int64_t for_ns, uint64_t seed)
{
	int64_t *after = px_micro_alloc(n, sizeof *after);

	for (size_t i = 0; i < n; i++)
		after[i] = from_ns + (int64_t)(px_micro_random(&seed) % (uint64_t)for_ns);
	return after;
}

static double arm_all(const int64_t *after, size_t n)
{
	int64_t start;

	px_timers_look();
	start = px_micro_thread_cpu_ns();
	for (size_t i = 0; i < n; i++)
		px_timers_arm(i, after[i]);
	return (double)(px_micro_thread_cpu_ns() - start) / (double)n;
}

static double cancel_all(const uint32_t *order, size_t n)
{
	int64_t start = px_micro_thread_cpu_ns();
	size_t told = 0;

	for (size_t i = 0; i < n; i++) {
		px_timers_cancel(order[i]);
		if (i % BATCH == BATCH - 1 || i == n - 1)
			told += px_timers_settle();
	}
	start = px_micro_thread_cpu_ns() - start;
	if (told != 0 && told != n)
		px_bench_fail("some cancelled timers were told of, and some not");
	if (px_timers_fired)
		px_bench_fail("a cancelled timer fired");
	return (double)start / (double)n;
}

static void fired_check(size_t n)
{
	if (px_timers_fired != n)
		px_bench_fail("not every timer fired once");
	px_timers_fired = 0;
}

static double fire_all(size_t n)
{
	int64_t start;

	px_micro_sleep_until(px_bench_now_ns() + NEAR_FROM + NEAR_FOR + NEAR_MARGIN);
	start = px_micro_thread_cpu_ns();
	px_timers_run();
	start = px_micro_thread_cpu_ns() - start;
	fired_check(n);
	return (double)start / (double)n;
}

static double fire_live(size_t n)
{
	int64_t start = px_micro_thread_cpu_ns();

	px_timers_run();
	start = px_micro_thread_cpu_ns() - start;
	fired_check(n);
	return (double)start / (double)n;
}

static bool done(const px_micro_args *args, const char *phase)
{
	return args->only && !strcmp(args->only, phase);
}

static void phases(const px_micro_args *args)
{
	size_t n = args->count;
	int64_t *far = after_random(n, FAR_FROM, FAR_FOR, 1);
	int64_t *near = after_random(n, NEAR_FROM, NEAR_FOR, 2);
	uint32_t *order = px_micro_shuffled(n);

	px_timers_open(args);
	if (done(args, "open"))
		return;
	px_micro_figure("arm_ns", arm_all(far, n));
	if (done(args, "arm"))
		return;
	px_micro_figure("cancel_ns", cancel_all(order, n));
	if (done(args, "cancel"))
		return;
	arm_all(near, n);
	if (done(args, "near"))
		return;
	px_micro_figure("fire_ns", fire_all(n));
	if (done(args, "fire"))
		return;
	arm_all(near, n);
	px_micro_figure("live_ns", fire_live(n));
	px_timers_close();
	free(order);
	free(near);
	free(far);
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 1000000);

	px_micro_begin(px_timers_name);
	px_micro_figure("count", (double)args.count);
	phases(&args);
	px_micro_end();
	return 0;
}
