/* A call handed to another loop: while that is awake, asleep, or looks before it sleeps. */
/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

enum { LAPS_SHARE = 50 }; /* a round trip takes so many posts' time, or more */
#define SPIN_NS INT64_C(2000000)

enum mode { STREAM, LAPS };

static struct {
	const px_micro_args *args;
	enum mode mode;
	int64_t spin_ns;
	bool works;
	size_t left, came; /* LAPS: of side 0; STREAM: of side 1 */
	sem_t opened;
	_Atomic bool flying[PX_POST_MESSAGES];
} run;

/* ---- the loops' side ---- */

static void lap_came(unsigned side)
{
	if (side == 1) {
		px_post_send(0, 0);
		if (++run.came == run.args->count / LAPS_SHARE + 1)
			px_post_stop(1);
	} else if (run.left--) {
		px_post_send(1, 0);
	} else {
		px_post_stop(0);
	}
}

void px_post_came(unsigned side, unsigned i)
{
	if (run.mode == LAPS) {
		lap_came(side);
		return;
	}
	atomic_store_explicit(&run.flying[i], false, memory_order_release);
	if (++run.came == run.args->count)
		px_post_stop(1);
}

static void *other_thread(void *unused)
{
	px_micro_pin(1);
	run.works = px_post_open(1, run.args, run.spin_ns);
	if (run.works && run.mode == STREAM)
		px_post_keep_awake(1);
	sem_post(&run.opened);
	if (run.works) {
		px_post_run(1);
		px_post_close(1);
	}
	return unused;
}

/* ---- the measurements ---- */

static pthread_t other_begin(const px_micro_args *args, enum mode mode, int64_t spin_ns)
{
	pthread_t thread;

	memset(&run, 0, sizeof run);
	run.args = args;
	run.mode = mode;
	run.spin_ns = spin_ns;
	run.left = args->count / LAPS_SHARE;
	sem_init(&run.opened, 0, 0);
	if (pthread_create(&thread, NULL, other_thread, NULL))
		px_bench_fail("pthread_create");
	sem_wait(&run.opened);
	return thread;
}

/* A stream of them to a loop that has always something to call. The system calls that a sender
 * makes to wake are writes, in all these libraries. */
static void measure_awake(const px_micro_args *args)
{
	pthread_t thread = other_begin(args, STREAM, 0);
	uint64_t writes = px_micro_writes();
	int64_t start = px_bench_now_ns();
	double n = (double)args->count;

	for (size_t sent = 0; sent < args->count; sent++) {
		unsigned i = sent % PX_POST_MESSAGES;

		while (atomic_load_explicit(&run.flying[i], memory_order_acquire))
			sched_yield(); /* no pause: both may be on one CPU */
		atomic_store_explicit(&run.flying[i], true, memory_order_relaxed);
		px_post_send(1, i);
	}
	pthread_join(thread, NULL);
	px_micro_figure("awake_ns", (double)(px_bench_now_ns() - start) / n);
	px_micro_figure("awake_writes", (double)(px_micro_writes() - writes) / n);
}

/* There and back, between two loops that have nothing else to do. */
static void measure_laps(const px_micro_args *args, const char *name, int64_t spin_ns)
{
	pthread_t thread = other_begin(args, LAPS, spin_ns);
	int64_t start;
	size_t laps = run.left + 1;

	if (run.works && px_post_open(0, args, spin_ns)) {
		start = px_bench_now_ns();
		px_post_send(1, 0);
		px_post_run(0);
		px_micro_figure(name, (double)(px_bench_now_ns() - start) / (double)laps);
		pthread_join(thread, NULL);
		px_post_close(0);
	} else {
		pthread_join(thread, NULL);
	}
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 1000000);

	px_micro_pin(0);
	px_micro_begin(px_post_name);
	px_micro_figure("count", (double)args.count);
	if (!args.only || !strcmp(args.only, "awake"))
		measure_awake(&args);
	if (!args.only || !strcmp(args.only, "asleep"))
		measure_laps(&args, "asleep_ns", 0);
	if (!args.only || !strcmp(args.only, "spin"))
		measure_laps(&args, "spin_ns", SPIN_NS);
	px_micro_end();
	return 0;
}
