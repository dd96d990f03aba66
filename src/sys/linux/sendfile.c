/* File to socket within the kernel, and by hand for files that it does not take. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_BYTES = 0x7ffff000 }; /* the most one call moves: sendfile(2) */

int64_t px_sock_send_file(int fd, int file, int64_t offset, int64_t count, int32_t *sys_error)
{
	size_t most = (size_t)PX_MIN(count, MOST_BYTES);
	ssize_t n;

	*sys_error = 0;
	do {
		off_t from = offset;
		n = sendfile(fd, file, &from, most);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return PX_AGAIN;
	if (errno == EINVAL || errno == ENOSYS)
		return px_sock_copy_file(fd, file, offset, count, sys_error);
	return px_errno(sys_error);
}
