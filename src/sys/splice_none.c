/* Systems that move nothing from one stream to another. */
/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

int px_splice_open(int fd[2], int32_t *sys_error)
{
	PX_UNUSED(fd);
	*sys_error = 0;
	return -PROA_ENOTSUP;
}

int64_t px_splice(int from, int to, int64_t len, int32_t *sys_error)
{
	PX_UNUSED(from);
	PX_UNUSED(to);
	PX_UNUSED(len);
	*sys_error = 0;
	return -PROA_ENOTSUP;
}
