/* Sends on a port: of memory and of pieces, all of it; and shutdown. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* op->count is how far a send has come: of an op in flight it is ours. Each call takes a limited
 * part, so that a long send is seen to move. */

enum { VECS_AT_ONCE = 64, IDLE_BYTES = 64 * 1024 };

static int64_t send_total(const px_op *op)
{
	return op->kind == PX_SENDV ? op->args.io.off : (int64_t)op->args.io.len;
}

/* Where an idle time counts, the parts are small. */
int64_t px_io_send_part(const px_op *op, int64_t left)
{
	return PX_MIN(left, (int64_t)(op->handle->idle_ms ? IDLE_BYTES : PX_IO_SEND_BYTES));
}

static int64_t part_bytes(const px_op *op)
{
	return px_io_send_part(op, send_total(op) - op->count);
}

/* ---- one call: 0 or a system code ---- */

/* The first pieces behind those that have gone; how many. */
static DWORD vec_fill(const px_op *op, WSABUF *out)
{
	const proa_vec *vec = op->args.io.ptr;
	size_t skip = (size_t)op->count, left = (size_t)part_bytes(op);
	DWORD n = 0;

	for (size_t i = 0; i < op->args.io.len && n < VECS_AT_ONCE && left; i++) {
		size_t gone = PX_MIN(skip, vec[i].len), part = PX_MIN(vec[i].len - gone, left);

		skip -= gone;
		if (!part)
			continue;
		out[n].buf = (CHAR *)(uintptr_t)vec[i].base + gone;
		out[n++].len = (ULONG)part;
		left -= part;
	}
	return n;
}

/* A pipe takes one piece a call. */
static int call_write(px_op *op, OVERLAPPED *o, const WSABUF *b)
{
	if (op->handle->flags & PX_IO_HF_WAITS)
		return px_io_stream_write(op, b->buf, b->len);
	return WriteFile(px_win_handle(op->handle->fd), b->buf, b->len, NULL, o)
	               ? 0
	               : (int)GetLastError();
}

static int call_send(px_op *op)
{
	WSABUF b[VECS_AT_ONCE];
	OVERLAPPED *o = px_io_begin(op, 0);
	DWORD n = 1;

	if (op->kind == PX_SENDV) {
		n = vec_fill(op, b);
	} else {
		b[0].buf = (CHAR *)(uintptr_t)op->args.io.ptr + op->count;
		b[0].len = (ULONG)part_bytes(op);
	}
	if (!px_handle_is_socket(op->handle))
		return call_write(op, o, b);
	return WSASend(px_win_socket(op->handle->fd), b, n, NULL, 0, o, NULL) ? WSAGetLastError()
	                                                                      : 0;
}

/* ---- all of it ---- */

void px_io_sent(px_iocp *io, px_op *op, int64_t n)
{
	op->count += n;
	if (n <= 0)
		return;
	px_handle_moved(io->core, op->handle);
	px_count_add(&io->core->stat.bytes_out, (uint64_t)n);
}

/* What a dead peer is called depends on what was noticed first, and by whom. */
static bool peer_gone(int error)
{
	int64_t rc = px_sys_error(error);

	return rc == -PROA_ECONNRESET || rc == -PROA_ECONNABORTED || rc == -PROA_EPIPE ||
	       rc == -PROA_ENOTCONN;
}

/* How much more had gone of what the system had when it was cancelled, nobody promises to tell. */
void px_io_send_failed(px_op *op, int error, bool sending)
{
	bool aborted = error == ERROR_OPERATION_ABORTED || px_op_asked(op);

	if (aborted && sending)
		op->handle->flags |= PX_HF_BROKEN;
	if (!aborted && peer_gone(error)) {
		op->handle->flags |= PX_HF_DEAD;
		px_op_finish(op, -PROA_ECONNRESET, op->count, error);
	} else {
		px_io_fail(op, error, op->count);
	}
}

void px_io_send(px_iocp *io, px_op *op)
{
	if (op->kind == PX_SENDV && !op->count)
		op->args.io.off = px_vec_bytes(op->args.io.ptr, op->args.io.len);
	for (unsigned calls = 0; op->count < send_total(op); calls++) {
		int error;

		if (calls == PX_IO_SEND_CALLS && px_io_again(io, op))
			return;
		error = call_send(op);
		if (px_io_pending(op, error))
			return;
		if (error) {
			px_io_send_failed(op, error, false);
			return;
		}
		px_io_sent(io, op, px_io_moved(op));
	}
	px_op_finish(op, op->count, op->count, 0);
}

void px_io_send_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	px_io_sent(io, op, bytes);
	if (error)
		px_io_send_failed(op, error, true);
	else if (px_op_asked(op) && op->count < send_total(op))
		px_op_finish(op, -PROA_ECANCELED, op->count, 0);
	else
		px_io_send(io, op);
}

/* ---- shutdown: a call that never waits ---- */

/* Only the close of its writing end is the end of a pipe: so the handle goes on with something that
 * nobody waits for. One that is read as well cannot be ended so. */
static int64_t pipe_shutdown(px_handle *h, int32_t *sys_error)
{
	HANDLE nothing;

	bool waits = (h->flags & PX_IO_HF_WAITS) != 0;

	/* (The system makes who asks of a handle wait for a read that waits.) */
	if (px_handle_kind(h) != PROA_PIPE || (waits && px_io_stream_reads(h)) ||
	    px_win_is_readable(h->fd))
		return -PROA_ENOTSUP;
	nothing = CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
	                      OPEN_EXISTING, 0, NULL);
	if (nothing == INVALID_HANDLE_VALUE)
		return px_win_error(sys_error);
	if (waits)
		px_io_stream_close(h, PX_DIR_OUT);
	CloseHandle(px_win_handle(h->fd));
	h->fd = px_win_file_fd(nothing);
	return 0;
}

void px_io_shutdown(px_iocp *io, px_op *op)
{
	int32_t sys_error = 0;
	int64_t rc = px_handle_is_socket(op->handle) ? px_sock_shutdown(op->handle->fd, &sys_error)
	                                             : pipe_shutdown(op->handle, &sys_error);

	px_count(&io->core->stat.system_calls);
	px_op_finish(op, rc, 0, sys_error);
}
