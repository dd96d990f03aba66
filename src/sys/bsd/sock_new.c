/* Sockets made and accepted close-on-exec, non-blocking as wished: in one call where it goes. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef SOCK_CLOEXEC
static int sock_flags(bool nonblock)
{
	return SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
}

int px_sock_new(int family, int type, bool nonblock)
{
	return socket(family, type | sock_flags(nonblock), 0);
}

int px_sock_accept_new(int fd, bool nonblock)
{
	int got;

	do
		got = accept4(fd, NULL, NULL, sock_flags(nonblock));
	while (got < 0 && errno == EINTR);
	return got;
}

void px_sock_quiet(int fd)
{
	PX_UNUSED(fd); /* PX_MSG_QUIET is */
}
#else
/* macOS. A fork between the calls inherits the descriptor, and an exec behind it: there is no way
 * around. An accepted socket has its listener's O_NONBLOCK, so it is always said. */
static int sock_set_up(int fd, bool nonblock)
{
	int on = 1, saved;

	if (fd < 0)
		return fd;
	if (!fcntl(fd, F_SETFD, FD_CLOEXEC) && !fcntl(fd, F_SETFL, nonblock ? O_NONBLOCK : 0) &&
	    !setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int px_sock_new(int family, int type, bool nonblock)
{
	return sock_set_up(socket(family, type, 0), nonblock);
}

/* EINVAL: the peer has reset it already, and nothing can be set on it: accept(2)'s ECONNABORTED. */
int px_sock_accept_new(int fd, bool nonblock)
{
	int got;

	do
		got = accept(fd, NULL, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return got;
	got = sock_set_up(got, nonblock);
	if (got < 0 && errno == EINVAL)
		errno = ECONNABORTED;
	return got;
}

/* Of one that the peer has reset already nothing can be set, but it raises nothing either: its
 * sends end with the error that is waiting. */
void px_sock_quiet(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
}
#endif
