/* One file copied into another by a worker. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"
#include "proa/proc.h"

#include <string.h>

/* Not whose rights a program takes on: the copy is somebody else's. */
enum { MODE_KEPT = 01777 };

typedef struct copy {
	int base;
	unsigned flags;
	int in, out; /* -1: not open */
	bool created;
	proa_stat_info info; /* of what is copied */
	size_t bytes;
	const char *from, *to; /* behind this */
} copy;

static int64_t copy_call(copy *c, px_call_args a, int32_t *sys_error)
{
	a.fd = a.path ? c->base : c->out;
	return px_file_call(&a, sys_error);
}

/* What is there already is not made empty before it is known not to be the same file. */
static int64_t out_reuse(copy *c, int32_t *sys_error)
{
	proa_stat_info info;
	int64_t rc = px_file_open(c->base, c->to, PROA_O_WRITE | PX_O_NO_WAIT, 0, sys_error);

	if (rc < 0) /* ENODEV: a FIFO that nobody reads, a socket */
		return rc == -PROA_ENODEV ? -PROA_ENOTSUP : rc;
	c->out = (int)rc;
	rc = px_file_stat(c->out, &info, sys_error);
	if (rc == 0 && info.type != PROA_S_FILE)
		return -PROA_ENOTSUP;
	if (rc == 0 && info.ino == c->info.ino && info.dev == c->info.dev)
		rc = -PROA_EINVAL;
	if (rc == 0)
		rc = copy_call(c, (px_call_args){.call = PX_CALL_TRUNCATE}, sys_error);
	return rc;
}

static int64_t out_open(copy *c, int32_t *sys_error)
{
	int64_t fd = px_file_open(c->base, c->to, PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL,
	                          c->info.mode, sys_error);

	if (fd == -PROA_EEXIST && !(c->flags & PROA_COPY_EXCL))
		return out_reuse(c, sys_error);
	if (fd < 0)
		return fd;
	c->out = (int)fd;
	c->created = true;
	return 0;
}

static int64_t copy_open(copy *c, int32_t *sys_error)
{
	int64_t rc = px_file_open(c->base, c->from, PROA_O_READ | PX_O_NO_WAIT, 0, sys_error);

	if (rc < 0)
		return rc;
	c->in = (int)rc;
	rc = px_file_stat(c->in, &c->info, sys_error);
	if (rc == 0 && c->info.type != PROA_S_FILE)
		rc = c->info.type == PROA_S_DIR ? -PROA_EISDIR : -PROA_ENOTSUP;
	c->info.mode &= MODE_KEPT;
	return rc < 0 ? rc : out_open(c, sys_error);
}

/* As many as the file had when it was opened; one that has no size may have bytes all the same, as
 * those that the system makes up. */
static int64_t copy_bytes(copy *c, px_op *op)
{
	int64_t at = 0, n = 1, size = c->info.size_bytes;

	while (n > 0 && (at < size || !size)) {
		int64_t most = size ? size - at : PX_FS_AT_ONCE_BYTES;

		if (proa_work_cancelled(px_op_pub(op)))
			return -PROA_ECANCELED;
		n = px_file_copy(c->in, c->out, at, PX_MIN(most, (int64_t)PX_FS_AT_ONCE_BYTES),
		                 &op->sys_error);
		at += PX_MAX(n, 0);
		op->args.call.count = at;
	}
	return n < 0 ? n : at;
}

static int64_t copy_attrs(copy *c, int32_t *sys_error)
{
	px_call_args time = {.call = PX_CALL_UTIME, .a = PROA_TIME_KEEP, .b = c->info.mtime_ns};
	int64_t rc = copy_call(c, (px_call_args){.call = PX_CALL_CHMOD, .mode = c->info.mode},
	                       sys_error);

	return rc < 0 ? rc : copy_call(c, time, sys_error);
}

/* What was made here and did not become whole goes again. */
static void copy_close(copy *c, bool failed)
{
	int32_t ignored;

	if (c->in >= 0)
		px_file_close(c->in);
	if (c->out >= 0)
		px_file_close(c->out);
	if (failed && c->created)
		copy_call(c, (px_call_args){.call = PX_CALL_UNLINK, .path = c->to}, &ignored);
}

static int64_t copy_run(px_op *op)
{
	copy *c = op->args.call.request;
	int64_t rc = copy_open(c, &op->sys_error), n = 0;

	if (rc == 0)
		rc = n = copy_bytes(c, op);
	if (rc >= 0 && c->flags & PROA_COPY_ATTRS)
		rc = copy_attrs(c, &op->sys_error);
	copy_close(c, rc < 0);
	return rc < 0 ? rc : n;
}

static void copy_returned(px_core *core, px_op *op, int64_t result)
{
	copy *c = op->args.call.request;

	px_free(&core->alloc, c, c->bytes);
	px_op_finish(op, result, op->args.call.count, op->sys_error);
}

static int64_t copy_check(const char *from, const char *to, unsigned flags)
{
	if (flags & ~(unsigned)(PROA_COPY_EXCL | PROA_COPY_ATTRS))
		return -PROA_EINVAL;
	return *from && *to ? 0 : -PROA_ENOENT;
}

void proa_copy_file(proa_handle *owner, proa_op *pub, const char *from, const char *to,
                    unsigned flags, proa_done *done)
{
	static const px_file_task task = {.run = copy_run, .returned = copy_returned};
	px_op *op = px_op_begin(owner, pub, PX_FILE_CALL, done);
	size_t from_len = strlen(from) + 1, to_len = strlen(to) + 1;
	size_t bytes = sizeof(copy) + from_len + to_len;
	copy *c;
	char *text;

	if (px_op_refused(op) || !(c = px_fs_request(px_handle_core(op->handle), op, bytes,
	                                             copy_check(from, to, flags))))
		return;
	text = (char *)(c + 1);
	*c = (copy){.flags = flags, .in = -1, .out = -1, .bytes = bytes};
	c->base = (int)px_fs_base(op->handle);
	c->from = memcpy(text, from, from_len);
	c->to = memcpy(text + from_len, to, to_len);
	px_fs_task(px_handle_core(op->handle), op, &task, c);
}
