/* Pooled recvs on backends that are told "there are bytes" and then take them by a call. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_POOLED_H
#define PX_BACKEND_POOLED_H

#include "op/backend.h"

/* One recv into buf: bytes, 0 at the end of the stream, PX_AGAIN, or an error. What it learns of
 * readiness it keeps in the handle's flags. */
typedef int64_t px_recv_call(px_core *core, px_handle *h, void *buf, size_t len,
                             int32_t *sys_error);

/* Ends a recv with what the call said: n >= 0 or an error. */
void px_recv_end(px_op *op, int64_t n, int32_t sys_error);

/* recv_pooled. True: it has to wait for bytes, and holds no buffer. False: it has ended, or waits
 * for a buffer. */
bool px_pooled_try(px_core *core, px_op *op, px_recv_call *recv);

/* The next completion of a recv_pooled_many. *waits when it is PX_PULL_NONE: as above. Takes
 * PX_F_PHASE2 for itself: it took a buffer the last time. */
px_pulled px_pooled_pull(px_core *core, px_op *op, px_recv_call *recv, bool *waits);

#endif
