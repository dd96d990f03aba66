/* The io_uring backend: open, submit, cancel, wait; which completion goes to which function. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include "backend/list.h"

#include <poll.h>
#include <stdio.h>

const px_ur_kind px_ur_kinds[PX_KIND_COUNT] = {
#define KIND_ENTRY(kind, submit_fn, cqe_fn, settled_fn) \
	[PX_##kind] = {submit_fn, cqe_fn, settled_fn},
	PX_UR_KINDS(KIND_ENTRY)
#undef KIND_ENTRY
};
_Static_assert(PX_UR_NATIVE == (PX_KINDS_READY | PX_KIND_BIT(PX_READ) | PX_KIND_BIT(PX_WRITE) |
                                PX_KIND_BIT(PX_READV) | PX_KIND_BIT(PX_WRITEV) |
                                PX_KIND_BIT(PX_FSYNC) | PX_KINDS_FDS),
               "every kind that this backend takes has its functions");

/* ---- open, start, close ---- */

int px_ur_open(px_core *core, char *why)
{
	px_uring *u = px_zalloc(&core->alloc, sizeof *u);
	int rc;

	core->backend = u;
	if (!u) {
		snprintf(why, 160, "out of memory");
		return -PROA_ENOMEM;
	}
	u->magic = PX_UR_MAGIC;
	u->core = core;
	u->fd = u->enter_fd = -1;
	u->wake.rd = u->wake.wr = -1;
	u->told.rd = u->told.wr = u->told_set = -1;
	u->has = px_ur_wanted();
	px_slab_init(&u->records, &core->alloc, 2 * sizeof(void *), 0);
	px_slab_init(&u->headers, &core->alloc, 64, 0);
	px_ur_gather_open(u);
	if ((rc = px_wake_open(&u->wake)) < 0) {
		snprintf(why, 160, "no descriptor to be woken by: %s", proa_err_text(rc));
		return rc;
	}
	if ((rc = px_ur_ring_open(u, why)) < 0)
		return rc;
	return px_ur_probe(u, why);
}

static void wake_arm(px_uring *u)
{
	px_uring_sqe *sqe = px_ur_sqe(u, PX_IORING_OP_POLL_ADD, u->wake.rd,
	                              (uint64_t)PX_UR_I_WAKE << 3 | PX_UR_INTERNAL);

	sqe->poll32_events = px_ur_events(POLLIN);
	if (px_ur_has(u, PX_UR_POLL_MULTI))
		sqe->len = PX_IORING_POLL_ADD_MULTI;
}

/* A ring that one thread submits to belongs to the thread that enables it; a loop may be opened on
 * one thread and run on another. So this waits for the first submit or wait. */
void px_ur_start(px_uring *u)
{
	px_uring_rsrc_update arg = {.offset = UINT32_MAX};

	u->started = true;
	u->thread = px_sys_thread();
	if ((u->setup_flags & PX_IORING_SETUP_R_DISABLED) &&
	    px_ur_register(u, PX_IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		PX_PANIC("io_uring: the ring cannot be enabled");
	arg.data = (uint64_t)(uint32_t)u->fd;
	if (px_ur_has(u, PX_UR_RING_FD) &&
	    px_ur_register(u, PX_IORING_REGISTER_RING_FDS, &arg, 1) == 1) {
		u->enter_fd = (int)arg.offset;
		u->enter_flags = PX_IORING_ENTER_REGISTERED_RING;
	} else {
		/* too old, or this thread has registered its sixteen */
		u->has &= ~PX_UR_BIT(RING_FD);
	}
	wake_arm(u);
}

void px_ur_close(px_core *core, bool forked)
{
	px_uring *u = core->backend;

	if (!u)
		return; /* open failed before there was anything */
	PX_MAGIC_CHECK(u, PX_UR_MAGIC);
	/* with it goes the poll of `wake`, which is all that is left in it */
	px_ur_ring_close(u, forked);
	if (u->wake.rd >= 0)
		px_wake_close(&u->wake);
	px_ur_told_close(u);
	px_scratch_close(core, &u->scratch);
	px_slab_destroy(&u->records);
	px_slab_destroy(&u->headers);
	px_slab_destroy(&u->batches);
	px_free(&core->alloc, u->spill, u->spill_size * sizeof *u->spill);
	PX_MAGIC_KILL(u);
	px_free(&core->alloc, u, sizeof *u);
	core->backend = NULL;
}

/* ---- entries of an op ---- */

px_uring_sqe *px_ur_main(px_uring *u, px_op *op, unsigned opcode, int fd)
{
	px_assert(px_ur_settled(op));
	op->flags |= PX_F_KERNEL;
	return px_ur_sqe(u, opcode, fd, px_ur_addr(op) | PX_UR_MAIN);
}

void px_ur_poll(px_uring *u, px_op *op)
{
	uint32_t events = px_kind_dir[op->kind] == PX_DIR_IN ? POLLIN : POLLOUT;
	px_uring_sqe *sqe = px_ur_main(u, op, PX_IORING_OP_POLL_ADD, op->handle->fd);

	op->flags |= PX_UR_F_POLLING;
	sqe->poll32_events = px_ur_events(events);
}

static void cancel_push(px_uring *u, px_op *op)
{
	px_uring_sqe *sqe = px_ur_sqe(u, PX_IORING_OP_ASYNC_CANCEL, -1,
	                              px_ur_addr(op) | PX_UR_CANCEL);

	sqe->addr = px_ur_addr(op) | PX_UR_MAIN;
}

void px_ur_cancel_main(px_uring *u, px_op *op)
{
	px_assert(op->flags & PX_F_KERNEL);
	if (op->flags & PX_F_KCANCEL)
		return;
	op->flags |= PX_F_KCANCEL;
	cancel_push(u, op);
}

/* ---- the ends of one-shots ---- */

void px_ur_end(px_op *op, int64_t result, int64_t count, int32_t sys_error)
{
	if (px_ur_settled(op)) {
		px_op_finish(op, result, count, sys_error);
		return;
	}
	op->result = result;
	op->count = count;
	op->sys_error = sys_error;
}

void px_ur_once_settled(px_uring *u, px_op *op)
{
	PX_UNUSED(u);
	px_op_finish(op, op->result, op->count, op->sys_error);
}

void px_ur_end_error(px_op *op, int res, int64_t count)
{
	if (res == -ECANCELED || res == -EINTR || (res == -EAGAIN && px_op_asked(op)))
		px_ur_end(op, -PROA_ECANCELED, count, 0);
	else
		px_ur_end(op, px_sys_error(-res), count, -res);
}

bool px_ur_again(px_uring *u, px_op *op, int res)
{
	if (px_op_asked(op))
		return false;
	if (res == -EAGAIN)
		px_ur_poll(u, op); /* the descriptor is non-blocking, or was for a moment */
	else if (res == -ECANCELED || res == -EINTR)
		px_ur_kinds[op->kind].submit(u, op);
	else
		return false;
	return true;
}

/* ---- completions ---- */

static void main_polled(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	px_uring_cqe canceled = {.res = -ECANCELED};

	op->flags &= (uint16_t)~PX_UR_F_POLLING;
	if (cqe->res > 0 && px_kind_dir[op->kind] == PX_DIR_IN)
		op->handle->flags |= PX_HF_READABLE;
	if (px_op_asked(op) || (op->flags & PX_F_KCANCEL))
		px_ur_kinds[op->kind].cqe(u, op, &canceled);
	else
		px_ur_kinds[op->kind].submit(u, op); /* also on errors: the call itself tells */
}

static void main_completed(px_uring *u, px_op *op, const px_uring_cqe *cqe)
{
	px_assert(op->flags & PX_F_KERNEL);
	if (!(cqe->flags & PX_IORING_CQE_F_MORE))
		op->flags &= (uint16_t)~PX_F_KERNEL;
	if (op->flags & PX_UR_F_POLLING)
		main_polled(u, op, cqe);
	else
		px_ur_kinds[op->kind].cqe(u, op, cqe);
}

/* Not with a file: that may be at work in a thread of the kernel's, and is not asked again. */
static bool main_waits_for_peer(const px_op *op)
{
	if (op->flags & PX_UR_F_POLLING)
		return true;
	if (op->kind == PX_SEND_FILE)
		return (op->flags & PX_F_PHASE2) != 0;
	return (PX_KINDS_READY & PX_KIND_BIT(op->kind)) != 0;
}

static void cancel_completed(px_uring *u, px_op *op, int res)
{
	px_assert(op->flags & PX_F_KCANCEL);
	if (!(op->flags & PX_F_KERNEL)) {
		op->flags &= (uint16_t)~PX_F_KCANCEL;
		px_ur_kinds[op->kind].settled(u, op);
		return;
	}
	/* Completions come in order, so "not found" with the target still there means that it was
	 * just being woken and could not be caught; it may yet go back to waiting. */
	if ((res == -ENOENT || res == -EALREADY) && main_waits_for_peer(op))
		cancel_push(u, op);
	else
		op->flags &= (uint16_t)~PX_F_KCANCEL;
}

static void internal_completed(px_uring *u, uint64_t what, const px_uring_cqe *cqe)
{
	switch (what) {
	case PX_UR_I_WAKE:
		u->woken = true;
		if (cqe->flags & PX_IORING_CQE_F_MORE)
			/* armed still; the counter is never read, each ring of it is an event */
			return;
		if (cqe->res < 0)
			u->has &= ~PX_UR_BIT(POLL_MULTI);
		px_count(&u->core->stat.system_calls);
		px_wake_drain(&u->wake);
		wake_arm(u); /* in this order: what is rung in between is seen by the new poll */
		break;
	case PX_UR_I_TIMEOUT: break; /* the wait looks at the clock itself */
	default: PX_PANIC("io_uring: a completion of nothing that was submitted");
	}
}

static void cqe_dispatch(px_uring *u, const px_uring_cqe *cqe)
{
	uint64_t rest = cqe->user_data & ~(uint64_t)PX_UR_TAGS;
	px_op *op = (px_op *)(uintptr_t)rest;

	switch (cqe->user_data & PX_UR_TAGS) {
	case PX_UR_MAIN: main_completed(u, op, cqe); break;
	case PX_UR_CANCEL: cancel_completed(u, op, cqe->res); break;
	case PX_UR_INTERNAL: internal_completed(u, rest >> 3, cqe); break;
	default: PX_PANIC("io_uring: a completion of nothing that was submitted");
	}
}

/* All that are there. Each is copied before its place is given up, since what it starts may enter
 * the kernel. */
static void ring_reap(px_uring *u)
{
	uint32_t tail = px_uring_load(u->cq_ktail);

	while (u->cq_head != tail) {
		px_uring_cqe cqe = u->cqes[u->cq_head++ & u->cq_mask];

		cqe_dispatch(u, &cqe);
	}
	px_uring_store(u->cq_khead, u->cq_head);
}

/* ---- the backend's calls ---- */

static void uring_submit(px_core *core, px_op *op)
{
	px_uring *u = px_ur_of(core);

	if (PX_UNLIKELY(!u->started))
		px_ur_start(u);
	px_ur_kinds[op->kind].submit(u, op);
}

static void uring_cancel(px_core *core, px_op *op)
{
	px_uring *u = px_ur_of(core);

	if (op->flags & PX_UR_F_GATHERED && !(op->flags & PX_F_MULTI))
		op = px_ur_gather_head(op); /* the others go on afterwards */
	/* what it still has is delivered in front of its end */
	op->flags &= (uint16_t)~PX_F_PAUSED;
	if (op->flags & PX_F_KERNEL) {
		px_ur_cancel_main(u, op);
	} else if (px_ur_settled(op)) {
		px_assert(op->flags & PX_F_MULTI); /* the others are in the kernel, or parked */
		px_ur_kinds[op->kind].settled(u, op);
	}
}

static px_pulled uring_pull(px_core *core, px_op *op)
{
	px_uring *u = px_ur_of(core);

	if (op->kind == PX_RECV_MSG_MANY)
		return px_ur_msg_many_pull(u, op);
	return op->kind == PX_ACCEPT_MANY ? px_ur_accept_many_pull(u, op)
	                                  : px_ur_recv_many_pull(u, op);
}

static void uring_pause(px_core *core, px_op *op, bool paused)
{
	if (op->kind != PX_RECV_MSG_MANY) /* which is looked at again when it is resumed */
		px_ur_many_paused(px_ur_of(core), op, paused);
}

static void uring_detach(px_core *core, px_handle *h)
{
	PX_UNUSED(core);
	h->flags &= (uint16_t)~PX_HF_READABLE;
}

static void wait_turn(px_uring *u, bool wait, int64_t deadline_ns)
{
	px_ur_pools_tend(u);
	if (wait && px_uring_load(u->cq_ktail) == u->cq_head) {
		px_ur_enter(u, true, deadline_ns);
		/* what moves now is not stamped with the time it began */
		u->core->now_ns = px_sys_now_ns();
	} else if (px_ur_pending(u)) {
		px_ur_enter(u, false, 0);
	}
	ring_reap(u);
}

/* Half an outcome (a cancel's completion, the first part of a send, a poll) is no reason to return.
 * Nor is a wake-up that comes late, for a sleep that was over before: who wakes this one has
 * cleared `asleep` first. */
static bool wait_goes_on(px_uring *u, int64_t deadline_ns)
{
	px_core *core = u->core;

	if (u->woken && !atomic_load_explicit(&core->asleep, memory_order_relaxed))
		return false;
	return !u->armed && px_list_empty(&core->done) && px_list_empty(&core->more) &&
	       px_list_empty(&core->closed) && !core->noticed &&
	       (deadline_ns == INT64_MAX || px_sys_now_ns() < deadline_ns);
}

static void uring_wait(px_core *core, int64_t deadline_ns)
{
	px_uring *u = px_ur_of(core);
	bool wait = deadline_ns > core->now_ns;

	if (PX_UNLIKELY(!u->started))
		px_ur_start(u);
	u->woken = u->armed = false;
	u->reads = 0;
	px_ur_told(u);
	do
		wait_turn(u, wait, deadline_ns);
	while (wait && wait_goes_on(u, deadline_ns));
}

static void uring_wake(px_core *core)
{
	px_wake_ring(&px_ur_of(core)->wake);
}

static bool uring_unsaid(px_core *core)
{
	return px_ur_unsaid(px_ur_of(core));
}

const px_backend_ops px_backend_uring = {
	.name = "io_uring",
	.flags = PX_BACKEND_BLOCKING,
	.native = PX_UR_NATIVE,
	.open = px_ur_open,
	.close = px_ur_close,
	.submit = uring_submit,
	.cancel = uring_cancel,
	.pull = uring_pull,
	.pause = uring_pause,
	.detach = uring_detach,
	.wait = uring_wait,
	.wake = uring_wake,
	.fd = px_ur_fd,
	.unsaid = uring_unsaid,
	.pool_open = px_ur_pool_open,
	.pool_close = px_ur_pool_close,
	.pool_give = px_ur_pool_give,
	.examine = px_ur_examine,
};
