/* Tasks that stand at a gate until it opens. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include "op/worker.h"

#include <stdlib.h>

struct gate {
	host_lock lock;
	unsigned inside, n;
	unsigned ended; /* on the loop's thread */
	bool open;
	proa_op ops[GATE_TASKS];
};

static int64_t gate_stand(proa_op *op)
{
	gate *g = op->user;

	host_lock_enter(&g->lock);
	g->inside++;
	host_lock_wake(&g->lock);
	while (!g->open)
		host_lock_wait(&g->lock);
	host_lock_leave(&g->lock);
	return 0;
}

static void gate_done(proa_op *op)
{
	((gate *)op->user)->ended++;
}

gate *gate_shut(proa_loop *loop, proa_lane lane, unsigned n)
{
	gate *g = calloc(1, sizeof *g);

	host_lock_init(&g->lock);
	g->n = n;
	for (unsigned i = 0; i < n; i++) {
		px_op *op = px_op_begin(proa_root(loop), &g->ops[i], PX_WORK, gate_done);

		g->ops[i].user = g;
		op->args.work.fn = gate_stand;
		op->state = PX_INFLIGHT;
		px_work_submit(px_core_of(loop), op, lane);
	}
	host_lock_enter(&g->lock);
	while (g->inside < n)
		host_lock_wait(&g->lock);
	host_lock_leave(&g->lock);
	return g;
}

void gate_open(proa_loop *loop, gate *g)
{
	host_lock_enter(&g->lock);
	g->open = true;
	host_lock_wake(&g->lock);
	host_lock_leave(&g->lock);
	UNTIL(loop, g->ended == g->n);
	host_lock_destroy(&g->lock);
	free(g);
}
