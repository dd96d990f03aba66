/* A look-up by the system's resolver, on a worker. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_LOOKUP_H
#define PX_DNS_LOOKUP_H

#include "dns/name.h"
#include "op/core.h"
#include "proa/dns.h"

/* The system's resolver cannot be stopped, so it is given memory of its own: this, which outlives
 * the op if that is cancelled, and belongs to the loop's root until the worker comes back. */
typedef struct px_lookup px_lookup;
struct px_lookup {
	proa_op work; /* on the root, in the background */
	px_op *op;    /* NULL: nobody waits any more */
	px_core *core;
	int64_t (*run)(px_lookup *); /* on the worker: what `work` results in */
	void (*answer)(px_lookup *); /* on the loop's thread, if an op waits; result > 0 */
	uint32_t family;
	int32_t sys_error;
	bool has_service;
	char service[PX_SERVICE_MAX + 1];
	char name[PX_NAME_MAX + 1]; /* in, of a reverse one out */
	proa_addr addr[PX_COUNT(((proa_resolve_request *)0)->addr)];
};

/* Of an op that is WAITING; NULL: no memory. */
px_lookup *px_lookup_new(px_core *core);
/* The op becomes INFLIGHT and waits for it; `request` is where the answer goes: engine.b. */
void px_lookup_submit(px_lookup *l, px_op *op, void *request);

#endif
