/* The timer wheel: at its boundaries, against a naive model, and with a million timers. */
/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/util.h"
#include "test.h"

enum { MODEL_TIMERS = 300, MODEL_STEPS = 100000, MANY = 1000000 };

typedef struct timer {
	px_node node;
	uint64_t tick;
	unsigned outs; /* how often it came out of the wheel since it was armed */
	bool armed;
} timer;

static const uint64_t range = UINT64_C(1) << PX_WHEEL_LEVELS * PX_WHEEL_BITS;

static uint64_t timer_tick(const px_node *node)
{
	return PX_OF(node, timer, node)->tick;
}

static void timer_arm(px_wheel *w, timer *t, uint64_t tick)
{
	*t = (timer){.tick = tick, .armed = true};
	px_wheel_add(w, &t->node, tick);
}

static void timer_disarm(px_wheel *w, timer *t)
{
	px_wheel_del(w, &t->node);
	t->armed = false;
}

/* Fires what is due, puts the rest back; how many fired. */
static unsigned wheel_run(px_wheel *w, uint64_t now)
{
	px_list due;
	px_node *node;
	unsigned fired = 0;

	px_list_init(&due);
	px_wheel_advance(w, now, &due);
	while ((node = px_list_pop_front(&due))) {
		timer *t = PX_OF(node, timer, node);

		t->outs++;
		if (t->tick > w->now) {
			px_wheel_add(w, node, t->tick);
		} else {
			t->armed = false;
			fired++;
		}
	}
	return fired;
}

/* Every bit says whether its slot, or its level, has nodes; and what is known to come next does. */
static bool lanes_empty(const px_list *lanes)
{
	for (unsigned i = 0; i < PX_WHEEL_LANES; i++)
		if (!px_list_empty(&lanes[i]))
			return false;
	return true;
}

static bool wheel_sound(px_wheel *w)
{
	uint64_t known = w->next;

	for (unsigned level = 0; level < PX_WHEEL_LEVELS; level++) {
		for (unsigned slot = 0; slot < PX_WHEEL_SLOTS; slot++)
			if ((w->occupied[level] >> slot & 1) == lanes_empty(w->slots[level][slot]))
				return false;
		if ((w->levels >> level & 1) != (w->occupied[level] != 0))
			return false;
	}
	return known == PX_WHEEL_UNKNOWN || known == px_wheel_look(w);
}

TEST(wheel_empty)
{
	static px_wheel w;

	px_wheel_init(&w, 7, timer_tick);
	CHECK(px_wheel_next(&w) == UINT64_MAX);
	CHECK(wheel_run(&w, UINT64_MAX) == 0);
	CHECK(px_wheel_next(&w) == UINT64_MAX);
	CHECK(wheel_sound(&w));
}

TEST(wheel_due_at_once)
{
	static px_wheel w;
	timer a, b;

	px_wheel_init(&w, 100, timer_tick);
	timer_arm(&w, &a, 100);
	timer_arm(&w, &b, 0);
	CHECK(px_wheel_next(&w) == 100);
	timer_disarm(&w, &b);
	CHECK(wheel_run(&w, 50) == 1); /* time does not go back, but what is due comes out */
	CHECK(!a.armed && w.now == 100);
	CHECK(px_wheel_next(&w) == UINT64_MAX);
}

/* What is so many circles away takes years to get to on one as small as in torture. */
static const uint64_t most_turns = PX_WHEEL_LEVELS > 2 ? UINT64_MAX : 10000;

/* One jump to the tick before, one to the tick. */
static void one_jump(px_wheel *w, uint64_t start, uint64_t tick)
{
	timer t;

	px_wheel_init(w, start, timer_tick);
	timer_arm(w, &t, tick);
	CHECK(px_wheel_next(w) > start && px_wheel_next(w) <= tick);
	CHECK(wheel_run(w, tick - 1) == 0);
	CHECK(px_wheel_next(w) == tick);
	CHECK(wheel_sound(w));
	CHECK(wheel_run(w, tick) == 1);
	CHECK(px_wheel_next(w) == UINT64_MAX);
	CHECK(wheel_sound(w));
}

/* Sleeping from one px_wheel_next to the next gets there exactly, with few wakings. */
static void one_stepwise(px_wheel *w, uint64_t start, uint64_t tick)
{
	uint64_t limit = PX_WHEEL_LEVELS + (tick - start) / (range - range / PX_WHEEL_SLOTS);
	timer t;

	px_wheel_init(w, start, timer_tick);
	timer_arm(w, &t, tick);
	while (t.armed && t.outs <= limit)
		wheel_run(w, px_wheel_next(w));
	CHECK(!t.armed);
	CHECK(w->now == tick);
	CHECK(wheel_sound(w));
}

TEST(wheel_every_distance_and_boundary)
{
	static const uint64_t starts[] = {0,
	                                  1,
	                                  62,
	                                  63,
	                                  64,
	                                  4095,
	                                  4096,
	                                  UINT64_C(0x3ffffffffff),
	                                  UINT64_C(0xfffffffffffff000)};
	static px_wheel w;

	for (unsigned i = 0; i < PX_COUNT(starts); i++) {
		for (unsigned shift = 1; shift < 64; shift++) {
			uint64_t distance = UINT64_C(1) << shift;

			if (distance >= UINT64_MAX - starts[i] || distance / range >= most_turns)
				break;
			for (uint64_t d = distance - 1; d <= distance + 1; d++) {
				one_jump(&w, starts[i], starts[i] + d);
				if (d / range < 1000)
					one_stepwise(&w, starts[i], starts[i] + d);
			}
		}
	}
}

/* All slots of the circular level in use at once, from each place where the circle can start. */
TEST(wheel_top_level_wraps)
{
	static px_wheel w;
	static timer timers[PX_WHEEL_SLOTS - 1];
	const uint64_t slot = range / PX_WHEEL_SLOTS;

	for (uint64_t place = 0; place < PX_WHEEL_SLOTS + 3; place++) {
		uint64_t start = place * slot + slot / 2;

		px_wheel_init(&w, start, timer_tick);
		for (unsigned i = 0; i < PX_COUNT(timers); i++)
			timer_arm(&w, &timers[i], start + (i + 1) * slot);
		for (unsigned i = 0; i < PX_COUNT(timers); i++) {
			CHECK(wheel_run(&w, timers[i].tick - 1) == 0);
			CHECK(wheel_run(&w, timers[i].tick) == 1);
			CHECK(!timers[i].armed);
		}
		CHECK(wheel_sound(&w));
	}
}

/* Time passes as long as nothing comes out by it, and never back. */
TEST(wheel_passes_what_is_not_due)
{
	static px_wheel w;
	timer a, b;

	px_wheel_init(&w, 10, timer_tick);
	CHECK(px_wheel_pass(&w, 20) && w.now == 20);
	timer_arm(&w, &a, 30);
	timer_arm(&w, &b, 25);
	CHECK(px_wheel_pass(&w, 15) && w.now == 20);
	CHECK(px_wheel_pass(&w, 24) && w.now == 24);
	CHECK(!px_wheel_pass(&w, 25) && w.now == 24);
	timer_disarm(&w, &b); /* the earliest goes: the next one counts */
	CHECK(px_wheel_pass(&w, 29) && w.now == 29);
	CHECK(!px_wheel_pass(&w, 31));
	CHECK(wheel_run(&w, 31) == 1 && px_wheel_pass(&w, UINT64_MAX - 1));
	timer_arm(&w, &a, 3); /* due already, whatever is asked for */
	CHECK(!px_wheel_pass(&w, 2));
	CHECK(wheel_run(&w, 2) == 1);
}

TEST(wheel_never_comes)
{
	static px_wheel w;
	timer t;

	px_wheel_init(&w, 5, timer_tick);
	timer_arm(&w, &t, UINT64_MAX);
	for (uint64_t now = range; now < range * 1000; now += range * 3 / 4)
		CHECK(wheel_run(&w, now) == 0);
	CHECK(t.armed && px_node_linked(&t.node));
	if (UINT64_MAX / range < most_turns)
		CHECK(wheel_run(&w, UINT64_MAX) == 1);
}

TEST(wheel_fifo_in_a_slot)
{
	static px_wheel w;
	timer t[5];
	px_list due;

	px_wheel_init(&w, 0, timer_tick);
	timer_arm(&w, &t[3], 500);
	timer_arm(&w, &t[1], 10);
	timer_arm(&w, &t[2], 10);
	timer_arm(&w, &t[4], 501); /* the same slot of level 1 as the first, for now */
	timer_arm(&w, &t[0], 0);
	px_list_init(&due);
	px_wheel_advance(&w, 600, &due);
	for (unsigned i = 0; i < PX_COUNT(t); i++)
		CHECK(px_list_pop_front(&due) == &t[i].node);
	CHECK(px_list_empty(&due));
}

/* Through all lanes of coarse slots, and in one step: by ticks, and those of one tick as added. */
TEST(wheel_order_through_coarse_slots)
{
	enum { TICKS = 2 * PX_WHEEL_LANES + 1, EACH = 7 };
	static px_wheel w;
	timer timers[TICKS * EACH];
	px_list due;

	px_wheel_init(&w, 3, timer_tick);
	for (unsigned i = 0; i < PX_COUNT(timers); i++)
		timer_arm(&w, &timers[i], 3500 + i % TICKS);
	timer_disarm(&w, &timers[5]); /* and lanes of different lengths */
	timer_disarm(&w, &timers[5 + TICKS]);
	px_list_init(&due);
	px_wheel_advance(&w, 4000, &due);
	for (unsigned tick = 0; tick < TICKS; tick++)
		for (unsigned i = tick == 5 ? 2 : 0; i < EACH; i++)
			CHECK(px_list_pop_front(&due) == &timers[i * TICKS + tick].node);
	CHECK(px_list_empty(&due) && wheel_sound(&w));
}

/* What it does not know the ticks of, a wheel puts out as it lies: a slot whole, in one lane. */
TEST(wheel_without_ticks_keeps_slots)
{
	static px_wheel w;
	timer t[4];
	px_list due;

	px_wheel_init(&w, 0, NULL);
	for (unsigned i = 0; i < PX_COUNT(t); i++)
		timer_arm(&w, &t[i], 511 - i);
	CHECK(px_wheel_next(&w) == 448);
	px_list_init(&due);
	px_wheel_advance(&w, 450, &due);
	for (unsigned i = 0; i < PX_COUNT(t); i++)
		CHECK(px_list_pop_front(&due) == &t[i].node);
	CHECK(px_wheel_next(&w) == UINT64_MAX && wheel_sound(&w));
}

static void node_count(px_node *node, void *user)
{
	timer *t = PX_OF(node, timer, node);

	t->outs++;
	if (t->outs == 1 && t->tick % 2)
		px_wheel_del(user, node);
}

TEST(wheel_each_is_every_one_once)
{
	static px_wheel w;
	timer timers[64];

	px_wheel_init(&w, 10, timer_tick);
	for (unsigned i = 0; i < PX_COUNT(timers); i++)
		timer_arm(&w, &timers[i], i % 5 ? UINT64_C(1) << i | (i & 1) : 10);
	px_wheel_each(&w, node_count, &w);
	px_wheel_each(&w, node_count, &w);
	for (unsigned i = 0; i < PX_COUNT(timers); i++)
		CHECK(timers[i].outs == (timers[i].tick % 2 ? 1 : 2));
	CHECK(wheel_sound(&w));
}

/* A callback may disarm a timer that came out together with its own. */
TEST(wheel_delete_from_the_due_list)
{
	static px_wheel w;
	timer a, b;
	px_list due;

	px_wheel_init(&w, 0, timer_tick);
	timer_arm(&w, &a, 3);
	timer_arm(&w, &b, 3);
	px_list_init(&due);
	px_wheel_advance(&w, 3, &due);
	px_wheel_del(&w, &a.node);
	px_wheel_del(&w, &a.node); /* twice is harmless */
	px_wheel_del(&w, &b.node);
	CHECK(px_list_empty(&due));
	CHECK(wheel_sound(&w));
}

/* From slot to slot, timers fire in the exact order of their ticks. */
TEST(wheel_slot_to_slot_is_expiry_order)
{
	static px_wheel w;
	static timer timers[2000];
	px_rng rng;
	uint64_t next, fired = 0;

	px_rng_init(&rng, 11);
	px_wheel_init(&w, 1000, timer_tick);
	for (unsigned i = 0; i < PX_COUNT(timers); i++)
		timer_arm(&w, &timers[i], 1000 + px_rng_below(&rng, 100000));
	while ((next = px_wheel_next(&w)) != UINT64_MAX) {
		fired += wheel_run(&w, next);
		for (unsigned i = 0; i < PX_COUNT(timers); i += 97)
			CHECK(timers[i].armed == (timers[i].tick > next));
	}
	CHECK(fired == PX_COUNT(timers));
}

/* ---- the model: an array that is searched ---- */

typedef struct model {
	px_wheel w;
	px_rng rng;
	timer timers[MODEL_TIMERS];
} model;

/* All magnitudes alike, so that every level and the far end are used. */
static uint64_t model_distance(model *m)
{
	uint64_t bits = px_rng_below(&m->rng, PX_WHEEL_LEVELS * PX_WHEEL_BITS + 3);

	return px_rng_below(&m->rng, UINT64_C(1) << bits);
}

static uint64_t model_earliest(const model *m)
{
	uint64_t earliest = UINT64_MAX;

	for (unsigned i = 0; i < MODEL_TIMERS; i++)
		if (m->timers[i].armed)
			earliest = PX_MIN(earliest, m->timers[i].tick);
	return earliest;
}

static unsigned model_due(const model *m, uint64_t now)
{
	unsigned due = 0;

	for (unsigned i = 0; i < MODEL_TIMERS; i++)
		due += m->timers[i].armed && m->timers[i].tick <= now;
	return due;
}

static void model_advance(model *m)
{
	uint64_t now = m->w.now + model_distance(m);
	unsigned due;

	if (px_rng_chance(&m->rng, 300000) && px_wheel_next(&m->w) != UINT64_MAX)
		now = px_wheel_next(&m->w);
	due = model_due(m, now);
	CHECK(wheel_run(&m->w, now) == due);
	CHECK(m->w.now == now);
}

static void model_step(model *m)
{
	timer *t = &m->timers[px_rng_below(&m->rng, MODEL_TIMERS)];

	if (px_rng_chance(&m->rng, 150000))
		model_advance(m);
	else if (!t->armed)
		timer_arm(&m->w, t, m->w.now + model_distance(m));
	else if (px_rng_chance(&m->rng, 500000))
		timer_disarm(&m->w, t);
	else /* later, as a deadline is moved: the wheel is not told */
		t->tick += model_distance(m);
}

static void model_run(px_wheel_tick *tick)
{
	static model m;
	uint64_t earliest;

	m = (model){0};
	px_rng_init(&m.rng, 2026);
	px_wheel_init(&m.w, 0, tick);
	for (unsigned i = 0; i < MODEL_STEPS; i++) {
		model_step(&m);
		earliest = PX_MAX(model_earliest(&m), m.w.now);
		CHECK(px_wheel_next(&m.w) <= earliest);
		if (i % 64 == 0)
			CHECK(wheel_sound(&m.w));
	}
}

TEST(wheel_agrees_with_a_model)
{
	model_run(timer_tick);
}

/* One that is not told the ticks puts nodes out early, and never late. */
TEST(wheel_without_ticks_agrees_with_a_model)
{
	model_run(NULL);
}

TEST(wheel_a_million_timers)
{
	static px_wheel w;
	px_allocator a;
	px_rng rng;
	timer *timers;
	uint64_t next, fired = 0, disarmed = 0, outs = 0;

	px_allocator_init(&a, NULL, NULL);
	timers = px_zalloc_array(&a, MANY, sizeof *timers);
	CHECK(timers != NULL);
	px_rng_init(&rng, 7);
	px_wheel_init(&w, 0, timer_tick);
	for (unsigned i = 0; i < MANY; i++)
		timer_arm(&w, &timers[i], 1 + px_rng_below(&rng, 4000));
	for (unsigned i = 0; i < MANY; i += 3, disarmed++)
		timer_disarm(&w, &timers[i]);
	while ((next = px_wheel_next(&w)) != UINT64_MAX)
		fired += wheel_run(&w, next);
	for (unsigned i = 0; i < MANY; i++)
		outs += timers[i].outs;
	CHECK(fired + disarmed == MANY);
	CHECK(outs == fired);
	CHECK(wheel_sound(&w));
	px_free(&a, timers, MANY * sizeof *timers);
	CHECK(a.live_blocks == 0);
}
