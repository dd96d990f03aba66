/* What the tests ask of the system, on POSIX: what there is, time, this process and its limits. */
/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "host_file.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* An emulator does not hand on each option of a socket. */
static bool groups_by_number(void)
{
	bool can = false;
#ifdef MCAST_JOIN_GROUP
	struct ip_mreqn any = {.imr_ifindex = 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	can = !setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &any, sizeof any);
	close(fd);
#endif
	return can;
}

static bool can_swap(void)
{
	char a[] = "/tmp/proa-test-XXXXXX", b[] = "/tmp/proa-test-XXXXXX";
	bool can = mkdtemp(a) && mkdtemp(b) && host_swap(a, b);

	host_remove(a);
	host_remove(b);
	return can;
}

const char *host_lacks(host_feature feature)
{
	if (feature == HOST_SWAP && !can_swap())
		return "no two names change places by one call";
	if (feature == HOST_GROUPS && !groups_by_number())
		return "groups are not joined by the number of an interface";
#ifdef __APPLE__
	if (feature == HOST_MSG)
		return "no local sockets that connect and keep messages";
#endif
#ifndef __linux__
	if (feature == HOST_ABSTRACT)
		return "names of local sockets are paths here";
	if (feature == HOST_FULL_DISK)
		return "no file that is always full";
	if (feature == HOST_REUSEPORT)
		return "the system does not spread connections over the listeners of a port";
#endif
#ifdef PX_KQUEUE
	if (feature == HOST_WATCH_LOG)
		return "changes are found by comparing, and none waits";
#endif
	return NULL;
}

int host_slowness(void)
{
	return 1;
}

/* ---- time ---- */

/* The library's own clock, for what is compared with it is a difference of a few microseconds. */
#ifdef __APPLE__
#define CLOCK CLOCK_MONOTONIC_RAW
#else
#define CLOCK CLOCK_MONOTONIC
#endif

long long host_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void host_sleep_us(unsigned long us)
{
	struct timespec t = {.tv_sec = (time_t)(us / 1000000),
	                     .tv_nsec = (long)(us % 1000000) * 1000};

	while (nanosleep(&t, &t) < 0)
		; /* the rest */
}

void host_yield(void)
{
	sched_yield();
}

/* ---- this process ---- */

unsigned host_pid(void)
{
	return (unsigned)getpid();
}

long host_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long n = -3; /* ".", ".." and the folder's own */

	if (!dir && !(dir = opendir("/dev/fd")))
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

void host_setenv(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static const char *watchdog_text;

/* In a signal handler: only write and _exit. */
static void watchdog_bite(int sig)
{
	ssize_t ignored = write(STDERR_FILENO, watchdog_text, strlen(watchdog_text));

	(void)sig;
	(void)ignored;
	_exit(1);
}

void host_watchdog(int seconds, const char *text)
{
	watchdog_text = text;
	signal(SIGALRM, watchdog_bite);
	alarm((unsigned)seconds);
}

/* ---- limits ---- */

enum { EATEN = 1024 };
static struct rlimit limit_before;
static int eaten[EATEN], n_eaten;

unsigned long host_descriptors_max(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur == RLIM_INFINITY ? 1000000 : (unsigned long)limit.rlim_cur;
}

void host_limit_low(unsigned spare)
{
	struct rlimit low;
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, &limit_before);
	low = limit_before;
	low.rlim_cur = (rlim_t)next + spare;
	if (setrlimit(RLIMIT_NOFILE, &low) < 0)
		abort();
}

void host_limit_back(void)
{
	setrlimit(RLIMIT_NOFILE, &limit_before);
}

void host_exhaust(void)
{
	for (n_eaten = 0; n_eaten < EATEN && (eaten[n_eaten] = dup(0)) >= 0; n_eaten++)
		;
}

void host_relieve(void)
{
	while (n_eaten)
		close(eaten[--n_eaten]);
}
