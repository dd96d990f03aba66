/* A hierarchical timer wheel: O(1) to arm and to disarm, with 16 bytes in the timer. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_WHEEL_H
#define PX_BASE_WHEEL_H

#include "base/list.h"
#include "base/util.h"

/* Time is cut into ticks; what a tick lasts is the caller's business. Level 0 has a slot for each
 * of 64 ticks, level 1 one for each 64 slots of level 0, and so on: write a tick in base 64, and
 * digit number L of it is a slot number on level L.
 *
 * Where a node goes. Compare its tick with `now`, digit by digit from the top: the highest digit
 * that differs names the level, and its value the slot. Three things follow, and everything else
 * rests on them:
 *   1. On each level below the top, only slots above now's own digit are ever occupied.
 *   2. Every occupied slot begins later than now. (Nodes that are due already are on a list of
 *      their own.)
 *   3. Every slot of a level begins earlier than every slot of the level above. So the earliest
 *      slot is the lowest bit of the lowest level that has any: no search, and no ticking through
 *      empty time.
 * The top level alone is circular, since time goes on when its last slot is reached: it holds the
 * 63 slots after now's own, in whatever order they lie in the array, and what is farther off
 * waits in the last of them.
 *
 * Moving time. `now` may jump to the beginning of the earliest slot, because every other slot
 * begins later and so keeps its level (1 to 3 hold). A slot of level 0 comes out whole. The nodes
 * of a coarser one, which was only their waiting room, are added again, each by its tick as it is
 * now. The wheel holds no expiry, since the caller has one anyway, and a deadline that only moves
 * later then costs the caller one store and the wheel nothing: so the wheel asks `tick` then, and
 * the caller looks at each node that comes out, and adds again those that have moved. Where there
 * is no `tick`, coarse slots come out whole as well, and early, at most once a level. A node added
 * for some tick is never out after px_wheel_advance(that tick).
 *
 * Lanes. With a million timers pending, what a node costs is the wait for its memory; a list is as
 * slow as it is long, for where the next node lies is written in this one. So a slot is several
 * lists, and a node's tick says which one is its. A coarse slot is gone through by taking one node
 * of each list in turn, and each has its successor fetched meanwhile.
 *
 * Order. Nodes come out by their ticks, and those of one tick in the order of adding, for they
 * share a lane (without `tick`, a slot has one lane): the same calls always give the same order. In
 * one big step those which the caller adds again come behind the rest. A caller who wants exact
 * order also then advances from slot to slot: while (!px_wheel_pass(now)), advance to
 * px_wheel_next.
 *
 * Disarming. A slot's list heads lie in the wheel's array. When a node is the last of its list,
 * both its neighbours are that head, and its index says which bit to clear. On any other list,
 * such as the one nodes came out on, removal is just removal: a node may be deleted wherever it is.
 *
 * The wheel points into itself: it must not be moved. One thread. */

enum {
	PX_WHEEL_BITS = 6,
	PX_WHEEL_SLOTS = 1 << PX_WHEEL_BITS,
#ifdef PX_TORTURE
	PX_WHEEL_LEVELS = 2, /* 4096 ticks: the circular level and its far end are in daily use */
#else
	PX_WHEEL_LEVELS = 7, /* 2^42 ticks: 139 years of milliseconds */
#endif
	PX_WHEEL_TOP = PX_WHEEL_LEVELS - 1,
	PX_WHEEL_LANES = 4, /* a power of two */
};

#define PX_WHEEL_UNKNOWN 0

/* The tick at which a node is to come out, now. */
typedef uint64_t px_wheel_tick(const px_node *);

typedef struct px_wheel {
	uint64_t now;
	uint64_t next;       /* of px_wheel_next; UNKNOWN: to be looked for */
	px_wheel_tick *tick; /* may be NULL */
	uint64_t lane_mask;
	px_list due;                        /* added for now or earlier: out at the next advance */
	uint32_t levels;                    /* bit L: level L has an occupied slot */
	uint64_t occupied[PX_WHEEL_LEVELS]; /* bit s of word L: slot s of level L is not empty */
	px_list slots[PX_WHEEL_LEVELS][PX_WHEEL_SLOTS][PX_WHEEL_LANES];
} px_wheel;

void px_wheel_init(px_wheel *w, uint64_t now_tick, px_wheel_tick *tick);

/* `node` must be in no list. A tick which is not after now is due at once, which means out at the
 * next advance, whatever tick that is called with. */
void px_wheel_add(px_wheel *w, px_node *node, uint64_t tick);

void px_wheel_list_emptied(px_wheel *w, const px_list *head); /* of px_wheel_del */

/* Takes the node out of the wheel, or out of the list it came out on; harmless if it is in none. */
static inline void px_wheel_del(px_wheel *w, px_node *node)
{
	if (node->next && node->next == node->prev)
		px_wheel_list_emptied(w, node->next);
	px_list_remove(node);
}

/* Moves time to now_tick (never back: w->now tells) and appends to due_list, an initialised list,
 * what comes out by then, after those that were due when added. */
void px_wheel_advance(px_wheel *w, uint64_t now_tick, px_list *due_list);

uint64_t px_wheel_look(px_wheel *w); /* px_wheel_next where it is not known */

/* The beginning of the earliest occupied slot: no node need come out before, and none is lost by
 * sleeping until then. w->now if some are due already; UINT64_MAX if there are none. */
static inline uint64_t px_wheel_next(px_wheel *w)
{
	return PX_LIKELY(w->next != PX_WHEEL_UNKNOWN) ? w->next : px_wheel_look(w);
}

/* Moves time to now_tick if nothing comes out by that, which a loop asks at every turn and mostly
 * finds so. False: px_wheel_advance is to be called, and nothing has been done. */
static inline bool px_wheel_pass(px_wheel *w, uint64_t now_tick)
{
	if (px_wheel_next(w) <= PX_MAX(now_tick, w->now))
		return false;
	w->now = PX_MAX(now_tick, w->now);
	return true;
}

/* Calls `each` for every node that is in, which may delete that node and no other. */
void px_wheel_each(px_wheel *w, void (*each)(px_node *, void *user), void *user);

#endif
