/* A folder of a test's own, and calls on names in it. */
/* SPDX-License-Identifier: MIT */
#ifndef E_FS_PLACE_H
#define E_FS_PLACE_H

#include "c_conform/kit.h"
#include "host_file.h"

extern char place[64]; /* its path */
void place_make(void);
void place_drop(void); /* it must be empty */
/* A path of a name in it; good until the fourth call behind it. */
const char *in_place(const char *name);

/* One call on the root, and its result; what else it told is in `ask`, a rec. */
#define ASK(loop, call, ...)                                                         \
	(ask = (rec){0}, call(proa_root(loop), kit_op(&ask), __VA_ARGS__, kit_done), \
	 kit_await(loop, &ask))

#endif
