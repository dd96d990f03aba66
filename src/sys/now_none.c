/* Files at once, where the system cannot say what would have to wait: nothing is. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"

bool px_os_file_near(int fd)
{
	PX_UNUSED(fd);
	return false;
}

int64_t px_file_open_now(int dir_fd, const char *path, int32_t *sys_error)
{
	PX_UNUSED(dir_fd);
	PX_UNUSED(path);
	*sys_error = 0;
	return PX_AGAIN;
}

int64_t px_file_read_now(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	PX_UNUSED(fd);
	PX_UNUSED(buf);
	PX_UNUSED(len);
	PX_UNUSED(offset);
	*sys_error = 0;
	return PX_AGAIN;
}

bool px_file_held(int fd, int64_t offset, int64_t len)
{
	PX_UNUSED(fd);
	PX_UNUSED(offset);
	PX_UNUSED(len);
	return false;
}
