/* Datagrams in pooled buffers: those that wait to be delivered, and what is told of each. */
/* SPDX-License-Identifier: MIT */
#include "op/gram.h"

#include "sys/sys.h"

#include <string.h>

static px_gram *op_last(const px_op *op)
{
	return (px_gram *)(uintptr_t)op->args.pooled.own;
}

static uint16_t addr_pack(unsigned char *out, size_t room, const proa_addr *addr)
{
	size_t n = PX_MIN((size_t)addr->len, room);

	memcpy(out, addr->data, n);
	return (uint16_t)n;
}

static void addr_unpack(proa_addr *out, const unsigned char *in, size_t len)
{
	memcpy(out->data, in, len);
	px_addr_told(out, len);
}

void px_gram_push(px_op *op, void *buffer, const proa_msg *msg)
{
	px_gram *g = buffer, *last = op_last(op);

	g->bytes = (uint32_t)msg->count;
	g->segment_bytes = msg->segment_bytes;
	g->if_index = msg->if_index;
	g->ttl = msg->ttl;
	g->got = (uint16_t)msg->got;
	g->addr_len = addr_pack(g->addr, sizeof g->addr, &msg->addr);
	g->local_len = addr_pack(g->local, sizeof g->local, &msg->local);
	g->next = last ? last->next : g;
	if (last)
		last->next = g;
	op->args.pooled.own = (uint64_t)(uintptr_t)g;
}

static px_gram *gram_take(px_op *op)
{
	px_gram *last = op_last(op), *first;

	if (!last)
		return NULL;
	first = last->next;
	last->next = first->next;
	if (first == last)
		op->args.pooled.own = 0;
	return first;
}

bool px_gram_pop(px_op *op)
{
	px_gram *g = gram_take(op);

	if (!g)
		return false;
	op->result = op->count = g->bytes;
	op->buf = px_gram_payload(g);
	op->sys_error = 0;
	op->got = (uint16_t)(PROA_MORE | g->got);
	return true;
}

void px_gram_drop(px_op *op)
{
	px_gram *g;

	while ((g = gram_take(op)))
		px_pool_give(op->args.pooled.pool, g);
}

void px_gram_msg(const void *payload, proa_msg *msg)
{
	const px_gram *g = (const px_gram *)(const void *)((const unsigned char *)payload -
	                                                   PROA_MSG_BYTES);

	msg->buf = (void *)(uintptr_t)payload;
	addr_unpack(&msg->addr, g->addr, g->addr_len);
	addr_unpack(&msg->local, g->local, g->local_len);
	msg->segment_bytes = g->segment_bytes;
	msg->if_index = g->if_index;
	msg->ttl = g->ttl;
	msg->got = g->got;
}
