/* Queued sends of a handle that go out in one call. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_GATHER_H
#define PX_BACKEND_GATHER_H

#include "op/op.h"
#include "proa/net.h"

enum {
#ifdef PX_TORTURE
	PX_GATHER_PIECES = 3,
	PX_GATHER_BYTES = 2000
#else
	PX_GATHER_PIECES = 64,
	/* More does not make a call cheaper, and whoever is cancelled stops less. */
	PX_GATHER_BYTES = 256 * 1024
#endif
};

/* Bytes that a send, sendv or send_pooled has left. */
int64_t px_send_rest(const px_op *op);

/* What the first op of a direction has left, and those that wait right behind it. */
typedef struct px_gather {
	uint32_t ops, pieces;
	int64_t bytes;
	proa_vec vec[PX_GATHER_PIECES];
} px_gather;

/* Nobody is behind it: asked first, for so it is most often. */
static inline bool px_gather_alone(const px_op *op)
{
	return op->link.next == &op->link;
}

/* `head` is a send, sendv or send_pooled. False: it goes alone. */
bool px_gather_fill(px_gather *g, px_op *head);
/* So many bytes of them have gone: those that are whole end, in order; the first that is not has
 * its share in its count, and is returned. NULL: all have ended. Starts none of those behind:
 * px_queue_advance is the caller's. */
px_op *px_gather_sent(px_op *head, uint32_t ops, int64_t bytes);

#endif
