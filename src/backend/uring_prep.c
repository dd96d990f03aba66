/* Connect, accept and recv on a ring, each once. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/socket.h>

/* ---- connect ---- */

void px_ur_connect(px_uring *u, px_op *op)
{
	const proa_addr *addr = op->args.io.ptr; /* the op's own copy, until its end */
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_CONNECT, op->handle->fd);

	sqe->addr = px_ur_addr(addr->data);
	sqe->off = addr->len;
}

void px_ur_connect_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	/* One that was interrupted goes on by itself, or not: to start it anew would ask about
	 * another attempt. */
	if (cqe->res >= 0)
		px_ur_end(op, 0, 0, 0);
	else if (cqe->res != -EAGAIN || !px_ur_again(u, op, cqe->res))
		px_ur_end_error(op, cqe->res, 0);
}

/* ---- accept ---- */

bool px_ur_accept_aborted(int res)
{
	return px_accept_aborted(px_sys_error(-res));
}

bool px_ur_accept_exhausted(int res)
{
	return px_accept_exhausted(px_sys_error(-res));
}

void px_ur_accept_rest(px_uring *u, px_op *op, int error)
{
	u->armed = true;
	px_accept_pause(u->core, op, px_sys_error(error));
}

void px_ur_accept(px_uring *u, px_op *op)
{
	px_ur_main(u, op, PX_IORING_OP_ACCEPT, op->handle->fd)->accept_flags = SOCK_CLOEXEC;
}

static void accept_got(px_uring *u, px_op *op, int fd)
{
	px_accept_resumed(u->core, op);
	if (px_handle_closing(op->handle)) {
		px_sock_close(fd, false);
		px_ur_end(op, -PROA_ECANCELED, 0, 0);
		return;
	}
	op->socket = px_socket_pack(fd, (proa_kind)(op->handle->kind & ~PX_HANDLE_TAG), false);
	px_ur_end(op, 0, 0, 0);
}

void px_ur_accept_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	int res = cqe->res;

	if (res >= 0) {
		accept_got(u, op, res);
		return;
	}
	if (px_ur_accept_aborted(res)) {
		px_count(&u->core->stat.accept_aborted);
		res = -ECANCELED; /* nothing of ours has happened: once more */
	}
	if (px_ur_accept_exhausted(res) && !px_op_asked(op))
		px_ur_accept_rest(u, op, -res);
	else if (!px_ur_again(u, op, res))
		px_ur_end_error(op, px_ur_accept_exhausted(res) ? -ECANCELED : res, 0);
}

/* ---- recv ---- */

/* READABLE: the last completion said that there was more. Else the kernel need not try before it
 * waits. */
uint16_t px_ur_recv_flags(const px_uring *u, const px_handle *h)
{
	if ((h->flags & PX_HF_READABLE) || !px_ur_has(u, PX_UR_POLL_FIRST))
		return 0;
	return PX_IORING_RECVSEND_POLL_FIRST;
}

px_uring_sqe *px_ur_recv_entry(px_uring *u, px_op *op, uint16_t flags)
{
	px_handle *h = op->handle;
	px_uring_sqe *sqe;

	if (!px_handle_is_socket(h)) {
		sqe = px_ur_main(u, op, PX_IORING_OP_READ, h->fd);
		sqe->off = UINT64_MAX; /* it has no positions */
		return sqe;
	}
	sqe = px_ur_main(u, op, PX_IORING_OP_RECV, h->fd);
	sqe->ioprio = flags;
	return sqe;
}

void px_ur_recv_seen(px_handle *h, const px_uring_cqe *cqe)
{
	if (cqe->flags & PX_IORING_CQE_F_SOCK_NONEMPTY)
		h->flags |= PX_HF_READABLE;
	else
		h->flags &= (uint16_t)~PX_HF_READABLE;
}

void px_ur_received(px_core *core, px_handle *h, int64_t bytes)
{
	px_handle_moved(core, h);
	px_count_add(&core->stat.bytes_in, (uint64_t)bytes);
}

void px_ur_recv(px_uring *u, px_op *op)
{
	px_uring_sqe *sqe = px_ur_recv_entry(u, op, px_ur_recv_flags(u, op->handle));

	sqe->addr = px_ur_addr(op->args.io.ptr);
	sqe->len = (uint32_t)PX_MIN(op->args.io.len, (size_t)INT32_MAX);
}

static void recv_end(px_uring *u, px_op *op, int n)
{
	if (n > 0)
		px_ur_received(u->core, op->handle, n);
	else
		op->got |= PROA_END;
	px_ur_end(op, n, n, 0);
}

void px_ur_recv_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	px_ur_recv_seen(op->handle, cqe);
	if (cqe->res >= 0)
		recv_end(u, op, cqe->res);
	else if (!px_ur_again(u, op, cqe->res))
		px_ur_end_error(op, cqe->res, 0);
}

/* ---- recv_pooled ---- */

/* A pool that never got a buffer, for want of memory, has none to wait for. */
static void pooled_park(px_op *op)
{
	px_pool *pool = op->args.pooled.pool;

	if (pool->total)
		px_pool_park(pool, op);
	else
		px_ur_end_error(op, -ENOMEM, 0);
}

void px_ur_recv_pooled(px_uring *u, px_op *op)
{
	if (!px_ur_pool_recv(u, op, 0))
		pooled_park(op);
}

/* The ring was empty when bytes came. */
static void pooled_starved(px_uring *u, px_op *op)
{
	if (px_op_asked(op))
		px_ur_end_error(op, -ECANCELED, 0);
	else if (px_ur_pool_ready(op->args.pooled.pool))
		px_ur_recv_pooled(u, op);
	else
		pooled_park(op);
}

void px_ur_recv_pooled_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	px_pool *pool = op->args.pooled.pool;
	void *buf;

	px_ur_recv_seen(op->handle, cqe);
	buf = px_ur_pool_received(op, cqe);
	if (cqe->res > 0 && buf) {
		op->buf = buf;
		recv_end(u, op, cqe->res);
		return;
	}
	if (buf)
		px_pool_give(pool, buf);
	if (cqe->res == 0)
		recv_end(u, op, 0);
	else if (cqe->res == -ENOBUFS)
		pooled_starved(u, op);
	else if (!px_ur_again(u, op, cqe->res))
		px_ur_end_error(op, cqe->res, 0);
}
