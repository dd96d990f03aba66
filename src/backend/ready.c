/* The readiness engine's course: which op is tried when, and what happens when it has to wait. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready.h"

#include <stdio.h>
#include <string.h>

/* ---- open and close ---- */

void px_ready_why(char *why, const char *what, int sys_error)
{
	snprintf(why, 160, "%s: %s", what, strerror(sys_error));
}

int px_ready_open(px_core *core, const px_selector *selector, char *why)
{
	px_ready *ready = px_zalloc(&core->alloc, selector->size_bytes);

	core->backend = ready;
	if (!ready) {
		snprintf(why, 160, "out of memory");
		return -PROA_ENOMEM;
	}
	ready->magic = PX_READY_MAGIC;
	ready->selector = selector;
	ready->core = core;
	ready->wake.rd = ready->wake.wr = -1;
	ready->opened = true;
	return selector->open(ready, why);
}

int px_ready_wake_open(px_ready *ready, char *why)
{
	int rc = px_wake_open(&ready->wake);

	if (rc < 0)
		snprintf(why, 160, "no descriptor to be woken by: %s", proa_err_text(rc));
	return rc;
}

void px_ready_close(px_core *core, bool forked)
{
	px_ready *ready = core->backend;

	if (!ready)
		return; /* open failed before there was anything */
	PX_MAGIC_CHECK(ready, PX_READY_MAGIC);
	if (ready->opened)
		ready->selector->close(ready, forked);
	if (ready->wake.rd >= 0)
		px_wake_close(&ready->wake);
	PX_MAGIC_KILL(ready);
	px_free(&core->alloc, ready, ready->selector->size_bytes);
	core->backend = NULL;
}

/* ---- waiting ---- */

/* One direction, but of a poll perhaps both. */
static unsigned op_dirs(const px_op *op)
{
	if (op->kind == PX_POLL)
		return (unsigned)op->args.own.a;
	/* A connect waits as a send does. */
	return px_kind_dir[op->kind] == PX_DIR_IN ? PX_READY_IN : PX_READY_OUT;
}

static bool handle_ready(const px_handle *h, unsigned dirs)
{
	return (h->flags & px_ready_flags(dirs)) != 0;
}

/* The op's directions are to be reported from now on. A new registration says at once what is so
 * already; after it only changes come, unless the selector is asked again. */
static int64_t handle_watch(px_ready *ready, px_handle *h, unsigned dirs, int32_t *sys_error)
{
	const px_selector *sel = ready->selector;
	unsigned again = px_again_flags(dirs);
	bool arm = sel->level || (h->flags & again);
	int64_t rc;

	px_ready_clear(h, again);
	if (!(h->flags & PX_HF_REGISTERED)) {
		if ((rc = sel->add(ready, h, sys_error)) < 0)
			return rc;
		px_ready_set(h, PX_HF_REGISTERED);
		arm = sel->level;
	}
	return arm ? sel->arm(ready, h, dirs, sys_error) : 0;
}

/* Bytes of an op that ends early; only a send's count is one. */
static int64_t op_progress(const px_op *op)
{
	return px_kind_dir[op->kind] == PX_DIR_OUT ? op->count : 0;
}

/* A file as a stream, a standard one's: epoll takes none, for they keep nobody waiting. */
static bool never_waits(px_handle *h, int64_t error)
{
	if (error != -PROA_EPERM || px_handle_kind(h) != PROA_PIPE)
		return false;
	px_ready_set(h, PX_HF_READABLE | PX_HF_WRITABLE);
	return true;
}

/* False: it is to be tried again instead. */
static bool op_wait(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	int64_t rc = handle_watch(px_ready_of(core), op->handle, op_dirs(op), &sys_error);

	if (never_waits(op->handle, rc))
		return false;
	if (rc < 0 && !px_try_rests(core, op, rc))
		px_op_finish(op, rc, op_progress(op), sys_error);
	return true;
}

static void op_go(px_core *core, px_op *op)
{
	while (!handle_ready(op->handle, op_dirs(op)) || px_try(core, op))
		if (op_wait(core, op))
			return;
}

/* ---- the backend's calls ---- */

void px_ready_submit(px_core *core, px_op *op)
{
	px_try_prepare(op);
	op_go(core, op);
}

void px_ready_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	if (op->kind == PX_RECV_MSG_MANY && op->args.pooled.own && !px_handle_closing(op->handle)) {
		op->flags &= (uint16_t)~PX_F_PAUSED;
		px_op_more(op); /* what was taken ahead is delivered in front of its end */
		return;
	}
	/* Whoever waits is known by its place in the queue alone, and this takes it out. */
	px_op_finish(op, -PROA_ECANCELED, op_progress(op), 0);
}

/* An edge-triggered selector reports its direction already. */
static bool handle_watched(const px_ready *ready, const px_handle *h)
{
	return !ready->selector->level &&
	       (h->flags & (PX_HF_REGISTERED | PX_HF_AGAIN_IN)) == PX_HF_REGISTERED;
}

px_pulled px_ready_pull(px_core *core, px_op *op)
{
	bool waits = !handle_ready(op->handle, PX_READY_IN);
	px_pulled pulled = waits ? PX_PULL_NONE : px_try_pull(core, op, &waits);
	int32_t sys_error = 0;
	int64_t rc;

	if (pulled != PX_PULL_NONE || !waits || handle_watched(px_ready_of(core), op->handle))
		return pulled;
	rc = handle_watch(px_ready_of(core), op->handle, PX_READY_IN, &sys_error);
	if (rc == 0 || px_try_rests(core, op, rc))
		return PX_PULL_NONE;
	px_op_finish_pulled(op, rc, 0, sys_error);
	return PX_PULL_FINAL;
}

void px_ready_attach(px_core *core, px_handle *h)
{
	PX_UNUSED(core);
	/* Nobody has filled its buffer yet, so a send is tried at once. A recv is not: most often
	 * it would come too early, and the registration that it needs anyway tells whether bytes
	 * are there. */
	px_ready_set(h, PX_HF_WRITABLE);
	/* But a pipe's writing end, which no event would ever call readable, says at once that it
	 * cannot be read. */
	if (px_handle_kind(h) == PROA_PIPE || px_handle_kind(h) == PROA_TTY)
		px_ready_set(h, PX_HF_READABLE);
}

void px_ready_detach(px_core *core, px_handle *h)
{
	px_ready *ready = px_ready_of(core);

	/* Before the close, not after: by then the number may be somebody else's, and as long as a
	 * duplicate of the descriptor lives, epoll would go on to report it. */
	if (h->flags & PX_HF_REGISTERED)
		ready->selector->remove(ready, h);
	px_ready_clear(h, PX_HF_REGISTERED | PX_HF_READABLE | PX_HF_WRITABLE | PX_HF_HANGUP |
	                          PX_HF_AGAIN_IN | PX_HF_AGAIN_OUT);
}

int64_t px_ready_left_ns(const px_core *core, int64_t deadline_ns)
{
	int64_t left;

	if (deadline_ns == INT64_MAX)
		return -1;
	if (deadline_ns <= core->now_ns)
		return 0;
	left = deadline_ns - px_sys_now_ns(); /* core->now_ns is as old as the callbacks since */
	return PX_MAX(left, 0);
}

void px_ready_slept(px_ready *ready)
{
	ready->core->now_ns = px_sys_now_ns();
}

void px_ready_wait(px_core *core, int64_t deadline_ns)
{
	px_ready *ready = px_ready_of(core);

	ready->selector->wait(ready, deadline_ns);
}

void px_ready_wake(px_core *core)
{
	px_ready *ready = px_ready_of(core);

	if (ready->selector->wake)
		ready->selector->wake(ready);
	if (ready->wake.wr >= 0)
		px_wake_ring(&ready->wake);
}

int px_ready_fd(px_core *core)
{
	px_ready *ready = px_ready_of(core);

	return ready->selector->fd ? ready->selector->fd(ready) : -PROA_ENOTSUP;
}

bool px_ready_unsaid(px_core *core)
{
	px_ready *ready = px_ready_of(core);

	return ready->selector->unsaid && ready->selector->unsaid(ready);
}

void px_ready_woken(px_ready *ready)
{
	px_count(&ready->core->stat.system_calls);
	px_wake_drain(&ready->wake);
}

/* ---- events ---- */

static px_op *handle_connect(px_handle *h)
{
	for (px_node *node = px_ring_first(h->owned); node; node = px_ring_next(h->owned, node)) {
		px_item *item = PX_OF(node, px_item, link);

		if (item->tag == PX_CONNECT)
			return px_op_linked(node);
	}
	return NULL;
}

/* Tries the head of a direction if it is one that waits for this event. */
static void queue_go(px_core *core, px_handle *h, int dir)
{
	px_op *op = px_queue_head(h, dir);

	if (!op || op->state != PX_INFLIGHT || (op->flags & PX_F_PARKED))
		return;
	op_go(core, op); /* its end starts the next by itself */
}

void px_ready_event(px_ready *ready, px_handle *h, unsigned bits)
{
	px_core *core = ready->core;
	px_op *connect;

	if (bits & (PX_READY_IN | PX_READY_HUP))
		px_ready_set(h, PX_HF_READABLE);
	if (bits & PX_READY_OUT)
		px_ready_set(h, PX_HF_WRITABLE);
	if (bits & PX_READY_HUP)
		px_ready_set(h, PX_HF_HANGUP);
	if (h->state == PX_H_CONNECTING) {
		if ((connect = handle_connect(h)) && (h->flags & PX_HF_WRITABLE))
			op_go(core, connect);
		return; /* if it has ended, what waited behind it has been started */
	}
	if (px_handle_kind(h) == PROA_FOREIGN) {
		px_ready_polls(core, h, op_go);
		return;
	}
	if (h->flags & PX_HF_READABLE)
		queue_go(core, h, PX_DIR_IN);
	if (h->flags & PX_HF_WRITABLE)
		queue_go(core, h, PX_DIR_OUT);
}

/* Nobody waits in a direction that is still to be tried: its own attempt will say. */
static void queue_refuse(px_core *core, px_handle *h, int dir, int32_t sys_error)
{
	px_op *op = px_queue_head(h, dir);
	int64_t rc = px_sys_error(sys_error);

	if (!op || op->state != PX_INFLIGHT || (op->flags & PX_F_PARKED) ||
	    handle_ready(h, op_dirs(op)))
		return;
	if (never_waits(h, rc))
		queue_go(core, h, dir);
	else if (!px_try_rests(core, op, rc))
		px_op_finish(op, rc, op_progress(op), sys_error);
}

/* The selector's error is not kept for each of them. */
static void poll_refuse(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	px_op_finish(op, -PROA_ENOTSUP, 0, 0);
}

void px_ready_refused(px_ready *ready, px_handle *h, int32_t sys_error)
{
	px_op *connect;

	px_ready_clear(h, PX_HF_REGISTERED);
	if (px_handle_kind(h) == PROA_FOREIGN) {
		px_ready_polls(ready->core, h, poll_refuse);
	} else if (h->state != PX_H_CONNECTING) {
		queue_refuse(ready->core, h, PX_DIR_IN, sys_error);
		queue_refuse(ready->core, h, PX_DIR_OUT, sys_error);
	} else if ((connect = handle_connect(h))) {
		px_op_finish(connect, px_sys_error(sys_error), 0, sys_error);
	}
}
