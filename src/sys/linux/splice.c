/* From one stream to another within the kernel: the pages are handed on, and not copied. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <fcntl.h>

int px_splice_open(int fd[2], int32_t *sys_error)
{
	return px_pipe_open(fd, false, false, sys_error);
}

/* The flag is about the pipe alone: splice(2). */
int64_t px_splice(int from, int to, int64_t len, int32_t *sys_error)
{
	ssize_t n;

	*sys_error = 0;
	do
		n = splice(from, NULL, to, NULL, (size_t)PX_MIN(len, (int64_t)PX_IO_MOST),
		           SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? PX_AGAIN : px_errno(sys_error);
}
