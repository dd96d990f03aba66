/* A hierarchical timer wheel; the essay is in the header. */
/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include <string.h>

enum { MASK = PX_WHEEL_SLOTS - 1, TOP_SHIFT = PX_WHEEL_TOP * PX_WHEEL_BITS };

static void lanes_init(px_list *lanes)
{
	for (unsigned i = 0; i < PX_WHEEL_LANES; i++)
		px_list_init(&lanes[i]);
}

void px_wheel_init(px_wheel *w, uint64_t now_tick, px_wheel_tick *tick)
{
	w->now = now_tick;
	w->next = UINT64_MAX;
	w->tick = tick;
	w->lane_mask = tick ? PX_WHEEL_LANES - 1 : 0;
	w->levels = 0;
	px_list_init(&w->due);
	memset(w->occupied, 0, sizeof w->occupied);
	for (unsigned level = 0; level < PX_WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < PX_WHEEL_SLOTS; slot++)
			lanes_init(w->slots[level][slot]);
}

/* `number` counts slots of this level from tick 0 on. */
static void slot_add(px_wheel *w, unsigned level, uint64_t number, px_node *node, uint64_t tick)
{
	unsigned slot = (unsigned)(number & MASK);

	px_list_push_back(&w->slots[level][slot][tick & w->lane_mask], node);
	w->occupied[level] |= UINT64_C(1) << slot;
	w->levels |= 1u << level;
	w->next = PX_MIN(w->next, number << level * PX_WHEEL_BITS);
}

/* Now's own slot stays free, or the circle could not tell a whole turn from none. */
static void top_add(px_wheel *w, px_node *node, uint64_t tick)
{
	uint64_t now = w->now >> TOP_SHIFT;
	uint64_t slot = PX_MIN(tick >> TOP_SHIFT, now + MASK);

	slot_add(w, PX_WHEEL_TOP, slot, node, tick);
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
		slot_add(w, level, tick >> level * PX_WHEEL_BITS, node, tick);
}

static bool lanes_empty(const px_list *lanes, const px_list *but)
{
	for (unsigned i = 0; i < PX_WHEEL_LANES; i++)
		if (&lanes[i] != but && !px_list_empty(&lanes[i]))
			return false;
	return true;
}

static void slot_mark_empty(px_wheel *w, unsigned level, unsigned slot)
{
	w->occupied[level] &= ~(UINT64_C(1) << slot);
	if (!w->occupied[level])
		w->levels &= ~(1u << level);
}

/* The list at `head` loses its last node; if it is a slot's, that may be empty now. As integers:
 * pointers into different objects have no order in C. What comes next is not known any more, and
 * is not looked for before somebody asks: deadlines come and go oftener. */
void px_wheel_list_emptied(px_wheel *w, const px_list *head)
{
	uintptr_t offset = (uintptr_t)head - (uintptr_t)w->slots;
	uintptr_t index = offset / sizeof w->slots[0][0];
	unsigned level = (unsigned)(index >> PX_WHEEL_BITS), slot = index & MASK;

	if (offset < sizeof w->slots && lanes_empty(w->slots[level][slot], head))
		slot_mark_empty(w, level, slot);
	w->next = PX_WHEEL_UNKNOWN;
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

/* A lane as a chain that ends with NULL, which leaves the lane empty. */
static px_node *lane_take(px_list *lane)
{
	px_node *first = px_list_first(lane);

	lane->prev->next = NULL;
	px_list_init(lane);
	return first;
}

/* Adds the node again, and has the next one's memory come until its lane's turn comes. What the
 * wheel and `tick` look at may begin a line before the node. */
static px_node *lane_step(px_wheel *w, px_node *node)
{
	px_node *next = node->next;

	PX_PREFETCH(next);
	PX_PREFETCH((uintptr_t)next - PX_CACHE_LINE);
	node->next = NULL;
	node->prev = NULL;
	px_wheel_add(w, node, w->tick(node));
	return next;
}

static void slot_spread(px_wheel *w, px_list *lanes)
{
	px_node *at[PX_WHEEL_LANES];
	unsigned left = 0;

	for (unsigned i = 0; i < PX_WHEEL_LANES; i++)
		if ((at[left] = lane_take(&lanes[i])))
			left++;
	while (left)
		for (unsigned i = 0; i < left; i++)
			if (!(at[i] = lane_step(w, at[i])))
				at[i] = at[--left]; /* which has its turn in the next round */
}

void px_wheel_advance(px_wheel *w, uint64_t now_tick, px_list *due_list)
{
	unsigned level, slot;
	uint64_t begin;

	px_list_splice_back(due_list, &w->due);
	while (w->levels) {
		level = px_ctz64(w->levels);
		begin = level_begin(w, level);
		if (begin > now_tick)
			break;
		w->now = begin;
		slot = begin >> level * PX_WHEEL_BITS & MASK;
		slot_mark_empty(w, level, slot);
		if (level && w->tick) {
			slot_spread(w, w->slots[level][slot]);
			px_list_splice_back(due_list, &w->due);
		} else {
			px_list_splice_back(due_list, &w->slots[level][slot][begin & w->lane_mask]);
		}
	}
	w->now = PX_MAX(w->now, now_tick);
	w->next = PX_WHEEL_UNKNOWN;
}

static void list_each(px_list *list, void (*each)(px_node *, void *user), void *user)
{
	for (px_node *node = list->next, *next; node != list; node = next) {
		next = node->next;
		each(node, user);
	}
}

void px_wheel_each(px_wheel *w, void (*each)(px_node *, void *user), void *user)
{
	list_each(&w->due, each, user);
	for (unsigned level = 0; level < PX_WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < PX_WHEEL_SLOTS; slot++)
			for (unsigned i = 0; i < PX_WHEEL_LANES; i++)
				list_each(&w->slots[level][slot][i], each, user);
}
