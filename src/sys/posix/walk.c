/* Opening below a folder, component by component, where the kernel cannot hold the path inside. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Stricter than the kernel's way: no link and no ".." at all, not even those that stay inside. A
 * link that is swapped in between cannot be followed, because every step has O_NOFOLLOW and begins
 * at an open folder. */

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* What O_NOFOLLOW says of a link differs (ELOOP, EMLINK, EFTYPE), and with O_DIRECTORY it is "not a
 * folder": told apart, for "denied" is what the caller is promised. */
static bool is_link(int at, const char *name)
{
	struct stat st;

	return !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);
}

/* One component; a link is a way out. */
static int step(int at, const char *name, int oflags, unsigned mode)
{
	int fd, error;

	if (!strcmp(name, ".."))
		return refuse(EACCES);
	fd = openat(at, name, oflags | O_NOFOLLOW, (mode_t)mode);
	if (fd >= 0)
		return fd;
	error = errno;
	if (error == ELOOP || (error != ENOENT && error != EEXIST && is_link(at, name)))
		error = EACCES;
	return refuse(error);
}

static void leave(int fd, int root)
{
	int saved = errno;

	if (fd != root)
		close(fd);
	errno = saved;
}

int px_open_walk(int root, const char *path, int oflags, unsigned mode)
{
	char name[NAME_MAX + 1];
	int at = root, next;

	if (*path == '/')
		return refuse(EACCES);
	for (;;) {
		size_t n = strcspn(path, "/");
		bool last = path[n + strspn(path + n, "/")] == 0;

		if (n > NAME_MAX) {
			leave(at, root);
			return refuse(ENAMETOOLONG);
		}
		memcpy(name, path, n);
		name[n] = 0;
		next = last ? step(at, name, path[n] ? oflags | O_DIRECTORY : oflags, mode)
		            : step(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		leave(at, root);
		if (last || next < 0)
			return next;
		at = next;
		path += n + strspn(path + n, "/");
	}
}
