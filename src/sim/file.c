/* Files of a node: its disk (fs.c), whose calls take time, behind the world's descriptors. */
/* SPDX-License-Identifier: MIT */
#include "sim/calls.h"
#include "sim/fs.h"

enum { DISK_MIN_NS = 20000, DISK_MAX_NS = 200000, SYNC_MAX_NS = 5000000 };

/* A thread waits for the disk; what is called on a loop's own thread is not a wait of it. */
static void disk_wait(px_world *w, px_kind kind, int64_t most_ns)
{
	if (!w->running)
		return;
	if (px_sim_fault(w, PROA_FAULT_LATE, kind))
		most_ns += px_sim_late_max(w);
	px_sim_wait(w, w->now_ns + px_sim_between(w, DISK_MIN_NS, most_ns));
}

/* Those that the disk itself does not draw. */
static int64_t disk_error(px_world *w, px_kind kind, int32_t *sys_error)
{
	if (!px_sim_fault(w, PROA_FAULT_DISK_ERROR, kind))
		return 0;
	*sys_error = PROA_EIO;
	return -PROA_EIO;
}

static size_t disk_cut(px_world *w, px_kind kind, size_t len)
{
	return len > 1 && px_sim_fault(w, PROA_FAULT_ONE_BYTE, kind) ? 1 : len;
}

static int64_t wall_now(const px_simnode *node)
{
	return px_sim_node_now(node) + node->wall_ns;
}

/* The number on the disk behind a descriptor; -1 is the current folder. */
static int file_of(px_simnode *node, int fd)
{
	const px_simfd *f;

	if (fd < 0)
		return -1;
	f = &node->world->fds[fd];
	if ((unsigned)fd >= node->world->fds_max || f->node != node || f->sock)
		PX_PANIC("a simulated file was used that is not open");
	return f->file;
}

int64_t px_simsys_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                            int32_t *sys_error)
{
	px_simnode *node = px_sim_here();
	int64_t file, fd;

	disk_wait(node->world, PX_FILE_OPEN, DISK_MAX_NS);
	fd = px_sim_fd_new(node, NULL, -1, PX_FILE_OPEN, sys_error);
	if (fd < 0)
		return fd;
	file = px_simfs_file_open(node->fs, file_of(node, dir_fd), path, flags, mode,
	                          wall_now(node), sys_error);
	if (file >= 0)
		node->world->fds[fd].file = (int)file;
	else
		px_sim_fd_free(node->world, (int)fd);
	return file < 0 ? file : fd;
}

int64_t px_simsys_file_stat(int fd, proa_stat_info *info, int32_t *sys_error)
{
	px_simnode *node = px_sim_here();
	int64_t error;

	disk_wait(node->world, PX_FSTAT, DISK_MIN_NS);
	if ((error = disk_error(node->world, PX_FSTAT, sys_error)) < 0)
		return error;
	return px_simfs_file_stat(node->fs, file_of(node, fd), info, sys_error);
}

int64_t px_simsys_file_read(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	px_simnode *node = px_sim_here();

	disk_wait(node->world, PX_READ, DISK_MAX_NS);
	return px_simfs_file_read(node->fs, file_of(node, fd), buf,
	                          disk_cut(node->world, PX_READ, len), offset, sys_error);
}

int64_t px_simsys_file_write(int fd, const void *buf, size_t len, int64_t offset,
                             int32_t *sys_error)
{
	px_simnode *node = px_sim_here();

	disk_wait(node->world, PX_WRITE, DISK_MAX_NS);
	return px_simfs_file_write(node->fs, file_of(node, fd), buf,
	                           disk_cut(node->world, PX_WRITE, len), offset, wall_now(node),
	                           sys_error);
}

int64_t px_simsys_file_sync(int fd, int32_t *sys_error)
{
	px_simnode *node = px_sim_here();

	disk_wait(node->world, PX_FSYNC, SYNC_MAX_NS);
	return px_simfs_file_sync(node->fs, file_of(node, fd), sys_error);
}

int64_t px_simsys_file_call(const px_call_args *args, int32_t *sys_error)
{
	px_simnode *node = px_sim_here();
	int64_t error;

	disk_wait(node->world, PX_FILE_CALL, DISK_MAX_NS);
	if ((error = disk_error(node->world, PX_FILE_CALL, sys_error)) < 0)
		return error;
	return px_simfs_call(node->fs, file_of(node, args->fd), args, wall_now(node), sys_error);
}

int64_t px_simsys_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	px_simnode *node = px_sim_here();
	int64_t error;

	disk_wait(node->world, PX_DIR_READ, DISK_MAX_NS);
	if ((error = disk_error(node->world, PX_DIR_READ, sys_error)) < 0)
		return error;
	return px_simfs_dir_read(node->fs, file_of(node, fd), buf, len, sys_error);
}

void px_simsys_file_close(int fd)
{
	px_simnode *node = px_sim_here();

	px_simfs_file_close(node->fs, file_of(node, fd));
	px_sim_fd_free(node->world, fd);
}
