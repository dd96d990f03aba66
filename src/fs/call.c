/* Names, and what a file is: the public calls become tasks for the workers. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <string.h>

/* One under way: from the loop's allocator, the texts behind it. */
typedef struct request {
	px_call_args args;
	size_t bytes;
} request;

static int64_t request_run(px_op *op)
{
	const request *r = op->args.call.request;

	return px_file_call(&r->args, &op->sys_error);
}

static void request_returned(px_core *core, px_op *op, int64_t result)
{
	request *r = op->args.call.request;

	px_free(&core->alloc, r, r->bytes);
	px_op_finish(op, result, 0, op->sys_error);
}

int64_t px_fs_base(const px_handle *owner)
{
	if (owner->state == PX_H_CONNECTING && owner->fd < 0)
		return -PROA_EBADF; /* which folder it will be is not known yet */
	return owner->state == PX_H_OPEN && px_handle_kind(owner) == PROA_FILE ? owner->fd : -1;
}

void *px_fs_request(px_core *core, px_op *op, size_t bytes, int64_t rc)
{
	void *memory = NULL;

	if (rc == 0)
		rc = px_fs_base(op->handle) == -PROA_EBADF ? -PROA_EBADF : 0;
	if (rc == 0 && !(memory = px_zalloc(&core->alloc, bytes)))
		rc = -PROA_ENOMEM;
	if (rc < 0)
		px_op_finish(op, rc, 0, 0);
	return memory;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* With `a`'s texts behind it. */
static request *request_new(px_core *core, const px_call_args *a)
{
	size_t path = text_bytes(a->path), to = text_bytes(a->to);
	size_t bytes = sizeof(request) + path + to;
	request *r = px_alloc(&core->alloc, bytes);
	char *text;

	if (!r)
		return NULL;
	text = (char *)(r + 1);
	r->args = *a;
	r->bytes = bytes;
	if (a->path)
		r->args.path = memcpy(text, a->path, path);
	if (a->to)
		r->args.to = memcpy(text + path, a->to, to);
	return r;
}

/* `rc`: what is wrong with the arguments; of no path: with the handle. */
static int64_t call_check(const px_op *op, px_call_args *a, int64_t rc)
{
	int64_t base = px_fs_base(op->handle);

	if (rc < 0)
		return rc;
	if (a->path && (base == -PROA_EBADF || !*a->path))
		return *a->path ? base : -PROA_ENOENT;
	if (!a->path && (rc = px_fs_open_check(op)) < 0)
		return rc;
	a->fd = (int)base;
	return 0;
}

static void call_go(proa_handle *owner, proa_op *pub, px_call_args a, int64_t rc, proa_done *done)
{
	static const px_file_task task = {.run = request_run, .returned = request_returned};
	px_op *op = px_op_begin(owner, pub, PX_FILE_CALL, done);
	px_core *core = px_handle_core(op->handle);
	request *r = NULL;

	if (px_op_refused(op))
		return;
	rc = call_check(op, &a, rc);
	if (rc == 0 && !(r = request_new(core, &a)))
		rc = -PROA_ENOMEM;
	if (rc < 0)
		px_op_finish(op, rc, 0, 0);
	else
		px_fs_task(core, op, &task, r);
}

/* ---- names ---- */

void proa_stat(proa_handle *owner, proa_op *op, const char *path, proa_stat_info *info,
               proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_STAT, .path = path, .out = info}, 0,
	        done);
}

void proa_lstat(proa_handle *owner, proa_op *op, const char *path, proa_stat_info *info,
                proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_LSTAT, .path = path, .out = info}, 0,
	        done);
}

void proa_access(proa_handle *owner, proa_op *op, const char *path, unsigned how, proa_done *done)
{
	unsigned known = PROA_A_READ | PROA_A_WRITE | PROA_A_EXEC;

	call_go(owner, op, (px_call_args){.call = PX_CALL_ACCESS, .path = path, .mode = how},
	        how & ~known ? -PROA_EINVAL : 0, done);
}

/* An empty second name is what an empty first one is. */
static int64_t to_check(const char *to)
{
	return *to ? 0 : -PROA_ENOENT;
}

void proa_rename(proa_handle *owner, proa_op *op, const char *from, const char *to, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_RENAME, .path = from, .to = to},
	        to_check(to), done);
}

void proa_link(proa_handle *owner, proa_op *op, const char *file, const char *path, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_LINK, .path = file, .to = path},
	        to_check(path), done);
}

void proa_symlink(proa_handle *owner, proa_op *op, const char *target, const char *path,
                  proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_SYMLINK, .path = path, .to = target},
	        to_check(target), done);
}

void proa_readlink(proa_handle *owner, proa_op *op, const char *path, char *buf, size_t len,
                   proa_done *done)
{
	px_call_args a = {.call = PX_CALL_READLINK, .path = path, .out = buf, .len = len};

	call_go(owner, op, a, len ? 0 : -PROA_EINVAL, done);
}

void proa_unlink(proa_handle *owner, proa_op *op, const char *path, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_UNLINK, .path = path}, 0, done);
}

void proa_rmdir(proa_handle *owner, proa_op *op, const char *path, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_RMDIR, .path = path}, 0, done);
}

void proa_mkdir(proa_handle *owner, proa_op *op, const char *path, unsigned mode, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_MKDIR, .path = path, .mode = mode}, 0,
	        done);
}

/* ---- names, or what is open ---- */

void proa_chmod(proa_handle *owner, proa_op *op, const char *path, unsigned mode, proa_done *done)
{
	call_go(owner, op, (px_call_args){.call = PX_CALL_CHMOD, .path = path, .mode = mode}, 0,
	        done);
}

void proa_utime(proa_handle *owner, proa_op *op, const char *path, int64_t accessed_ns,
                int64_t written_ns, proa_done *done)
{
	px_call_args a = {.call = PX_CALL_UTIME, .path = path, .a = accessed_ns, .b = written_ns};

	call_go(owner, op, a, 0, done);
}

void proa_truncate(proa_handle *file, proa_op *op, int64_t size, proa_done *done)
{
	call_go(file, op, (px_call_args){.call = PX_CALL_TRUNCATE, .a = size},
	        size < 0 ? -PROA_EINVAL : 0, done);
}

void proa_allocate(proa_handle *file, proa_op *op, int64_t offset, int64_t len, proa_done *done)
{
	px_call_args a = {.call = PX_CALL_ALLOCATE, .a = offset, .b = len};

	call_go(file, op, a, offset < 0 || len <= 0 || len > INT64_MAX - offset ? -PROA_EINVAL : 0,
	        done);
}
