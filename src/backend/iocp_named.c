/* Pipes with names on a port: accepting at one, and connecting to one. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* ---- how it works ----
 *
 * A pipe has no backlog: each connection is an instance of it, made beforehand, to which a client
 * comes. So a listener keeps some that wait, from its first accept on, and they wait whether or not
 * an accept is in flight: a cancelled accept or a pause loses nobody. What waits for a client is
 * an overlapped call; but what it is made on would be this port's for life if the port were to
 * tell, and accepted connections go to other loops. So it sets an event, one for all instances of a
 * listener, on which the system's thread waits that posts a packet which says "look". The start of
 * a call clears the event: so whoever starts one looks himself afterwards.
 *
 *   none --make--> WAITING --a client--> COME --handed out--> none
 *
 * One of them is the handle's descriptor. Another one is there before it is handed out, or the name
 * would be gone for a moment, and somebody else's. Clients come to those that were made first, so
 * the oldest that has one is the next.
 *
 * A connect is over at once if an instance is free. Else it waits for one, by a call on the folder
 * of all pipes, which is its handle's descriptor until then, and tries again. */

typedef struct spare {
	OVERLAPPED overlapped;
	uint64_t age; /* less is older */
	int32_t fd;   /* -1: none */
	bool come;
} spare;

struct px_io_named {
	px_io_named *next;
	px_iocp *io;
	px_handle *handle;
	px_op *op; /* the accept in flight; NULL: none, or it rests (accept.c) */
	HANDLE event, wait;
	uint64_t made;
	spare spares[PX_IO_ACCEPTS];
};

/* ---- spares ---- */

/* The oldest one; of those that a client has come to, if `come`. */
static spare *spare_find(px_io_named *l, bool come)
{
	spare *found = NULL;

	for (unsigned i = 0; i < PX_IO_ACCEPTS; i++) {
		spare *s = &l->spares[i];

		if (s->fd >= 0 && (s->come || !come) && (!found || s->age < found->age))
			found = s;
	}
	return found;
}

static void spare_drop(px_io_named *l, spare *s)
{
	if (s->fd != l->handle->fd) /* which the handle closes */
		px_file_close(s->fd);
	s->fd = -1;
}

/* A new instance's. 0 or a system code. */
static int spare_begin(px_io_named *l, spare *s, int fd)
{
	int error;

	*s = (spare){.overlapped.hEvent = l->event, .age = l->made++, .fd = fd};
	px_count(&l->io->core->stat.system_calls);
	error = px_win_pipe_await(fd, &s->overlapped);
	s->come = !error;
	if (!error || error == ERROR_IO_PENDING)
		return 0;
	spare_drop(l, s);
	return error;
}

/* Fills what is free. 0 or a system code; then there are fewer than wished. */
static int spares_fill(px_io_named *l)
{
	for (unsigned i = 0; i < PX_IO_ACCEPTS; i++) {
		int32_t error = 0;
		int64_t fd;

		if (l->spares[i].fd >= 0)
			continue;
		px_count(&l->io->core->stat.system_calls);
		fd = px_win_pipe_more(l->handle->fd, &error);
		if (fd >= 0)
			error = spare_begin(l, &l->spares[i], (int)fd);
		if (error)
			return error;
	}
	return 0;
}

/* True: a call had failed, and was begun anew. */
static bool spares_look_once(px_io_named *l)
{
	bool begun = false;

	for (unsigned i = 0; i < PX_IO_ACCEPTS; i++) {
		spare *s = &l->spares[i];

		if (s->fd < 0 || s->come || !HasOverlappedIoCompleted(&s->overlapped))
			continue;
		s->come = (int32_t)(uint32_t)s->overlapped.Internal >= 0;
		if (!s->come)
			begun = !spare_begin(l, s, s->fd) || begun;
	}
	return begun;
}

static void spares_look(px_io_named *l)
{
	if (spares_look_once(l))
		spares_look_once(l);
}

/* ---- listeners ---- */

static px_io_named **place_of(px_iocp *io, const px_handle *h)
{
	px_io_named **l = &io->named;

	while (*l && (*l)->handle != h)
		l = &(*l)->next;
	return l;
}

/* On the system's thread. */
static CALLBACK void somebody_came(void *arg, BOOLEAN timed_out)
{
	PX_UNUSED(timed_out);
	px_io_post(arg, PX_IO_KEY_NAMED, NULL);
}

static void named_free(px_io_named *l)
{
	if (l->wait)
		UnregisterWaitEx(l->wait, INVALID_HANDLE_VALUE);
	if (l->event)
		CloseHandle(l->event);
	px_free(&l->io->core->alloc, l, sizeof *l);
}

/* Made by the first accept; NULL, and a system code. */
static px_io_named *named_make(px_iocp *io, px_handle *h, int *error)
{
	px_io_named *l = px_zalloc(&io->core->alloc, sizeof *l);

	*error = ERROR_NOT_ENOUGH_MEMORY;
	if (!l)
		return NULL;
	l->io = io;
	l->handle = h;
	for (unsigned i = 0; i < PX_IO_ACCEPTS; i++)
		l->spares[i].fd = -1;
	l->event = CreateEventW(NULL, FALSE, FALSE, NULL);
	if (l->event &&
	    RegisterWaitForSingleObject(&l->wait, l->event, somebody_came, io, INFINITE, 0) &&
	    !(*error = spare_begin(l, &l->spares[0], h->fd))) {
		*place_of(io, h) = l;
		return l;
	}
	if (!l->wait)
		*error = (int)GetLastError();
	named_free(l);
	return NULL;
}

/* Their calls must have ended before their memory goes. */
void px_io_named_close(px_iocp *io, px_handle *h)
{
	px_io_named **place = place_of(io, h), *l = *place;

	if (!l)
		return;
	px_assert(!l->op);
	*place = l->next;
	for (unsigned i = 0; i < PX_IO_ACCEPTS; i++) {
		spare *s = &l->spares[i];

		if (s->fd < 0)
			continue;
		while (!s->come && !HasOverlappedIoCompleted(&s->overlapped)) {
			CancelIoEx(px_win_handle(s->fd), &s->overlapped);
			WaitForSingleObject(l->event, 1);
		}
		spare_drop(l, s);
	}
	named_free(l);
}

/* ---- accepting ---- */

/* The oldest connection, with another instance in its place. 0 or a system code. */
static int named_take(px_io_named *l, spare *s, proa_socket *out)
{
	int fd = s->fd, error;

	s->fd = -1;
	error = spares_fill(l);
	if (!spare_find(l, false)) {
		s->fd = fd;
		return error;
	}
	if (l->handle->fd == fd)
		l->handle->fd = spare_find(l, false)->fd;
	*out = px_socket_pack(fd, PROA_PIPE, true);
	return 0;
}

/* One that rests begins again by its submit. True: it does. */
static bool named_rests(px_io_named *l, px_op *op, int error)
{
	if (l)
		l->op = NULL;
	if (!px_accept_exhausted(px_sys_error(error)))
		return false;
	px_accept_pause(px_handle_core(op->handle), op, px_sys_error(error));
	return true;
}

static void once_take(px_io_named *l, px_op *op, spare *s)
{
	int error = named_take(l, s, &op->socket);

	if (!error) {
		l->op = NULL;
		px_accept_resumed(l->io->core, op);
		px_op_finish(op, 0, 0, 0);
	} else if (!named_rests(l, op, error)) {
		px_op_finish(op, px_sys_error(error), 0, error);
	}
}

static void named_settle(px_io_named *l)
{
	px_op *op = l->op;
	spare *s;

	spares_look(l);
	if (!op || !(s = spare_find(l, true)))
		return;
	if (op->kind == PX_ACCEPT)
		once_take(l, op, s);
	else
		px_op_more(op);
}

void px_io_named_accept(px_iocp *io, px_op *op)
{
	px_io_named *l = *place_of(io, op->handle);
	int error;

	if (!l && !(l = named_make(io, op->handle, &error))) {
		if (!named_rests(NULL, op, error))
			px_op_finish(op, px_sys_error(error), 0, error);
		return;
	}
	l->op = op;
	spares_fill(l); /* fewer are enough */
	named_settle(l);
}

/* What one tells may close another. */
void px_io_named_look(px_iocp *io)
{
	px_io_named *next;

	for (px_io_named *l = io->named; l; l = next) {
		next = l->next;
		named_settle(l);
	}
}

void px_io_named_resume(px_iocp *io, px_op *op)
{
	px_io_named *l = *place_of(io, op->handle);

	if (l && l->op == op)
		named_settle(l);
}

static px_pulled many_final(px_op *op, int error)
{
	op->got = 0;
	px_op_finish_pulled(op, error ? px_sys_error(error) : -PROA_ECANCELED, 0, error);
	return PX_PULL_FINAL;
}

px_pulled px_io_named_pull(px_iocp *io, px_op *op)
{
	px_io_named *l = *place_of(io, op->handle);
	spare *s;
	int error;

	if (!l || l->op != op)
		return PX_PULL_NONE; /* it rests */
	if (px_op_asked(op) || px_handle_closing(op->handle)) {
		l->op = NULL;
		return many_final(op, 0);
	}
	if (!(s = spare_find(l, true)))
		return PX_PULL_NONE; /* a packet lists it again */
	if ((error = named_take(l, s, &op->socket)))
		return named_rests(l, op, error) ? PX_PULL_NONE : many_final(op, error);
	px_accept_resumed(io->core, op);
	spares_look(l);
	op->result = 0;
	op->count = 0;
	op->sys_error = 0;
	op->got = PROA_MORE;
	return PX_PULL_MORE;
}

/* Who has come stays, for the next accept. */
void px_io_named_cancel(px_op *op)
{
	px_io_named *l = *place_of(px_iocp_of(px_handle_core(op->handle)), op->handle);

	if (op->kind == PX_ACCEPT_MANY) {
		px_op_more(op);
		return;
	}
	l->op = NULL;
	px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

/* ---- connecting ---- */

static void connected(px_op *op, int fd)
{
	px_core *core = px_handle_core(op->handle);
	px_handle *h = op->handle;

	core->ops->detach(core, h);
	px_file_close(h->fd);
	h->fd = fd;
	core->ops->attach(core, h);
	px_op_finish(op, 0, 0, 0);
}

void px_io_named_connect(px_op *op)
{
	const proa_addr *addr = op->args.io.ptr; /* the op's own copy, until its end */
	int32_t sys_error = 0;
	int64_t fd = px_win_pipe_connect(addr, &sys_error);
	OVERLAPPED *o;
	int error;

	px_count(&px_handle_core(op->handle)->stat.system_calls);
	if (fd >= 0) {
		connected(op, (int)fd);
		return;
	}
	if (fd != PX_AGAIN) {
		px_op_finish(op, fd, 0, sys_error);
		return;
	}
	o = px_io_begin(op, 0);
	error = px_win_pipe_wait(op->handle->fd, addr, o);
	if (!px_io_pending(op, error))
		px_io_fail(op, error, 0);
}

/* One is free, or it may be that none ever will be: the next try tells. */
void px_io_named_connect_packet(px_op *op, int error)
{
	int64_t rc = error ? px_sys_error(error) : 0;

	if (px_op_asked(op) || (rc && rc != -PROA_ETIMEDOUT && rc != -PROA_EABORTED))
		px_io_fail(op, error, 0);
	else
		px_io_named_connect(op);
}
