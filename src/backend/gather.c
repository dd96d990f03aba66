/* Queued sends of a handle that go out in one call: which, and how its outcome is theirs. */
/* SPDX-License-Identifier: MIT */
#include "backend/gather.h"

#include "op/backend.h"

#define GATHERED (PX_KIND_BIT(PX_SEND) | PX_KIND_BIT(PX_SENDV) | PX_KIND_BIT(PX_SEND_POOLED))

int64_t px_send_rest(const px_op *op)
{
	int64_t total = op->kind == PX_SENDV ? px_vec_bytes(op->args.io.ptr, op->args.io.len)
	                                     : (int64_t)op->args.io.len;

	return total - op->count;
}

/* All but the first `gone` bytes; an empty piece may have no address. */
static void piece_add(px_gather *g, const void *base, size_t len, size_t gone)
{
	if (len > gone)
		g->vec[g->pieces++] = (proa_vec){(const char *)base + gone, len - gone};
}

/* What the op has left. False: there is no room for it, and nothing was added. */
static bool op_add(px_gather *g, const px_op *op)
{
	size_t n = op->kind == PX_SENDV ? op->args.io.len : 1, gone = (size_t)op->count;
	const proa_vec *vec = op->args.io.ptr;
	int64_t rest;

	if (n > PX_GATHER_PIECES - g->pieces)
		return false;
	rest = px_send_rest(op);
	if (rest > PX_GATHER_BYTES - g->bytes)
		return false;
	g->bytes += rest;
	g->ops++;
	if (op->kind != PX_SENDV) {
		piece_add(g, op->args.io.ptr, op->args.io.len, gone);
		return true;
	}
	for (; n--; vec++) {
		size_t skip = PX_MIN(gone, vec->len);

		piece_add(g, vec->base, vec->len, skip);
		gone -= skip;
	}
	return true;
}

bool px_gather_fill(px_gather *g, px_op *head)
{
	px_node *out = head->handle->out, *node = &head->link;

	px_assert(out == node);
	if (head->handle->flags & PX_HF_BROKEN)
		return false; /* it is from before, and those behind it are not */
	g->ops = g->pieces = 0;
	g->bytes = 0;
	if (!op_add(g, head))
		return false;
	while ((node = px_ring_next(out, node))) {
		const px_op *op = px_op_linked(node);

		if (op->state != PX_WAITING || !(GATHERED & PX_KIND_BIT(op->kind)) ||
		    !op_add(g, op))
			break;
	}
	return g->ops > 1;
}

px_op *px_gather_sent(px_op *op, uint32_t ops, int64_t bytes)
{
	px_handle *h = op->handle;
	uint16_t was = h->flags & PX_HF_BUSY_OUT;

	h->flags |= PX_HF_BUSY_OUT; /* or the end of one would start the next */
	while (op) {
		int64_t rest = px_send_rest(op), part = PX_MIN(rest, bytes);
		px_node *next = px_ring_next(h->out, &op->link);

		op->count += part;
		bytes -= part;
		if (part < rest)
			break;
		px_op_finish(op, op->count, op->count, 0);
		op = --ops ? px_op_linked(next) : NULL;
	}
	h->flags = (uint16_t)((h->flags & ~PX_HF_BUSY_OUT) | was);
	return op;
}
