/* The end of a child process: the system's thread that waits for it posts a packet. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* The event of the op's OVERLAPPED, which no call reads, holds what to unregister. */
static HANDLE *wait_of(px_op *op)
{
	return &px_io_overlapped(op)->hEvent;
}

/* On that thread. */
static CALLBACK void process_ended(void *arg, BOOLEAN timed_out)
{
	px_op *op = arg;

	PX_UNUSED(timed_out);
	px_io_post(px_iocp_of(px_handle_core(op->handle)), PX_IO_KEY_OP, px_io_overlapped(op));
}

static void wait_begin(px_op *op)
{
	int error;

	px_io_begin(op, 0);
	op->flags |= PX_F_KERNEL;
	if (RegisterWaitForSingleObject(wait_of(op), px_win_handle(op->handle->fd), process_ended,
	                                op, INFINITE, WT_EXECUTEONLYONCE))
		return;
	op->flags &= (uint16_t)~PX_F_KERNEL;
	error = (int)GetLastError();
	px_op_finish(op, px_sys_error(error), 0, error);
}

void px_io_reap(px_iocp *io, px_op *op)
{
	int32_t sys_error = 0;
	int signo;
	int64_t rc = px_child_reap((int64_t)(intptr_t)op->args.engine.b, op->handle->fd, &signo,
	                           &sys_error);

	px_count(&io->core->stat.system_calls);
	if (rc == PX_AGAIN)
		wait_begin(op);
	else
		px_op_finish(op, rc, signo, sys_error);
}

/* Who asks for its end kills the process, and the wait goes on. */
void px_io_reap_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(error);
	PX_UNUSED(bytes);
	UnregisterWaitEx(*wait_of(op), NULL);
	px_io_reap(io, op);
}
