/* The test runner: one process, one line a test. */
/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "host.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BASELINES = 8, MAX_SHOWN = 20, DEFAULT_LIMIT_SEC = 60, STATUS_SKIPPED = 77 };

struct baseline {
	const char *what;
	long (*now)(void);
	long before;
};

static test_case *first_case, **last_case = &first_case;
static const test_case *current;
static struct baseline baselines[MAX_BASELINES];
static int n_baselines;
static atomic_int failures; /* of the current test; checks run on any thread */
static char skip_reason[256];
static bool skipped;
static int limit_sec;

const char *test_backend;

void test_add(test_case *t)
{
	*last_case = t;
	last_case = &t->next;
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

/* Says a failure, but not the same one for ever. */
static void failed(const char *file, int line, const char *format, ...)
{
	int n = atomic_fetch_add(&failures, 1);
	va_list args;

	if (n > MAX_SHOWN)
		return;
	flockfile(stdout);
	printf("  %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(n == MAX_SHOWN ? "\n  ... and more\n" : "\n");
	fflush(stdout);
	funlockfile(stdout);
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
		return true;
	if (!died)
		failed(file, line, "%s did not abort; it said: %s", name, said);
	else if (!strstr(said, text))
		failed(file, line, "%s aborted without \"%s\"; it said: %s", name, text, said);
	return died && strstr(said, text);
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
	snprintf(text, sizeof text, "FAIL %s (longer than %d s: ended)\n", t->name, seconds);
	host_watchdog(seconds, text);
}

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

static enum outcome case_run(const test_case *t)
{
	long long start = host_now_ns();
	long ms;

	current = t;
	failures = 0;
	skipped = false;
	baselines_read();
	watch(t);
	t->run();
	host_watchdog(0, "");
	baselines_compare(t);
	current = NULL;
	ms = (long)((host_now_ns() - start) / 1000000);
	if (failures)
		printf("FAIL %s (%ld ms)\n", t->name, ms);
	else if (skipped)
		printf("skip %s: %s\n", t->name, skip_reason);
	else
		printf("ok   %s (%ld ms)\n", t->name, ms);
	fflush(stdout);
	return failures ? FAILED : skipped ? SKIPPED : PASSED;
}

static int run_all(const char *only)
{
	int counts[OUTCOMES] = {0};

	for (const test_case *t = first_case; t; t = t->next)
		if (test_glob(only, t->name))
			counts[case_run(t)]++;
	printf("%d passed, %d failed, %d skipped\n", counts[PASSED], counts[FAILED],
	       counts[SKIPPED]);
	if (counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
		fprintf(stderr, "no test is called %s\n", only);
		return 2;
	}
	if (counts[FAILED])
		return 1;
	return counts[PASSED] ? 0 : STATUS_SKIPPED;
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--list] [--only GLOB] [--backend NAME] [--limit SECONDS]\n",
	        program);
	return 2;
}

int main(int argc, char **argv)
{
	const char *only = "*";
	bool list = false;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(argv[i], "--list")) {
			list = true;
			continue;
		}
		if (value && !strcmp(argv[i], "--only"))
			only = value;
		else if (value && !strcmp(argv[i], "--backend"))
			test_backend = value;
		else if (value && !strcmp(argv[i], "--limit"))
			limit_sec = (int)strtol(value, NULL, 10);
		else
			return usage(argv[0]);
		i++;
	}
	for (const test_case *t = first_case; list && t; t = t->next)
		puts(t->name);
	if (list)
		return 0;
	test_baseline("open descriptors", host_descriptors);
	return run_all(only);
}
