/* The hosts file: names and addresses that nobody has to be asked for. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_HOSTS_H
#define PX_DNS_HOSTS_H

#include "base/alloc.h"
#include "proa/net.h"

/* Its text as it was read last; read again when it has changed, which is looked at every few
 * seconds. All zero is ready. */
typedef struct px_hosts {
	char *text; /* 0-terminated; NULL: none */
	size_t bytes;
	int64_t looked_ns, mtime_ns, size_bytes;
} px_hosts;

/* Reads it if it is time to. `path` NULL: the system's. */
void px_hosts_look(px_hosts *, px_allocator *, const char *path, int64_t now_ns);
void px_hosts_free(px_hosts *, px_allocator *);

/* In a text of that form (NULL: none): how many addresses of the name, in their order, with port 0;
 * family 0 is any. "localhost" is this machine, whether it is there or not (RFC 6761, 6.3). */
unsigned px_hosts_find(const char *text, const char *name, uint32_t family, proa_addr *out,
                       unsigned max);
/* The first name of the address: its length, 0 if there is none. */
size_t px_hosts_name(const char *text, const proa_addr *addr, char *out, size_t size);

#endif
