/* The course as pictures: SVG, drawn by gnuplot where it is installed. */
/* SPDX-License-Identifier: MIT */
#include "lab/course.h"
#include "lab/stall.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef double value_of(const px_lab_cell *);

static double rate_of(const px_lab_cell *c)
{
	return c->load.ns > 0 ? (double)c->load.requests * 1e9 / (double)c->load.ns : 0;
}

static double p99_of(const px_lab_cell *c)
{
	return (double)px_hist_percentile(&c->load.latency, 99) / 1000;
}

static double memory_of(const px_lab_cell *c)
{
	return (double)(c->cost.user_kib + c->cost.kernel_kib) / 1024;
}

static double threads_of(const px_lab_cell *c)
{
	return (double)c->cost.threads;
}

static const struct chart {
	const char *file, *title, *unit;
	value_of *value;
} charts[] = {
	{"throughput", "Requests a second", "requests/s", rate_of},
	{"p99", "Slowest hundredth of the answers (p99)", "microseconds", p99_of},
	{"memory", "Memory of the server, kernel stacks and page tables included", "MiB",
         memory_of},
	{"threads", "Threads of the server, those of all its processes", "threads", threads_of},
};

/* False: there is nothing to draw. Without a model, any; without a file, only the answer.
 *
 * gnuplot reads a series as lines of x and y, up to an "e". A model that did not serve everybody at
 * a count has no point there: its figure would flatter it. */
static bool series_write(FILE *to, const px_lab_course *course, const px_lab_model *model,
                         value_of *value)
{
	bool any = false;

	for (size_t i = 0; i < course->cell_count; i++) {
		const px_lab_cell *c = &course->cells[i];

		if ((model && c->model != model) || !c->measured ||
		    c->load.served < c->connections || !(value(c) > 0))
			continue;
		any = true;
		if (to)
			fprintf(to, "%" PRIu32 " %g\n", c->connections, value(c));
	}
	if (to && any)
		fprintf(to, "e\n");
	return any;
}

/* Models of one family share a colour; the dashes tell them apart. */
static const char *colour_of(const px_lab_model *model)
{
	static const struct {
		const char *begin, *colour;
	} families[] = {
		{"proa", "#d62728"},   {"uring", "#9467bd"}, {"epoll", "#1f77b4"},
		{"select", "#2ca02c"}, {"poll", "#2ca02c"},
	};

	for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
		if (!strncmp(model->name, families[i].begin, strlen(families[i].begin)) &&
		    strcmp(model->name, "pool"))
			return families[i].colour;
	return "#ff7f0e";
}

static void head_write(FILE *to, const char *file, const char *title, const char *unit)
{
	fprintf(to,
	        "reset\nset terminal svg noenhanced size 900,540 font 'sans,12'"
	        " background '#ffffff'\n"
	        "set output '%s.svg'\nset title \"%s\"\nset ylabel \"%s\"\n"
	        "set grid ytics\nset key outside right top\nset border 3\nset tics nomirror\n",
	        file, title, unit);
}

static void chart_write(FILE *to, const px_lab_course *course, const struct chart *chart)
{
	const char *comma = "";

	if (!series_write(NULL, course, NULL, chart->value))
		return;
	head_write(to, chart->file, chart->title, chart->unit);
	fprintf(to, "set xlabel \"connections\"\nset logscale xy\nset xrange [0.8:13000]\nplot ");
	for (unsigned i = 0; px_lab_models[i]; i++)
		if (series_write(NULL, course, px_lab_models[i], chart->value)) {
			fprintf(to,
			        "%s'-' with linespoints lc rgb '%s' lw 1.5 dt %u pt %u title '%s'",
			        comma, colour_of(px_lab_models[i]), 1 + i % 4, 1 + i,
			        px_lab_models[i]->name);
			comma = ", ";
		}
	fprintf(to, "\n");
	for (unsigned i = 0; px_lab_models[i]; i++)
		series_write(to, course, px_lab_models[i], chart->value);
}

/* ---- what blocks ---- */

static void stall_series_write(FILE *to, const px_lab_course *course, const px_lab_model *model,
                               char kind, double percent)
{
	static const double none_at = 0.01; /* a share of 0 has no place on this axis */

	for (size_t i = 0; i < course->stall_count; i++) {
		const px_lab_stalling *s = &course->stalls[i];

		if (s->cell.model == model && s->kind == kind && s->cell.measured)
			fprintf(to, "%g %g\n", s->marked > 0 ? s->marked * 100 : none_at,
			        (double)px_hist_percentile(&s->cell.load.latency, percent) / 1000);
	}
	fprintf(to, "e\n");
}

static void stalls_write(FILE *to, const px_lab_course *course, char kind)
{
	static const double percents[] = {50, 99};
	const char *comma = "";
	char file[32];

	snprintf(file, sizeof file, "stalls-%s", px_lab_stall_kind(kind));
	head_write(to, file,
	           kind == STALL_DISK ? "Some messages wait for the disk: the others"
	                              : "Some messages wait for a name server: the others",
	           "microseconds");
	fprintf(to, "set xlabel \"messages that block, percent\"\nset logscale xy\n"
	            "set xrange [0.007:14]\n"
	            "set xtics ('0' 0.01, '0.1' 0.1, '1' 1, '10' 10)\nplot ");
	for (unsigned i = 0; px_lab_stalls[i]; i++)
		for (unsigned p = 0; p < 2; p++, comma = ", ")
			fprintf(to,
			        "%s'-' with linespoints lw 1.5 lc %u dt %u pt %u title '%s p%g'",
			        comma, 1 + i, 2 - p, 5 + 2 * p, px_lab_stalls[i]->name,
			        percents[p]);
	fprintf(to, "\n");
	for (unsigned i = 0; px_lab_stalls[i]; i++)
		for (unsigned p = 0; p < 2; p++)
			stall_series_write(to, course, px_lab_stalls[i], kind, percents[p]);
}

/* ---- gnuplot ---- */

/* Runs in the folder, so that no name has to be quoted. Its input, or NULL. */
static FILE *gnuplot_start(const char *folder, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) || (*pid = fork()) < 0)
		return NULL;
	if (*pid == 0) {
		px_lab_end_with_parent();
		/* It warns of axes that it widens by itself. */
		if (dup2(ends[0], 0) == 0 && !chdir(folder) && freopen("/dev/null", "w", stderr))
			execlp("gnuplot", "gnuplot", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	return fdopen(ends[1], "w");
}

bool px_lab_write_charts(const px_lab_course *course, const char *folder, char *error, size_t size)
{
	pid_t pid = -1;
	FILE *to = gnuplot_start(folder, &pid);
	int status = 1;

	for (unsigned i = 0; to && course->cell_count && i < sizeof charts / sizeof *charts; i++)
		chart_write(to, course, &charts[i]);
	if (to && course->stall_count) {
		stalls_write(to, course, STALL_DISK);
		stalls_write(to, course, STALL_NAME);
	}
	if (to)
		fclose(to);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		px_lab_say("no charts: gnuplot is not installed");
	else if (status)
		snprintf(error, size, "no charts: gnuplot failed");
	return !status || !*error;
}
