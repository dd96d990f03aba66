/* Child processes on the BSDs and macOS: fork, and a kqueue of its own that tells the end. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/child.h"
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/types.h>

#include <sys/event.h>
#include <unistd.h>

enum { FDS_MOST = 1 << 16 };

int64_t px_child_fork(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	return pid;
}

/* A queue can be read, in the eyes of another, when it has an event. */
int px_child_watch(int64_t pid)
{
	struct kevent e = {.ident = (uintptr_t)pid,
	                   .filter = EVFILT_PROC,
	                   .flags = EV_ADD,
	                   .fflags = NOTE_EXIT};
	int fd = kqueue(), saved;

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* ESRCH: it has ended already, on systems that tell so; then anything that is ready will
	 * do. */
	if (!kevent(fd, &e, 1, NULL, 0, NULL))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return errno == ESRCH ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
}

void px_child_cloexec_from(int first)
{
	int end = getdtablesize();

	for (int fd = first; fd < end && fd < FDS_MOST; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int px_child_identity(const px_spawn *s)
{
	if (!(s->flags & (PX_SPAWN_UID | PX_SPAWN_GID)))
		return 0;
	if (setgroups(0, NULL) && errno != EPERM)
		return -1;
	if (s->flags & PX_SPAWN_GID && setgid((gid_t)s->gid))
		return -1;
	return s->flags & PX_SPAWN_UID ? setuid((uid_t)s->uid) : 0;
}
