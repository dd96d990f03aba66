/* Makes a script that fails as short and as plain as it can be while it fails in the same way. */
/* SPDX-License-Identifier: MIT */
#include "s_script/shrink.h"

#include <string.h>

static struct {
	script candidate;
	const script_env *env;
	script_failure failure;
	unsigned tries;
	unsigned n_tried;
} work;

/* In a process of its own, for it may take the process with it. */
static int child_main(const char *unused)
{
	static script_result result;
	static plan p;
	script_env env = *work.env;
	unsigned step;
	bool race_free = script_plan(&work.candidate, &p, &step);

	(void)unused;
	env.patience_ns = 2 * PROA_SEC * host_slowness(); /* many shorter ones wait in vain */
	host_watchdog(10 * host_slowness(), "");
	race_free &= work.env->chances != CHANCES_ALL; /* which are more than a plan knows of */
	script_run(&work.candidate, race_free ? &p : NULL, &env, &result);
	return (int)result.failure;
}

script_failure script_fails(const script *s, const script_env *env)
{
	host_child child;
	int status;

	if (s != &work.candidate)
		work.candidate = *s;
	work.env = env;
	if (!host_child_start(&child, child_main, ""))
		return F_NONE;
	status = host_child_wait(&child);
	return status >= 0 && status < F_CRASH ? (script_failure)status : F_CRASH;
}

/* What is a matter of chance fails now and then only. */
static bool still_fails(void)
{
	for (unsigned i = 0; i < work.tries; i++) {
		work.n_tried++;
		if (script_fails(&work.candidate, work.env) == work.failure)
			return true;
	}
	return false;
}

/* Without `n` steps from `at` on. */
static bool cut(script *s, unsigned at, unsigned n)
{
	unsigned rest = s->n - at - n;

	work.candidate = *s;
	memmove(&work.candidate.step[at], &work.candidate.step[at + n],
	        rest * sizeof *work.candidate.step);
	work.candidate.n = at + rest;
	if (!still_fails())
		return false;
	*s = work.candidate;
	return true;
}

static bool steps_cut(script *s)
{
	bool any = false;

	for (unsigned n = s->n / 2 ? s->n / 2 : 1;; n /= 2) {
		for (unsigned at = s->n; at > 0;) { /* the last ones first: fewer hang on them */
			unsigned now = at < n ? at : n;

			at -= now;
			if (at + now <= s->n)
				any |= cut(s, at, now);
		}
		if (n <= 1)
			return any;
	}
}

static bool step_put(script *s, unsigned at, script_step step)
{
	if (!memcmp(&step, &s->step[at], sizeof step))
		return false;
	work.candidate = *s;
	work.candidate.step[at] = step;
	if (!still_fails())
		return false;
	*s = work.candidate;
	return true;
}

/* Each number to the plainest that will do. */
static bool step_simplify(script *s, unsigned at)
{
	script_step step = s->step[at];
	bool any = false;

	step.in = 0;
	any |= step_put(s, at, step);
	step = s->step[at];
	step.us = 0;
	any |= step_put(s, at, step);
	step = s->step[at];
	step.how = 0;
	any |= step_put(s, at, step);
	step = s->step[at];
	step.at = 0;
	any |= step_put(s, at, step);
	for (step = s->step[at]; step.n > 1; step = s->step[at]) {
		step.n /= 2;
		if (!step_put(s, at, step))
			break;
		any = true;
	}
	return any;
}

/* Ops get the numbers 0, 1, 2... in the order of their first mention. */
static void ops_renumber(script *s)
{
	uint8_t name[SCRIPT_OPS], n = 0;
	script plain = *s;

	memset(name, SCRIPT_OPS, sizeof name);
	for (unsigned i = 0; i < plain.n; i++) {
		script_step *t = &plain.step[i];

		if (name[t->op] == SCRIPT_OPS)
			name[t->op] = n++;
		t->op = name[t->op];
		if (t->in)
			t->in = name[t->in - 1] < SCRIPT_OPS ? (uint8_t)(name[t->in - 1] + 1) : 0;
	}
	work.candidate = plain;
	if (still_fails())
		*s = plain;
}

unsigned script_shrink(script *s, const script_env *env, script_failure failure, unsigned tries)
{
	bool any = true;

	work.env = env;
	work.failure = failure;
	work.tries = tries;
	work.n_tried = 0;
	for (unsigned round = 0; any && round < 8; round++) {
		any = steps_cut(s);
		for (unsigned i = 0; i < s->n; i++)
			any |= step_simplify(s, i);
	}
	ops_renumber(s);
	return work.n_tried;
}
