/* One io_uring for one thread, as small as it goes: for the reference and the load generator. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include "sys/linux/uring_abi.h"

#include <stdbool.h>

typedef struct px_bench_ring {
	int fd;
	uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
	uint32_t sq_mask, sq_entries, cq_mask;
	uint32_t tail, submitted; /* of the submission queue: filled in, told to the kernel */
	uint32_t enter_flags;
	px_uring_sqe *sqes;
	px_uring_cqe *cqes;
} px_bench_ring;

/* Buffers that the kernel picks for recvs, in group 0. Where it can (6.12), it goes on behind what
 * it filled before, so small messages lie side by side and large ones have room. */
typedef struct px_bench_buffer {
	uint32_t filled; /* bytes, so far */
	uint32_t users;  /* pieces of it in use, and 1 while the kernel may fill it */
} px_bench_buffer;

/* The kernel takes buffers in the order they were given, so those it holds are filled in turns: it
 * holds few at a time, and the others rest on a stack, the one last used on top, until it has room.
 * A busy server so goes round in what the processor's caches hold, whatever the pool's size. */
typedef struct px_bench_pool {
	px_uring_buf_ring *ring;
	px_bench_buffer *buffers;
	uint16_t *rest;
	char *memory;
	uint32_t count, bytes;
	uint32_t resting, given, given_max; /* buffers: on the stack, the kernel's, at most */
	uint16_t tail;
} px_bench_pool;

/* The best set of flags that the kernel knows; dies without io_uring. */
void px_bench_ring_open(px_bench_ring *ring, unsigned sq_entries, unsigned cq_entries);

/* Submits all, waits for so many completions; timeout_ns < 0 is none. One system call. */
void px_bench_ring_enter(px_bench_ring *ring, unsigned wait_for, int64_t timeout_ns);

/* A cleared entry, submitted by the next enter; user_data is the pointer with the tag in its low
 * three bits. Enters by itself when the queue is full. */
px_uring_sqe *px_bench_ring_sqe(px_bench_ring *ring, uint8_t opcode, int fd, const void *about,
                                unsigned tag);

enum { PX_BENCH_TAG_MASK = 7 };

/* Takes the next completion, by value, and gives its place back. False: there is none. */
static inline bool px_bench_ring_next(px_bench_ring *ring, px_uring_cqe *cqe)
{
	uint32_t head = *ring->cq_head;

	if (head == px_uring_load(ring->cq_tail))
		return false;
	*cqe = ring->cqes[head & ring->cq_mask];
	px_uring_store(ring->cq_head, head + 1);
	return true;
}

static inline void *px_bench_cqe_about(const px_uring_cqe *cqe)
{
	return (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)PX_BENCH_TAG_MASK);
}

/* `count` is a power of two. */
void px_bench_pool_open(px_bench_pool *pool, px_bench_ring *ring, uint32_t count, uint32_t bytes);

/* One user of the buffer less; without users it can be given to the kernel, at a publish. */
void px_bench_pool_release(px_bench_pool *pool, uint16_t buffer);

/* What a recv's completion brought, a new use of `*buffer`; NULL: nothing. */
char *px_bench_pool_take(px_bench_pool *pool, const px_uring_cqe *cqe, uint16_t *buffer);

void px_bench_pool_fill(px_bench_pool *pool);

/* Gives the kernel what it has room for. False: it has none, all are in use. */
static inline bool px_bench_pool_publish(px_bench_pool *pool)
{
	if (pool->resting && pool->given < pool->given_max)
		px_bench_pool_fill(pool);
	return pool->given;
}

#endif
