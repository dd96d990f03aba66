/* Datagrams on a ring: recvmsg and sendmsg; several by a direct call, when its poll has told. */
/* SPDX-License-Identifier: MIT */
#include "backend/grams.h"
#include "backend/uring.h"
#include "sys/posix/posix.h"

#include <sys/socket.h>

/* The kernel reads it when the entry is submitted, and writes into it until the completion. */
typedef struct __attribute__((may_alias)) msg_header {
	struct msghdr msg;
	struct iovec iov;
	px_udp_control control;
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

static msg_header *header_fill(px_op *op, uint32_t name_len, size_t skip, size_t len)
{
	proa_msg *m = op_msg(op);
	msg_header *header = op_header(op);

	header->iov = (struct iovec){px_msg_at(m, skip), PX_MIN(len, (size_t)INT32_MAX)};
	header->msg = (struct msghdr){.msg_iov = &header->iov, .msg_iovlen = 1};
	header->msg.msg_name = name_len ? m->addr.data : NULL;
	header->msg.msg_namelen = name_len;
	return header;
}

static void header_control(msg_header *header, size_t len)
{
	header->msg.msg_control = len ? &header->control : NULL;
	header->msg.msg_controllen = (socklen_t)len;
}

/* Without POLL_FIRST: a datagram socket does not say whether more is there, and where it matters
 * something is. */
static void msg_push(px_uring *u, px_op *op, unsigned opcode)
{
	px_uring_sqe *sqe = px_ur_main(u, op, opcode, op->handle->fd);

	sqe->addr = px_ur_addr(op_header(op));
	sqe->len = 1;
	sqe->msg_flags = MSG_NOSIGNAL;
}

/* op->count is how much of it has gone: of a send that is cut into segments. */
static void msg_failed(px_uring *u, px_op *op, int res)
{
	int64_t error = px_sys_error(-res);

	if (px_msg_stray(op, error))
		res = -ECANCELED; /* nothing of ours has happened: once more */
	if (px_ur_again(u, op, res))
		return;
	if (error == px_msg_error(error))
		px_ur_end_error(op, res, op->count);
	else
		px_ur_end(op, px_msg_error(error), op->count, -res);
}

/* ---- recv_msg ---- */

void px_ur_recv_msg(px_uring *u, px_op *op)
{
	proa_msg *m = op_msg(op);
	msg_header *header = header_fill(op, sizeof m->addr.data, 0, m->len);

	header_control(header, op->handle->flags & PX_HF_INFO ? sizeof header->control : 0);
	msg_push(u, op, PX_IORING_OP_RECVMSG);
}

void px_ur_recv_msg_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (cqe->res < 0) {
		msg_failed(u, op, cqe->res);
		return;
	}
	px_udp_told(&op_header(op)->msg, op_msg(op), (size_t)cqe->res);
	op->got |= (uint16_t)op_msg(op)->got;
	px_ur_received(u->core, op->handle, cqe->res);
	px_ur_end(op, cqe->res, cqe->res, 0);
}

/* ---- send_msg; PHASE2: its segments go alone ---- */

void px_ur_send_msg(px_uring *u, px_op *op)
{
	proa_msg *m = op_msg(op);
	size_t part = px_udp_part(m, (size_t)op->count, (op->flags & PX_F_PHASE2) != 0);
	msg_header *header = header_fill(op, m->addr.len, (size_t)op->count, part);

	header_control(header, px_udp_control_put(&header->control, m, part));
	msg_push(u, op, PX_IORING_OP_SENDMSG);
}

/* True: the system does not take segments together, and is tried with one. */
static bool send_alone(px_uring *u, px_op *op, int res)
{
	if ((res != -EIO && res != -EINVAL) || (op->flags & PX_F_PHASE2) ||
	    !op_msg(op)->segment_bytes || px_op_asked(op))
		return false;
	op->flags |= PX_F_PHASE2;
	px_ur_send_msg(u, op);
	return true;
}

void px_ur_send_msg_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (cqe->res < 0) {
		if (!send_alone(u, op, cqe->res))
			msg_failed(u, op, cqe->res);
		return;
	}
	px_handle_moved(u->core, op->handle);
	px_count_add(&u->core->stat.bytes_out, (uint64_t)cqe->res);
	op->count += cqe->res;
	if ((size_t)op->count >= op->args.io.len)
		px_ur_end(op, op->count, op->count, 0);
	else if (px_op_asked(op))
		px_ur_end(op, -PROA_ECANCELED, op->count, 0);
	else
		px_ur_send_msg(u, op);
}

/* ---- several ---- */

void px_ur_recv_msgs(px_uring *u, px_op *op)
{
	if (px_grams_recv(u->core, op) != PX_WENT_ENDED)
		px_ur_poll(u, op);
}

void px_ur_send_msgs(px_uring *u, px_op *op)
{
	if (px_grams_send(u->core, op) != PX_WENT_ENDED)
		px_ur_poll(u, op);
}

/* Nothing of them is in the ring but a poll, and this is its cancel. */
void px_ur_msgs_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	PX_UNUSED(u);
	px_ur_end_error(op, cqe->res, px_kind_dir[op->kind] == PX_DIR_OUT ? op->count : 0);
}

/* ---- recv_msg_many ---- */

void px_ur_msg_many(px_uring *u, px_op *op)
{
	PX_UNUSED(u);
	px_op_more(op);
}

void px_ur_msg_many_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	PX_UNUSED(cqe);
	if (px_ur_settled(op))
		px_ur_msg_many(u, op);
}

px_pulled px_ur_msg_many_pull(px_uring *u, px_op *op)
{
	px_pulled pulled;
	bool waits;

	if (!px_ur_settled(op))
		return PX_PULL_NONE; /* its poll lists it again */
	pulled = px_grams_pull(u->core, op, &waits);
	if (pulled == PX_PULL_NONE && waits)
		px_ur_poll(u, op);
	return pulled;
}
