/* The IOCP backend: open, submit, cancel, wait; which packet goes to which function. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include "backend/list.h"
#include "op/file.h"
#include "op/worker.h"

#include <stdio.h>
#include <stdlib.h>

static const px_io_kind kinds[PX_KIND_COUNT] = {
#define KIND_ENTRY(kind, submit_fn, packet_fn) [PX_##kind] = {submit_fn, packet_fn},
	PX_IO_KINDS(KIND_ENTRY)
#undef KIND_ENTRY
};
_Static_assert(PX_IO_NATIVE == (PX_KINDS_READY | PX_KIND_BIT(PX_READ) | PX_KIND_BIT(PX_WRITE)),
               "every kind that this backend takes has its functions");

/* ---- open and close ---- */

/* Windows that is no server runs two TransmitFiles at a time, for all programs together, so that
 * two slow readers would stop everybody else's. PROA_IOCP_TRANSMIT, 0 or 1, decides in tests. */
static bool transmit_wanted(void)
{
	const char *wish = getenv("PROA_IOCP_TRANSMIT");

	return wish && *wish ? *wish == '1' : px_win_is_server();
}

static int iocp_open(px_core *core, char *why)
{
	px_iocp *io = px_zalloc(&core->alloc, sizeof *io);
	int32_t error = 0;

	core->backend = io;
	if (!io) {
		snprintf(why, 160, "out of memory");
		return -PROA_ENOMEM;
	}
	io->magic = PX_IOCP_MAGIC;
	io->core = core;
	px_slab_init(&io->accepts, &core->alloc, px_io_accept_bytes, 0);
	px_slab_init(&io->polls, &core->alloc, px_io_poll_bytes, 0);
	if (!(io->winsock = px_win_extend())) {
		snprintf(why, 160, "Winsock lacks AcceptEx, ConnectEx or TransmitFile");
		return -PROA_ENOTSUP;
	}
	/* One thread waits, so one is to run. */
	io->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
	if (!io->port) {
		int64_t rc = px_win_error(&error);

		snprintf(why, 160, "CreateIoCompletionPort: error %d", (int)error);
		return (int)rc;
	}
	px_io_timer_open(io);
	io->transmit = transmit_wanted();
	snprintf(why, 160, "%s",
	         io->timer.packet ? "waits end by wait completion packets"
	                          : "no wait completion packets here: waits end by a timer's call");
	return 0;
}

static void iocp_close(px_core *core, bool forked)
{
	px_iocp *io = core->backend;

	PX_UNUSED(forked); /* there is no fork here */
	if (!io)
		return; /* open failed before there was anything */
	PX_MAGIC_CHECK(io, PX_IOCP_MAGIC);
	px_io_timer_close(io);
	px_assert(!io->streams && !io->named);
	px_io_poll_close(io);
	if (io->port)
		CloseHandle(io->port);
	px_slab_destroy(&io->accepts);
	px_scratch_close(core, &io->scratch);
	PX_MAGIC_KILL(io);
	px_free(&core->alloc, io, sizeof *io);
	core->backend = NULL;
}

/* ---- one call of an op ---- */

OVERLAPPED *px_io_begin(px_op *op, int64_t offset)
{
	OVERLAPPED *o = px_io_overlapped(op);

	px_assert(!(op->flags & PX_F_KERNEL));
	px_count(&px_handle_core(op->handle)->stat.system_calls);
	*o = (OVERLAPPED){.Internal = 0};
	o->Offset = (DWORD)((uint64_t)offset & UINT32_MAX);
	o->OffsetHigh = (DWORD)((uint64_t)offset >> 32);
	return o;
}

bool px_io_pending(px_op *op, int error)
{
	if (error ? error != ERROR_IO_PENDING : (op->handle->flags & PX_IO_HF_SKIP) != 0)
		return false;
	op->flags |= PX_F_KERNEL;
	return true;
}

int64_t px_io_moved(px_op *op)
{
	return (int64_t)px_io_overlapped(op)->InternalHigh;
}

/* ---- cancelling a call ----
 *
 * Position and event of an OVERLAPPED are read when the call is made, and never again: so they hold
 * the link of a cancel that found nothing, and what to cancel it on. */

static bool call_found(px_iocp *io, OVERLAPPED *o)
{
	px_count(&io->core->stat.system_calls);
	return CancelIoEx(o->hEvent, o) != 0;
}

void px_io_cancel(px_iocp *io, int fd, OVERLAPPED *o)
{
	if (o->hEvent)
		return; /* asked already */
	o->hEvent = px_win_handle(fd);
	if (call_found(io, o))
		return;
	o->Pointer = io->missed;
	io->missed = o;
}

static void missed_ask_again(px_iocp *io)
{
	OVERLAPPED *o = io->missed, *next;

	io->missed = NULL;
	for (; o; o = next) {
		next = o->Pointer;
		if (call_found(io, o))
			continue;
		o->Pointer = io->missed;
		io->missed = o;
	}
}

/* Its packet has come. */
static void missed_forget(px_iocp *io, const OVERLAPPED *o)
{
	OVERLAPPED *at = io->missed;

	if (!o)
		return; /* no call's: a wake-up */
	if (at == o)
		io->missed = o->Pointer;
	while (at && at->Pointer != o)
		at = at->Pointer;
	if (at)
		at->Pointer = o->Pointer;
}

/* ---- one call of an op, continued ---- */

bool px_io_again(px_iocp *io, px_op *op)
{
	OVERLAPPED *o = px_io_begin(op, 0);

	if (!PostQueuedCompletionStatus(io->port, 0, PX_IO_KEY_AGAIN, o))
		return false;
	op->flags |= PX_F_KERNEL;
	return true;
}

/* A connection that this side has given up is a reset to who receives. */
int64_t px_io_error(const px_op *op, int error)
{
	int64_t rc = px_sys_error(error);

	if (error == ERROR_ACCESS_DENIED && !px_handle_is_socket(op->handle))
		return -PROA_EBADF; /* a pipe's end that is not for this direction */
	return rc == -PROA_ECONNABORTED && px_kind_dir[op->kind] == PX_DIR_IN ? -PROA_ECONNRESET
	                                                                      : rc;
}

void px_io_fail(px_op *op, int error, int64_t count)
{
	bool aborted = error == ERROR_OPERATION_ABORTED || px_op_asked(op);

	px_op_finish(op, aborted ? -PROA_ECANCELED : px_io_error(op, error), count,
	             aborted ? 0 : error);
}

bool px_io_lost(const px_op *op, int error)
{
	return error == ERROR_OPERATION_ABORTED && !px_op_asked(op);
}

void px_io_no_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	PX_UNUSED(io);
	PX_UNUSED(op);
	PX_UNUSED(error);
	PX_UNUSED(bytes);
	PX_PANIC("iocp: a packet of an op that has made no call of its own");
}

/* ---- packets ---- */

/* 0 or a system code. Above 0 there are ways of success too. */
static int packet_error(const OVERLAPPED_ENTRY *e)
{
	int32_t status = (int32_t)(uint32_t)e->lpOverlapped->Internal;

	return status < 0 ? px_win_status(status) : 0;
}

static px_op *op_of(OVERLAPPED *o)
{
	return &PX_OF(o, iocp_op, overlapped)->op;
}

void px_io_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	kinds[op->kind].packet(io, op, error, bytes);
}

static void op_packet(px_iocp *io, px_op *op, const OVERLAPPED_ENTRY *e)
{
	px_assert(op->flags & PX_F_KERNEL);
	op->flags &= (uint16_t)~PX_F_KERNEL;
	px_io_packet(io, op, packet_error(e), (int64_t)e->dwNumberOfBytesTransferred);
}

static void op_again(px_iocp *io, px_op *op)
{
	px_assert(op->flags & PX_F_KERNEL);
	op->flags &= (uint16_t)~PX_F_KERNEL;
	if (px_op_asked(op))
		kinds[op->kind].packet(io, op, ERROR_OPERATION_ABORTED, 0);
	else
		kinds[op->kind].submit(io, op);
}

static void packet_dispatch(px_iocp *io, const OVERLAPPED_ENTRY *e)
{
	if (PX_UNLIKELY(io->missed != NULL))
		missed_forget(io, e->lpOverlapped);
	switch (e->lpCompletionKey) {
	case PX_IO_KEY_OP: op_packet(io, op_of(e->lpOverlapped), e); break;
	case PX_IO_KEY_AGAIN: op_again(io, op_of(e->lpOverlapped)); break;
	case PX_IO_KEY_ACCEPT:
		px_io_accept_packet(io, px_io_accept_of(e->lpOverlapped), packet_error(e));
		break;
	case PX_IO_KEY_TIMER: px_io_timer_over(io, true); break;
	case PX_IO_KEY_STREAM: px_io_streams_look(io); break;
	case PX_IO_KEY_NAMED: px_io_named_look(io); break;
	case PX_IO_KEY_WAKE: break; /* it has done its work by coming */
	default: PX_PANIC("iocp: a packet of nothing that was submitted");
	}
}

/* ---- waiting ---- */

enum { WAIT_MOST_MS = 60 * 1000 };

/* Whole milliseconds that are at least so long: never early. But a minute at most: the clock goes
 * on while the machine sleeps, and waits do not. */
static DWORD whole_ms(int64_t ns)
{
	return (DWORD)PX_MIN((ns + 999999) / 1000000, (int64_t)WAIT_MOST_MS);
}

static ULONG port_wait(px_iocp *io, int64_t deadline_ns)
{
	px_core *core = io->core;
	DWORD ms = deadline_ns == INT64_MAX ? INFINITE : 0;
	bool alertable = false;
	int64_t left;
	ULONG n = 0;

	if (!ms && deadline_ns > core->now_ns && (left = deadline_ns - px_sys_now_ns()) > 0) {
		alertable = px_io_timer_set(io, deadline_ns, left);
		ms = whole_ms(left);
	}
	if (io->missed)
		ms = PX_MIN(ms, (DWORD)1);
	px_count(&core->stat.system_calls);
	if (!GetQueuedCompletionStatusEx(io->port, io->entries, PX_IO_ENTRIES, &n, ms, alertable))
		n = 0; /* the time is over, or the timer's */
	if (!n && ms)
		px_io_timer_over(io, false);
	return n;
}

static void iocp_wait(px_core *core, int64_t deadline_ns)
{
	px_iocp *io = px_iocp_of(core);
	ULONG n = port_wait(io, deadline_ns);

	core->now_ns = px_sys_now_ns(); /* what moves now is not stamped with the time it began */
	for (ULONG i = 0; i < n; i++)
		packet_dispatch(io, &io->entries[i]);
	if (PX_UNLIKELY(io->missed != NULL))
		missed_ask_again(io);
}

void px_io_post(px_iocp *io, ULONG_PTR key, OVERLAPPED *o)
{
	while (!PostQueuedCompletionStatus(io->port, 0, key, o)) {
		if (GetLastError() == ERROR_INVALID_HANDLE)
			PX_PANIC("iocp: a loop was woken whose port is closed");
		px_sys_yield();
	}
}

static void iocp_wake(px_core *core)
{
	px_io_post(px_iocp_of(core), PX_IO_KEY_WAKE, NULL);
}

/* ---- the backend's calls ---- */

static void iocp_submit(px_core *core, px_op *op)
{
	bool file = (PX_KINDS_FILE & PX_KIND_BIT(op->kind)) != 0;

	if (op->handle->flags & PX_IO_HF_PORT || op->kind == PX_POLL || op->kind == PX_REAP)
		kinds[op->kind].submit(px_iocp_of(core), op);
	else if (file) /* opened by somebody else, and not for overlapped calls */
		px_file_submit(core, op);
	else
		px_op_finish(op, -PROA_EINVAL, 0, ERROR_INVALID_PARAMETER);
}

static void iocp_cancel(px_core *core, px_op *op)
{
	px_iocp *io = px_iocp_of(core);

	/* what it still has is given back, or delivered, in front of its end */
	op->flags &= (uint16_t)~PX_F_PAUSED;
	if (op->kind == PX_ACCEPT || op->kind == PX_ACCEPT_MANY) {
		px_io_accept_cancel(io, op);
	} else if (op->flags & PX_F_KERNEL && op->handle->flags & PX_IO_HF_WAITS) {
		px_io_stream_cancel(io, op);
	} else if (op->flags & PX_F_KERNEL) {
		px_io_cancel(io, px_io_call_fd(op), px_io_overlapped(op));
	} else if (op->flags & PX_F_MULTI) {
		px_op_more(op);
	} else {
		px_assert(PX_KINDS_FILE & PX_KIND_BIT(op->kind));
		px_work_cancel(core, op);
	}
}

static px_pulled iocp_pull(px_core *core, px_op *op)
{
	px_iocp *io = px_iocp_of(core);

	switch (op->kind) {
	case PX_ACCEPT_MANY: return px_io_accept_pull(io, op);
	case PX_RECV_MSG_MANY: return px_io_grams_pull(io, op);
	default: return px_io_many_pull(io, op);
	}
}

static void iocp_pause(px_core *core, px_op *op, bool paused)
{
	if (op->kind == PX_ACCEPT_MANY)
		px_io_accept_paused(px_iocp_of(core), op, paused);
}

/* A socket is one port's for life. One that is in a port already, is in this one: it came from
 * another handle of this loop, or is a duplicate of one that did (another loop's is not to be
 * adopted: proa_adopt_os). The same answer is given for what was not opened for overlapped calls: a
 * file goes to the workers then, of a socket every op ends with EINVAL. */
static bool port_join(px_iocp *io, const px_handle *h)
{
	ULONG_PTR key = h->flags & PX_HF_LISTENER ? PX_IO_KEY_ACCEPT : PX_IO_KEY_OP;

	if (CreateIoCompletionPort(px_win_handle(h->fd), io->port, key, 0))
		return true;
	return GetLastError() == ERROR_INVALID_PARAMETER &&
	       h->kind != (PX_HANDLE_TAG | PROA_FILE) && !px_win_is_synchronous(h->fd);
}

/* A stream that was opened for calls that wait; of files, workers make them. */
static bool calls_wait(const px_handle *h)
{
	return px_handle_kind(h) == PROA_TTY ||
	       (px_handle_kind(h) == PROA_PIPE && px_win_is_synchronous(h->fd));
}

/* Skipping is safe where the socket's handle is the system's own, with nothing layered on top that
 * completes calls in its own way. */
static bool may_skip(int fd)
{
	WSAPROTOCOL_INFOW info;
	int len = sizeof info;

	return !getsockopt(px_win_socket(fd), SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len) &&
	       (info.dwServiceFlags1 & XP1_IFS_HANDLES);
}

static void iocp_attach(px_core *core, px_handle *h)
{
	px_iocp *io = px_iocp_of(core);
	UCHAR skip = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;

	/* A process has nothing to do with ports; a foreign one may be in its library's. */
	if (px_handle_kind(h) == PROA_FOREIGN || px_handle_kind(h) == PROA_CHILD)
		return;
	if (px_io_is_named(h)) { /* what it hands out may be another port's */
		h->flags |= PX_IO_HF_PORT;
		return;
	}
	px_count_add(&core->stat.system_calls, 2);
	if (calls_wait(h)) {
		h->flags |= PX_IO_HF_PORT | PX_IO_HF_SKIP | PX_IO_HF_WAITS;
		return;
	}
	if (!port_join(io, h))
		return;
	h->flags |= PX_IO_HF_PORT;
	if (px_handle_is_socket(h) && may_skip(h->fd) &&
	    SetFileCompletionNotificationModes(px_win_handle(h->fd), skip))
		h->flags |= PX_IO_HF_SKIP;
}

static void iocp_detach(px_core *core, px_handle *h)
{
	if (px_io_is_named(h))
		px_io_named_close(px_iocp_of(core), h);
	if (h->flags & PX_IO_HF_WAITS) {
		px_io_stream_close(h, PX_DIR_IN);
		px_io_stream_close(h, PX_DIR_OUT);
	}
	h->flags &= (uint16_t) ~(PX_IO_HF_PORT | PX_IO_HF_SKIP | PX_IO_HF_MORE | PX_IO_HF_WAITS);
	h->slot = 0;
}

const px_backend_ops px_backend_iocp = {
	.name = "iocp",
	.native = PX_IO_NATIVE,
	.open = iocp_open,
	.close = iocp_close,
	.submit = iocp_submit,
	.cancel = iocp_cancel,
	.pull = iocp_pull,
	.pause = iocp_pause,
	.attach = iocp_attach,
	.detach = iocp_detach,
	.wait = iocp_wait,
	.wake = iocp_wake,
};
