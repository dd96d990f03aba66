/* TCP and local stream sockets: the public calls become ops; opening, adopting, options. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "op/pool.h"
#include "sys/sys.h"

enum { VEC_MAX = 1024 };

/* ---- addresses ---- */

int proa_addr_parse(proa_addr *out, const char *text, uint16_t default_port)
{
	return px_addr_parse(out, text, default_port);
}

int proa_addr_print(const proa_addr *addr, char *out, size_t size)
{
	return px_addr_print(addr, out, size);
}

uint16_t proa_addr_port(const proa_addr *addr)
{
	return px_addr_port(addr);
}

int proa_local_addr(const proa_handle *handle, proa_addr *out)
{
	const px_handle *h = px_handle_of(handle);

	return h->state == PX_H_OPEN ? px_sock_local(h->fd, out) : -PROA_ENOTCONN;
}

int proa_peer_addr(const proa_handle *handle, proa_addr *out)
{
	const px_handle *h = px_handle_of(handle);

	return h->state == PX_H_OPEN ? px_sock_peer(h->fd, out) : -PROA_ENOTCONN;
}

/* ---- opening ---- */

/* Connections' sockets: streams, or of kind PROA_UDP local ones that keep messages. */
static int64_t sock_open(const px_core *core, const proa_addr *addr, proa_kind kind,
                         int32_t *sys_error)
{
	bool nonblock = px_core_nonblock(core);

	return kind == PROA_UDP ? px_local_msg(nonblock, sys_error)
	                        : px_sock_open(addr, nonblock, sys_error);
}

static int listen_go(proa_handle *handle, const proa_addr *addr, proa_kind kind,
                     const proa_listen_options *options)
{
	static const proa_listen_options none;
	const proa_listen_options *o = options ? options : &none;
	px_handle *h = px_handle_of(handle);
	int32_t sys_error = 0;
	int64_t fd;
	int rc;

	if (h->state != PX_H_INIT || (o->size && o->size != sizeof *o))
		return px_handle_closing(h) ? -PROA_ECANCELED : -PROA_EINVAL;
	px_core_enter(px_handle_core(h));
	fd = sock_open(px_handle_core(h), addr, kind, &sys_error);
	if (fd < 0)
		return (int)fd;
	if ((rc = px_sock_listen((int)fd, addr, o, &sys_error)) < 0) {
		px_sock_close((int)fd, false);
		return rc;
	}
	h->flags |= PX_HF_LISTENER;
	px_handle_open(h, (int)fd, kind);
	return 0;
}

int proa_listen(proa_handle *handle, const proa_addr *addr, const proa_listen_options *options)
{
	return listen_go(handle, addr, px_sock_kind(addr), options);
}

/* Messages are kept by local sockets only, and by those of a real system. */
static bool keeps_messages(const proa_handle *handle, const proa_addr *addr)
{
	return px_sock_kind(addr) == PROA_LOCAL && !px_handle_core(px_handle_of(handle))->system;
}

int proa_listen_msg(proa_handle *handle, const proa_addr *addr, const proa_listen_options *options)
{
	if (!keeps_messages(handle, addr))
		return -PROA_EAFNOSUPPORT;
	return listen_go(handle, addr, PROA_UDP, options);
}

void proa_adopt(proa_handle *handle, proa_socket socket)
{
	px_handle *h = px_handle_of(handle);
	px_core *core;

	if (h->state != PX_H_INIT) {
		if (!px_handle_closing(h))
			PX_PANIC("proa_adopt on a handle that is not initialised, or open already");
		proa_socket_close(socket);
		return;
	}
	core = px_handle_core(h);
	px_core_enter(core);
	px_system_socket_adopted(core->system, socket);
	if (px_socket_nonblock(socket) != px_core_nonblock(core))
		px_sock_set_nonblock(px_socket_fd(socket), px_core_nonblock(core));
	px_handle_open(h, px_socket_fd(socket), px_socket_kind(socket));
	if (px_socket_kind(socket) == PROA_UDP) /* accepted: it has its peer */
		h->flags |= PX_HF_PEER;
}

static bool kind_is_socket(proa_kind kind)
{
	return (PX_HANDLES_SOCKET >> kind & 1) != 0;
}

void proa_adopt_os(proa_handle *handle, proa_os_handle os, proa_kind kind)
{
	px_handle *h = px_handle_of(handle);
	px_core *core;
	proa_addr peer;

	if (h->state == PX_H_FREE || h->state == PX_H_OPEN || h->state == PX_H_CONNECTING)
		PX_PANIC("proa_adopt_os on a handle that is not initialised, or open already");
	if (px_handle_closing(h)) {
		if (kind_is_socket(kind))
			px_sock_close((int)os, false);
		else if (kind != PROA_FOREIGN)
			px_file_close((int)os);
		return;
	}
	core = px_handle_core(h);
	px_core_enter(core);
	if (kind_is_socket(kind))
		px_sock_set_nonblock((int)os, px_core_nonblock(core));
	else if (kind == PROA_PIPE || kind == PROA_TTY)
		px_pipe_prepare((int)os, kind == PROA_PIPE && !px_core_nonblock(core));
	px_handle_open(h, (int)os, kind);
	if (kind == PROA_UDP && px_sock_peer((int)os, &peer) == 0)
		h->flags |= PX_HF_PEER;
	if (kind == PROA_FILE && px_file_near((int)os))
		h->flags |= PX_HF_NEAR;
}

void proa_socket_close(proa_socket socket)
{
	if (socket.id)
		px_system_socket_close(socket);
}

/* The socket and the address's copy; 0, or why not. */
static int64_t connect_prepare(px_core *core, px_op *op, const proa_addr *addr, proa_kind kind)
{
	px_handle *h = op->handle;
	proa_addr *copy;
	int64_t fd;

	if (h->state != PX_H_INIT)
		return h->state == PX_H_OPEN ? -PROA_EISCONN : -PROA_EALREADY;
	if (!(copy = px_alloc(&core->alloc, sizeof *copy)))
		return -PROA_ENOMEM;
	*copy = *addr;
	op->args.io.ptr = copy;
	op->args.io.len = addr->len;
	fd = sock_open(core, addr, kind, &op->sys_error);
	if (fd < 0)
		return fd;
	if (kind == PROA_TCP)
		px_sock_set_nodelay((int)fd, true);
	px_handle_open(h, (int)fd, kind);
	h->state = PX_H_CONNECTING;
	if (kind == PROA_UDP)
		h->flags |= PX_HF_PEER;
	return 0;
}

static void connect_go(px_op *op, const proa_addr *addr, proa_kind kind)
{
	px_core *core = px_handle_core(op->handle);
	int64_t rc = connect_prepare(core, op, addr, kind);

	if (rc < 0) {
		px_op_finish(op, rc, 0, op->sys_error);
		return;
	}
	op->state = PX_INFLIGHT;
	op->flags |= PX_F_STARTED;
	core->ops->submit(core, op);
}

void proa_connect(proa_handle *handle, proa_op *pub, const proa_addr *addr, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_CONNECT, done);

	if (!px_op_refused(op))
		connect_go(op, addr, px_sock_kind(addr));
}

void proa_connect_msg(proa_handle *handle, proa_op *pub, const proa_addr *addr, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_CONNECT, done);

	if (px_op_refused(op))
		return;
	if (keeps_messages(handle, addr))
		connect_go(op, addr, PROA_UDP);
	else
		px_op_finish(op, -PROA_EAFNOSUPPORT, 0, 0);
}

/* ---- options ---- */

static int option_rc(const proa_handle *handle, int rc)
{
	return px_handle_of(handle)->fd < 0 ? -PROA_ENOTCONN : rc;
}

int proa_set_nodelay(proa_handle *handle, bool on)
{
	return option_rc(handle, px_sock_set_nodelay(px_handle_of(handle)->fd, on));
}

int proa_set_keepalive(proa_handle *handle, int idle_s, int interval_s, int probes)
{
	return option_rc(handle, px_sock_set_keepalive(px_handle_of(handle)->fd, idle_s, interval_s,
	                                               probes));
}

int proa_set_buffers(proa_handle *handle, int recv_bytes, int send_bytes)
{
	return option_rc(handle,
	                 px_sock_set_buffers(px_handle_of(handle)->fd, recv_bytes, send_bytes));
}

/* ---- accept ---- */

static void accept_go(proa_handle *listener, proa_op *pub, px_kind kind, proa_done *done)
{
	px_op *op = px_op_begin(listener, pub, kind, done);

	if (op->handle->state == PX_H_OPEN && !(op->handle->flags & PX_HF_LISTENER))
		px_op_finish(op, -PROA_EINVAL, 0, 0);
	else
		px_op_go(op);
}

void proa_accept(proa_handle *listener, proa_op *pub, proa_done *done)
{
	accept_go(listener, pub, PX_ACCEPT, done);
}

void proa_accept_many(proa_handle *listener, proa_op *pub, proa_done *done)
{
	accept_go(listener, pub, PX_ACCEPT_MANY, done);
}

/* ---- recv ---- */

/* Stream ops on a listener or a datagram socket are a mistake that the systems answer in many ways:
 * one each here. What is somebody else's is not touched. */
static int64_t data_refusal(const px_handle *h)
{
	if (h->state != PX_H_OPEN)
		return 0;
	if (h->flags & PX_HF_LISTENER)
		return -PROA_ENOTCONN;
	switch (px_handle_kind(h)) {
	case PROA_UDP:
	case PROA_FILE: /* read and written at offsets */
	case PROA_CHILD:
	case PROA_FOREIGN: return -PROA_ENOTSUP;
	default: return 0;
	}
}

static void data_go(px_op *op)
{
	int64_t refusal = data_refusal(op->handle);

	if (refusal)
		px_op_finish(op, refusal, 0, 0);
	else
		px_op_go(op);
}

void proa_recv(proa_handle *handle, proa_op *pub, void *buf, size_t len, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV, done);

	op->args.io.ptr = buf;
	op->args.io.len = PX_MIN(len, (size_t)INT32_MAX);
	if (!len)
		px_op_finish(op, -PROA_EINVAL, 0, 0);
	else
		data_go(op);
}

static bool pooled_prepare(px_op *op, proa_buffers *pool)
{
	px_pool *p = pool ? (px_pool *)pool : px_core_pool(px_handle_core(op->handle));

	if (!p) {
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
		return false;
	}
	px_assert(p->magic == PX_POOL_MAGIC && p->core == px_handle_core(op->handle));
	if (p->datagrams) {
		px_op_finish(op, -PROA_EINVAL, 0, 0);
		return false;
	}
	op->args.pooled.pool = p;
	p->users++;
	return true;
}

void proa_recv_pooled(proa_handle *handle, proa_op *pub, proa_buffers *pool, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV_POOLED, done);

	if (pooled_prepare(op, pool))
		data_go(op);
}

void proa_recv_pooled_many(proa_handle *handle, proa_op *pub, proa_buffers *pool, unsigned max_held,
                           proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_RECV_MANY, done);
	px_core *core = px_handle_core(op->handle);

	if (!pooled_prepare(op, pool))
		return;
	if (max_held && !(op->args.pooled.quota = px_quota_new(core, op, max_held)))
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
	else
		data_go(op);
}

/* ---- send ---- */

void proa_send(proa_handle *handle, proa_op *pub, const void *buf, size_t len, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND, done);

	op->args.io.ptr = buf;
	op->args.io.len = len;
	data_go(op);
}

void proa_send_pooled(proa_handle *handle, proa_op *pub, void *buf, size_t len, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_POOLED, done);

	op->args.lent.pool = px_pool_find(px_handle_core(op->handle), buf, &op->aux);
	if (!op->args.lent.pool)
		PX_PANIC("proa_send_pooled of memory that is no pooled buffer of this loop");
	op->args.lent.ptr = buf;
	op->args.lent.len = len;
	data_go(op);
}

void proa_sendv(proa_handle *handle, proa_op *pub, const proa_vec *vec, unsigned n, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SENDV, done);

	op->args.io.ptr = vec;
	op->args.io.len = n;
	if (n > VEC_MAX)
		px_op_finish(op, -PROA_EINVAL, 0, 0);
	else
		data_go(op);
}

void proa_send_file(proa_handle *handle, proa_op *pub, proa_handle *file, int64_t offset,
                    int64_t count, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_FILE, done);
	px_handle *f = px_handle_of(file);

	if (f->state != PX_H_OPEN || (f->kind & ~PX_HANDLE_TAG) != PROA_FILE || offset < 0 ||
	    count < 0) {
		px_op_finish(op, f->state == PX_H_OPEN ? -PROA_EINVAL : -PROA_EBADF, 0, 0);
		return;
	}
	if (op->handle->state == PX_H_OPEN && !px_handle_is_socket(op->handle)) {
		px_op_finish(op, -PROA_ENOTSUP, 0, 0);
		return;
	}
	op->args.file.file = f;
	op->args.file.off = offset;
	op->args.file.len = count;
	f->in_flight++; /* its close waits; op_release takes it back */
	data_go(op);
}

void proa_shutdown(proa_handle *handle, proa_op *pub, proa_done *done)
{
	data_go(px_op_begin(handle, pub, PX_SHUTDOWN, done));
}
