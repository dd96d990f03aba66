/* What blocks: a read from the disk, and a look-up at a name server that takes its time. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_STALL_H
#define PX_LAB_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* The first byte of a message says what it asks for; any other is only echoed. */
enum { STALL_DISK = 'd', STALL_NAME = 'n' };

/* A file of our own, nameless, that is read around the cache; and a stand-in for a name server, a
 * process that answers after NAME_MS. False: such a read cannot be had here, it is a sleep. */
enum { NAME_MS = 5 };
bool px_lab_stall_open(void);
void px_lab_stall_close(void);

static inline bool px_lab_stalls_for(char kind)
{
	return kind == STALL_DISK || kind == STALL_NAME;
}

/* Blocks the thread for as long as it takes; nothing if it is no such kind. Any thread. */
void px_lab_stall(char kind);
int64_t px_lab_stall_ns(char kind); /* the median of some */

#endif
