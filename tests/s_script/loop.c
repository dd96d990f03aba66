/* The loop that a script runs on, with its memory counted. */
/* SPDX-License-Identifier: MIT */
#include "s_script/run.h"

#include <stdlib.h>

static long blocks, bytes;

static void *counted(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	void *new;

	(void)user;
	if (!new_bytes) {
		blocks -= old != NULL;
		bytes -= old ? (long)old_bytes : 0;
		free(old);
		return NULL;
	}
	if (!(new = realloc(old, new_bytes)))
		return NULL;
	blocks += old == NULL;
	bytes += (long)new_bytes - (old ? (long)old_bytes : 0);
	return new;
}

proa_loop *script_loop_open(const script_env *env, const proa_loop_options *options)
{
	proa_loop_options o = *options;
	proa_loop *loop;

	blocks = bytes = 0;
	o.backend = env->backend;
	o.alloc = counted;
	if (env->simulated)
		script_world_open(&loop, env, &o);
	else
		proa_loop_open(&loop, &o);
	return loop;
}

int script_loop_close(proa_loop **loop)
{
	int64_t within_ns = script_may(PROA_FAULT_HANG) ? script_patience_ns() : 10 * PROA_SEC;
	int rc, left;

	script_calm(true);
	rc = proa_loop_close(loop, proa_clock(*loop) + within_ns);
	left = script_world_close();
	if (rc || left)
		return rc ? rc : left;
	return blocks || bytes ? -PROA_ELEAK : 0;
}
