/* What the course found, for those who print it. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_COURSE_H
#define PX_LAB_COURSE_H

#include "lab/accepts.h"
#include "lab/cell.h"

enum { COURSE_CELLS_MAX = 400, COURSE_STALLS_MAX = 24, COURSE_MODELS_MAX = 32 };

/* A part of the messages blocks: what the others see of it. */
typedef struct px_lab_stalling {
	px_lab_cell cell;
	char kind;     /* stall.h */
	double marked; /* share of the messages */
} px_lab_stalling;

typedef struct px_lab_calls {
	const px_lab_model *model;
	uint32_t connections;
	double calls; /* a request; < 0: not counted */
} px_lab_calls;

typedef struct px_lab_course {
	double seconds;
	px_lab_cell cells[COURSE_CELLS_MAX];
	px_lab_calls calls[2 * COURSE_MODELS_MAX];
	px_lab_stalling stalls[COURSE_STALLS_MAX];
	px_lab_accepts accepts[ACCEPT_WAYS];
	size_t cell_count, calls_count, stall_count;
	bool accepted;            /* accepts was filled in */
	bool disk;                /* reads are reads; else they are sleeps */
	int64_t read_ns;          /* how long a read of the disk takes; 0: not to be had */
	int64_t disk_ns, name_ns; /* how long each that blocks takes */
} px_lab_course;

/* ---- table.c: a line for each, as it comes ---- */
void px_lab_print_cells_head(void);
void px_lab_print_cell(const px_lab_cell *cell);
void px_lab_print_calls(const px_lab_course *course);
void px_lab_print_stalls_head(const px_lab_course *course);
void px_lab_print_stall(const px_lab_stalling *stall);
void px_lab_print_accepts(const px_lab_course *course);
/* On a terminal only, on stderr; NULL: nothing any more. */
void px_lab_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *px_lab_stall_kind(char kind);

/* ---- json.c, chart.c: false, and a line in `error`, if it cannot be written ---- */
bool px_lab_write_json(const px_lab_course *course, const char *folder, char *error, size_t size);
bool px_lab_write_charts(const px_lab_course *course, const char *folder, char *error, size_t size);

#endif
