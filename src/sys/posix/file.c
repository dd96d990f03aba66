/* Files: the calls that may block, for workers. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What is below a folder may be anybody's: O_NONBLOCK, so that a FIFO there cannot hold a worker
 * for ever. Files ignore it. */
int px_open_flags(unsigned flags)
{
	unsigned access = flags & (PROA_O_READ | PROA_O_WRITE);
	int oflags = O_CLOEXEC | O_NOCTTY;

	if (!access && !(flags & PROA_O_DIR))
		return -1;
	oflags |= access == PROA_O_READ ? O_RDONLY : 0;
	oflags |= access == PROA_O_WRITE ? O_WRONLY : 0;
	oflags |= access == (PROA_O_READ | PROA_O_WRITE) ? O_RDWR : 0;
	oflags |= flags & PROA_O_CREATE ? O_CREAT : 0;
	oflags |= flags & PROA_O_TRUNC ? O_TRUNC : 0;
	oflags |= flags & PROA_O_APPEND ? O_APPEND : 0;
	oflags |= flags & PROA_O_EXCL ? O_EXCL : 0;
	oflags |= flags & PROA_O_DIR ? O_DIRECTORY : 0;
	oflags |= flags & (PROA_O_BENEATH | PX_O_NO_WAIT) ? O_NONBLOCK : 0;
	return oflags;
}

int64_t px_os_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                        int32_t *sys_error)
{
	int at = dir_fd < 0 ? AT_FDCWD : dir_fd;
	int oflags = px_open_flags(flags);
	int fd;

	*sys_error = 0;
	if (oflags < 0)
		return -PROA_EINVAL;
	do
		fd = flags & PROA_O_BENEATH ? px_open_beneath(at, path, oflags, mode)
		                            : openat(at, path, oflags, (mode_t)mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? px_errno(sys_error) : fd;
}

uint32_t px_stat_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return PROA_S_FILE;
	case S_IFDIR: return PROA_S_DIR;
	case S_IFLNK: return PROA_S_LINK;
	default: return PROA_S_OTHER;
	}
}

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

void px_stat_fill(proa_stat_info *out, const struct stat *in)
{
	out->size_bytes = in->st_size;
	out->mtime_ns = (int64_t)in->st_mtim.tv_sec * 1000000000 + in->st_mtim.tv_nsec;
	out->mode = in->st_mode & 07777;
	out->type = px_stat_type(in->st_mode);
	out->ino = in->st_ino;
	out->dev = (uint64_t)in->st_dev;
}

int64_t px_os_file_stat(int fd, proa_stat_info *out, int32_t *sys_error)
{
	struct stat st;

	*sys_error = 0;
	if (fstat(fd, &st))
		return px_errno(sys_error);
	px_stat_fill(out, &st);
	return 0;
}

int64_t px_os_file_read(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	ssize_t n;

	*sys_error = 0;
	do
		n = pread(fd, buf, PX_MIN(len, PX_IO_MOST), offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? px_errno(sys_error) : n;
}

int64_t px_os_file_write(int fd, const void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	ssize_t n;

	*sys_error = 0;
	do
		n = pwrite(fd, buf, PX_MIN(len, PX_IO_MOST), offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? px_errno(sys_error) : n;
}

int64_t px_os_file_readv(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                         int32_t *sys_error)
{
	struct iovec iov[PX_VECS_AT_ONCE];
	uint16_t filled = px_vec_fill(iov, vec, n, skip);
	ssize_t got;

	*sys_error = 0;
	do
		got = preadv(fd, iov, filled, offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? px_errno(sys_error) : got;
}

int64_t px_os_file_writev(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                          int32_t *sys_error)
{
	struct iovec iov[PX_VECS_AT_ONCE];
	uint16_t filled = px_vec_fill(iov, vec, n, skip);
	ssize_t gone;

	*sys_error = 0;
	do
		gone = pwritev(fd, iov, filled, offset);
	while (gone < 0 && errno == EINTR);
	return gone < 0 ? px_errno(sys_error) : gone;
}

/* On macOS fsync ends when the drive has the bytes, perhaps in memory of its own; F_FULLFSYNC is
 * what others call fsync, on those file systems that have it. */
static int file_sync(int fd)
{
#ifdef F_FULLFSYNC
	int n = fcntl(fd, F_FULLFSYNC);

	if (n >= 0)
		return 0;
	if (errno == EINTR || errno == EIO)
		return -1;
#endif
	return fsync(fd);
}

/* Interrupted, nothing has been reported yet, so asking again loses no error. */
int64_t px_os_file_sync(int fd, int32_t *sys_error)
{
	int n;

	*sys_error = 0;
	do
		n = file_sync(fd);
	while (n < 0 && errno == EINTR);
	return n < 0 ? px_errno(sys_error) : 0;
}

/* macOS has the call in its library, and no declaration of it; F_FULLFSYNC is what means it. */
#ifdef __APPLE__
#define file_datasync file_sync
#else
#define file_datasync fdatasync
#endif
int64_t px_os_file_datasync(int fd, int32_t *sys_error)
{
	int n;

	*sys_error = 0;
	do
		n = file_datasync(fd);
	while (n < 0 && errno == EINTR);
	return n < 0 ? px_errno(sys_error) : 0;
}

void px_os_file_close(int fd)
{
	close(fd);
}

bool px_path_separates(char c)
{
	return c == '/';
}
