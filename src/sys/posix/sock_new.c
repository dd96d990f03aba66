/* Sockets made and accepted in one call with both their flags: everywhere but on macOS. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/socket.h>

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

int64_t px_sock_accept_probe(int fd, int32_t *sys_error)
{
	PX_UNUSED(fd);
	*sys_error = 0;
	return 0;
}

void px_sock_quiet(int fd)
{
	PX_UNUSED(fd); /* PX_MSG_QUIET is */
}

int px_sock_pair_new(int type, int fd[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd);
}
