/* Temporary files and folders: the public calls become ops. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <string.h>

typedef struct folder {
	char *name; /* the caller's */
	int base;
	size_t bytes;
	char path[];
} folder;

static int64_t folder_make(void *arg, int32_t *sys_error)
{
	const folder *f = arg;
	px_call_args a = {.call = PX_CALL_MKDIR, .fd = f->base, .path = f->path, .mode = 0700};

	return px_file_call(&a, sys_error);
}

static int64_t folder_run(px_op *op)
{
	folder *f = op->args.call.request;
	int64_t rc = px_temp_try(f->path, folder_make, f, &op->sys_error);

	if (rc == 0)
		memcpy(f->name, f->path, strlen(f->path));
	return rc;
}

static void folder_returned(px_core *core, px_op *op, int64_t result)
{
	folder *f = op->args.call.request;

	px_free(&core->alloc, f, f->bytes);
	px_op_finish(op, result, 0, op->sys_error);
}

void proa_temp_dir(proa_handle *owner, proa_op *pub, char *name, proa_done *done)
{
	static const px_file_task task = {.run = folder_run, .returned = folder_returned};
	px_op *op = px_op_begin(owner, pub, PX_FILE_CALL, done);
	px_core *core = px_handle_core(op->handle);
	size_t len = strlen(name) + 1;
	folder *f;

	if (px_op_refused(op))
		return;
	f = px_fs_request(core, op, offsetof(folder, path) + len,
	                  px_temp_is(name) ? 0 : -PROA_EINVAL);
	if (!f)
		return;
	f->name = name;
	f->base = (int)px_fs_base(op->handle);
	f->bytes = offsetof(folder, path) + len;
	memcpy(f->path, name, len);
	px_fs_task(core, op, &task, f);
}
