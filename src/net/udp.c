/* Datagram sockets: the public calls become ops; binding, and fixing the peer. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "op/gram.h"
#include "op/pool.h"
#include "sys/sys.h"

/* No IP packet is longer, so more is refused before any system is asked. */
enum { DATAGRAM_MAX = UINT16_MAX };

/* ---- opening ---- */

/* A socket of the address's family; the handle stays init. */
static int64_t udp_open(px_core *core, const proa_addr *addr)
{
	int32_t sys_error = 0;

	if (px_sock_kind(addr) != PROA_TCP) /* IP, that is */
		return -PROA_EAFNOSUPPORT;
	return px_udp_open(addr, px_core_nonblock(core), &sys_error);
}

int proa_udp_bind(proa_handle *handle, const proa_addr *addr, const proa_udp_options *options)
{
	static const proa_udp_options none;
	const proa_udp_options *o = options ? options : &none;
	px_handle *h = px_handle_of(handle);
	px_core *core;
	int32_t sys_error = 0;
	int64_t fd;
	int rc;

	if (h->state != PX_H_INIT || (o->size && o->size != sizeof *o))
		return px_handle_closing(h) ? -PROA_ECANCELED : -PROA_EINVAL;
	core = px_handle_core(h);
	px_core_enter(core);
	if ((fd = udp_open(core, addr)) < 0)
		return (int)fd;
	if ((rc = px_udp_bind((int)fd, addr, o, &sys_error)) < 0) {
		px_sock_close((int)fd, false);
		return rc;
	}
	px_handle_open(h, (int)fd, PROA_UDP);
	if (o->info || o->gro)
		h->flags |= PX_HF_INFO;
	return 0;
}

static int udp_connect_new(px_core *core, px_handle *h, const proa_addr *addr)
{
	int32_t sys_error = 0;
	int64_t fd = udp_open(core, addr);
	int rc;

	if (fd < 0)
		return (int)fd;
	if ((rc = px_udp_connect((int)fd, addr, &sys_error)) < 0) {
		px_sock_close((int)fd, false);
		return rc;
	}
	px_handle_open(h, (int)fd, PROA_UDP);
	h->flags |= PX_HF_PEER;
	return 0;
}

int proa_udp_connect(proa_handle *handle, const proa_addr *addr)
{
	px_handle *h = px_handle_of(handle);
	px_core *core;
	int32_t sys_error = 0;
	int rc;

	if (px_handle_closing(h))
		return -PROA_ECANCELED;
	if (h->state != PX_H_INIT && (h->state != PX_H_OPEN || px_handle_kind(h) != PROA_UDP))
		return -PROA_EINVAL;
	core = px_handle_core(h);
	px_core_enter(core);
	if (h->state == PX_H_INIT)
		return udp_connect_new(core, h, addr);
	if ((rc = px_udp_connect(h->fd, addr, &sys_error)) == 0)
		h->flags |= PX_HF_PEER;
	return rc;
}

/* ---- moving ---- */

static void datagram_go(px_op *op, int64_t refusal)
{
	const px_handle *h = op->handle;

	if ((h->state == PX_H_OPEN || h->state == PX_H_CONNECTING) && px_handle_kind(h) != PROA_UDP)
		refusal = -PROA_ENOTSUP;
	else if (h->flags & PX_HF_LISTENER)
		refusal = -PROA_ENOTCONN;
	if (refusal && !px_handle_closing(h))
		px_op_finish(op, refusal, 0, 0);
	else
		px_op_go(op);
}

static void msg_go(px_op *op, proa_msg *msg, int64_t refusal)
{
	op->args.io.ptr = msg;
	op->args.io.len = msg->len;
	datagram_go(op, refusal);
}

void proa_recv_msg(proa_handle *handle, proa_op *pub, proa_msg *msg, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV_MSG, done);

	msg_go(op, msg, msg->len ? 0 : -PROA_EINVAL);
}

/* The systems differ in what they do with an address where there is a peer already, or with none
 * where there is no peer: so they are not asked. */
static int64_t send_refusal(const px_handle *h, const proa_msg *msg)
{
	if (h->state != PX_H_OPEN)
		return 0;
	if (msg->addr.len > sizeof msg->addr.data)
		return -PROA_EINVAL;
	if (msg->len > DATAGRAM_MAX && !msg->segment_bytes)
		return -PROA_EMSGSIZE;
	if (msg->segment_bytes > DATAGRAM_MAX || msg->local.len > sizeof msg->local.data)
		return -PROA_EINVAL;
	if (h->flags & PX_HF_PEER)
		return msg->addr.len ? -PROA_EISCONN : 0;
	return msg->addr.len ? 0 : -PROA_ENOTCONN;
}

void proa_send_msg(proa_handle *handle, proa_op *pub, proa_msg *msg, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_MSG, done);

	msg_go(op, msg, send_refusal(op->handle, msg));
}

/* ---- several ---- */

enum { MSGS_MAX = 1024 };

static int64_t recv_many_refusal(const proa_msg *msgs, unsigned n)
{
	if (n < 1 || n > MSGS_MAX)
		return -PROA_EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (!msgs[i].len)
			return -PROA_EINVAL;
	return 0;
}

void proa_recv_msgs(proa_handle *handle, proa_op *pub, proa_msg *msgs, unsigned n, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV_MSGS, done);

	op->args.io.ptr = msgs;
	op->args.io.len = n;
	datagram_go(op, recv_many_refusal(msgs, n));
}

static bool segments_fit(const proa_msg *msg)
{
	return !msg->segment_bytes || (msg->len <= PX_UDP_PART &&
	                               msg->len <= (size_t)msg->segment_bytes * PX_UDP_SEGMENTS);
}

static int64_t send_many_refusal(const px_handle *h, const proa_msg *msgs, unsigned n)
{
	int64_t refusal = n < 1 || n > MSGS_MAX ? -PROA_EINVAL : 0;

	for (unsigned i = 0; i < n && !refusal; i++)
		refusal = segments_fit(&msgs[i]) ? send_refusal(h, &msgs[i]) : -PROA_EINVAL;
	return refusal;
}

void proa_send_msgs(proa_handle *handle, proa_op *pub, proa_msg *msgs, unsigned n, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_MSGS, done);

	op->args.io.ptr = msgs;
	op->args.io.len = n;
	datagram_go(op, send_many_refusal(op->handle, msgs, n));
}

static px_pool *datagram_pool(px_core *core, proa_buffers *pool)
{
	return pool ? (px_pool *)pool : px_core_gram_pool(core);
}

void proa_recv_msg_many(proa_handle *handle, proa_op *pub, proa_buffers *pool, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV_MSG_MANY, done);
	px_pool *p = datagram_pool(px_handle_core(op->handle), pool);

	if (p) {
		px_assert(p->magic == PX_POOL_MAGIC && p->core == px_handle_core(op->handle));
		op->args.pooled.pool = p;
		p->users++;
	}
	datagram_go(op, !p ? -PROA_ENOMEM : p->datagrams ? 0 : -PROA_EINVAL);
}

void proa_msg_of(const void *buf, int64_t result, proa_msg *msg)
{
	px_gram_msg(buf, msg);
	msg->len = msg->count = (size_t)PX_MAX(result, 0);
}

/* ---- groups and options ---- */

static int udp_rc(const px_handle *h)
{
	if (h->state != PX_H_OPEN || px_handle_kind(h) != PROA_UDP)
		return -PROA_EINVAL;
	px_core_enter(px_handle_core(h));
	return 0;
}

static bool is_group(const proa_addr *addr)
{
	unsigned char host[16];
	size_t n = px_addr_host(addr, host);

	return n == 4 ? (host[0] & 0xf0) == 0xe0 : n == 16 && host[0] == 0xff;
}

static int group_change(const px_handle *h, const proa_addr *group, const proa_addr *source,
                        uint32_t if_index, bool join)
{
	int rc = udp_rc(h);

	if (rc == 0 && (!is_group(group) || (source && source->family != group->family)))
		rc = -PROA_EINVAL;
	return rc < 0 ? rc : px_udp_join(h->fd, group, source, if_index, join);
}

int proa_udp_join(proa_handle *handle, const proa_addr *group, const proa_addr *source,
                  uint32_t if_index)
{
	return group_change(px_handle_of(handle), group, source, if_index, true);
}

int proa_udp_leave(proa_handle *handle, const proa_addr *group, const proa_addr *source,
                   uint32_t if_index)
{
	return group_change(px_handle_of(handle), group, source, if_index, false);
}

int proa_udp_set(proa_handle *handle, proa_udp_option option, int value)
{
	static const int range[][2] = {
		[PROA_UDP_TTL] = {1, 255},
		[PROA_UDP_MULTICAST_TTL] = {0, 255},
		[PROA_UDP_MULTICAST_LOOP] = {0, 1},
		[PROA_UDP_MULTICAST_INTERFACE] = {0, INT32_MAX},
	};
	const px_handle *h = px_handle_of(handle);
	int rc = udp_rc(h);

	if (rc == 0 && ((unsigned)option >= PX_COUNT(range) || value < range[option][0] ||
	                value > range[option][1]))
		rc = -PROA_EINVAL;
	return rc < 0 ? rc : px_udp_set(h->fd, option, value);
}

uint32_t proa_if_index(const char *name)
{
	return px_if_index(name);
}
