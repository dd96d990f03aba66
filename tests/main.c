/* The test runner: one process, one line a test. */
/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BASELINES = 8, MAX_SHOWN = 20, DEFAULT_LIMIT_SEC = 180, STATUS_SKIPPED = 77 };

struct baseline {
	const char *what;
	long (*now)(void);
	long before;
};

static test_case *first_case;
static const test_case *current;
static struct baseline baselines[MAX_BASELINES];
static int n_baselines;
static atomic_int failures; /* of the current test; checks run on any thread */
static char skip_reason[256];
static bool skipped;
static int limit_sec;
static FILE *results;

const char *test_backend;
bool test_excusing, test_left;
long test_excused;
void (*test_gives_up)(void);
int (*test_faults)(const char *how, const char *only);
const char *(*test_lacks)(const char *name);

/* By their lines: constructors come in the order of the file on one system, backwards on another.
 */
void test_add(test_case *t)
{
	test_case **at = &first_case;

	while (*at && strcmp((*at)->file, t->file) != 0)
		at = &(*at)->next;
	while (*at && !strcmp((*at)->file, t->file) && (*at)->line < t->line)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

const char *test_name(void)
{
	return current ? current->name : "";
}

long long test_now_ns(void)
{
	return host_now_ns();
}

bool test_glob(const char *p, const char *s)
{
	if (*p == '*')
		return test_glob(p + 1, s) || (*s && test_glob(p, s + 1));
	if (!*p || !*s)
		return *p == *s;
	return (*p == '?' || *p == *s) && test_glob(p + 1, s + 1);
}

void test_baseline(const char *what, long (*now)(void))
{
	if (n_baselines == MAX_BASELINES) {
		fprintf(stderr, "too many baselines\n");
		exit(2);
	}
	baselines[n_baselines++] = (struct baseline){what, now, now()};
}

void test_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("     ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

void test_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(skip_reason, sizeof skip_reason, format, args);
	va_end(args);
	skipped = true;
}

/* Says a failure, but not the same one for ever; in one piece, since threads may fail at once. */
static void failure_say(const char *file, int line, const char *text)
{
	int n = atomic_fetch_add(&failures, 1);

	if (n > MAX_SHOWN)
		return;
	printf("  %s:%d: %s\n%s", file, line, text, n == MAX_SHOWN ? "  ... and more\n" : "");
	fflush(stdout);
}

HOST_PRINTF(3, 4) static void failed(const char *file, int line, const char *format, ...)
{
	char text[8192];
	va_list args;

	if (test_excusing) {
		test_excused++;
		if (test_gives_up)
			test_gives_up();
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	failure_say(file, line, text);
}

bool test_check_always(bool held, const char *text, const char *file, int line)
{
	if (!held)
		failure_say(file, line, text);
	return held;
}

bool test_check_always_eq(long long a, long long b, const char *ta, const char *tb,
                          const char *file, int line)
{
	char text[512];

	snprintf(text, sizeof text, "%s is %s: %lld, %lld", ta, tb, a, b);
	return test_check_always(a == b, text, file, line);
}

bool test_check(bool held, const char *text, const char *file, int line)
{
	if (!held)
		failed(file, line, "%s", text);
	return held;
}

static bool compare(long long a, const char *sign, long long b)
{
	bool or_equal = sign[1] == '=';

	switch (sign[0]) {
	case '<': return a < b || (or_equal && a == b);
	case '>': return a > b || (or_equal && a == b);
	case '!': return a != b;
	default: return a == b;
	}
}

bool test_compare(long long a, const char *sign, long long b, const char *ta, const char *tb,
                  const char *file, int line)
{
	bool held = compare(a, sign, b);

	if (!held)
		failed(file, line, "%s %s %s: %lld, %lld", ta, sign, tb, a, b);
	return held;
}

bool test_check_str(const char *a, const char *b, const char *ta, const char *tb, const char *file,
                    int line)
{
	bool held = a && b ? strcmp(a, b) == 0 : a == b;

	if (!held)
		failed(file, line, "%s is %s: \"%s\", \"%s\"", ta, tb, a ? a : "(null)",
		       b ? b : "(null)");
	return held;
}

bool test_check_mem(const void *a, const void *b, size_t bytes, const char *ta, const char *tb,
                    const char *file, int line)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < bytes; i++) {
		if (x[i] == y[i])
			continue;
		failed(file, line, "%s is %s: byte %zu of %zu is %02x, %02x", ta, tb, i, bytes,
		       x[i], y[i]);
		return false;
	}
	return true;
}

bool test_check_dies(void (*fn)(void), const char *text, const char *name, const char *file,
                     int line)
{
	char said[4096];
	int died = host_dies(fn, said, sizeof said);

	if (died < 0)
		failed(file, line, "%s: no child could be started", name);
	else if (!died)
		failed(file, line, "%s did not abort; it said: %s", name, said);
	else if (!strstr(said, text))
		failed(file, line, "%s aborted without \"%s\"; it said: %s", name, text, said);
	return died > 0 && strstr(said, text);
}

static void baselines_read(void)
{
	for (int i = 0; i < n_baselines; i++)
		baselines[i].before = baselines[i].now();
}

static void baselines_compare(const test_case *t)
{
	for (int i = 0; i < n_baselines; i++) {
		long after = baselines[i].now();

		if (after != baselines[i].before)
			failed(t->file, 0, "%s: %ld before, %ld after", baselines[i].what,
			       baselines[i].before, after);
	}
}

/* Arms the watchdog; its text is ready beforehand because a signal handler prints it. */
static void watch(const test_case *t)
{
	static char text[256];
	int seconds = limit_sec ? limit_sec : t->limit_sec ? t->limit_sec : DEFAULT_LIMIT_SEC;

#ifdef TEST_SLOW
	seconds *= 4;
#endif
	seconds *= host_slowness();
	snprintf(text, sizeof text, "FAIL %s (longer than %d s: ended)\n", t->name, seconds);
	host_watchdog(seconds, text);
}

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

static jmp_buf way_out;

void test_leave(void)
{
	test_left = true;
	longjmp(way_out, 1);
}

static void case_body(const test_case *t)
{
	if (!setjmp(way_out))
		t->run();
}

/* ---- results: for other programs to read ---- */

static void json_text(const char *s)
{
	putc('"', results);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', results);
		if ((unsigned char)*s >= ' ')
			putc(*s, results);
	}
	putc('"', results);
}

static void result_write(const test_case *t, enum outcome outcome, long ms)
{
	static const char *const names[OUTCOMES] = {"ok", "FAIL", "skip"};

	if (!results)
		return;
	fprintf(results,
	        "{\"test\": \"%s\", \"outcome\": \"%s\", \"ms\": %ld, \"reason\": ", t->name,
	        names[outcome], ms);
	json_text(outcome == SKIPPED ? skip_reason : "");
	fprintf(results, "}\n");
	fflush(results); /* the next one may end the program */
}

static void results_end(const char *only, const int counts[OUTCOMES])
{
	if (!results)
		return;
	fprintf(results, "{\"backend\": ");
	json_text(test_backend ? test_backend : "");
	fprintf(results, ", \"only\": ");
	json_text(only);
	fprintf(results, ", \"passed\": %d, \"failed\": %d, \"skipped\": %d}\n", counts[PASSED],
	        counts[FAILED], counts[SKIPPED]);
	fclose(results);
}

/* ---- running ---- */

static enum outcome case_run(const test_case *t)
{
	const char *lack = test_lacks ? test_lacks(t->name) : NULL;
	long long start = host_now_ns();
	enum outcome outcome;
	long ms;

	current = t;
	failures = 0;
	skipped = test_left = false;
	baselines_read();
	watch(t);
	if (lack)
		test_skip("%s", lack);
	else
		case_body(t);
	host_watchdog(0, "");
	if (!test_left) /* else what it had open is open still */
		baselines_compare(t);
	current = NULL;
	ms = (long)((host_now_ns() - start) / 1000000);
	outcome = failures ? FAILED : skipped ? SKIPPED : PASSED;
	if (outcome == FAILED)
		printf("FAIL %s (%ld ms)\n", t->name, ms);
	else if (outcome == SKIPPED)
		printf("skip %s: %s\n", t->name, skip_reason);
	else
		printf("ok   %s (%ld ms)\n", t->name, ms);
	fflush(stdout);
	result_write(t, outcome, ms);
	return outcome;
}

const test_case *test_next(const test_case *t, const char *only)
{
	t = t ? t->next : first_case;
	while (t && !test_glob(only, t->name))
		t = t->next;
	return t;
}

int test_run(const test_case *t)
{
	static const int status[OUTCOMES] = {0, 1, STATUS_SKIPPED};

	return status[case_run(t)];
}

int test_failures(void)
{
	return failures;
}

static int run_all(const char *only)
{
	int counts[OUTCOMES] = {0};

	for (const test_case *t = NULL; (t = test_next(t, only));)
		counts[case_run(t)]++;
	printf("%d passed, %d failed, %d skipped\n", counts[PASSED], counts[FAILED],
	       counts[SKIPPED]);
	results_end(only, counts);
	if (counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
		fprintf(stderr, "no test is called %s\n", only);
		return 2;
	}
	if (counts[FAILED])
		return 1;
	return counts[PASSED] ? 0 : STATUS_SKIPPED;
}

/* ---- the command line ---- */

static struct {
	const char *only, *limit, *results, *faults, *child, *child_arg;
	bool list;
} asked = {.only = "*"};

static bool options_read(int argc, char **argv)
{
	static const struct {
		const char *name, **value;
	} valued[] = {{"--only", &asked.only},
	              {"--backend", &test_backend},
	              {"--limit", &asked.limit},
	              {"--results", &asked.results},
	              {"--faults", &asked.faults},
	              {"--child", &asked.child}, /* host_child_start says these two */
	              {"--child-arg", &asked.child_arg}};
	size_t n = sizeof valued / sizeof *valued, k;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list")) {
			asked.list = true;
			continue;
		}
		for (k = 0; k < n && strcmp(argv[i], valued[k].name) != 0; k++)
			;
		if (k == n || i + 1 == argc)
			return false;
		*valued[k].value = argv[++i];
	}
	return true;
}

int main(int argc, char **argv)
{
	if (!options_read(argc, argv)) {
		fprintf(stderr,
		        "usage: %s [--list] [--only GLOB] [--backend NAME] [--limit SECONDS] "
		        "[--results FILE]\n",
		        argv[0]);
		return 2;
	}
	if (asked.child)
		return host_child_main(asked.child, asked.child_arg);
	for (const test_case *t = first_case; asked.list && t; t = t->next)
		puts(t->name);
	if (asked.list)
		return 0;
	limit_sec = asked.limit ? (int)strtol(asked.limit, NULL, 10) : 0;
	if (asked.results && !(results = fopen(asked.results, "wb"))) {
		fprintf(stderr, "%s: cannot write %s\n", argv[0], asked.results);
		return 2;
	}
	test_baseline("open descriptors", host_descriptors);
	if (asked.faults)
		return test_faults ? test_faults(asked.faults, asked.only) : 2;
	return run_all(asked.only);
}
