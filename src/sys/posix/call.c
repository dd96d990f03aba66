/* Names, and what a file is: the calls behind px_file_call. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each returns 0 or more, or -1 and errno. `at`: where relative paths begin. */
typedef int64_t call_fn(const px_call_args *a, int at);

static int64_t call_stat(const px_call_args *a, int at)
{
	struct stat st;
	int rc = fstatat(at, a->path, &st, a->call == PX_CALL_LSTAT ? AT_SYMLINK_NOFOLLOW : 0);

	if (rc == 0)
		px_stat_fill(a->out, &st);
	return rc;
}

/* As whom the process acts, and not as whom it was started. */
static int64_t call_access(const px_call_args *a, int at)
{
	int how = F_OK;

	how |= a->mode & PROA_A_READ ? R_OK : 0;
	how |= a->mode & PROA_A_WRITE ? W_OK : 0;
	how |= a->mode & PROA_A_EXEC ? X_OK : 0;
	return faccessat(at, a->path, how, AT_EACCESS);
}

static int64_t call_rename(const px_call_args *a, int at)
{
	return renameat(at, a->path, at, a->to);
}

/* Of a symbolic link, itself. */
static int64_t call_link(const px_call_args *a, int at)
{
	return linkat(at, a->path, at, a->to, 0);
}

static int64_t call_symlink(const px_call_args *a, int at)
{
	return symlinkat(a->to, at, a->path);
}

/* What fills the room may have been cut. */
static int64_t call_readlink(const px_call_args *a, int at)
{
	ssize_t n = readlinkat(at, a->path, a->out, a->len);

	if (n >= 0 && (size_t)n < a->len)
		((char *)a->out)[n] = 0;
	return n >= 0 && (size_t)n >= a->len ? -PROA_ETOOLONG : n;
}

/* POSIX says EPERM of a folder, Linux EISDIR. */
static int64_t call_unlink(const px_call_args *a, int at)
{
	struct stat st;
	int rc = unlinkat(at, a->path, 0), error = errno;

	if (rc < 0 && error == EPERM && !fstatat(at, a->path, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISDIR(st.st_mode))
		error = EISDIR;
	errno = error;
	return rc;
}

static int64_t call_mkdir(const px_call_args *a, int at)
{
	return mkdirat(at, a->path, (mode_t)a->mode);
}

/* POSIX lets it be either. */
static int64_t call_rmdir(const px_call_args *a, int at)
{
	int rc = unlinkat(at, a->path, AT_REMOVEDIR);

	if (rc < 0 && errno == EEXIST)
		errno = ENOTEMPTY;
	return rc;
}

static int64_t call_chmod(const px_call_args *a, int at)
{
	return a->path ? fchmodat(at, a->path, (mode_t)a->mode, 0) : fchmod(a->fd, (mode_t)a->mode);
}

static struct timespec time_of(int64_t ns)
{
	struct timespec t = {.tv_nsec = UTIME_OMIT};
	int64_t rest = ns % PROA_SEC;

	if (ns == PROA_TIME_KEEP)
		return t;
	rest += rest < 0 ? PROA_SEC : 0;
	t.tv_sec = (time_t)((ns - rest) / PROA_SEC);
	t.tv_nsec = (long)rest;
	return t;
}

static int64_t call_utime(const px_call_args *a, int at)
{
	struct timespec times[] = {time_of(a->a), time_of(a->b)};

	return a->path ? utimensat(at, a->path, times, 0) : futimens(a->fd, times);
}

static int64_t call_truncate(const px_call_args *a, int at)
{
	PX_UNUSED(at);
	return ftruncate(a->fd, a->a);
}

static int64_t call_allocate(const px_call_args *a, int at)
{
	PX_UNUSED(at);
	return px_allocate(a->fd, a->a, a->b);
}

static call_fn *const calls[PX_CALL_COUNT] = {
	[PX_CALL_STAT] = call_stat,         [PX_CALL_LSTAT] = call_stat,
	[PX_CALL_ACCESS] = call_access,     [PX_CALL_RENAME] = call_rename,
	[PX_CALL_LINK] = call_link,         [PX_CALL_SYMLINK] = call_symlink,
	[PX_CALL_READLINK] = call_readlink, [PX_CALL_UNLINK] = call_unlink,
	[PX_CALL_MKDIR] = call_mkdir,       [PX_CALL_RMDIR] = call_rmdir,
	[PX_CALL_CHMOD] = call_chmod,       [PX_CALL_UTIME] = call_utime,
	[PX_CALL_TRUNCATE] = call_truncate, [PX_CALL_ALLOCATE] = call_allocate,
};

int64_t px_os_file_call(const px_call_args *a, int32_t *sys_error)
{
	int64_t rc;

	*sys_error = 0;
	do
		rc = calls[a->call](a, a->fd < 0 ? AT_FDCWD : a->fd);
	while (rc == -1 && errno == EINTR);
	return rc == -1 ? px_errno(sys_error) : rc;
}
