/* Watching files and folders: a worker reads what the system tells, a poll says when. */
/* SPDX-License-Identifier: MIT */
#include "proa/watch.h"
#include "op/backend.h"
#include "op/worker.h"

#include <string.h>

/* ---- how it works ----
 *
 *   a worker opens -> poll, told: it is watched -> a worker reads -> told -> poll -> ...
 *
 * One step at a time, and the next begins when what was told has been taken: so who does not take
 * is felt by the system's queue, and the worker's memory is lent until then. */

/* From the loop's allocator. Its handle is owned by the user's, has the system's descriptor, and
 * owns the steps; when that close is told, nothing can come any more and all of it goes back. */
typedef struct watch {
	px_handle owner;
	px_core *core;
	px_op *op; /* the user's; NULL: it has ended, what still comes is ignored */
	proa_op work, poll;
	px_fswatch *watch; /* the worker's while it works */
	const void *changes;
	int64_t bytes;
	int32_t sys_error;
	bool tree, ready;
	bool told;  /* what the last step brought */
	bool ended; /* as it said */
	size_t path_bytes;
	char path[];
} watch;

/* ---- the end ---- */

static void watch_closed(proa_handle *owner)
{
	watch *w = PX_OF(owner, watch, owner);

	px_fswatch_close(w->watch);
	px_free(&w->core->alloc, w, sizeof *w + w->path_bytes);
}

static void watch_end(watch *w, int64_t result, int32_t sys_error)
{
	px_op *op = w->op;

	w->op = NULL;
	px_op_finish(op, result, 0, sys_error);
	px_handle_close(&w->owner, NULL);
}

static void watch_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	watch_end(op->args.engine.a, -PROA_ECANCELED, 0);
}

/* ---- steps ---- */

static int64_t work_open(proa_op *op)
{
	watch *w = op->user;

	return px_fswatch_open(&w->watch, w->path, w->tree, &w->sys_error);
}

static int64_t work_read(proa_op *op)
{
	watch *w = op->user;

	return px_fswatch_read(w->watch, &w->changes);
}

static void work_begin(watch *w, proa_work_fn *fn, proa_done *done)
{
	px_op *op = px_op_begin(px_handle_pub(&w->owner), &w->work, PX_WORK, done);

	if (px_op_refused(op))
		return;
	op->args.work.fn = fn;
	op->state = PX_INFLIGHT;
	px_work_submit(w->core, op, PROA_LANE_FILES);
}

static void on_ready(proa_op *op);

static void watch_poll(watch *w)
{
	proa_poll(px_handle_pub(&w->owner), &w->poll, PROA_READABLE, on_ready);
}

/* It read nothing when somebody else's event had been dropped on the way, or the queue was read to
 * its end before. */
static void on_read(proa_op *op)
{
	watch *w = op->user;

	if (!w->op)
		return;
	if (op->result < 0) {
		watch_end(w, op->result, op->sys_error);
		return;
	}
	w->bytes = op->result;
	w->told = !w->bytes;
	w->ended = px_fswatch_ended(w->watch);
	if (w->bytes || w->ended)
		px_op_more(w->op);
	else
		watch_poll(w);
}

static void on_ready(proa_op *op)
{
	watch *w = op->user;

	if (!w->op)
		return;
	if (op->result < 0)
		watch_end(w, op->result, op->sys_error);
	else if (w->told)
		work_begin(w, work_read, on_read);
	else
		w->ready = true; /* its beginning is still to be told */
}

static void on_open(proa_op *op)
{
	watch *w = op->user;

	if (!w->op)
		return;
	if (op->result < 0) {
		watch_end(w, op->result, w->sys_error ? w->sys_error : op->sys_error);
		return;
	}
	w->owner.user = w->watch; /* iocp's polls want it */
	px_handle_open(&w->owner, px_fswatch_fd(w->watch), PROA_FOREIGN);
	watch_poll(w); /* before it is told: Windows keeps what happens from here on */
	px_op_more(w->op);
}

/* ---- told ---- */

static px_pulled watch_pull(px_core *core, px_op *op)
{
	watch *w = op->args.engine.a;

	PX_UNUSED(core);
	if (!w->told) {
		w->told = true;
		op->result = w->bytes;
		op->buf = w->bytes ? (void *)(uintptr_t)w->changes : NULL;
		op->count = 0;
		op->got = PROA_MORE;
		return PX_PULL_MORE;
	}
	if (w->ended) {
		w->op = NULL;
		op->got = PROA_END;
		px_op_finish_pulled(op, 0, 0, 0);
		px_handle_close(&w->owner, NULL);
		return PX_PULL_FINAL;
	}
	if (w->ready)
		work_begin(w, work_read, on_read);
	else if (!proa_in_flight(&w->poll) && !proa_in_flight(&w->work))
		watch_poll(w);
	w->ready = false;
	return PX_PULL_NONE;
}

/* ---- submit ---- */

static watch *watch_new(px_core *core, px_op *op, const char *path, bool tree)
{
	size_t bytes = strlen(path) + 1;
	watch *w = px_zalloc(&core->alloc, sizeof *w + bytes);

	if (!w)
		return NULL;
	w->core = core;
	w->op = op;
	w->tree = tree;
	w->path_bytes = bytes;
	memcpy(w->path, path, bytes);
	w->work.user = w->poll.user = w;
	w->work.want = w->poll.want = PROA_BACKGROUND; /* it is `op` that keeps a loop running */
	px_handle_bind(op->handle, &w->owner);
	w->owner.flags |= PX_HF_PRESET;
	w->owner.closed = watch_closed;
	return w;
}

void proa_watch(proa_handle *owner, proa_op *pub, const char *path, unsigned flags, proa_done *done)
{
	static const px_engine engine = {.cancel = watch_cancel, .pull = watch_pull};
	px_op *op = px_op_begin(owner, pub, PX_WATCH, done);
	px_core *core = px_handle_core(op->handle);
	int64_t rc = 0;
	watch *w;

	if (px_op_refused(op))
		return;
	if (flags & ~(unsigned)PROA_WATCH_TREE)
		rc = -PROA_EINVAL;
	else if (!(core->ops->native & PX_KIND_BIT(PX_POLL))) /* a world */
		rc = -PROA_ENOTSUP;
	else if (!(w = watch_new(core, op, path, (flags & PROA_WATCH_TREE) != 0)))
		rc = -PROA_ENOMEM;
	if (rc < 0) {
		px_op_finish(op, rc, 0, 0);
		return;
	}
	px_op_engine(op, &engine, w, NULL);
	work_begin(w, work_open, on_open);
}
