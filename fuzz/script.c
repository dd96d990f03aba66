/* Programs over the API, told by bytes: on each backend and in worlds, against the model. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "host_file.h"
#include "s_script/run.h"

#include <stdio.h>

/* Files are made in a folder of this process, and go with each script. */
static char dir[120];

static void dir_remove(void)
{
	host_remove(dir);
}

enum { BUFFERS_MIN = 16 };

/* As much of it as is determined; false: nothing is. The pool has a buffer for each that a stream
 * may keep, which the model does not count. */
static bool script_cut(script *s, plan *p)
{
	unsigned step;

	if (s->n && s->step[0].kind == S_world)
		s->step[0].n = (uint16_t)(BUFFERS_MIN + s->step[0].n % BUFFERS_MIN);
	while (s->n && !script_plan(s, p, &step))
		s->n = PX_MIN(step, s->n - 1);
	return s->n > 0;
}

/* Half of them in a world, with faults where the outcome is open. */
static void script_try(const script *s, const plan *p, const char *backend, uint64_t seed)
{
	bool simulated = !strcmp(backend, "sim");
	const script_env env = {.backend = backend,
	                        .seed = seed,
	                        .dir = dir,
	                        .simulated = simulated,
	                        .chances = !simulated ? CHANCES_NONE
	                                   : p        ? CHANCES_UNSEEN
	                                              : CHANCES_ALL,
	                        .plant = -1};
	static script_result result;

	memset(&result, 0, sizeof result);
	script_run(s, p, &env, &result);
	script_files_remove(&env);
	if (!result.failure)
		return;
	script_print(s, stderr);
	fprintf(stderr, "%s, step %u: %s: %s\n", backend, result.step,
	        script_failure_name[result.failure], result.text);
	px_assert(!result.failure);
}

FUZZ(script)
{
	static const char *const backend[] = {"sim", "poll",     "sim", "epoll",
	                                      "sim", "io_uring", "sim", "kqueue"};
	fuzz_in in = {data, size};
	unsigned how = fuzz_byte(&in);
	static script s;
	static plan p;
	bool determined = how & 1;

	if (!*dir) {
		px_assert(host_temp_dir(dir, sizeof dir));
		atexit(dir_remove);
	}
	script_of_bytes(&s, in.at, in.left);
	if (determined && !script_cut(&s, &p))
		return;
	script_try(&s, determined ? &p : NULL, backend[(how >> 1) % PX_COUNT(backend)], how >> 4);
}
