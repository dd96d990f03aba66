/* What the measurement of posts (post.c) asks of a library: two loops, each on its own thread. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MICRO_POST_H
#define BENCH_MICRO_POST_H

#include "micro.h"

enum { PX_POST_MESSAGES = 256 }; /* that may be on their way to a loop */

extern const char px_post_name[];

/* Loop `side`, 0 or 1, not yet running; on the thread that will run it. `spin` : looks for so long
 * before it sleeps. False: this library cannot. */
bool px_post_open(unsigned side, const px_micro_args *args, int64_t spin_ns);
void px_post_run(unsigned side);  /* until px_post_stop, which px_post_came calls */
void px_post_stop(unsigned side); /* on its thread */
void px_post_close(unsigned side);

/* Any thread: has px_post_came(side, i) called by the loop. The message's memory is the program's,
 * and not on its way already. */
void px_post_send(unsigned side, unsigned i);
/* The loop does not sleep from now on, having always something to call; on its thread. */
void px_post_keep_awake(unsigned side);

void px_post_came(unsigned side, unsigned i); /* post.c's */

#endif
