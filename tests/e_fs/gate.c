/* Tasks that stand at a gate until it opens. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include <stdlib.h>

struct gate {
	host_lock lock;
	unsigned inside, n;
	unsigned ended; /* on the loop's thread */
	bool open;
	gate *next; /* shut */
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

static gate *shut;

static void gate_let_go(gate *g)
{
	host_lock_enter(&g->lock);
	g->open = true;
	host_lock_wake(&g->lock);
	host_lock_leave(&g->lock);
}

static void gates_let_go(void)
{
	for (gate *g = shut; g; g = g->next)
		gate_let_go(g);
}

static void gate_unlink(const gate *g)
{
	gate **at = &shut;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
}

gate *gate_shut(proa_loop *loop, proa_lane lane, unsigned n)
{
	gate *g = calloc(1, sizeof *g);

	host_lock_init(&g->lock);
	g->n = n;
	g->next = shut;
	shut = g;
	kit_let_go = gates_let_go;
	for (unsigned i = 0; i < n; i++) {
		g->ops[i].user = g;
		proa_work_in(proa_root(loop), &g->ops[i], lane, NULL, gate_stand, gate_done);
	}
	host_lock_enter(&g->lock);
	while (g->inside < n)
		host_lock_wait(&g->lock);
	host_lock_leave(&g->lock);
	return g;
}

void gate_open(proa_loop *loop, gate *g)
{
	gate_let_go(g);
	UNTIL(loop, g->ended == g->n);
	gate_unlink(g);
	host_lock_destroy(&g->lock);
	free(g);
}
