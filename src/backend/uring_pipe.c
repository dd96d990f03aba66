/* Past the ring, by plain calls behind polls: sends on pipes, descriptors, ends of children. */
/* SPDX-License-Identifier: MIT */
#include "backend/pipe.h"
#include "backend/uring.h"

/* In a row, while others wait. */
#ifdef PX_TORTURE
enum { TURN_CALLS = 2, TURN_BYTES = 3000 };
#else
enum { TURN_CALLS = 16, TURN_BYTES = 1024 * 1024 };
#endif

/* A write in the ring would raise SIGPIPE whenever the kernel comes to it, and there is no flag
 * against that (before 6.18): so it is made here, where the signal is blocked. */
void px_ur_pipe_send(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = 0, turn = 0;

	for (unsigned calls = 0; calls < TURN_CALLS && turn < TURN_BYTES; calls++) {
		px_count(&u->core->stat.system_calls);
		n = px_pipe_send(u->core, op, &sys_error);
		if (n < 0)
			break;
		px_ur_sent(u, op, (int)n);
		turn += n;
		if (!px_send_rest(op)) {
			px_op_finish(op, op->count, op->count, 0);
			return;
		}
	}
	if (n >= 0 || n == PX_AGAIN)
		px_ur_poll(u, op);
	else
		px_ur_send_failed(u, op, -sys_error);
}

/* ---- descriptors in messages: seldom enough, and the ring would need memory for each ---- */

void px_ur_recv_fds(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	bool cut;
	int64_t n;

	px_count(&u->core->stat.system_calls);
	n = px_local_recv_fds(op->handle->fd, (proa_fds *)(uintptr_t)op->args.io.ptr, &cut,
	                      &sys_error);
	if (n == PX_AGAIN)
		px_ur_poll(u, op);
	else
		px_fds_received(u->core, op, n, cut, sys_error);
}

/* Of the poll alone, when it was cancelled. */
void px_ur_recv_fds_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	PX_UNUSED(u);
	px_ur_end_error(op, cqe->res, 0);
}

void px_ur_sent_now(px_uring *u, px_op *op, int64_t n, int32_t sys_error)
{
	if (n < 0 && n != PX_AGAIN) {
		px_ur_send_failed(u, op, -sys_error);
		return;
	}
	px_ur_sent(u, op, (int)PX_MAX(n, 0));
	if (px_send_rest(op))
		px_ur_poll(u, op);
	else
		px_op_finish(op, op->count, op->count, 0);
}

void px_ur_send_fds(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n;

	px_count(&u->core->stat.system_calls);
	n = px_local_send_fds(op->handle->fd, op->args.io.ptr, (size_t)op->count, &sys_error);
	px_ur_sent_now(u, op, n, sys_error);
}

void px_ur_send_fds_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	px_ur_send_failed(u, op, cqe->res);
}

/* ---- the end of a child process: once the poll says so ---- */

void px_ur_reap(px_uring *u, px_op *op)
{
	bool told = (op->flags & PX_F_PHASE2) != 0;
	int32_t sys_error = 0;
	int64_t rc = PX_AGAIN;
	int signo = 0;

	if (told) {
		px_count(&u->core->stat.system_calls);
		rc = px_child_reap((int64_t)(intptr_t)op->args.engine.b, op->handle->fd, &signo,
		                   &sys_error);
	}
	op->flags |= PX_F_PHASE2;
	if (rc == PX_AGAIN)
		px_ur_poll(u, op);
	else
		px_op_finish(op, rc, signo, sys_error);
}

/* Who asks for its end kills the process, and the poll goes on. */
void px_ur_reap_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	PX_UNUSED(cqe);
	px_ur_reap(u, op);
}

void px_ur_no_settled(px_uring *u, px_op *op)
{
	PX_UNUSED(u);
	PX_UNUSED(op);
	PX_PANIC("io_uring: a cancel of an op that is never cancelled in the ring");
}
