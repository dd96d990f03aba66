/* The memory of a node's loops, groups and workers: each block is known, and goes with the node. */
/* SPDX-License-Identifier: MIT */
#include "sim/calls.h"

/* In front of each block. */
typedef struct block {
	px_node link; /* in node->blocks */
	size_t bytes;
	px_simheap *heap;
} block;
_Static_assert(sizeof(block) % 16 == 0, "what lies behind is aligned");

static void block_free(block *b)
{
	b->heap->node->bytes -= b->bytes;
	px_list_remove(&b->link);
	px_free(&b->heap->under, b, sizeof *b + b->bytes);
}

/* More than the program's author has stated. */
static void memory_grew(px_simnode *node, size_t from, size_t to)
{
	size_t most = node->world->o.memory_max_bytes;

	node->bytes += to - from;
	if (most && to > from && node->bytes > most)
		px_sim_violation(node->world, "node %s holds %llu bytes, more than %llu",
		                 node->name, (unsigned long long)node->bytes,
		                 (unsigned long long)most);
}

static void *block_resize(block *b, size_t bytes)
{
	px_simheap *heap = b->heap;
	px_node *before = b->link.prev;
	block *fresh;

	px_list_remove(&b->link);
	fresh = px_realloc(&heap->under, b, sizeof *b + b->bytes, sizeof *b + bytes);
	b = fresh ? fresh : b;
	px_node_insert(before, &b->link, before->next);
	if (!fresh)
		return NULL;
	memory_grew(heap->node, b->bytes, bytes);
	b->bytes = bytes;
	return b + 1;
}

static void *heap_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	px_simheap *heap = user;
	px_simnode *node = heap->node;
	block *b = old ? (block *)old - 1 : NULL;

	if (b && !new_bytes) {
		if (b->bytes != old_bytes)
			px_sim_violation(node->world, "memory of %llu bytes was freed as %llu",
			                 (unsigned long long)b->bytes,
			                 (unsigned long long)old_bytes);
		block_free(b);
		return NULL;
	}
	if (px_sim_fault(node->world, PROA_FAULT_NO_MEMORY, PX_POST))
		return NULL;
	if (b)
		return block_resize(b, new_bytes);
	b = px_alloc(&heap->under, sizeof *b + new_bytes);
	if (!b)
		return NULL;
	*b = (block){.bytes = new_bytes, .heap = heap};
	px_list_push_back(&node->blocks, &b->link);
	memory_grew(node, 0, new_bytes);
	return b + 1;
}

static void *no_memory(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	PX_UNUSED(user);
	PX_UNUSED(old);
	PX_UNUSED(old_bytes);
	PX_UNUSED(new_bytes);
	return NULL;
}

void px_simsys_allocator(px_allocator *a, px_alloc_fn *fn, void *user)
{
	px_simnode *node = px_sim_here();
	px_simheap *heap;

	for (px_node *n = px_list_first(&node->heaps); n; n = px_list_next(&node->heaps, n)) {
		heap = PX_OF(n, px_simheap, link);
		if (heap->asked == fn && heap->under.user == user) {
			px_allocator_init(a, heap_alloc, heap);
			return;
		}
	}
	heap = px_zalloc(&node->world->alloc, sizeof *heap);
	px_allocator_init(a, heap ? heap_alloc : no_memory, heap);
	if (!heap)
		return;
	heap->node = node;
	heap->asked = fn;
	px_allocator_init(&heap->under, fn, user);
	px_list_push_back(&node->heaps, &heap->link);
}

void px_sim_memory_drop(px_simnode *node)
{
	px_node *n;

	while ((n = px_list_first(&node->blocks)))
		block_free(PX_OF(n, block, link));
	while ((n = px_list_pop_front(&node->heaps)))
		px_free(&node->world->alloc, PX_OF(n, px_simheap, link), sizeof(px_simheap));
}
