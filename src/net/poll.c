/* Readiness of somebody else's descriptor as an operation. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"

static int64_t poll_refusal(const px_handle *h, unsigned events)
{
	const px_core *core = px_handle_core(h);

	if (px_handle_closing(h))
		return 0; /* told as of any other op */
	if (h->state != PX_H_OPEN)
		return -PROA_ENOTCONN;
	if (px_handle_kind(h) != PROA_FOREIGN || !(core->ops->native & PX_KIND_BIT(PX_POLL)))
		return -PROA_ENOTSUP;
	return !events || events & ~(PROA_READABLE | PROA_WRITABLE) ? -PROA_EINVAL : 0;
}

void proa_poll(proa_handle *handle, proa_op *pub, unsigned events, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_POLL, done);
	int64_t refusal = poll_refusal(op->handle, events);

	op->args.own.a = events;
	if (refusal)
		px_op_finish(op, refusal, 0, 0);
	else
		px_op_go(op);
}
