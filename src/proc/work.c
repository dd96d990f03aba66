/* The caller's functions on workers. */
/* SPDX-License-Identifier: MIT */
#include "op/worker.h"

void proa_work(proa_handle *owner, proa_op *pub, proa_strand *strand, proa_work_fn *fn,
               proa_done *done)
{
	px_op *op = px_op_begin(owner, pub, PX_WORK, done);

	px_assert(fn);
	if (px_op_refused(op))
		return;
	op->args.work.fn = fn;
	op->args.work.strand = (px_strand *)strand;
	op->state = PX_INFLIGHT;
	px_work_submit(px_handle_core(op->handle), op, PROA_LANE_CPU);
}
