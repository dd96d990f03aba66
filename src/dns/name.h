/* Names and services as text: which need no look-up, and which are not to be looked up. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_NAME_H
#define PX_DNS_NAME_H

#include "proa/net.h"

enum { PX_NAME_MAX = 253, PX_SERVICE_MAX = 63 }; /* RFC 1035, 2.3.4, without its dots at the ends */

typedef enum px_name { PX_NAME_BAD, PX_NAME_LITERAL, PX_NAME_HOST } px_name;

/* A literal goes into *out, with port 0. Bad is what no resolver should be asked: empty, too long,
 * characters that are in no host name, and numbers that some resolvers take for addresses ("127.1",
 * "0x7f.1"), so that what was checked is what is connected to. */
px_name px_name_parse(const char *name, proa_addr *out);

/* The same name: without a dot at the end, whatever the case. hosts.c */
bool px_name_same(const char *a, size_t a_len, const char *b, size_t b_len);

/* A number, or one of the few names that need no file; NULL is 0. PX_SERVICE_ASK: the system knows.
 * -PROA_EINVAL: nobody does. */
enum { PX_SERVICE_ASK = -1000 };
int px_service_port(const char *service);

#endif
