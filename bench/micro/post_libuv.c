/* Posts of libuv: its asynchronous handle coalesces, so behind it stands a list with a lock. */
/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <string.h>
#include <uv.h>

const char px_post_name[] = "post_libuv";

typedef struct message {
	struct message *next;
} message;

static struct side {
	uv_loop_t loop;
	uv_async_t async;
	uv_idle_t busy;
	uv_mutex_t lock;
	message *first, **last;
	message messages[PX_POST_MESSAGES];
} sides[2];

static void async_done(uv_async_t *async)
{
	struct side *s = async->data;
	message *m, *next;

	uv_mutex_lock(&s->lock);
	m = s->first;
	s->first = NULL;
	s->last = &s->first;
	uv_mutex_unlock(&s->lock);
	for (; m; m = next) {
		next = m->next;
		px_post_came((unsigned)(s - sides), (unsigned)(m - s->messages));
	}
}

bool px_post_open(unsigned side, const px_micro_args *args, int64_t spin_ns)
{
	struct side *s = &sides[side];

	(void)args;
	if (spin_ns)
		return false;
	memset(s, 0, sizeof *s);
	s->last = &s->first;
	if (uv_loop_init(&s->loop) || uv_mutex_init(&s->lock) ||
	    uv_async_init(&s->loop, &s->async, async_done))
		px_bench_fail("uv_loop_init");
	s->async.data = s;
	uv_idle_init(&s->loop, &s->busy);
	return true;
}

void px_post_run(unsigned side)
{
	uv_run(&sides[side].loop, UV_RUN_DEFAULT);
}

void px_post_stop(unsigned side)
{
	uv_stop(&sides[side].loop);
}

void px_post_close(unsigned side)
{
	struct side *s = &sides[side];

	uv_close((uv_handle_t *)&s->async, NULL);
	uv_close((uv_handle_t *)&s->busy, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	uv_mutex_destroy(&s->lock);
}

void px_post_send(unsigned side, unsigned i)
{
	struct side *s = &sides[side];
	message *m = &s->messages[i];

	m->next = NULL;
	uv_mutex_lock(&s->lock);
	*s->last = m;
	s->last = &m->next;
	uv_mutex_unlock(&s->lock);
	uv_async_send(&s->async);
}

static void busy_done(uv_idle_t *busy)
{
	(void)busy;
}

void px_post_keep_awake(unsigned side)
{
	uv_idle_start(&sides[side].busy, busy_done);
}
