/* The course as JSON, for programs: lab.json. */
/* SPDX-License-Identifier: MIT */
#include "lab/course.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static void text_write(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
	}
	fputc('"', to);
}

static void latency_write(FILE *to, const char *name, const px_hist *hist)
{
	fprintf(to,
	        "\"%s\": {\"count\": %" PRIu64 ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64
	        ", \"p999\": %" PRIu64 ", \"max\": %" PRIu64 "}",
	        name, hist->count, px_hist_percentile(hist, 50), px_hist_percentile(hist, 99),
	        px_hist_percentile(hist, 99.9), hist->max);
}

static void cell_write(FILE *to, const px_lab_cell *c)
{
	fprintf(to, "{\"model\": \"%s\", \"connections\": %" PRIu32 ", \"why\": ", c->model->name,
	        c->connections);
	text_write(to, c->why);
	fprintf(to, ", \"measured\": %s", c->measured ? "true" : "false");
	if (!c->measured)
		return;
	fprintf(to,
	        ",\n  \"connected\": %" PRIu32 ", \"served\": %" PRIu32 ", \"dropped\": %" PRIu32
	        ", \"requests\": %" PRIu64 ", \"ns\": %" PRId64 ", \"cpu_ns\": %" PRIu64 ",\n  ",
	        c->load.connected, c->load.served, c->load.dropped, c->load.requests, c->load.ns,
	        c->cpu_ns);
	latency_write(to, "latency_ns", &c->load.latency);
	fprintf(to,
	        ",\n  \"processes\": %zu, \"threads\": %" PRIu64 ", \"user_kib\": %" PRIu64
	        ", \"kernel_kib\": %" PRIu64,
	        c->processes, c->cost.threads, c->cost.user_kib, c->cost.kernel_kib);
}

static void machine_write(FILE *to, const px_lab_course *course)
{
	struct utsname system;
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof set, &set) ? 0 : CPU_COUNT(&set);

	if (uname(&system))
		memset(&system, 0, sizeof system);
	fprintf(to, "{\"machine\": {\"kernel\": ");
	text_write(to, system.release);
	fprintf(to,
	        ", \"cpus\": %d}, \"message_bytes\": %d, \"seconds\": %.2f,\n\"disk\": %s, "
	        "\"read_ns\": %" PRId64 ", \"disk_ns\": %" PRId64 ", \"name_ns\": %" PRId64 ",\n",
	        cpus, LAB_MESSAGE, course->seconds, course->disk ? "true" : "false",
	        course->read_ns, course->disk_ns, course->name_ns);
}

static void models_write(FILE *to)
{
	fprintf(to, "\"models\": {");
	for (unsigned i = 0; px_lab_models[i]; i++) {
		fprintf(to, "%s\n\"%s\": ", i ? "," : "", px_lab_models[i]->name);
		text_write(to, px_lab_models[i]->about);
	}
	fprintf(to, "},\n");
}

static void accepts_write(FILE *to, const px_lab_course *course)
{
	fprintf(to, "\"accepts\": [");
	for (unsigned i = 0; course->accepted && i < ACCEPT_WAYS; i++) {
		const px_lab_accepts *a = &course->accepts[i];

		fprintf(to, "%s\n{\"way\": \"%s\", \"woken\": %" PRIu32 ", \"taken\": [",
		        i ? "," : "", a->way, a->woken);
		for (unsigned t = 0; t < LAB_THREADS; t++)
			fprintf(to, "%s%" PRIu32, t ? ", " : "", a->taken[t]);
		fprintf(to, "]}");
	}
	fprintf(to, "]}\n");
}

static void course_write(FILE *to, const px_lab_course *course)
{
	machine_write(to, course);
	models_write(to);
	fprintf(to, "\"cells\": [");
	for (size_t i = 0; i < course->cell_count; i++) {
		fprintf(to, "%s\n", i ? "," : "");
		cell_write(to, &course->cells[i]);
		fprintf(to, "}");
	}
	fprintf(to, "],\n\"calls\": [");
	for (size_t i = 0; i < course->calls_count; i++)
		fprintf(to,
		        "%s\n{\"model\": \"%s\", \"connections\": %" PRIu32 ", \"calls\": %.3f}",
		        i ? "," : "", course->calls[i].model->name, course->calls[i].connections,
		        course->calls[i].calls);
	fprintf(to, "],\n\"stalls\": [");
	for (size_t i = 0; i < course->stall_count; i++) {
		fprintf(to, "%s\n", i ? "," : "");
		cell_write(to, &course->stalls[i].cell);
		fprintf(to, ",\n  \"kind\": \"%s\", \"share\": %g, ",
		        px_lab_stall_kind(course->stalls[i].kind), course->stalls[i].marked);
		latency_write(to, "blocked_ns", &course->stalls[i].cell.load.marked_latency);
		fprintf(to, "}");
	}
	fprintf(to, "],\n");
	accepts_write(to, course);
}

bool px_lab_write_json(const px_lab_course *course, const char *folder, char *error, size_t size)
{
	char path[4096];
	FILE *to;

	snprintf(path, sizeof path, "%s/lab.json", folder);
	to = fopen(path, "w");
	if (to)
		course_write(to, course);
	if (to && !fclose(to))
		return true;
	snprintf(error, size, "cannot write '%s': %s", path, strerror(errno));
	return false;
}
