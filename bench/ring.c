/* One io_uring for one thread. */
/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include "common.h"

#include <string.h>
#include <sys/mman.h>

static int ring_setup(px_uring_params *params, unsigned sq_entries, unsigned cq_entries)
{
	static const uint32_t best_first[] = {
		PX_IORING_SETUP_SINGLE_ISSUER | PX_IORING_SETUP_DEFER_TASKRUN |
			PX_IORING_SETUP_SUBMIT_ALL | PX_IORING_SETUP_NO_SQARRAY,
		PX_IORING_SETUP_SINGLE_ISSUER | PX_IORING_SETUP_DEFER_TASKRUN |
			PX_IORING_SETUP_SUBMIT_ALL,
		PX_IORING_SETUP_COOP_TASKRUN | PX_IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int fd = -EINVAL;

	for (unsigned i = 0; i < sizeof best_first / sizeof *best_first && fd == -EINVAL; i++) {
		memset(params, 0, sizeof *params);
		params->flags = best_first[i] | PX_IORING_SETUP_CQSIZE | PX_IORING_SETUP_CLAMP;
		params->cq_entries = cq_entries;
		fd = px_uring_setup(sq_entries, params);
	}
	if (fd < 0)
		px_bench_die("io_uring_setup", -fd);
	if (~params->features & (PX_IORING_FEAT_SINGLE_MMAP | PX_IORING_FEAT_EXT_ARG))
		px_bench_die("io_uring", ENOSYS);
	return fd;
}

static void *memory_map(size_t bytes, int fd, off_t offset)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, offset);

	if (memory == MAP_FAILED)
		px_bench_die("mmap", errno);
	return memory;
}

static uint32_t *word_at(char *ring, uint32_t offset)
{
	return (uint32_t *)(void *)(ring + offset);
}

void px_bench_ring_open(px_bench_ring *ring, unsigned sq_entries, unsigned cq_entries)
{
	px_uring_params p;
	size_t sq_bytes, cq_bytes;
	char *at;

	memset(ring, 0, sizeof *ring);
	ring->fd = ring_setup(&p, sq_entries, cq_entries);
	sq_bytes = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
	cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(px_uring_cqe);
	at = memory_map(sq_bytes > cq_bytes ? sq_bytes : cq_bytes, ring->fd, PX_IORING_OFF_SQ_RING);
	ring->sqes = memory_map(p.sq_entries * sizeof(px_uring_sqe), ring->fd, PX_IORING_OFF_SQES);
	ring->sq_head = word_at(at, p.sq_off.head);
	ring->sq_tail = word_at(at, p.sq_off.tail);
	ring->cq_head = word_at(at, p.cq_off.head);
	ring->cq_tail = word_at(at, p.cq_off.tail);
	ring->cqes = (px_uring_cqe *)(void *)(at + p.cq_off.cqes);
	/* Waiting for the network is no waiting for a disk, and is not to be counted so. */
	ring->enter_flags = PX_IORING_ENTER_GETEVENTS;
	if (p.features & PX_IORING_FEAT_NO_IOWAIT)
		ring->enter_flags |= PX_IORING_ENTER_NO_IOWAIT;
	ring->sq_entries = p.sq_entries;
	ring->sq_mask = p.sq_entries - 1;
	ring->cq_mask = p.cq_entries - 1;
	for (uint32_t i = 0; i < p.sq_entries && !(p.flags & PX_IORING_SETUP_NO_SQARRAY); i++)
		word_at(at, p.sq_off.array)[i] = i;
}

/* EBUSY is a full completion queue: the caller drains it and comes again. */
void px_bench_ring_enter(px_bench_ring *ring, unsigned wait_for, int64_t timeout_ns)
{
	px_uring_timespec ts = {.sec = timeout_ns / 1000000000, .nsec = timeout_ns % 1000000000};
	px_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)&ts};
	unsigned submit = ring->tail - ring->submitted;
	int n;

	px_uring_store(ring->sq_tail, ring->tail);
	if (timeout_ns < 0)
		n = px_uring_enter(ring->fd, submit, wait_for, ring->enter_flags, NULL, 0);
	else
		n = px_uring_enter(ring->fd, submit, wait_for,
		                   ring->enter_flags | PX_IORING_ENTER_EXT_ARG, &arg, sizeof arg);
	if (n < 0 && n != -EINTR && n != -EBUSY && n != -EAGAIN && n != -ETIME)
		px_bench_die("io_uring_enter", -n);
	ring->submitted = px_uring_load(ring->sq_head);
}

px_uring_sqe *px_bench_ring_sqe(px_bench_ring *ring, uint8_t opcode, int fd, const void *about,
                                unsigned tag)
{
	px_uring_sqe *sqe;

	while (ring->tail - px_uring_load(ring->sq_head) >= ring->sq_entries)
		px_bench_ring_enter(ring, 0, -1);
	sqe = &ring->sqes[ring->tail++ & ring->sq_mask];
	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = (uint64_t)(uintptr_t)about | tag;
	return sqe;
}

/* Of the kernel's, so much: the data of a batch, and a little less than a level 2 cache of today.
 */
enum { GIVEN_BYTES = 2 * 1024 * 1024 };

void px_bench_pool_fill(px_bench_pool *pool)
{
	while (pool->resting && pool->given < pool->given_max) {
		uint16_t buffer = pool->rest[--pool->resting];

		pool->given++;
		pool->buffers[buffer] = (px_bench_buffer){.users = 1};
		px_uring_buf_set(pool->ring, pool->tail++ & (pool->count - 1),
		                 pool->memory + (size_t)buffer * pool->bytes, pool->bytes, buffer);
	}
	px_uring_buf_publish(pool->ring, pool->tail);
}

void px_bench_pool_open(px_bench_pool *pool, px_bench_ring *ring, uint32_t count, uint32_t bytes)
{
	px_uring_buf_reg reg = {.ring_entries = count, .flags = PX_IOU_PBUF_RING_INC};
	int n;

	memset(pool, 0, sizeof *pool);
	pool->count = count;
	pool->bytes = bytes;
	pool->ring = memory_map(count * sizeof(px_uring_buf), -1, 0);
	pool->buffers = memory_map(count * sizeof(px_bench_buffer), -1, 0);
	pool->rest = memory_map(count * sizeof *pool->rest, -1, 0);
	pool->memory = memory_map((size_t)count * bytes, -1, 0);
	pool->given_max = GIVEN_BYTES / bytes ? GIVEN_BYTES / bytes : 1;
	reg.ring_addr = (uint64_t)(uintptr_t)pool->ring;
	n = px_uring_register(ring->fd, PX_IORING_REGISTER_PBUF_RING, &reg, 1);
	if (n == -EINVAL) {
		reg.flags = 0;
		n = px_uring_register(ring->fd, PX_IORING_REGISTER_PBUF_RING, &reg, 1);
	}
	if (n < 0)
		px_bench_die("provided buffer ring", -n);
	for (uint32_t i = 0; i < count; i++)
		pool->rest[pool->resting++] = (uint16_t)i;
	px_bench_pool_publish(pool);
}

void px_bench_pool_release(px_bench_pool *pool, uint16_t buffer)
{
	if (!--pool->buffers[buffer].users)
		pool->rest[pool->resting++] = buffer;
}

char *px_bench_pool_take(px_bench_pool *pool, const px_uring_cqe *cqe, uint16_t *buffer)
{
	px_bench_buffer *b;
	char *data;

	if (!(cqe->flags & PX_IORING_CQE_F_BUFFER))
		return NULL;
	*buffer = (uint16_t)(cqe->flags >> PX_IORING_CQE_BUFFER_SHIFT);
	b = &pool->buffers[*buffer];
	data = pool->memory + (size_t)*buffer * pool->bytes + b->filled;
	if (cqe->res > 0) {
		b->filled += (uint32_t)cqe->res;
		b->users++;
	}
	if (!(cqe->flags & PX_IORING_CQE_F_BUF_MORE)) {
		pool->given--;
		px_bench_pool_release(pool, *buffer);
	}
	return cqe->res > 0 ? data : NULL;
}
