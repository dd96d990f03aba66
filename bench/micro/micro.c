/* What the small measurements share. */
/* SPDX-License-Identifier: MIT */
#include "micro.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

px_micro_args px_micro_parse(int argc, char **argv, size_t count)
{
	px_micro_args args = {.count = count, .path = "/tmp"};
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--count"))
			args.count = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--only"))
			args.only = argv[i + 1];
		else if (!strcmp(argv[i], "--backend"))
			args.backend = argv[i + 1];
		else if (!strcmp(argv[i], "--path"))
			args.path = argv[i + 1];
		else
			break;
	}
	if (i < argc || !args.count)
		px_bench_usage(argv[0],
		               "[--count N] [--only PHASE] [--backend NAME] [--path FOLDER]");
	return args;
}

/* ---- one line of JSON ---- */

static const char *figure_before;

void px_micro_begin(const char *program)
{
	printf("{\"program\": \"%s\", \"figures\": {", program);
	figure_before = "";
}

void px_micro_figure(const char *name, double value)
{
	if (isfinite(value))
		printf("%s\"%s\": %.6g", figure_before, name, value);
	else
		printf("%s\"%s\": null", figure_before, name);
	figure_before = ", ";
}

void px_micro_end(void)
{
	puts("}}");
	fflush(stdout);
}

/* ---- clocks and the machine ---- */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t px_micro_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t px_micro_process_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t px_micro_writes(void)
{
	char line[64];
	uint64_t writes = 0;
	FILE *file = fopen("/proc/self/io", "r");

	if (!file)
		px_bench_die("/proc/self/io", errno);
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, "syscw: ", 7))
			writes = strtoull(line + 7, NULL, 10);
	fclose(file);
	return writes;
}

void px_micro_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* where it may not, it floats */
}

void px_micro_sleep_until(int64_t at_ns)
{
	struct timespec ts = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR) {
		/* not yet */
	}
}

void *px_micro_alloc(size_t n, size_t bytes)
{
	size_t all = (n * bytes + 63) / 64 * 64;
	void *memory = aligned_alloc(64, all ? all : 64);

	if (!memory)
		px_bench_die("memory", ENOMEM);
	memset(memory, 0, all);
	return memory;
}

/* ---- chance ---- */

/* Weyl's sequence through the finaliser of splitmix64 (Steele, Lea and Flood, 2014). */
uint64_t px_micro_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint32_t *px_micro_shuffled(size_t n)
{
	uint32_t *order = px_micro_alloc(n, sizeof *order);
	uint64_t state = 1;

	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)(px_micro_random(&state) % (i + 1));

		order[i] = order[j];
		order[j] = (uint32_t)i;
	}
	return order;
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double px_micro_median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, double_compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
