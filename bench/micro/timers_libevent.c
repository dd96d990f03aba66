/* Timers of libevent: events of its own memory layout in the program's memory, no locks. */
/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

const char px_timers_name[] = "timers_libevent";

static struct event_base *base;
static struct event *timers;

static void timer_done(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	(void)user;
	px_timers_fired++;
}

void px_timers_open(const px_micro_args *args)
{
	struct event_config *config = event_config_new();

	if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK))
		px_bench_fail("event_config");
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base)
		px_bench_fail("event_base_new");
	timers = px_micro_alloc(args->count, sizeof *timers);
	for (size_t i = 0; i < args->count; i++)
		evtimer_assign(&timers[i], base, timer_done, NULL);
}

void px_timers_look(void)
{
	event_base_update_cache_time(base);
}

void px_timers_arm(size_t i, int64_t after_ns)
{
	struct timeval after = {.tv_sec = after_ns / 1000000000,
	                        .tv_usec = after_ns % 1000000000 / 1000};

	evtimer_add(&timers[i], &after);
}

void px_timers_cancel(size_t i)
{
	evtimer_del(&timers[i]);
}

size_t px_timers_settle(void)
{
	return 0;
}

void px_timers_run(void)
{
	event_base_dispatch(base);
}

void px_timers_close(void)
{
	event_base_free(base);
	free(timers);
}
