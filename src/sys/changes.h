/* Changes packed for who watches; malloc's memory, since it is a worker's. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SYS_CHANGES_H
#define PX_SYS_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
typedef struct px_changes {
	char *bytes;
	size_t used, room;
	size_t last; /* where the last one begins */
	bool lost;   /* an OVERFLOW stands there for all that follows */
} px_changes;

void px_changes_begin(px_changes *); /* a new batch, in the same memory */
/* Of dir/name; either may be "". The same twice in a row is told once. Where there is no room or no
 * memory any more, that is told. */
void px_changes_tell(px_changes *, uint32_t what, uint32_t pair, const char *dir, const char *name);
void px_changes_free(px_changes *);

#endif
