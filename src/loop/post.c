/* What other threads may do to a loop: post, ring a doorbell, stop, wake. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"
#include "op/worker.h"

void proa_stop(proa_loop *loop)
{
	px_core_stop(px_core_of(loop));
}

/* ---- posts ---- */

void proa_post(proa_loop *loop, proa_op *pub, proa_done *done)
{
	px_core *core = px_core_of(loop);
	px_op *op = px_op_of(pub);

	if (op->state != PX_IDLE)
		PX_PANIC("an op was posted while it was in flight");
	op->kind = PX_POST;
	op->state = PX_INFLIGHT;
	op->flags = op->want & PROA_BACKGROUND ? PX_F_BACKGROUND : 0;
	op->result = 0;
	op->sys_error = 0;
	op->got = 0;
	op->handle = &core->root;
	op->done = done;
	op->link = (px_node){0};
	op->timer = (px_node){0};
	atomic_fetch_add_explicit(&core->posted, 1, memory_order_relaxed);
	px_core_send(core, op);
}

static void post_received(px_core *core, px_op *op)
{
	bool late = core->root.state != PX_H_OPEN;

	op->count = 0;
	op->buf = NULL;
	core->root.in_flight++;
	core->active += !(op->flags & PX_F_BACKGROUND);
	px_count(&core->stat.submitted[PX_POST]);
	if (PX_UNLIKELY(core->tracer != NULL))
		core->tracer->submitted(core->tracer, core, op);
	op->flags |= late ? PX_F_CANCEL : 0;
	px_op_finish(op, late ? -PROA_ECANCELED : 0, 0, 0);
}

/* ---- doorbells ----
 *
 * args.engine.a holds an atomic count of rings since the last pull, and the top bit once no more
 * may come in. The ring that makes it 1 from 0 sends the op to the loop; so the op is in the inbox,
 * or listed, exactly while the count is not 0, and its end waits for its arrival. While the bell
 * may be rung, count and buf of the op belong to the inbox link, which is why a doorbell tells
 * neither. */
#define BELL_SHUT (UINT64_C(1) << 63)

static _Atomic uint64_t *bell_count(px_op *op)
{
	_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "a plain word");
	return (_Atomic uint64_t *)(void *)&op->args.own.b;
}

void px_doorbell_ring(px_op *op)
{
	if (atomic_fetch_add_explicit(bell_count(op), 1, memory_order_acq_rel) == 0)
		px_core_send(px_handle_core(op->handle), op);
}

void proa_notify(proa_op *op)
{
	px_doorbell_ring(px_op_of(op));
}

void px_doorbell_begin(px_op *op, const px_engine *engine, void *data)
{
	px_op_engine(op, engine, NULL, data);
}

/* Ended before it began: who rings it until it hears so sends nothing. */
static void bell_shut(px_op *op)
{
	atomic_store_explicit(bell_count(op), BELL_SHUT, memory_order_release);
}

void px_doorbell_end(px_op *op)
{
	uint64_t before = atomic_fetch_or_explicit(bell_count(op), BELL_SHUT, memory_order_acq_rel);

	if (before == 0 || (op->flags & PX_F_QUOTA))
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	/* else it is on its way here, and ends when it arrives */
}

static void bell_received(px_op *op)
{
	if (atomic_load_explicit(bell_count(op), memory_order_acquire) & BELL_SHUT) {
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
		return;
	}
	op->flags |= PX_F_QUOTA; /* has arrived: rings wait to be pulled, perhaps through a pause */
	px_op_more(op);
}

px_pulled px_doorbell_pull(px_op *op)
{
	uint64_t n;

	if (!(op->flags & PX_F_QUOTA))
		return PX_PULL_NONE; /* rung again meanwhile, perhaps: then it is on its way here */
	op->flags &= (uint16_t)~PX_F_QUOTA;
	n = atomic_exchange_explicit(bell_count(op), 0, memory_order_acq_rel);
	if (!n)
		return PX_PULL_NONE;
	op->result = (int64_t)n;
	op->got = PROA_MORE;
	return PX_PULL_MORE;
}

static void bell_cancel(px_core *core, px_op *op)
{
	(void)core;
	px_doorbell_end(op);
}

void proa_doorbell(proa_handle *owner, proa_op *pub, proa_done *done)
{
	static const px_engine engine = {.cancel = bell_cancel};
	px_op *op = px_op_begin(owner, pub, PX_DOORBELL, done);

	if (px_op_refused(op))
		bell_shut(op);
	else
		px_doorbell_begin(op, &engine, NULL);
}

/* ---- the inbox ---- */

void px_loop_receive(px_core *core)
{
	px_mpsc_node *node, *next;

	if (px_mpsc_empty(&core->inbox))
		return;
	for (node = px_mpsc_take_all(&core->inbox); node; node = next) {
		px_op *op = PX_OF(node, px_op, inbox);

		next = node->next;
		if (op->kind == PX_POST)
			post_received(core, op);
		else if (op->kind == PX_DOORBELL || op->kind == PX_SIGNAL)
			bell_received(op);
		else
			px_work_returned(core, op);
	}
}
