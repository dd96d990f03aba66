/* A file's pages by number: a tree that is as deep as the greatest number needs. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_inside.h"

enum { FAN_BITS = 6, FAN = 1 << FAN_BITS, NODE_BYTES = FAN * sizeof(void *) };

static bool too_shallow(const px_simtree *t, uint64_t index)
{
	return index >> (FAN_BITS * t->levels);
}

/* Which child of a node of this level (1: its children are pages). */
static unsigned turn(uint64_t index, unsigned level)
{
	return (unsigned)(index >> (FAN_BITS * (level - 1))) & (FAN - 1);
}

px_simpage *px_simtree_get(const px_simtree *t, uint64_t index)
{
	void *at = t->root;

	if (too_shallow(t, index))
		return NULL;
	for (unsigned level = t->levels; level && at; level--)
		at = ((void **)at)[turn(index, level)];
	return at;
}

/* A level more: what there was is its first child. */
static bool deepen(px_simtree *t, px_allocator *a)
{
	void **root = px_zalloc(a, NODE_BYTES);

	if (!root)
		return false;
	root[0] = t->root;
	t->root = root;
	t->levels++;
	return true;
}

void **px_simtree_slot(px_simtree *t, px_allocator *a, uint64_t index)
{
	void **node;

	while (!t->levels || too_shallow(t, index))
		if (!deepen(t, a))
			return NULL;
	node = t->root;
	for (unsigned level = t->levels; level > 1; level--) {
		void **next = &node[turn(index, level)];

		if (!*next && !(*next = px_zalloc(a, NODE_BYTES)))
			return NULL;
		node = *next;
	}
	return &node[turn(index, 1)];
}

/* ---- all of it; as deep as the tree, which has few levels ---- */

static void walk(void **node, unsigned level, uint64_t first, px_simtree_each *each, void *arg)
{
	for (unsigned i = 0; i < FAN; i++) {
		uint64_t index = first + ((uint64_t)i << (FAN_BITS * (level - 1)));

		if (!node[i])
			continue;
		if (level > 1)
			walk(node[i], level - 1, index, each, arg);
		else if (!each(arg, index, node[i]))
			node[i] = NULL;
	}
}

void px_simtree_walk(px_simtree *t, px_simtree_each *each, void *arg)
{
	if (t->root)
		walk(t->root, t->levels, 0, each, arg);
}

static void node_free(void **node, unsigned level, px_allocator *a)
{
	for (unsigned i = 0; i < FAN && level > 1; i++)
		if (node[i])
			node_free(node[i], level - 1, a);
	px_free(a, node, NODE_BYTES);
}

void px_simtree_free(px_simtree *t, px_allocator *a)
{
	if (t->root)
		node_free(t->root, t->levels, a);
	*t = (px_simtree){0};
}
