/* What a server costs, by its processes: memory, threads, CPU time. From /proc. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_LAB_GROUP_H
#define PX_LAB_GROUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The processes of a process group. */
typedef struct px_lab_group {
	pid_t *pids;
	size_t count, room;
} px_lab_group;

typedef struct px_lab_cost {
	uint64_t threads;
	uint64_t user_kib;   /* resident; what several share is counted once */
	uint64_t kernel_kib; /* page tables, and a kernel stack for each thread */
} px_lab_cost;

void px_lab_group_read(px_lab_group *group, pid_t leader);
void px_lab_group_free(px_lab_group *group);
uint64_t px_lab_group_cpu_ns(const px_lab_group *group); /* so far, all together */
px_lab_cost px_lab_group_cost(const px_lab_group *group);

uint64_t px_lab_memory_free_kib(void); /* of the machine; 0: unknown */

#endif
