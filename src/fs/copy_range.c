/* A part of an open file copied into another one. */
/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"
#include "proa/proc.h"

typedef struct range {
	px_handle *from; /* its in_flight counts this op: its close waits for it */
	int64_t offset, len;
} range;

static int64_t range_run(px_op *op)
{
	const range *r = op->args.call.request;
	int64_t gone = 0, n = 1;

	while (gone < r->len && n > 0) {
		if (proa_work_cancelled(px_op_pub(op)))
			return -PROA_ECANCELED;
		n = px_file_copy(r->from->fd, op->handle->fd, r->offset + gone,
		                 PX_MIN(r->len - gone, (int64_t)PX_FS_AT_ONCE_BYTES),
		                 &op->sys_error);
		gone += PX_MAX(n, 0);
		op->args.call.count = gone;
	}
	if (n == 0)
		op->got |= PROA_END;
	return n < 0 ? n : gone;
}

static void range_returned(px_core *core, px_op *op, int64_t result)
{
	range *r = op->args.call.request;
	px_handle *from = r->from;

	px_free(&core->alloc, r, sizeof *r);
	px_op_finish(op, result, op->args.call.count, op->sys_error);
	from->in_flight--;
	px_handle_check(from);
}

static int64_t range_check(const px_op *op, const px_handle *from, int64_t offset, int64_t len)
{
	int64_t rc = px_fs_open_check(op);

	if (rc < 0)
		return rc;
	if (from->state != PX_H_OPEN || px_handle_kind(from) != PROA_FILE)
		return -PROA_EBADF;
	px_assert(px_handle_core(from) == px_handle_core(op->handle));
	return offset < 0 || len < 0 || len > INT64_MAX - offset ? -PROA_EINVAL : 0;
}

void proa_copy_range(proa_handle *to, proa_op *pub, proa_handle *file, int64_t offset, int64_t len,
                     proa_done *done)
{
	static const px_file_task task = {.run = range_run, .returned = range_returned};
	px_op *op = px_op_begin(to, pub, PX_FILE_CALL, done);
	px_core *core = px_handle_core(op->handle);
	px_handle *from = px_handle_of(file);
	range *r;

	if (px_op_refused(op) ||
	    !(r = px_fs_request(core, op, sizeof *r, range_check(op, from, offset, len))))
		return;
	*r = (range){.from = from, .offset = offset, .len = len};
	from->in_flight++;
	px_fs_task(core, op, &task, r);
}
