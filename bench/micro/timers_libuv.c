/* Timers of libuv. */
/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <stdlib.h>
#include <uv.h>

const char px_timers_name[] = "timers_libuv";

static uv_loop_t loop;
static uv_timer_t *timers;
static size_t many;

static void timer_done(uv_timer_t *timer)
{
	(void)timer;
	px_timers_fired++;
}

void px_timers_open(const px_micro_args *args)
{
	many = args->count;
	if (uv_loop_init(&loop) < 0)
		px_bench_fail("uv_loop_init");
	timers = px_micro_alloc(many, sizeof *timers);
	for (size_t i = 0; i < many; i++)
		uv_timer_init(&loop, &timers[i]);
}

void px_timers_look(void)
{
	uv_update_time(&loop);
}

/* It counts milliseconds. */
void px_timers_arm(size_t i, int64_t after_ns)
{
	uv_timer_start(&timers[i], timer_done, (uint64_t)(after_ns + 999999) / 1000000, 0);
}

void px_timers_cancel(size_t i)
{
	uv_timer_stop(&timers[i]);
}

size_t px_timers_settle(void)
{
	return 0;
}

void px_timers_run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

void px_timers_close(void)
{
	for (size_t i = 0; i < many; i++)
		uv_close((uv_handle_t *)&timers[i], NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(timers);
}
