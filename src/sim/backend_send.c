/* The backend "sim": sends, step by step, and the bytes that are lent to them. */
/* SPDX-License-Identifier: MIT */
#include "sim/backend.h"
#include "sim/fs.h"

#include <string.h>

enum { FILE_STEP = 8192 };

/* ---- the bytes that are lent ---- */

static uint64_t sum_bytes(uint64_t sum, const unsigned char *p, size_t n)
{
	uint64_t word;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	for (; n; p++, n--)
		sum = (sum ^ *p) * UINT64_C(0x100000001b3);
	return sum;
}

uint64_t px_sim_send_sum(const px_op *op)
{
	const proa_vec *vec = op->args.io.ptr;
	uint64_t sum = 1;

	if (op->kind == PX_SEND || op->kind == PX_SEND_POOLED)
		return sum_bytes(sum, op->args.io.ptr, op->args.io.len);
	for (size_t i = 0; op->kind == PX_SENDV && i < op->args.io.len; i++)
		sum = sum_bytes(sum, vec[i].base, vec[i].len);
	return sum;
}

void px_sim_send_check(px_simside *side, const px_op *op)
{
	if (px_sim_send_sum(op) != side->sum)
		px_sim_violation(side->sock->node->world,
		                 "the bytes of a %s were changed while they were lent",
		                 px_kind_name[op->kind]);
}

/* ---- send: op->count is how far it has come ---- */

static int64_t send_total(const px_op *op)
{
	if (op->kind == PX_SENDV)
		return px_vec_bytes(op->args.io.ptr, op->args.io.len);
	return op->kind == PX_SEND_FILE ? op->args.file.len : (int64_t)op->args.io.len;
}

static int64_t step_sendv(px_simsock *s, const px_op *op, int32_t *sys_error)
{
	const proa_vec *vec = op->args.io.ptr;
	size_t skip = (size_t)op->count;

	while (skip >= vec->len)
		skip -= vec++->len;
	return px_sim_stream_send(s, PX_SENDV, (const char *)vec->base + skip, vec->len - skip,
	                          sys_error);
}

/* 0 with PROA_END meant: the file ends. */
static int64_t step_send_file(px_simsock *s, const px_op *op, int32_t *sys_error)
{
	unsigned char bytes[FILE_STEP];
	const px_simfd *f = &s->node->world->fds[op->args.file.file->fd];
	size_t most = (size_t)PX_MIN(op->args.file.len - op->count, (int64_t)FILE_STEP);
	int64_t n = px_simfs_file_read(s->node->fs, f->file, bytes, most,
	                               op->args.file.off + op->count, sys_error);

	return n <= 0 ? n : px_sim_stream_send(s, PX_SEND_FILE, bytes, (size_t)n, sys_error);
}

static int64_t send_step(px_simsock *s, const px_op *op, int32_t *sys_error)
{
	const char *bytes = op->args.io.ptr;

	if (op->kind == PX_SENDV)
		return step_sendv(s, op, sys_error);
	if (op->kind == PX_SEND_FILE)
		return step_send_file(s, op, sys_error);
	return px_sim_stream_send(s, (px_kind)op->kind, bytes + op->count,
	                          op->args.io.len - (size_t)op->count, sys_error);
}

static void send_end(px_simside *side, int64_t result, int32_t sys_error)
{
	px_op *op = side->op;

	if (result == -PROA_ECONNRESET)
		op->handle->flags |= PX_HF_DEAD;
	px_sim_send_check(side, op);
	px_sim_side_clear(side);
	px_op_finish(op, result, op->count, result < 0 ? sys_error : 0);
}

/* A fault of this very op, or 0. */
static int64_t send_fault(px_core *core, px_simside *side)
{
	px_world *w = px_simloop_of(core)->node->world;
	px_op *op = side->op;

	if (!op->count && px_sim_fault(w, PROA_FAULT_ERROR_BEFORE, (px_kind)op->kind))
		return -PROA_ENOBUFS;
	if (op->count && px_sim_fault(w, PROA_FAULT_ERROR_DURING, (px_kind)op->kind)) {
		px_sim_stream_reset(side->sock);
		return side->op == op ? -PROA_ECONNRESET : PX_AGAIN;
	}
	return 0;
}

static void send_moved(px_core *core, px_op *op, int64_t n)
{
	op->count += n;
	px_handle_moved(core, op->handle);
	px_count_add(&core->stat.bytes_out, (uint64_t)n);
}

void px_sim_try_send(px_core *core, px_simside *side)
{
	px_world *w = px_simloop_of(core)->node->world;
	px_op *op = side->op;
	int64_t total = send_total(op), n;
	int32_t sys_error = 0;

	while (op->count < total) {
		if ((n = send_fault(core, side)) == 0)
			n = send_step(side->sock, op, &sys_error);
		if (n == PX_AGAIN || side->op != op)
			return; /* a reset has ended it meanwhile */
		if (n < 0) {
			send_end(side, n, sys_error ? sys_error : (int32_t)-n);
			return;
		}
		if (n == 0) {
			op->got |= PROA_END;
			break;
		}
		send_moved(core, op, n);
	}
	if (total && px_sim_fault(w, PROA_FAULT_ERROR_AFTER, (px_kind)op->kind))
		px_sim_stream_break(side->sock);
	if (side->op == op)
		send_end(side, op->count, 0);
}
