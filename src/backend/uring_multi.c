/* Multishot on a ring: what the kernel has made is queued here, and pulled one by one. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/socket.h>

/* ---- how it works ----
 *
 * One entry in the kernel completes many times. Its completions are taken in batches, before any
 * callback runs: so they are queued per op (accepted descriptors in records of a slab, received
 * buffers in the pool's own table, which costs no memory and cannot fail) and px_op_more announces
 * them. Only `pull` tells an end, behind everything queued.
 *
 * The kernel's entry may end at any time without the op being at its end: after an error that is
 * none, or because we took it back (pause). Whenever an op has nothing in the kernel and nothing
 * queued, `arm` decides whether it goes on; each path ends there.
 *
 * A recv with a quota is armed once per buffer, and only while the caller may have one more: a
 * multishot reads ahead, and what it has read beyond the quota could neither be delivered nor be
 * put back when the op is cancelled. */

static bool multi_held(const px_op *op)
{
	return !px_ur_settled(op) || px_op_asked(op) ||
	       (op->flags & (PX_UR_F_ENDED | PX_F_PAUSED | PX_F_PARKED));
}

static void recv_many_arm(px_uring *u, px_op *op);
static void accept_many_arm(px_uring *u, px_op *op);

/* A listener rests at once, for what it takes is lost to others who listen. A recv rests when bytes
 * come while it is paused: most pauses are over before, and then cost nothing. */
void px_ur_many_paused(px_uring *u, px_op *op, bool paused)
{
	bool accept = op->kind == PX_ACCEPT_MANY;

	if (paused && accept && (op->flags & PX_F_KERNEL))
		px_ur_cancel_main(u, op);
	else if (!paused && accept)
		accept_many_arm(u, op);
	else if (!paused)
		recv_many_arm(u, op);
}

/* ---- accept_many: own.a is the last record, which points at the first; own.b what it ended with
 * ---- */

typedef struct record {
	struct record *next;
	int fd;
} record;

static bool record_push(px_uring *u, px_op *op, int fd)
{
	record *last = (record *)(uintptr_t)op->args.own.a;
	record *r = px_slab_alloc(&u->records);

	if (!r)
		return false;
	r->fd = fd;
	r->next = last ? last->next : r;
	if (last)
		last->next = r;
	op->args.own.a = px_ur_addr(r);
	return true;
}

/* The oldest one's descriptor, -1: none. */
static int record_pop(px_uring *u, px_op *op)
{
	record *last = (record *)(uintptr_t)op->args.own.a, *first;
	int fd;

	if (!last)
		return -1;
	first = last->next;
	fd = first->fd;
	last->next = first->next;
	if (first == last)
		op->args.own.a = 0;
	px_slab_free(&u->records, first);
	return fd;
}

static void accept_many_arm(px_uring *u, px_op *op)
{
	px_uring_sqe *sqe;

	if (multi_held(op) || op->args.own.c)
		return;
	sqe = px_ur_main(u, op, PX_IORING_OP_ACCEPT, op->handle->fd);
	sqe->accept_flags = SOCK_CLOEXEC;
	if (px_ur_has(u, PX_UR_ACCEPT_MULTI))
		sqe->ioprio = PX_IORING_ACCEPT_MULTISHOT;
}

void px_ur_accept_many(px_uring *u, px_op *op)
{
	accept_many_arm(u, op);
}

static void accept_many_ends(px_op *op, int error)
{
	op->flags |= PX_UR_F_ENDED;
	op->args.own.b = (uint64_t)error;
}

static void accept_many_got(px_uring *u, px_op *op, int fd)
{
	if (px_op_asked(op) || px_handle_closing(op->handle)) {
		px_sock_close(fd, false);
		return;
	}
	px_accept_resumed(u->core, op);
	if (record_push(u, op, fd))
		return;
	px_sock_close(fd, false); /* no memory for it: as good as no descriptor */
	accept_many_ends(op, ENOMEM);
	if (op->flags & PX_F_KERNEL)
		px_ur_cancel_main(u, op);
}

/* Settled: whatever is next. */
void px_ur_accept_many_settled(px_uring *u, px_op *op)
{
	if (op->args.own.a || px_op_asked(op) || (op->flags & PX_UR_F_ENDED))
		px_op_more(op);
	accept_many_arm(u, op);
}

void px_ur_accept_many_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	int res = cqe->res;

	if (res >= 0)
		accept_many_got(u, op, res);
	else if (px_ur_accept_aborted(res))
		px_count(&u->core->stat.accept_aborted);
	else if (res == -EAGAIN && !multi_held(op))
		px_ur_poll(u, op);
	else if (res != -ECANCELED && res != -EINTR && res != -EAGAIN)
		accept_many_ends(op, -res);
	if (px_ur_settled(op))
		px_ur_accept_many_settled(u, op);
	else if (op->args.own.a)
		px_op_more(op);
}

static px_pulled accept_many_final(px_uring *u, px_op *op)
{
	int error = (int)op->args.own.b;

	op->got = 0;
	if (px_op_asked(op)) {
		px_op_finish_pulled(op, -PROA_ECANCELED, 0, 0);
		return PX_PULL_FINAL;
	}
	op->flags &= (uint16_t)~PX_UR_F_ENDED;
	if (px_ur_accept_exhausted(
		    -error)) { /* only now, for a paused accept has nothing of ours */
		px_ur_accept_rest(u, op, error);
		return PX_PULL_NONE;
	}
	px_op_finish_pulled(op, px_sys_error(error), 0, error);
	return PX_PULL_FINAL;
}

px_pulled px_ur_accept_many_pull(px_uring *u, px_op *op)
{
	bool drop = px_op_asked(op) || px_handle_closing(op->handle);
	int fd;

	while ((fd = record_pop(u, op)) >= 0 && drop)
		px_sock_close(fd, false);
	if (fd >= 0) {
		op->result = 0;
		op->count = 0;
		op->socket = px_socket_pack(fd, (proa_kind)(op->handle->kind & ~PX_HANDLE_TAG),
		                            false);
		op->sys_error = 0;
		op->got = PROA_MORE;
		return PX_PULL_MORE;
	}
	if (!px_ur_settled(op))
		return PX_PULL_NONE; /* its last completion lists it again */
	if (drop || (op->flags & PX_UR_F_ENDED))
		return accept_many_final(u, op);
	accept_many_arm(u, op);
	return PX_PULL_NONE;
}

/* ---- recv_many: pooled.own is the queue; aux the errno of its end, or a list buffer in the kernel
 * (uring_pool.c) ---- */

static bool recv_many_multi(const px_uring *u, const px_op *op)
{
	return !op->args.pooled.quota && px_ur_has(u, PX_UR_RECV_MULTI) &&
	       px_handle_is_socket(op->handle);
}

static void recv_many_ends(px_op *op, int error)
{
	op->flags |= PX_UR_F_ENDED;
	op->aux = (uint32_t)error; /* 0: the end of the stream */
}

static void recv_many_park(px_op *op)
{
	px_pool *pool = op->args.pooled.pool;

	/* Its outputs are in use, or what is queued is to be delivered: when all is pulled, it
	 * comes here again. A parked op has nothing but its place in the line. */
	if (op->args.pooled.own || (op->flags & (PX_F_LISTED | PX_F_CALLING)))
		return;
	if (pool->total) {
		px_pool_park(pool, op);
		return;
	}
	recv_many_ends(op, ENOMEM); /* the pool never got a buffer: there is none to wait for */
	px_op_more(op);
}

static void recv_many_arm(px_uring *u, px_op *op)
{
	const px_quota *quota = op->args.pooled.quota;
	bool multi = recv_many_multi(u, op);

	if (multi_held(op))
		return;
	op->flags &= (uint16_t)~PX_F_QUOTA;
	if (quota && op->args.pooled.own)
		return; /* what is queued counts, once it is delivered; pull comes here again */
	if (px_quota_full(quota)) {
		op->flags |= PX_F_QUOTA; /* a returned buffer lists it */
		return;
	}
	/* A multishot on an empty ring would end at once, though there are no bytes yet. */
	if ((multi && !px_ur_pool_ready(op->args.pooled.pool)) ||
	    !px_ur_pool_recv(u, op, multi ? PX_IORING_RECV_MULTISHOT : 0))
		recv_many_park(op);
}

void px_ur_recv_many(px_uring *u, px_op *op)
{
	recv_many_arm(u, op);
}

/* Settled: whatever is next. */
void px_ur_recv_many_settled(px_uring *u, px_op *op)
{
	if (op->args.pooled.own || px_op_asked(op) || (op->flags & PX_UR_F_ENDED))
		px_op_more(op);
	recv_many_arm(u, op);
}

static void recv_many_got(px_uring *u, px_op *op, void *buf, int n)
{
	px_ur_received(u->core, op->handle, n);
	if (px_handle_closing(op->handle))
		px_pool_give(op->args.pooled.pool, buf);
	else
		px_ur_pool_queue(op->args.pooled.pool, &op->args.pooled.own, buf, n);
	if ((op->flags & (PX_F_PAUSED | PX_F_KERNEL)) == (PX_F_PAUSED | PX_F_KERNEL))
		px_ur_cancel_main(u, op); /* or it would take every buffer */
}

static void recv_many_stopped(px_uring *u, px_op *op, int res)
{
	if (res == -ENOBUFS) { /* the ring was empty when bytes came */
		if (!multi_held(op) && !px_ur_pool_ready(op->args.pooled.pool))
			recv_many_park(op);
	} else if (res == -EAGAIN) {
		if (!multi_held(op))
			px_ur_poll(u, op);
	} else if (res != -ECANCELED && res != -EINTR) {
		recv_many_ends(op, -res);
	}
}

void px_ur_recv_many_cqe(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	void *buf;

	px_ur_recv_seen(op->handle, cqe);
	buf = px_ur_pool_received(op, cqe);
	if (cqe->res > 0 && buf) {
		recv_many_got(u, op, buf, cqe->res);
	} else {
		if (buf)
			px_pool_give(op->args.pooled.pool, buf);
		recv_many_stopped(u, op, cqe->res);
	}
	if (px_ur_settled(op))
		px_ur_recv_many_settled(u, op);
	else if (op->args.pooled.own)
		px_op_more(op);
}

static px_pulled recv_many_final(px_op *op)
{
	int32_t error = (int32_t)op->aux;

	if (!(op->flags & PX_UR_F_ENDED)) {
		op->got = 0;
		px_op_finish_pulled(op, -PROA_ECANCELED, 0, 0);
	} else {
		op->got = error ? 0 : PROA_END;
		px_op_finish_pulled(op, error ? px_sys_error(error) : 0, 0, error);
	}
	return PX_PULL_FINAL;
}

px_pulled px_ur_recv_many_pull(px_uring *u, px_op *op)
{
	px_pool *pool = op->args.pooled.pool;
	bool drop = px_handle_closing(op->handle);
	void *buf;
	int n;

	while ((buf = px_ur_pool_unqueue(pool, &op->args.pooled.own, &n)) && drop)
		px_pool_give(pool, buf);
	if (buf) {
		px_pool_charge(pool, buf, op->args.pooled.quota);
		op->result = n;
		op->count = n;
		op->buf = buf;
		op->sys_error = 0;
		op->got = PROA_MORE;
		return PX_PULL_MORE;
	}
	if (!px_ur_settled(op))
		return PX_PULL_NONE; /* its last completion lists it again */
	if (px_op_asked(op) || (op->flags & PX_UR_F_ENDED))
		return recv_many_final(op);
	recv_many_arm(u, op);
	return PX_PULL_NONE;
}
