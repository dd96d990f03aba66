/* Names to addresses, and back. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_DNS_H
#define PROA_DNS_H
#include "proa/net.h"
PROA_C_BEGIN

/* How an answer is found. Literals ("127.0.0.1", "::1") are answered at once whatever is chosen,
 * but for PROA_DNS_POOL. */
typedef enum proa_dns {
	PROA_DNS_DEFAULT, /* what is known from a former PROA_DNS_EVENTED at once, else as
	                     PROA_DNS_POOL */
	/* The hosts file (read when it is needed first and when it has changed, which is looked at
	 * every 5 s at most), and answers of PROA_DNS_EVENTED for as long as their zones say. No
	 * thread, and nobody is asked: what is not known is ENONAME. "localhost" always is. */
	PROA_DNS_INLINE,
	PROA_DNS_POOL, /* getaddrinfo in the DNS lane of the workers: as the system is set up */
	/* As PROA_DNS_INLINE, then DNS servers are asked by c-ares on the loop's own thread: any
	 * number of questions at once, no thread. ENOTSUP where proa was built without, and in a
	 * simulation. It takes memory of the C library's own. */
	PROA_DNS_EVENTED
} proa_dns;

/* The caller's until the final; the text is copied at submit. */
typedef struct proa_resolve_request {
	const char *name, *service; /* in: "example.org" or a literal; "80" or "http" or NULL */
	size_t name_len; /* in: 0: up to its 0; else so many bytes, and a 0 among them is EINVAL */
	proa_dns how;    /* in */
	uint32_t family; /* in: AF_..., 0 both */
	unsigned n;      /* out */
	int64_t ttl_ns;  /* out: how long the answer may be used; 0: nobody said */
	proa_addr addr[8]; /* out */
} proa_resolve_request;

/* result: how many addresses (n), >= 1. Errors: ENONAME (also of a service that is neither a
 * number nor "http" or "https", where no thread asks the system), ENAMETEMP, EINVAL (empty, or over
 * 253 characters, or ones that no host name has; no service), EAFNOSUPPORT (family), ENOTSUP,
 * EFULL, ETIMEDOUT, ECANCELED. Cancel and
 * deadline answer at once: the look-up itself may go on in its thread and touches nothing of yours.
 */
PROA_API void proa_resolve(proa_handle *owner, proa_op *op, proa_resolve_request *request,
                           proa_done *done);

/* The caller's until the final. */
typedef struct proa_reverse_request {
	proa_addr addr; /* in; its port does not count */
	proa_dns how;   /* in; DEFAULT: as PROA_DNS_POOL */
	char name[256]; /* out; what a server says of itself: believe it only after asking back */
} proa_reverse_request;

/* The name of an address. result: its length. Errors: ENONAME (none), EINVAL (no IP address), and
 * those of proa_resolve; cancel as there. */
PROA_API void proa_reverse(proa_handle *owner, proa_op *op, proa_reverse_request *request,
                           proa_done *done);

/* Whom PROA_DNS_EVENTED asks on this loop, "9.9.9.9,127.0.0.1:5353,[::1]:53"; NULL: the system's
 * (resolv.conf). Not while questions are on their way, also such as were cancelled: ENAMETEMP. 0,
 * or EINVAL, ENOTSUP, ENOMEM, ETOOLONG, and nothing has changed. */
PROA_API int proa_dns_servers(proa_loop *loop, const char *servers);

/* Resolves, then races the addresses (RFC 8305: the families in turn, 250 ms apart, first
 * connection wins) and opens the init handle with the winner. One completion, one deadline for all
 * of it; may allocate. Errors: of both. */
PROA_API void proa_connect_name(proa_handle *handle, proa_op *op, const char *name,
                                const char *service, proa_done *done);

PROA_C_END
#endif
