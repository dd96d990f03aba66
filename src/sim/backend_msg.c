/* The backend "sim": datagrams, as many calls as they need. */
/* SPDX-License-Identifier: MIT */
#include "sim/backend.h"

#include "op/gram.h"

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

/* A recv only when there is something to receive, or each look would draw. */
static bool msg_fault(px_core *core, const px_simside *side, int32_t *sys_error)
{
	px_kind kind = (px_kind)side->op->kind;

	if (px_kind_dir[kind] == PX_DIR_IN && !side->sock->rx.head)
		return false;
	*sys_error = PROA_ENOBUFS;
	return px_sim_fault(px_simloop_of(core)->node->world, PROA_FAULT_ERROR_BEFORE, kind);
}

/* Its bytes, and all that is known of it; PX_AGAIN; an error. */
static int64_t msg_take(px_core *core, px_simside *side, proa_msg *msg, int32_t *sys_error)
{
	bool cut;
	int64_t n;

	do
		n = msg_fault(core, side, sys_error)
		            ? -PROA_ENOBUFS
		            : px_sim_dgram_recv(side->sock, msg, &cut, sys_error);
	while (n < 0 && n != PX_AGAIN && px_msg_stray(side->op, n));
	if (n < 0)
		return n;
	px_msg_bare(msg, (size_t)n, cut);
	px_handle_moved(core, side->op->handle);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
	return n;
}

void px_sim_try_recv_msg(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int32_t sys_error = 0;
	int64_t n = msg_take(core, side, op_msg(op), &sys_error);

	if (n == PX_AGAIN)
		return;
	px_sim_side_clear(side);
	if (n < 0) {
		px_op_finish(op, px_msg_error(n), 0, sys_error);
		return;
	}
	if (op->kind == PX_RECV_MSGS)
		n = 1; /* as many as one call of a plain system takes */
	else
		op->got |= (uint16_t)op_msg(op)->got;
	px_op_finish(op, n, n, 0);
}

/* ---- into a pooled buffer ---- */

static px_pulled pull_end(px_op *op, px_simside *side, int64_t result, int32_t sys_error)
{
	px_sim_side_clear(side);
	op->got = 0;
	px_op_finish_pulled(op, result, 0, sys_error);
	return PX_PULL_FINAL;
}

px_pulled px_sim_pull_msg(px_core *core, px_op *op, px_simside *side)
{
	px_pool *pool = op->args.pooled.pool;
	void *buffer = px_pool_take(pool);
	int32_t sys_error = 0;
	proa_msg msg;
	int64_t n;

	if (!buffer && !pool->lent)
		return pull_end(op, side, -PROA_ENOMEM, 0);
	if (!buffer) {
		side->op = NULL;
		px_pool_park(pool, op);
		return PX_PULL_NONE;
	}
	msg.buf = px_gram_payload(buffer);
	msg.len = px_gram_room(pool);
	n = msg_take(core, side, &msg, &sys_error);
	if (n < 0) {
		px_pool_give(pool, buffer);
		return n == PX_AGAIN ? PX_PULL_NONE
		                     : pull_end(op, side, px_msg_error(n), sys_error);
	}
	px_gram_push(op, buffer, &msg);
	px_gram_pop(op);
	return PX_PULL_MORE;
}

/* ---- sends ---- */

/* One, or the next of its segments. */
static int64_t msg_put(px_core *core, px_simside *side, const proa_msg *msg, size_t skip,
                       int32_t *sys_error)
{
	proa_msg part = *msg;
	int64_t n;

	part.buf = px_msg_at(msg, skip);
	part.len -= skip;
	if (msg->segment_bytes)
		part.len = PX_MIN(part.len, (size_t)msg->segment_bytes);
	do
		n = msg_fault(core, side, sys_error)
		            ? -PROA_ENOBUFS
		            : px_sim_dgram_send(side->sock, &part, sys_error);
	while (n < 0 && px_msg_stray(side->op, n));
	if (n >= 0) {
		px_handle_moved(core, side->op->handle);
		px_count_add(&core->stat.bytes_out, (uint64_t)n);
	}
	return n;
}

/* All of it: its length, or an error, *gone being how much went before. */
static int64_t msg_put_all(px_core *core, px_simside *side, const proa_msg *msg, int64_t *gone,
                           int32_t *sys_error)
{
	int64_t n;

	*gone = 0;
	do {
		n = msg_put(core, side, msg, (size_t)*gone, sys_error);
		*gone += PX_MAX(n, 0);
	} while (n >= 0 && (size_t)*gone < msg->len);
	return n < 0 ? n : *gone;
}

void px_sim_try_send_msg(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int32_t sys_error = 0;
	int64_t gone, n = msg_put_all(core, side, op_msg(op), &gone, &sys_error);

	px_sim_side_clear(side);
	px_op_finish(op, px_msg_error(n), gone, n < 0 ? sys_error : 0);
}

void px_sim_try_send_msgs(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int64_t total = (int64_t)op->args.io.len, i, gone, n = 0;
	int32_t sys_error = 0;

	for (i = 0; i < total && n >= 0; i += n >= 0)
		n = msg_put_all(core, side, op_msg(op) + i, &gone, &sys_error);
	px_sim_side_clear(side);
	px_op_finish(op, n < 0 ? px_msg_error(n) : total, i, n < 0 ? sys_error : 0);
}
