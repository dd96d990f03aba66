/* The course on a terminal, or in a pipe: tables, and a line of progress. */
/* SPDX-License-Identifier: MIT */
#include "lab/course.h"
#include "lab/stall.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void px_lab_progress(const char *format, ...)
{
	va_list list;

	if (!isatty(2))
		return;
	fputs("\r\033[K", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fflush(stderr);
}

static double us(const px_hist *hist, double percent)
{
	return (double)px_hist_percentile(hist, percent) / 1000;
}

static double rate(const px_lab_load *load)
{
	return load->ns > 0 ? (double)load->requests * 1e9 / (double)load->ns : 0;
}

/* ---- the models ---- */

void px_lab_print_cells_head(void)
{
	printf("%-16s %6s %7s %10s %9s %9s %9s %8s %8s %8s %8s\n", "model", "conns", "served",
	       "requests/s", "p50 us", "p99 us", "p99.9 us", "CPU ns", "MiB", "kernel", "threads");
}

void px_lab_print_cell(const px_lab_cell *c)
{
	px_lab_progress("%s", "");
	printf("%-16s %6" PRIu32, c->model->name, c->connections);
	if (c->measured)
		printf(" %7" PRIu32 " %10.0f %9.0f %9.0f %9.0f %8.0f %8.1f %8.1f %8" PRIu64,
		       c->load.served, rate(&c->load), us(&c->load.latency, 50),
		       us(&c->load.latency, 99), us(&c->load.latency, 99.9),
		       c->load.requests ? (double)c->cpu_ns / (double)c->load.requests : 0,
		       (double)c->cost.user_kib / 1024, (double)c->cost.kernel_kib / 1024,
		       c->cost.threads);
	printf("%s%s\n", *c->why ? "  " : "", c->why);
	fflush(stdout);
}

void px_lab_print_calls(const px_lab_course *course)
{
	px_lab_progress("%s", "");
	printf("\nsystem calls for a request, counted by a tracer\n");
	for (size_t i = 0; i < course->calls_count; i++) {
		const px_lab_calls *c = &course->calls[i];

		printf("%-16s %6" PRIu32, c->model->name, c->connections);
		if (c->calls < 0)
			printf("  cannot be counted here\n");
		else
			printf(" %7.2f\n", c->calls);
	}
	fflush(stdout);
}

/* ---- what blocks ---- */

const char *px_lab_stall_kind(char kind)
{
	return kind == STALL_DISK ? "disk" : "name";
}

void px_lab_print_stalls_head(const px_lab_course *course)
{
	printf("\nsome messages block, %.2f ms for the disk or %.2f ms for a name; what the others "
	       "see\n",
	       (double)course->disk_ns / 1e6, (double)course->name_ns / 1e6);
	if (!course->disk && course->read_ns)
		printf("(\"the disk\" is a sleep: this one needs %.2f ms, which is not seen)\n",
		       (double)course->read_ns / 1e6);
	else if (!course->disk)
		printf("(\"the disk\" is a sleep: no read here goes around the cache)\n");
	printf("%-16s %6s %8s %10s %9s %9s %9s\n", "server", "blocks", "share", "requests/s",
	       "p50 us", "p99 us", "p99.9 us");
}

void px_lab_print_stall(const px_lab_stalling *s)
{
	const px_lab_load *load = &s->cell.load;

	px_lab_progress("%s", "");
	printf("%-16s %6s %6.1f %%", s->cell.model->name, px_lab_stall_kind(s->kind),
	       s->marked * 100);
	if (s->cell.measured)
		printf(" %10.0f %9.0f %9.0f %9.0f", rate(load), us(&load->latency, 50),
		       us(&load->latency, 99), us(&load->latency, 99.9));
	printf("%s%s\n", *s->cell.why ? "  " : "", s->cell.why);
	fflush(stdout);
}

/* ---- who accepts ---- */

void px_lab_print_accepts(const px_lab_course *course)
{
	px_lab_progress("%s", "");
	printf("\nwho is woken by a new connection, and who gets it: %d sleeping threads\n",
	       LAB_THREADS);
	for (unsigned i = 0; i < ACCEPT_WAYS; i++) {
		const px_lab_accepts *a = &course->accepts[i];
		uint32_t all = 0;

		for (unsigned t = 0; t < LAB_THREADS; t++)
			all += a->taken[t];
		printf("%-30s woken %4.2f for each; taken", a->way,
		       all ? (double)a->woken / all : 0);
		for (unsigned t = 0; t < LAB_THREADS; t++)
			printf(" %" PRIu32, a->taken[t]);
		printf("\n");
	}
	fflush(stdout);
}
