/* File to socket within the kernel where the system can, each in its own way; else by hand. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* 0 or -1 and errno, and in either case how much it sent: sendfile(2). */
#if defined(__APPLE__)
static int file_send(int fd, int file, off_t offset, off_t count, off_t *sent)
{
	int rc = sendfile(file, fd, offset, &count, NULL, 0);

	*sent = count;
	return rc;
}
#elif defined(__FreeBSD__) || defined(__DragonFly__)
static int file_send(int fd, int file, off_t offset, off_t count, off_t *sent)
{
	*sent = 0;
	return sendfile(file, fd, offset, (size_t)count, NULL, sent, 0);
}
#else
static int file_send(int fd, int file, off_t offset, off_t count, off_t *sent)
{
	PX_UNUSED(fd);
	PX_UNUSED(file);
	PX_UNUSED(offset);
	PX_UNUSED(count);
	*sent = 0;
	errno = EOPNOTSUPP;
	return -1;
}
#endif

/* Is it to be tried by hand? EBUSY: the file's pages are on their way from the disk, and reading
 * them waits for them. ENOTCONN, EPROTOTYPE: the peer has gone or is just going, and a plain send
 * knows a better name for it. The others: not this file, or not this socket. */
static bool by_hand(int error)
{
	switch (error) {
	case EBUSY:
	case ENOTCONN:
	case EPROTOTYPE:
	case EINVAL:
	case EOPNOTSUPP:
#if ENOTSUP != EOPNOTSUPP
	case ENOTSUP:
#endif
	case ENOSYS:
	case ENOTSOCK: return true;
	default: return false;
	}
}

/* Whatever stopped it, what was sent before is told first. */
int64_t px_sock_send_file(int fd, int file, int64_t offset, int64_t count, int32_t *sys_error)
{
	off_t sent;
	int rc;

	*sys_error = 0;
	if (count == 0)
		return 0; /* to sendfile it would be "all" */
	do
		rc = file_send(fd, file, offset, count, &sent);
	while (rc && errno == EINTR && !sent);
	if (!rc || sent > 0)
		return sent;
	if (errno == EAGAIN)
		return PX_AGAIN;
	if (by_hand(errno))
		return px_sock_copy_file(fd, file, offset, count, sys_error);
	return px_errno(sys_error);
}
