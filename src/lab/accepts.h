/* Who is woken by a new connection, and who gets it: several threads, three ways to listen. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_ACCEPTS_H
#define PX_LAB_ACCEPTS_H

#include "lab/model.h"

#include <stdint.h>

enum { ACCEPT_WAYS = 3, ACCEPT_CONNECTIONS = 1000 };

typedef struct px_lab_accepts {
	const char *way;
	uint32_t woken;              /* times that a thread's wait came back */
	uint32_t taken[LAB_THREADS]; /* connections, by thread */
} px_lab_accepts;

/* One connection after the other, while all threads sleep. In a process of its own; false: it ended
 * badly, or we are to stop. */
bool px_lab_accepts_run(px_lab_accepts found[ACCEPT_WAYS], uint32_t connections);

#endif
