/* The seam's calls: files, folders, pipes and terminals. */
/* SPDX-License-Identifier: MIT */
#include "seam/seam_posix.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

/* ---- files ---- */

/* Whether fd is open for the other direction only: to read or write it is EBADF always. */
static bool is_closed_to(int fd, int other)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == other;
}

/* Whether it is the end of a pipe, or a terminal, that does not wait: those may give less than they
 * have, or nothing yet. Counters, watches, and the pipe that tells of a failed exec do not. */
static bool is_stream(int fd)
{
	struct stat st;

	return !is_closed_to(fd, O_WRONLY) && (fcntl(fd, F_GETFL) & O_NONBLOCK) &&
	       !fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

static ssize_t stream_read(int fd, void *buf, size_t len)
{
	int hit = seam_hit(SEAM_pipe_read);
	ssize_t n;

	if (hit > 0)
		return seam_again(fd, hit);
	n = read(fd, buf, seam_shorter(hit, len));
	if (hit)
		seam_comes_later(fd);
	return n;
}

ssize_t seam_read(int fd, void *buf, size_t len)
{
	if (is_stream(fd))
		return stream_read(fd, buf, len);
	FAIL(read);
	return read(fd, buf, len);
}

/* A counter's bytes, or a failed exec's: all of them or none. */
ssize_t seam_write(int fd, const void *buf, size_t len)
{
	FAIL(write);
	return write(fd, buf, len);
}

/* A pipe takes what is small as a whole or not at all. */
ssize_t seam_writev(int fd, const struct iovec *vec, int n)
{
	int hit = is_closed_to(fd, O_RDONLY) ? SEAM_PASS : seam_hit(SEAM_writev);
	ssize_t gone;

	if (hit > 0)
		return seam_again(fd, hit);
	if (hit != SEAM_W_short_ || n < 1 || vec->iov_len <= PIPE_BUF)
		return writev(fd, vec, n);
	gone = write(fd, vec->iov_base, PIPE_BUF);
	seam_comes_later(fd);
	return gone;
}

ssize_t seam_pread(int fd, void *buf, size_t len, off_t at)
{
	int hit = seam_hit(SEAM_pread);

	return hit > 0 ? seam_again(-1, hit) : pread(fd, buf, seam_shorter(hit, len), at);
}

ssize_t seam_pwrite(int fd, const void *buf, size_t len, off_t at)
{
	int hit = seam_hit(SEAM_pwrite);

	return hit > 0 ? seam_again(-1, hit) : pwrite(fd, buf, seam_shorter(hit, len), at);
}

int seam_fsync(int fd)
{
	FAIL(fsync);
	return fsync(fd);
}

/* The first piece, or a byte of it. */
ssize_t seam_preadv(int fd, const struct iovec *vec, int n, off_t at)
{
	int hit = seam_hit(SEAM_preadv);

	if (hit == SEAM_W_short_ && n)
		return pread(fd, vec->iov_base, seam_shorter(hit, vec->iov_len), at);
	return hit > 0 ? seam_again(-1, hit) : preadv(fd, vec, n, at);
}

ssize_t seam_pwritev(int fd, const struct iovec *vec, int n, off_t at)
{
	int hit = seam_hit(SEAM_pwritev);

	if (hit == SEAM_W_short_ && n)
		return pwrite(fd, vec->iov_base, seam_shorter(hit, vec->iov_len), at);
	return hit > 0 ? seam_again(-1, hit) : pwritev(fd, vec, n, at);
}

int seam_fdatasync(int fd)
{
	FAIL(fdatasync);
	return fdatasync(fd);
}

int seam_ftruncate(int fd, off_t size)
{
	FAIL(ftruncate);
	return ftruncate(fd, size);
}

int seam_renameat(int from_at, const char *from, int to_at, const char *to)
{
	FAIL(renameat);
	return renameat(from_at, from, to_at, to);
}

int seam_linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	FAIL(linkat);
	return linkat(from_at, from, to_at, to, flags);
}

int seam_symlinkat(const char *target, int at, const char *path)
{
	FAIL(symlinkat);
	return symlinkat(target, at, path);
}

ssize_t seam_readlinkat(int at, const char *path, char *buf, size_t len)
{
	FAIL(readlinkat);
	return readlinkat(at, path, buf, len);
}

int seam_unlinkat(int at, const char *path, int flags)
{
	FAIL(unlinkat);
	return unlinkat(at, path, flags);
}

int seam_mkdirat(int at, const char *path, mode_t mode)
{
	FAIL(mkdirat);
	return mkdirat(at, path, mode);
}

int seam_fchmod(int fd, mode_t mode)
{
	FAIL(fchmod);
	return fchmod(fd, mode);
}

int seam_futimens(int fd, const struct timespec times[2])
{
	FAIL(futimens);
	return futimens(fd, times);
}

int seam_fchmodat(int at, const char *path, mode_t mode, int flags)
{
	FAIL(fchmodat);
	return fchmodat(at, path, mode, flags);
}

int seam_utimensat(int at, const char *path, const struct timespec times[2], int flags)
{
	FAIL(utimensat);
	return utimensat(at, path, times, flags);
}

int seam_faccessat(int at, const char *path, int how, int flags)
{
	FAIL(faccessat);
	return faccessat(at, path, how, flags);
}

int seam_fstatat(int at, const char *path, struct stat *st, int flags)
{
	FAIL(fstatat);
	return fstatat(at, path, st, flags);
}

int seam_posix_fallocate(int fd, off_t at, off_t len)
{
	int hit = seam_hit(SEAM_posix_fallocate);

	return hit ? hit : posix_fallocate(fd, at, len);
}

char *seam_realpath(const char *path, char *out)
{
	int hit = seam_hit(SEAM_realpath);

	if (!hit)
		return realpath(path, out);
	errno = hit;
	return NULL;
}

int seam_openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	FAIL(openat);
	return seam_opened(openat(at, path, flags, mode));
}

int seam_fstat(int fd, struct stat *st)
{
	FAIL(fstat);
	return fstat(fd, st);
}

int seam_fstatfs(int fd, struct statfs *fs)
{
	FAIL(fstatfs);
	return fstatfs(fd, fs);
}

off_t seam_lseek(int fd, off_t at, int whence)
{
	FAIL(lseek);
	return lseek(fd, at, whence);
}

/* A folder may be anywhere, also where an open can be interrupted. Nothing else is opened so. */
int seam_open(const char *path, int flags, ...)
{
	if (flags & O_DIRECTORY)
		FAIL(openat);
	else
		FAIL(open);
	return seam_opened(open(path, flags));
}

/* ---- folders, and what changes in them ---- */

DIR *seam_fdopendir(int fd)
{
	int hit = seam_hit(SEAM_fdopendir);

	if (!hit)
		return fdopendir(fd);
	errno = hit;
	return NULL;
}

struct dirent *seam_readdir(DIR *dir)
{
	int hit = seam_hit(SEAM_readdir);

	if (!hit)
		return readdir(dir);
	errno = hit;
	return NULL;
}

int seam_closedir(DIR *dir)
{
	seam_closed(dirfd(dir));
	return closedir(dir);
}

int seam_inotify_init1(int flags)
{
	FAIL(inotify_init1);
	return seam_opened(inotify_init1(flags));
}

int seam_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	FAIL(inotify_add_watch);
	return inotify_add_watch(fd, path, mask);
}

/* It was gone already, with its folder. */
int seam_inotify_rm_watch(int fd, int wd)
{
	int hit = seam_hit(SEAM_inotify_rm_watch), rc = inotify_rm_watch(fd, wd);

	if (!hit)
		return rc;
	errno = hit & ~SEAM_AFTER;
	return -1;
}

/* ---- pipes and terminals ---- */

int seam_pipe2(int fd[2], int flags)
{
	int rc;

	FAIL(pipe2);
	rc = pipe2(fd, flags);
	return rc ? rc : seam_two_opened(fd);
}

int seam_dup2(int from, int to)
{
	FAIL(dup2);
	return dup2(from, to);
}

/* Only copies can fail. */
int seam_fcntl(int fd, int what, ...)
{
	va_list args;
	long arg;

	va_start(args, what);
	arg = va_arg(args, long);
	va_end(args);
	if (what != F_DUPFD_CLOEXEC)
		return fcntl(fd, what, arg);
	FAIL(dup);
	return seam_opened(fcntl(fd, what, arg));
}

int seam_tcgetattr(int fd, struct termios *t)
{
	FAIL(tcgetattr);
	return tcgetattr(fd, t);
}

int seam_tcsetattr(int fd, int when, const struct termios *t)
{
	FAIL(tcsetattr);
	return tcsetattr(fd, when, t);
}
