/* The free buffers of a pool: in a ring that the kernel takes them from, or on a list. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/mman.h>
#include <sys/socket.h>

#define UR_POOL_MAGIC PX_MAGIC('u', 'r', 'p', 'l')

/* By buffer. FREE and on the list: the next one. LENT and received, not yet delivered: the next of
 * its op's queue. */
typedef struct slot {
	uint32_t next; /* index + 1, 0: none */
	int32_t bytes;
} slot;

typedef struct ur_pool {
	uint32_t magic;
	px_uring_buf_ring *ring; /* NULL: the free ones are on the list */
	size_t ring_bytes;
	uint16_t tail, mask;
	uint32_t free; /* as far as completions have told */
	uint32_t top;  /* the list: index + 1, 0: empty */
	uint32_t slots;
	slot slot[];
} ur_pool;

static ur_pool *ur_pool_of(const px_pool *pool)
{
	ur_pool *p = pool->backend;

	PX_MAGIC_CHECK(p, UR_POOL_MAGIC);
	return p;
}

/* ---- open and close ---- */

static int group_take(px_uring *u)
{
	for (unsigned i = 0; i < PX_COUNT(u->groups); i++) {
		if (~u->groups[i]) {
			unsigned bit = px_ctz64(~u->groups[i]);

			u->groups[i] |= UINT64_C(1) << bit;
			return (int)(64 * i + bit);
		}
	}
	return -1;
}

static void group_give(px_uring *u, uint32_t group)
{
	u->groups[group / 64] &= ~(UINT64_C(1) << group % 64);
}

static size_t pool_bytes(const px_pool *pool)
{
	return sizeof(ur_pool) + pool->max * sizeof(slot);
}

static void ring_release(px_uring *u, px_pool *pool, ur_pool *p)
{
	group_give(u, pool->backend_id);
	munmap(p->ring, p->ring_bytes);
	p->ring = NULL;
}

/* Without a ring (too many pools, no memory that may be locked) the list does. */
static void ring_try(px_uring *u, px_pool *pool, ur_pool *p)
{
	uint32_t entries = (uint32_t)px_pow2_up(pool->max);
	px_uring_buf_reg reg = {.ring_entries = entries};
	int group = group_take(u);
	void *ring;

	if (group < 0)
		return;
	pool->backend_id = (uint32_t)group;
	p->ring_bytes = entries * sizeof(px_uring_buf);
	p->mask = (uint16_t)(entries - 1);
	ring = mmap(NULL, p->ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	            0);
	if (ring == MAP_FAILED) {
		group_give(u, pool->backend_id);
		return;
	}
	p->ring = ring;
	reg.ring_addr = px_ur_addr(ring);
	reg.bgid = (uint16_t)group;
	if (px_ur_register(u, PX_IORING_REGISTER_PBUF_RING, &reg, 1) < 0)
		ring_release(u, pool, p);
}

int px_ur_pool_open(px_core *core, px_pool *pool)
{
	px_uring *u = px_ur_of(core);
	ur_pool *p = px_zalloc(&core->alloc, pool_bytes(pool));

	if (!p)
		return -PROA_ENOMEM;
	p->magic = UR_POOL_MAGIC;
	p->slots = pool->max;
	pool->backend = p;
	if (px_ur_has(u, PX_UR_PBUF_RING))
		ring_try(u, pool, p);
	return 0;
}

void px_ur_pool_close(px_core *core, px_pool *pool)
{
	px_uring *u = px_ur_of(core);
	ur_pool *p = ur_pool_of(pool);
	px_uring_buf_reg reg = {.bgid = (uint16_t)pool->backend_id};

	if (p->ring) { /* the kernel first: it must not see the memory go */
		px_ur_register(u, PX_IORING_UNREGISTER_PBUF_RING, &reg, 1);
		ring_release(u, pool, p);
	}
	PX_MAGIC_KILL(p);
	px_free(&core->alloc, p, pool_bytes(pool));
	pool->backend = NULL;
}

/* ---- free buffers ---- */

void px_ur_pool_give(px_core *core, px_pool *pool, uint32_t index)
{
	ur_pool *p = ur_pool_of(pool);

	PX_UNUSED(core);
	px_assert(index < p->slots);
	p->free++;
	if (!p->ring) {
		p->slot[index].next = p->top;
		p->top = index + 1;
		return;
	}
	px_uring_buf_set(p->ring, p->tail++ & p->mask, px_pool_at(pool, index),
	                 (uint32_t)pool->size_bytes, (uint16_t)index);
	px_uring_buf_publish(p->ring, p->tail);
}

bool px_ur_pool_ready(px_pool *pool)
{
	return ur_pool_of(pool)->free || px_pool_grow(pool);
}

/* Grows ahead: a ring that is found empty ends a multishot, and a recv then takes two turns. */
static void pool_tend(px_pool *pool)
{
	ur_pool *p = ur_pool_of(pool);

	if (p->ring && pool->users && p->free <= pool->total / 8)
		px_pool_grow(pool);
	/* As many as there are buffers; those who then find nothing to read take none, and the next
	 * wait goes on. */
	if (p->free && !px_list_empty(&pool->parked))
		px_pool_wake(pool, p->free);
}

void px_ur_pools_tend(px_uring *u)
{
	px_list *pools = &u->core->pools;

	for (px_node *n = px_list_first(pools); n; n = px_list_next(pools, n))
		if (!PX_OF(n, px_pool, all)->here)
			pool_tend(PX_OF(n, px_pool, all));
}

/* ---- recv ---- */

/* From the list, into a buffer taken now: so only when bytes are there, or an idle connection would
 * hold one. */
static bool list_recv(px_uring *u, px_op *op)
{
	px_pool *pool = op->args.pooled.pool;
	ur_pool *p = ur_pool_of(pool);
	px_uring_sqe *sqe;
	uint32_t index;

	if (!(op->handle->flags & PX_HF_READABLE)) {
		px_ur_poll(u, op);
		return true;
	}
	if (!px_ur_pool_ready(pool))
		return false;
	index = p->top - 1;
	p->top = p->slot[index].next;
	p->free--;
	op->aux = index + 1;
	sqe = px_ur_recv_entry(u, op, 0);
	sqe->addr = px_ur_addr(px_pool_taken(pool, index));
	sqe->len = (uint32_t)pool->size_bytes;
	sqe->msg_flags = px_handle_is_socket(op->handle) ? MSG_DONTWAIT : 0;
	return true;
}

bool px_ur_pool_recv(px_uring *u, px_op *op, uint16_t flags)
{
	px_pool *pool = op->args.pooled.pool;
	ur_pool *p = ur_pool_of(pool);
	px_uring_sqe *sqe;

	if (!p->ring)
		return list_recv(u, op);
	if (!p->free)
		px_pool_grow(pool); /* in vain: bytes that come will find out */
	/* Not both: a multishot that first waits, and then finds bytes and a reset, takes the bytes
	 * and waits for ever (seen on Linux 6.18). */
	sqe = px_ur_recv_entry(u, op, flags ? flags : px_ur_recv_flags(u, op->handle));
	sqe->flags = PX_IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t)pool->backend_id;
	return true;
}

void *px_ur_pool_received(px_op *op, const px_uring_cqe *cqe)
{
	px_pool *pool = op->args.pooled.pool;
	ur_pool *p = ur_pool_of(pool);
	uint32_t index = op->aux;

	if (!p->ring) {
		op->aux = 0;
		return index ? px_pool_at(pool, index - 1) : NULL;
	}
	if (!(cqe->flags & PX_IORING_CQE_F_BUFFER))
		return NULL;
	px_assert(p->free);
	p->free--;
	return px_pool_taken(pool, cqe->flags >> PX_IORING_CQE_BUFFER_SHIFT);
}

/* ---- queues of received buffers: first + 1 in the lower half, last + 1 in the upper ---- */

void px_ur_pool_queue(px_pool *pool, uint64_t *own, void *buf, int bytes)
{
	ur_pool *p = ur_pool_of(pool);
	uint32_t index = px_pool_index(pool, buf), last = (uint32_t)(*own >> 32);

	p->slot[index] = (slot){.bytes = bytes};
	if (last)
		p->slot[last - 1].next = index + 1;
	*own = (uint64_t)(index + 1) << 32 | (last ? (uint32_t)*own : index + 1);
}

void *px_ur_pool_unqueue(px_pool *pool, uint64_t *own, int *bytes)
{
	ur_pool *p = ur_pool_of(pool);
	uint32_t first = (uint32_t)*own;
	slot *s;

	if (!first)
		return NULL;
	s = &p->slot[first - 1];
	*bytes = s->bytes;
	*own = s->next ? (*own & ~(uint64_t)UINT32_MAX) | s->next : 0;
	return px_pool_at(pool, first - 1);
}
