/* A world of one server and two clients that do a little of everything, come what may. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SIM_MIX_H
#define S_SIM_MIX_H

#include "s_sim/bed.h"

typedef struct mix {
	bed bed;
	proa_server server;
	proa_op udp; /* the server's */
	proa_msg msg;
	proa_handle at;
	char gram[64];
	int downs;           /* clients that have ended */
	unsigned done, lost; /* exchanges that went well, and that did not */
	bool serving;
	bool deadlines; /* on what can end without them, too */
} mix;

/* Adds the nodes; their programs begin with the next run. */
void mix_open(mix *m, const proa_world_options *o);
/* Runs until the clients have ended, and then with all faults off until nothing is in flight. */
void mix_run(mix *m);
/* No violation, nothing left. */
void mix_close(mix *m);

#endif
