/* The laboratory: the classic ways to serve many connections, as programs and as a course. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_H
#define PX_LAB_H

#include <stdbool.h>
#include <stddef.h>

typedef struct px_lab_options {
	const char *model, *listen;       /* run this one as a server; NULL: the course */
	const char *models, *connections; /* of the course: lists with commas; NULL: all */
	const char *output;               /* a folder for JSON and charts; NULL: none */
	double seconds;                   /* of each measurement; 0: the usual */
	bool list, quick;
} px_lab_options;

/* 0; or an exit status, and one line about it in `error` (empty: it is said already, or it was
 * interrupted). As a server it comes back only when it cannot start. */
int px_lab_run(const px_lab_options *options, char *error, size_t size);

#endif
