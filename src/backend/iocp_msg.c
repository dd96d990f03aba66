/* Datagrams on a port: from whom one came is written into the caller's proa_msg. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* What the system writes to until the packet. */
typedef struct __attribute__((may_alias)) msg_header {
	int name_len;
	DWORD flags;
} msg_header;
_Static_assert(sizeof(msg_header) <= sizeof(((proa_msg *)NULL)->px_), "proa_msg has room for it");

static proa_msg *op_msg(const px_op *op)
{
	return (proa_msg *)(uintptr_t)op->args.io.ptr;
}

static msg_header *op_header(const px_op *op)
{
	return (msg_header *)(void *)op_msg(op)->px_;
}

static struct sockaddr *op_name(const px_op *op)
{
	return (struct sockaddr *)(void *)op_msg(op)->addr.data;
}

/* True: nothing of ours has happened, and it is to be tried again. */
static bool msg_again(const px_op *op, int error)
{
	if (px_op_asked(op))
		return false;
	return px_io_lost(op, error) || (error && px_msg_stray(op, px_sys_error(error)));
}

static void msg_failed(px_op *op, int error)
{
	int64_t rc = px_sys_error(error);

	if (!px_op_asked(op) && px_msg_error(rc) != rc)
		px_op_finish(op, px_msg_error(rc), 0, error);
	else
		px_io_fail(op, error, 0);
}

/* ---- recv_msg ---- */

/* A datagram that is cut is told as an error, and whether a packet comes with it, too, nobody
 * promises. So none is cut for the system: what does not fit goes into memory that nobody reads. */
static int call_recv(px_iocp *io, px_op *op)
{
	proa_msg *m = op_msg(op);
	size_t len = PX_MIN(m->len, (size_t)INT32_MAX);
	WSABUF b[2] = {{.buf = m->buf, .len = (ULONG)len},
	               {.buf = io->overflow, .len = sizeof io->overflow}};
	OVERLAPPED *o = px_io_begin(op, 0);
	msg_header *header = op_header(op);

	*header = (msg_header){.name_len = sizeof m->addr.data};
	return WSARecvFrom(px_win_socket(op->handle->fd), b, len < sizeof io->overflow ? 2 : 1,
	                   NULL, &header->flags, op_name(op), &header->name_len, o, NULL)
	               ? WSAGetLastError()
	               : 0;
}

static void recv_end(px_iocp *io, px_op *op, int error, int64_t n)
{
	int64_t len = (int64_t)op_msg(op)->len;

	if (error) {
		msg_failed(op, error);
		return;
	}
	if (n > len)
		op->got |= PROA_TRUNC;
	n = PX_MIN(n, len);
	px_addr_told(&op_msg(op)->addr, (size_t)op_header(op)->name_len);
	px_handle_moved(io->core, op->handle);
	px_count_add(&io->core->stat.bytes_in, (uint64_t)n);
	px_op_finish(op, n, n, 0);
}

void px_io_recv_msg(px_iocp *io, px_op *op)
{
	int error;

	do {
		error = call_recv(io, op);
		if (px_io_pending(op, error))
			return;
		if (!msg_again(op, error)) {
			recv_end(io, op, error, px_io_moved(op));
			return;
		}
	} while (!px_io_again(io, op));
}

void px_io_recv_msg_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (msg_again(op, error))
		px_io_recv_msg(io, op);
	else
		recv_end(io, op, error, bytes);
}

/* ---- send_msg ---- */

static int call_send(px_op *op)
{
	proa_msg *m = op_msg(op);
	WSABUF b = {.buf = m->buf, .len = (ULONG)m->len};
	OVERLAPPED *o = px_io_begin(op, 0);

	return WSASendTo(px_win_socket(op->handle->fd), &b, 1, NULL, 0,
	                 m->addr.len ? op_name(op) : NULL, (int)m->addr.len, o, NULL)
	               ? WSAGetLastError()
	               : 0;
}

static void send_end(px_iocp *io, px_op *op, int error)
{
	int64_t len = (int64_t)op_msg(op)->len;

	if (error) {
		msg_failed(op, error);
		return;
	}
	px_handle_moved(io->core, op->handle);
	px_count_add(&io->core->stat.bytes_out, (uint64_t)len);
	px_op_finish(op, len, len, 0);
}

void px_io_send_msg(px_iocp *io, px_op *op)
{
	int error;

	do {
		error = call_send(op);
		if (px_io_pending(op, error))
			return;
		if (!msg_again(op, error)) {
			send_end(io, op, error);
			return;
		}
	} while (!px_io_again(io, op));
}

void px_io_send_msg_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(bytes);
	if (msg_again(op, error))
		px_io_send_msg(io, op);
	else
		send_end(io, op, error);
}
