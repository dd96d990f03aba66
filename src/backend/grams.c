/* Several datagrams by a direct call: taken ahead into pooled buffers, or into the caller's. */
/* SPDX-License-Identifier: MIT */
#include "backend/grams.h"

#include "op/gram.h"
#include "sys/sys.h"

/* Calls that one attempt makes: after them, others have their turn. */
#ifdef PX_TORTURE
enum { CALLS_TURN = 2 };
#else
enum { CALLS_TURN = 16 };
#endif

static bool handle_info(const px_op *op)
{
	return (op->handle->flags & PX_HF_INFO) != 0;
}

static void grams_received(px_core *core, px_handle *h, const proa_msg *msgs, int64_t n)
{
	px_handle_moved(core, h);
	for (int64_t i = 0; i < n; i++)
		px_count_add(&core->stat.bytes_in, msgs[i].count);
}

/* One call, again behind reports that are nobody's. *turns counts down; PX_AGAIN at 0. */
static int64_t recv_call(px_core *core, px_op *op, proa_msg *msgs, unsigned n, unsigned *turns,
                         int32_t *sys_error)
{
	int64_t got = PX_AGAIN;

	while (*turns) {
		--*turns;
		px_count(&core->stat.system_calls);
		got = px_udp_recv_many(op->handle->fd, msgs, n, handle_info(op), sys_error);
		if (got >= 0 || got == PX_AGAIN || !px_msg_stray(op, got))
			break;
		got = PX_AGAIN;
	}
	if (got > 0)
		grams_received(core, op->handle, msgs, got);
	return got;
}

/* ---- recv_msgs ---- */

px_went px_grams_recv(px_core *core, px_op *op)
{
	proa_msg *msgs = (proa_msg *)(uintptr_t)op->args.io.ptr;
	unsigned turns = CALLS_TURN;
	int32_t sys_error = 0;
	int64_t n = recv_call(core, op, msgs, (unsigned)op->args.io.len, &turns, &sys_error);

	if (n == PX_AGAIN)
		return turns ? PX_WENT_WAITS : PX_WENT_TURN;
	px_op_finish(op, px_msg_error(n), PX_MAX(n, 0), n < 0 ? sys_error : 0);
	return PX_WENT_ENDED;
}

/* ---- send_msgs ---- */

static void grams_sent(px_core *core, px_op *op, const proa_msg *msgs, int64_t n)
{
	px_handle_moved(core, op->handle);
	for (int64_t i = 0; i < n; i++)
		px_count_add(&core->stat.bytes_out, msgs[i].len);
	op->count += n;
}

px_went px_grams_send(px_core *core, px_op *op)
{
	const proa_msg *msgs = op->args.io.ptr;
	int64_t total = (int64_t)op->args.io.len;
	int32_t sys_error = 0;

	for (unsigned turns = CALLS_TURN; op->count < total; turns--) {
		int64_t n;

		if (!turns)
			return PX_WENT_TURN;
		px_count(&core->stat.system_calls);
		n = px_udp_send_many(op->handle->fd, msgs + op->count,
		                     (unsigned)(total - op->count), &sys_error);
		if (n == PX_AGAIN)
			return PX_WENT_WAITS;
		if (n > 0) {
			grams_sent(core, op, msgs + op->count, n);
		} else if (!px_msg_stray(op, n)) {
			px_op_finish(op, px_msg_error(n), op->count, sys_error);
			return PX_WENT_ENDED;
		}
	}
	px_op_finish(op, total, total, 0);
	return PX_WENT_ENDED;
}

/* ---- recv_msg_many: aux is how many the next call asks for, less one ---- */

/* Buffers of the pool as room for a call; how many there were. */
static unsigned batch_take(px_op *op, proa_msg *msgs)
{
	px_pool *pool = op->args.pooled.pool;
	unsigned n, most = PX_MIN(op->aux + 1, (unsigned)PX_UDP_BATCH);
	void *buffer;

	for (n = 0; n < most && (buffer = px_pool_take(pool)); n++) {
		msgs[n].buf = px_gram_payload(buffer);
		msgs[n].len = px_gram_room(pool);
	}
	return n;
}

static void *batch_buffer(const proa_msg *msg)
{
	return (unsigned char *)msg->buf - PROA_MSG_BYTES;
}

/* Those that were filled wait for their callbacks, the others go back. */
static void batch_settle(px_op *op, const proa_msg *msgs, unsigned n, int64_t got)
{
	unsigned filled = got > 0 ? (unsigned)got : 0;

	for (unsigned i = 0; i < filled; i++)
		px_gram_push(op, batch_buffer(&msgs[i]), &msgs[i]);
	op->aux = filled == n ? PX_MIN(2 * n, (unsigned)PX_UDP_BATCH) - 1 : filled;
	while (n > filled)
		px_pool_give(op->args.pooled.pool, batch_buffer(&msgs[--n]));
}

static px_pulled grams_end(px_op *op, int64_t result, int32_t sys_error)
{
	op->got = 0;
	px_op_finish_pulled(op, result, 0, sys_error);
	return PX_PULL_FINAL;
}

/* Takes ahead what is there; as px_grams_pull. */
static px_pulled grams_fill(px_core *core, px_op *op, bool *waits)
{
	px_pool *pool = op->args.pooled.pool;
	proa_msg msgs[PX_UDP_BATCH];
	unsigned turns = CALLS_TURN, n = batch_take(op, msgs);
	int32_t sys_error = 0;
	int64_t got;

	if (!n && !pool->lent)
		return grams_end(op, -PROA_ENOMEM, 0); /* there was no memory for any buffer */
	if (!n) {
		px_pool_park(pool, op);
		return PX_PULL_NONE;
	}
	got = recv_call(core, op, msgs, n, &turns, &sys_error);
	batch_settle(op, msgs, n, got);
	if (got < 0 && got != PX_AGAIN)
		return grams_end(op, px_msg_error(got), sys_error);
	*waits = got == PX_AGAIN && turns;
	if (got == PX_AGAIN && !turns)
		px_op_more(op);
	return px_gram_pop(op) ? PX_PULL_MORE : PX_PULL_NONE;
}

px_pulled px_grams_pull(px_core *core, px_op *op, bool *waits)
{
	*waits = false;
	if (px_handle_closing(op->handle))
		px_gram_drop(op);
	if (px_gram_pop(op))
		return PX_PULL_MORE;
	if (px_op_asked(op))
		return grams_end(op, -PROA_ECANCELED, 0);
	return grams_fill(core, op, waits);
}
