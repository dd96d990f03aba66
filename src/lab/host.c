/* What the models ask of the process: limits, signals, threads, the clock, a last word. */
/* SPDX-License-Identifier: MIT */
#include "lab/model.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void px_lab_say(const char *format, ...)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	char text[256];
	va_list list;

	if (atomic_flag_test_and_set(&said))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	fprintf(stderr, "proa: %s\n", text);
}

_Noreturn void px_lab_die(const char *what, int sys_error)
{
	fprintf(stderr, "proa: lab: %s: %s\n", what, strerror(sys_error));
	exit(2);
}

int64_t px_lab_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void on_end(int signo)
{
	(void)signo;
	_exit(0);
}

void px_lab_prepare(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

void px_lab_end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The default of 8 MiB is address space, not memory, but 10,000 times that is more than some
 * machines allow. */
int px_lab_thread(void *(*run)(void *), void *arg)
{
	enum { STACK = 64 * 1024 };
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	rc = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return rc;
}
