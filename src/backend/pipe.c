/* What goes by a plain call on each backend: sends on what is no socket, pipes, descriptors. */
/* SPDX-License-Identifier: MIT */
#include "backend/pipe.h"

#include "backend/pooled.h"
#include "sys/sys.h"

/* There is no MSG_NOSIGNAL for it. The run function that goes on undoes the block. */
int64_t px_pipe_write(px_core *core, const px_handle *h, const proa_vec *vec, unsigned n,
                      size_t skip, int32_t *sys_error)
{
	if (!core->sigpipe_blocked)
		core->sigpipe_blocked = px_sys_sigpipe_block();
	return px_pipe_writev(h->fd, vec, n, skip, sys_error);
}

int64_t px_pipe_send(px_core *core, const px_op *op, int32_t *sys_error)
{
	const proa_vec one = {op->args.io.ptr, op->args.io.len};
	bool many = op->kind == PX_SENDV;

	return px_pipe_write(core, op->handle, many ? op->args.io.ptr : &one,
	                     many ? (unsigned)op->args.io.len : 1, (size_t)op->count, sys_error);
}

int64_t px_pipe_end(const px_handle *h, int32_t *sys_error)
{
	*sys_error = 0;
	return px_handle_kind(h) == PROA_PIPE ? px_pipe_shutdown(h->fd, sys_error) : -PROA_ENOTSUP;
}

void px_fds_received(px_core *core, px_op *op, int64_t n, bool cut, int32_t sys_error)
{
	if (n > 0) {
		px_handle_moved(core, op->handle);
		px_count_add(&core->stat.bytes_in, (uint64_t)n);
	}
	op->got |= cut ? PROA_TRUNC : 0;
	px_recv_end(op, n, sys_error);
}
