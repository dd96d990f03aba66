/* A foreign socket's readiness on a port: the poll of the driver beneath Winsock. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include <stdio.h>
#include <winternl.h>

/* ---- how it works ----
 *
 * Completion ports tell of what was done, not of what could be; but select and WSAPoll are made of
 * a request to the driver \Device\Afd that is an overlapped one like others. It names a socket, and
 * is made on a handle of its own, which this loop's port has: so the socket joins no port, and may
 * be in its library's already. It asks for the level and ends once. Not documented, but what libuv
 * and its like stand on; Wine has it too. */

enum {
	AFD_RECEIVE = 0x01,
	AFD_SEND = 0x04,
	AFD_DISCONNECT = 0x08,
	AFD_ABORT = 0x10,
	AFD_LOCAL_CLOSE = 0x20,
	AFD_ACCEPT = 0x80,
	AFD_CONNECT_FAIL = 0x100,
	AFD_IN = AFD_RECEIVE | AFD_DISCONNECT | AFD_ACCEPT,
	AFD_OUT = AFD_SEND,
	AFD_ENDS = AFD_ABORT | AFD_CONNECT_FAIL | AFD_LOCAL_CLOSE
};
enum { IOCTL_AFD_POLL = 0x00012024 };

/* What the driver reads and writes. */
struct px_io_poll {
	LARGE_INTEGER timeout;
	ULONG count, exclusive;
	HANDLE socket;
	ULONG events;
	LONG status;
};
const size_t px_io_poll_bytes = sizeof(struct px_io_poll);

static px_io_poll *poll_of(const px_op *op)
{
	return (px_io_poll *)(uintptr_t)op->args.own.b;
}

/* Once a loop, by the first poll: 0 or a Win32 code. */
static int driver_open(px_iocp *io)
{
	static const wchar_t name[] = L"\\Device\\Afd\\proa";
	px_win_open how = {.access = SYNCHRONIZE, .disposition = FILE_OPEN};
	HANDLE afd;
	int error;

	if (io->afd)
		return 0;
	if ((error = px_win_create(NULL, name, PX_COUNT(name) - 1, &how, &afd)))
		return error;
	if (!CreateIoCompletionPort(afd, io->port, PX_IO_KEY_OP, 0)) {
		error = (int)GetLastError();
		CloseHandle(afd);
		return error;
	}
	io->afd = afd;
	return 0;
}

/* Below what others have layered on it. */
static int base_socket(int fd, HANDLE *out)
{
	SOCKET base = INVALID_SOCKET;
	DWORD bytes;

	if (WSAIoctl(px_win_socket(fd), SIO_BASE_HANDLE, NULL, 0, &base, sizeof base, &bytes, NULL,
	             NULL))
		return WSAGetLastError();
	*out = (HANDLE)base;
	return 0;
}

static void poll_end(px_iocp *io, px_op *op, int64_t result, int error)
{
	px_slab_free(&io->polls, poll_of(op));
	px_op_finish(op, result, 0, error);
}

static void poll_failed(px_iocp *io, px_op *op, int error)
{
	if (error == ERROR_OPERATION_ABORTED || px_op_asked(op))
		poll_end(io, op, -PROA_ECANCELED, 0);
	else
		poll_end(io, op, px_sys_error(error), error);
}

static ULONG poll_events(const px_op *op)
{
	ULONG events = AFD_ENDS;

	if (op->args.own.a & PROA_READABLE)
		events |= AFD_IN;
	if (op->args.own.a & PROA_WRITABLE)
		events |= AFD_OUT;
	return events;
}

/* The request itself: its packet comes in any case, unless it was refused. */
static void poll_push(px_iocp *io, px_op *op)
{
	px_io_poll *p = poll_of(op);
	OVERLAPPED *o = px_io_begin(op, 0);
	LONG status;

	*p = (px_io_poll){.timeout.QuadPart = INT64_MAX, .count = 1, .events = poll_events(op)};
	p->socket = (HANDLE)(uintptr_t)op->args.own.c;
	status = NtDeviceIoControlFile(io->afd, NULL, NULL, o, (IO_STATUS_BLOCK *)(void *)o,
	                               IOCTL_AFD_POLL, p, sizeof *p, p, sizeof *p);
	if (status >= 0)
		op->flags |= PX_F_KERNEL;
	else
		poll_failed(io, op, px_win_status(status));
}

static void sock_begin(px_iocp *io, px_op *op)
{
	px_io_poll *p = px_slab_alloc(&io->polls);
	HANDLE base = NULL;
	int error;

	op->args.own.b = (uintptr_t)p;
	if (!p) {
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
		return;
	}
	if ((error = base_socket(op->handle->fd, &base)) || (error = driver_open(io))) {
		poll_failed(io, op, error);
		return;
	}
	op->args.own.c = (uintptr_t)base;
	poll_push(io, op);
}

static unsigned poll_got(ULONG events, unsigned want)
{
	unsigned got = (events & AFD_IN ? PROA_READABLE : 0) |
	               (events & AFD_OUT ? PROA_WRITABLE : 0);

	return events & AFD_ENDS ? want : got & want;
}

static void sock_packet(px_iocp *io, px_op *op, int error)
{
	const px_io_poll *p = poll_of(op);

	if (error)
		poll_failed(io, op, error);
	else if (p->count && p->events & AFD_LOCAL_CLOSE)
		poll_end(io, op, px_op_asked(op) ? -PROA_ECANCELED : -PROA_EBADF, 0);
	else if (p->count && p->events)
		poll_end(io, op, poll_got(p->events, (unsigned)op->args.own.a), 0);
	else if (px_op_asked(op))
		poll_end(io, op, -PROA_ECANCELED, 0);
	else
		poll_push(io, op); /* its time was over, long as that was */
}

/* ---- watched folders: internal handles, whose `user` is the watch ---- */

static bool is_watch(const px_op *op)
{
	return (op->handle->flags & PX_HF_PRESET) != 0;
}

static void watch_end(px_op *op, int error, int64_t bytes)
{
	bool readable = px_win_watch_done(op->handle->user, error, bytes);

	if (px_op_asked(op))
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	else if (readable)
		px_op_finish(op, PROA_READABLE, 0, 0);
	else
		px_op_finish(op, px_sys_error(error), 0, error);
}

static int watch_join(const px_iocp *io, px_handle *h)
{
	if (h->flags & PX_IO_HF_PORT)
		return 0;
	if (!CreateIoCompletionPort(px_win_handle(h->fd), io->port, PX_IO_KEY_OP, 0))
		return (int)GetLastError();
	h->flags |= PX_IO_HF_PORT;
	return 0;
}

static void watch_begin(px_iocp *io, px_op *op)
{
	int error = watch_join(io, op->handle);

	if (!error)
		error = px_win_watch_begin(op->handle->user, px_io_begin(op, 0));
	if (!px_io_pending(op, error))
		watch_end(op, error, 0);
}

static void watch_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (px_io_lost(op, error))
		watch_begin(io, op);
	else
		watch_end(op, error, bytes);
}

/* ---- which of them ---- */

int px_io_poll_fd(const px_op *op)
{
	return is_watch(op) ? op->handle->fd
	                    : px_win_file_fd(px_iocp_of(px_handle_core(op->handle))->afd);
}

void px_io_poll_foreign(px_iocp *io, px_op *op)
{
	if (is_watch(op))
		watch_begin(io, op);
	else
		sock_begin(io, op);
}

void px_io_poll_foreign_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	if (is_watch(op))
		watch_packet(io, op, error, bytes);
	else
		sock_packet(io, op, error);
}

void px_io_poll_close(px_iocp *io)
{
	if (io->afd)
		CloseHandle(io->afd);
	px_slab_destroy(&io->polls);
}
