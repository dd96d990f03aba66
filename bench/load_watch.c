/* What the server and this process use while the load generator counts. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WATCHED_MAX = 64 };

static struct {
	pid_t pids[WATCHED_MAX];
	clockid_t clocks[WATCHED_MAX];
	unsigned count;
} watched;

void px_load_watch(const char *pids)
{
	while (*pids) {
		char *end;
		long pid = strtol(pids, &end, 10);

		if (end == pids || (*end && *end != ',') || pid <= 0 ||
		    watched.count == WATCHED_MAX ||
		    clock_getcpuclockid((pid_t)pid, &watched.clocks[watched.count]))
			px_bench_die(pids, EINVAL);
		watched.pids[watched.count++] = (pid_t)pid;
		pids = *end ? end + 1 : end;
	}
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Adds what a status file says of the two kinds of context switches. */
static void switches_add(const char *path, px_load_usage *u)
{
	FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof line, file)) {
		uint64_t n;

		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1)
			u->slept += n;
		else if (sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &n) == 1)
			u->preempted += n;
	}
	if (file)
		fclose(file);
}

/* Every thread has its own; the process's file tells the first one's. */
static void threads_add(pid_t pid, px_load_usage *u)
{
	char path[320];
	DIR *dir;
	struct dirent *entry;

	snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%ld/task/%s/status", (long)pid, entry->d_name);
		switches_add(path, u);
	}
	if (dir)
		closedir(dir);
}

void px_load_use(px_load_usage *u)
{
	*u = (px_load_usage){.client_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
	for (unsigned i = 0; i < watched.count; i++)
		u->server_ns += clock_ns(watched.clocks[i]);
	for (unsigned i = 0; i < watched.count; i++)
		threads_add(watched.pids[i], u);
}
