/* A folder that is watched by a test, and what was told of it, as text. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FS_WATCHED_H
#define TESTS_FS_WATCHED_H

#include "c_conform/kit.h"
#include "host_file.h"
#include "proa/watch.h"

#include <stdio.h>

enum { PATH = 512, SAID = 8192 };

/* A folder, the op that watches it, and all that was told: "+dir/ ~dir/file -file ". A
 * slash stands behind folders that are there: what is gone does not say everywhere what it was. */
typedef struct watched {
	char dir[PATH];
	rec r; /* kit_done, then `took` */
	char said[SAID];
	size_t used;
	unsigned begun; /* completions without changes */
	unsigned lost;  /* changes that say so */
	uint32_t pairs[8];
	unsigned n_pairs;
	void (*each)(const proa_change *); /* or NULL */
} watched;

void watched_open(proa_loop *, watched *, unsigned flags); /* and waits until it is watched */
void watched_close(proa_loop *, watched *);                /* its folder is empty */
void watched_took(rec *);                                  /* for `then`: ctx is a watched */
void watched_note(watched *, const proa_change *);
/* A path below it; good until the fourth call from here. */
const char *watched_in(const watched *, const char *name);
void watched_append(const char *path);
/* All of that was told, in this order; what else was told is between. */
bool watched_told(const watched *, const char *what);

#define TOLD(loop, w, what)                                          \
	do {                                                         \
		UNTIL(loop, watched_told(w, what) || (w)->r.finals); \
		if (!CHECK(watched_told(w, what)))                   \
			test_note("told: %s", (w)->said);            \
	} while (0)

#endif
