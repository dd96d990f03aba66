/* The core's doors: the loop's own thread comes in, other threads hand something over. */
/* SPDX-License-Identifier: MIT */
#include "op/core.h"

#include "op/backend.h"
#include "sys/sys.h"

/* Where no memory tells, asking for the process costs a call, or on macOS none. */
static bool core_forked(const px_core *core)
{
	return core->fork_mark ? !*core->fork_mark : core->pid != px_sys_pid();
}

void px_core_come(px_core *core)
{
	const void *self = px_system_come(core->system, core->place);

	if (core->thread != self) {
		if (core->thread)
			PX_PANIC("a loop was used by a thread that it does not belong to");
		core->thread = self;
	}
	if (core_forked(core))
		PX_PANIC("a loop was used in the child of a fork, where it may only be closed");
}

static void core_wake(px_core *core)
{
	/* Exchanges of one word have one order. The loop's, before it sleeps, comes either before
	 * this one, which then finds it asleep, or after, and then the loop sees what was sent
	 * before this one. */
	if (atomic_exchange_explicit(&core->asleep, 0, memory_order_acq_rel))
		core->ops->wake(core);
}

/* What was sent may run, and close the loop, before its sender has come back from waking it: so the
 * loop's memory waits for those who are inside. */
static void sender_enter(px_core *core)
{
	atomic_fetch_add_explicit(&core->senders, 1, memory_order_relaxed);
}

static void sender_leave(px_core *core)
{
	atomic_fetch_sub_explicit(&core->senders, 1, memory_order_release);
}

/* What is retired is read first: an op that ends in between counts as in flight. */
uint64_t px_in_flight(const px_core *core)
{
	uint64_t n = 0 - atomic_load_explicit(&core->stat.retired, memory_order_acquire);

	for (int kind = 0; kind < PX_KIND_COUNT; kind++)
		n += atomic_load_explicit(&core->stat.submitted[kind], memory_order_relaxed);
	return n;
}

void px_core_send(px_core *core, px_op *op)
{
	sender_enter(core);
	if (px_mpsc_push(&core->inbox, &op->inbox))
		core_wake(core); /* exactly one push after each receive is the first */
	sender_leave(core);
}

void px_core_stop(px_core *core)
{
	sender_enter(core);
	atomic_store_explicit(&core->stop, 1, memory_order_release);
	core_wake(core);
	sender_leave(core);
}
