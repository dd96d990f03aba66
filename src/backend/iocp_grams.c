/* A multishot of datagrams on a port: one call is always out, with a buffer of the pool. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include "op/gram.h"

#include <string.h>

/* ---- how it works ----
 *
 * A recv of no bytes, as streams are told of theirs, would lose the datagram. So an op that waits
 * has a buffer in the system: handles for datagrams are few. aux is its index + 1 while the call is
 * out (PX_F_KERNEL), and afterwards the error that ended it, 0 none. */

/* What the system writes to, at the beginning of the buffer. */
typedef struct __attribute__((may_alias)) gram_call {
	px_io_msg header;
	SOCKADDR_STORAGE name;
} gram_call;
_Static_assert(sizeof(gram_call) <= PROA_MSG_BYTES, "it has its place");

static gram_call *op_call(const px_op *op)
{
	return (gram_call *)(void *)px_pool_at(op->args.pooled.pool, op->aux - 1);
}

static void gram_keep(px_iocp *io, px_op *op, gram_call *call, int64_t n)
{
	proa_msg m = {.buf = px_gram_payload(call), .len = px_gram_room(op->args.pooled.pool)};
	size_t len = PX_MIN((size_t)call->header.name_len, sizeof call->name);

	memcpy(m.addr.data, &call->name, len);
	px_addr_told(&m.addr, len);
	px_io_msg_received(io, op, &m, n);
	px_gram_push(op, call, &m);
}

/* The call is over. */
static void gram_came(px_iocp *io, px_op *op, int error, int64_t n)
{
	gram_call *call = op_call(op);

	op->aux = 0;
	if (!error) {
		gram_keep(io, op, call, n);
		return;
	}
	px_pool_give(op->args.pooled.pool, call);
	if (!px_io_msg_again(op, error) && !px_op_asked(op))
		op->aux = (uint32_t)error;
}

/* True: a call is out, or the op is parked. False: there is something to pull. */
static bool gram_ask(px_iocp *io, px_op *op)
{
	px_pool *pool = op->args.pooled.pool;
	gram_call *call = px_pool_take(pool);
	int error;

	if (!call && !pool->lent) {
		op->aux = ERROR_NOT_ENOUGH_MEMORY; /* for any buffer, so none can come back */
		return false;
	}
	if (!call) {
		px_pool_park(pool, op);
		return true;
	}
	op->aux = px_pool_index(pool, call) + 1;
	call->header.name_len = sizeof call->name;
	error = px_io_msg_recv(io, op, px_gram_payload(call), px_gram_room(pool),
	                       (struct sockaddr *)&call->name, &call->header);
	if (px_io_pending(op, error))
		return true;
	gram_came(io, op, error, px_io_moved(op));
	return false;
}

void px_io_grams(px_iocp *io, px_op *op)
{
	PX_UNUSED(io);
	px_op_more(op);
}

void px_io_grams_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	gram_came(io, op, error, bytes);
	px_op_more(op);
}

static px_pulled grams_end(px_op *op)
{
	int error = (int)op->aux;
	int64_t rc = error ? px_msg_error(px_sys_error(error)) : -PROA_ECANCELED;

	op->got = 0;
	px_op_finish_pulled(op, rc, 0, error);
	return PX_PULL_FINAL;
}

px_pulled px_io_grams_pull(px_iocp *io, px_op *op)
{
	if (px_handle_closing(op->handle))
		px_gram_drop(op);
	if (px_gram_pop(op))
		return PX_PULL_MORE;
	if (op->flags & PX_F_KERNEL)
		return PX_PULL_NONE; /* its packet lists it again */
	if (px_op_asked(op) || op->aux)
		return grams_end(op);
	if (gram_ask(io, op))
		return PX_PULL_NONE;
	if (px_gram_pop(op))
		return PX_PULL_MORE;
	if (op->aux)
		return grams_end(op);
	px_op_more(op); /* a report that is nobody's: once more, behind the others */
	return PX_PULL_NONE;
}
