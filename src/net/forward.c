/* proa_forward: from one stream to another, by pooled buffers or, in bulk, within the kernel. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "op/duct.h"
#include "op/pool.h"
#include "proa/net.h"

/* When to change the way. A splice costs two calls of the system's and what each page costs, a copy
 * what each byte costs: docs/DESIGN.md has the figures. */
enum {
#ifdef PX_TORTURE
	BULK_BYTES = 100,
	BULK_AFTER = 1,
	FEW_BYTES = 50,
	FEW_AFTER = 2
#else
	BULK_BYTES = 16 * 1024, /* received at once, or a whole buffer... */
	BULK_AFTER = 4,         /* ... so often in a row */
	FEW_BYTES = 4 * 1024,   /* less than this at once... */
	FEW_AFTER = 8           /* ... so often in a row: back to buffers */
#endif
};

/* The caller's op is `from`'s and has no queue; `guard` is its like at `to`, so that either close
 * asks it to end, and waits. `step` is the one recv or send that is under way: whatever asks for
 * the end asks it, and the rest happens in its callback. Then the guard ends, and then the op. */
typedef struct __attribute__((may_alias)) forward {
	proa_op step, guard;
	px_handle *from, *to;
	px_op *op;
	int64_t left; /* of the limit; INT64_MAX: there is none */
	int64_t moved;
	int64_t result;
	unsigned char
		*buf; /* for the last bytes of a limit, which a pooled recv could not stop at */
	size_t buf_bytes;
	px_duct duct;
	int32_t sys_error;
	uint16_t got;
	uint8_t full, few; /* in a row */
	bool direct;       /* through a duct */
	bool no_duct;      /* it was tried, and does not go */
	bool asked;        /* to end */
} forward;
_Static_assert(sizeof(forward) <= sizeof(proa_forwarding), "px_ is large enough");

static void forward_next(forward *f);

/* ---- the end ---- */

static void forward_end(forward *f, int64_t result, int32_t sys_error, unsigned got)
{
	f->result = result;
	f->sys_error = sys_error;
	f->got |= (uint16_t)got;
	px_op_finish(px_op_of(&f->guard), 0, 0, 0);
}

static void guard_done(proa_op *guard)
{
	forward *f = PROA_OF(guard, forward, guard);
	px_op *op = f->op;

	px_free(&px_handle_core(f->from)->alloc, f->buf, f->buf_bytes);
	op->got |= f->result < 0 ? f->got : f->got & PROA_END;
	if (f->result == -PROA_ECANCELED && !px_op_asked(op))
		op->flags |= PX_F_CANCEL; /* who asked was the close of `to` */
	px_op_finish(op, f->result, f->moved, f->sys_error);
}

/* Bytes were taken that do not go on: what would be sent behind them must not follow. */
static void bytes_lost(forward *f)
{
	if (f->to->state != PX_H_OPEN || f->to->flags & PX_HF_BROKEN)
		return;
	f->to->flags |= PX_HF_BROKEN;
	px_queue_fail(f->to, PX_DIR_OUT, -PROA_EBROKEN, 0);
}

/* ---- a piece ---- */

static void in_ended(forward *f)
{
	if (f->step.result == 0)
		forward_end(f, f->moved, 0, PROA_END);
	else
		forward_end(f, f->step.result, f->step.sys_error, 0);
}

static void out_ended(forward *f)
{
	f->moved += f->step.count;
	if (f->step.result < 0) {
		forward_end(f, f->step.result, f->step.sys_error, PROA_FAR);
		return;
	}
	if (f->left != INT64_MAX)
		f->left -= f->step.count;
	forward_next(f);
}

static void out_done(proa_op *step)
{
	out_ended(PROA_OF(step, forward, step));
}

static bool is_stream(const px_handle *h)
{
	return px_handle_kind(h) == PROA_TCP || px_handle_kind(h) == PROA_LOCAL;
}

static void bulk_count(forward *f, int64_t n)
{
	const px_core *core = px_handle_core(f->from);

	f->full = n >= BULK_BYTES || (core->pool && (size_t)n == core->pool->size_bytes)
	                  ? (uint8_t)(f->full + 1)
	                  : 0;
	if (f->full < BULK_AFTER)
		return;
	f->full = f->few = 0;
	f->direct = !f->no_duct && core->ops->native & PX_KIND_BIT(PX_SPLICE_IN) &&
	            is_stream(f->from) && is_stream(f->to);
}

static void pooled_done(proa_op *step)
{
	forward *f = PROA_OF(step, forward, step);

	if (step->result <= 0) {
		in_ended(f);
	} else if (f->asked) {
		proa_buffer_return(proa_op_loop(step), step->buf);
		bytes_lost(f);
		forward_end(f, -PROA_ECANCELED, 0, 0);
	} else {
		bulk_count(f, step->result);
		proa_send_pooled(px_handle_pub(f->to), step, step->buf, (size_t)step->result,
		                 out_done);
	}
}

/* ---- the last piece of a limit ---- */

static void last_done(proa_op *step)
{
	forward *f = PROA_OF(step, forward, step);

	if (step->result <= 0) {
		in_ended(f);
	} else if (f->asked) {
		bytes_lost(f);
		forward_end(f, -PROA_ECANCELED, 0, 0);
	} else {
		proa_send(px_handle_pub(f->to), step, f->buf, (size_t)step->result, out_done);
	}
}

static void last_recv(forward *f)
{
	if (!f->buf) {
		f->buf_bytes = (size_t)f->left;
		f->buf = px_alloc(&px_handle_core(f->from)->alloc, f->buf_bytes);
	}
	if (f->buf)
		proa_recv(px_handle_pub(f->from), &f->step, f->buf, (size_t)f->left, last_done);
	else
		forward_end(f, -PROA_ENOMEM, 0, 0);
}

/* ---- through a duct ---- */

static void spliced_out(proa_op *step)
{
	forward *f = PROA_OF(step, forward, step);

	px_duct_give(px_handle_core(f->from), &f->duct, step->result >= 0);
	out_ended(f);
}

/* Nothing was taken, and the bytes are there for a recv. For want of something, or for ever. */
static bool is_want(int64_t result)
{
	return result == -PROA_EMFILE || result == -PROA_ENFILE || result == -PROA_ENOMEM;
}

static bool is_refusal(int64_t result)
{
	return result == -PROA_ENOTSUP || result == -PROA_EINVAL || result == -PROA_ENOSYS;
}

static void few_count(forward *f, int64_t n)
{
	f->few = n < FEW_BYTES ? (uint8_t)(f->few + 1) : 0;
	if (f->few == FEW_AFTER)
		f->direct = false;
}

static void spliced_in(proa_op *step)
{
	forward *f = PROA_OF(step, forward, step);
	int64_t n = step->result;
	px_op *op;

	if (is_want(n) || is_refusal(n)) {
		f->direct = false;
		f->no_duct = is_refusal(n);
		forward_next(f);
	} else if (n <= 0) {
		in_ended(f);
	} else if (f->asked) {
		px_duct_give(px_handle_core(f->from), &f->duct, false);
		bytes_lost(f);
		forward_end(f, -PROA_ECANCELED, 0, 0);
	} else {
		few_count(f, n);
		op = px_op_begin(px_handle_pub(f->to), step, PX_SPLICE_OUT, spliced_out);
		op->args.io.ptr = &f->duct;
		op->args.io.len = (size_t)n;
		px_op_go(op);
	}
}

static void splice_recv(forward *f)
{
	px_op *op = px_op_begin(px_handle_pub(f->from), &f->step, PX_SPLICE_IN, spliced_in);

	op->args.io.ptr = &f->duct;
	op->args.io.len = (size_t)PX_MIN(f->left, (int64_t)PX_DUCT_BYTES);
	px_op_go(op);
}

/* ---- what comes next ---- */

static int64_t pool_bytes(px_core *core)
{
	const px_pool *pool = px_core_pool(core);

	return pool ? (int64_t)pool->size_bytes : 0;
}

static void forward_next(forward *f)
{
	if (f->asked)
		forward_end(f, -PROA_ECANCELED, 0, 0);
	else if (!f->left)
		forward_end(f, f->moved, 0, 0);
	else if (f->direct)
		splice_recv(f);
	else if (f->left < pool_bytes(px_handle_core(f->from)))
		last_recv(f);
	else
		proa_recv_pooled(px_handle_pub(f->from), &f->step, NULL, pooled_done);
}

/* ---- asked to end ---- */

/* The step's callback does it; without one the guard's is on its way, and the end decided. */
static void forward_ask(forward *f)
{
	f->asked = true;
	px_op_cancel(px_op_of(&f->step), PX_F_CANCEL);
}

static void op_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	forward_ask(op->args.engine.a);
}

static void guard_cancel(px_core *core, px_op *guard)
{
	forward *f = guard->args.engine.a;

	PX_UNUSED(core);
	f->got |= PROA_FAR;
	forward_ask(f);
}

/* ---- submit ---- */

static void guard_begin(forward *f)
{
	static const px_engine engine = {.cancel = guard_cancel};
	px_op *guard = px_op_begin(px_handle_pub(f->to), &f->guard, PX_FORWARD, guard_done);

	f->result = -PROA_ECANCELED; /* if it is closing */
	f->got = PROA_FAR;
	if (px_op_refused(guard))
		return;
	f->got = 0;
	px_op_engine(guard, &engine, f, NULL);
	forward_next(f);
}

void proa_forward(proa_handle *from, proa_handle *to, proa_op *pub, proa_forwarding *state,
                  int64_t limit, proa_done *done)
{
	static const px_engine engine = {.cancel = op_cancel};
	px_op *op = px_op_begin(from, pub, PX_FORWARD, done);
	forward *f = (forward *)state;

	if (px_op_refused(op))
		return;
	if (limit < 0 || px_handle_core(op->handle) != px_handle_core(px_handle_of(to))) {
		px_op_finish(op, -PROA_EINVAL, 0, 0);
		return;
	}
	*f = (forward){.from = op->handle,
	               .to = px_handle_of(to),
	               .op = op,
	               .left = limit ? limit : INT64_MAX};
	f->step.want = (uint16_t)((op->want & PROA_BACKGROUND) | PROA_CHAIN);
	f->guard.want = op->want & PROA_BACKGROUND;
	px_op_engine(op, &engine, f, NULL);
	guard_begin(f);
}
