/* Files on a ring: read, write, fsync, and a file's bytes to a socket. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"
#include "op/file.h"

enum { FILE_MAX = 1 << 30 /* bytes in one entry, whose results are an int */ };

/* ---- read and write: op->count is how far it has come ---- */

static bool file_is_pieces(const px_op *op)
{
	return op->kind == PX_READV || op->kind == PX_WRITEV;
}

static bool file_whole(const px_op *op)
{
	if (file_is_pieces(op))
		return op->count == px_vec_bytes(op->args.io.ptr, op->args.io.len);
	return (size_t)op->count == op->args.io.len;
}

/* All of them in one entry. */
static void pieces_push(px_uring *u, px_op *op, bool writes)
{
	px_uring_sqe *sqe = px_ur_main(u, op, writes ? PX_IORING_OP_WRITEV : PX_IORING_OP_READV,
	                               op->handle->fd);

	sqe->addr = px_ur_addr(op->args.io.ptr);
	sqe->len = (uint32_t)op->args.io.len;
	sqe->off = (uint64_t)op->args.io.off;
}

/* What is left of the bytes; of pieces, of the one that `count` lies in: the kernel takes no vector
 * that begins in the middle of one. */
static proa_vec file_rest(const px_op *op)
{
	const proa_vec *piece = op->args.io.ptr;
	proa_vec whole = {op->args.io.ptr, op->args.io.len};
	size_t gone = (size_t)op->count;

	if (!file_is_pieces(op))
		piece = &whole;
	for (; gone >= piece->len; piece++)
		gone -= piece->len;
	return (proa_vec){(const char *)piece->base + gone, piece->len - gone};
}

static void file_push(px_uring *u, px_op *op, bool writes)
{
	px_uring_sqe *sqe;
	proa_vec rest;

	if (file_is_pieces(op) && !op->count) {
		pieces_push(u, op, writes);
		return;
	}
	rest = file_rest(op);
	sqe = px_ur_main(u, op, writes ? PX_IORING_OP_WRITE : PX_IORING_OP_READ, op->handle->fd);
	sqe->addr = px_ur_addr(rest.base);
	sqe->len = (uint32_t)PX_MIN(rest.len, (size_t)FILE_MAX);
	sqe->off = (uint64_t)(op->args.io.off + op->count);
}

/* A plain call of the cache's bytes costs less than an entry, but for a turn that enters the ring
 * anyway. So it is for a read with nothing beside it: nothing is to be submitted, no other has
 * ended like that in this turn, nor have several come out of the ring, which will go there again.
 */
static bool read_now(const px_uring *u, px_op *op)
{
	return px_ur_has(u, PX_UR_READ_NOW) && !op->count && u->reads <= 1 &&
	       u->sq_tail == u->sq_head && !u->spill_n && px_list_empty(&u->core->done) &&
	       px_file_now(u->core, op);
}

void px_ur_read(px_uring *u, px_op *op)
{
	if (file_whole(op))
		px_op_finish(op, 0, 0, 0); /* of nothing */
	else if (!read_now(u, op))
		file_push(u, op, false);
}

void px_ur_read_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	int res = cqe->res;

	u->reads++;
	if (res > 0) {
		op->count += res;
		px_count_add(&u->core->stat.bytes_in, (uint64_t)res);
	}
	if (res == 0)
		op->got |= PROA_END;
	else if (res < 0 && px_ur_again(u, op, res))
		return;
	if (res >= 0 && !file_whole(op) && !(op->got & PROA_END) && !px_op_asked(op))
		file_push(u, op, false);
	else if (res >= 0 || op->count) /* an error behind bytes is the next read's to tell */
		px_ur_end(op, op->count, op->count, 0);
	else
		px_ur_end_error(op, res, 0);
}

void px_ur_write(px_uring *u, px_op *op)
{
	if (file_whole(op))
		px_op_finish(op, 0, 0, 0); /* of nothing */
	else
		file_push(u, op, true);
}

void px_ur_write_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	int res = cqe->res;

	if (res > 0) {
		op->count += res;
		px_count_add(&u->core->stat.bytes_out, (uint64_t)res);
	}
	if (res < 0 && px_ur_again(u, op, res))
		return;
	if (file_whole(op))
		px_ur_end(op, op->count, op->count, 0);
	else if (res <= 0)
		px_ur_end_error(op, res ? res : -EIO, op->count);
	else if (px_op_asked(op))
		px_ur_end(op, -PROA_ECANCELED, op->count, 0);
	else
		file_push(u, op, true);
}

/* ---- fsync ---- */

void px_ur_fsync(px_uring *u, px_op *op)
{
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_FSYNC, op->handle->fd);

	sqe->fsync_flags = op->args.io.off ? PX_IORING_FSYNC_DATASYNC : 0;
}

void px_ur_fsync_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (cqe->res >= 0)
		px_ur_end(op, 0, 0, 0);
	else if ((cqe->res != -ECANCELED && cqe->res != -EINTR) || !px_ur_again(u, op, cqe->res))
		/* a real failure is never tried again: it would say all is well */
		px_ur_end_error(op, cqe->res, 0);
}

/* ---- send_file: what the page cache does not hold is read into scratch memory (op->buf), then
 * sent (PHASE2), piece by piece ---- */

static void send_file_end(px_uring *u, px_op *op, int64_t result, int32_t sys_error)
{
	px_scratch_give(u->core, &u->scratch, op);
	px_ur_end(op, result, op->count, sys_error);
}

static void send_file_read(px_uring *u, px_op *op)
{
	int64_t rest = op->args.file.len - op->count;
	px_scratch *s = px_scratch_take(u->core, &u->scratch, op);
	px_uring_sqe *sqe;

	op->flags &= (uint16_t)~PX_F_PHASE2;
	if (!s) {
		send_file_end(u, op, -PROA_ENOMEM, 0);
		return;
	}
	sqe = px_ur_main(u, op, PX_IORING_OP_READ, op->args.file.file->fd);
	sqe->addr = px_ur_addr(s->bytes);
	sqe->len = (uint32_t)PX_MIN(rest, (int64_t)sizeof s->bytes);
	sqe->off = (uint64_t)(op->args.file.off + op->count);
}

static void send_file_send(px_uring *u, px_op *op)
{
	px_scratch *s = op->buf;
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_SEND, op->handle->fd);

	op->flags |= PX_F_PHASE2;
	sqe->addr = px_ur_addr(s->bytes + s->sent);
	sqe->len = s->filled - s->sent;
	sqe->msg_flags = px_ur_send_flags(op->handle, sqe->len);
	if (s->sent && px_ur_has(u, PX_UR_POLL_FIRST))
		sqe->ioprio = PX_IORING_RECVSEND_POLL_FIRST;
}

void px_ur_send_file(px_uring *u, px_op *op)
{
	if (op->flags & PX_F_PHASE2)
		send_file_send(u, op);
	else if (op->count != op->args.file.len && !px_ur_send_file_direct(u, op))
		send_file_read(u, op);
	else if (op->count == op->args.file.len)
		send_file_end(u, op, op->count, 0);
}

static void send_file_failed(px_uring *u, px_op *op, int res)
{
	bool sending = (op->flags & PX_F_PHASE2) != 0;

	if (sending && (res == -EPIPE || res == -ECONNRESET || res == -ECONNABORTED)) {
		op->handle->flags |= PX_HF_DEAD;
		send_file_end(u, op, -PROA_ECONNRESET, -res);
	} else if (!px_ur_again(u, op, res)) {
		px_scratch_give(u->core, &u->scratch, op);
		px_ur_end_error(op, res, op->count);
	}
}

/* What was read goes out, unless somebody asked for the end; nothing read: the file is shorter than
 * was asked for. */
static void send_file_filled(px_uring *u, px_op *op, int n)
{
	px_scratch *s = op->buf;

	s->filled = (uint32_t)n;
	s->sent = 0;
	if (n == 0) {
		op->got |= PROA_END;
		send_file_end(u, op, op->count, 0);
	} else if (px_op_asked(op)) {
		send_file_end(u, op, -PROA_ECANCELED, 0);
	} else {
		send_file_send(u, op);
	}
}

static void send_file_next(px_uring *u, px_op *op)
{
	op->flags &= (uint16_t)~PX_F_PHASE2;
	px_ur_send_file(u, op);
}

static void send_file_sent(px_uring *u, px_op *op, int n)
{
	px_scratch *s = op->buf;

	s->sent += (uint32_t)n;
	px_ur_sent(u, op, n);
	if (op->count == op->args.file.len)
		send_file_end(u, op, op->count, 0);
	else if (px_op_asked(op))
		send_file_end(u, op, -PROA_ECANCELED, 0);
	else if (s->sent < s->filled)
		send_file_send(u, op);
	else
		send_file_next(u, op);
}

void px_ur_send_file_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	if (cqe->res < 0)
		send_file_failed(u, op, cqe->res);
	else if (op->flags & PX_F_PHASE2)
		send_file_sent(u, op, cqe->res);
	else
		send_file_filled(u, op, cqe->res);
}
