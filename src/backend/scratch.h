/* Memory that a file's bytes pass through on their way to a socket, where no call moves them. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_SCRATCH_H
#define PX_BACKEND_SCRATCH_H

#include "op/core.h"

enum {
#ifdef PX_TORTURE
	PX_SCRATCH_BYTES = 1000
#else
	PX_SCRATCH_BYTES = 64 * 1024
#endif
};

/* A send_file's, in its op->buf from the first read to its end. */
typedef struct px_scratch px_scratch;
struct px_scratch {
	px_scratch *next;
	uint32_t filled, sent;
	char bytes[PX_SCRATCH_BYTES];
};

/* The free ones of a backend; all zero at first. */
typedef struct px_scratches {
	px_scratch *free;
	unsigned n;
} px_scratches;

/* The op's; a new one is empty. NULL: no memory. */
px_scratch *px_scratch_take(px_core *core, px_scratches *all, px_op *op);
/* Takes it from the op, if it has one. */
void px_scratch_give(px_core *core, px_scratches *all, px_op *op);
void px_scratch_close(px_core *core, px_scratches *all);

#endif
