/* Tasks that stand at a gate until it opens: how the tests hold workers. */
/* SPDX-License-Identifier: MIT */
#ifndef E_FS_GATE_H
#define E_FS_GATE_H

#include "c_conform/kit.h"

enum { GATE_TASKS = 16 };

typedef struct gate gate;

/* Fills a lane of the loop's workers with tasks that wait: as many as it has threads (`n`), all
 * running when this returns. They belong to the root and are not counted by the kit. */
gate *gate_shut(proa_loop *loop, proa_lane lane, unsigned n);
/* Lets them go, and waits for their ends. */
void gate_open(proa_loop *loop, gate *g);

#endif
