/* What a server costs, by its processes: memory, threads, CPU time. From /proc. */
/* SPDX-License-Identifier: MIT */
#include "lab/group.h"

#include "lab/model.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The number behind `name` in a file of lines "Name: number"; 0 if there is none. */
static uint64_t field(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	size_t len = strlen(name);
	uint64_t value = 0;
	char line[256];

	if (!file)
		return 0;
	while (!value && fgets(line, sizeof line, file))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtoull(line + len + 1, NULL, 10);
	fclose(file);
	return value;
}

static uint64_t field_of(pid_t pid, const char *file, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	return field(path, name);
}

/* The fourth and fifth words of stat; the second is the program's name, and may hold anything. */
static pid_t group_of(pid_t pid)
{
	char path[64], line[512];
	const char *behind;
	int group = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (!(file = fopen(path, "r")))
		return 0;
	if (fgets(line, sizeof line, file) && (behind = strrchr(line, ')')) &&
	    sscanf(behind + 1, " %*c %*d %d", &group) != 1)
		group = 0;
	fclose(file);
	return group;
}

static void group_add(px_lab_group *group, pid_t pid)
{
	if (group->count == group->room) {
		group->room = group->room ? 2 * group->room : 64;
		group->pids = realloc(group->pids, group->room * sizeof *group->pids);
		if (!group->pids)
			px_lab_die("processes", ENOMEM);
	}
	group->pids[group->count++] = pid;
}

void px_lab_group_read(px_lab_group *group, pid_t leader)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;

	group->count = 0;
	if (!dir)
		px_lab_die("/proc", errno);
	while ((entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && group_of(pid) == leader)
			group_add(group, pid);
	}
	closedir(dir);
}

void px_lab_group_free(px_lab_group *group)
{
	free(group->pids);
	*group = (px_lab_group){0};
}

uint64_t px_lab_group_cpu_ns(const px_lab_group *group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < group->count; i++) {
		struct timespec ts;
		clockid_t clock;

		if (!clock_getcpuclockid(group->pids[i], &clock) && !clock_gettime(clock, &ts))
			sum += (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return sum;
}

/* The kernel's constant, told by how much all threads of the machine have. */
static uint64_t kernel_stack_kib(void)
{
	uint64_t all = field("/proc/meminfo", "KernelStack"), threads = 0;
	FILE *file = fopen("/proc/loadavg", "r");

	if (!file)
		return 0;
	if (fscanf(file, "%*s %*s %*s %*d/%" SCNu64, &threads) != 1)
		threads = 0;
	fclose(file);
	return threads ? (all + threads / 2) / threads : 0;
}

px_lab_cost px_lab_group_cost(const px_lab_group *group)
{
	px_lab_cost cost = {0};

	for (size_t i = 0; i < group->count; i++) {
		pid_t pid = group->pids[i];

		cost.threads += field_of(pid, "status", "Threads");
		cost.kernel_kib += field_of(pid, "status", "VmPTE");
		cost.user_kib += field_of(pid, "smaps_rollup", "Pss");
	}
	cost.kernel_kib += cost.threads * kernel_stack_kib();
	return cost;
}

uint64_t px_lab_memory_free_kib(void)
{
	return field("/proc/meminfo", "MemAvailable");
}
