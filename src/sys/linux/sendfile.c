/* File to socket within the kernel, and by hand for files that it does not take. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_BYTES = 16384, MOST_BYTES = 0x7ffff000 }; /* the most one call moves: sendfile(2) */

static int64_t copy_some(int fd, int file, int64_t offset, size_t count, int32_t *sys_error)
{
	char chunk[CHUNK_BYTES];
	int64_t n = px_file_read(file, chunk, PX_MIN(count, sizeof chunk), offset, sys_error);

	return n > 0 ? px_sock_send(fd, chunk, (size_t)n, sys_error) : n;
}

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
		return copy_some(fd, file, offset, most, sys_error);
	return px_errno(sys_error);
}
