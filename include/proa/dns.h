/* Names to addresses. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_DNS_H
#define PROA_DNS_H
#include "proa/net.h"
PROA_C_BEGIN

typedef enum proa_dns {
	PROA_DNS_DEFAULT, /* literals at once, names in the pool */
	PROA_DNS_INLINE,  /* literals only: no thread, no I/O; a name is ENONAME */
	PROA_DNS_POOL     /* getaddrinfo in the DNS lane of the workers */
} proa_dns;

/* The caller's until the final; the text is copied at submit. */
typedef struct proa_resolve_request {
	const char *name, *service; /* in: "example.org" or a literal; "80" or "http" or NULL */
	proa_dns how;               /* in */
	uint32_t family;            /* in: AF_..., 0 both */
	unsigned n;                 /* out */
	proa_addr addr[8];          /* out */
} proa_resolve_request;

/* result: how many addresses (n), >= 1. Errors: ENONAME, ENAMETEMP, EINVAL (empty, or over 253
 * characters), EFULL, ETIMEDOUT, ECANCELED. Cancel and deadline answer at once: the look-up itself
 * may go on in its thread and touches nothing of yours. */
PROA_API void proa_resolve(proa_handle *owner, proa_op *op, proa_resolve_request *request,
                           proa_done *done);

/* Resolves, then races the addresses (RFC 8305: the families in turn, 250 ms apart, first
 * connection wins) and opens the init handle with the winner. One completion, one deadline for all
 * of it; may allocate. Errors: of both. */
PROA_API void proa_connect_name(proa_handle *handle, proa_op *op, const char *name,
                                const char *service, proa_done *done);

PROA_C_END
#endif
