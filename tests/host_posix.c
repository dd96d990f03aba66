/* What the test frame asks of the system, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *watchdog_text;

long long host_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

unsigned long host_loopback_ip(void)
{
	unsigned long pid = (unsigned long)getpid();

	return 127UL << 24 | (1 + pid % 250) << 16 | pid / 250 % 250 << 8 | 1;
}

const char *test_loopback(void)
{
	static char text[32];
	unsigned long ip = host_loopback_ip();

	snprintf(text, sizeof text, "127.%lu.%lu.1:0", ip >> 16 & 255, ip >> 8 & 255);
	return text;
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

static void child_run(void (*fn)(void), int err)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	dup2(err, STDERR_FILENO);
	alarm(10);
	fn();
	fflush(NULL);
	_exit(0);
}

int host_dies(void (*fn)(void), char *said, size_t bytes)
{
	int pipe_fds[2], status;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	fflush(NULL);
	if (pipe(pipe_fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child_run(fn, pipe_fds[1]);
	close(pipe_fds[1]);
	while (have + 1 < bytes && (n = read(pipe_fds[0], said + have, bytes - 1 - have)) > 0)
		have += (size_t)n;
	said[have] = '\0';
	close(pipe_fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
