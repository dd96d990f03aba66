/* Opening below a folder on systems whose kernel cannot hold the whole path inside: by walking. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

int px_open_beneath(int dir_fd, const char *path, int oflags, unsigned mode)
{
	return px_open_walk(dir_fd, path, oflags, mode);
}
