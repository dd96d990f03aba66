/* The frame of the tests: TEST, CHECK, REQUIRE, SKIP. main.c runs what a program registers. */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_H
#define TEST_H

#include "host.h"

#include <stdbool.h>
#include <stddef.h>

/* Every test runs in the program's one process, one after another, on the main thread. It fails if
 * a check failed, if it leaves another number of open descriptors than it found, or if one of the
 * counters given to test_baseline changed. A test that lasts longer than its limit ends the
 * program: nothing after it could be trusted.
 *
 *   prog [--list] [--only GLOB] [--backend NAME] [--limit SECONDS] [--results FILE]
 *
 * FILE gets a line of JSON a test as it ends: test, outcome ("ok", "FAIL", "skip"), ms, reason; and
 * at the end one with what was asked for: backend, only, and how many passed, failed, skipped. A
 * file without that line is of a program that did not get so far.
 *
 * Exit status: 0, 1 if a test failed, 77 if every test was skipped. */

typedef struct test_case {
	const char *name;
	const char *file;
	int line;
	void (*run)(void);
	int limit_sec; /* 0: the default */
	struct test_case *next;
} test_case;

/* A test. Names are unique in a program; tests run in the order of the file. */
#define TEST(name) TEST_LIMIT(name, 0)

/* A test with a time limit of its own. */
#define TEST_LIMIT(name, limit_sec)                                                \
	static void test_run_##name(void);                                         \
	static test_case test_case_##name = {#name,           __FILE__,  __LINE__, \
	                                     test_run_##name, limit_sec, NULL};    \
	__attribute__((constructor)) static void test_add_##name(void)             \
	{                                                                          \
		test_add(&test_case_##name);                                       \
	}                                                                          \
	static void test_run_##name(void)

/* Checks go on after a failure and may be used on any thread and in any function; their value says
 * whether they held. */
#define CHECK(...)             test_check(!!(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
/* As long long; each side is evaluated once. */
#define CHECK_EQ(a, b)         TEST_COMPARE(a, ==, b)
#define CHECK_NE(a, b)         TEST_COMPARE(a, !=, b)
#define CHECK_LT(a, b)         TEST_COMPARE(a, <, b)
#define CHECK_LE(a, b)         TEST_COMPARE(a, <=, b)
#define CHECK_GT(a, b)         TEST_COMPARE(a, >, b)
#define CHECK_GE(a, b)         TEST_COMPARE(a, >=, b)
#define CHECK_STR(a, b)        test_check_str(a, b, #a, #b, __FILE__, __LINE__)
#define CHECK_MEM(a, b, bytes) test_check_mem(a, b, bytes, #a, #b, __FILE__, __LINE__)

/* fn runs in a child, which must abort with `text` somewhere in what it says on stderr. Without
 * HOST_FORK that is this program begun anew: fn uses nothing that the test has made. */
#define CHECK_DIES(fn, text) test_check_dies(fn, text, #fn, __FILE__, __LINE__)

/* What must hold also while calls fail; see "when calls fail" below. */
#define CHECK_ALWAYS(...) test_check_always(!!(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define CHECK_ALWAYS_EQ(a, b) \
	test_check_always_eq((long long)(a), (long long)(b), #a, #b, __FILE__, __LINE__)

/* Ends the function it stands in, and the test with it if that is the test's own. */
#define REQUIRE(...)                     \
	do {                             \
		if (!CHECK(__VA_ARGS__)) \
			return;          \
	} while (0)

/* Ends the test as skipped, with the reason on its line. Only in the test's own function. */
#define SKIP(...)                       \
	do {                            \
		test_skip(__VA_ARGS__); \
		return;                 \
	} while (0)

/* Skips the test where the system has not what it needs (host.h). As SKIP, in its own function and
 * before it has anything to give back. */
#define NEED(feature)                                    \
	do {                                             \
		const char *lack_ = host_lacks(feature); \
		if (lack_)                               \
			SKIP("%s", lack_);               \
	} while (0)

/* What a slow build (sanitizers) should do n times. */
#ifdef TEST_SLOW
#define TEST_TIMES(n) ((n) / 20 + 1)
#else
#define TEST_TIMES(n) (n)
#endif

/* --backend; NULL: the program was not told. */
extern const char *test_backend;

/* `now` is read before and after each test, and a difference fails it. Call it from a constructor
 * or from a test; `what` must live as long as the program. */
void test_baseline(const char *what, long (*now)(void));

/* A line under the test's own line; shown whether it fails or not. */
void test_note(const char *format, ...) HOST_PRINTF(1, 2);

/* The current test's name. */
const char *test_name(void);

/* Monotonic. */
long long test_now_ns(void);

/* Whether `text` matches a pattern of '*', '?' and themselves. */
bool test_glob(const char *pattern, const char *text);

/* ---- when calls fail ----
 *
 * A program of tests/seam makes the library's system calls fail. What a test expects of results is
 * then no fault if it does not come; what CHECK_ALWAYS says is. So while test_excusing is set a
 * check that does not hold is counted, and test_gives_up is asked whether the test can go on: it
 * ends what the test has begun, where its memory still lives, and calls test_leave. */

extern bool test_excusing;
extern long test_excused;
extern bool test_left; /* the current test was */
extern void (*test_gives_up)(void);
void test_leave(void); /* does not return; on the main thread, inside a test */

/* --faults HOW, of such a program: runs the tests itself. */
extern int (*test_faults)(const char *how, const char *only);
/* For it: the first test behind `t` (NULL: of all) that `only` matches; running one, 1 if it
 * failed, 77 if it was skipped. */
const test_case *test_next(const test_case *t, const char *only);
int test_run(const test_case *t);
int test_failures(void); /* of the current or the last test */

/* Asked before each test: why it cannot be run, NULL if it can. NULL: all can. */
extern const char *(*test_lacks)(const char *name);

/* Behind the macros. */
#define TEST_COMPARE(a, sign, b) \
	test_compare((long long)(a), #sign, (long long)(b), #a, #b, __FILE__, __LINE__)
void test_add(test_case *);
void test_skip(const char *format, ...) HOST_PRINTF(1, 2);
bool test_check(bool held, const char *text, const char *file, int line);
bool test_check_always(bool held, const char *text, const char *file, int line);
bool test_check_always_eq(long long a, long long b, const char *ta, const char *tb,
                          const char *file, int line);
bool test_compare(long long a, const char *sign, long long b, const char *ta, const char *tb,
                  const char *file, int line);
bool test_check_str(const char *a, const char *b, const char *ta, const char *tb, const char *file,
                    int line);
bool test_check_mem(const void *a, const void *b, size_t bytes, const char *ta, const char *tb,
                    const char *file, int line);
bool test_check_dies(void (*fn)(void), const char *text, const char *name, const char *file,
                     int line);

#endif
