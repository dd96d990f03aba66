/* Bytes into a duct and out of it: the calls of splice_in and splice_out on each backend. */
/* SPDX-License-Identifier: MIT */
#include "backend/splice.h"

#include "op/duct.h"
#include "sys/sys.h"

int64_t px_splice_in(px_core *core, px_op *op, int32_t *sys_error)
{
	px_duct *duct = (px_duct *)(uintptr_t)op->args.io.ptr;
	int64_t n = px_duct_take(core, duct, sys_error);

	if (n < 0)
		return n;
	px_count(&core->stat.system_calls);
	n = px_splice(op->handle->fd, duct->wr, (int64_t)op->args.io.len, sys_error);
	if (n <= 0) {
		px_duct_give(core, duct, true);
		return n;
	}
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
	return n;
}

/* There is no MSG_NOSIGNAL for it. The run function that goes on undoes the block. */
int64_t px_splice_out(px_core *core, px_op *op, int32_t *sys_error)
{
	const px_duct *duct = op->args.io.ptr;

	if (!core->sigpipe_blocked)
		core->sigpipe_blocked = px_sys_sigpipe_block();
	return px_splice(duct->rd, op->handle->fd, (int64_t)op->args.io.len - op->count, sys_error);
}
