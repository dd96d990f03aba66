/* Datagrams on a port, one a call: from whom one came is written into the caller's proa_msg. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include "op/gram.h"

_Static_assert(sizeof(px_io_msg) <= sizeof(((proa_msg *)NULL)->px_), "proa_msg has room for it");

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

static px_io_msg *op_header(const px_op *op)
{
	return (px_io_msg *)(void *)op_msg(op)->px_;
}

static struct sockaddr *msg_name(proa_msg *msg)
{
	return (struct sockaddr *)(void *)msg->addr.data;
}

bool px_io_msg_again(const px_op *op, int error)
{
	if (px_op_asked(op))
		return false;
	return px_io_lost(op, error) || (error && px_msg_stray(op, px_sys_error(error)));
}

static void msg_failed(px_op *op, int error, int64_t count)
{
	int64_t rc = px_sys_error(error);

	if (!px_op_asked(op) && px_msg_error(rc) != rc)
		px_op_finish(op, px_msg_error(rc), count, error);
	else
		px_io_fail(op, error, count);
}

/* ---- recv_msg, and recv_msgs, which takes one ---- */

/* A datagram that is cut is told as an error, and whether a packet comes with it, too, nobody
 * promises. So none is cut for the system: what does not fit goes into memory that nobody reads. */
int px_io_msg_recv(px_iocp *io, px_op *op, void *buf, size_t room, struct sockaddr *name,
                   px_io_msg *header)
{
	size_t len = PX_MIN(room, (size_t)INT32_MAX);
	WSABUF b[2] = {{.buf = buf, .len = (ULONG)len},
	               {.buf = io->overflow, .len = sizeof io->overflow}};
	OVERLAPPED *o = px_io_begin(op, 0);

	header->flags = 0;
	return WSARecvFrom(px_win_socket(op->handle->fd), b, len < sizeof io->overflow ? 2 : 1,
	                   NULL, &header->flags, name, &header->name_len, o, NULL)
	               ? WSAGetLastError()
	               : 0;
}

static int call_recv(px_iocp *io, px_op *op)
{
	proa_msg *m = op_msg(op);

	op_header(op)->name_len = sizeof m->addr.data;
	return px_io_msg_recv(io, op, m->buf, m->len, msg_name(m), op_header(op));
}

void px_io_msg_received(px_iocp *io, px_op *op, proa_msg *m, int64_t n)
{
	int64_t len = PX_MIN(n, (int64_t)m->len);

	px_msg_bare(m, (size_t)len, n > len);
	px_handle_moved(io->core, op->handle);
	px_count_add(&io->core->stat.bytes_in, (uint64_t)len);
}

static void recv_end(px_iocp *io, px_op *op, int error, int64_t n)
{
	proa_msg *m = op_msg(op);

	if (error) {
		msg_failed(op, error, 0);
		return;
	}
	px_addr_told(&m->addr, (size_t)op_header(op)->name_len);
	px_io_msg_received(io, op, m, n);
	n = op->kind == PX_RECV_MSGS ? 1 : (int64_t)m->count;
	if (op->kind == PX_RECV_MSG)
		op->got |= (uint16_t)m->got;
	px_op_finish(op, n, n, 0);
}

void px_io_recv_msg(px_iocp *io, px_op *op)
{
	int error;

	do {
		error = call_recv(io, op);
		if (px_io_pending(op, error))
			return;
		if (!px_io_msg_again(op, error)) {
			recv_end(io, op, error, px_io_moved(op));
			return;
		}
	} while (!px_io_again(io, op));
}

void px_io_recv_msg_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (px_io_msg_again(op, error))
		px_io_recv_msg(io, op);
	else
		recv_end(io, op, error, bytes);
}

/* ---- send_msg and send_msgs: args.io.off is how far the datagram has come that is going,
 * op->count the bytes or the datagrams that have gone ---- */

static proa_msg *send_current(const px_op *op)
{
	return op_msg(op) + (op->kind == PX_SEND_MSGS ? op->count : 0);
}

/* Each segment is a call of its own. */
static size_t send_part(const px_op *op)
{
	const proa_msg *m = send_current(op);
	size_t left = m->len - (size_t)op->args.io.off;

	return m->segment_bytes ? PX_MIN(left, (size_t)m->segment_bytes) : left;
}

static int call_send(px_op *op)
{
	proa_msg *m = send_current(op);
	WSABUF b = {.buf = (CHAR *)m->buf + op->args.io.off, .len = (ULONG)send_part(op)};
	OVERLAPPED *o = px_io_begin(op, 0);

	return WSASendTo(px_win_socket(op->handle->fd), &b, 1, NULL, 0,
	                 m->addr.len ? msg_name(m) : NULL, (int)m->addr.len, o, NULL)
	               ? WSAGetLastError()
	               : 0;
}

/* True: all has gone. */
static bool send_moved(px_iocp *io, px_op *op)
{
	const proa_msg *m = send_current(op);
	int64_t n = (int64_t)send_part(op);

	px_handle_moved(io->core, op->handle);
	px_count_add(&io->core->stat.bytes_out, (uint64_t)n);
	op->args.io.off += n;
	if (op->kind == PX_SEND_MSG)
		op->count += n;
	if ((size_t)op->args.io.off < m->len)
		return false;
	if (op->kind == PX_SEND_MSG)
		return true;
	op->args.io.off = 0;
	return ++op->count == (int64_t)op->args.io.len;
}

/* True: it has ended. */
static bool send_step(px_iocp *io, px_op *op, int error)
{
	if (px_io_msg_again(op, error))
		return false;
	if (error)
		msg_failed(op, error, op->count);
	else if (send_moved(io, op))
		px_op_finish(op, op->count, op->count, 0);
	else if (px_op_asked(op))
		px_op_finish(op, -PROA_ECANCELED, op->count, 0);
	else
		return false;
	return true;
}

void px_io_send_msg(px_iocp *io, px_op *op)
{
	unsigned calls = 0;

	do {
		int error = call_send(op);

		if (px_io_pending(op, error) || send_step(io, op, error))
			return;
	} while (++calls < PX_IO_SEND_CALLS || !px_io_again(io, op));
}

void px_io_send_msg_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(bytes);
	if (!send_step(io, op, error))
		px_io_send_msg(io, op);
}
