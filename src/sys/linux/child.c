/* Child processes on Linux: a fork that copies no memory, and a descriptor that tells the end. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/child.h"
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Older headers have no names for these. */
enum { PIDFD_OPEN = 434, CLOSE_RANGE = 436, CLOSE_RANGE_MARK = 4 };
enum { STACK_BYTES = 32 * 1024, FDS_MOST = 1 << 16 };

/* ---- starting ---- */

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

/* The sanitizers believe what a child in the same memory does of the parent. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||       \
	HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer) || \
	HAS_FEATURE(memory_sanitizer)
int64_t px_child_fork(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	return pid;
}
#else
/* In this memory, on a piece of this stack: a process of gigabytes starts another as fast as a
 * small one. No handler may run in the child, hence the mask. */
int64_t px_child_fork(int (*fn)(void *), void *arg)
{
	_Alignas(64) unsigned char stack[STACK_BYTES];
	sigset_t all, before;
	int saved, pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(fn, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}
#endif

/* ESRCH: it has ended, and somebody has heard of it (who ignores SIGCHLD, at once). Then anything
 * that is readable will do, for to ask is what tells. */
int px_child_watch(int64_t pid)
{
	int fd = (int)syscall(PIDFD_OPEN, (pid_t)pid, 0u);

	return fd < 0 && errno == ESRCH ? eventfd(1, EFD_CLOEXEC) : fd;
}

/* ---- in the child ---- */

/* For kernels before 5.11. */
static void mark_each(int first)
{
	struct rlimit limit;
	int end = FDS_MOST;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < (rlim_t)end)
		end = (int)limit.rlim_cur;
	for (int fd = first; fd < end; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void px_child_cloexec_from(int first)
{
	if (syscall(CLOSE_RANGE, (unsigned)first, ~0u, CLOSE_RANGE_MARK))
		mark_each(first);
}

/* By their numbers: the library's functions would have each thread of the parent do the same. */
int px_child_identity(const px_spawn *s)
{
	if (!(s->flags & (PX_SPAWN_UID | PX_SPAWN_GID)))
		return 0;
	if (syscall(SYS_setgroups, (size_t)0, NULL) && errno != EPERM)
		return -1;
	if (s->flags & PX_SPAWN_GID && syscall(SYS_setresgid, s->gid, s->gid, s->gid))
		return -1;
	if (s->flags & PX_SPAWN_UID && syscall(SYS_setresuid, s->uid, s->uid, s->uid))
		return -1;
	return 0;
}
