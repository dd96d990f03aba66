/* File operations on workers: done in full, with no short write and no read that stops early. */
/* SPDX-License-Identifier: MIT */
#include "op/file.h"

#include "op/backend.h"
#include "op/worker.h"
#include "sys/sys.h"

#include <string.h>

/* Of a read: more takes its time to copy also if it is there. */
enum { NOW_MOST_BYTES = 256 * 1024 };

/* ---- on a worker ---- */

static int64_t open_make(void *arg, int32_t *sys_error)
{
	const px_file_request *r = arg;

	return px_file_open(r->dir ? r->dir->fd : -1, r->path, r->flags, r->mode, sys_error);
}

static void run_open(px_op *op)
{
	px_file_request *r = (px_file_request *)(uintptr_t)op->args.io.ptr;

	op->result = r->name ? px_temp_try(r->path, open_make, r, &op->sys_error)
	                     : open_make(r, &op->sys_error);
	if (r->name && op->result >= 0)
		memcpy(r->name, r->path, strlen(r->path));
	op->args.io.off = op->result >= 0 && px_file_near((int)op->result) ? PX_HF_NEAR : 0;
}

static void run_stat(px_op *op)
{
	op->result = px_file_stat(op->handle->fd, (proa_stat_info *)(uintptr_t)op->args.io.ptr,
	                          &op->sys_error);
}

/* An error behind some bytes is left to the next read, which will meet it again. */
static void read_ended(px_op *op, int64_t n, int64_t have)
{
	if (n == 0)
		op->got |= PROA_END;
	if (have)
		op->sys_error = 0;
	op->result = n < 0 && !have ? n : have;
	op->args.io.len = (size_t)have;
}

static void run_read(px_op *op)
{
	char *to = (char *)(uintptr_t)op->args.io.ptr;
	int64_t len = (int64_t)op->args.io.len, have = 0, n = 1;

	while (have < len && n > 0) {
		n = px_file_read(op->handle->fd, to + have, (size_t)(len - have),
		                 op->args.io.off + have, &op->sys_error);
		have += PX_MAX(n, 0);
	}
	read_ended(op, n, have);
}

static void run_readv(px_op *op)
{
	const proa_vec *vec = op->args.io.ptr;
	int64_t len = px_vec_bytes(vec, op->args.io.len), have = 0, n = 1;

	while (have < len && n > 0) {
		n = px_file_readv(op->handle->fd, vec, (unsigned)op->args.io.len, (size_t)have,
		                  op->args.io.off + have, &op->sys_error);
		have += PX_MAX(n, 0);
	}
	read_ended(op, n, have);
}

static void write_ended(px_op *op, int64_t n, int64_t gone, int64_t len)
{
	if (n == 0 && gone < len)
		n = -PROA_EIO; /* nothing goes in, and no reason is given */
	op->result = gone == len ? len : n;
	op->args.io.len = (size_t)gone;
}

static void run_write(px_op *op)
{
	const char *from = op->args.io.ptr;
	int64_t len = (int64_t)op->args.io.len, gone = 0, n = 1;

	while (gone < len && n > 0) {
		n = px_file_write(op->handle->fd, from + gone, (size_t)(len - gone),
		                  op->args.io.off + gone, &op->sys_error);
		gone += PX_MAX(n, 0);
	}
	write_ended(op, n, gone, len);
}

static void run_writev(px_op *op)
{
	const proa_vec *vec = op->args.io.ptr;
	int64_t len = px_vec_bytes(vec, op->args.io.len), gone = 0, n = 1;

	while (gone < len && n > 0) {
		n = px_file_writev(op->handle->fd, vec, (unsigned)op->args.io.len, (size_t)gone,
		                   op->args.io.off + gone, &op->sys_error);
		gone += PX_MAX(n, 0);
	}
	write_ended(op, n, gone, len);
}

static void run_sync(px_op *op)
{
	op->result = op->args.io.off ? px_file_datasync(op->handle->fd, &op->sys_error)
	                             : px_file_sync(op->handle->fd, &op->sys_error);
}

static void run_dir(px_op *op)
{
	op->result = px_dir_read(op->handle->fd, (void *)(uintptr_t)op->args.io.ptr,
	                         op->args.io.len, &op->sys_error);
	if (op->result == 0)
		op->got |= PROA_END;
}

void px_file_run(px_op *op)
{
	switch (op->kind) {
	case PX_FILE_OPEN: run_open(op); return;
	case PX_FSTAT: run_stat(op); return;
	case PX_READ: run_read(op); return;
	case PX_WRITE: run_write(op); return;
	case PX_FSYNC: run_sync(op); return;
	case PX_DIR_READ: run_dir(op); return;
	case PX_READV: run_readv(op); return;
	case PX_WRITEV: run_writev(op); return;
	case PX_FILE_CALL: op->result = op->args.call.task->run(op); return;
	default: PX_PANIC("a worker was given an op of a kind that it does not know");
	}
}

/* ---- back on the loop's thread ---- */

static void open_release(px_core *core, px_op *op)
{
	px_file_request *r = (px_file_request *)(uintptr_t)op->args.io.ptr;
	px_handle *dir = r->dir;

	px_free(&core->alloc, r, op->args.io.len);
	if (!dir)
		return;
	dir->in_flight--;
	px_handle_check(dir);
}

/* A handle that is being opened counts as CONNECTING. Closing meanwhile, it takes nothing any more;
 * else what was queued on it meanwhile ends as this, or because a file is no stream. */
static void open_settle(px_handle *h, int64_t fd, unsigned near, int32_t sys_error)
{
	if (h->state != PX_H_CONNECTING) {
		if (fd >= 0)
			px_file_close((int)fd);
		return;
	}
	px_handle_unopen(h);
	if (fd >= 0) {
		px_handle_open(h, (int)fd, PROA_FILE);
		h->flags |= (uint16_t)near;
		fd = -PROA_ENOTSUP;
	}
	px_queue_fail(h, PX_DIR_IN, fd, sys_error);
	px_queue_fail(h, PX_DIR_OUT, fd, sys_error);
}

static void open_end(px_core *core, px_op *op, int64_t fd)
{
	px_handle *h = op->handle;
	bool late = fd >= 0 && h->state != PX_H_CONNECTING;
	unsigned near = (unsigned)op->args.io.off;
	int32_t sys_error = op->sys_error;

	open_release(core, op);
	px_op_finish(op, late ? -PROA_ECANCELED : PX_MIN(fd, 0), 0, sys_error);
	open_settle(h, fd < 0 ? op->result : fd, near, sys_error); /* as it was told */
}

static void moved_end(px_op *op, _Atomic uint64_t *sum)
{
	px_count_add(sum, op->args.io.len);
	px_op_finish(op, op->result, (int64_t)op->args.io.len, op->sys_error);
}

void px_file_returned(px_core *core, px_op *op)
{
	switch (op->kind) {
	case PX_FILE_OPEN: open_end(core, op, op->result); break;
	case PX_FILE_CALL: op->args.call.task->returned(core, op, op->result); break;
	case PX_READ:
	case PX_READV: moved_end(op, &core->stat.bytes_in); break;
	case PX_WRITE:
	case PX_WRITEV: moved_end(op, &core->stat.bytes_out); break;
	case PX_DIR_READ: px_op_finish(op, op->result, PX_MAX(op->result, 0), op->sys_error); break;
	default: px_op_finish(op, op->result, 0, op->sys_error);
	}
}

void px_file_dropped(px_core *core, px_op *op, int64_t result)
{
	if (op->kind == PX_FILE_OPEN)
		open_end(core, op, result);
	else if (op->kind == PX_FILE_CALL)
		op->args.call.task->returned(core, op, result);
	else
		px_op_finish(op, result, 0, 0);
}

/* ---- at once, on the loop's thread: what memory holds needs no worker ---- */

static int64_t read_now(px_core *core, px_op *op)
{
	char *to = (char *)(uintptr_t)op->args.io.ptr;
	int64_t n = 1, have = 0, len = (int64_t)op->args.io.len;

	while (have < len && n > 0) {
		px_count(&core->stat.system_calls);
		n = px_file_read_now(op->handle->fd, to + have, (size_t)(len - have),
		                     op->args.io.off + have, &op->sys_error);
		have += PX_MAX(n, 0);
	}
	if (n == 0)
		op->got |= PROA_END;
	return n >= 0 ? have : n;
}

/* Nothing is kept of a read that came upon what is not there: the worker's is one of one moment, as
 * far as any is. */
bool px_file_now(px_core *core, px_op *op)
{
	int64_t n;

	if (!(op->handle->flags & PX_HF_NEAR))
		return false;
	if (op->kind == PX_FSTAT) {
		px_count(&core->stat.system_calls);
		run_stat(op);
	} else if (op->kind == PX_READ && op->args.io.len <= NOW_MOST_BYTES &&
	           (n = read_now(core, op)) >= 0) {
		op->result = n;
		op->args.io.len = (size_t)n;
	} else {
		return false;
	}
	px_file_returned(core, op);
	return true;
}

void px_file_submit(px_core *core, px_op *op)
{
	if (!px_file_now(core, op))
		px_work_submit(core, op, PROA_LANE_FILES);
}
