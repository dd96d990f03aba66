/* The seam's calls: processes that are started, what they do before their program, their ends. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam_posix.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- how it works ----
 *
 * Until its program runs, a child counts and fails as its parent does: it has the parent's memory,
 * or the account's at least. Descriptors it opens for itself alone, so they are on no list.
 *
 * kill(2) never fails here: what a close waits for is the end of a program, and one that may not be
 * killed runs on. */

/* A child in this memory, on the thread that waits for its program to begin, is that thread. */
int seam_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	int pid;

	FAIL(fork);
	seam_in_child = true;
	pid = clone(fn, stack, flags, arg);
	seam_in_child = false;
	return pid;
}

pid_t seam_fork(void)
{
	pid_t pid;

	FAIL(fork);
	pid = fork();
	seam_in_child = pid == 0;
	return pid;
}

/* Whose end somebody else has fetched: it is gone all the same. */
pid_t seam_waitpid(pid_t pid, int *status, int flags)
{
	int hit = seam_hit(SEAM_waitpid);
	pid_t got;

	if (hit > 0 && !(hit & SEAM_AFTER)) {
		errno = hit;
		return -1;
	}
	seam_held++;
	got = waitpid(pid, status, flags);
	seam_held--;
	if (got <= 0 || !hit)
		return got;
	errno = hit & ~SEAM_AFTER;
	return -1;
}

/* ---- in the child ---- */

int seam_execve(const char *path, char *const *argv, char *const *env)
{
	FAIL(execve);
	return execve(path, argv, env);
}

int seam_chdir(const char *path)
{
	FAIL(chdir);
	return chdir(path);
}

int seam_setpgid(pid_t pid, pid_t group)
{
	FAIL(setpgid);
	return setpgid(pid, group);
}

pid_t seam_setsid(void)
{
	FAIL(setsid);
	return setsid();
}
