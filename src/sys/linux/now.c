/* Files at once, as far as the kernel's caches hold them. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What headers do not have everywhere, or at all. Linux 5.12 for the first. */
enum {
	HOW_CACHED = 0x20,
	SYS_CACHESTAT = 451, /* 6.5, the same everywhere */
	MAGIC_XFS = 0x58465342,
	MAGIC_ZFS = 0x2fc12fc1
};

/* cachestat(2)'s arguments. */
typedef struct cache_range {
	uint64_t off, len;
} cache_range;
typedef struct cache_stat {
	uint64_t pages, dirty, writeback, evicted, recently_evicted;
} cache_stat;

/* A cached path says nothing of open(2) itself, which on network file systems and FUSE asks the
 * other side each time. So those that are known to ask nobody are named. Who asked for O_DIRECT
 * would wait for the disk itself, in any call. */
bool px_os_file_near(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct statfs fs;

	if (flags < 0 || (flags & O_DIRECT) || fstatfs(fd, &fs))
		return false;
	switch ((uint32_t)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case MAGIC_XFS:
	case MAGIC_ZFS: return true;
	default: return false;
	}
}

/* Not into another file system, which may be one of those others. Whatever is not plain is left to
 * the worker, who finds it again. */
int64_t px_file_open_now(int dir_fd, const char *path, int32_t *sys_error)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = HOW_CACHED | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);

	*sys_error = 0;
	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == ENOTDIR ? px_errno(sys_error) : PX_AGAIN;
}

/* Not from a file system that cannot say what it holds, either. */
int64_t px_file_read_now(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	struct iovec vec = {.iov_base = buf, .iov_len = PX_MIN(len, PX_IO_MOST)};
	long n = syscall(SYS_preadv2, (long)fd, &vec, 1L, (long)offset, 0L, (long)RWF_NOWAIT);

	*sys_error = 0;
	return n >= 0 ? n : PX_AGAIN;
}

bool px_file_held(int fd, int64_t offset, int64_t len)
{
	cache_range range = {.off = (uint64_t)offset, .len = (uint64_t)len};
	cache_stat stat;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t pages = (range.off + range.len - 1) / page - range.off / page + 1;

	return len > 0 && !syscall(SYS_CACHESTAT, (long)fd, &range, &stat, 0L) &&
	       stat.pages >= pages;
}
