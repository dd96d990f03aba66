/* What a loop knows of names, and the two ways to ask others. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_DNS_H
#define PX_DNS_DNS_H

#include "dns/cache.h"
#include "dns/hosts.h"
#include "op/core.h"
#include "proa/dns.h"

typedef struct px_evented px_evented;

/* Made when a look-up of a loop first needs it, from the loop's allocator; goes with the root, who
 * owns `owner`. */
typedef struct px_dns {
	px_handle owner;
	px_core *core;
	px_hosts hosts;
	px_cache cache;
	px_evented *evented; /* NULL: not begun */
	char servers[512];   /* of proa_dns_servers; empty: the system's */
} px_dns;

/* The loop's, made if it has none; NULL: no memory. */
px_dns *px_dns_of(px_core *core);
/* Its hosts file, as it is now; never in a simulation. */
const char *px_dns_hosts(px_dns *d);

/* ---- evented.c, or evented_none.c where proa is built without c-ares ---- */

/* A question that was asked: of an op that is INFLIGHT, until it has ended. */
typedef struct px_question px_question;
/* The op's engine.b is the request, engine.a becomes the question. Ends it later, or at once. */
void px_evented_resolve(px_dns *d, px_op *op, const char *name, uint16_t port);
void px_evented_reverse(px_dns *d, px_op *op, const proa_addr *addr);
void px_evented_forget(px_question *q);   /* its op has ended: what is answered goes nowhere */
extern const px_engine px_evented_engine; /* resolve.c: forgets the question */
bool px_evented_is(void);
/* From now on d->servers are asked: 0 or an error. */
int px_evented_servers(px_dns *d);
void px_evented_close(px_dns *d);

#endif
