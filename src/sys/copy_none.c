/* Copying between files on systems that have no call for it. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"

int64_t px_os_file_copy(int from, int to, int64_t offset, int64_t len, int32_t *sys_error)
{
	return px_hand_copy(from, to, offset, len, sys_error);
}
