/* The backend "sim": datagrams, one call each. */
/* SPDX-License-Identifier: MIT */
#include "sim/backend.h"

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

/* A recv only when there is something to receive, or each look would draw. */
static bool msg_fault(px_core *core, const px_simside *side, int32_t *sys_error)
{
	px_kind kind = (px_kind)side->op->kind;

	if (kind == PX_RECV_MSG && !side->sock->rx.head)
		return false;
	*sys_error = PROA_ENOBUFS;
	return px_sim_fault(px_simloop_of(core)->node->world, PROA_FAULT_ERROR_BEFORE, kind);
}

void px_sim_try_recv_msg(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int32_t sys_error = 0;
	bool cut;
	int64_t n;

	do
		n = msg_fault(core, side, &sys_error)
		            ? -PROA_ENOBUFS
		            : px_sim_dgram_recv(side->sock, op_msg(op), &cut, &sys_error);
	while (n < 0 && n != PX_AGAIN && px_msg_stray(op, n));
	if (n == PX_AGAIN)
		return;
	px_sim_side_clear(side);
	if (n < 0) {
		px_op_finish(op, px_msg_error(n), 0, sys_error);
		return;
	}
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
	op->got |= cut ? PROA_TRUNC : 0;
	px_op_finish(op, n, n, 0);
}

void px_sim_try_send_msg(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int32_t sys_error = 0;
	int64_t n;

	do
		n = msg_fault(core, side, &sys_error)
		            ? -PROA_ENOBUFS
		            : px_sim_dgram_send(side->sock, op_msg(op), &sys_error);
	while (n < 0 && px_msg_stray(op, n));
	px_sim_side_clear(side);
	if (n < 0) {
		px_op_finish(op, px_msg_error(n), 0, sys_error);
		return;
	}
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_out, (uint64_t)n);
	px_op_finish(op, n, n, 0);
}
