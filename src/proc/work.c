/* The caller's functions on workers. */
/* SPDX-License-Identifier: MIT */
#include "op/worker.h"

/* Strands are guarded by their lane's lock, so one has one lane for its life. */
static void strand_bind(px_strand *s, proa_lane lane)
{
	if (s->lane && s->lane != (unsigned)lane + 1)
		PX_PANIC("proa_work_in: the strand has had tasks in another lane");
	s->lane = (unsigned)lane + 1;
}

void proa_work_in(proa_handle *owner, proa_op *pub, proa_lane lane, proa_strand *strand,
                  proa_work_fn *fn, proa_done *done)
{
	px_op *op = px_op_begin(owner, pub, PX_WORK, done);

	px_assert(fn);
	if ((unsigned)lane >= PX_LANES)
		PX_PANIC("proa_work_in: there is no such lane");
	if (strand)
		strand_bind((px_strand *)strand, lane);
	if (px_op_refused(op))
		return;
	op->args.work.fn = fn;
	op->args.work.strand = (px_strand *)strand;
	op->state = PX_INFLIGHT;
	px_work_submit(px_handle_core(op->handle), op, lane);
}

void proa_work(proa_handle *owner, proa_op *op, proa_strand *strand, proa_work_fn *fn,
               proa_done *done)
{
	proa_work_in(owner, op, PROA_LANE_CPU, strand, fn, done);
}
