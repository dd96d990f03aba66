/* Datagram sockets: the public calls become ops; binding, and fixing the peer. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
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

static void msg_go(px_op *op, proa_msg *msg, int64_t refusal)
{
	const px_handle *h = op->handle;

	op->args.io.ptr = msg;
	op->args.io.len = msg->len;
	if ((h->state == PX_H_OPEN || h->state == PX_H_CONNECTING) && px_handle_kind(h) != PROA_UDP)
		refusal = -PROA_ENOTSUP;
	if (refusal && !px_handle_closing(h))
		px_op_finish(op, refusal, 0, 0);
	else
		px_op_go(op);
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
	if (msg->len > DATAGRAM_MAX)
		return -PROA_EMSGSIZE;
	if (h->flags & PX_HF_PEER)
		return msg->addr.len ? -PROA_EISCONN : 0;
	return msg->addr.len ? 0 : -PROA_ENOTCONN;
}

void proa_send_msg(proa_handle *handle, proa_op *pub, proa_msg *msg, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_MSG, done);

	msg_go(op, msg, send_refusal(op->handle, msg));
}
