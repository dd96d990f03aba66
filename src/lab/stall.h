/* What blocks: a read from the disk, and a look-up at a name server that takes its time. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_STALL_H
#define PX_LAB_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* The first byte of a message says what it asks for; any other is only echoed. */
enum { STALL_DISK = 'd', STALL_NAME = 'n' };

/* A file of our own, nameless, that is read around the cache; and a stand-in for a name server, a
 * process that answers after NAME_MS. A disk that is too fast to show anything, or that cannot be
 * read so, is replaced by a sleep of SLEEP_MS; the environment may have decided that before, so
 * that all do the same. False: it is a sleep. *read_ns (may be NULL): what a read takes, 0 if there
 * is none. */
enum { NAME_MS = 5, SLEEP_MS = 2 };
#define PX_LAB_DISK "PROA_LAB_DISK" /* "read" or "sleep" */
bool px_lab_stall_open(int64_t *read_ns);
void px_lab_stall_close(void);

static inline bool px_lab_stalls_for(char kind)
{
	return kind == STALL_DISK || kind == STALL_NAME;
}

/* Blocks the thread for as long as it takes; nothing if it is no such kind. Any thread. */
void px_lab_stall(char kind);
int64_t px_lab_stall_ns(char kind); /* the median of some */

#endif
