/* Buffer pools: chunks that double, a last-in-first-out free list, parked recvs, quotas. */
/* SPDX-License-Identifier: MIT */
#include "op/pool.h"

#include "op/backend.h"

#include <string.h>

enum {
	COUNT_DEFAULT = 4096,
	SIZE_DEFAULT = 64 * 1024,
	PAGE = 4096,
	COLOUR = 5 * 64,
#ifdef PX_TORTURE
	CHUNK_FIRST = 1,
#else
	CHUNK_FIRST = 16,
#endif
};

/* ---- open and close ---- */

/* Buffers whose size is a power of two would all begin in the same few lines of the caches: many
 * small messages at once would throw each other out. */
static size_t stride_of(size_t size_bytes)
{
	return size_bytes % PAGE ? size_bytes : size_bytes + COLOUR;
}

int px_pool_open(px_core *core, px_pool **out, const proa_buffers_options *options)
{
	static const proa_buffers_options none;
	const proa_buffers_options *o = options ? options : &none;
	px_pool *pool;
	int rc;

	*out = NULL;
	if ((o->size && o->size != sizeof *o) || o->count > PX_POOL_MAX ||
	    o->size_bytes > INT32_MAX)
		return -PROA_EINVAL;
	if (!(pool = px_zalloc(&core->alloc, sizeof *pool)))
		return -PROA_ENOMEM;
	pool->magic = PX_POOL_MAGIC;
	pool->core = core;
	pool->size_bytes = o->size_bytes ? o->size_bytes : SIZE_DEFAULT;
	pool->stride = stride_of(pool->size_bytes);
	pool->shift = pool->stride & (pool->stride - 1) ? PX_POOL_NO_SHIFT
	                                                : (uint8_t)px_log2_64(pool->stride);
	pool->max = (uint32_t)(o->count ? o->count : COUNT_DEFAULT);
	pool->free_head = PX_POOL_NONE;
	px_list_init(&pool->parked);
	if (core->ops->pool_open && (rc = core->ops->pool_open(core, pool)) < 0) {
		px_free(&core->alloc, pool, sizeof *pool);
		return rc;
	}
	px_list_push_back(&core->pools, &pool->all);
	*out = pool;
	return 0;
}

static void pool_free(px_pool *pool)
{
	px_core *core = pool->core;

	px_assert(px_list_empty(&pool->parked));
	if (core->ops->pool_close && !core->forked)
		core->ops->pool_close(core, pool);
	for (uint32_t i = 0; i < pool->n_chunks; i++) {
		px_chunk *c = &pool->chunk[i];

		px_free(&core->alloc, c->base, (size_t)c->n * pool->stride);
		px_free(&core->alloc, c->bufs, c->n * sizeof *c->bufs);
	}
	px_list_remove(&pool->all);
	if (core->pool == pool)
		core->pool = NULL;
	PX_MAGIC_KILL(pool);
	px_free(&core->alloc, pool, sizeof *pool);
}

void px_pool_close(px_pool *pool)
{
	PX_MAGIC_CHECK(pool, PX_POOL_MAGIC);
	if (pool->users)
		PX_PANIC("a buffer pool was closed while recvs were in flight on it");
	pool->closing = true;
	if (!pool->lent)
		pool_free(pool);
}

px_pool *px_core_pool(px_core *core)
{
	proa_buffers_options o = {.count = core->pool_count, .size_bytes = core->pool_bytes};

	if (!core->pool)
		px_pool_open(core, &core->pool, &o);
	return core->pool;
}

/* ---- buffers ---- */

/* Each chunk is as large as all before it, so the index's highest bit tells. */
static px_chunk *chunk_of_index(const px_pool *pool, uint32_t index)
{
	unsigned i = index < CHUNK_FIRST ? 0 : px_log2_64(index / CHUNK_FIRST) + 1;

	return (px_chunk *)(uintptr_t)&pool->chunk[i];
}

static bool chunk_has(const px_pool *pool, const px_chunk *c, const unsigned char *at)
{
	return (uintptr_t)at - (uintptr_t)c->base < (size_t)c->n * pool->stride;
}

/* Where it was last time, else the last ones, which are the largest. PX_POOL_NONE: not here. */
static uint32_t index_of_address(px_pool *pool, const unsigned char *at)
{
	uint32_t i = pool->recent;
	const px_chunk *c = &pool->chunk[i];
	size_t offset;

	if (PX_UNLIKELY(!chunk_has(pool, c, at))) {
		for (i = pool->n_chunks; i--;)
			if (chunk_has(pool, &pool->chunk[i], at))
				break;
		if (i == UINT32_MAX)
			return PX_POOL_NONE;
		pool->recent = i;
		c = &pool->chunk[i];
	}
	offset = (size_t)(at - c->base);
	return c->first + (uint32_t)(PX_LIKELY(pool->shift != PX_POOL_NO_SHIFT)
	                                     ? offset >> pool->shift
	                                     : offset / pool->stride);
}

static px_buf *buf_at(const px_pool *pool, uint32_t index)
{
	px_chunk *c = chunk_of_index(pool, index);

	px_assert(index - c->first < c->n);
	return &c->bufs[index - c->first];
}

unsigned char *px_pool_at(const px_pool *pool, uint32_t index)
{
	px_chunk *c = chunk_of_index(pool, index);

	return c->base + (size_t)(index - c->first) * pool->stride;
}

uint32_t px_pool_index(px_pool *pool, const void *buf)
{
	uint32_t index = index_of_address(pool, buf);

	px_assert(index != PX_POOL_NONE);
	return index;
}

px_pool *px_pool_find(px_core *core, const void *buf, uint32_t *index)
{
	for (px_node *n = px_list_first(&core->pools); n; n = px_list_next(&core->pools, n)) {
		px_pool *pool = PX_OF(n, px_pool, all);

		if ((*index = index_of_address(pool, buf)) != PX_POOL_NONE)
			return pool;
	}
	return NULL;
}

/* Free, for whoever keeps the free ones. */
static void buffer_free(px_pool *pool, px_buf *b, uint32_t index)
{
	if (pool->core->ops->pool_give) {
		pool->core->ops->pool_give(pool->core, pool, index);
		return;
	}
	b->next = pool->free_head;
	pool->free_head = index;
}

bool px_pool_grow(px_pool *pool)
{
	px_core *core = pool->core;
	px_chunk *c = &pool->chunk[pool->n_chunks];
	uint32_t n = pool->total ? pool->total : CHUNK_FIRST;

	if (pool->total >= pool->max || pool->n_chunks == PX_POOL_CHUNKS)
		return false;
	n = PX_MIN(n, pool->max - pool->total);
	c->base = px_alloc(&core->alloc, (size_t)n * pool->stride);
	c->bufs = px_zalloc_array(&core->alloc, n, sizeof *c->bufs);
	if (!c->base || !c->bufs) {
		px_free(&core->alloc, c->base, (size_t)n * pool->stride);
		px_free(&core->alloc, c->bufs, n * sizeof *c->bufs);
		*c = (px_chunk){0};
		return false;
	}
	c->first = pool->total;
	c->n = n;
	pool->n_chunks++;
	pool->total += n;
	for (uint32_t i = n; i--;) /* the lowest on top */
		buffer_free(pool, &c->bufs[i], c->first + i);
	return true;
}

void *px_pool_taken(px_pool *pool, uint32_t index)
{
	px_chunk *c = chunk_of_index(pool, index);
	uint32_t i = index - c->first;

	px_assert(i < c->n && !c->bufs[i].lent);
	c->bufs[i].lent = true;
	pool->lent++;
	return c->base + i * pool->stride;
}

void *px_pool_take(px_pool *pool)
{
	uint32_t index;

	PX_MAGIC_CHECK(pool, PX_POOL_MAGIC);
	if (pool->free_head == PX_POOL_NONE && !px_pool_grow(pool))
		return NULL;
	index = pool->free_head;
	pool->free_head = buf_at(pool, index)->next;
	return px_pool_taken(pool, index);
}

void px_pool_charge(px_pool *pool, void *buf, px_quota *quota)
{
	if (!quota)
		return;
	buf_at(pool, px_pool_index(pool, buf))->quota = quota;
	quota->held++;
}

static void buffer_discharge(px_core *core, px_buf *b)
{
	px_quota *q = b->quota;
	bool full;

	b->quota = NULL;
	full = px_quota_full(q);
	q->held--;
	if (!q->op) {
		if (!q->held)
			px_free(&core->alloc, q, sizeof *q);
		return;
	}
	if (full)
		px_handle_idle_begins(q->op->handle); /* held back was not idle */
	if (q->op->flags & PX_F_QUOTA) {
		q->op->flags &= (uint16_t)~PX_F_QUOTA;
		px_op_more(q->op);
	}
}

/* Buffers may be out, with a quota that has outlived its op and goes with the last of them. */
void px_pool_drop(px_pool *pool)
{
	for (uint32_t i = 0; i < pool->total && pool->lent; i++) {
		px_buf *b = buf_at(pool, i);

		if (!b->lent)
			continue;
		if (b->quota && --b->quota->held == 0)
			px_free(&pool->core->alloc, b->quota, sizeof *b->quota);
		pool->lent--;
	}
	pool->users = 0; /* in a forked child they are whatever they were */
	px_list_init(&pool->parked);
	pool_free(pool);
}

void px_pool_give_at(px_pool *pool, uint32_t index)
{
	px_buf *b;

	PX_MAGIC_CHECK(pool, PX_POOL_MAGIC);
	b = buf_at(pool, index);
	if (!b->lent)
		PX_PANIC("a pooled buffer was given back twice");
	b->lent = false;
	pool->lent--;
	if (b->quota)
		buffer_discharge(pool->core, b);
	buffer_free(pool, b, index);
	if (pool->closing && !pool->lent)
		pool_free(pool);
	else if (!px_list_empty(&pool->parked) && !pool->core->ops->pool_give)
		px_pool_wake(pool, 1); /* rings wake by themselves, after the batch */
}

void px_pool_give(px_pool *pool, void *buf)
{
	px_pool_give_at(pool, px_pool_index(pool, buf));
}

/* ---- parked recvs ---- */

void px_pool_park(px_pool *pool, px_op *op)
{
	px_assert(op->state == PX_INFLIGHT && !(op->flags & (PX_F_PARKED | PX_F_LISTED)));
	op->flags |= PX_F_PARKED;
	op->more = (px_node){0};
	px_list_push_back(&pool->parked, &op->more);
	px_count(&pool->core->stat.pool_parks);
}

void px_pool_unpark(px_op *op)
{
	px_assert(op->flags & PX_F_PARKED);
	op->flags &= (uint16_t)~PX_F_PARKED;
	px_list_remove(&op->more);
	op->count = 0;
	op->buf = NULL;
	px_handle_idle_begins(op->handle); /* parked time was not idle time */
}

void px_pool_wake(px_pool *pool, uint32_t n)
{
	bool here = !pool->core->ops->pool_give;
	px_node *node;

	if (here && pool->waking)
		return; /* a woken recv gave its buffer back: the loop below us sees it */
	pool->waking = true;
	/* Here, a woken recv may find nothing to read and take no buffer: the next one gets the
	 * chance. */
	for (; n && (node = px_list_first(&pool->parked)); n -= !here) {
		px_op *op = PX_OF(node, px_op, more);

		if (here && pool->free_head == PX_POOL_NONE)
			break;
		px_pool_unpark(op);
		pool->core->ops->submit(pool->core, op);
	}
	pool->waking = false;
}

/* ---- quotas ---- */

px_quota *px_quota_new(px_core *core, px_op *op, uint32_t max)
{
	px_quota *q = px_zalloc(&core->alloc, sizeof *q);

	if (q) {
		q->op = op;
		q->max = max;
	}
	return q;
}

bool px_quota_full(const px_quota *quota)
{
	return quota && quota->held >= quota->max;
}

void px_quota_end(px_core *core, px_quota *quota)
{
	quota->op = NULL;
	if (!quota->held)
		px_free(&core->alloc, quota, sizeof *quota);
}
