/* Timers of proa, as a program writes them. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "timers.h"

#include <stdlib.h>

const char px_timers_name[] = "timers_proa";

static proa_loop *loop;
static proa_op *ops;
static size_t cancelled;

static void timer_done(proa_op *op)
{
	if (op->result == 0)
		px_timers_fired++;
	else
		cancelled++;
}

void px_timers_open(const px_micro_args *args)
{
	proa_loop_options options = {.backend = args->backend};

	if (proa_loop_open(&loop, &options) < 0)
		px_bench_fail("proa_loop_open");
	ops = px_micro_alloc(args->count, sizeof *ops);
}

void px_timers_look(void)
{
	proa_run_once(loop, PROA_POLL);
}

void px_timers_arm(size_t i, int64_t after_ns)
{
	proa_timer(proa_root(loop), &ops[i], proa_in(loop, after_ns), timer_done);
}

void px_timers_cancel(size_t i)
{
	proa_cancel(&ops[i]);
}

size_t px_timers_settle(void)
{
	cancelled = 0;
	proa_run_once(loop, PROA_POLL);
	return cancelled;
}

void px_timers_run(void)
{
	proa_run(loop);
}

void px_timers_close(void)
{
	proa_loop_close(&loop, 0);
	free(ops);
}
