/* The readiness engine's polls: somebody else reads and writes, and is told when. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready.h"

#include <errno.h>
#include <poll.h>

_Static_assert((int)PROA_READABLE == PX_READY_IN && (int)PROA_WRITABLE == PX_READY_OUT,
               "what is asked for is what is waited for");

static short poll_events(unsigned want)
{
	return (short)((want & PX_READY_IN ? POLLIN : 0) | (want & PX_READY_OUT ? POLLOUT : 0));
}

/* Hang-ups and errors mean "try", in every direction that somebody wants to. */
static unsigned poll_got(short revents, unsigned want)
{
	unsigned got = (revents & POLLIN ? PX_READY_IN : 0) |
	               (revents & POLLOUT ? PX_READY_OUT : 0);

	return revents & (POLLHUP | POLLERR) ? want : got & want;
}

static int poll_look(px_core *core, struct pollfd *p)
{
	int n;

	do {
		px_count(&core->stat.system_calls);
		n = poll(p, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* The level is asked for itself: the library may have left bytes behind at the last edge. What is
 * not so now makes an edge when it becomes so. */
bool px_try_poll(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	unsigned want = (unsigned)op->args.own.a, got;
	struct pollfd p = {.fd = h->fd, .events = poll_events(want)};

	if (poll_look(core, &p) < 0) /* no memory: the selector says it, too */
		return px_ready_turn_over(h, px_ready_flags(want), px_again_flags(want));
	got = poll_got(p.revents, want);
	px_ready_clear(h, px_ready_flags(want & ~got));
	if (p.fd < 0 || p.revents & POLLNVAL) /* poll(2) passes over what is below 0 */
		px_op_finish(op, -PROA_EBADF, 0, EBADF);
	else if (got)
		px_op_finish(op, (int64_t)got, 0, 0);
	else
		return true;
	return false;
}

/* ---- all of a handle: they stand in no queue ---- */

static bool is_poll(px_node *node)
{
	px_item *item = PX_OF(node, px_item, link);

	return item->tag == PX_POLL && px_op_linked(node)->state == PX_INFLIGHT;
}

void px_ready_polls(px_core *core, px_handle *h, void (*each)(px_core *, px_op *))
{
	px_node *node = px_ring_first(h->owned), *next;

	for (; node; node = next) {
		next = px_ring_next(h->owned, node); /* its end takes it out, and no other */
		if (is_poll(node))
			each(core, px_op_linked(node));
	}
}
