/* The readiness engine's attempts at datagrams: one call, one datagram. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready.h"

/* Reports of earlier datagrams that one attempt passes over: after them, others have their turn. */
#ifdef PX_TORTURE
enum { STRAY_TURN = 2 };
#else
enum { STRAY_TURN = 16 };
#endif

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

static bool msg_failed(px_op *op, int64_t error, int32_t sys_error)
{
	px_op_finish(op, px_msg_error(error), 0, sys_error);
	return false;
}

static bool msg_received(px_core *core, px_op *op, int64_t n, bool cut)
{
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
	if (cut)
		op->got |= PROA_TRUNC;
	px_op_finish(op, n, n, 0);
	return false;
}

bool px_try_recv_msg(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;
	bool cut;

	for (unsigned i = 0; i < STRAY_TURN; i++) {
		int64_t n;

		px_count(&core->stat.system_calls);
		n = px_udp_recv(h->fd, op_msg(op), &cut, &sys_error);
		if (n >= 0)
			return msg_received(core, op, n, cut);
		if (n == PX_AGAIN) {
			px_ready_clear(h, PX_HF_READABLE);
			return true;
		}
		if (!px_msg_stray(op, n))
			return msg_failed(op, n, sys_error);
	}
	return px_ready_turn_over(h, PX_HF_READABLE, PX_HF_AGAIN_IN);
}

static bool msg_sent(px_core *core, px_op *op, int64_t n)
{
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_out, (uint64_t)n);
	px_op_finish(op, n, n, 0);
	return false;
}

bool px_try_send_msg(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;

	for (unsigned i = 0; i < STRAY_TURN; i++) {
		int64_t n;

		px_count(&core->stat.system_calls);
		n = px_udp_send(h->fd, op_msg(op), &sys_error);
		if (n >= 0)
			return msg_sent(core, op, n);
		if (n == PX_AGAIN) {
			px_ready_clear(h, PX_HF_WRITABLE);
			return true;
		}
		if (!px_msg_stray(op, n))
			return msg_failed(op, n, sys_error);
	}
	return px_ready_turn_over(h, PX_HF_WRITABLE, PX_HF_AGAIN_OUT);
}
