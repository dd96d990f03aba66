/* Posts of libevent: an event of the program's for each message, made active from outside. */
/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <string.h>

const char px_post_name[] = "post_libevent";

static struct side {
	struct event_base *base;
	struct event messages[PX_POST_MESSAGES];
	struct event busy;
} sides[2];

static void message_done(evutil_socket_t fd, short what, void *user)
{
	struct event *e = user;
	unsigned side = e >= sides[1].messages && e < sides[1].messages + PX_POST_MESSAGES;

	(void)fd;
	(void)what;
	px_post_came(side, (unsigned)(e - sides[side].messages));
}

bool px_post_open(unsigned side, const px_micro_args *args, int64_t spin_ns)
{
	struct side *s = &sides[side];

	(void)args;
	if (spin_ns)
		return false;
	memset(s, 0, sizeof *s);
	if (evthread_use_pthreads() || !(s->base = event_base_new()))
		px_bench_fail("event_base_new");
	for (unsigned i = 0; i < PX_POST_MESSAGES; i++)
		event_assign(&s->messages[i], s->base, -1, 0, message_done, &s->messages[i]);
	return true;
}

void px_post_run(unsigned side)
{
	event_base_loop(sides[side].base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void px_post_stop(unsigned side)
{
	event_base_loopbreak(sides[side].base);
}

void px_post_close(unsigned side)
{
	event_base_free(sides[side].base);
}

void px_post_send(unsigned side, unsigned i)
{
	event_active(&sides[side].messages[i], EV_WRITE, 1);
}

static void busy_done(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	event_active(user, EV_WRITE, 1);
}

void px_post_keep_awake(unsigned side)
{
	event_assign(&sides[side].busy, sides[side].base, -1, 0, busy_done, &sides[side].busy);
	event_active(&sides[side].busy, EV_WRITE, 1);
}
