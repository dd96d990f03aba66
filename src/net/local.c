/* Pipes, local sockets, descriptors in messages: the public calls. */
/* SPDX-License-Identifier: MIT */
#include "proa/local.h"
#include "op/backend.h"
#include "sys/sys.h"

/* 0, or why the two cannot be opened. Their loops are this thread's from now on. */
static int pair_begin(const px_handle *a, const px_handle *b)
{
	if (px_handle_closing(a) || px_handle_closing(b))
		return -PROA_ECANCELED;
	if (a == b || a->state != PX_H_INIT || b->state != PX_H_INIT)
		return -PROA_EINVAL;
	px_core_enter(px_handle_core(a));
	px_core_enter(px_handle_core(b));
	return px_handle_core(a)->system || px_handle_core(b)->system ? -PROA_ENOTSUP : 0;
}

static void pair_open(px_handle *a, px_handle *b, const int *fd, proa_kind kind)
{
	px_handle_open(a, fd[0], kind);
	px_handle_open(b, fd[1], kind);
}

int proa_pipe(proa_handle *reader, proa_handle *writer)
{
	px_handle *rd = px_handle_of(reader), *wr = px_handle_of(writer);
	int rc = pair_begin(rd, wr), fd[2];
	int32_t sys_error;

	if (rc < 0)
		return rc;
	/* Writes are made past the ring also where reads are not. */
	rc = px_pipe_open(fd, px_core_nonblock(px_handle_core(rd)), true, &sys_error);
	if (rc == 0)
		pair_open(rd, wr, fd, PROA_PIPE);
	return rc;
}

int proa_pair(proa_handle *one, proa_handle *other)
{
	px_handle *a = px_handle_of(one), *b = px_handle_of(other);
	int rc = pair_begin(a, b), fd[2];
	int32_t sys_error;
	int64_t kind;

	if (rc < 0)
		return rc;
	kind = px_sock_pair(fd, px_core_nonblock(px_handle_core(a)),
	                    px_core_nonblock(px_handle_core(b)), &sys_error);
	if (kind >= 0)
		pair_open(a, b, fd, (proa_kind)kind);
	return (int)PX_MIN(kind, 0);
}

int proa_pair_msg(proa_handle *one, proa_handle *other)
{
	px_handle *a = px_handle_of(one), *b = px_handle_of(other);
	int rc = pair_begin(a, b), fd[2];
	int32_t sys_error;

	if (rc < 0)
		return rc;
	rc = px_local_pair_msg(fd, px_core_nonblock(px_handle_core(a)),
	                       px_core_nonblock(px_handle_core(b)), &sys_error);
	if (rc < 0)
		return rc;
	pair_open(a, b, fd, PROA_UDP);
	a->flags |= PX_HF_PEER;
	b->flags |= PX_HF_PEER;
	return 0;
}

/* ---- local sockets ---- */

int proa_local_gram(proa_handle *handle, const proa_addr *own)
{
	px_handle *h = px_handle_of(handle);
	px_core *core;
	int32_t sys_error = 0;
	int64_t fd;

	if (h->state != PX_H_INIT)
		return px_handle_closing(h) ? -PROA_ECANCELED : -PROA_EINVAL;
	core = px_handle_core(h);
	px_core_enter(core);
	if (core->system)
		return -PROA_EAFNOSUPPORT;
	if (own && px_sock_kind(own) != PROA_LOCAL)
		return -PROA_EAFNOSUPPORT;
	fd = px_local_gram(own, px_core_nonblock(core), &sys_error);
	if (fd < 0)
		return (int)fd;
	px_handle_open(h, (int)fd, PROA_UDP);
	return 0;
}

/* Of a handle that may be of the network or none, its address tells. */
static bool has_local_addr(const px_handle *h)
{
	proa_addr own;
	proa_kind kind = px_sock_local(h->fd, &own) < 0 ? PROA_NONE : px_sock_kind(&own);

	return kind == PROA_LOCAL || kind == PROA_PIPE;
}

/* A stream, one that keeps messages, or a pipe with a name. */
static bool is_local(const px_handle *h)
{
	if (px_handle_core(h)->system)
		return false;
	switch (px_handle_kind(h)) {
	case PROA_LOCAL: return true;
	case PROA_UDP:
	case PROA_PIPE: return has_local_addr(h);
	default: return false;
	}
}

int proa_peer_cred(const proa_handle *handle, proa_cred *out)
{
	const px_handle *h = px_handle_of(handle);

	if (h->state != PX_H_OPEN)
		return -PROA_ENOTCONN;
	if (!is_local(h))
		return -PROA_ENOTSUP;
	return px_local_cred(h->fd, out);
}

/* ---- descriptors in messages ---- */

static void fds_go(px_op *op, const proa_fds *fds, int64_t refusal)
{
	const px_handle *h = op->handle;

	op->args.io.ptr = fds;
	op->args.io.len = fds->len;
	if (!fds->len)
		refusal = -PROA_EINVAL;
	if (h->state == PX_H_OPEN && h->flags & PX_HF_LISTENER)
		refusal = -PROA_ENOTCONN;
	if (!(px_handle_core(h)->ops->native & PX_KIND_BIT(op->kind)) ||
	    (h->state == PX_H_OPEN && px_handle_kind(h) != PROA_LOCAL))
		refusal = -PROA_ENOTSUP;
	if (refusal && !px_handle_closing(h))
		px_op_finish(op, refusal, 0, 0);
	else
		px_op_go(op);
}

void proa_send_fds(proa_handle *handle, proa_op *pub, const proa_fds *fds, proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SEND_FDS, done);

	fds_go(op, fds, fds->n > PROA_FDS_MOST ? -PROA_EINVAL : 0);
}

void proa_recv_fds(proa_handle *handle, proa_op *pub, proa_fds *fds, proa_done *done)
{
	fds_go(px_op_begin(handle, pub, PX_RECV_FDS, done), fds, 0);
}
