/* The ways to run a loop: until nothing is in flight, once, for events, for one op. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"
#include "sys/sys.h"

void px_loop_enter(proa_loop *loop)
{
	px_core *core = px_core_of(loop);

	px_core_enter(core);
	if (core->calling)
		PX_PANIC("a loop was run from one of its own callbacks");
	if (PX_UNLIKELY(atomic_load_explicit(&core->asleep, memory_order_relaxed)))
		atomic_exchange_explicit(&core->asleep, 0, memory_order_relaxed); /* inside.c */
}

void px_loop_leave(proa_loop *loop)
{
	if (loop->core.sigpipe_blocked) {
		px_sys_sigpipe_restore();
		loop->core.sigpipe_blocked = false;
	}
}

/* A stop is used up by the run function that returns for it. */
static bool run_stopped(proa_loop *loop)
{
	px_core *core = &loop->core;

	return atomic_load_explicit(&core->stop, memory_order_relaxed) &&
	       atomic_exchange_explicit(&core->stop, 0, memory_order_acquire);
}

static bool run_idle(const proa_loop *loop)
{
	return !loop->core.active &&
	       atomic_load_explicit(&loop->core.posted, memory_order_acquire) == 0;
}

int proa_run(proa_loop *loop)
{
	int rc = 0;

	px_loop_enter(loop);
	for (;;) {
		if (run_stopped(loop)) {
			rc = 1;
			break;
		}
		if (run_idle(loop) && !loop->stay)
			break;
		px_loop_iterate(loop, 0);
	}
	px_loop_leave(loop);
	return rc;
}

int proa_run_once(proa_loop *loop, int64_t deadline_ns)
{
	uint64_t before;

	px_loop_enter(loop);
	if (run_stopped(loop)) {
		px_loop_leave(loop);
		return -PROA_ESTOPPED;
	}
	before = loop->delivered;
	px_loop_iterate(loop, deadline_ns);
	px_loop_leave(loop);
	return (int)(loop->delivered - before);
}

int proa_wait(proa_loop *loop, proa_event *out, int max, int64_t deadline_ns)
{
	int rc = 0;

	if (max <= 0)
		return -PROA_EINVAL;
	px_loop_enter(loop);
	loop->events = out;
	loop->events_max = max;
	loop->events_n = 0;
	for (;;) {
		if (run_stopped(loop)) {
			rc = -PROA_ESTOPPED;
			break;
		}
		if (run_idle(loop) && !loop->stay)
			break;
		px_loop_iterate(loop, deadline_ns);
		if (loop->events_n || (deadline_ns && loop->core.now_ns >= deadline_ns))
			break;
	}
	loop->events = NULL;
	px_loop_leave(loop);
	return loop->events_n ? loop->events_n : rc;
}

int64_t proa_await(proa_loop *loop, proa_op *pub)
{
	px_op *op = px_op_of(pub);

	px_loop_enter(loop);
	if (op->done && op->state != PX_IDLE)
		PX_PANIC("proa_await of an op that has a callback");
	while (op->state != PX_IDLE)
		px_loop_iterate(loop, 0);
	px_loop_leave(loop);
	return op->result;
}
