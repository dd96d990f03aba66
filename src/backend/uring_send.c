/* Sends on a ring: all of it, however often the kernel stops short; and shutdown. */
/* SPDX-License-Identifier: MIT */
#include "backend/pipe.h"
#include "backend/uring.h"

#include <sys/socket.h>

/* op->count is how far a send has come: of an op in flight it is ours. WAITALL makes the kernel go
 * on by itself; without it, or after a signal or for want of memory, it stops short, and then the
 * rest is sent. One that was asked to end is not continued: it ends with what had gone. */

enum {
	SEND_MAX = 1 << 30,   /* bytes in one entry, whose results are an int */
	WHOLE_MAX = 64 * 1024 /* up to here, the kernel is to go on until all has gone */
};

/* Of a long send, or where an idle time counts, each part that moves has to be seen. */
uint32_t px_ur_send_flags(const px_handle *h, size_t len)
{
	return MSG_NOSIGNAL | (h->idle_ms || len > WHOLE_MAX ? 0 : MSG_WAITALL);
}

static void send_push(px_uring *u, px_op *op, const void *from, size_t len)
{
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_SEND, op->handle->fd);

	sqe->addr = px_ur_addr(from);
	sqe->len = (uint32_t)PX_MIN(len, (size_t)SEND_MAX);
	sqe->msg_flags = px_ur_send_flags(op->handle, len) |
	                 (op->want & PROA_FOLLOWED ? (unsigned)MSG_MORE : 0);
	if (op->count && px_ur_has(u, PX_UR_POLL_FIRST)) /* it stopped because there was no room */
		sqe->ioprio = PX_IORING_RECVSEND_POLL_FIRST;
}

bool px_ur_send_failed(px_uring *u, px_op *op, int res)
{
	if (res >= 0)
		return false;
	if (res == -EPIPE || res == -ECONNRESET || res == -ECONNABORTED) {
		/* what a dead peer is called depends on what was noticed first */
		op->handle->flags |= PX_HF_DEAD;
		px_ur_end(op, -PROA_ECONNRESET, op->count, -res);
	} else if (!px_ur_again(u, op, res)) {
		px_ur_end_error(op, res, op->count);
	}
	return true;
}

void px_ur_sent(px_uring *u, px_op *op, int n)
{
	op->count += n;
	if (n <= 0)
		return;
	px_handle_moved(u->core, op->handle);
	px_count_add(&u->core->stat.bytes_out, (uint64_t)n);
}

/* ---- send, send_pooled ---- */

void px_ur_send(px_uring *u, px_op *op)
{
	const unsigned char *bytes = op->args.io.ptr;

	if ((size_t)op->count == op->args.io.len)
		px_op_finish(op, op->count, op->count, 0); /* of nothing */
	else if (!px_handle_is_socket(op->handle))
		px_ur_pipe_send(u, op);
	else if (!px_ur_gather(u, op))
		send_push(u, op, bytes + op->count, op->args.io.len - (size_t)op->count);
}

void px_ur_send_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (op->flags & PX_UR_F_GATHERED) {
		px_ur_gathered(u, op, cqe->res);
		return;
	}
	if (px_ur_send_failed(u, op, cqe->res))
		return;
	px_ur_sent(u, op, cqe->res);
	if ((size_t)op->count == op->args.io.len)
		px_ur_end(op, op->count, op->count, 0);
	else if (px_op_asked(op))
		px_ur_end(op, -PROA_ECANCELED, op->count, 0);
	else
		px_ur_send(u, op);
}

void px_ur_send_settled(px_uring *u, px_op *op)
{
	if (op->flags & PX_UR_F_GATHERED)
		px_ur_gathered_settled(u, op);
	else
		px_ur_once_settled(u, op);
}

/* ---- sendv: the header is scratch, in op->buf; the pieces are the caller's ---- */

_Static_assert(sizeof(proa_vec) == sizeof(struct iovec) &&
                       offsetof(proa_vec, base) == offsetof(struct iovec, iov_base) &&
                       offsetof(proa_vec, len) == offsetof(struct iovec, iov_len),
               "the kernel reads a proa_vec as an iovec");
_Static_assert(sizeof(struct msghdr) <= 64, "px_uring.headers");

/* The pieces not yet sent, without empty ones in front; *skip: bytes of the first that are gone. */
static const proa_vec *vec_rest(const px_op *op, size_t *n, size_t *skip)
{
	const proa_vec *vec = op->args.io.ptr, *end = vec + op->args.io.len;
	size_t gone = (size_t)op->count;

	for (; vec < end && gone >= vec->len; vec++)
		gone -= vec->len;
	*n = (size_t)(end - vec);
	*skip = gone;
	return vec;
}

static struct msghdr *header_take(px_uring *u, px_op *op)
{
	if (!op->buf)
		op->buf = px_slab_zalloc(&u->headers);
	return op->buf;
}

static void header_give(px_uring *u, px_op *op)
{
	px_slab_free(&u->headers, op->buf);
	op->buf = NULL;
}

static void vec_push(px_uring *u, px_op *op, const proa_vec *vec, size_t n)
{
	struct msghdr *header = n > 1 ? header_take(u, op) : NULL;
	px_uring_sqe *sqe;

	if (!header) { /* one piece; also for want of memory */
		send_push(u, op, vec->base, vec->len);
		return;
	}
	header->msg_iov = (struct iovec *)(uintptr_t)vec;
	header->msg_iovlen = (uint16_t)n; /* at most 1024; an int or a size_t, as the libc has it */
	sqe = px_ur_main(u, op, PX_IORING_OP_SENDMSG, op->handle->fd);
	sqe->addr = px_ur_addr(header);
	sqe->len = 1;
	sqe->msg_flags = px_ur_send_flags(op->handle, SIZE_MAX);
}

void px_ur_sendv(px_uring *u, px_op *op)
{
	size_t n, skip;
	const proa_vec *vec = vec_rest(op, &n, &skip);

	if (!n)
		px_op_finish(op, op->count, op->count, 0); /* of nothing */
	else if (!px_handle_is_socket(op->handle))
		px_ur_pipe_send(u, op);
	else if (px_ur_gather(u, op))
		return;
	else if (skip) /* the rest of a piece goes alone, so that no vector has to be rewritten */
		send_push(u, op, (const unsigned char *)vec->base + skip, vec->len - skip);
	else
		vec_push(u, op, vec, n);
}

static void sendv_sent(px_uring *u, px_op *op, int res)
{
	size_t n, skip;

	px_ur_sent(u, op, res);
	vec_rest(op, &n, &skip);
	if (!n)
		px_ur_end(op, op->count, op->count, 0);
	else if (px_op_asked(op))
		px_ur_end(op, -PROA_ECANCELED, op->count, 0);
	else
		px_ur_sendv(u, op);
}

void px_ur_sendv_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (op->flags & PX_UR_F_GATHERED) {
		px_ur_gathered(u, op, cqe->res);
		return;
	}
	header_give(u, op);
	if (!px_ur_send_failed(u, op, cqe->res))
		sendv_sent(u, op, cqe->res);
}

/* ---- shutdown: by a call, since it never waits; the ring would hand it to a worker thread ---- */

void px_ur_shutdown(px_uring *u, px_op *op)
{
	int32_t sys_error = 0;
	int64_t rc = px_handle_is_socket(op->handle) ? px_sock_shutdown(op->handle->fd, &sys_error)
	                                             : px_pipe_end(op->handle, &sys_error);

	px_count(&u->core->stat.system_calls);
	px_op_finish(op, rc, 0, sys_error);
}

void px_ur_no_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	PX_UNUSED(u);
	PX_UNUSED(op);
	PX_UNUSED(cqe);
	PX_PANIC("io_uring: a completion of an op that was never in the ring");
}
