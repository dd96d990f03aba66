/* Files and folders under the tests, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "host_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

int host_file_temp(void)
{
	char name[] = "/tmp/proa-test-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	unlink(name);
	return fd;
}

int host_file_again(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void host_file_close(int fd)
{
	close(fd);
}

bool host_pipe(int fd[2])
{
	if (pipe(fd))
		return false;
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return true;
}

bool host_file_write(int fd, const void *bytes, size_t len, long long at)
{
	return pwrite(fd, bytes, len, (off_t)at) == (ssize_t)len;
}

bool host_file_truncate(int fd, long long size)
{
	return ftruncate(fd, (off_t)size) == 0;
}

const char *host_path_empty(void)
{
	return "/dev/null";
}

const char *host_path_zeros(void)
{
	return "/dev/zero";
}

const char *host_path_full_disk(void)
{
	return "/dev/full";
}

const char *host_path_outside(void)
{
	return "/etc";
}

const char *const *host_path_escapes(void)
{
	static const char *const none[] = {NULL};

	return none;
}

bool host_make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd >= 0 && close(fd) == 0;
}

bool host_make_dir(const char *path)
{
	return mkdir(path, 0700) == 0;
}

bool host_make_link(const char *path, const char *to)
{
	return symlink(to, path) == 0;
}

bool host_make_fifo(const char *path)
{
	return mkfifo(path, 0600) == 0;
}

bool host_remove(const char *path)
{
	return remove(path) == 0;
}

bool host_swap(const char *a, const char *b)
{
#if defined(__linux__) && defined(SYS_renameat2)
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2u /* RENAME_EXCHANGE */) == 0;
#else
	(void)a;
	(void)b;
	return false;
#endif
}

bool host_temp_dir(char *path, size_t bytes)
{
	return snprintf(path, bytes, "/tmp/proa-test-XXXXXX") < (int)bytes && mkdtemp(path);
}
