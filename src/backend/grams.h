/* Several datagrams by a direct call, for backends that are told when one may succeed. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_GRAMS_H
#define PX_BACKEND_GRAMS_H

#include "op/backend.h"

/* How far an attempt came. TURN: it could go on, but others have their turn first. */
typedef enum px_went { PX_WENT_ENDED, PX_WENT_WAITS, PX_WENT_TURN } px_went;

px_went px_grams_recv(px_core *core, px_op *op); /* recv_msgs */
px_went px_grams_send(px_core *core, px_op *op); /* send_msgs; op->count: how many have gone */
/* The next completion of a recv_msg_many. *waits when it is PX_PULL_NONE: for datagrams; else it is
 * parked, or listed again. Also of one whose end was asked for. */
px_pulled px_grams_pull(px_core *core, px_op *op, bool *waits);

#endif
