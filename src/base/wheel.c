/* A hierarchical timer wheel; the essay is in the header. */
/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include "base/util.h"

#include <string.h>

enum { MASK = PX_WHEEL_SLOTS - 1, TOP_SHIFT = PX_WHEEL_TOP * PX_WHEEL_BITS };

void px_wheel_init(px_wheel *w, uint64_t now_tick)
{
	w->now = now_tick;
	w->next = UINT64_MAX;
	w->levels = 0;
	px_list_init(&w->due);
	memset(w->occupied, 0, sizeof w->occupied);
	for (unsigned level = 0; level < PX_WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < PX_WHEEL_SLOTS; slot++)
			px_list_init(&w->slots[level][slot]);
}

/* `number` counts slots of this level from tick 0 on. */
static void slot_add(px_wheel *w, unsigned level, uint64_t number, px_node *node)
{
	unsigned slot = (unsigned)(number & MASK);

	px_list_push_back(&w->slots[level][slot], node);
	w->occupied[level] |= UINT64_C(1) << slot;
	w->levels |= 1u << level;
	w->next = PX_MIN(w->next, number << level * PX_WHEEL_BITS);
}

/* Now's own slot stays free, or the circle could not tell a whole turn from none. */
static void top_add(px_wheel *w, px_node *node, uint64_t tick)
{
	uint64_t now = w->now >> TOP_SHIFT;
	uint64_t slot = PX_MIN(tick >> TOP_SHIFT, now + MASK);

	slot_add(w, PX_WHEEL_TOP, slot, node);
}

void px_wheel_add(px_wheel *w, px_node *node, uint64_t tick)
{
	unsigned level;

	px_assert(!px_node_linked(node));
	if (tick <= w->now) {
		px_list_push_back(&w->due, node);
		w->next = w->now;
		return;
	}
	level = px_log2_64(tick ^ w->now) / PX_WHEEL_BITS;
	if (level >= PX_WHEEL_TOP)
		top_add(w, node, tick);
	else
		slot_add(w, level, tick >> level * PX_WHEEL_BITS, node);
}

static void slot_mark_empty(px_wheel *w, unsigned level, unsigned slot)
{
	w->occupied[level] &= ~(UINT64_C(1) << slot);
	if (!w->occupied[level])
		w->levels &= ~(1u << level);
}

/* The list at `head` has lost its last node; a slot's is marked. As integers: pointers into
 * different objects have no order in C. What comes next is not known any more, and is not looked
 * for before somebody asks: deadlines come and go oftener. */
static void list_emptied(px_wheel *w, const px_list *head)
{
	uintptr_t offset = (uintptr_t)head - (uintptr_t)w->slots;
	uintptr_t index = offset / sizeof(px_list);

	if (offset < sizeof w->slots)
		slot_mark_empty(w, (unsigned)(index >> PX_WHEEL_BITS), index & MASK);
	w->next = PX_WHEEL_UNKNOWN;
}

void px_wheel_del(px_wheel *w, px_node *node)
{
	if (!px_node_linked(node))
		return;
	if (node->next == node->prev)
		list_emptied(w, node->next);
	px_list_remove(node);
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

uint64_t px_wheel_look(px_wheel *w)
{
	if (!px_list_empty(&w->due))
		w->next = w->now;
	else /* the lowest level that has any: see 3. in the header */
		w->next = w->levels ? level_begin(w, px_ctz64(w->levels)) : UINT64_MAX;
	return w->next;
}

/* Nothing is added on the way, so all slots can be read from where time stood: it jumps once. */
void px_wheel_advance(px_wheel *w, uint64_t now_tick, px_list *due_list)
{
	unsigned level, slot;
	uint64_t begin;

	px_list_splice_back(due_list, &w->due);
	w->next = PX_WHEEL_UNKNOWN;
	while (w->levels) {
		level = px_ctz64(w->levels);
		begin = level_begin(w, level);
		if (begin > now_tick)
			break;
		slot = begin >> level * PX_WHEEL_BITS & MASK;
		px_list_splice_back(due_list, &w->slots[level][slot]);
		slot_mark_empty(w, level, slot);
	}
	if (now_tick > w->now)
		w->now = now_tick;
}
