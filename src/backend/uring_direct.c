/* To a socket past the ring, by calls that copy nothing: sendfile(2), splice(2). */
/* SPDX-License-Identifier: MIT */
#include "backend/pooled.h"
#include "backend/splice.h"
#include "backend/uring.h"

#include <sys/ioctl.h>

enum {
#ifdef PX_TORTURE
	PIECE_BYTES = 1000,
	TURN_PIECES = 2
#else
	PIECE_BYTES = 256 * 1024, /* looked for in the page cache at a time */
	TURN_PIECES = 4           /* while others wait */
#endif
};

/* The ring has no sendfile, and its splice is always given to another thread. A plain call must
 * wait neither for the disk, so only what the page cache holds goes this way; nor for the socket,
 * which is a blocking one as rings want them: so it is none for the length of the call. Nothing is
 * submitted meanwhile, and what is in the ring has been told before. */
static int64_t send_now(px_op *op, int64_t len, int32_t *sys_error)
{
	int fd = op->handle->fd, on = 1, off = 0;
	int64_t n;

	if (ioctl(fd, FIONBIO, &on))
		return 0;
	n = px_sock_send_file(fd, op->args.file.file->fd, op->args.file.off + op->count, len,
	                      sys_error);
	ioctl(fd, FIONBIO, &off);
	return n;
}

static bool held(const px_op *op, int64_t len)
{
	const px_handle *file = op->args.file.file;

	return (file->flags & PX_HF_NEAR) &&
	       px_file_held(file->fd, op->args.file.off + op->count, len);
}

/* One piece; false: it does not go this way. An error or the end is met again, and told, by the
 * ring. */
static bool send_piece(px_uring *u, px_op *op)
{
	int64_t len = PX_MIN(op->args.file.len - op->count, (int64_t)PIECE_BYTES), n;
	int32_t sys_error;

	if (!held(op, len))
		return false;
	n = send_now(op, len, &sys_error);
	px_count_add(&u->core->stat.system_calls, 4);
	if (n == PX_AGAIN)
		px_ur_poll(u, op);
	else if (n > 0)
		px_ur_sent(u, op, (int)n);
	return n == PX_AGAIN || n > 0;
}

bool px_ur_send_file_direct(px_uring *u, px_op *op)
{
	px_core *core = u->core;

	/* sendfile has no MSG_NOSIGNAL. The run function that goes on undoes this. */
	if (!core->sigpipe_blocked)
		core->sigpipe_blocked = px_sys_sigpipe_block();
	for (unsigned i = 0; i < TURN_PIECES; i++) {
		if (!send_piece(u, op))
			return false;
		if ((op->flags & PX_F_KERNEL) || op->count == op->args.file.len)
			return true;
	}
	px_ur_poll(u, op);
	return true;
}

/* ---- from one stream to another ---- */

/* As with sendfile, for the length of one call. */
static int64_t splice_now(px_uring *u, px_op *op,
                          int64_t (*call)(px_core *, px_op *, int32_t *sys_error),
                          int32_t *sys_error)
{
	int fd = op->handle->fd, on = 1, off = 0;
	int64_t n;

	if (ioctl(fd, FIONBIO, &on))
		return PX_AGAIN;
	n = call(u->core, op, sys_error);
	ioctl(fd, FIONBIO, &off);
	px_count_add(&u->core->stat.system_calls, 2);
	return n;
}

void px_ur_splice_in(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = splice_now(u, op, px_splice_in, &sys_error);

	if (n == PX_AGAIN)
		px_ur_poll(u, op);
	else
		px_recv_end(op, n, sys_error);
}

void px_ur_splice_out(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = splice_now(u, op, px_splice_out, &sys_error);

	px_count(&u->core->stat.system_calls);
	px_ur_sent_now(u, op, n, sys_error);
}
