/* Queued sends on a ring: several in one entry, whose outcome is split over them. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* ---- how it works ----
 *
 * While a send is in the kernel others wait behind it. When their turn comes, the first takes along
 * what fits: they are INFLIGHT with it, GATHERED, and their op->buf is the batch. The entry is the
 * first one's. Who asks for the end of any of them has the entry cancelled; what had gone is
 * credited in order, those that nobody asked for wait again, and go on at once. */

typedef struct batch {
	struct msghdr msg;
	px_op *head;
	int res; /* the entry's, while its cancel is awaited */
	px_gather gather;
} batch;

void px_ur_gather_open(px_uring *u)
{
	px_slab_init(&u->batches, &u->core->alloc, sizeof(batch), 0);
}

px_op *px_ur_gather_head(const px_op *op)
{
	const batch *b = op->buf;

	return b->head;
}

static void batch_push(px_uring *u, batch *b)
{
	px_handle *h = b->head->handle;
	px_uring_sqe *sqe = px_ur_main(u, b->head, PX_IORING_OP_SENDMSG, h->fd);

	b->msg = (struct msghdr){.msg_iov = (struct iovec *)(void *)b->gather.vec};
	b->msg.msg_iovlen = (uint16_t)b->gather.pieces;
	sqe->addr = px_ur_addr(&b->msg);
	sqe->len = 1;
	sqe->msg_flags = px_ur_send_flags(h, (size_t)b->gather.bytes);
	if (b->head->count && px_ur_has(u, PX_UR_POLL_FIRST)) /* there was no room */
		sqe->ioprio = PX_IORING_RECVSEND_POLL_FIRST;
}

bool px_ur_gather(px_uring *u, px_op *op)
{
	px_node *node = &op->link;
	batch *b;

	if (px_gather_alone(op) || !(b = px_slab_alloc(&u->batches)))
		return false;
	if (!px_gather_fill(&b->gather, op)) {
		px_slab_free(&u->batches, b);
		return false;
	}
	b->head = op;
	for (uint32_t n = b->gather.ops; n--; node = node->next) {
		px_op *member = px_op_linked(node);

		if (member != op)
			px_op_join(member);
		member->flags |= PX_UR_F_GATHERED;
		member->buf = b;
	}
	batch_push(u, b);
	return true;
}

/* The batch is no more; how many it was. */
static uint32_t batch_dissolve(px_uring *u, px_op *head)
{
	batch *b = head->buf;
	uint32_t ops = b->gather.ops;
	px_node *node = &head->link;

	for (uint32_t n = ops; n--; node = node->next) {
		px_op *op = px_op_linked(node);

		op->flags &= (uint16_t)~PX_UR_F_GATHERED;
		op->buf = NULL;
	}
	px_slab_free(&u->batches, b);
	return ops;
}

/* Those behind `op` wait again, but for those whose end was asked for. */
static void batch_part(px_op *op)
{
	px_handle *h = op->handle;
	px_node *node = &op->link;

	while ((node = px_ring_next(h->out, node)) && px_op_linked(node)->state == PX_INFLIGHT)
		px_op_part(px_op_linked(node));
	/* The end of one may be that of others, so each time from the front. */
	for (node = &op->link; (node = px_ring_next(h->out, node));) {
		px_op *behind = px_op_linked(node);

		if (!px_op_asked(behind))
			continue;
		px_op_finish(behind, -PROA_ECANCELED, 0, 0);
		node = &op->link;
	}
}

void px_ur_gathered(px_uring *u, px_op *head, int res)
{
	px_handle *h = head->handle;
	px_op *op;

	if (!px_ur_settled(head)) {
		((batch *)head->buf)->res = res;
		return;
	}
	op = px_gather_sent(head, batch_dissolve(u, head), PX_MAX(res, 0));
	if (res > 0) {
		px_handle_moved(u->core, h);
		px_count_add(&u->core->stat.bytes_out, (uint64_t)res);
	}
	if (op) {
		batch_part(op);
		if (px_ur_send_failed(u, op, res))
			return;
		if (px_op_asked(op))
			px_op_finish(op, -PROA_ECANCELED, op->count, 0);
		else
			px_ur_kinds[op->kind].submit(u, op);
	}
	px_queue_advance(h, PX_DIR_OUT);
}

void px_ur_gathered_settled(px_uring *u, px_op *head)
{
	px_ur_gathered(u, head, ((const batch *)head->buf)->res);
}
