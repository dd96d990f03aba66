/* Worlds from the inside: the simulated machines below, and the loops that run on them. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LOOP_WORLD_H
#define PX_LOOP_WORLD_H

#include "op/check.h"
#include "sim/sim.h"

/* ---- the life of a node's program ----
 *
 *   down --add, restart--> up: a thread runs main, or start and then the loop --> its end --> down
 *                           \---------------------- kill, power -----------------------------/
 *
 * The thread is the node's; who runs its loop counts as the outside, so that a test may submit on
 * it between two runs. The end is an event: what is down has no thread on whose stack it could be
 * cleared away. */

typedef struct px_worldfull {
	px_world w; /* first */
	px_tracer tracer;
	proa_checker checker;
	bool leaks; /* a program that ended by itself has left something */
} px_worldfull;

/* Asks every program to end: stops its loop, kills one that runs loops of its own. */
void px_sim_nodes_stop(px_world *w);

#endif
