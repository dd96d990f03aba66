/* A hierarchical timer wheel; the essay is in the header. */
/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include "base/util.h"

#include <string.h>

enum { MASK = PX_WHEEL_SLOTS - 1, TOP_SHIFT = PX_WHEEL_TOP * PX_WHEEL_BITS };

void px_wheel_init(px_wheel *w, uint64_t now_tick)
{
	w->now = now_tick;
	px_list_init(&w->due);
	memset(w->occupied, 0, sizeof w->occupied);
	for (unsigned level = 0; level < PX_WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < PX_WHEEL_SLOTS; slot++)
			px_list_init(&w->slots[level][slot]);
}

static void slot_add(px_wheel *w, unsigned level, unsigned slot, px_node *node)
{
	px_list_push_back(&w->slots[level][slot], node);
	w->occupied[level] |= UINT64_C(1) << slot;
}

/* Now's own slot stays free, or the circle could not tell a whole turn from none. */
static void top_add(px_wheel *w, px_node *node, uint64_t tick)
{
	uint64_t now = w->now >> TOP_SHIFT;
	uint64_t slot = PX_MIN(tick >> TOP_SHIFT, now + MASK);

	slot_add(w, PX_WHEEL_TOP, slot & MASK, node);
}

void px_wheel_add(px_wheel *w, px_node *node, uint64_t tick)
{
	unsigned level;

	px_assert(!px_node_linked(node));
	if (tick <= w->now) {
		px_list_push_back(&w->due, node);
		return;
	}
	level = px_log2_64(tick ^ w->now) / PX_WHEEL_BITS;
	if (level >= PX_WHEEL_TOP)
		top_add(w, node, tick);
	else
		slot_add(w, level, tick >> level * PX_WHEEL_BITS & MASK, node);
}

/* If `head` is a slot's, marks that slot empty. As integers: pointers into different objects have
 * no order in C. */
static void slot_emptied(px_wheel *w, const px_list *head)
{
	uintptr_t offset = (uintptr_t)head - (uintptr_t)w->slots;
	uintptr_t index = offset / sizeof(px_list);

	if (offset < sizeof w->slots)
		w->occupied[index >> PX_WHEEL_BITS] &= ~(UINT64_C(1) << (index & MASK));
}

void px_wheel_del(px_wheel *w, px_node *node)
{
	if (!px_node_linked(node))
		return;
	if (node->next == node->prev)
		slot_emptied(w, node->next);
	px_list_remove(node);
}

/* The lowest level with an occupied slot (see 3. in the header), or PX_WHEEL_LEVELS. */
static unsigned level_first(const px_wheel *w)
{
	unsigned level = 0;

	while (level < PX_WHEEL_LEVELS && !w->occupied[level])
		level++;
	return level;
}

/* When the earliest occupied slot of `level`, which has one, begins. The distance is counted from
 * now's own slot; by turning the bits it starts at, slots behind the circle's end come out right,
 * and on the levels below there is nothing to turn back to. */
static uint64_t level_begin(const px_wheel *w, unsigned level)
{
	unsigned shift = level * PX_WHEEL_BITS;
	uint64_t now = w->now >> shift;
	uint64_t turned = px_rotr64(w->occupied[level], (unsigned)(now & MASK));

	return (now + px_ctz64(turned)) << shift;
}

uint64_t px_wheel_next(const px_wheel *w)
{
	unsigned level;

	if (!px_list_empty(&w->due))
		return w->now;
	level = level_first(w);
	return level == PX_WHEEL_LEVELS ? UINT64_MAX : level_begin(w, level);
}

/* Nothing is added on the way, so all slots can be read from where time stood: it jumps once. */
void px_wheel_advance(px_wheel *w, uint64_t now_tick, px_list *due_list)
{
	unsigned level, slot;
	uint64_t begin;

	px_list_splice_back(due_list, &w->due);
	while ((level = level_first(w)) < PX_WHEEL_LEVELS) {
		begin = level_begin(w, level);
		if (begin > now_tick)
			break;
		slot = begin >> level * PX_WHEEL_BITS & MASK;
		px_list_splice_back(due_list, &w->slots[level][slot]);
		w->occupied[level] &= ~(UINT64_C(1) << slot);
	}
	if (now_tick > w->now)
		w->now = now_tick;
}
