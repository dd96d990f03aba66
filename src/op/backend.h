/* The backend's contract, whole: what a loop waits with. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_BACKEND_H
#define PX_OP_BACKEND_H

#include "op/core.h"

struct proa_doctor_report;
struct proa_vec;

/* All on the loop's thread but wake. A backend never runs user code; it ends ops with px_op_finish
 * (or announces multishot completions with px_op_more), which puts them on lists that the loop
 * delivers later. */
enum {
	PX_BACKEND_BLOCKING = 1 << 0
}; /* wants blocking sockets: a ring gives EAGAIN on others instead of waiting */

struct px_backend_ops {
	const char *name;
	uint32_t flags;
	uint64_t native; /* PX_KIND_BITs it takes; file kinds it does not take go to the workers */

	/* Makes core->backend. 0 or -PROA_E...; `why` (160 bytes) says what is missing when it
	 * cannot work here. */
	int (*open)(px_core *core, char *why);
	/* Everything has ended. Also after a failed open, and in a forked child (then `forked`:
	 * only release). */
	void (*close)(px_core *core, bool forked);

	/* An op in state INFLIGHT whose kind is native. For FIFO kinds it is the head of its
	 * direction, and the next one comes only after it has ended, unless the backend takes it
	 * along (px_op_join). May finish it at once. */
	void (*submit)(px_core *core, px_op *op);
	/* Asks that it end; INFLIGHT; asked once only. The op then ends through px_op_finish, at
	 * once or later, as -PROA_ECANCELED or as what it achieved. Parked ops are ended by the
	 * caller. */
	void (*cancel)(px_core *core, px_op *op);
	/* Multishot: the next completion into op->result, count, buf or socket, got (MORE),
	 * sys_error; or FINAL, after px_op_finish_pulled. On a closing handle or a cancelled accept
	 * what is undelivered is given back instead. */
	px_pulled (*pull)(px_core *core, px_op *op);
	/* Multishot paused (it may go on collecting a little, which is kept) or resumed. May be
	 * NULL. */
	void (*pause)(px_core *core, px_op *op, bool paused);

	/* A handle got its descriptor; one is about to lose it, nothing of it being in flight. May
	 * be NULL. */
	void (*attach)(px_core *core, px_handle *h);
	void (*detach)(px_core *core, px_handle *h);

	/* Submits what is pending, waits until something ended, deadline_ns (INT64_MAX: none; <=
	 * now: only look) or wake; then ends what the system reported. Interrupted is no error. */
	void (*wait)(px_core *core, int64_t deadline_ns);
	/* Any thread: the current or the next wait returns. */
	void (*wake)(px_core *core);

	/* A descriptor, readable while `wait` would find something, or -PROA_E...; NULL: there is
	 * none. */
	int (*fd)(px_core *core);
	/* Something is still to be handed to the system, which the next wait does: nobody may sleep
	 * on `fd` before that. NULL: never. */
	bool (*unsaid)(px_core *core);

	/* Pools, may be NULL: the backend keeps the free buffers itself (a ring in the kernel).
	 * pool_give: buffer `index` is free (new or returned). */
	int (*pool_open)(px_core *core, px_pool *pool);
	void (*pool_close)(px_core *core, px_pool *pool);
	void (*pool_give)(px_core *core, px_pool *pool, uint32_t index);

	/* For `proa doctor`: fills in features and limits of this backend. May be NULL. */
	void (*examine)(struct proa_doctor_report *report);
};

static inline bool px_core_nonblock(const px_core *core)
{
	return !(core->ops->flags & PX_BACKEND_BLOCKING);
}

/* For backends, on descriptors or memory exhausted in an accept: the op stays INFLIGHT and comes to
 * ops->submit again after a while (10 ms doubling to 1 s); the loop's notice is told once an
 * episode. accept.c. Accept ops keep args.own.a and b for the backend; args.own.c and aux are this
 * back-off's. */
void px_accept_pause(px_core *core, px_op *op, int64_t error);
/* A connection was accepted: the episode is over. */
void px_accept_resumed(px_core *core, px_op *op);
/* Whose fault an accept's error (-PROA_E...) is: the connection's, so that the next may be whole;
 * or want of descriptors or memory. Else it is the listener's. */
bool px_accept_aborted(int64_t error);
bool px_accept_exhausted(int64_t error);

/* The bytes of n pieces, saturating; op.c. */
int64_t px_vec_bytes(const struct proa_vec *vec, size_t n);

/* For backends, on a failed recv_msg or send_msg. An ICMP report of an earlier datagram is of use
 * only to who has one peer: without one (a stray) the op is tried again as if nothing had been
 * said. A send's own "no way to that host" is no report. Nothing of a datagram times out but one
 * on its way, which says nothing of the peer (Windows alone tells it). */
static inline bool px_msg_stray(const px_op *op, int64_t error)
{
	if (error == -PROA_ETIMEDOUT)
		return true;
	if (op->handle->flags & PX_HF_PEER)
		return false;
	if (error == -PROA_ECONNREFUSED || error == -PROA_ECONNRESET)
		return true;
	return px_kind_dir[op->kind] == PX_DIR_IN &&
	       (error == -PROA_EHOSTUNREACH || error == -PROA_ENETUNREACH ||
	        error == -PROA_EMSGSIZE);
}

/* And what it ends with: a refused datagram is a "reset" to some systems. */
static inline int64_t px_msg_error(int64_t error)
{
	return error == -PROA_ECONNRESET ? -PROA_ECONNREFUSED : error;
}

/* In order of preference, NULL at the end; the list of the platform is in src/backend/list.c. */
extern const px_backend_ops *const px_backends[];

#endif
