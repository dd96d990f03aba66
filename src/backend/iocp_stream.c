/* Streams on a port that were opened for calls that wait: a thread makes the calls. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

#include <string.h>

/* ---- how it works ----
 *
 * Standard streams and consoles are opened so that their calls wait, and no port takes them. For
 * each direction of such a handle there is one of these from its first op on. Reads fill memory of
 * the thread's, from which every sort of recv takes; a send's bytes are copied there. So an op in
 * flight (PX_F_KERNEL) only waits for a packet that says "look", and its cancel ends it at once:
 * what a read brings later is the next recv's, and what of a write has gone nobody knows, so its
 * direction is broken as on other handles. */

struct px_io_stream {
	px_io_stream *next;
	px_handle *handle;
	int dir;
	px_op *waiter; /* in flight; NULL: none */
	px_win_stream *thread;
	DWORD at, end; /* bytes that have been read and not been taken */
	int error;     /* what the last read told behind them, with `over` */
	bool busy;     /* the thread is at work */
	bool over;     /* a read has ended with none: its error is to be told, or the end */
};

/* ---- which ---- */

static px_io_stream **place_of(px_iocp *io, const px_handle *h, int dir)
{
	px_io_stream **s = &io->streams;

	while (*s && ((*s)->handle != h || (*s)->dir != dir))
		s = &(*s)->next;
	return s;
}

static px_iocp *io_of(const px_handle *h)
{
	return px_iocp_of(px_handle_core(h));
}

/* Made by its first op; NULL: no memory, or no thread. */
static px_io_stream *stream_of(px_op *op)
{
	px_iocp *io = io_of(op->handle);
	int dir = px_kind_dir[op->kind];
	px_io_stream **place = place_of(io, op->handle, dir), *s = *place;

	if (s || !(s = px_zalloc(&io->core->alloc, sizeof *s)))
		return s;
	s->handle = op->handle;
	s->dir = dir;
	s->thread = px_win_stream_open(op->handle->fd, dir == PX_DIR_IN, io->port,
	                               PX_IO_KEY_STREAM);
	if (!s->thread) {
		px_free(&io->core->alloc, s, sizeof *s);
		return NULL;
	}
	return *place = s;
}

static void stream_close(px_iocp *io, px_io_stream **place)
{
	px_io_stream *s = *place;

	if (!s)
		return;
	px_assert(!s->waiter);
	*place = s->next;
	px_win_stream_close(s->thread);
	px_free(&io->core->alloc, s, sizeof *s);
}

void px_io_stream_close(px_handle *h, int dir)
{
	px_iocp *io = io_of(h);

	stream_close(io, place_of(io, h, dir));
}

bool px_io_stream_reads(const px_handle *h)
{
	return *place_of(io_of(h), h, PX_DIR_IN) != NULL;
}

/* ---- asking ---- */

static int stream_wait(px_io_stream *s, px_op *op, DWORD n)
{
	if (!s->busy)
		px_win_stream_begin(s->thread, n);
	s->busy = true;
	s->waiter = op;
	return ERROR_IO_PENDING;
}

/* Bytes, or none with what is to be told instead. */
static DWORD bytes_take(px_io_stream *s, void *buf, size_t len, int *error)
{
	DWORD n = (DWORD)PX_MIN(len, (size_t)(s->end - s->at));

	*error = n ? 0 : s->error;
	if (!n) {
		s->over = false;
		return 0;
	}
	memcpy(buf, px_win_stream_bytes(s->thread) + s->at, n);
	s->at += n;
	return n;
}

int px_io_stream_read(px_op *op, void *buf, size_t len)
{
	px_io_stream *s = stream_of(op);
	int error;

	if (!s)
		return ERROR_NOT_ENOUGH_MEMORY;
	if (s->at == s->end && !s->over)
		return stream_wait(s, op, PX_WIN_STREAM_BYTES);
	if (!len && (s->at < s->end || !s->error))
		return 0;
	px_io_overlapped(op)->InternalHigh = bytes_take(s, buf, len, &error);
	return error;
}

int64_t px_io_stream_take(px_handle *h, void *buf, size_t len, int32_t *sys_error)
{
	px_io_stream *s = *place_of(io_of(h), h, PX_DIR_IN);
	DWORD n;

	if (!s || (s->at == s->end && !s->over))
		return PX_AGAIN;
	n = bytes_take(s, buf, len, sys_error);
	return *sys_error ? px_sys_error(*sys_error) : (int64_t)n;
}

int px_io_stream_write(px_op *op, const void *bytes, size_t len)
{
	px_io_stream *s = stream_of(op);
	DWORD n = (DWORD)PX_MIN(len, (size_t)PX_WIN_STREAM_BYTES);

	if (!s)
		return ERROR_NOT_ENOUGH_MEMORY;
	px_assert(!s->busy); /* behind a cancelled send the direction is broken */
	memcpy(px_win_stream_bytes(s->thread), bytes, n);
	return stream_wait(s, op, n);
}

/* ---- told ---- */

static void waiter_end(px_iocp *io, px_io_stream *s, int error, int64_t n)
{
	px_op *op = s->waiter;

	s->waiter = NULL;
	op->flags &= (uint16_t)~PX_F_KERNEL;
	px_io_packet(io, op, error, n);
}

/* A recv into memory has its bytes with the packet; others take them when they have a buffer. */
static void read_told(px_iocp *io, px_io_stream *s)
{
	px_op *op = s->waiter;
	DWORD n = 0;
	int error = s->over ? s->error : 0;

	if (op->kind == PX_RECV)
		n = bytes_take(s, (void *)(uintptr_t)op->args.io.ptr, op->args.io.len, &error);
	else if (error)
		s->over = false;
	waiter_end(io, s, error, n);
}

static void stream_look(px_iocp *io, px_io_stream *s)
{
	DWORD n;
	int error;

	if (!px_win_stream_done(s->thread, &error, &n))
		return;
	s->busy = false;
	if (s->dir == PX_DIR_OUT) {
		if (s->waiter)
			waiter_end(io, s, error, n);
		return;
	}
	s->at = 0;
	s->end = n;
	s->error = error;
	s->over = !n;
	if (error == ERROR_OPERATION_ABORTED) /* nobody's cancel: a key of the console */
		s->over = false;
	if (!s->waiter)
		return;
	if (!n && !s->over)
		stream_wait(s, s->waiter, PX_WIN_STREAM_BYTES);
	else
		read_told(io, s);
}

/* What one tells may start the shutdown behind it, which closes that one and no other. */
void px_io_streams_look(px_iocp *io)
{
	px_io_stream *next;

	for (px_io_stream *s = io->streams; s; s = next) {
		next = s->next;
		stream_look(io, s);
	}
}

void px_io_stream_cancel(px_iocp *io, px_op *op)
{
	px_io_stream *s = *place_of(io, op->handle, px_kind_dir[op->kind]);

	if (s && s->waiter == op)
		waiter_end(io, s, ERROR_OPERATION_ABORTED, 0);
}
