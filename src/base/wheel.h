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
 * begins later and so keeps its level (1 to 3 hold). That slot's nodes come out, all of them: those
 * whose time has come, and those for which the slot was only a coarse waiting room. The wheel does
 * not know which is which: a node holds no expiry, since the caller has one anyway, and a deadline
 * that only moves later then costs the caller one store and the wheel nothing. So the caller looks
 * at each node that comes out, and adds again those that are later. A node added for `tick` is
 * never out after px_wheel_advance(tick) and comes out early at most once a level.
 *
 * Order. Nodes come out by the beginning of their slots, and within a slot in the order of adding;
 * the same calls always give the same order. In one big step that is not quite the order of expiry,
 * for a coarse slot comes out whole. A caller who wants exactly that order advances from slot to
 * slot: while (px_wheel_next(w) <= now), advance to px_wheel_next(w), add the later ones again.
 *
 * Disarming. A slot's list head lies in the wheel's array. When a node is the last of its list,
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
};

#define PX_WHEEL_UNKNOWN 0

typedef struct px_wheel {
	uint64_t now;
	uint64_t next;                      /* of px_wheel_next; UNKNOWN: to be looked for */
	uint32_t levels;                    /* bit L: level L has an occupied slot */
	px_list due;                        /* added for now or earlier: out at the next advance */
	uint64_t occupied[PX_WHEEL_LEVELS]; /* bit s of word L: slot s of level L is not empty */
	px_list slots[PX_WHEEL_LEVELS][PX_WHEEL_SLOTS];
} px_wheel;

void px_wheel_init(px_wheel *w, uint64_t now_tick);

/* `node` must be in no list. A tick which is not after now is due at once, which means out at the
 * next advance, whatever tick that is called with. */
void px_wheel_add(px_wheel *w, px_node *node, uint64_t tick);

/* Takes the node out of the wheel, or out of the list it came out on; harmless if it is in none. */
void px_wheel_del(px_wheel *w, px_node *node);

/* Moves time to now_tick (never back: w->now tells) and appends to due_list, an initialised list,
 * every node of the slots that begin then or earlier, after those that were due when added. */
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

#endif
