/* File to socket by hand, for files and systems that the kernel does not do it for. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

enum { CHUNK_BYTES = 16384 };

int64_t px_sock_copy_file(int fd, int file, int64_t offset, int64_t count, int32_t *sys_error)
{
	char chunk[CHUNK_BYTES];
	size_t most = (size_t)PX_MIN(count, (int64_t)CHUNK_BYTES);
	int64_t n = px_os_file_read(file, chunk, most, offset, sys_error);

	return n > 0 ? px_sock_send(fd, chunk, (size_t)n, sys_error) : n;
}
