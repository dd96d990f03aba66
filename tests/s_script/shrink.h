/* From a script that fails to the shortest one, and to a C test. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SCRIPT_SHRINK_H
#define S_SCRIPT_SHRINK_H

#include "s_script/run.h"

/* HOST_FORK. How the script fails on env->backend, in a process of its own. */
script_failure script_fails(const script *, const script_env *);

/* Reduces *s, which fails so; each shorter one is tried `tries` times at most. How many runs that
 * took. */
unsigned script_shrink(script *s, const script_env *, script_failure, unsigned tries);

/* As a C test on the frame of the conformance tests. `title` stands in its first line. */
void script_print_c(const script *, const char *title, FILE *);

#endif
