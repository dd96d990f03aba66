/* Tasks that stand at a gate until it opens. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include "op/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned inside, n;
	unsigned ended; /* on the loop's thread */
	bool open;
	proa_op ops[GATE_TASKS];
};

static int64_t gate_stand(proa_op *op)
{
	gate *g = op->user;

	pthread_mutex_lock(&g->mutex);
	g->inside++;
	pthread_cond_broadcast(&g->cond);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
	return 0;
}

static void gate_done(proa_op *op)
{
	((gate *)op->user)->ended++;
}

gate *gate_shut(proa_loop *loop, proa_lane lane, unsigned n)
{
	gate *g = calloc(1, sizeof *g);

	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->cond, NULL);
	g->n = n;
	for (unsigned i = 0; i < n; i++) {
		px_op *op = px_op_begin(proa_root(loop), &g->ops[i], PX_WORK, gate_done);

		g->ops[i].user = g;
		op->args.work.fn = gate_stand;
		op->state = PX_INFLIGHT;
		px_work_submit(px_core_of(loop), op, lane);
	}
	pthread_mutex_lock(&g->mutex);
	while (g->inside < n)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
	return g;
}

void gate_open(proa_loop *loop, gate *g)
{
	pthread_mutex_lock(&g->mutex);
	g->open = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->mutex);
	UNTIL(loop, g->ended == g->n);
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->mutex);
	free(g);
}
