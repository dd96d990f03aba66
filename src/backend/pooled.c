/* Pooled recvs by a call: a buffer is taken when bytes are there, and given back when not. */
/* SPDX-License-Identifier: MIT */
#include "backend/pooled.h"

#include "op/pool.h"
#include "sys/sys.h"

void px_recv_end(px_op *op, int64_t n, int32_t sys_error)
{
	if (n == 0)
		op->got |= PROA_END;
	px_op_finish(op, n, PX_MAX(n, 0), n < 0 ? sys_error : 0);
}

/* Into a buffer of the op's pool, *buf, which is given back unless bytes came. PX_AGAIN with *waits
 * false: there was none, and the op is parked. */
static int64_t recv_buffer(px_core *core, px_op *op, px_recv_call *recv, void **buf, bool *waits,
                           int32_t *sys_error)
{
	px_pool *pool = op->args.pooled.pool;
	int64_t n;

	*buf = px_pool_take(pool);
	*waits = *buf != NULL;
	if (!*buf && !pool->lent)
		return -PROA_ENOMEM; /* there was no memory for any, so none can come back */
	if (!*buf) {
		px_pool_park(pool, op);
		return PX_AGAIN;
	}
	n = recv(core, op->handle, *buf, pool->size_bytes, sys_error);
	if (n <= 0) {
		px_pool_give(pool, *buf);
		*buf = NULL;
	}
	return n;
}

bool px_pooled_try(px_core *core, px_op *op, px_recv_call *recv)
{
	int32_t sys_error = 0;
	void *buf;
	bool waits;
	int64_t n = recv_buffer(core, op, recv, &buf, &waits, &sys_error);

	if (n == PX_AGAIN)
		return waits;
	op->buf = buf;
	px_recv_end(op, n, sys_error);
	return false;
}

static bool pool_is_empty(const px_pool *pool)
{
	return pool->free_head == PX_POOL_NONE && pool->total == pool->max;
}

px_pulled px_pooled_pull(px_core *core, px_op *op, px_recv_call *recv, bool *waits)
{
	int32_t sys_error = 0;
	void *buf;
	int64_t n;

	*waits = false;
	op->flags &= (uint16_t)~PX_F_QUOTA;
	if (px_quota_full(op->args.pooled.quota)) {
		op->flags |= PX_F_QUOTA; /* a returned buffer lists it again */
		return PX_PULL_NONE;
	}
	if ((op->flags & PX_F_PHASE2) && pool_is_empty(op->args.pooled.pool)) {
		op->flags &= (uint16_t)~PX_F_PHASE2;
		px_op_more(op); /* it has had one: those that got none now park before it */
		return PX_PULL_NONE;
	}
	op->flags &= (uint16_t)~PX_F_PHASE2;
	n = recv_buffer(core, op, recv, &buf, waits, &sys_error);
	if (n == PX_AGAIN)
		return PX_PULL_NONE;
	op->got = n == 0 ? PROA_END : 0;
	if (n <= 0) {
		px_op_finish_pulled(op, n, 0, sys_error);
		return PX_PULL_FINAL;
	}
	px_pool_charge(op->args.pooled.pool, buf, op->args.pooled.quota);
	op->result = n;
	op->count = n;
	op->buf = buf;
	op->sys_error = 0;
	op->got = PROA_MORE;
	op->flags |= PX_F_PHASE2;
	return PX_PULL_MORE;
}
