/* System calls of a request: the server runs under a tracer for a little while, which counts. */
/* SPDX-License-Identifier: MIT */
#include "lab/cell.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum {
	ROUNDS = 20,
	REQUESTS_MIN = 200,
	REQUESTS_FEW = 50, /* among which the calls of a beginning would count */
	OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
	          PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL
};
/* Of the client; and then, on a machine with much else to do, of the tracer. */
#define RUN_NS   (INT64_C(1500) * 1000000)
#define COUNT_NS (INT64_C(10) * 1000000000)

static bool thread_seize(pid_t tid)
{
	return ptrace(PTRACE_SEIZE, tid, NULL, (void *)OPTIONS) == 0 &&
	       ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0;
}

static bool process_seize(pid_t pid)
{
	char path[64];
	const struct dirent *entry;
	bool seized = true;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	if (!(dir = opendir(path)))
		return false;
	while ((entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		seized = seized && (tid <= 0 || thread_seize(tid));
	}
	closedir(dir);
	return seized;
}

static bool group_seize(pid_t leader)
{
	px_lab_group group = {0};
	bool seized = true;

	px_lab_group_read(&group, leader);
	for (size_t i = 0; i < group.count; i++)
		seized = seized && process_seize(group.pids[i]);
	px_lab_group_free(&group);
	return seized;
}

/* A thread that stopped goes on to its next call, or out of this one: two stops a call. A stop for
 * a signal hands it on; those of the tracer's own making are swallowed. */
static unsigned stop_handle(pid_t tid, int status)
{
	int sig = WSTOPSIG(status);
	bool call = sig == (SIGTRAP | 0x80), event = status >> 16 != 0;

	ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)(call || event ? 0 : sig));
	return call;
}

/* It never sleeps: each stop that waits for us is a server that waits for us. */
static uint64_t stops_count(px_lab_load *load)
{
	int64_t until_ns = px_lab_now_ns() + COUNT_NS;
	uint64_t stops = 0;

	while (atomic_load(&load->phase) != LOAD_DONE && px_lab_now_ns() < until_ns &&
	       !px_lab_stopped) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);

		if (tid > 0 && WIFSTOPPED(status))
			stops += stop_handle(tid, status);
		else
			sched_yield();
	}
	return stops;
}

double px_lab_count(const px_lab_model *model, uint32_t connections)
{
	px_lab_load *load = px_lab_load_new();
	px_lab_server server;
	double calls = -1;

	load->connections = connections;
	load->requests_max = (uint64_t)connections * ROUNDS;
	if (load->requests_max < REQUESTS_MIN)
		load->requests_max = REQUESTS_MIN;
	load->run_ns = RUN_NS;
	if (px_lab_server_start(&server, model)) {
		pid_t client = px_lab_load_start(load, &server);

		load->busy = false; /* the tracer wants that CPU */
		if (px_lab_load_await(load, client, LOAD_WARM) && group_seize(server.pid)) {
			uint64_t stops;

			atomic_store(&load->go, true);
			stops = stops_count(load);
			if (atomic_load(&load->phase) == LOAD_DONE &&
			    load->requests >= REQUESTS_FEW)
				calls = (double)stops / 2 / (double)load->requests;
		}
		kill(client, SIGKILL);
	}
	px_lab_server_stop(&server);
	munmap(load, sizeof *load);
	return calls;
}
