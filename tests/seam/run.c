/* --faults: the program's tests under rules, each run in a process of its own. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "op/core.h"
#include "op/op.h"
#include "seam/seam.h"
#include "sys/sys.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- how it works ----
 *
 *   --faults table      the calls, and what each can answer
 *   --faults count      each test once with nothing failing, and how often it made which call
 *   --faults -          lines "TEST RULE" from stdin; a line for each as it ends
 *   --faults RULE       the tests of --only under the rule, here; for the debugger
 *
 * A line that ends:  STATUS TEST RULE MS HITS EXCUSED, before it what a failed one said, a '|' in
 * front of each line. STATUS is ok, left (given up, the account was right), stuck (the same, but
 * the test waited for something of its own that could not come), skip, or FAIL.
 *
 * Under a rule that reaches nobody the tests must pass as they are. Under another one checks are
 * excused and waits are short; what must hold then is what CHECK_ALWAYS says (kit.c: each op ends
 * once, errors have names, no memory is left), that no descriptor of the library is left, and that
 * it ends, without a panic. */

enum {
	LOOK_MS = 1000,
	LOOKS_MAX = 14,  /* idle; */
	LOOKS_BUSY = 60, /* a slow machine gives little time to who computes */
	REST_MS = 10
};
enum { PATIENCE_MS = 250 };

/* ---- one test ---- */

/* Descriptors in a message are the test's, as much as what was accepted. */
static void fds_completed(const proa_fds *fds)
{
	for (unsigned i = 0; i < fds->n; i++)
		seam_given((int)fds->fd[i]);
}

/* What was accepted is the test's; if it was given up, nobody's. */
static void completed(const proa_op *op)
{
	const px_op *o = px_op_of(op);
	bool accept = o->kind == PX_ACCEPT || o->kind == PX_ACCEPT_MANY;

	if (o->kind == PX_RECV_FDS && op->result >= 0)
		fds_completed(o->args.io.ptr);
	if (!accept || op->result < 0 || (o->kind == PX_ACCEPT_MANY && !(op->got & PROA_MORE)))
		return;
	if (kit_given_up)
		proa_socket_close(op->socket);
	else
		seam_given(px_socket_fd(op->socket));
}

static bool alloc_fails(void)
{
	return seam_hit(SEAM_alloc) != SEAM_PASS;
}

/* Loops that are open, the test's own ones too: what was given up may have left some. */
enum { LOOPS = 256 };
static proa_loop *loops[LOOPS];
int __real_proa_loop_open(proa_loop **loop, const proa_loop_options *options);
int __real_proa_loop_close(proa_loop **loop, int64_t deadline_ns);
int __wrap_proa_loop_open(proa_loop **loop, const proa_loop_options *options);
int __wrap_proa_loop_close(proa_loop **loop, int64_t deadline_ns);

/* Puts `now` where `before` is; false: it is nowhere. */
static bool loops_put(proa_loop *before, proa_loop *now)
{
	for (int i = 0; i < LOOPS; i++) {
		proa_loop *there = before;

		if (__atomic_compare_exchange_n(&loops[i], &there, now, false, __ATOMIC_RELAXED,
		                                __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

int __wrap_proa_loop_open(proa_loop **loop, const proa_loop_options *options)
{
	int rc = __real_proa_loop_open(loop, options);

	if (rc == 0)
		CHECK_ALWAYS(loops_put(NULL, *loop));
	return rc;
}

int __wrap_proa_loop_close(proa_loop **loop, int64_t deadline_ns)
{
	proa_loop *open = *loop;
	int rc = __real_proa_loop_close(loop, deadline_ns);

	if (open && !*loop)
		loops_put(open, NULL);
	return rc;
}

static bool loops_open(void)
{
	for (int i = 0; i < LOOPS; i++)
		if (loops[i])
			return true;
	return false;
}

static void leaks_check(void)
{
	char numbers[256];
	int n = seam_leaked(numbers, sizeof numbers);

	if (loops_open() && test_left)
		return;
	if (!CHECK_ALWAYS_EQ(n, 0))
		printf("  descriptors that the library left open:%s\n", numbers);
}

/* ---- one that does not end ---- */

static int looks;
static long cpu_before, calls_before, rest_before;

static long cpu_ms(int whose)
{
	struct rusage u;

	getrusage(whose, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static long calls_now(void)
{
	long n = 0;

	for (int i = 0; i < SEAM_CALL_COUNT; i++)
		n += seam_now->calls[i];
	return n;
}

static void say(const char *text)
{
	ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));

	(void)ignored;
}

/* Whether nothing has computed or called the library since the last look, and this thread has
 * slept: it is nowhere in the midst of something. */
static bool is_idle(void)
{
	long cpu = cpu_ms(RUSAGE_SELF), rest = cpu_ms(RUSAGE_THREAD), calls = calls_now();
	bool idle = cpu - cpu_before < LOOK_MS / 4 && calls == calls_before &&
	            rest - rest_before < REST_MS;

	cpu_before = cpu;
	calls_before = calls;
	rest_before = rest;
	return idle;
}

static bool loops_calling(void)
{
	for (int i = 0; i < LOOPS; i++)
		if (loops[i] && px_core_of(loops[i])->calling)
			return true;
	return false;
}

/* The kit's own is its own to close. */
static void loops_close(void)
{
	for (int i = 0; i < LOOPS; i++) {
		proa_loop *loop = loops[i];
		int64_t until;

		if (!loop || kit_has(loop))
			continue;
		until = proa_clock(loop) + 10 * PROA_SEC;
		CHECK_ALWAYS_EQ(proa_loop_close(&loop, until), 0);
	}
}

/* The test waits for something that cannot come. Its loops are closed from here, deeper in the
 * stack than what it holds: an op that never ends shows now. A callback that waits keeps its loop
 * from that, and is no way to test anything. */
static void stuck(void)
{
	if (loops_calling()) {
		say("  waits in a callback for what does not come\n");
		_exit(1);
	}
	seam_now->stuck = true;
	loops_close();
	kit_give_up();
	test_leave();
}

/* On the main thread. First the loop is asked to stop. A program that goes on neither computing nor
 * calling waits in the test itself, or in a wait of the library that the stop has not ended. */
static void look(int sig)
{
	bool idle = is_idle();

	(void)sig;
	if (++looks == 1) {
		kit_give_up_soon();
	} else if (looks > 2 && idle && !seam_waiting && !seam_held) {
		stuck();
	} else if (looks >= (idle ? LOOKS_MAX : LOOKS_BUSY)) {
		say(idle ? "  hangs: the library waits, and does not stop when asked to\n"
		         : "  hangs: it goes on, and comes to no end\n");
		_exit(1);
	}
}

static void looks_start(void)
{
	struct itimerspec t = {.it_value = {1, 500000000}, .it_interval = {LOOK_MS / 1000, 0}};
	struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3};
	timer_t timer;

	e._sigev_un._tid = gettid(); /* sigev_notify_thread_id, where libc has the name */
	signal(SIGRTMIN + 3, look);
	if (timer_create(CLOCK_MONOTONIC, &e, &timer) == 0)
		timer_settime(timer, 0, &t, NULL);
}

/* ---- a test under the rule that is set ---- */

static int test_play(const test_case *t)
{
	int status;

	if (!seam_rule_benign()) {
		test_excusing = true;
		test_gives_up = kit_give_up;
		kit_put_in.patience_ns = PATIENCE_MS * PROA_MSEC;
		looks_start();
	}
	kit_put_in.alloc_fails = alloc_fails;
	kit_put_in.completed = completed;
	seam_armed = true;
	status = test_run(t);
	seam_armed = false;
	if (status == 0) {
		leaks_check();
		status = test_failures() ? 1 : 0;
	}
	seam_now->excused = test_excused;
	seam_now->left = test_left;
	return status;
}

static const char *status_name(int status, const seam_account *a)
{
	if (!WIFEXITED(status))
		return "FAIL";
	switch (WEXITSTATUS(status)) {
	case 0: return a->stuck ? "stuck" : a->left ? "left" : "ok";
	case 77: return "skip";
	default: return "FAIL";
	}
}

/* What the child said, if it failed. */
static void said_print(FILE *said, int status)
{
	char line[512];

	rewind(said);
	while (fgets(line, sizeof line, said))
		printf("|%s%s", line, strchr(line, '\n') ? "" : "\n");
	if (WIFSIGNALED(status))
		printf("|  ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
}

static int entry_drop(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st;
	(void)what;
	(void)at;
	remove(path); /* what stays, the folder above it shows */
	return 0;
}

/* Forked, runs in a folder of its own, and waited for; its status. One that is given up leaves its
 * files, and numbers of processes come again. */
static int test_fork(const test_case *t, FILE *said)
{
	char place[] = "seam-XXXXXX";
	int status;
	pid_t child;

	fflush(stdout);
	if (!mkdtemp(place))
		return -1;
	*seam_now = (seam_account){0};
	if ((child = fork()) == 0) {
		dup2(fileno(said), STDOUT_FILENO);
		dup2(fileno(said), STDERR_FILENO);
		status = chdir(place) ? 1 : test_play(t);
		fflush(stdout);
		_exit(status);
	}
	waitpid(child, &status, 0);
	nftw(place, entry_drop, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}

static void test_try(const test_case *t, const char *rule)
{
	long long start = host_now_ns();
	FILE *said = tmpfile();
	int status = test_fork(t, said);
	const char *name = status_name(status, seam_now);

	if (!strcmp(name, "FAIL"))
		said_print(said, status);
	fclose(said);
	printf("%s %s %s %lld %ld %ld\n", name, t->name, rule, (host_now_ns() - start) / 1000000,
	       seam_now->hits, seam_now->excused);
	fflush(stdout);
}

/* ---- the ways of --faults ---- */

static int count_all(const char *only)
{
	for (const test_case *t = NULL; (t = test_next(t, only));) {
		test_try(t, "-");
		printf("calls %s", t->name);
		for (int i = 0; i < SEAM_CALL_COUNT; i++)
			if (seam_now->calls[i])
				printf(" %s=%ld", seam_call_name((seam_call)i), seam_now->calls[i]);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}

static bool line_try(char *line)
{
	char *rest = line, *name = strsep(&rest, " \n"), *rule = strsep(&rest, " \n");
	const test_case *t = test_next(NULL, name);
	const char *wrong = rule ? seam_rule_set(rule) : "a line is TEST RULE";

	if (!t || wrong) {
		fprintf(stderr, "%s: %s\n", name, t ? wrong : "no such test");
		return false;
	}
	test_try(t, rule);
	return true;
}

static int lines_run(void)
{
	char line[512];

	while (fgets(line, sizeof line, stdin))
		if (!line_try(line))
			return 2;
	return 0;
}

static int here_run(const char *rule, const char *only)
{
	const char *wrong = seam_rule_set(rule);
	const test_case *t = test_next(NULL, only);
	int status;

	if (wrong || !t) {
		fprintf(stderr, "%s: %s\n", rule, wrong ? wrong : "no such test");
		return 2;
	}
	status = test_play(t);
	printf("%ld hits, %ld checks excused%s\n", seam_now->hits, test_excused,
	       test_left ? ", given up" : "");
	return status;
}

static int faults_run(const char *how, const char *only)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(how, "table")) {
		seam_table_print();
		printf("entries %s\n", seam_ring_can() ? "can fail" : "cannot fail");
		return 0;
	}
	seam_now = mmap(NULL, sizeof *seam_now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	if (seam_now == MAP_FAILED)
		return 2;
	if (!strcmp(how, "count"))
		return count_all(only);
	return strcmp(how, "-") == 0 ? lines_run() : here_run(how, only);
}

__attribute__((constructor)) static void faults_put_in(void)
{
	test_faults = faults_run;
}
