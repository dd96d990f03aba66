/* The program: runs scripts of seeds or of files, on one backend or on all that work here. */
/* SPDX-License-Identifier: MIT */
#include "host_file.h"
#include "s_script/shrink.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Each script is run on every backend; a race-free one must say the same on each: what the model
 * says. Exit status: 0; 1 if one failed; 2 if it was asked in vain; 77 if no backend works here. */

static const char *const usage =
	"usage: script [--backend NAME] [--seeds N] [--from S] [--file FILE] [--print] [--plan]\n"
	"              [--keep-on] [--limit SEC] [--shrink] [--c FILE] [--plant KIND[:RESULT]]\n"
	"  --seeds N    scripts of so many seeds (default 1)\n"
	"  --from S     the first of them (default 1); odd ones are race-free, even ones race\n"
	"  --file FILE  the script in that file instead; --from: the world's seed\n"
	"  --print      the script, and what each backend told of it\n"
	"  --plan       what the model says of it, without running it\n"
	"  --keep-on    with the next seed behind one that failed\n"
	"  --limit SEC  a script that takes longer ends the program (default 100)\n"
	"  --shrink     makes one that fails as short as it can be, and prints it\n"
	"  --c FILE     ... and writes it there as a C test\n"
	"  --plant ...  takes an op of that kind with at least that result for a failure\n";

static struct {
	const char *backend, *seeds, *from, *file, *plant, *limit;
	const char *c;
	bool print, plan, on, shrink;
} asked;

static bool flag_read(const char *arg)
{
	const struct {
		const char *name;
		bool *value;
	} flags[] = {{"--print", &asked.print},
	             {"--plan", &asked.plan},
	             {"--keep-on", &asked.on},
	             {"--shrink", &asked.shrink}};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(arg, flags[i].name) != 0)
			continue;
		return *flags[i].value = true;
	}
	return false;
}

static bool options_read(int argc, char **argv)
{
	const struct {
		const char *name, **value;
	} valued[] = {{"--backend", &asked.backend}, {"--seeds", &asked.seeds},
	              {"--from", &asked.from},       {"--file", &asked.file},
	              {"--limit", &asked.limit},     {"--c", &asked.c},
	              {"--plant", &asked.plant}};
	size_t n = sizeof valued / sizeof *valued, k;

	for (int i = 1; i < argc; i++) {
		if (flag_read(argv[i]))
			continue;
		for (k = 0; k < n && strcmp(argv[i], valued[k].name) != 0; k++)
			;
		if (k == n || i + 1 == argc)
			return false;
		*valued[k].value = argv[++i];
	}
	return true;
}

static bool plant_read(script_env *env)
{
	const char *colon = asked.plant ? strchr(asked.plant, ':') : NULL;
	size_t len = !asked.plant ? 0 : colon ? (size_t)(colon - asked.plant) : strlen(asked.plant);

	env->plant = -1;
	if (!asked.plant)
		return true;
	env->plant_min = colon ? strtoll(colon + 1, NULL, 10) : INT64_MIN;
	for (int k = 0; k < SCRIPT_KIND_COUNT; k++)
		if (!strncmp(asked.plant, script_kind_name[k], len) && !script_kind_name[k][len])
			env->plant = k;
	return env->plant >= 0;
}

/* ---- running ---- */

static const char *const backends[] = {"io_uring", "epoll", "kqueue", "iocp", "poll", "sim"};

static char where[80];      /* how the script at work is had again */
static const char *at_work; /* the backend */
static uint64_t n_ops, n_faults, n_scripts;

static void failed_print(const script_result *result, const char *backend)
{
	printf("FAIL on %s: %s: %s (step %u)\n  again: --backend %s %s\n", backend,
	       script_failure_name[result->failure], result->text, result->step, backend, where);
	fflush(stdout);
}

/* A failure of the first run alone is one of chance, so each shorter one has several. */
static void shorten(const script *s, const script_env *env, script_failure failure)
{
	static script shorter;
	char title[200];
	unsigned n;
	FILE *c;

	if (host_lacks(HOST_FORK)) {
		printf("  not made shorter: %s\n", host_lacks(HOST_FORK));
		return;
	}
	shorter = *s;
	n = script_shrink(&shorter, env, failure, 3);
	printf("  shorter, after %u runs: %u steps of %u\n", n, shorter.n, s->n);
	script_print(&shorter, stdout);
	if (!asked.c)
		return;
	snprintf(title, sizeof title, "On %s: %s. Made from %s.", env->backend,
	         script_failure_name[failure], where);
	if (!(c = fopen(asked.c, "w"))) {
		printf("  cannot write %s\n", asked.c);
		return;
	}
	script_print_c(&shorter, title, c);
	fclose(c);
}

static bool shortens(void)
{
	return (asked.shrink || asked.c) && !host_lacks(HOST_FORK);
}

static int limit_sec(void)
{
	return asked.limit ? (int)strtol(asked.limit, NULL, 10) : 100 * host_slowness();
}

/* A panic, or what a sanitizer makes one. */
static void on_abort(int signo)
{
	fprintf(stderr, "ended: --backend %s %s\n", at_work, where);
	signal(signo, SIG_DFL);
	raise(signo);
}

/* 0; 1: failed; 77: the backend does not work here. */
static int run_on(const script *s, const plan *p, script_env *env, const char *backend)
{
	static script_result result;
	static char hung[200];

	env->backend = at_work = backend;
	env->simulated = !strcmp(backend, "sim");
	env->chances = !env->simulated ? CHANCES_NONE : p ? CHANCES_UNSEEN : CHANCES_ALL;
	if (shortens() && script_fails(s, env) == F_CRASH) {
		result.failure = F_CRASH;
		snprintf(result.text, sizeof result.text, "the program ended");
	} else {
		snprintf(hung, sizeof hung, "hung: --backend %s %s\n", backend, where);
		host_watchdog(limit_sec(), hung);
		if (!script_run(s, p, env, &result))
			return 77;
		host_watchdog(0, "");
	}
	n_ops += result.ops;
	n_faults += result.faults;
	if (asked.print) {
		printf("---- %s ----\n", backend);
		trace_print(&result.trace, stdout);
	}
	if (!result.failure)
		return 0;
	failed_print(&result, backend);
	if (asked.shrink || asked.c)
		shorten(s, env, result.failure);
	return 1;
}

static int script_try(const script *s, script_env *env)
{
	static plan p;
	unsigned step;
	bool race_free = script_plan(s, &p, &step);
	int all = 77;

	n_scripts++;
	if (asked.print || asked.plan)
		script_print(s, stdout);
	if (asked.plan && race_free)
		trace_print(&p.trace, stdout);
	else if (asked.plan)
		printf("not race-free: step %u\n", step);
	for (size_t i = 0; i < sizeof backends / sizeof *backends && !asked.plan; i++) {
		int rc;

		if (asked.backend && strcmp(asked.backend, backends[i]) != 0)
			continue;
		rc = run_on(s, race_free ? &p : NULL, env, backends[i]);
		all = rc == 1 || all == 77 ? rc : all;
		if (rc == 1)
			break;
	}
	return asked.plan ? 0 : all;
}

static int seeds_try(script_env *env)
{
	uint64_t from = asked.from ? strtoull(asked.from, NULL, 10) : 1;
	uint64_t n = asked.seeds ? strtoull(asked.seeds, NULL, 10) : 1;
	static script s;
	int worst = 0;

	for (uint64_t seed = from; seed < from + n; seed++) {
		int rc;

		snprintf(where, sizeof where, "--from %llu", (unsigned long long)seed);
		env->seed = seed;
		script_of_seed(&s, seed);
		rc = script_try(&s, env);
		if (rc && (rc != 1 || !asked.on))
			return rc;
		worst |= rc;
	}
	return worst;
}

static int file_try(script_env *env)
{
	FILE *f = fopen(asked.file, "r");
	unsigned line = 0;
	static script s;
	bool good;

	env->seed = asked.from ? strtoull(asked.from, NULL, 10) : 0;
	snprintf(where, sizeof where, "--file %.50s --from %llu", asked.file,
	         (unsigned long long)env->seed);
	if (!f) {
		fprintf(stderr, "script: cannot read %s\n", asked.file);
		return 2;
	}
	good = script_read(&s, f, &line);
	fclose(f);
	if (!good) {
		fprintf(stderr, "%s:%u: no step\n", asked.file, line);
		return 2;
	}
	return script_try(&s, env);
}

static bool backend_known(const char *name)
{
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (!strcmp(backends[i], name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	script_env env = {0};
	char dir[120];
	int rc;

	if (!options_read(argc, argv) || !plant_read(&env)) {
		fputs(usage, stderr);
		return 2;
	}
	if (asked.backend && !backend_known(asked.backend)) {
		fprintf(stderr, "script: no backend is called %s\n", asked.backend);
		return 2;
	}
	if (!host_temp_dir(dir, sizeof dir))
		return 2;
	env.dir = dir;
	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	rc = asked.file ? file_try(&env) : seeds_try(&env);
	host_watchdog(0, "");
	script_files_remove(&env);
	host_remove(dir);
	if (rc <= 1)
		printf("%llu scripts, %llu ops, %llu faults\n", (unsigned long long)n_scripts,
		       (unsigned long long)n_ops, (unsigned long long)n_faults);
	return rc;
}
