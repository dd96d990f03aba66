/* Files on a port: read and write at an offset, in full. */
/* SPDX-License-Identifier: MIT */
#include "backend/iocp.h"

/* op->count is how far it has come. Every call of a file has a packet, for there is no skipping on
 * files: which of their drivers may complete twice, nobody tells. */

static int64_t file_at(const px_op *op)
{
	return op->args.io.off + op->count;
}

static DWORD file_rest(const px_op *op)
{
	return (DWORD)PX_MIN(op->args.io.len - (size_t)op->count, (size_t)PX_IO_FILE_BYTES);
}

static bool file_whole(const px_op *op)
{
	return (size_t)op->count == op->args.io.len;
}

static void file_end(px_op *op)
{
	px_op_finish(op, op->count, op->count, 0);
}

/* What Windows calls "denied" of a handle, and what it says of a folder, have other names here. */
void px_io_file_failed(px_op *op, int error, int64_t count)
{
	int32_t sys_error;
	int64_t rc = px_win_file_failed(error, &sys_error);

	if (error == ERROR_OPERATION_ABORTED || px_op_asked(op))
		px_io_fail(op, error, count);
	else
		px_op_finish(op, rc, count, sys_error);
}

/* ---- read ---- */

/* The end of the file may be a call's answer or a packet's. An error behind bytes is the next
 * read's to tell. */
static void read_failed(px_op *op, int error)
{
	if (error == ERROR_HANDLE_EOF)
		op->got |= PROA_END;
	if (error == ERROR_HANDLE_EOF || op->count)
		file_end(op);
	else
		px_io_file_failed(op, error, 0);
}

void px_io_read(px_iocp *io, px_op *op)
{
	char *to = (char *)(uintptr_t)op->args.io.ptr + op->count;
	OVERLAPPED *o;
	int error;

	PX_UNUSED(io);
	if (file_whole(op)) {
		file_end(op); /* of nothing, or all of it */
		return;
	}
	o = px_io_begin(op, file_at(op));
	error = ReadFile(px_win_handle(op->handle->fd), to, file_rest(op), NULL, o)
	                ? 0
	                : (int)GetLastError();
	if (!px_io_pending(op, error == ERROR_MORE_DATA ? 0 : error)) /* a pipe's, with a packet */
		read_failed(op, error);
}

void px_io_read_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	op->count += bytes;
	px_count_add(&io->core->stat.bytes_in, (uint64_t)bytes);
	if (error == ERROR_MORE_DATA)
		error = 0;
	if (!error && !bytes)
		error = ERROR_HANDLE_EOF;
	if (error && !px_io_lost(op, error))
		read_failed(op, error);
	else if (px_op_asked(op) && op->count)
		file_end(op);
	else
		px_io_read(io, op);
}

/* ---- write ---- */

void px_io_write(px_iocp *io, px_op *op)
{
	const char *from = (const char *)op->args.io.ptr + op->count;
	OVERLAPPED *o;
	int error;

	PX_UNUSED(io);
	if (file_whole(op)) {
		file_end(op);
		return;
	}
	o = px_io_begin(op, file_at(op));
	error = WriteFile(px_win_handle(op->handle->fd), from, file_rest(op), NULL, o)
	                ? 0
	                : (int)GetLastError();
	if (!px_io_pending(op, error))
		px_io_file_failed(op, error, op->count);
}

void px_io_write_packet(px_iocp *io, px_op *op, int error, int64_t bytes)
{
	op->count += bytes;
	px_count_add(&io->core->stat.bytes_out, (uint64_t)bytes);
	if (error && !px_io_lost(op, error))
		px_io_file_failed(op, error, op->count);
	else if (px_op_asked(op) && !file_whole(op))
		px_op_finish(op, -PROA_ECANCELED, op->count, 0);
	else
		px_io_write(io, op);
}
