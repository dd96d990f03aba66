/* Seeds, one world each: how many, what goes wrong in them, and what is said of one that fails. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/seeds.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which ---- */

static uint64_t seed_now;
static unsigned long long worlds, ops, faults;
bool seed_failed;

static void again_print(char *out, size_t size)
{
	snprintf(out, size, "seed %llu of %s; again: PROA_SIM_SEEDS=1 PROA_SIM_FROM=%llu",
	         (unsigned long long)seed_now, test_name(), (unsigned long long)seed_now);
}

/* A panic, or what a sanitizer makes one. */
static void on_abort(int signo)
{
	char text[200];

	again_print(text, sizeof text);
	fprintf(stderr, "%s\n", text);
	signal(signo, SIG_DFL);
	raise(signo);
}

bool seed_wrong(const char *format, ...)
{
	char text[400], again[200];
	va_list args;

	if (seed_failed)
		return false;
	seed_failed = true;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	again_print(again, sizeof again);
	test_note("%s\n     %s", text, again);
	return false;
}

bool seed_must(bool held, const char *text, const char *file, int line)
{
	return held || seed_wrong("%s:%d: %s", file, line, text);
}

void seed_violation(const char *text, void *user)
{
	(void)user;
	seed_wrong("violation: %s", text);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

void seed_count(const proa_world *w)
{
	proa_world_stats stats;

	proa_world_get_stats(w, &stats);
	ops += stats.operations;
	for (unsigned i = 0; i < PROA_FAULT_COUNT; i++)
		faults += stats.faults[i];
}

void seeds_run(unsigned few, uint64_t (*run)(uint64_t seed))
{
	uint64_t first = from_environment("PROA_SIM_FROM", 1);
	uint64_t n = from_environment("PROA_SIM_SEEDS", few);
	bool all = getenv("PROA_SIM_KEEP_ON") != NULL;

	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	for (seed_now = first; seed_now < first + n; seed_now++) {
		uint64_t hash;

		seed_failed = false;
		hash = run(seed_now);
		if (!seed_failed && seed_now % 16 == 0 && run(seed_now) != hash)
			seed_wrong("a second run is another");
		worlds++;
		if (!CHECK(!seed_failed) && !all)
			break;
	}
	test_note("%llu worlds, %llu ops, %llu faults", worlds, ops, faults);
}

/* ---- choices ---- */

uint64_t seed_below(seed_rng *r, uint64_t n)
{
	uint64_t z = r->x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % n;
}

static uint32_t chance(seed_rng *r)
{
	static const uint32_t ppm[] = {200, 1000, 5000, 30000};

	return seed_below(r, 3) ? 0 : ppm[seed_below(r, 4)];
}

void seed_options(seed_rng *r, proa_world_options *o)
{
	uint32_t *const ppm[] = {
		&o->late_ppm,         &o->short_io_ppm,     &o->one_byte_ppm,
		&o->error_before_ppm, &o->error_during_ppm, &o->error_after_ppm,
		&o->reset_ppm,        &o->half_close_ppm,   &o->stall_ppm,
		&o->exhausted_ppm,    &o->multishot_ppm,    &o->cancel_late_ppm,
		&o->cancel_lost_ppm,  &o->refused_ppm,      &o->hang_ppm,
		&o->aborted_ppm,      &o->storm_ppm,        &o->lost_ppm,
		&o->twice_ppm,        &o->reorder_ppm,      &o->no_memory_ppm,
		&o->disk_error_ppm,   &o->sector_lost_ppm,  &o->write_torn_ppm,
	};
	static const int64_t latency[] = {0, PROA_MSEC, 20 * PROA_MSEC, 200 * PROA_MSEC};
	static const uint64_t bandwidth[] = {0, 0, 20000, 1000000};
	static const size_t window[] = {0, 1000, 5000, 20000};

	if (seed_below(r, 8)) /* else nothing goes wrong but nodes and links */
		for (size_t i = 0; i < sizeof ppm / sizeof ppm[0]; i++)
			*ppm[i] = chance(r);
	o->short_io_ppm *= 8; /* these do not end anything */
	o->late_ppm *= 8;
	o->no_memory_ppm *= 8; /* who keeps its memory asks rarely */
	o->latency_min_ns = latency[seed_below(r, 3)];
	o->latency_max_ns = o->latency_min_ns + latency[seed_below(r, 4)];
	o->bandwidth = bandwidth[seed_below(r, 4)];
	o->window_bytes = window[seed_below(r, 4)];
	o->violation = seed_violation;
}

int64_t seed_apart(seed_rng *r)
{
	static const int64_t ns[] = {5 * PROA_MSEC, 50 * PROA_MSEC, 500 * PROA_MSEC};

	return ns[seed_below(r, 3)];
}

/* ---- chaos ---- */

static const char *any_name(seed_chaos *c)
{
	return c->names[proa_world_random(c->w, c->n_names)];
}

static void kill_one(seed_chaos *c)
{
	if (!c->no_kills)
		proa_world_kill(c->w, any_name(c),
		                proa_world_random(c->w, 2) ? PROA_KILL_PROCESS : PROA_KILL_POWER);
}

static void happen(seed_chaos *c)
{
	int64_t ns = (int64_t)proa_world_random(c->w, 8000) * PROA_MSEC;

	switch (proa_world_random(c->w, 12)) {
	case 0: proa_world_partition(c->w, any_name(c), any_name(c), true); break;
	case 1: proa_world_partition(c->w, any_name(c), any_name(c), false); break;
	case 2:
	case 3: proa_world_heal(c->w); break;
	case 4: proa_world_reset(c->w, any_name(c), any_name(c)); break;
	case 5: kill_one(c); break;
	case 6: proa_world_pause(c->w, any_name(c), true); break;
	case 7: proa_world_pause(c->w, NULL, false); break;
	case 8: proa_world_jump(c->w, any_name(c), ns); break;
	case 9: proa_world_drift(c->w, any_name(c), (int32_t)(ns / 80000) - 50000); break;
	case 10: proa_world_set_wall(c->w, any_name(c), ns - 4 * PROA_SEC); break;
	default: proa_world_calm(c->w, proa_world_random(c->w, 2)); break;
	}
}

static void chaos_step(void *user)
{
	seed_chaos *c = user;

	if (c->over || !c->left)
		return;
	if (--c->left)
		happen(c);
	else { /* so that what is left can end */
		proa_world_heal(c->w);
		proa_world_pause(c->w, NULL, false);
	}
	chaos_begin(c);
}

void chaos_begin(seed_chaos *c)
{
	int64_t in = (int64_t)proa_world_random(c->w, (uint64_t)c->apart_ns);

	MUST(proa_world_at(c->w, proa_world_now(c->w) + in, chaos_step, c) == 0);
}

void chaos_end(seed_chaos *c)
{
	c->over = true;
	proa_world_calm(c->w, true);
	proa_world_heal(c->w);
	proa_world_pause(c->w, NULL, false);
	proa_world_run(c->w, PROA_MSEC); /* what was killed just now goes down first */
	for (unsigned i = 0; i < c->n_names; i++)
		proa_world_restart(c->w, c->names[i]);
}

static void on_rise(void *user)
{
	struct rising *r = user;

	if (!r->c->over)
		proa_world_restart(r->c->w, r->name);
}

void chaos_down(seed_chaos *c, const char *name)
{
	unsigned i = 0;

	if (c->over)
		return;
	while (strcmp(c->names[i], name))
		i++;
	c->rising[i] = (struct rising){c, name};
	proa_world_at(c->w, proa_world_now(c->w) + PROA_SEC, on_rise, &c->rising[i]);
}
