/* What this machine can do: each backend, each io_uring feature, sizes and limits. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_DOCTOR_H
#define PROA_DOCTOR_H
#include "proa/base.h"
PROA_C_BEGIN

typedef struct proa_doctor_item {
	char name[32];
	bool works;
	char why[160]; /* why not; or, if it works, what is to be known about it; may be empty */
} proa_doctor_item;

typedef struct proa_doctor_report {
	size_t size; /* in: sizeof it, or 0 */
	size_t op_bytes, handle_bytes;
	unsigned backends, features;
	proa_doctor_item backend[8];  /* in order of preference */
	proa_doctor_item feature[48]; /* of io_uring */
	char chosen[32];              /* what a loop gets by default */
	int64_t files_max;            /* descriptors */
	int64_t memlock_bytes;        /* -1 unlimited */
	unsigned cpus;
	char system[128]; /* "Linux 6.18 x86_64" */
} proa_doctor_report;

/* Opens and closes each backend to see; takes some milliseconds. Any thread. */
PROA_API void proa_doctor(proa_doctor_report *report);

PROA_C_END
#endif
