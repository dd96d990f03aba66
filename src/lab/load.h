/* The course's client: many connections, one message under way on each, every byte looked at. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_LOAD_H
#define PX_LAB_LOAD_H

#include "base/hist.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LAB_MESSAGE = 64 };

/* WARM and DONE: all is silent until the course goes on. */
typedef enum px_lab_phase { LOAD_CONNECTING, LOAD_WARM, LOAD_MEASURING, LOAD_DONE } px_lab_phase;

/* Shared by the course and its client, which is a process of its own. */
typedef struct px_lab_load {
	/* ---- what to do ---- */
	char addr[128];
	uint32_t connections;
	int64_t run_ns;
	int64_t quiet_ns;      /* when nobody new was served for so long, nobody will be */
	uint64_t requests_max; /* in the measurement; 0: as many as come */
	double marked;         /* this share of the messages begins with `mark` */
	char mark;
	bool busy; /* it has a CPU of its own, and never sleeps: what is measured is the server */
	atomic_bool go, leave;

	/* ---- what came of it ---- */
	atomic_int phase;
	uint32_t connected, served, dropped; /* served: answered at least once */
	uint64_t requests;                   /* answered while it measured */
	int64_t ns;                          /* of measuring */
	px_hist latency, marked_latency; /* what was not answered counts with how long it waited */
	char error[160];                 /* what is wrong with an answer; empty: nothing */
} px_lab_load;

/* From the first connection to the last, all reset at the end, so that no port stays behind. */
void px_lab_load_run(px_lab_load *load);

#endif
