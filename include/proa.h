/* proa: submit an operation, be told when it has completed; the same on every system. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_H
#define PROA_H
#include "proa/base.h"
#include "proa/check.h"
#include "proa/dns.h"
#include "proa/err.h"
#include "proa/fs.h"
#include "proa/group.h"
#include "proa/local.h"
#include "proa/loop.h"
#include "proa/net.h"
#include "proa/proc.h"
#include "proa/sim.h"
#include "proa/watch.h"

#define PROA_VERSION        "0.1.0"
#define PROA_VERSION_NUMBER 100 /* major * 10000 + minor * 100 + patch */
#endif
