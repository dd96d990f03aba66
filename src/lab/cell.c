/* One measurement: a server and its client, each a process on a CPU of its own. */
/* SPDX-License-Identifier: MIT */
#include "lab/cell.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 5000, LOOK_US = 5000 };
#define PHASE_NS      (INT64_C(60) * 1000000000)
/* Where waiting is of no use by design, it is short. */
#define QUIET_NS      INT64_C(5000000000)
#define WALL_QUIET_NS INT64_C(400000000)

volatile sig_atomic_t px_lab_stopped;

/* ---- CPUs ---- */

static bool cpus_find(size_t cpus[2])
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof set, &set))
		return false;
	for (size_t cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	return found == 2;
}

static void pin(bool server)
{
	size_t cpus[2];
	cpu_set_t set;

	if (!cpus_find(cpus))
		return;
	CPU_ZERO(&set);
	CPU_SET(cpus[!server], &set);
	sched_setaffinity(0, sizeof set, &set);
}

/* ---- the server ---- */

static _Noreturn void server_exec(const px_lab_model *model, const int out[2], const int said[2])
{
	setpgid(0, 0);
	px_lab_end_with_parent();
	pin(true);
	dup2(out[1], 1);
	dup2(said[1], 2);
	execl("/proc/self/exe", "proa", "lab", model->name, "--listen", "127.0.0.1:0",
	      (char *)NULL);
	px_lab_die("/proc/self/exe", errno);
}

/* A line from a pipe, in so many milliseconds. */
static bool line_read(int fd, char *line, size_t size, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && poll(&ready, 1, ms) == 1 && (n = read(fd, line + len, 1)) == 1 &&
	       line[len] != '\n')
		len++;
	line[len] = 0;
	return len > 0;
}

static void word_read(px_lab_server *server)
{
	char line[200];

	if (*server->word || !line_read(server->said, line, sizeof line, 0))
		return;
	snprintf(server->word, sizeof server->word, "%s",
	         strncmp(line, "proa: ", 6) ? line : line + 6);
}

bool px_lab_server_start(px_lab_server *server, const px_lab_model *model)
{
	static const char hello[] = "listening ";
	int out[2], said[2];
	char line[sizeof server->addr + sizeof hello - 1];

	*server = (px_lab_server){.model = model, .out = -1, .said = -1};
	if (pipe(out) || pipe(said) || (server->pid = fork()) < 0)
		px_lab_die("cannot start a server", errno);
	if (!server->pid)
		server_exec(model, out, said);
	setpgid(server->pid, server->pid);
	close(out[1]);
	close(said[1]);
	server->out = out[0];
	server->said = said[0];
	if (line_read(out[0], line, sizeof line, START_MS) &&
	    !strncmp(line, hello, sizeof hello - 1)) {
		memcpy(server->addr, line + sizeof hello - 1, sizeof server->addr);
		return true;
	}
	if (line_read(said[0], line, sizeof line, 100))
		snprintf(server->word, sizeof server->word, "%s", line);
	else
		snprintf(server->word, sizeof server->word, "the server does not start");
	return false;
}

/* Its processes are ours when their parents are gone (we are a subreaper), so waiting for anybody
 * until there is nobody misses none. */
void px_lab_server_stop(px_lab_server *server)
{
	kill(-server->pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		continue;
	word_read(server);
	close(server->out);
	close(server->said);
}

/* ---- the client ---- */

px_lab_load *px_lab_load_new(void)
{
	px_lab_load *load = mmap(NULL, sizeof *load, PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (load == MAP_FAILED)
		px_lab_die("memory", errno);
	return load;
}

pid_t px_lab_load_start(px_lab_load *load, const px_lab_server *server)
{
	pid_t pid;
	size_t cpus[2];

	load->busy = cpus_find(cpus);
	load->quiet_ns = server->model->wall ? WALL_QUIET_NS : QUIET_NS;
	snprintf(load->addr, sizeof load->addr, "%s", server->addr);
	if ((pid = fork()) < 0)
		px_lab_die("cannot start a client", errno);
	if (pid)
		return pid;
	signal(SIGINT, SIG_IGN); /* the course ends us */
	signal(SIGTERM, SIG_DFL);
	px_lab_end_with_parent();
	pin(false);
	px_lab_load_run(load);
	_exit(*load->error != 0);
}

bool px_lab_load_await(px_lab_load *load, pid_t client, px_lab_phase phase)
{
	int64_t until_ns = px_lab_now_ns() + PHASE_NS + load->run_ns;

	while (!px_lab_stopped && !*load->error && px_lab_now_ns() < until_ns) {
		if (atomic_load(&load->phase) >= (int)phase)
			return true;
		if (waitpid(client, NULL, WNOHANG) == client)
			break;
		usleep(LOOK_US);
	}
	return false;
}

void px_lab_load_end(px_lab_load *load, pid_t client)
{
	atomic_store(&load->leave, true);
	while (!px_lab_stopped && waitpid(client, NULL, WNOHANG) == 0)
		usleep(LOOK_US);
	kill(client, SIGKILL);
}

/* ---- a cell ---- */

/* What cannot be tried without harm to the machine is said instead. */
static bool fits(px_lab_cell *cell)
{
	uint64_t kib = (uint64_t)cell->connections * cell->model->kib_each;
	uint64_t spare = px_lab_memory_free_kib();
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files) && cell->connections + 64 > files.rlim_max)
		snprintf(cell->why, sizeof cell->why, "the limit of descriptors is %llu",
		         (unsigned long long)files.rlim_max);
	else if (spare && kib > spare / 2)
		snprintf(cell->why, sizeof cell->why,
		         "would take about %llu MiB of memory, %llu are free",
		         (unsigned long long)kib / 1024, (unsigned long long)spare / 1024);
	return !*cell->why;
}

static void measure(px_lab_cell *cell, px_lab_load *load, px_lab_server *server)
{
	px_lab_group group = {0};
	pid_t client = px_lab_load_start(load, server);
	uint64_t cpu_ns = 0;

	if (px_lab_load_await(load, client, LOAD_WARM)) {
		px_lab_group_read(&group, server->pid);
		cpu_ns = px_lab_group_cpu_ns(&group);
		atomic_store(&load->go, true);
		if (px_lab_load_await(load, client, LOAD_DONE)) {
			cell->cpu_ns = px_lab_group_cpu_ns(&group) - cpu_ns;
			cell->cost = px_lab_group_cost(&group);
			cell->processes = group.count;
			cell->measured = true;
		}
	}
	px_lab_group_free(&group);
	px_lab_load_end(load, client);
}

static void reason_say(px_lab_cell *cell, const px_lab_server *server)
{
	const char *why = *server->word ? server->word : cell->model->wall;

	if (*cell->load.error)
		why = cell->load.error;
	else if (cell->measured && cell->load.served == cell->connections)
		return;
	snprintf(cell->why, sizeof cell->why, "%s", why ? why : "no answer");
}

bool px_lab_cell_run(px_lab_cell *cell, const px_lab_load *orders)
{
	px_lab_server server;
	px_lab_load *load;

	if (!fits(cell))
		return true;
	load = px_lab_load_new();
	memcpy(load, orders, sizeof *load);
	load->connections = cell->connections;
	if (px_lab_server_start(&server, cell->model))
		measure(cell, load, &server);
	px_lab_server_stop(&server);
	memcpy(&cell->load, load, sizeof *load);
	reason_say(cell, &server);
	munmap(load, sizeof *load);
	return !px_lab_stopped;
}
