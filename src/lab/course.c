/* proa lab: one model as a server, or the course through all of them. */
/* SPDX-License-Identifier: MIT */
#include "lab/course.h"

#include "lab/lab.h"
#include "lab/stall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAILED = 2, INTERRUPTED = 130, COUNTS_MAX = 10, CONNECTIONS_MAX = 100000 };
enum { STALL_CONNECTIONS = 50, CALLS_CONNECTIONS = 100 };

typedef struct plan {
	const px_lab_model *models[COURSE_MODELS_MAX];
	uint32_t counts[COUNTS_MAX];
	size_t model_count, count_count;
	bool quick, rest; /* rest: the other parts too, as no models were picked */
	double seconds, stall_seconds;
	const char *output;
} plan;

static px_lab_course course; /* megabytes of histograms */

static bool fail(char *error, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool fail(char *error, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(error, size, format, list);
	va_end(list);
	return false;
}

/* ---- the plan ---- */

static bool models_plan(plan *p, const char *list, char *error, size_t size)
{
	for (unsigned i = 0; !list && px_lab_models[i]; i++)
		p->models[p->model_count++] = px_lab_models[i];
	while (list) {
		size_t len = strcspn(list, ",");
		const px_lab_model *model = px_lab_model_named(list, len);

		if (!model)
			return fail(error, size, "there is no model '%.*s'; --list says which",
			            (int)len, list);
		if (p->model_count == COURSE_MODELS_MAX)
			return fail(error, size, "more than %d models", COURSE_MODELS_MAX);
		p->models[p->model_count++] = model;
		list = list[len] ? list + len + 1 : NULL;
	}
	return true;
}

static bool counts_plan(plan *p, const char *list, char *error, size_t size)
{
	while (list) {
		size_t len = strcspn(list, ",");
		char *end;
		unsigned long n = strtoul(list, &end, 10);

		if (*list < '0' || *list > '9' || end != list + len || !n || n > CONNECTIONS_MAX)
			return fail(error, size,
			            "--connections takes numbers from 1 to %d with commas, "
			            "not '%.*s'",
			            CONNECTIONS_MAX, (int)len, list);
		if (p->count_count == COUNTS_MAX)
			return fail(error, size, "more than %d numbers of connections", COUNTS_MAX);
		p->counts[p->count_count++] = (uint32_t)n;
		list = list[len] ? list + len + 1 : NULL;
	}
	return true;
}

/* At the beginning: not to find out after ten minutes. */
static bool folder_make(const char *folder, char *error, size_t size)
{
	if ((!mkdir(folder, 0777) || errno == EEXIST) && access(folder, W_OK) == 0) {
		struct stat info;

		if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode))
			return true;
		errno = ENOTDIR;
	}
	return fail(error, size, "cannot write to the folder '%s': %s", folder, strerror(errno));
}

static bool plan_make(plan *p, const px_lab_options *o, char *error, size_t size)
{
	const char *counts = o->quick ? "1,100,1000" : "1,10,100,1000,5000,10000";

	*p = (plan){
		.seconds = o->seconds, .output = o->output, .quick = o->quick, .rest = !o->models};
	if (!(p->seconds > 0))
		p->seconds = o->quick ? 0.25 : 1.5;
	p->stall_seconds = p->seconds < 1 ? p->seconds : 1;
	if (!models_plan(p, o->models, error, size) ||
	    !counts_plan(p, o->connections ? o->connections : counts, error, size))
		return false;
	return !o->output || folder_make(o->output, error, size);
}

/* ---- the parts ---- */

static void cells_run(const plan *p)
{
	static px_lab_load orders;

	orders.run_ns = (int64_t)(p->seconds * 1e9);
	px_lab_print_cells_head();
	for (size_t i = 0; i < p->model_count; i++)
		for (size_t k = 0; k < p->count_count && !px_lab_stopped; k++) {
			px_lab_cell *cell = &course.cells[course.cell_count];

			px_lab_progress("%s, %" PRIu32 " connections (%zu of %zu)",
			                p->models[i]->name, p->counts[k], course.cell_count + 1,
			                p->model_count * p->count_count);
			cell->model = p->models[i];
			cell->connections = p->counts[k];
			if (!px_lab_cell_run(cell, &orders))
				break;
			course.cell_count++;
			px_lab_print_cell(cell);
		}
}

static void calls_of(const px_lab_model *model, uint32_t connections)
{
	px_lab_calls *c = &course.calls[course.calls_count++];

	px_lab_progress("%s: system calls", model->name);
	c->model = model;
	c->connections = connections;
	c->calls = px_lab_count(model, connections);
}

/* Of one connection, and of many: what is shared by a batch shows in the difference. */
static void calls_run(const plan *p)
{
	uint32_t many = 1;

	for (size_t k = 0; k < p->count_count; k++)
		if (p->counts[k] <= CALLS_CONNECTIONS && p->counts[k] > many)
			many = p->counts[k];
	for (size_t i = 0; i < p->model_count && !px_lab_stopped; i++) {
		calls_of(p->models[i], 1);
		if (many > 1 && !px_lab_stopped)
			calls_of(p->models[i], many);
	}
	if (!px_lab_stopped)
		px_lab_print_calls(&course);
}

/* How long they take by themselves, in a process that nobody talks to. The servers do as we did. */
static void stalls_time(void)
{
	course.disk = px_lab_stall_open(&course.read_ns);
	setenv(PX_LAB_DISK, course.disk ? "read" : "sleep", 1);
	course.disk_ns = px_lab_stall_ns(STALL_DISK);
	course.name_ns = px_lab_stall_ns(STALL_NAME);
	px_lab_stall_close();
}

static void stalls_run(const plan *p)
{
	static const double all[] = {0, 0.001, 0.01, 0.1}, few[] = {0, 0.01, 0.1};
	const double *shares = p->quick ? few : all;
	static const char kinds[] = {STALL_DISK, STALL_NAME};
	static px_lab_load orders;

	orders.run_ns = (int64_t)(p->stall_seconds * 1e9);
	stalls_time();
	px_lab_print_stalls_head(&course);
	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned i = 0; px_lab_stalls[i]; i++)
			for (unsigned k = 0; k < (p->quick ? 3 : 4) && !px_lab_stopped; k++) {
				px_lab_stalling *s = &course.stalls[course.stall_count];

				orders.mark = s->kind = kinds[kind];
				orders.marked = s->marked = shares[k];
				s->cell.model = px_lab_stalls[i];
				s->cell.connections = STALL_CONNECTIONS;
				px_lab_progress("%s, %g %%", px_lab_stalls[i]->name,
				                shares[k] * 100);
				if (!px_lab_cell_run(&s->cell, &orders))
					break;
				course.stall_count++;
				px_lab_print_stall(s);
			}
}

static void accepts_run(bool quick)
{
	px_lab_progress("who accepts");
	course.accepted = px_lab_accepts_run(course.accepts,
	                                     quick ? ACCEPT_CONNECTIONS / 5 : ACCEPT_CONNECTIONS);
	if (course.accepted)
		px_lab_print_accepts(&course);
}

/* Some answer of a server was wrong: that is no figure, it is a defect. */
static const char *defect(void)
{
	for (size_t i = 0; i < course.cell_count; i++)
		if (*course.cells[i].load.error)
			return course.cells[i].load.error;
	for (size_t i = 0; i < course.stall_count; i++)
		if (*course.stalls[i].cell.load.error)
			return course.stalls[i].cell.load.error;
	return NULL;
}

static void on_stop(int signo)
{
	(void)signo;
	px_lab_stopped = 1;
}

/* Whom our servers leave behind becomes ours, so that everybody is awaited. */
static void course_prepare(void)
{
	struct sigaction stop = {.sa_handler = on_stop};

	px_lab_prepare();
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int course_run(const px_lab_options *o, char *error, size_t size)
{
	plan p;

	if (!plan_make(&p, o, error, size))
		return FAILED;
	course_prepare();
	course.seconds = p.seconds;
	cells_run(&p);
	if (!px_lab_stopped)
		calls_run(&p);
	if (p.rest && !px_lab_stopped)
		stalls_run(&p);
	if (p.rest && !px_lab_stopped)
		accepts_run(p.quick);
	px_lab_progress("%s", "");
	if (px_lab_stopped)
		return INTERRUPTED;
	if (p.output && (!px_lab_write_json(&course, p.output, error, size) ||
	                 !px_lab_write_charts(&course, p.output, error, size)))
		return FAILED;
	return defect() ? fail(error, size, "%s", defect()), 1 : 0;
}

/* ---- one model ---- */

static int model_run(const px_lab_options *o, char *error, size_t size)
{
	const px_lab_model *model = px_lab_model_named(o->model, strlen(o->model));

	if (!model) {
		fail(error, size, "there is no model '%s'; 'proa lab --list' says which", o->model);
		return FAILED;
	}
	if (!o->listen) {
		fail(error, size, "a model needs --listen ADDR:PORT");
		return FAILED;
	}
	px_lab_prepare();
	model->serve(o->listen);
	return 0;
}

static int models_list(void)
{
	for (unsigned i = 0; px_lab_models[i]; i++)
		printf("%-16s %s\n", px_lab_models[i]->name, px_lab_models[i]->about);
	for (unsigned i = 0; px_lab_stalls[i]; i++)
		printf("%-16s %s\n", px_lab_stalls[i]->name, px_lab_stalls[i]->about);
	return 0;
}

int px_lab_run(const px_lab_options *o, char *error, size_t size)
{
	*error = 0;
	if (o->list)
		return models_list();
	if (o->model)
		return model_run(o, error, size);
	if (o->listen) {
		fail(error, size, "--listen needs a model; 'proa lab --list' says which");
		return FAILED;
	}
	return course_run(o, error, size);
}
