/* Copying between files within the kernel, which may share their blocks; else by hand. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/syscall.h>
#include <unistd.h>

/* That it does not do it for these files: copy_file_range(2). EPERM is what containers say. */
static bool is_refusal(int error)
{
	return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
	       error == EPERM || error == EBADF;
}

/* Files that the kernel makes up as they are read have no size, and none of their bytes are copied:
 * so the end is believed only of read(2). */
int64_t px_os_file_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error)
{
	int64_t at = offset, out = offset;
	long n;

	*sys_error = 0;
	do
		n = syscall(SYS_copy_file_range, (long)from, &at, (long)to, &out,
		            (long)PX_MIN(len, (int64_t)PX_IO_MOST), 0L);
	while (n < 0 && errno == EINTR);
	if (n > 0 || (n == 0 && offset > 0))
		return n;
	if (n == 0 || is_refusal(errno))
		return px_hand_copy(from, to, offset, len, sys_error);
	return px_errno(sys_error);
}
