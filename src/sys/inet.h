/* The system's socket addresses, and what of addresses the platforms share. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_INET_H
#define PX_SYS_INET_H

#include "sys/sys.h"

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

enum { PX_ZONE_TEXT = 32 }; /* an interface's name with its 0 */

/* 0, so that it can end a parser. */
int px_addr_set(proa_addr *out, int family, const void *sockaddr, size_t len);

/* "Every address" is written as v6, which takes v4 too. Where the system has no v6 at all, v4 is
 * every address: px_addr_any4 makes it that, with the same port. */
bool px_addr_is_any6(const proa_addr *);
void px_addr_any4(proa_addr *);

/* The name of a pipe, as an address of it has it, 0-terminated. False: it is another address; on
 * other systems than Windows every one is. */
enum { PX_PIPE_TEXT = 100 };
bool px_addr_pipe(const proa_addr *, char name[PX_PIPE_TEXT]);

/* ---- lookup.c of the platform ---- */
uint32_t px_zone_index(const char *name);      /* 0: there is no such interface */
bool px_zone_name(uint32_t index, char *name); /* into PX_ZONE_TEXT bytes */

#endif
