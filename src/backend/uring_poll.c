/* A foreign descriptor's readiness on a ring: its poll, once. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <errno.h>
#include <poll.h>

void px_ur_poll_foreign(px_uring *u, px_op *op)
{
	unsigned want = (unsigned)op->args.own.a;
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_POLL_ADD, op->handle->fd);

	sqe->poll32_events = px_ur_events((want & PROA_READABLE ? POLLIN : 0u) |
	                                  (want & PROA_WRITABLE ? POLLOUT : 0u));
}

/* Hang-ups and errors mean "try", in every direction that somebody wants to. */
static unsigned poll_got(int res, unsigned want)
{
	unsigned got = (res & POLLIN ? PROA_READABLE : 0) | (res & POLLOUT ? PROA_WRITABLE : 0);

	return res & (POLLHUP | POLLERR) ? want : got & want;
}

void px_ur_poll_foreign_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	int res = cqe->res;

	if (res >= 0)
		px_ur_end(op, poll_got(res, (unsigned)op->args.own.a), 0, 0);
	else if (!px_ur_again(u, op, res))
		px_ur_end_error(op, res, 0);
}
