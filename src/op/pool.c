/* Buffer pools: chunks that double, a last-in-first-out free list, parked recvs, quotas. */
/* SPDX-License-Identifier: MIT */
#include "op/pool.h"

#include "op/backend.h"

#include <string.h>

enum {
	COUNT_DEFAULT = 4096,
	SIZE_DEFAULT = 64 * 1024,
#ifdef PX_TORTURE
	CHUNK_FIRST = 1,
#else
	CHUNK_FIRST = 16,
#endif
};

/* ---- open and close ---- */

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

		px_free(&core->alloc, c->base, (size_t)c->n * pool->size_bytes);
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

static px_chunk *chunk_of_index(const px_pool *pool, uint32_t index)
{
	const px_chunk *c = &pool->chunk[pool->n_chunks];

	while (index < (--c)->first) /* the last chunks are the largest: look there first */
		px_assert(c > pool->chunk);
	return (px_chunk *)(uintptr_t)c;
}

static px_chunk *chunk_of_address(const px_pool *pool, const void *p)
{
	const unsigned char *at = p;

	for (uint32_t i = pool->n_chunks; i--;) {
		const px_chunk *c = &pool->chunk[i];

		if (at >= c->base && at < c->base + (size_t)c->n * pool->size_bytes)
			return (px_chunk *)(uintptr_t)c;
	}
	return NULL;
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

	return c->base + (size_t)(index - c->first) * pool->size_bytes;
}

uint32_t px_pool_index(const px_pool *pool, const void *buf)
{
	px_chunk *c = chunk_of_address(pool, buf);

	px_assert(c);
	return c->first +
	       (uint32_t)((size_t)((const unsigned char *)buf - c->base) / pool->size_bytes);
}

px_pool *px_pool_find(px_core *core, const void *buf, void **begin)
{
	for (px_node *n = px_list_first(&core->pools); n; n = px_list_next(&core->pools, n)) {
		px_pool *pool = PX_OF(n, px_pool, all);

		if (chunk_of_address(pool, buf)) {
			*begin = px_pool_at(pool, px_pool_index(pool, buf));
			return pool;
		}
	}
	*begin = NULL;
	return NULL;
}

/* Free, for whoever keeps the free ones. */
static void buffer_free(px_pool *pool, uint32_t index)
{
	if (pool->core->ops->pool_give) {
		pool->core->ops->pool_give(pool->core, pool, index);
		return;
	}
	buf_at(pool, index)->next = pool->free_head;
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
	c->base = px_alloc(&core->alloc, (size_t)n * pool->size_bytes);
	c->bufs = px_zalloc_array(&core->alloc, n, sizeof *c->bufs);
	if (!c->base || !c->bufs) {
		px_free(&core->alloc, c->base, (size_t)n * pool->size_bytes);
		px_free(&core->alloc, c->bufs, n * sizeof *c->bufs);
		*c = (px_chunk){0};
		return false;
	}
	c->first = pool->total;
	c->n = n;
	pool->n_chunks++;
	pool->total += n;
	for (uint32_t i = n; i--;) /* the lowest on top */
		buffer_free(pool, c->first + i);
	return true;
}

void *px_pool_taken(px_pool *pool, uint32_t index)
{
	px_buf *b = buf_at(pool, index);

	px_assert(!b->lent);
	b->lent = true;
	pool->lent++;
	return px_pool_at(pool, index);
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
	if (!q)
		return;
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

void px_pool_give(px_pool *pool, void *buf)
{
	uint32_t index;
	px_buf *b;

	PX_MAGIC_CHECK(pool, PX_POOL_MAGIC);
	index = px_pool_index(pool, buf);
	b = buf_at(pool, index);
	if (!b->lent)
		PX_PANIC("a pooled buffer was given back twice");
	b->lent = false;
	pool->lent--;
	buffer_discharge(pool->core, b);
	buffer_free(pool, index);
	if (pool->closing && !pool->lent)
		pool_free(pool);
	else if (!pool->core->ops->pool_give) /* rings wake by themselves, after the batch */
		px_pool_wake(pool, 1);
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
