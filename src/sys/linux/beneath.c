/* Opening below a folder by openat2, which holds the whole path inside; else by walking. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRIES = 16 };

/* EAGAIN: something was renamed meanwhile, so that the kernel could not be sure. EXDEV: the path
 * leads out: openat2(2). */
int px_open_beneath(int dir_fd, const char *path, int oflags, unsigned mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)oflags,
		.mode = oflags & O_CREAT ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return px_open_walk(dir_fd, path, oflags, mode);
	if (fd < 0 && (errno == EXDEV || errno == EAGAIN))
		errno = EACCES;
	return (int)fd;
}
