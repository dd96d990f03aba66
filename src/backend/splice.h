/* Attempts to move bytes from a stream into a duct, and out of one. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_SPLICE_H
#define PX_BACKEND_SPLICE_H

#include "op/backend.h"

/* Of a splice_in: bytes, with the duct taken; else it has none: 0 at the end, PX_AGAIN, error. The
 * errors of is_refusal in src/net/forward.c say that this way does not go, and nothing else. */
int64_t px_splice_in(px_core *core, px_op *op, int32_t *sys_error);
/* Of a splice_out, some of what is left: bytes, PX_AGAIN, error. */
int64_t px_splice_out(px_core *core, px_op *op, int32_t *sys_error);

#endif
