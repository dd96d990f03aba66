/* The loop: opened, one iteration, closed. The only place that runs user code. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include "op/duct.h"
#include "op/pool.h"
#include "op/worker.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

enum {
	PULLS_MAX = 64, /* completions of one multishot op an iteration */
	DUE_MAX = 512,  /* deadlines and timers, until their callbacks have run */
	UNSEEN_MAX = 8, /* iterations in a row that only deliver, before a look at the kernel */
};

/* ---- open ---- */

/* Want of descriptors, memory or room (epoll's watches have a limit) is no fault of a backend, and
 * is said as what it is. */
static int error_of_open(int rc)
{
	bool starved = rc == -PROA_EMFILE || rc == -PROA_ENFILE || rc == -PROA_ENOMEM ||
	               rc == -PROA_ENOSPC;

	return starved ? rc : -PROA_ENOTSUP;
}

static bool backend_known(const char *name)
{
	for (size_t i = 0; px_backends[i]; i++)
		if (!strcmp(name, px_backends[i]->name))
			return true;
	return false;
}

/* A simulated system has one of its own; there is no other. */
static int loop_simulated(px_core *core, const char *name, char *why)
{
	int rc;

	core->ops = px_system_backend(core->system);
	if (name && strcmp(name, core->ops->name))
		return backend_known(name) ? -PROA_ENOTSUP : -PROA_EINVAL;
	if ((rc = core->ops->open(core, why)) < 0)
		core->ops->close(core, false);
	return rc;
}

static int loop_choose(px_core *core, const char *name, char *why)
{
	int rc = -PROA_EINVAL;

	if (core->system)
		return loop_simulated(core, name, why);

	for (size_t i = 0; px_backends[i]; i++) {
		if (name && strcmp(name, px_backends[i]->name))
			continue;
		core->ops = px_backends[i];
		rc = core->ops->open(core, why);
		if (rc == 0)
			return 0;
		core->ops->close(core, false);
		core->backend = NULL;
		rc = error_of_open(rc);
	}
	return rc;
}

void px_core_init(px_core *core, const proa_loop_options *o)
{
	int64_t now = px_sys_now_ns();

	core->magic = PX_CORE_MAGIC;
	px_system_allocator(&core->alloc, o->alloc, o->alloc_user);
	px_list_init(&core->done);
	px_list_init(&core->more);
	px_list_init(&core->closed);
	px_list_init(&core->pools);
	px_wheel_init(&core->deadlines, (uint64_t)now >> PX_TICK_SHIFT, px_op_tick);
	px_wheel_init(&core->idles, (uint64_t)now >> PX_TICK_SHIFT, NULL);
	core->now_ns = now;
	core->pool_count = o->buffers_count;
	core->pool_bytes = o->buffers_size_bytes;
	core->workers = o->workers;
	core->root.kind = PX_HANDLE_TAG | PROA_NONE;
	core->root.state = PX_H_OPEN;
	core->root.core = core;
	core->root.fd = -1;
	core->system = px_system_here();
	core->place = px_system_place();
	core->fork_mark = px_sys_fork_mark();
	core->pid = px_sys_pid();
}

/* A loop's own struct comes from the allocator it is told of, and keeps the account of it. */
static proa_loop *loop_alloc(const proa_loop_options *o)
{
	px_allocator a;
	proa_loop *loop;

	px_system_allocator(&a, o->alloc, o->alloc_user);
	if (!(loop = px_zalloc(&a, sizeof *loop)))
		return NULL;
	px_core_init(&loop->core, o);
	loop->core.alloc = a;
	return loop;
}

static void loop_free(proa_loop *loop)
{
	px_allocator a = loop->core.alloc;

	px_sys_fork_unmark(loop->core.fork_mark);
	PX_MAGIC_KILL(&loop->core);
	px_free(&a, loop, sizeof *loop);
}

int proa_loop_open(proa_loop **out, const proa_loop_options *options)
{
	static const proa_loop_options none;
	const proa_loop_options *o = options ? options : &none;
	const char *name = o->backend;
	char why[160] = "";
	proa_loop *loop;
	int rc;

	px_system_plain();
	*out = NULL;
	if (o->size && o->size != sizeof *o)
		return -PROA_ESIZES;
	if (!(loop = loop_alloc(o)))
		return -PROA_ENOMEM;
	loop->user = o->user;
	loop->stay = o->stay;
	loop->spin_ns = o->spin_ns;
	loop->notice = o->notice;
	loop->notice_user = o->notice_user;
	px_list_init(&loop->batch);
	if (!name && !loop->core.system)
		name = getenv("PROA_BACKEND");
	rc = loop_choose(&loop->core, name && *name ? name : NULL, why);
	if (rc < 0) {
		loop_free(loop);
		return rc;
	}
	*out = loop;
	return 0;
}

/* ---- time ---- */

static unsigned deadlines_due(px_core *core, uint64_t tick)
{
	px_list due;
	px_node *node;
	unsigned n = 0;

	px_list_init(&due);
	px_wheel_advance(&core->deadlines, tick, &due);
	for (; (node = px_list_pop_front(&due)); n++)
		px_op_due(PX_OF(node, px_op, timer), (int64_t)(tick << PX_TICK_SHIFT));
	return n;
}

static void idles_due(px_core *core, uint64_t tick)
{
	px_list due;
	px_node *node;

	px_list_init(&due);
	px_wheel_advance(&core->idles, tick, &due);
	while ((node = px_list_pop_front(&due)))
		px_handle_idle_due(PX_OF(node, px_handle, idle));
}

/* Slot by slot, so that timers fire in the order of their ticks also after a long pause; and not
 * many at once, so that callbacks find them in the cache, and what else there is to do is not kept
 * waiting by a million. Idle times only after a look at the kernel, where bytes may have come while
 * callbacks ran. */
static void time_pass(px_core *core, bool looked)
{
	uint64_t tick = (uint64_t)core->now_ns >> PX_TICK_SHIFT;
	unsigned n = 0;

	while (n < DUE_MAX && !px_wheel_pass(&core->deadlines, tick))
		n += deadlines_due(core, px_wheel_next(&core->deadlines));
	while (looked && !px_wheel_pass(&core->idles, tick))
		idles_due(core, px_wheel_next(&core->idles));
}

int64_t px_loop_next_ns(px_core *core)
{
	uint64_t a = px_wheel_next(&core->deadlines), b = px_wheel_next(&core->idles);
	uint64_t tick = PX_MIN(a, b);

	return tick > (uint64_t)INT64_MAX >> PX_TICK_SHIFT ? INT64_MAX
	                                                   : (int64_t)(tick << PX_TICK_SHIFT);
}

/* ---- deliver ---- */

bool px_loop_full(const proa_loop *loop)
{
	return loop->events && loop->events_n == loop->events_max;
}

static void event_add(proa_loop *loop, const px_op *op)
{
	bool bell = op->kind == PX_DOORBELL || op->kind == PX_SIGNAL; /* tell neither, see post.c */
	proa_event *e = &loop->events[loop->events_n++];

	*e = (proa_event){.op = px_op_pub(op), .result = op->result, .got = op->got};
	e->handle = op->kind == PX_POST ? NULL : px_handle_pub(op->handle);
	e->count = bell ? 0 : op->count;
	e->sys_error = op->sys_error;
	if (!bell)
		e->socket = op->socket; /* or buf: the same bytes */
}

/* One completion, final or not, to whoever wants it. */
static void op_tell(proa_loop *loop, px_op *op)
{
	px_core *core = &loop->core;

	loop->delivered++;
	if (PX_UNLIKELY(core->tracer != NULL))
		core->tracer->completed(core->tracer, core, op);
	if (op->done) {
		core->calling = true;
		op->done(px_op_pub(op));
		core->calling = false;
	} else if (loop->events) {
		event_add(loop, op);
	}
}

static void op_final(proa_loop *loop, px_op *op)
{
	px_handle *h = op->handle;

	if (op->kind == PX_POST)
		atomic_fetch_sub_explicit(&loop->core.posted, 1, memory_order_relaxed);
	px_op_retire(op);
	op_tell(loop, op); /* op may be gone now */
	if (px_handle_closing(h))
		px_handle_check(h);
}

static void deliver_done(proa_loop *loop)
{
	px_node *node;

	while (!px_loop_full(loop) && (node = px_list_pop_front(&loop->batch)))
		op_final(loop, px_op_linked(node));
}

static px_pulled op_pull(px_core *core, px_op *op)
{
	if (op->kind == PX_DOORBELL || op->kind == PX_SIGNAL)
		return px_doorbell_pull(op);
	if (px_op_has_engine(op))
		return op->args.engine.engine->pull(core, op);
	return core->ops->pull(core, op);
}

static void op_deliver_more(proa_loop *loop, px_op *op)
{
	px_core *core = &loop->core;

	for (int n = 0; n < PULLS_MAX && !px_loop_full(loop); n++) {
		px_pulled got = op_pull(core, op);

		if (got == PX_PULL_NONE)
			return;
		if (got == PX_PULL_FINAL) {
			op_final(loop, op);
			return;
		}
		op->flags |= PX_F_CALLING;
		px_count(&core->stat.more);
		op_tell(loop, op);
		op->flags &= (uint16_t)~PX_F_CALLING;
		if (op->state != PX_INFLIGHT || (op->flags & PX_F_PAUSED))
			return; /* ended, or paused, by its callback */
	}
	px_op_more(op);
}

static void deliver_more(proa_loop *loop, px_list *list)
{
	px_node *node;

	while ((node = px_list_pop_front(list))) {
		px_op *op = PX_OF(node, px_op, more);

		op->flags &= (uint16_t)~PX_F_LISTED;
		if (px_loop_full(loop))
			px_op_more(op);
		else
			op_deliver_more(loop, op);
	}
}

static void handle_tell(proa_loop *loop, px_handle *h)
{
	proa_closed *closed = h->closed;
	px_handle *owner = h->owner;
	bool watched = (h->flags & PX_HF_WATCHED) != 0;

	if (PX_UNLIKELY(loop->core.tracer != NULL))
		loop->core.tracer->closed(loop->core.tracer, &loop->core, h);
	px_handle_told(h);
	loop->delivered++;
	loop->core.calling = true; /* in `told` too, which may start what waited for room */
	if (closed)
		closed(px_handle_pub(h));
	else if (loop->events && !watched)
		loop->events[loop->events_n++] = (proa_event){.handle = px_handle_pub(h)};
	if (watched)
		((const px_watch *)owner->user)->told(owner, h);
	loop->core.calling = false;
	if (owner)
		px_handle_check(owner);
}

/* Those that were there when it began. One on which something was submitted since waits for that.
 */
static void deliver_closed(proa_loop *loop)
{
	px_core *core = &loop->core;

	for (size_t n = px_list_count(&core->closed); n && !px_loop_full(loop); n--) {
		px_node *node = px_list_pop_front(&core->closed);
		px_handle *h = PX_OF(node, px_handle, link);

		if (h->in_flight || h->owned || !h->owner)
			px_list_push_back(&core->closed, node);
		else
			handle_tell(loop, h);
	}
}

static void deliver_notice(proa_loop *loop)
{
	int64_t error = loop->core.noticed;

	loop->core.noticed = 0;
	if (!loop->notice)
		return;
	loop->core.calling = true;
	loop->notice(loop, error, loop->core.noticed_what, loop->notice_user);
	loop->core.calling = false;
}

void px_loop_deliver(proa_loop *loop)
{
	px_core *core = &loop->core;
	px_list more;

	px_list_init(&more);
	/* Behind what a full array of proa_wait has left: a recv that ended is told before the
	 * bytes of a multishot one that stood behind it. */
	px_list_splice_back(&loop->batch, &core->done);
	px_list_splice_back(&more, &core->more);
	atomic_store_explicit(&loop->busy_since_ns, core->now_ns, memory_order_relaxed);
	if (PX_UNLIKELY(core->noticed))
		deliver_notice(loop);
	deliver_done(loop);
	deliver_more(loop, &more);
	if (!px_list_empty(&core->closed))
		deliver_closed(loop);
	atomic_store_explicit(&loop->busy_since_ns, 0, memory_order_relaxed);
}

int64_t px_loop_busy_since_ns(const proa_loop *loop)
{
	return atomic_load_explicit(&((proa_loop *)(uintptr_t)loop)->busy_since_ns,
	                            memory_order_relaxed);
}

/* ---- an iteration ---- */

bool px_loop_has_work(const proa_loop *loop)
{
	const px_core *core = &loop->core;

	return !px_list_empty(&loop->batch) || !px_list_empty(&core->done) ||
	       !px_list_empty(&core->more) || !px_list_empty(&core->closed) || core->noticed;
}

static void loop_sleep(proa_loop *loop, int64_t deadline_ns)
{
	px_core *core = &loop->core;

	atomic_exchange_explicit(&core->asleep, 1, memory_order_acq_rel); /* see core_wake */
	if (!px_mpsc_empty(&core->inbox) || atomic_load_explicit(&core->stop, memory_order_acquire))
		deadline_ns = PROA_POLL;
	px_count(&core->stat.waits);
	core->ops->wait(core, deadline_ns);
	if (!atomic_exchange_explicit(&core->asleep, 0, memory_order_relaxed))
		px_count(&core->stat.wakeups);
}

/* Looks again and again for as long as the program has chosen, then sleeps. */
static void loop_spin(proa_loop *loop, int64_t deadline_ns)
{
	px_core *core = &loop->core;
	/* No longer than until something of its own is due: nobody else would end it for that. */
	int64_t until = PX_MIN(px_add_sat(px_sys_now_ns(), loop->spin_ns), deadline_ns);

	while (px_sys_now_ns() < until && !px_loop_has_work(loop) && px_mpsc_empty(&core->inbox))
		core->ops->wait(core, PROA_POLL);
	/* Awake until the end: who has sent that is about to ask whether to ring. */
	if (!px_mpsc_empty(&core->inbox))
		core->ops->wait(core, PROA_POLL);
	else if (!px_loop_has_work(loop))
		loop_sleep(loop, deadline_ns);
	core->now_ns = px_sys_now_ns();
}

/* What there is already is delivered first, unless it has gone on for long: looking costs a system
 * call. False: it has not looked. */
static bool loop_wait(proa_loop *loop, bool work, int64_t deadline_ns)
{
	px_core *core = &loop->core;

	if (work && ++loop->unseen < UNSEEN_MAX)
		return false;
	loop->unseen = 0;
	if (!work)
		deadline_ns = PX_MIN(deadline_ns, px_loop_next_ns(core));
	if (work || deadline_ns <= core->now_ns)
		core->ops->wait(core, PROA_POLL);
	else if (loop->spin_ns)
		loop_spin(loop, deadline_ns);
	else
		loop_sleep(loop, deadline_ns);
	return true;
}

static bool loop_is_timed(px_core *core)
{
	return px_wheel_next(&core->deadlines) != UINT64_MAX ||
	       px_wheel_next(&core->idles) != UINT64_MAX;
}

static void memory_publish(px_core *core)
{
	const px_allocator *a = &core->alloc;

	atomic_store_explicit(&core->stat.memory_bytes, a->live_bytes, memory_order_relaxed);
	atomic_store_explicit(&core->stat.memory_blocks, a->live_blocks, memory_order_relaxed);
	atomic_store_explicit(&core->stat.allocations, a->calls, memory_order_relaxed);
}

void px_loop_iterate(proa_loop *loop, int64_t deadline_ns)
{
	px_core *core = &loop->core;
	bool work;

	deadline_ns = deadline_ns ? deadline_ns : INT64_MAX;
	px_count(&core->stat.iterations);
	px_loop_receive(core);
	work = px_loop_has_work(loop);
	/* The clock is left alone where nothing asks for the time: before a sleep without end. */
	if (work || deadline_ns != INT64_MAX || loop_is_timed(core)) {
		core->now_ns = px_sys_now_ns();
		time_pass(core, false);
		work = px_loop_has_work(loop);
	}
	if (loop_wait(loop, work, deadline_ns)) { /* which has read the clock, if it slept */
		px_loop_receive(core);
		time_pass(core, true);
	}
	px_loop_deliver(loop);
	memory_publish(core);
}

void px_loop_look(proa_loop *loop)
{
	px_core *core = &loop->core;

	px_loop_receive(core);
	core->ops->wait(core, PROA_POLL);
	core->now_ns = px_sys_now_ns();
	time_pass(core, true);
}

/* ---- close ---- */

static void loop_release(proa_loop *loop, bool forked)
{
	px_core *core = &loop->core;
	px_node *node;

	core->forked = forked;
	if (PX_UNLIKELY(core->tracer != NULL) && !forked)
		core->tracer->gone(core->tracer, core);
	/* Threads still on their way out of px_core_send; in a forked child nobody is. */
	while (!forked && atomic_load_explicit(&core->senders, memory_order_acquire))
		px_sys_yield();
	while ((node = px_list_first(&core->pools)))
		px_pool_drop(PX_OF(node, px_pool, all));
	px_workers_free(core);
	px_ducts_close(core);
	core->ops->close(core, forked);
	loop_free(loop);
}

static bool loop_ended(const proa_loop *loop)
{
	if (atomic_load_explicit(&loop->core.posted, memory_order_acquire))
		return false; /* a callback posted: that is told too */
	return loop->core.root.state == PX_H_CLOSED && !loop->core.root.in_flight &&
	       !loop->core.root.owned && !px_loop_has_work(loop);
}

int proa_loop_close(proa_loop **out, int64_t deadline_ns)
{
	proa_loop *loop = *out;
	px_core *core;

	if (!loop)
		return 0;
	core = px_core_of(loop);
	if (core->pid != px_sys_pid()) {
		loop_release(loop, true);
		*out = NULL;
		return 0;
	}
	px_core_enter(core);
	if (core->calling)
		PX_PANIC("proa_loop_close was called from one of the loop's callbacks");
	core->closing = true;
	if (core->root.state == PX_H_OPEN)
		px_handle_close(&core->root, NULL);
	for (;;) {
		if (core->root.state == PX_H_CLOSED)
			px_list_remove(&core->root.link);
		if (loop_ended(loop))
			break;
		if (deadline_ns && px_sys_now_ns() >= deadline_ns) {
			px_loop_leave(loop);
			return -PROA_ETIMEDOUT;
		}
		px_loop_iterate(loop, deadline_ns);
	}
	px_loop_leave(loop);
	loop_release(loop, false);
	*out = NULL;
	return 0;
}
