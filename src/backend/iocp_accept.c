/* Accepting on a port: one AcceptEx call for each accept, several behind a multishot one. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* ---- how it works ----
 *
 * AcceptEx fills a socket that was made beforehand. Each call has a record; an op's records are a
 * chain in args.own.a, args.own.b is the error that ended it (0: none), args.own.c is the
 * back-off's (accept.c).
 *
 *   IDLE ---> PENDING ---> READY ---> IDLE
 *                \--failed--> IDLE
 *
 *   IDLE      no socket
 *   PENDING   in the system; only its packet changes it
 *   READY     connected, to be delivered. It stands behind those that were ready before
 *
 * An op ends, and its chain goes back, when no record is PENDING. */
enum { IDLE, PENDING, READY };

/* AcceptEx wants 16 bytes more than an address. Nobody reads them: who asks for a peer's address
 * asks the socket. */
enum { ADDR_BYTES = sizeof(SOCKADDR_STORAGE) + 16, ABORTED_TURN = 16 };

struct px_io_accept {
	OVERLAPPED overlapped;
	px_io_accept *next;
	px_op *op;
	int32_t fd;
	uint32_t state;
	unsigned char addresses[2 * ADDR_BYTES];
};

const size_t px_io_accept_bytes = sizeof(px_io_accept);

px_io_accept *px_io_accept_of(OVERLAPPED *overlapped)
{
	return PX_OF(overlapped, px_io_accept, overlapped);
}

/* ---- the chain ---- */

static px_io_accept *chain_of(const px_op *op)
{
	return (px_io_accept *)(uintptr_t)op->args.own.a;
}

static px_io_accept *chain_find(const px_op *op, uint32_t state)
{
	px_io_accept *a = chain_of(op);

	while (a && a->state != state)
		a = a->next;
	return a;
}

static void chain_append(px_op *op, px_io_accept *a)
{
	px_io_accept *last = chain_of(op);

	a->next = NULL;
	if (!last) {
		op->args.own.a = (uint64_t)(uintptr_t)a;
		return;
	}
	while (last->next)
		last = last->next;
	last->next = a;
}

static void chain_to_end(px_op *op, px_io_accept *a)
{
	px_io_accept *before = chain_of(op);

	if (before == a) {
		op->args.own.a = (uint64_t)(uintptr_t)a->next;
	} else {
		while (before->next != a)
			before = before->next;
		before->next = a->next;
	}
	chain_append(op, a);
}

/* How many records there are now: `n`, or as many as there was memory for. */
static unsigned chain_make(px_iocp *io, px_op *op, unsigned n)
{
	unsigned have = 0;

	for (px_io_accept *a = chain_of(op); a; a = a->next)
		have++;
	for (; have < n; have++) {
		px_io_accept *a = px_slab_zalloc(&io->accepts);

		if (!a)
			break;
		a->op = op;
		a->fd = -1;
		chain_append(op, a);
	}
	return have;
}

static void chain_free(px_iocp *io, px_op *op)
{
	px_io_accept *a, *next;

	for (a = chain_of(op); a; a = next) {
		next = a->next;
		px_assert(a->state != PENDING);
		if (a->fd >= 0)
			px_sock_close(a->fd, false);
		px_slab_free(&io->accepts, a);
	}
	op->args.own.a = 0;
}

/* ---- one call ---- */

/* What accepted sockets are made like, asked once a listener: its slot holds the family, and
 * whether they start with TCP_NODELAY, which they do not inherit. */
enum { SLOT_KNOWN = 1 << 16, SLOT_NODELAY = 1 << 17 };

static uint32_t listener_like(px_handle *h)
{
	if (!h->slot)
		h->slot = SLOT_KNOWN | (uint32_t)px_win_family(h->fd) |
		          (px_win_nodelay(h->fd) ? SLOT_NODELAY : 0);
	return h->slot;
}

static void record_drop(px_io_accept *a)
{
	if (a->fd >= 0)
		px_sock_close(a->fd, false);
	a->fd = -1;
	a->state = IDLE;
}

/* The listener's word is what makes it a whole socket: without it neither its addresses nor its
 * shutdown work. It fails if the connection is gone already. */
static int record_connected(px_io_accept *a)
{
	px_handle *h = a->op->handle;
	SOCKET listener = px_win_socket(h->fd);

	if (setsockopt(px_win_socket(a->fd), SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
	               (const char *)&listener, sizeof listener))
		return WSAECONNABORTED;
	if (listener_like(h) & SLOT_NODELAY)
		px_sock_set_nodelay(a->fd, true);
	a->state = READY;
	chain_to_end(a->op, a);
	return 0;
}

/* 0: PENDING or READY; else IDLE, and the error. */
static int record_call(px_iocp *io, px_io_accept *a)
{
	px_handle *h = a->op->handle;
	SOCKET s = px_win_socket_new((int)(listener_like(h) & 0xffff), SOCK_STREAM, true);
	DWORD bytes;
	BOOL good;
	int error;

	px_count_add(&io->core->stat.system_calls, 2);
	if (s == INVALID_SOCKET)
		return WSAGetLastError();
	a->fd = px_win_fd(s);
	a->overlapped = (OVERLAPPED){.Internal = 0};
	good = io->winsock->accept(px_win_socket(h->fd), s, a->addresses, 0, ADDR_BYTES, ADDR_BYTES,
	                           &bytes, &a->overlapped);
	error = good ? 0 : WSAGetLastError();
	if (error == ERROR_IO_PENDING || (!error && !(h->flags & PX_IO_HF_SKIP))) {
		a->state = PENDING;
		return 0;
	}
	if (!error)
		error = record_connected(a);
	if (error)
		record_drop(a);
	return error;
}

/* The same, with another try for connections that were gone when they were taken. */
static int record_start(px_iocp *io, px_io_accept *a)
{
	int error = 0;

	for (unsigned i = 0; i < ABORTED_TURN; i++) {
		error = record_call(io, a);
		if (!error || !px_accept_aborted(px_sys_error(error)))
			return error;
		px_count(&io->core->stat.accept_aborted);
	}
	return error;
}

static void records_cancel(px_iocp *io, px_op *op)
{
	for (px_io_accept *a = chain_of(op); a; a = a->next)
		if (a->state == PENDING)
			px_io_cancel(io, op->handle->fd, &a->overlapped);
}

/* ---- both kinds ---- */

static bool accept_held(const px_op *op)
{
	return px_op_asked(op) || (op->flags & PX_F_PAUSED) || op->args.own.b || op->args.own.c;
}

/* Nothing is on its way: the op rests (accept.c), without any record. */
static bool accept_rests(px_iocp *io, px_op *op, int64_t error)
{
	if (chain_find(op, PENDING) || chain_find(op, READY))
		return false; /* fewer calls than wished; the next one delivered tries again */
	chain_free(io, op);
	px_accept_pause(io->core, op, error);
	return true;
}

/* Makes the calls that are missing; what is wrong with the listener is left in own.b. True: the op
 * rests (accept.c), without any record. */
static bool accept_arm(px_iocp *io, px_op *op, unsigned n)
{
	int64_t error = 0;
	int code = 0;

	if (accept_held(op))
		return false;
	if (chain_make(io, op, n) == 0)
		error = -PROA_ENOMEM;
	for (px_io_accept *a = chain_of(op), *next; a && !error; a = next) {
		next = a->next; /* one that is ready at once goes to the end */
		if (a->state == IDLE && (code = record_start(io, a)))
			error = px_sys_error(code);
	}
	if (!error)
		return false;
	if (!px_accept_exhausted(error)) {
		op->args.own.b = (uint64_t)code;
		records_cancel(io, op);
		return false;
	}
	return accept_rests(io, op, error);
}

/* A packet: connected; or not, and the record is idle again. Want of memory (-PROA_E...) is
 * returned. */
static int64_t record_completed(px_iocp *io, px_io_accept *a, int error)
{
	px_op *op = a->op;
	int64_t rc;

	if (!error)
		error = record_connected(a);
	if (!error)
		return 0;
	record_drop(a);
	rc = px_sys_error(error);
	if (error == ERROR_OPERATION_ABORTED || px_op_asked(op))
		return 0; /* by us, or lost: who arms goes on */
	if (px_accept_exhausted(rc))
		return rc;
	if (px_accept_aborted(rc))
		px_count(&io->core->stat.accept_aborted);
	else if (!op->args.own.b)
		op->args.own.b = (uint64_t)error;
	return 0;
}

/* ---- accept ---- */

static void once_end(px_iocp *io, px_op *op, int64_t result, int error)
{
	chain_free(io, op);
	px_op_finish(op, result, 0, error);
}

/* Whatever is next. */
static void once_settle(px_iocp *io, px_op *op)
{
	px_io_accept *ready = chain_find(op, READY);
	int error = (int)op->args.own.b;

	if (ready && !px_handle_closing(op->handle)) {
		op->socket = px_socket_pack(ready->fd,
		                            (proa_kind)(op->handle->kind & ~PX_HANDLE_TAG), true);
		ready->fd = -1;
		px_accept_resumed(io->core, op);
		once_end(io, op, 0, 0);
	} else if (ready || (px_op_asked(op) && !chain_find(op, PENDING))) {
		once_end(io, op, -PROA_ECANCELED, 0);
	} else if (error) {
		once_end(io, op, px_sys_error(error), error);
	}
}

void px_io_accept_once(px_iocp *io, px_op *op)
{
	if (px_io_is_named(op->handle))
		px_io_named_accept(io, op);
	else if (!accept_arm(io, op, 1))
		once_settle(io, op);
}

/* ---- accept_many ---- */

static void many_settle(px_iocp *io, px_op *op)
{
	if (accept_arm(io, op, PX_IO_ACCEPTS))
		return;
	if (chain_find(op, READY) || op->args.own.b || px_op_asked(op))
		px_op_more(op);
}

void px_io_accept_many(px_iocp *io, px_op *op)
{
	if (px_io_is_named(op->handle))
		px_io_named_accept(io, op);
	else
		many_settle(io, op);
}

static px_pulled many_final(px_iocp *io, px_op *op)
{
	int error = px_op_asked(op) ? 0 : (int)op->args.own.b;

	chain_free(io, op);
	op->got = 0;
	px_op_finish_pulled(op, error ? px_sys_error(error) : -PROA_ECANCELED, 0, error);
	return PX_PULL_FINAL;
}

px_pulled px_io_accept_pull(px_iocp *io, px_op *op)
{
	bool drop = px_op_asked(op) || px_handle_closing(op->handle);
	px_io_accept *ready;
	int fd;

	if (px_io_is_named(op->handle))
		return px_io_named_pull(io, op);
	while ((ready = chain_find(op, READY)) && drop)
		record_drop(ready);
	if (!ready && chain_find(op, PENDING))
		return PX_PULL_NONE; /* its packet lists it again */
	if (!ready && (drop || op->args.own.b))
		return many_final(io, op);
	if (!ready) {
		many_settle(io, op);
		return PX_PULL_NONE;
	}
	fd = ready->fd;
	ready->fd = -1;
	ready->state = IDLE;
	px_accept_resumed(io->core, op);
	accept_arm(io, op, PX_IO_ACCEPTS);
	op->result = 0;
	op->count = 0;
	op->socket = px_socket_pack(fd, (proa_kind)(op->handle->kind & ~PX_HANDLE_TAG), true);
	op->sys_error = 0;
	op->got = PROA_MORE;
	return PX_PULL_MORE;
}

/* A listener rests at once, for what it takes is lost to others who listen. */
void px_io_accept_paused(px_iocp *io, px_op *op, bool paused)
{
	if (px_io_is_named(op->handle))
		px_io_named_resume(io, op);
	else if (paused)
		records_cancel(io, op);
	else
		many_settle(io, op);
}

/* ---- either ---- */

void px_io_accept_packet(px_iocp *io, px_io_accept *a, int error)
{
	px_op *op = a->op;

	int64_t exhausted;

	px_assert(a->state == PENDING && op->state == PX_INFLIGHT);
	a->state = IDLE;
	exhausted = record_completed(io, a, error);
	if (exhausted && !accept_held(op) && accept_rests(io, op, exhausted))
		return;
	if (op->kind == PX_ACCEPT_MANY)
		many_settle(io, op);
	else if (accept_held(op) || chain_find(op, READY) || !accept_arm(io, op, 1))
		once_settle(io, op);
}

void px_io_accept_cancel(px_iocp *io, px_op *op)
{
	if (px_io_is_named(op->handle)) {
		px_io_named_cancel(op);
		return;
	}
	records_cancel(io, op);
	if (op->kind == PX_ACCEPT_MANY)
		px_op_more(op);
}
