/* Buffer pools: memory lent to recvs when their bytes are there; parked recvs; quotas. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_POOL_H
#define PX_OP_POOL_H

#include "op/core.h"

/* ---- states of a buffer ----
 *
 *   NEW --grow--> FREE --take--> LENT --give--> FREE
 *
 *   FREE   on the pool's free list, or in the kernel's ring if the backend keeps it
 * (ops->pool_give) LENT   with the caller (or with an op that has not been delivered yet); giving
 * back twice panics
 *
 * Buffers have an index, dense from 0. They live in chunks that double in size, so that an address
 * finds its chunk among a dozen, and untouched memory stays untouched: the free list is
 * last-in-first-out. */
enum { PX_POOL_CHUNKS = 16, PX_POOL_MAX = 32768 };
#define PX_POOL_MAGIC PX_MAGIC('p', 'o', 'o', 'l')
#define PX_POOL_NONE  UINT32_MAX

enum { PX_POOL_NO_SHIFT = UINT8_MAX };

typedef struct px_buf {
	px_quota *quota; /* LENT under a quota: whose */
	uint32_t next;   /* FREE: the next index of the free list, PX_POOL_NONE at its end */
	bool lent;
} px_buf;

typedef struct px_chunk {
	unsigned char *base;
	px_buf *bufs;
	uint32_t first, n;
} px_chunk;

struct px_pool {
	uint32_t magic;
	px_core *core;
	px_node all;       /* in core->pools */
	size_t size_bytes; /* of a buffer */
	size_t stride;     /* from one to the next */
	uint8_t shift;     /* its logarithm, PX_POOL_NO_SHIFT if it has none */
	uint32_t max;      /* buffers at most */
	uint32_t total;    /* buffers made */
	uint32_t lent;
	uint32_t users;     /* recvs in flight on it */
	uint32_t free_head; /* index, PX_POOL_NONE: none (or the backend keeps them) */
	uint32_t n_chunks;
	uint32_t recent; /* the chunk in which a buffer was found last */
	bool closing;    /* proa_buffers_close: goes when the last buffer is back */
	bool waking;     /* px_pool_wake is at work, below on the stack */
	px_list parked;  /* ops waiting for a buffer, in order, by op->more */
	px_chunk chunk[PX_POOL_CHUNKS];
	void *backend;       /* the backend's: its ring */
	uint32_t backend_id; /* the backend's: its group */
};

/* How many of a recv_pooled_many's buffers are out. Outlives the op, for buffers may. */
struct px_quota {
	px_op *op; /* NULL once the op is final */
	uint32_t held, max;
};

int px_pool_open(px_core *core, px_pool **pool, const proa_buffers_options *options);
void px_pool_close(px_pool *pool);    /* frees now, or when the last buffer is back */
void px_pool_drop(px_pool *pool);     /* frees now, whatever is out: the loop ends */
px_pool *px_core_pool(px_core *core); /* the loop's own; NULL: no memory */

bool px_pool_grow(
	px_pool *pool); /* more FREE buffers (a chunk); false: at the maximum, or no memory */
/* FREE -> LENT, for pools whose free list is here; grows; NULL: empty. */
void *px_pool_take(px_pool *pool);
/* The same for a buffer that the backend's ring gave out. */
void *px_pool_taken(px_pool *pool, uint32_t index);
/* A lent buffer goes to the caller of a recv_pooled_many: counts against its quota. */
void px_pool_charge(px_pool *pool, void *buf, px_quota *quota);
bool px_quota_full(const px_quota *quota); /* NULL: never */
/* LENT -> FREE; wakes parked recvs in their order while there are free buffers. */
void px_pool_give_at(px_pool *pool, uint32_t index);
void px_pool_give(px_pool *pool, void *buf); /* anywhere in it */
unsigned char *px_pool_at(const px_pool *pool, uint32_t index);
uint32_t px_pool_index(px_pool *pool, const void *buf);
/* The pool that `buf` points into (anywhere), and which buffer; NULL: none of this core's. */
px_pool *px_pool_find(px_core *core, const void *buf, uint32_t *index);

/* INFLIGHT op, no buffer to be had: waits its turn. The backend forgets it until ops->submit. */
void px_pool_park(px_pool *pool, px_op *op);
void px_pool_unpark(px_op *op); /* takes it off the list (cancel, close); does not submit */
/* Submits parked ops again while fewer than `n` have been; for backends whose rings hold the free
 * buffers. */
void px_pool_wake(px_pool *pool, uint32_t n);

px_quota *px_quota_new(px_core *core, px_op *op, uint32_t max);
void px_quota_end(px_core *core, px_quota *quota); /* the op is final */

#endif
