/* Floods a relay: one process at both of its ends, which copies no byte itself. */
/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

/* The sources' bytes are pages of a memory file, which the sockets only point at (sendfile), and
 * the sinks drop what has come where it lies (MSG_TRUNC). */

enum { BATCH = 64, FILE_BYTES = 1 << 20, TURN_BYTES = 256 * 1024, MESSAGE = 64 * 1024 };
enum { PATIENCE_SEC = 30 };

static struct {
	px_bench_addr relay, sink;
	unsigned connections;
	double seconds, warmup;
	int watch; /* the relay's process */
	int set, listener, file;
	int *sources;
	unsigned sinks; /* accepted, and not ended */
	uint64_t bytes; /* arrived */
} flood = {.connections = 1, .seconds = 1};

static void set_add(int fd, uint32_t events, bool source)
{
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)(unsigned)fd << 1 | source};

	if (epoll_ctl(flood.set, EPOLL_CTL_ADD, fd, &e))
		px_bench_die("epoll_ctl", errno);
}

/* ---- the relay's CPU time: its own, and of what it has forked ---- */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t tree_ns(pid_t pid)
{
	clockid_t clock;
	int64_t sum = clock_getcpuclockid(pid, &clock) ? 0 : clock_ns(clock);
	char path[96];
	FILE *file;
	int child;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (!(file = fopen(path, "re")))
		return sum;
	while (fscanf(file, "%d", &child) == 1)
		sum += tree_ns(child);
	fclose(file);
	return sum;
}

/* ---- both ends ---- */

static void sink_accept(void)
{
	int fd = accept4(flood.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return; /* gone again */
	flood.sinks++;
	set_add(fd, EPOLLIN, false);
}

static void sink_drop(int fd)
{
	ssize_t n = recv(fd, NULL, TURN_BYTES, MSG_TRUNC);

	if (n > 0) {
		flood.bytes += (uint64_t)n;
	} else if (n == 0 || errno != EAGAIN) { /* one of another run's, or the relay fails */
		close(fd);
		flood.sinks--;
	}
}

static void source_send(int fd)
{
	off_t at = 0;

	if (sendfile(fd, flood.file, &at, TURN_BYTES) < 0 && errno != EAGAIN)
		px_bench_die("flood: sendfile", errno);
}

static int source_open(void)
{
	int fd = socket(flood.relay.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&flood.relay.sa, flood.relay.len) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK))
		px_bench_die("flood: connect", errno);
	return fd;
}

static void turn(void)
{
	struct epoll_event e[BATCH];
	int n = epoll_wait(flood.set, e, BATCH, 100);

	for (int i = 0; i < n; i++) {
		int fd = (int)(e[i].data.u64 >> 1);

		if (fd == flood.listener)
			sink_accept();
		else if (e[i].data.u64 & 1)
			source_send(fd);
		else
			sink_drop(fd);
	}
}

static void turn_until(int64_t at)
{
	while (px_bench_now_ns() < at)
		turn();
}

/* ---- the program ---- */

static void sink_listen(void)
{
	int on = 1;

	flood.listener = socket(flood.sink.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(flood.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(flood.listener, (struct sockaddr *)&flood.sink.sa, flood.sink.len) ||
	    listen(flood.listener, 4096))
		px_bench_die("flood: listen", errno);
	set_add(flood.listener, EPOLLIN, false);
}

static void flood_open(void)
{
	int64_t until = px_bench_now_ns() + PATIENCE_SEC * INT64_C(1000000000);

	flood.set = epoll_create1(EPOLL_CLOEXEC);
	flood.file = memfd_create("flood", MFD_CLOEXEC);
	flood.sources = calloc(flood.connections, sizeof *flood.sources);
	if (!flood.sources || flood.set < 0 || flood.file < 0 || ftruncate(flood.file, FILE_BYTES))
		px_bench_die("flood: open", errno);
	sink_listen();
	for (unsigned i = 0; i < flood.connections; i++) {
		flood.sources[i] = source_open();
		turn();
	}
	while (flood.sinks < flood.connections) {
		turn();
		if (px_bench_now_ns() > until)
			px_bench_fail("flood: not all connections came through the relay");
	}
	for (unsigned i = 0; i < flood.connections; i++) /* not before: it may fork for each */
		set_add(flood.sources[i], EPOLLOUT, true);
}

static void flood_run(void)
{
	int64_t began, server, client, ns;
	uint64_t bytes;
	double seconds;

	turn_until(px_bench_now_ns() + (int64_t)(flood.warmup * 1e9));
	began = px_bench_now_ns();
	server = tree_ns(flood.watch);
	client = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bytes = flood.bytes;
	turn_until(began + (int64_t)(flood.seconds * 1e9));
	ns = px_bench_now_ns() - began;
	server = tree_ns(flood.watch) - server;
	client = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - client;
	bytes = flood.bytes - bytes;
	seconds = (double)ns / 1e9;
	if (flood.sinks < flood.connections)
		px_bench_fail("flood: the relay ended connections");
	printf("{\"errors\": 0, \"requests\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"seconds\": %.6f, \"rps\": %.1f, \"server_ns\": %" PRId64
	       ", \"client_ns\": %" PRId64 "}\n",
	       bytes / MESSAGE, bytes, seconds, (double)bytes / MESSAGE / seconds, server, client);
}

static void option_take(const char *name, const char *value)
{
	if (!strcmp(name, "--connect"))
		flood.relay = px_bench_parse(value);
	else if (!strcmp(name, "--sink"))
		flood.sink = px_bench_parse(value);
	else if (!strcmp(name, "--connections"))
		flood.connections = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(name, "--seconds"))
		flood.seconds = strtod(value, NULL);
	else if (!strcmp(name, "--warmup"))
		flood.warmup = strtod(value, NULL);
	else if (!strcmp(name, "--watch"))
		flood.watch = (int)strtol(value, NULL, 10); /* the first of them */
	else
		px_bench_usage("flood", name);
}

int main(int argc, char **argv)
{
	px_bench_prepare();
	for (int i = 1; i + 1 < argc; i += 2)
		option_take(argv[i], argv[i + 1]);
	if (!flood.relay.len || !flood.sink.len)
		px_bench_usage("flood", "--connect RELAY --sink ADDR:PORT [--connections N] "
		                        "[--seconds S] [--warmup S] [--watch PID]");
	flood_open();
	flood_run();
	return 0;
}
