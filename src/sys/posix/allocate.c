/* Room on the disk, taken before it is written. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <unistd.h>

#ifdef __APPLE__
/* There is a call that takes room, as much at a time as there is together, and changes no size. */
int px_allocate(int fd, int64_t offset, int64_t len)
{
	struct stat st;
	fstore_t room = {.fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE};

	if (fstat(fd, &st))
		return -1;
	if (offset + len <= st.st_size)
		return 0;
	room.fst_length = offset + len - st.st_size;
	return fcntl(fd, F_PREALLOCATE, &room) < 0 ? -1 : ftruncate(fd, offset + len);
}
#elif defined(__OpenBSD__)
/* No call takes room there, and what is in the file already must not be written again for it. */
int px_allocate(int fd, int64_t offset, int64_t len)
{
	(void)fd;
	(void)offset;
	(void)len;
	errno = EOPNOTSUPP;
	return -1;
}
#else
int px_allocate(int fd, int64_t offset, int64_t len)
{
	int error = posix_fallocate(fd, offset, len);

	errno = error;
	return error ? -1 : 0;
}
#endif
