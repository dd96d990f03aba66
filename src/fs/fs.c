/* Files: the public calls become ops. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include "op/backend.h"
#include "sys/sys.h"

#include <string.h>

enum { DIR_BYTES_MIN = 1024, PIECES_MAX = 1024 };
/* What somebody asks for beyond these is not passed over: it may be meant to protect something. */
enum {
	OPEN_FLAGS = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE | PROA_O_TRUNC | PROA_O_APPEND |
	             PROA_O_EXCL | PROA_O_DIR | PROA_O_BENEATH
};

/* ---- opening ---- */

/* 0, or why not. The handle counts as being connected until it is open, so that nothing else opens
 * it. */
static int64_t open_prepare(px_core *core, px_op *op, const px_file_request *how, const char *path)
{
	px_handle *h = op->handle, *dir = how->dir;
	size_t n = strlen(path) + 1;
	px_file_request *r;

	if (h->state != PX_H_INIT)
		return h->state == PX_H_OPEN ? -PROA_EINVAL : -PROA_EALREADY;
	if (dir && (dir->state != PX_H_OPEN || (dir->kind & ~PX_HANDLE_TAG) != PROA_FILE))
		return -PROA_EBADF;
	if ((how->flags & ~(unsigned)OPEN_FLAGS) || (how->name && !px_temp_is(path)))
		return -PROA_EINVAL;
	px_assert(!dir || px_handle_core(dir) == core);
	op->args.io.len = sizeof *r + n;
	if (!(r = px_zalloc(&core->alloc, op->args.io.len)))
		return -PROA_ENOMEM;
	*r = *how;
	memcpy(r->path, path, n);
	if (dir)
		dir->in_flight++; /* its close waits for this one */
	op->args.io.ptr = r;
	h->state = PX_H_CONNECTING;
	return 0;
}

static void open_go(px_op *op, const px_file_request *how, const char *path)
{
	px_core *core = px_handle_core(op->handle);
	int64_t rc;

	if (px_op_refused(op))
		return;
	rc = open_prepare(core, op, how, path);
	if (rc < 0) {
		px_op_finish(op, rc, 0, 0);
		return;
	}
	op->state = PX_INFLIGHT;
	px_file_submit(core, op);
}

void proa_file_open_in(proa_handle *handle, proa_op *pub, proa_handle *dir, const char *path,
                       unsigned flags, unsigned mode, proa_done *done)
{
	px_file_request how = {.flags = flags, .mode = mode};

	how.dir = dir ? px_handle_of(dir) : NULL;
	open_go(px_op_begin(handle, pub, PX_FILE_OPEN, done), &how, path);
}

void proa_file_open(proa_handle *handle, proa_op *op, const char *path, unsigned flags,
                    unsigned mode, proa_done *done)
{
	proa_file_open_in(handle, op, NULL, path, flags, mode, done);
}

void proa_temp_file(proa_handle *handle, proa_op *pub, char *name, proa_done *done)
{
	px_file_request how = {.name = name, .mode = 0600};

	how.flags = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL;
	open_go(px_op_begin(handle, pub, PX_FILE_OPEN, done), &how, name);
}

/* ---- opening at once ---- */

static bool read_whole(px_core *core, int fd, const proa_stat_info *info, void *buf, size_t len)
{
	int32_t sys_error;

	if (info->type != PROA_S_FILE || info->size_bytes > (int64_t)len)
		return false;
	if (!info->size_bytes)
		return true;
	px_count(&core->stat.system_calls);
	return px_file_read_now(fd, buf, (size_t)info->size_bytes, 0, &sys_error) ==
	       info->size_bytes;
}

static int opened_now(px_core *core, px_handle *h, int fd, proa_stat_info *info, void *buf,
                      size_t len)
{
	int32_t sys_error;

	px_count(&core->stat.system_calls);
	if (px_file_stat(fd, info, &sys_error) < 0) {
		px_file_close(fd);
		return PROA_NOW_WAITS;
	}
	if (read_whole(core, fd, info, buf, len)) {
		px_count(&core->stat.system_calls);
		px_file_close(fd);
		return PROA_NOW_READ;
	}
	px_handle_open(h, fd, PROA_FILE);
	h->flags |= PX_HF_NEAR;
	return PROA_NOW_OPENED;
}

int proa_file_open_now(proa_handle *handle, proa_handle *in, const char *path, proa_stat_info *info,
                       void *buf, size_t len)
{
	px_handle *h = px_handle_of(handle), *dir = px_handle_of(in);
	px_core *core = px_handle_core(h);
	int32_t sys_error;
	int64_t fd;

	px_core_enter(core);
	px_assert(px_handle_core(dir) == core);
	if (h->state != PX_H_INIT)
		return h->state == PX_H_OPEN ? -PROA_EINVAL : -PROA_EALREADY;
	if (dir->state != PX_H_OPEN || px_handle_kind(dir) != PROA_FILE)
		return -PROA_EBADF;
	if (!(dir->flags & PX_HF_NEAR))
		return PROA_NOW_WAITS;
	px_count(&core->stat.system_calls);
	fd = px_file_open_now(dir->fd, path, &sys_error);
	if (fd < 0)
		return fd == PX_AGAIN ? PROA_NOW_WAITS : (int)fd;
	return opened_now(core, h, (int)fd, info, buf, len);
}

/* ---- on an open file ---- */

int64_t px_fs_open_check(const px_op *op)
{
	const px_handle *h = op->handle;

	if (px_handle_closing(h))
		return 0; /* px_op_go says so */
	if (h->state != PX_H_OPEN)
		return -PROA_EBADF;
	return (h->kind & ~PX_HANDLE_TAG) == PROA_FILE ? 0 : -PROA_ENOTSUP;
}

void px_fs_task(px_core *core, px_op *op, const px_file_task *task, void *request)
{
	op->args.call.task = task;
	op->args.call.request = request;
	op->args.call.count = 0;
	op->state = PX_INFLIGHT;
	px_file_submit(core, op);
}

/* `rc`: what is wrong with the arguments, 0 nothing. */
static void file_go(px_op *op, int64_t rc)
{
	int64_t error = px_fs_open_check(op);

	if (error == 0)
		error = rc;
	if (error < 0)
		px_op_finish(op, error, 0, 0);
	else
		px_op_go(op);
}

void proa_fstat(proa_handle *file, proa_op *pub, proa_stat_info *info, proa_done *done)
{
	px_op *op = px_op_begin(file, pub, PX_FSTAT, done);

	op->args.io.ptr = info;
	file_go(op, 0);
}

static int64_t range_check(size_t len, int64_t offset)
{
	return offset < 0 || len > (uint64_t)(INT64_MAX - offset) ? -PROA_EINVAL : 0;
}

void proa_read(proa_handle *file, proa_op *pub, void *buf, size_t len, int64_t offset,
               proa_done *done)
{
	px_op *op = px_op_begin(file, pub, PX_READ, done);

	op->args.io.ptr = buf;
	op->args.io.len = len;
	op->args.io.off = offset;
	file_go(op, range_check(len, offset));
}

void proa_write(proa_handle *file, proa_op *pub, const void *buf, size_t len, int64_t offset,
                proa_done *done)
{
	px_op *op = px_op_begin(file, pub, PX_WRITE, done);

	op->args.io.ptr = buf;
	op->args.io.len = len;
	op->args.io.off = offset;
	file_go(op, range_check(len, offset));
}

void proa_fsync(proa_handle *file, proa_op *pub, proa_done *done)
{
	file_go(px_op_begin(file, pub, PX_FSYNC, done), 0);
}

void proa_datasync(proa_handle *file, proa_op *pub, proa_done *done)
{
	px_op *op = px_op_begin(file, pub, PX_FSYNC, done);

	op->args.io.off = 1;
	file_go(op, 0);
}

static void pieces_go(px_op *op, const proa_vec *vec, unsigned n, int64_t offset)
{
	int64_t len = n <= PIECES_MAX ? px_vec_bytes(vec, n) : -1;

	op->args.io.ptr = vec;
	op->args.io.len = n;
	op->args.io.off = offset;
	file_go(op, len < 0 ? -PROA_EINVAL : range_check((size_t)len, offset));
}

void proa_readv(proa_handle *file, proa_op *op, const proa_vec *vec, unsigned n, int64_t offset,
                proa_done *done)
{
	pieces_go(px_op_begin(file, op, PX_READV, done), vec, n, offset);
}

void proa_writev(proa_handle *file, proa_op *op, const proa_vec *vec, unsigned n, int64_t offset,
                 proa_done *done)
{
	pieces_go(px_op_begin(file, op, PX_WRITEV, done), vec, n, offset);
}

void proa_dir_read(proa_handle *dir, proa_op *pub, void *buf, size_t len, proa_done *done)
{
	px_op *op = px_op_begin(dir, pub, PX_DIR_READ, done);
	bool fits = len >= DIR_BYTES_MIN && (uintptr_t)buf % _Alignof(proa_dirent) == 0;

	op->args.io.ptr = buf;
	op->args.io.len = len;
	file_go(op, fits ? 0 : -PROA_EINVAL);
}
