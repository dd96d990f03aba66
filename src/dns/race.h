/* The order in which addresses are raced. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_DNS_RACE_H
#define PX_DNS_RACE_H

#include "proa/net.h"

/* The families in turn, beginning with that of the first; within a family the order stays. */
void px_addrs_interleave(proa_addr *addrs, unsigned n);

#endif
