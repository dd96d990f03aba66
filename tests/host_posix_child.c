/* Child processes under the tests, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "host_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

static bool self_path(char *path, size_t bytes)
{
#ifdef __APPLE__
	uint32_t room = (uint32_t)bytes;

	return !_NSGetExecutablePath(path, &room);
#else
	ssize_t n = readlink("/proc/self/exe", path, bytes - 1);

	if (n < 0)
		n = readlink("/proc/curproc/file", path, bytes - 1);
	if (n > 0)
		path[n] = 0;
	return n > 0;
#endif
}

bool host_beside(const char *name, char *path, size_t bytes)
{
	char *slash;

	if (!self_path(path, bytes) || !(slash = strrchr(path, '/')))
		return false;
	return (size_t)snprintf(slash + 1, bytes - (size_t)(slash + 1 - path), "%s", name) <
	       bytes - (size_t)(slash + 1 - path);
}

void host_children_begin(void)
{
}

bool host_childless(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

void host_bytes(void)
{
}

bool host_folder(char *path, size_t bytes)
{
	return getcwd(path, bytes) != NULL;
}

int host_deaf(void)
{
	struct sigaction now;
	sigset_t blocked;
	int n = 0;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int signo = 1; signo < 32; signo++)
		n += sigismember(&blocked, signo) == 1 ||
		     (!sigaction(signo, NULL, &now) && now.sa_handler == SIG_IGN);
	return n;
}

bool host_is_leader(void)
{
	return getpgrp() == getpid();
}

unsigned host_user(void)
{
	return getuid();
}
