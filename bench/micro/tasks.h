/* What the measurement of what blocks (tasks.c) asks of a library. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MICRO_TASKS_H
#define BENCH_MICRO_TASKS_H

#include "micro.h"

typedef enum px_task {
	PX_TASK_READ, /* 4 KiB somewhere in a file that is in memory */
	PX_TASK_WRITE,
	PX_TASK_DIRECT_READ, /* with O_DIRECT, past the memory */
	PX_TASK_DIRECT_WRITE,
	PX_TASK_POOL_READ, /* as READ, but by a pool of threads in any case */
	PX_TASK_WORK,      /* a function of nothing, on another thread */
	PX_TASK_LITERAL,   /* "127.0.0.1" to an address */
	PX_TASK_NAME,      /* "localhost", from the hosts file */
	PX_TASK_KINDS
} px_task;

enum { PX_TASK_SLOTS = 16, PX_TASK_BYTES = 4096, PX_TASK_THREADS = 4 };

extern const char px_tasks_name[];

void px_tasks_open(const px_micro_args *args);
/* From here on tasks are of this kind, on the file `fd` if it is one of files. False: it has none
 * such. */
bool px_tasks_kind(px_task kind, int fd);
/* Begins a task. Its end is told by px_tasks_done, which begins the next one in that slot: from
 * within px_tasks_run only. */
void px_tasks_start(unsigned slot);
void px_tasks_run(void); /* until none is left */
void px_tasks_close(void);

/* tasks.c's. `result`: bytes of file tasks, a number of addresses; else not looked at. */
void px_tasks_done(unsigned slot, long result);
void *px_tasks_buffer(unsigned slot);
int64_t px_tasks_offset(void); /* where the next read or write goes */
const char *px_tasks_host(void);

/* ---- for those that have no loop: what they do is the task, one after another ---- */

void px_tasks_queue(unsigned slot);
bool px_tasks_next(unsigned *slot); /* in the order of queueing; false: none */

#endif
