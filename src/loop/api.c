/* The public calls on loops, ops and handles: thin, over the core. */
/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"
#include "op/pool.h"
#include "sys/sys.h"

#include <string.h>

/* ---- the loop ---- */

int64_t proa_now(const proa_loop *loop)
{
	return px_core_of(loop)->now_ns;
}

int64_t proa_clock(const proa_loop *loop)
{
	const px_core *core = px_core_of(loop);

	return px_system_clock(core->system, core->place);
}

int64_t proa_wall(const proa_loop *loop)
{
	const px_core *core = px_core_of(loop);

	return px_system_wall(core->system, core->place);
}

uint64_t proa_turn(const proa_loop *loop)
{
	return atomic_load_explicit(&px_core_of(loop)->stat.iterations, memory_order_relaxed);
}

int64_t proa_in(const proa_loop *loop, int64_t ns)
{
	return ns < 0 ? 0 : px_add_sat(px_core_of(loop)->now_ns, ns);
}

size_t proa_loop_load(const proa_loop *loop)
{
	px_core *core = px_core_of(loop);

	return (size_t)(atomic_load_explicit(&core->stat.handles, memory_order_relaxed) +
	                atomic_load_explicit(&core->posted, memory_order_relaxed));
}

void *proa_loop_user(const proa_loop *loop)
{
	return loop->user;
}

void proa_loop_set_user(proa_loop *loop, void *user)
{
	loop->user = user;
}

const char *proa_loop_backend(const proa_loop *loop)
{
	return px_core_of(loop)->ops->name;
}

void *proa_loop_alloc(proa_loop *loop, void *old, size_t old_bytes, size_t new_bytes)
{
	px_allocator plain, *a = &plain;

	if (loop) {
		a = &px_core_of(loop)->alloc;
		px_core_enter(px_core_of(loop));
	} else {
		px_allocator_init(&plain, NULL, NULL);
		plain.live_bytes = old_bytes; /* for this call it is an account of one block */
		plain.live_blocks = 1;
	}
	if (new_bytes)
		return px_realloc(a, old, old_bytes, new_bytes);
	px_free(a, old, old_bytes);
	return NULL;
}

proa_handle *proa_root(proa_loop *loop)
{
	return px_handle_pub(&px_core_of(loop)->root);
}

/* ---- statistics ---- */

const char *proa_stats_kind(unsigned i)
{
	return i < PX_KIND_COUNT ? px_kind_name[i] : NULL;
}

void proa_loop_stats(const proa_loop *loop, proa_stats *out)
{
	px_counters *c = &px_core_of(loop)->stat;

#define READ(name) out->name = atomic_load_explicit(&c->name, memory_order_relaxed)
	memset(out, 0, sizeof *out);
	out->size = sizeof *out;
	for (unsigned i = 0; i < PX_KIND_COUNT; i++)
		READ(submitted[i]);
	READ(canceled);
	READ(timed_out);
	READ(iterations);
	READ(waits);
	READ(wakeups);
	READ(system_calls);
	READ(bytes_in);
	READ(bytes_out);
	READ(pool_parks);
	READ(accept_pauses);
	READ(accept_aborted);
	READ(handles);
	READ(memory_bytes);
	READ(memory_blocks);
	READ(allocations);
#undef READ
	out->in_flight = px_in_flight(px_core_of(loop));
	out->completed = px_completed(px_core_of(loop));
}

/* ---- ops ---- */

void proa_timer(proa_handle *owner, proa_op *pub, int64_t at_ns, proa_done *done)
{
	px_op *op = px_op_begin(owner, pub, PX_TIMER, done);

	op->args.timer.at_ns = at_ns;
	px_op_go(op);
}

void proa_cancel(proa_op *pub)
{
	px_op *op = px_op_of(pub);

	if (op->state == PX_IDLE)
		return;
	px_core_enter(px_handle_core(op->handle));
	px_op_cancel(op, PX_F_CANCEL);
}

void proa_deadline(proa_op *pub, int64_t deadline_ns)
{
	px_op *op = px_op_of(pub);
	int64_t before = op->deadline_ns;

	op->deadline_ns = deadline_ns;
	if ((op->state != PX_WAITING && op->state != PX_INFLIGHT) || op->kind == PX_POST)
		return;
	px_core_enter(px_handle_core(op->handle));
	if (before && deadline_ns >= before && px_node_linked(&op->timer))
		return; /* later: the wheel finds out when the old time comes */
	px_op_rearm(op);
}

bool proa_in_flight(const proa_op *op)
{
	return px_op_of(op)->state != PX_IDLE;
}

static bool may_pause(const px_op *op)
{
	return (op->state == PX_WAITING || op->state == PX_INFLIGHT) && op->flags & PX_F_MULTI;
}

void proa_pause(proa_op *pub)
{
	px_op *op = px_op_of(pub);

	if (!may_pause(op))
		return;
	px_core_enter(px_handle_core(op->handle));
	px_op_pause(op);
}

void proa_resume(proa_op *pub)
{
	px_op *op = px_op_of(pub);

	if (!may_pause(op))
		return;
	px_core_enter(px_handle_core(op->handle));
	px_op_resume(op);
}

proa_loop *proa_op_loop(const proa_op *op)
{
	px_handle *h = px_op_of(op)->handle;

	return h ? px_loop_of(px_handle_core(h)) : NULL;
}

proa_handle *proa_op_handle(const proa_op *op)
{
	return px_handle_pub(px_op_of(op)->handle);
}

/* ---- handles ---- */

void proa_handle_init(proa_handle *owner, proa_handle *handle)
{
	px_handle_bind(px_handle_of(owner), px_handle_of(handle));
}

bool proa_is_open(const proa_handle *handle)
{
	return px_handle_of(handle)->state == PX_H_OPEN;
}

bool proa_is_closing(const proa_handle *handle)
{
	px_handle *h = px_handle_of(handle);

	return px_handle_closing(h) || (h->flags & PX_HF_FINISHING);
}

proa_loop *proa_handle_loop(const proa_handle *handle)
{
	return px_loop_of(px_handle_core(px_handle_of(handle)));
}

proa_os_handle proa_os(const proa_handle *handle)
{
	return px_handle_of(handle)->state == PX_H_FREE ? -1 : px_handle_of(handle)->fd;
}

static px_handle *handle_closable(proa_handle *handle)
{
	px_handle *h = px_handle_of(handle);

	if (h->state != PX_H_FREE && !h->owner)
		PX_PANIC("the root is closed by proa_loop_close alone");
	return h;
}

void proa_close(proa_handle *handle, proa_closed *closed)
{
	px_handle_close(handle_closable(handle), closed);
}

void proa_close_abort(proa_handle *handle, proa_closed *closed)
{
	px_handle *h = handle_closable(handle);

	h->flags |= PX_HF_ABORT;
	px_handle_close(h, closed);
}

void proa_set_idle(proa_handle *handle, int64_t idle_ns)
{
	px_handle *h = px_handle_of(handle);
	int64_t ms = idle_ns <= 0 ? 0 : (idle_ns + PROA_MSEC - 1) / PROA_MSEC;
	px_core *core;

	if (h->state == PX_H_FREE)
		PX_PANIC("proa_set_idle of a handle that is not initialised");
	if (px_handle_closing(h))
		return;
	core = px_handle_core(h);
	px_core_enter(core);
	px_wheel_del(&core->idles, &h->idle);
	h->idle_ms = (uint32_t)PX_MIN(ms, INT32_MAX);
	px_handle_idle_begins(h);
	if (h->idle_ms)
		px_wheel_add(&core->idles, &h->idle,
		             ((uint64_t)core->now_ns + ((uint64_t)h->idle_ms + 1) * 1000000u) >>
		                     PX_TICK_SHIFT);
}

/* ---- buffers ---- */

int proa_buffers_open(proa_loop *loop, proa_buffers **pool, const proa_buffers_options *options)
{
	px_core *core = px_core_of(loop);
	px_pool *p;
	int rc;

	px_core_enter(core);
	rc = px_pool_open(core, &p, options);
	*pool = (proa_buffers *)p;
	return rc;
}

void proa_buffers_close(proa_buffers **pool)
{
	px_pool *p = (px_pool *)*pool;

	*pool = NULL;
	if (p)
		px_pool_close(p);
}

void proa_buffer_return(proa_loop *loop, void *buf)
{
	px_core *core = px_core_of(loop);
	px_pool *pool;
	uint32_t index;

	if (!buf)
		return;
	px_core_enter(core);
	if (!(pool = px_pool_find(core, buf, &index)))
		PX_PANIC("proa_buffer_return of memory that is no pooled buffer of this loop");
	px_pool_give_at(pool, index);
}

size_t proa_buffers_free(const proa_buffers *pool)
{
	const px_pool *p = (const px_pool *)pool;

	return p->max - p->lent;
}

proa_buffers *proa_loop_buffers(proa_loop *loop)
{
	return (proa_buffers *)px_core_pool(px_core_of(loop));
}
