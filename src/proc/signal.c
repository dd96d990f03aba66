/* Signals as doorbells that the handler rings. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"
#include "proa/proc.h"
#include "sys/sys.h"

/* In the handler's context, on any thread. */
static void signal_ring(void *op)
{
	px_doorbell_ring(op);
}

/* Behind unwatch nobody rings any more, which is what ending a doorbell asks for. */
static void signal_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	px_signal_unwatch((int)op->aux);
	px_doorbell_end(op);
}

/* The bell is ready before it is hung where it may be rung. */
void proa_signal(proa_handle *owner, proa_op *pub, int signo, proa_done *done)
{
	static const px_engine engine = {.cancel = signal_cancel};
	px_op *op = px_op_begin(owner, pub, PX_SIGNAL, done);
	int slot;

	if (px_op_refused(op))
		return;
	px_doorbell_begin(op, &engine, NULL);
	slot = px_signal_watch(signo, signal_ring, op);
	if (slot < 0)
		px_op_finish(op, slot, 0, 0);
	else
		op->aux = (uint32_t)slot;
}
