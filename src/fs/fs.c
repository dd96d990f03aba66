/* Files: the public calls become ops. */
/* SPDX-License-Identifier: MIT */
#include "proa/fs.h"
#include "op/backend.h"
#include "op/file.h"

#include <string.h>

enum { DIR_BYTES_MIN = 1024 };

/* ---- opening ---- */

/* 0, or why not. The handle counts as being connected until it is open, so that nothing else opens
 * it. */
static int64_t open_prepare(px_core *core, px_op *op, px_handle *dir, const char *path)
{
	px_handle *h = op->handle;
	size_t n = strlen(path) + 1;
	px_file_request *r;

	if (h->state != PX_H_INIT)
		return h->state == PX_H_OPEN ? -PROA_EINVAL : -PROA_EALREADY;
	if (dir && (dir->state != PX_H_OPEN || (dir->kind & ~PX_HANDLE_TAG) != PROA_FILE))
		return -PROA_EBADF;
	px_assert(!dir || px_handle_core(dir) == core);
	op->args.io.len = sizeof *r + n;
	if (!(r = px_zalloc(&core->alloc, op->args.io.len)))
		return -PROA_ENOMEM;
	memcpy(r->path, path, n);
	r->dir = dir;
	if (dir)
		dir->in_flight++; /* its close waits for this one */
	op->args.io.ptr = r;
	h->state = PX_H_CONNECTING;
	return 0;
}

void proa_file_open_in(proa_handle *handle, proa_op *pub, proa_handle *dir, const char *path,
                       unsigned flags, unsigned mode, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_FILE_OPEN, done);
	px_core *core = px_handle_core(op->handle);
	px_file_request *r;
	int64_t rc;

	if (px_op_refused(op))
		return;
	rc = open_prepare(core, op, dir ? px_handle_of(dir) : NULL, path);
	if (rc < 0) {
		px_op_finish(op, rc, 0, 0);
		return;
	}
	r = (px_file_request *)(uintptr_t)op->args.io.ptr;
	r->flags = flags;
	r->mode = mode;
	op->state = PX_INFLIGHT;
	px_file_submit(core, op);
}

void proa_file_open(proa_handle *handle, proa_op *op, const char *path, unsigned flags,
                    unsigned mode, proa_done *done)
{
	proa_file_open_in(handle, op, NULL, path, flags, mode, done);
}

/* ---- on an open file ---- */

static int64_t file_check(const px_op *op)
{
	const px_handle *h = op->handle;

	if (px_handle_closing(h))
		return 0; /* px_op_go says so */
	if (h->state != PX_H_OPEN)
		return -PROA_EBADF;
	return (h->kind & ~PX_HANDLE_TAG) == PROA_FILE ? 0 : -PROA_ENOTSUP;
}

/* `rc`: what is wrong with the arguments, 0 nothing. */
static void file_go(px_op *op, int64_t rc)
{
	int64_t error = file_check(op);

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

void proa_dir_read(proa_handle *dir, proa_op *pub, void *buf, size_t len, proa_done *done)
{
	px_op *op = px_op_begin(dir, pub, PX_DIR_READ, done);
	bool fits = len >= DIR_BYTES_MIN && (uintptr_t)buf % _Alignof(proa_dirent) == 0;

	op->args.io.ptr = buf;
	op->args.io.len = len;
	file_go(op, fits ? 0 : -PROA_EINVAL);
}
