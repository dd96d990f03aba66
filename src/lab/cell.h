/* One measurement: a server and its client, each a process on a CPU of its own. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_CELL_H
#define PX_LAB_CELL_H

#include "lab/group.h"
#include "lab/load.h"
#include "lab/model.h"

#include <signal.h>
#include <sys/types.h>

/* A server under way, in a process group of its own. */
typedef struct px_lab_server {
	const px_lab_model *model;
	pid_t pid;
	int out, said; /* its stdout and stderr */
	char addr[128];
	char word[200]; /* the first thing that it said on stderr */
} px_lab_server;

typedef struct px_lab_cell {
	const px_lab_model *model;
	uint32_t connections;
	bool measured;
	px_lab_load load; /* what the client found */
	size_t processes;
	px_lab_cost cost;
	uint64_t cpu_ns; /* of the server, while the client measured */
	char why[200];   /* not measured, or not all were served: the reason */
} px_lab_cell;

/* Set by SIGINT and SIGTERM: everything ends as soon as it can. */
extern volatile sig_atomic_t px_lab_stopped;

/* False: `word` says why not. In both cases to be stopped. */
bool px_lab_server_start(px_lab_server *server, const px_lab_model *model);
/* Ends every process of its group, and all others of ours, and reaps them. */
void px_lab_server_stop(px_lab_server *server);
/* The client's process, in memory that both see. */
px_lab_load *px_lab_load_new(void);
pid_t px_lab_load_start(px_lab_load *load, const px_lab_server *server);
/* False: it did not come that far in time, or ended; or we are to stop. */
bool px_lab_load_await(px_lab_load *load, pid_t client, px_lab_phase phase);
/* Lets it go, and sees that it has gone. */
void px_lab_load_end(px_lab_load *load, pid_t client);

/* `orders` says how; false: stopped. */
bool px_lab_cell_run(px_lab_cell *cell, const px_lab_load *orders);

/* ---- count.c ---- */

/* System calls that the server makes for a request, while a tracer counts them; < 0: not to be had.
 */
double px_lab_count(const px_lab_model *model, uint32_t connections);

#endif
