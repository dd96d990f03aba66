/* proa_finish: queued sends, shutdown, read to the end, close; of others only the sends. */
/* SPDX-License-Identifier: MIT */
#include "op/core.h"
#include "proa/net.h"

/* Both ops are the handle's own, so a close in between ends them; whichever ends last frees this.
 */
typedef struct finish {
	proa_op shut, drain;
	px_core *core;
	proa_closed *closed;
	unsigned open; /* of the two ops, how many are in flight */
	bool failed;
	char scratch[4096];
} finish;

static void finish_drained(proa_op *op);

/* Ops on a finishing handle are refused; these two are how it finishes. */
static void finish_drain(finish *f, px_handle *h)
{
	h->flags &= (uint16_t)~PX_HF_FINISHING;
	proa_recv(px_handle_pub(h), &f->drain, f->scratch, sizeof f->scratch, finish_drained);
	h->flags |= PX_HF_FINISHING;
	f->open++;
}

static void finish_step(finish *f, px_handle *h)
{
	if (f->open && !f->failed)
		return;
	if (!px_handle_closing(h))
		px_handle_close(h, f->closed);
	else if (f->closed) /* a close came in between: it only hurried this one */
		h->closed = f->closed;
	if (!f->open)
		px_free(&f->core->alloc, f, sizeof *f);
}

static void finish_shut(proa_op *op)
{
	finish *f = PROA_OF(op, finish, shut);

	f->open--;
	f->failed |= op->result < 0;
	finish_step(f, px_op_of(op)->handle);
}

static void finish_drained(proa_op *op)
{
	finish *f = PROA_OF(op, finish, drain);
	px_handle *h = px_op_of(op)->handle;

	f->open--;
	if (op->result > 0 && !px_handle_closing(h)) {
		finish_drain(f, h);
		return;
	}
	f->failed |= op->result < 0;
	finish_step(f, h);
}

static void cancel_recvs(px_handle *h)
{
	px_node *last;

	while ((last = px_ring_last(h->in))) {
		px_op *op = PX_OF(last, px_op, link);
		bool waiting = op->state == PX_WAITING;

		px_op_cancel(op, PX_F_CANCEL);
		if (!waiting)
			return; /* the head: ends when the backend says so */
	}
}

void proa_finish(proa_handle *handle, int64_t deadline_ns, proa_closed *closed)
{
	px_handle *h = px_handle_of(handle);
	px_core *core;
	finish *f;

	if (h->state != PX_H_OPEN || (h->flags & (PX_HF_FINISHING | PX_HF_LISTENER))) {
		if (!(h->flags & PX_HF_FINISHING) || px_handle_closing(h))
			px_handle_close(h, closed);
		return;
	}
	core = px_handle_core(h);
	px_core_enter(core);
	if (!(f = px_zalloc(&core->alloc, sizeof *f))) {
		px_handle_close(h, closed);
		return;
	}
	f->core = core;
	f->closed = closed;
	f->shut.deadline_ns = deadline_ns;
	f->drain.deadline_ns = deadline_ns;
	cancel_recvs(h);
	f->open = 1;
	/* Nobody's end to wait for: this one waits behind the sends. */
	if (px_handle_kind(h) == PROA_UDP || !px_handle_is_socket(h)) {
		px_op_go(px_op_begin(handle, &f->shut, PX_SHUTDOWN, finish_shut));
		h->flags |= PX_HF_FINISHING;
		return;
	}
	proa_shutdown(handle, &f->shut, finish_shut);
	finish_drain(f, h);
}
