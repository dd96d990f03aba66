/* Connect and recv on a port: into the caller's memory, or into a buffer once bytes are there. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include "backend/pooled.h"

/* Not in every header of Windows. */
#ifndef SO_REUSE_UNICASTPORT
#define SO_REUSE_UNICASTPORT 0x3007
#endif

/* ---- connect ---- */

/* ConnectEx wants a bound socket. */
static int bind_any(SOCKET s, uint32_t family)
{
	SOCKADDR_STORAGE any = {.ss_family = AF_INET};
	int len = sizeof(SOCKADDR_IN);
	DWORD on = 1;

	/* Each would take a port for itself, as listeners do: connects may share them. Before
	 * Windows 10, and in Wine, they do not. */
	setsockopt(s, SOL_SOCKET, SO_REUSE_UNICASTPORT, (const char *)&on, sizeof on);
	if (family == AF_INET6) {
		any.ss_family = AF_INET6;
		len = sizeof(SOCKADDR_IN6);
	}
	return bind(s, (const struct sockaddr *)&any, len) ? WSAGetLastError() : 0;
}

/* A local socket's connect is over at once if it may wait for that moment, and ConnectEx is not for
 * those. */
static void connect_local(px_op *op, const proa_addr *addr)
{
	int32_t sys_error = 0;
	int64_t rc;

	px_sock_set_nonblock(op->handle->fd, false);
	rc = px_sock_connect(op->handle->fd, addr, &sys_error);
	px_sock_set_nonblock(op->handle->fd, true);
	px_op_finish(op, rc == PX_AGAIN ? -PROA_ECONNREFUSED : rc, 0, sys_error);
}

static void connect_end(px_op *op, int error)
{
	SOCKET s = px_win_socket(op->handle->fd);

	/* Without it neither the socket's addresses nor its shutdown work. */
	if (!error && setsockopt(s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0))
		error = WSAGetLastError();
	if (error)
		px_io_fail(op, error, 0);
	else
		px_op_finish(op, 0, 0, 0);
}

void px_io_connect(px_iocp *io, px_op *op)
{
	const proa_addr *addr = op->args.io.ptr; /* the op's own copy, until its end */
	SOCKET s = px_win_socket(op->handle->fd);
	OVERLAPPED *o;
	int error;

	switch (px_handle_kind(op->handle)) {
	case PROA_LOCAL: connect_local(op, addr); return;
	case PROA_PIPE: px_io_named_connect(op); return;
	default: break;
	}
	o = px_io_begin(op, 0);
	error = bind_any(s, addr->family);
	if (!error && !io->winsock->connect(s, (const struct sockaddr *)(const void *)addr->data,
	                                    (int)addr->len, NULL, 0, NULL, o))
		error = WSAGetLastError();
	if (!px_io_pending(op, error))
		connect_end(op, error);
}

void px_io_connect_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(io);
	PX_UNUSED(bytes);
	if (px_handle_kind(op->handle) == PROA_PIPE)
		px_io_named_connect_packet(op, error);
	else
		connect_end(op, error);
}

/* ---- recv ---- */

static void received(px_core *core, px_handle *h, int64_t n)
{
	px_handle_moved(core, h);
	px_count_add(&core->stat.bytes_in, (uint64_t)n);
}

static bool sock_call(px_op *op, void *buf, size_t len, int *error)
{
	WSABUF b = {.buf = buf, .len = (ULONG)PX_MIN(len, (size_t)PX_IO_RECV_BYTES)};
	OVERLAPPED *o = px_io_begin(op, 0);
	DWORD flags = 0;

	*error = WSARecv(px_win_socket(op->handle->fd), &b, 1, NULL, &flags, o, NULL)
	                 ? WSAGetLastError()
	                 : 0;
	return px_io_pending(op, *error);
}

/* A pipe has a packet for what is over at once, too. */
static bool pipe_call(px_op *op, void *buf, size_t len, int *error)
{
	DWORD n = (DWORD)PX_MIN(len, (size_t)PX_IO_RECV_BYTES);
	OVERLAPPED *o = px_io_begin(op, 0);

	if (op->handle->flags & PX_IO_HF_WAITS)
		*error = px_io_stream_read(op, buf, n);
	else if (ReadFile(px_win_handle(op->handle->fd), buf, n, NULL, o))
		*error = 0;
	else
		*error = (int)GetLastError();
	return px_io_pending(op, *error);
}

/* A call for `len` bytes; no bytes: to be told when there are some. As px_io_pending. */
static bool recv_call(px_op *op, void *buf, size_t len, int *error)
{
	static char nothing;

	if (px_handle_is_socket(op->handle))
		return sock_call(op, buf, len, error);
	return pipe_call(op, buf ? buf : &nothing, len, error);
}

/* What ends a pipe's stream is an error to Windows. */
static int recv_error(const px_op *op, int error)
{
	return error == ERROR_BROKEN_PIPE && !px_handle_is_socket(op->handle) ? 0 : error;
}

static void recv_end(px_iocp *io, px_op *op, int error, int64_t n)
{
	if (recv_error(op, error)) {
		px_io_fail(op, error, 0);
		return;
	}
	if (n > 0)
		received(io->core, op->handle, n);
	px_recv_end(op, n, 0);
}

void px_io_recv(px_iocp *io, px_op *op)
{
	int error;

	if (!recv_call(op, (void *)(uintptr_t)op->args.io.ptr, op->args.io.len, &error))
		recv_end(io, op, error, px_io_moved(op));
}

void px_io_recv_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (px_io_lost(op, error))
		px_io_recv(io, op);
	else
		recv_end(io, op, error, bytes);
}

/* ---- pooled ---- */

static void handle_more(px_handle *h, bool more)
{
	h->flags = (uint16_t)(more ? h->flags | PX_IO_HF_MORE : h->flags & ~PX_IO_HF_MORE);
}

/* A buffer that was not filled has most likely taken all. The end and errors are told again by the
 * next call. */
static int64_t recv_some(px_core *core, px_handle *h, void *buf, size_t len, int32_t *sys_error)
{
	int64_t n;

	if (px_handle_is_socket(h))
		n = px_sock_recv(h->fd, buf, len, sys_error);
	else if (h->flags & PX_IO_HF_WAITS)
		n = px_io_stream_take(h, buf, len, sys_error);
	else
		n = px_pipe_read(h->fd, buf, len, sys_error);
	px_count(&core->stat.system_calls);
	if (n == -PROA_ECONNABORTED)
		n = -PROA_ECONNRESET; /* as px_io_error */
	handle_more(h, n != PX_AGAIN && (n <= 0 || (size_t)n == len));
	if (n > 0)
		received(core, h, n);
	return n;
}

/* Asks to be told of bytes. True: the packet tells. False: they are there, or *error. */
static bool bytes_wait(px_op *op, int *error)
{
	*error = 0;
	if (op->handle->flags & PX_IO_HF_MORE)
		return false;
	if (recv_call(op, NULL, 0, error))
		return true;
	*error = recv_error(op, *error); /* the end is read */
	if (!*error)
		handle_more(op->handle, true);
	return false;
}

void px_io_pooled(px_iocp *io, px_op *op)
{
	int error;

	do {
		if (bytes_wait(op, &error))
			return;
		if (error) {
			px_io_fail(op, error, 0);
			return;
		}
		if (!px_pooled_try(io->core, op, recv_some))
			return;
		/* Told of bytes that were not there: not at once again. */
	} while (!px_io_again(io, op));
}

void px_io_pooled_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(bytes);
	error = recv_error(op, error);
	if (!error)
		handle_more(op->handle, true);
	if (px_op_asked(op)) /* what has come is the next recv's */
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	else if (error && !px_io_lost(op, error))
		px_io_fail(op, error, 0);
	else
		px_io_pooled(io, op);
}

/* ---- recv_pooled_many ---- */

/* Nothing is read ahead: what is announced is taken when it is pulled. aux is the error that ended
 * it. Announced, or to be told of bytes. */
void px_io_many(px_iocp *io, px_op *op)
{
	int error;

	PX_UNUSED(io);
	if ((op->flags & PX_F_KERNEL) || bytes_wait(op, &error))
		return;
	op->aux = (uint32_t)error;
	px_op_more(op);
}

void px_io_many_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(bytes);
	error = recv_error(op, error);
	if (!error)
		handle_more(op->handle, true);
	if (px_io_lost(op, error)) {
		px_io_many(io, op);
		return;
	}
	op->aux = (uint32_t)error;
	px_op_more(op);
}

static px_pulled many_final(px_op *op, int64_t result, int error)
{
	op->got = 0;
	px_op_finish_pulled(op, result, 0, error);
	return PX_PULL_FINAL;
}

px_pulled px_io_many_pull(px_iocp *io, px_op *op)
{
	px_pulled pulled = PX_PULL_NONE;
	bool waits = true;

	if (op->flags & PX_F_KERNEL)
		return PX_PULL_NONE; /* its packet lists it again */
	if (px_op_asked(op))
		return many_final(op, -PROA_ECANCELED, 0);
	if (op->aux)
		return many_final(op, px_io_error(op, (int)op->aux), (int)op->aux);
	if (op->handle->flags & PX_IO_HF_MORE)
		pulled = px_pooled_pull(io->core, op, recv_some, &waits);
	if (pulled == PX_PULL_NONE && waits)
		px_io_many(io, op);
	return pulled;
}
