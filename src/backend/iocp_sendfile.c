/* A file's bytes to a socket: by TransmitFile on servers, elsewhere read and sent in pieces. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* op->count is how far it has come. PX_F_PHASE2: the call is the socket's; else the file's. op->buf
 * is the piece that was read and is being sent. */

int px_io_call_fd(const px_op *op)
{
	if (op->kind == PX_POLL)
		return px_io_poll_fd(op);
	return op->kind == PX_SEND_FILE && !(op->flags & PX_F_PHASE2) ? op->args.file.file->fd
	                                                              : op->handle->fd;
}

/* ---- one call: 0 or a system code ---- */

static HANDLE file_of(const px_op *op)
{
	return px_win_handle(op->args.file.file->fd);
}

static int64_t file_left(const px_op *op)
{
	return op->args.file.len - op->count;
}

/* Never asked for more than the file has: at 0 TransmitFile would send all of it. */
static int call_transmit(px_iocp *io, px_op *op)
{
	int64_t at = op->args.file.off + op->count, n = px_io_send_part(op, file_left(op));
	LARGE_INTEGER size;
	OVERLAPPED *o;

	op->flags |= PX_F_PHASE2;
	if (!GetFileSizeEx(file_of(op), &size))
		return (int)GetLastError();
	if (size.QuadPart <= at)
		return ERROR_HANDLE_EOF;
	n = PX_MIN(n, size.QuadPart - at);
	o = px_io_begin(op, at);
	return io->winsock->transmit(px_win_socket(op->handle->fd), file_of(op), (DWORD)n, 0, o,
	                             NULL, 0)
	               ? 0
	               : WSAGetLastError();
}

static int call_read(px_op *op, px_scratch *s)
{
	DWORD n = (DWORD)PX_MIN(file_left(op), (int64_t)sizeof s->bytes);
	OVERLAPPED *o = px_io_begin(op, op->args.file.off + op->count);

	op->flags &= (uint16_t)~PX_F_PHASE2;
	return ReadFile(file_of(op), s->bytes, n, NULL, o) ? 0 : (int)GetLastError();
}

static int call_send(px_op *op, px_scratch *s)
{
	WSABUF b = {.buf = s->bytes + s->sent, .len = s->filled - s->sent};
	OVERLAPPED *o = px_io_begin(op, 0);

	op->flags |= PX_F_PHASE2;
	return WSASend(px_win_socket(op->handle->fd), &b, 1, NULL, 0, o, NULL) ? WSAGetLastError()
	                                                                       : 0;
}

/* A file's call has a packet, unless the file is in no port: then it has waited. */
static bool read_pending(px_op *op, int error)
{
	if (error ? error != ERROR_IO_PENDING : !(op->args.file.file->flags & PX_IO_HF_PORT))
		return false;
	op->flags |= PX_F_KERNEL;
	return true;
}

/* ---- all of it ---- */

static void file_end(px_iocp *io, px_op *op)
{
	px_scratch_give(io->core, &io->scratch, op);
	px_op_finish(op, op->count, op->count, 0);
}

/* Nothing read: the file is shorter than was asked for. */
static void file_short(px_iocp *io, px_op *op)
{
	op->got |= PROA_END;
	file_end(io, op);
}

/* What a call of this phase has achieved; false: that was the end. `had`: the system had it for a
 * while. */
static bool file_moved(px_iocp *io, px_op *op, int error, int64_t n, bool had)
{
	bool sending = (op->flags & PX_F_PHASE2) != 0;
	px_scratch *s = op->buf;

	if (sending)
		px_io_sent(io, op, n);
	if (!sending && px_io_lost(op, error))
		return true; /* nobody asked, and nothing is lost: read again */
	if (error == ERROR_HANDLE_EOF || (!error && !sending && !n)) {
		file_short(io, op);
	} else if (error) {
		px_scratch_give(io->core, &io->scratch, op);
		if (sending && error != ERROR_ACCESS_DENIED) /* which is the file's */
			px_io_send_failed(op, error, had);
		else
			px_io_file_failed(op, error, op->count);
	} else if (op->count == op->args.file.len) {
		file_end(io, op);
	} else {
		if (s && sending)
			s->sent += (DWORD)n;
		else if (s)
			s->filled = (DWORD)n, s->sent = 0;
		return true;
	}
	return false;
}

/* Makes the next call. False: there is no memory to read into, and it has ended. */
static bool file_call(px_iocp *io, px_op *op, int *error)
{
	px_scratch *s;

	if (io->transmit) {
		*error = call_transmit(io, op);
		return true;
	}
	if (!(s = px_scratch_take(io->core, &io->scratch, op))) {
		px_op_finish(op, -PROA_ENOMEM, op->count, 0);
		return false;
	}
	*error = s->sent < s->filled ? call_send(op, s) : call_read(op, s);
	return true;
}

static bool file_pending(px_op *op, int error)
{
	return op->flags & PX_F_PHASE2 ? px_io_pending(op, error) : read_pending(op, error);
}

void px_io_send_file(px_iocp *io, px_op *op)
{
	int error = 0;

	if (!file_left(op)) {
		file_end(io, op); /* of nothing */
		return;
	}
	for (unsigned calls = 0;; calls++) {
		if (calls == PX_IO_SEND_CALLS && px_io_again(io, op))
			return;
		if (!file_call(io, op, &error) || file_pending(op, error) ||
		    !file_moved(io, op, error, error ? 0 : px_io_moved(op), false))
			return;
	}
}

void px_io_send_file_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (!file_moved(io, op, error, bytes, true))
		return;
	if (px_op_asked(op)) {
		px_scratch_give(io->core, &io->scratch, op);
		px_op_finish(op, -PROA_ECANCELED, op->count, 0);
	} else {
		px_io_send_file(io, op);
	}
}
