/* Timers of libev. */
/* SPDX-License-Identifier: MIT */
#include "timers.h"

/* Its macros cast between watchers as C did before aliasing was a rule. */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>
#include <stdlib.h>

const char px_timers_name[] = "timers_libev";

static struct ev_loop *loop;
static ev_timer *timers;

static void timer_done(struct ev_loop *l, ev_timer *w, int events)
{
	(void)l;
	(void)w;
	(void)events;
	px_timers_fired++;
}

void px_timers_open(const px_micro_args *args)
{
	loop = ev_loop_new(EVBACKEND_EPOLL);
	if (!loop)
		px_bench_fail("ev_loop_new");
	timers = px_micro_alloc(args->count, sizeof *timers);
}

void px_timers_look(void)
{
	ev_now_update(loop);
}

void px_timers_arm(size_t i, int64_t after_ns)
{
	ev_timer_init(&timers[i], timer_done, (double)after_ns * 1e-9, 0.);
	ev_timer_start(loop, &timers[i]);
}

void px_timers_cancel(size_t i)
{
	ev_timer_stop(loop, &timers[i]);
}

size_t px_timers_settle(void)
{
	return 0;
}

void px_timers_run(void)
{
	ev_run(loop, 0);
}

void px_timers_close(void)
{
	ev_loop_destroy(loop);
	free(timers);
}
