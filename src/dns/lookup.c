/* A look-up by the system's resolver, on a worker. */
/* SPDX-License-Identifier: MIT */
#include "dns/lookup.h"

#include "op/worker.h"

static int64_t lookup_run(proa_op *work)
{
	px_lookup *l = PX_OF(work, px_lookup, work);

	return l->run(l);
}

/* Back on the loop's thread. */
static void lookup_done(proa_op *work)
{
	px_lookup *l = PX_OF(work, px_lookup, work);
	px_core *core = l->core;

	if (l->op) {
		if (work->result > 0)
			l->answer(l);
		px_op_finish(l->op, work->result, 0, l->sys_error);
	}
	px_free(&core->alloc, l, sizeof *l);
}

/* The op ends now; what is not begun ends too, what runs comes back to nobody. */
static void lookup_cancel(px_core *core, px_op *op)
{
	px_lookup *l = op->args.engine.a;

	PX_UNUSED(core);
	l->op = NULL;
	proa_cancel(&l->work);
	px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

px_lookup *px_lookup_new(px_core *core)
{
	px_lookup *l = px_zalloc(&core->alloc, sizeof *l);

	if (l) {
		l->core = core;
		l->work.want = PROA_BACKGROUND;
	}
	return l;
}

void px_lookup_submit(px_lookup *l, px_op *op, void *request)
{
	static const px_engine engine = {.cancel = lookup_cancel};
	px_op *work;

	l->op = op;
	px_op_engine(op, &engine, l, request);
	work = px_op_begin(px_handle_pub(&l->core->root), &l->work, PX_WORK, lookup_done);
	work->args.work.fn = lookup_run;
	work->state = PX_INFLIGHT;
	px_work_submit(l->core, work, PROA_LANE_DNS);
}
