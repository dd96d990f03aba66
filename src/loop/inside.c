/* A loop inside of a foreign one, which waits for both. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

int proa_loop_fd(proa_loop *loop)
{
	px_core *core = px_core_of(loop);

	return core->ops->fd ? core->ops->fd(core) : -PROA_ENOTSUP;
}

/* What was found, or whose time was over, has led to more. A wait that sleeps hands that in first.
 */
static bool is_unsaid(px_core *core)
{
	return core->ops->unsaid && core->ops->unsaid(core);
}

/* What loop_sleep does, but that somebody else sleeps. */
int64_t proa_loop_prepare(proa_loop *loop)
{
	px_core *core = px_core_of(loop);
	int64_t at;

	px_loop_enter(loop);
	px_loop_look(loop);
	px_loop_leave(loop);
	if (px_loop_has_work(loop) || is_unsaid(core))
		return PROA_POLL;
	atomic_exchange_explicit(&core->asleep, 1, memory_order_acq_rel); /* see core_wake */
	if (!px_mpsc_empty(&core->inbox) || atomic_load_explicit(&core->stop, memory_order_acquire))
		return PROA_POLL;
	at = px_loop_next_ns(core);
	return at == INT64_MAX ? 0 : at;
}
