/* The readiness engine's attempts at datagrams: one call, one datagram, or several. */
/* SPDX-License-Identifier: MIT */
#include "backend/grams.h"
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
	px_op_finish(op, px_msg_error(error), px_kind_dir[op->kind] == PX_DIR_OUT ? op->count : 0,
	             sys_error);
	return false;
}

static bool msg_received(px_core *core, px_op *op, int64_t n)
{
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
	op->got |= (uint16_t)op_msg(op)->got;
	px_op_finish(op, n, n, 0);
	return false;
}

bool px_try_recv_msg(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;
	bool info = (h->flags & PX_HF_INFO) != 0;

	for (unsigned i = 0; i < STRAY_TURN; i++) {
		int64_t n;

		px_count(&core->stat.system_calls);
		n = px_udp_recv(h->fd, op_msg(op), info, &sys_error);
		if (n >= 0)
			return msg_received(core, op, n);
		if (n == PX_AGAIN) {
			px_ready_clear(h, PX_HF_READABLE);
			return true;
		}
		if (!px_msg_stray(op, n))
			return msg_failed(op, n, sys_error);
	}
	return px_ready_turn_over(h, PX_HF_READABLE, PX_HF_AGAIN_IN);
}

/* All of it, or of its segments so many as the system takes at once. True: it is whole. */
static bool msg_sent(px_core *core, px_op *op, int64_t n)
{
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_out, (uint64_t)n);
	op->count += n;
	if ((size_t)op->count < op->args.io.len)
		return false;
	px_op_finish(op, op->count, op->count, 0);
	return true;
}

bool px_try_send_msg(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;

	for (unsigned i = 0; i < STRAY_TURN; i++) {
		int64_t n;

		px_count(&core->stat.system_calls);
		n = px_udp_send(h->fd, op_msg(op), (size_t)op->count, &sys_error);
		if (n >= 0 && msg_sent(core, op, n))
			return false;
		if (n == PX_AGAIN) {
			px_ready_clear(h, PX_HF_WRITABLE);
			return true;
		}
		if (n < 0 && !px_msg_stray(op, n))
			return msg_failed(op, n, sys_error);
	}
	return px_ready_turn_over(h, PX_HF_WRITABLE, PX_HF_AGAIN_OUT);
}

/* ---- several ---- */

static bool msgs_went(px_op *op, px_went went, unsigned ready, unsigned again)
{
	if (went == PX_WENT_ENDED)
		return false;
	if (went == PX_WENT_TURN)
		return px_ready_turn_over(op->handle, ready, again);
	px_ready_clear(op->handle, ready);
	return true;
}

bool px_try_recv_msgs(px_core *core, px_op *op)
{
	return msgs_went(op, px_grams_recv(core, op), PX_HF_READABLE, PX_HF_AGAIN_IN);
}

bool px_try_send_msgs(px_core *core, px_op *op)
{
	return msgs_went(op, px_grams_send(core, op), PX_HF_WRITABLE, PX_HF_AGAIN_OUT);
}
