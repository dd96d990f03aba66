/* Datagrams on a ring: recvmsg and sendmsg, with the header in the caller's proa_msg. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/socket.h>

/* The kernel reads it when the entry is submitted, and writes into it until the completion. */
typedef struct __attribute__((may_alias)) msg_header {
	struct msghdr msg;
	struct iovec iov;
} msg_header;
_Static_assert(sizeof(msg_header) <= sizeof(((proa_msg *)NULL)->px_), "proa_msg has room for it");
_Static_assert(_Alignof(msg_header) <= _Alignof(uint64_t), "and in the right place");

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

static msg_header *op_header(const px_op *op)
{
	return (msg_header *)(void *)op_msg(op)->px_;
}

/* Without POLL_FIRST: a datagram socket does not say whether more is there, and where it matters
 * something is. */
static void msg_push(px_uring *u, px_op *op, unsigned opcode, uint32_t name_len)
{
	proa_msg *m = op_msg(op);
	msg_header *header = op_header(op);
	px_uring_sqe *sqe = px_ur_main(u, op, opcode, op->handle->fd);

	*header = (msg_header){.iov = {m->buf, PX_MIN(m->len, (size_t)INT32_MAX)}};
	header->msg.msg_name = name_len ? m->addr.data : NULL;
	header->msg.msg_namelen = name_len;
	header->msg.msg_iov = &header->iov;
	header->msg.msg_iovlen = 1;
	sqe->addr = px_ur_addr(header);
	sqe->len = 1;
	sqe->msg_flags = MSG_NOSIGNAL;
}

static void msg_failed(px_uring *u, px_op *op, int res)
{
	int64_t error = px_sys_error(-res);

	if (px_msg_stray(op, error))
		res = -ECANCELED; /* nothing of ours has happened: once more */
	if (px_ur_again(u, op, res))
		return;
	if (error == px_msg_error(error))
		px_ur_end_error(op, res, 0);
	else
		px_ur_end(op, px_msg_error(error), 0, -res);
}

/* ---- recv_msg ---- */

void px_ur_recv_msg(px_uring *u, px_op *op)
{
	msg_push(u, op, PX_IORING_OP_RECVMSG, sizeof op_msg(op)->addr.data);
}

void px_ur_recv_msg_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	const struct msghdr *msg = &op_header(op)->msg;

	if (cqe->res < 0) {
		msg_failed(u, op, cqe->res);
		return;
	}
	px_addr_told(&op_msg(op)->addr, msg->msg_namelen);
	if (msg->msg_flags & MSG_TRUNC)
		op->got |= PROA_TRUNC;
	px_ur_received(u->core, op->handle, cqe->res);
	px_ur_end(op, cqe->res, cqe->res, 0);
}

/* ---- send_msg ---- */

void px_ur_send_msg(px_uring *u, px_op *op)
{
	msg_push(u, op, PX_IORING_OP_SENDMSG, op_msg(op)->addr.len);
}

void px_ur_send_msg_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (cqe->res < 0) {
		msg_failed(u, op, cqe->res);
		return;
	}
	px_handle_moved(u->core, op->handle);
	px_count_add(&u->core->stat.bytes_out, (uint64_t)cqe->res);
	px_ur_end(op, cqe->res, cqe->res, 0);
}
