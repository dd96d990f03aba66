/* Child processes: a worker spawns, a descriptor tells the end, a close kills and waits. */
/* SPDX-License-Identifier: MIT */
#include "proc/child.h"

#include "op/backend.h"
#include "op/worker.h"

/* ---- how it works ----
 *
 * Of each child there is a record with three ops of the library's own on its handle:
 *
 *   work   spawns on a worker, for that takes as long as the disk needs to find the program
 *   reap   in the backend from then on: ends when the process has, and only so
 *   life   from the submit until the handle closes: it is how a handle's record is found, and what
 *          a close waits for
 *
 * The handle counts as CONNECTING while the worker is at it, and is OPEN afterwards, with the
 * descriptor that tells the end. A close asks `life` to end, which kills; `reap` cannot be asked.
 * When both are over the record goes. */

enum { FLAGS = PROA_SPAWN_GROUP | PROA_SPAWN_SESSION | PROA_SPAWN_UID | PROA_SPAWN_GID };

static child *child_of(const px_op *life)
{
	return PX_OF(px_op_pub(life), child, life);
}

/* The first op of this kind that the handle owns. */
static px_op *owned_find(px_handle *h, px_kind kind)
{
	for (px_node *node = px_ring_first(h->owned); node; node = px_ring_next(h->owned, node)) {
		px_item *item = PX_OF(node, px_item, link);

		if (item->tag == kind)
			return px_op_linked(node);
	}
	return NULL;
}

static child *child_find(const proa_handle *handle)
{
	px_op *life = owned_find(px_handle_of(handle), PX_CHILD);

	return life ? child_of(life) : NULL;
}

/* ---- its end ---- */

/* Whoever waits for it hears the same. */
static void exited_tell(child *c)
{
	px_op *op;

	while ((op = owned_find(c->handle, PX_EXITED)))
		px_op_finish(op, c->status, c->signo, c->sys_error);
}

static void child_ended(child *c, int64_t status, int signo, int32_t sys_error)
{
	c->ended = true;
	c->status = status;
	c->signo = signo;
	c->sys_error = sys_error;
	exited_tell(c);
}

static void life_end(child *c)
{
	px_op_finish(px_op_of(&c->life), -PROA_ECANCELED, 0, 0);
}

/* The last that is told of it. */
static void child_gone(proa_op *life)
{
	child *c = PROA_OF(life, child, life);

	px_free(&c->core->alloc, c, sizeof *c);
}

static void life_cancel(px_core *core, px_op *life)
{
	child *c = child_of(life);

	PX_UNUSED(core);
	if (!c->busy)
		life_end(c);
	else if (c->running)
		px_child_kill(c->pid, c->watch, c->group, PX_SIGNAL_KILL);
	/* else it is being spawned, or buried: that ends by itself */
}

/* Nothing of it is in flight but `life`: that goes too if it was asked to. */
static void child_rests(child *c)
{
	c->busy = false;
	if (px_op_asked(px_op_of(&c->life)))
		life_end(c);
}

/* ---- burying: of one that nobody can be told of any more ---- */

static int64_t bury_run(proa_op *work)
{
	child *c = PROA_OF(work, child, work);

	px_child_kill(c->pid, c->watch, c->group, PX_SIGNAL_KILL);
	px_child_bury(c->pid, c->watch);
	return 0;
}

static void work_submit(child *c, proa_work_fn *run, proa_done *done)
{
	px_op *work;

	c->busy = true;
	c->work.want = PROA_BACKGROUND;
	work = px_op_begin(px_handle_pub(c->handle), &c->work, PX_WORK, done);
	work->args.work.fn = run;
	work->state = PX_INFLIGHT;
	px_work_submit(c->core, work, PROA_LANE_FILES);
}

static void buried(proa_op *work)
{
	child *c = PROA_OF(work, child, work);

	if (work->result < 0)
		bury_run(work); /* no worker to be had: it has been killed, so this takes no time */
	if (!c->ended)
		child_ended(c, -PROA_ECHILD, 0, 0);
	child_rests(c);
}

/* ---- reaping ---- */

static void reap_done(proa_op *reap)
{
	child *c = PROA_OF(reap, child, reap);

	c->running = false;
	child_ended(c, reap->result, (int)reap->count, reap->sys_error);
	if (reap->result < 0 && reap->result != -PROA_ECHILD)
		work_submit(c, bury_run, buried); /* it cannot be watched */
	else
		child_rests(c);
}

static void reap_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	PX_UNUSED(op);
}

static void reap_start(child *c)
{
	static const px_engine engine = {.cancel = reap_cancel};
	px_op *reap;

	c->running = true;
	c->reap.want = PROA_BACKGROUND;
	reap = px_op_begin(px_handle_pub(c->handle), &c->reap, PX_REAP, reap_done);
	px_op_engine(reap, &engine, c, (void *)(intptr_t)c->pid);
	c->core->ops->submit(c->core, reap);
}

/* ---- spawning ---- */

static int64_t spawn_run(proa_op *work)
{
	child *c = PROA_OF(work, child, work);

	c->pid = px_child_spawn(&c->request->spawn, &c->watch, &work->sys_error);
	return PX_MIN(c->pid, 0);
}

/* What was queued on the handle meanwhile is of no use to a child. */
static void queues_fail(px_handle *h, int64_t result, int32_t sys_error)
{
	px_queue_fail(h, PX_DIR_IN, result, sys_error);
	px_queue_fail(h, PX_DIR_OUT, result, sys_error);
}

static void spawn_succeeded(child *c)
{
	px_handle *h = c->handle;

	px_handle_unopen(h);
	px_handle_open(h, c->watch, PROA_CHILD);
	queues_fail(h, -PROA_ENOTSUP, 0);
	px_op_finish(c->spawn, 0, 0, 0);
	reap_start(c);
}

static void spawn_failed(child *c, int64_t result, int32_t sys_error)
{
	px_handle *h = c->handle;

	px_op_finish(c->spawn, result, 0, sys_error);
	child_ended(c, result, 0, sys_error);
	if (h->state == PX_H_CONNECTING) {
		px_handle_unopen(h);
		queues_fail(h, result, sys_error);
	}
	life_end(c);
}

static void late_buried(proa_op *work)
{
	child *c = PROA_OF(work, child, work);

	px_file_close(c->watch);
	buried(work);
}

static void spawn_done(proa_op *work)
{
	child *c = PROA_OF(work, child, work);

	px_child_request_free(c->core, c->request);
	if (work->result < 0) {
		spawn_failed(c, work->result, work->sys_error);
	} else if (c->handle->state == PX_H_CONNECTING) {
		spawn_succeeded(c);
	} else { /* the handle closes: it came too late */
		px_op_finish(c->spawn, -PROA_ECANCELED, 0, 0);
		work_submit(c, bury_run, late_buried);
	}
}

static void spawn_cancel(px_core *core, px_op *op)
{
	child *c = op->args.engine.a;

	PX_UNUSED(core);
	proa_cancel(&c->work);
}

static void child_start(child *c, px_op *spawn)
{
	static const px_engine spawn_engine = {.cancel = spawn_cancel},
			       life_engine = {.cancel = life_cancel};
	proa_handle *handle = px_handle_pub(c->handle);
	px_op *life;

	c->spawn = spawn;
	c->handle->state = PX_H_CONNECTING;
	px_op_engine(spawn, &spawn_engine, c, NULL);
	c->life.want = PROA_BACKGROUND;
	life = px_op_begin(handle, &c->life, PX_CHILD, child_gone);
	px_op_engine(life, &life_engine, NULL, NULL);
	work_submit(c, spawn_run, spawn_done);
}

static int64_t spawn_prepare(px_core *core, px_handle *h, const proa_spawn_options *o, child **out)
{
	int64_t rc;
	child *c;

	if (core->system)
		return -PROA_ENOTSUP;
	if (h->state != PX_H_INIT)
		return h->state == PX_H_OPEN ? -PROA_EINVAL : -PROA_EALREADY;
	if ((o->size && o->size != sizeof *o) || (o->flags & ~(unsigned)FLAGS) || !o->argv ||
	    (!o->file && !o->argv[0]))
		return -PROA_EINVAL;
	if (!(c = px_zalloc(&core->alloc, sizeof *c)))
		return -PROA_ENOMEM;
	c->core = core;
	c->handle = h;
	c->group = (o->flags & (PROA_SPAWN_GROUP | PROA_SPAWN_SESSION)) != 0;
	rc = px_child_request_new(core, o, &c->request);
	if (rc < 0)
		px_free(&core->alloc, c, sizeof *c);
	*out = c;
	return rc;
}

void proa_spawn(proa_handle *handle, proa_op *pub, const proa_spawn_options *options,
                proa_done *done)
{
	px_op *op = px_op_begin(handle, pub, PX_SPAWN, done);
	px_core *core = px_handle_core(op->handle);
	child *c;
	int64_t rc;

	if (px_op_refused(op))
		return;
	rc = spawn_prepare(core, op->handle, options, &c);
	if (rc < 0)
		px_op_finish(op, rc, 0, 0);
	else
		child_start(c, op);
}

/* ---- of one that runs ---- */

static void exited_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

void proa_exited(proa_handle *handle, proa_op *pub, proa_done *done)
{
	static const px_engine engine = {.cancel = exited_cancel};
	px_op *op = px_op_begin(handle, pub, PX_EXITED, done);
	child *c = child_find(handle);

	if (px_op_refused(op))
		return;
	if (!c)
		px_op_finish(op, -PROA_ECHILD, 0, 0);
	else if (c->ended)
		px_op_finish(op, c->status, c->signo, c->sys_error);
	else
		px_op_engine(op, &engine, NULL, NULL);
}

int proa_child_kill(proa_handle *handle, int signo)
{
	child *c = child_find(handle);

	if (!c || !c->running)
		return -PROA_ECHILD;
	px_core_enter(c->core);
	return px_child_kill(c->pid, c->watch, c->group, signo);
}

int64_t proa_child_pid(const proa_handle *handle)
{
	child *c = child_find(handle);

	return c && c->pid > 0 ? px_child_number(c->pid) : -PROA_ECHILD;
}
