/* The race for a connection, behind the look-up. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_RACE_H
#define PX_DNS_RACE_H

#include "proa/net.h"

/* The families in turn, beginning with that of the first; within a family the order stays. */
void px_addrs_interleave(proa_addr *addrs, unsigned n);

/* proa_connect_name with the addresses known: n of them, 1 to 8, as they are. */
void px_connect_addrs(proa_handle *handle, proa_op *op, const proa_addr *addrs, unsigned n,
                      proa_done *done);

#endif
