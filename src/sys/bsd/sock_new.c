/* Sockets made and accepted as macOS can: their flags afterwards, SIGPIPE by an option. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* A fork in between inherits the descriptor, and an exec behind it: there is no way around. */
static int sock_flag(int fd, bool nonblock)
{
	if (fd >= 0 &&
	    (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, nonblock ? O_NONBLOCK : 0)))
		return failed(fd);
	return fd;
}

static int sock_quiet(int fd)
{
#ifdef SO_NOSIGPIPE
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#else
	PX_UNUSED(fd);
	return 0;
#endif
}

int px_sock_new(int family, int type, bool nonblock)
{
	int fd = sock_flag(socket(family, type, 0), nonblock);

	return fd >= 0 && sock_quiet(fd) ? failed(fd) : fd;
}

/* It has its listener's O_NONBLOCK, so that is always said, and its listener's SO_NOSIGPIPE. No
 * option is set here: on one whose peer has closed already macOS refuses it, and what the peer has
 * sent before is still to be read. */
int px_sock_accept_new(int fd, bool nonblock)
{
	int got;

	do
		got = accept(fd, NULL, NULL);
	while (got < 0 && errno == EINTR);
	return sock_flag(got, nonblock);
}

/* accept(2) takes a connection out of the backlog before it looks for a descriptor, and closes it
 * without one. A duplicate needs nothing but one; that the whole system has none left (ENFILE) it
 * does not find. */
int64_t px_sock_accept_probe(int fd, int32_t *sys_error)
{
	int got = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	*sys_error = 0;
	if (got < 0)
		return px_errno(sys_error);
	close(got);
	return 0;
}

/* On one whose peer has closed already it cannot be set; by headers without MSG_NOSIGNAL its sends
 * raise SIGPIPE then. */
void px_sock_quiet(int fd)
{
	sock_quiet(fd);
}

int px_sock_pair_new(int type, int fd[2])
{
	if (socketpair(AF_UNIX, type, 0, fd))
		return -1;
	for (int i = 0; i < 2; i++) {
		fcntl(fd[i], F_SETFD, FD_CLOEXEC);
		sock_quiet(fd[i]);
	}
	return 0;
}
