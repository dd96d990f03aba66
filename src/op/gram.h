/* A datagram in a pooled buffer: what is known of it, in front of its bytes. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_GRAM_H
#define PX_OP_GRAM_H

#include "op/pool.h"
#include "proa/net.h"

/* ---- a buffer that recv_msg_many has filled ----
 *
 *   0                                        PROA_MSG_BYTES
 *   | px_gram, or what the system writes ... | the bytes: op->buf
 *
 * Those that were taken ahead of the callbacks wait in a list of the op's: args.pooled.own is its
 * last one, which points at the first. So they cost no memory of their own. */
typedef struct px_gram {
	struct px_gram *next;
	uint32_t bytes, segment_bytes, if_index;
	int32_t ttl;
	uint16_t got;
	uint16_t addr_len, local_len;
	unsigned char addr[32], local[32]; /* of any IP */
} px_gram;
_Static_assert(sizeof(px_gram) <= PROA_MSG_BYTES, "px_gram has its place");

/* The room for a datagram in a buffer of the pool. */
static inline size_t px_gram_room(const px_pool *pool)
{
	return pool->size_bytes - PROA_MSG_BYTES;
}

static inline void *px_gram_payload(void *buffer)
{
	return (unsigned char *)buffer + PROA_MSG_BYTES;
}

/* Behind what waits: a lent buffer whose bytes have come, `msg` being the rest of it. */
void px_gram_push(px_op *op, void *buffer, const proa_msg *msg);
/* The first of those that wait becomes the op's outputs, with MORE; false: there is none. */
bool px_gram_pop(px_op *op);
/* Those that wait go back to the pool. */
void px_gram_drop(px_op *op);
/* A message's outputs where nothing is known but its bytes. */
static inline void px_msg_bare(proa_msg *msg, size_t n, bool cut)
{
	msg->local.len = msg->local.family = 0;
	msg->segment_bytes = msg->if_index = 0;
	msg->ttl = -1;
	msg->got = cut ? PROA_TRUNC : 0;
	msg->count = n;
}
/* Of op->buf: all but len and count. */
void px_gram_msg(const void *payload, proa_msg *msg);

#endif
