/* The edges of an operation's life: submit, start, finish, cancel, deadline, retire. */
/* SPDX-License-Identifier: MIT */
#include "op/op.h"

#include "op/backend.h"
#include "op/file.h"
#include "op/gram.h"
#include "op/pool.h"
#include "op/worker.h"
#include "proa/net.h"

#define KIND_DIR(name, text, dir) [PX_##name] = (dir),
const uint8_t px_kind_dir[PX_KIND_COUNT] = {PX_KINDS(KIND_DIR)};
#define KIND_NAME(name, text, dir) [PX_##name] = (text),
const char *const px_kind_name[PX_KIND_COUNT] = {PX_KINDS(KIND_NAME)};

#define KINDS_ENGINE                                                                      \
	(PX_KIND_BIT(PX_DOORBELL) | PX_KIND_BIT(PX_SIGNAL) | PX_KIND_BIT(PX_RESOLVE) |    \
	 PX_KIND_BIT(PX_CONNECT_NAME) | PX_KIND_BIT(PX_STREAM_READ) |                     \
	 PX_KIND_BIT(PX_STREAM_DRAINED) | PX_KIND_BIT(PX_SPAWN) | PX_KIND_BIT(PX_CHILD) | \
	 PX_KIND_BIT(PX_REAP) | PX_KIND_BIT(PX_EXITED) | PX_KIND_BIT(PX_WATCH) |          \
	 PX_KIND_BIT(PX_WALK) | PX_KIND_BIT(PX_FORWARD))
#define KINDS_MULTI                                                                          \
	(PX_KIND_BIT(PX_DOORBELL) | PX_KIND_BIT(PX_SIGNAL) | PX_KIND_BIT(PX_ACCEPT_MANY) |   \
	 PX_KIND_BIT(PX_RECV_MANY) | PX_KIND_BIT(PX_RECV_MSG_MANY) | PX_KIND_BIT(PX_WATCH) | \
	 PX_KIND_BIT(PX_WALK))
#define KINDS_ACCEPT (PX_KIND_BIT(PX_ACCEPT) | PX_KIND_BIT(PX_ACCEPT_MANY))
#define KINDS_BELL   (PX_KIND_BIT(PX_DOORBELL) | PX_KIND_BIT(PX_SIGNAL))
#define KINDS_SEND                                                                    \
	(PX_KIND_BIT(PX_SEND) | PX_KIND_BIT(PX_SENDV) | PX_KIND_BIT(PX_SEND_POOLED) | \
	 PX_KIND_BIT(PX_SEND_FILE) | PX_KIND_BIT(PX_SEND_FDS) | PX_KIND_BIT(PX_SPLICE_OUT))

#define KINDS_TIMED (PX_KIND_BIT(PX_TIMER) | KINDS_ACCEPT)
/* What an op of these holds goes back at its end, or its end has more to say to its handle. */
#define KINDS_HOLD                                                                               \
	(PX_KIND_BIT(PX_SEND_POOLED) | PX_KIND_BIT(PX_RECV_POOLED) | PX_KIND_BIT(PX_RECV_MANY) | \
	 PX_KIND_BIT(PX_SEND_FILE) | PX_KIND_BIT(PX_CONNECT) | PX_KIND_BIT(PX_RECV_MSG_MANY))

static bool op_is(const px_op *op, uint64_t kinds)
{
	return (kinds & PX_KIND_BIT(op->kind)) != 0;
}

int64_t px_vec_bytes(const proa_vec *vec, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = px_add_sat(sum, (int64_t)PX_MIN(vec[i].len, (size_t)PTRDIFF_MAX));
	return sum;
}

/* ---- the deadline ---- */

static uint64_t tick_up(int64_t ns)
{
	return ns <= 0 ? 0 : ((uint64_t)ns + (UINT64_C(1) << PX_TICK_SHIFT) - 1) >> PX_TICK_SHIFT;
}

/* When the op's wheel node has work: its deadline, a timer's time, a paused accept's next try.
 * INT64_MAX: never. */
static int64_t op_expiry(const px_op *op)
{
	int64_t at = op->deadline_ns ? op->deadline_ns : INT64_MAX;

	if (op->kind == PX_TIMER)
		return PX_MIN(at, op->args.timer.at_ns);
	if (op_is(op, KINDS_ACCEPT) && op->args.own.c)
		return PX_MIN(at, (int64_t)op->args.own.c);
	return at;
}

static void op_arm(px_core *core, px_op *op)
{
	int64_t at;

	if (!op->deadline_ns && !op_is(op, KINDS_TIMED))
		return;
	at = op_expiry(op);

	if (at != INT64_MAX)
		px_wheel_add(&core->deadlines, &op->timer, tick_up(at));
	else if (!px_node_linked(&op->link)) /* a root's timer, which nothing else would find */
		px_ring_push(&op->handle->owned, &op->link);
}

uint64_t px_op_tick(const px_node *node)
{
	return tick_up(op_expiry(PX_OF(node, px_op, timer)));
}

void px_op_rearm(px_op *op)
{
	px_core *core = px_handle_core(op->handle);

	px_wheel_del(&core->deadlines, &op->timer);
	op_arm(core, op);
}

/* What is left of an end where there is no backend, nothing to give back, and nobody behind it. The
 * other outputs are as px_op_begin has set them. */
static void timer_end(px_core *core, px_op *op, int64_t result)
{
	px_assert(op->state == PX_INFLIGHT);
	px_wheel_del(&core->deadlines, &op->timer);
	px_ring_remove(&op->handle->owned, &op->link);
	op->result = result;
	op->state = PX_DONE;
	px_list_push_back(&core->done, &op->link);
}

void px_op_due(px_op *op, int64_t now)
{
	px_core *core = px_handle_core(op->handle);

	if (op->kind == PX_TIMER && op->args.timer.at_ns <= now) {
		timer_end(core, op, 0);
		return;
	}
	px_assert(op->state == PX_WAITING || op->state == PX_INFLIGHT);
	if (op_expiry(op) > now) { /* moved later since it was armed */
		op_arm(core, op);
		return;
	}
	if (op->deadline_ns && op->deadline_ns <= now) {
		px_op_cancel(op, PX_F_TIMEOUT);
		return;
	}
	/* What is left is a paused accept whose time has come to try again. */
	op->args.own.c = 0;
	op_arm(core, op);
	core->ops->submit(core, op);
}

/* ---- submit and start ---- */

/* What `want` says, as far as it concerns the kind. */
static unsigned flags_wanted(const px_op *op)
{
	bool chain = op->want & PROA_CHAIN && op_is(op, KINDS_SEND);

	return (op->want & PROA_BACKGROUND ? (unsigned)PX_F_BACKGROUND : 0) |
	       (chain ? (unsigned)PX_F_CHAIN : 0);
}

px_op *px_op_begin(proa_handle *handle, proa_op *pub, px_kind kind, proa_done *done)
{
	px_handle *h = px_handle_of(handle);
	px_op *op = px_op_of(pub);
	px_core *core;

	if (PX_UNLIKELY(h->state == PX_H_FREE))
		PX_PANIC("an op was submitted on a handle that is not initialised, or whose close "
		         "has completed");
	core = px_handle_core(h);
	px_core_enter(core);
	if (PX_UNLIKELY(op->state != PX_IDLE))
		PX_PANIC("an op was submitted while it was in flight");
	op->kind = (uint8_t)kind;
	op->state = PX_WAITING;
	op->flags = KINDS_MULTI & PX_KIND_BIT(kind) ? PX_F_MULTI : 0;
	if (op->want)
		op->flags |= (uint16_t)flags_wanted(op);
	op->result = 0;
	op->count = 0;
	op->buf = NULL;
	op->sys_error = 0;
	op->got = 0;
	op->aux = 0;
	op->handle = h;
	op->done = done;
	op->timer = (px_node){0};
	op->args = (px_args){0};
	if (kind == PX_TIMER && !h->owner)
		op->link = (px_node){0};
	else
		px_ring_push(px_queue(h, px_kind_dir[kind]), &op->link);
	h->in_flight++;
	core->active += !(op->flags & PX_F_BACKGROUND);
	px_count(&core->stat.submitted[kind]);
	if (PX_UNLIKELY(core->tracer != NULL))
		core->tracer->submitted(core->tracer, core, op);
	return op;
}

bool px_op_refused(px_op *op)
{
	px_core *core = px_handle_core(op->handle);

	px_assert(op->state == PX_WAITING);
	if (PX_UNLIKELY(px_handle_closing(op->handle) || (op->handle->flags & PX_HF_FINISHING))) {
		op->flags |= PX_F_CANCEL;
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
		return true;
	}
	if (op->deadline_ns && op->deadline_ns <= core->now_ns) {
		op->flags |= PX_F_TIMEOUT;
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
		return true;
	}
	op_arm(core, op);
	return false;
}

/* Why nothing more goes out, 0 if it may. Behind a torn send not even the end of the stream does:
 * it would say that all had gone. */
static int64_t out_refusal(const px_op *op)
{
	unsigned flags = op->handle->flags;

	if (flags & PX_HF_BROKEN)
		return -PROA_EBROKEN;
	if (!op_is(op, KINDS_SEND))
		return 0;
	if (flags & PX_HF_DEAD)
		return -PROA_ECONNRESET;
	return flags & PX_HF_SHUT ? -PROA_EPIPE : 0;
}

static void op_start(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	bool paused = op->flags & PX_F_PAUSED; /* while it waited: the backend learns it now */
	int64_t rc;

	px_assert(op->state == PX_WAITING);
	op->state = PX_INFLIGHT;
	op->flags &= (uint16_t)~PX_F_PAUSED;
	if (op->kind == PX_TIMER)
		return; /* the wheel has it */
	if (px_kind_dir[op->kind] == PX_DIR_OUT && (rc = out_refusal(op)) < 0) {
		px_op_finish(op, rc, 0, 0);
		return;
	}
	if (op->kind == PX_SHUTDOWN)
		h->flags |= PX_HF_SHUT;
	if (op_is(op, core->ops->native))
		core->ops->submit(core, op);
	else
		px_file_submit(core, op);
	if (paused)
		px_op_pause(op); /* unless it has ended */
}

void px_op_go(px_op *op)
{
	px_handle *h = op->handle;
	int dir = px_kind_dir[op->kind];

	if (px_op_refused(op))
		return;
	if (dir == PX_DIR_NONE) {
		op_start(px_handle_core(h), op);
		return;
	}
	if (h->state != PX_H_OPEN && h->state != PX_H_CONNECTING) {
		px_op_finish(op, -PROA_ENOTCONN, 0, 0);
		return;
	}
	if (h->idle_ms && !px_handle_waits(h)) /* idle time counts from here */
		px_handle_idle_begins(h);
	px_queue_advance(h, dir);
}

bool px_op_has_engine(const px_op *op)
{
	return op_is(op, KINDS_ENGINE);
}

void px_op_engine(px_op *op, const px_engine *engine, void *a, void *b)
{
	px_assert(op->state == PX_WAITING && op_is(op, KINDS_ENGINE));
	op->state = PX_INFLIGHT;
	op->flags |= engine->retired ? PX_F_HOOKED : 0;
	op->args.engine.engine = engine;
	op->args.engine.a = a;
	op->args.engine.b = b;
}

void px_op_join(px_op *op)
{
	px_assert(op->state == PX_WAITING && !px_op_asked(op));
	op->state = PX_INFLIGHT;
}

void px_op_part(px_op *op)
{
	px_assert(op->state == PX_INFLIGHT);
	op->state = PX_WAITING;
}

void px_queue_advance(px_handle *h, int dir)
{
	uint16_t busy = dir == PX_DIR_IN ? PX_HF_BUSY_IN : PX_HF_BUSY_OUT;
	px_core *core;
	px_op *op;

	if ((h->flags & busy) || h->state != PX_H_OPEN)
		return; /* busy: a caller below us on the stack goes on with the next one */
	core = px_handle_core(h);
	h->flags |= busy;
	while (h->state == PX_H_OPEN && (op = px_queue_head(h, dir)) && op->state == PX_WAITING)
		op_start(core, op);
	h->flags &= (uint16_t)~busy;
}

void px_queue_fail(px_handle *h, int dir, int64_t result, int32_t sys_error)
{
	uint16_t busy = dir == PX_DIR_IN ? PX_HF_BUSY_IN : PX_HF_BUSY_OUT;
	uint16_t was = h->flags & busy;
	px_node **ring = px_queue(h, dir);
	px_node *node = px_ring_first(*ring), *next;

	h->flags |= busy; /* or the end of one would start the next */
	for (; node; node = next) {
		px_op *op = px_op_linked(node);

		next = px_ring_next(*ring, node);
		if (op->state != PX_WAITING)
			continue;
		if (result == -PROA_ECANCELED) /* what it waited for was cancelled, and so is it */
			op->flags |= PX_F_CANCEL;
		if (op_is(op, KINDS_SEND))
			op->flags &= (uint16_t)~PX_F_CHAIN; /* those behind it fail here too */
		px_op_finish(op, result, 0, sys_error);
	}
	h->flags = (uint16_t)((h->flags & ~busy) | was);
}

/* ---- finish ---- */

static int64_t op_canceled_as(const px_op *op)
{
	if (op->flags & PX_F_CANCEL)
		return -PROA_ECANCELED;
	return op->flags & PX_F_TIMEOUT ? -PROA_ETIMEDOUT : -PROA_EABORTED;
}

/* What an op of this kind holds, goes back. */
static void op_release(px_core *core, px_op *op)
{
	switch (op->kind) {
	case PX_SEND_POOLED: px_pool_give_at(op->args.lent.pool, op->aux); break;
	case PX_RECV_POOLED:
	case PX_RECV_MANY:
		if (op->args.pooled.pool)
			op->args.pooled.pool->users--;
		if (op->args.pooled.quota)
			px_quota_end(core, op->args.pooled.quota);
		break;
	case PX_RECV_MSG_MANY:
		if (op->args.pooled.pool) {
			px_gram_drop(op);
			op->args.pooled.pool->users--;
		}
		break;
	case PX_SEND_FILE:
		if (op->args.file.file) {
			op->args.file.file->in_flight--;
			px_handle_check(op->args.file.file);
		}
		break;
	case PX_CONNECT:
		px_free(&core->alloc, (void *)(uintptr_t)op->args.io.ptr, sizeof(proa_addr));
		break;
	default: break; /* the others hold nothing */
	}
}

/* A connect ended: what waited for it goes on, or ends as it did. */
static void connect_ended(px_op *op, int64_t result)
{
	px_handle *h = op->handle;

	if (h->state != PX_H_CONNECTING || !(op->flags & PX_F_STARTED))
		return; /* closing: the close deals with the rest; or a second connect, refused */
	if (result >= 0) {
		h->state = PX_H_OPEN;
		px_queue_advance(h, PX_DIR_IN);
		px_queue_advance(h, PX_DIR_OUT);
		return;
	}
	px_handle_unopen(h);
	px_queue_fail(h, PX_DIR_IN, result, op->sys_error);
	px_queue_fail(h, PX_DIR_OUT, result, op->sys_error);
}

static void op_unlist(px_op *op)
{
	if (op->flags & PX_F_PARKED) {
		px_pool_unpark(op);
		return;
	}
	px_list_remove(&op->more);
	op->flags &= (uint16_t)~PX_F_LISTED;
	op->buf = NULL;
}

/* Everything a final does but queueing it. */
static void op_end(px_core *core, px_op *op, int64_t result, int64_t count, int32_t sys_error)
{
	px_handle *h = op->handle;

	px_assert(op->state == PX_WAITING || op->state == PX_INFLIGHT);
	if (op->flags & (PX_F_PARKED | PX_F_LISTED))
		op_unlist(op);
	px_wheel_del(&core->deadlines, &op->timer);
	if (result == -PROA_ECANCELED)
		result = op_canceled_as(op);
	if (op_is(op, KINDS_HOLD))
		op_release(core, op);
	if (op->flags &
	    PX_F_CALLING) { /* its callback is reading the outputs: retire puts these there */
		op->args.own.a = (uint64_t)result;
		if (!op_is(op, KINDS_BELL)) /* its rings are counted there, until it is told */
			op->args.own.b = (uint64_t)count;
		op->args.own.c = (uint64_t)(int64_t)sys_error;
		op->flags |= PX_F_SAVED;
	} else {
		op->result = result;
		op->count = count;
		op->sys_error = sys_error;
		op->got &= (uint16_t)~PROA_MORE;
		if (op->flags & PX_F_MULTI)
			op->buf = NULL; /* the last MORE one's, which was told already */
	}
	px_ring_remove(px_queue(h, px_kind_dir[op->kind]), &op->link);
	op->state = PX_DONE;
}

/* What the end of this op means for the others of its handle. */
static void op_ended(px_op *op, int64_t result, int64_t count)
{
	px_handle *h = op->handle;
	int dir = px_kind_dir[op->kind];

	if (op->kind == PX_CONNECT) {
		connect_ended(op, op->result);
		return;
	}
	if (dir == PX_DIR_NONE || px_handle_closing(h))
		return;
	if (result < 0 && op_is(op, KINDS_SEND) && (count > 0 || op->flags & PX_F_CHAIN) &&
	    !(h->flags & PX_HF_BROKEN)) {
		h->flags |= PX_HF_BROKEN; /* going on would corrupt the stream */
		px_queue_fail(h, PX_DIR_OUT, -PROA_EBROKEN, 0);
	}
	if (*px_queue(h, dir))
		px_queue_advance(h, dir);
}

void px_op_finish(px_op *op, int64_t result, int64_t count, int32_t sys_error)
{
	px_core *core = px_handle_core(op->handle);

	op_end(core, op, result, count, sys_error);
	px_list_push_back(&core->done, &op->link);
	op_ended(op, result, count);
}

void px_op_finish_pulled(px_op *op, int64_t result, int64_t count, int32_t sys_error)
{
	op_end(px_handle_core(op->handle), op, result, count, sys_error);
	op_ended(op, result, count);
}

void px_op_retire(px_op *op)
{
	px_core *core = px_handle_core(op->handle);

	px_assert(op->state == PX_DONE && !px_node_linked(&op->link));
	op->state = PX_IDLE;
	if (op->flags & PX_F_SAVED) {
		op->result = (int64_t)op->args.own.a;
		op->count = op_is(op, KINDS_BELL) ? 0 : (int64_t)op->args.own.b;
		op->sys_error = (int32_t)op->args.own.c;
		op->buf = NULL;
		op->got &= (uint16_t)~PROA_MORE;
	}
	if (op->flags & PX_F_HOOKED && op_is(op, KINDS_ENGINE))
		op->args.engine.engine->retired(op);
	op->handle->in_flight--;
	core->active -= !(op->flags & PX_F_BACKGROUND);
	px_count(&core->stat.retired);
	if (PX_LIKELY(op->result >= 0))
		return;
	if (op->result == -PROA_ECANCELED)
		px_count(&core->stat.canceled);
	else if (op->result == -PROA_ETIMEDOUT)
		px_count(&core->stat.timed_out);
}

void px_op_more(px_op *op)
{
	if (op->state != PX_INFLIGHT ||
	    (op->flags & (PX_F_PAUSED | PX_F_LISTED | PX_F_PARKED | PX_F_CALLING)))
		return; /* while its callback runs, the loop pulls again by itself */
	if (op_is(op, KINDS_BELL) && !(op->flags & PX_F_QUOTA))
		return; /* not here: the link belongs to whoever rings it */
	op->flags |= PX_F_LISTED;
	op->more = (px_node){0};
	px_list_push_back(&px_handle_core(op->handle)->more, &op->more);
}

/* ---- pausing ---- */

static void pause_tell(px_op *op, bool paused)
{
	px_core *core = px_handle_core(op->handle);

	if (core->ops->pause && op_is(op, core->ops->native))
		core->ops->pause(core, op, paused);
}

void px_op_pause(px_op *op)
{
	px_assert(op->flags & PX_F_MULTI);
	if (op->flags & PX_F_PAUSED)
		return;
	if (op->state == PX_DONE || px_op_asked(op))
		return; /* it is on its way to its end, which no pause holds up */
	if (op->flags & PX_F_LISTED) {
		px_list_remove(&op->more);
		op->flags &= (uint16_t)~PX_F_LISTED;
	}
	op->flags |= PX_F_PAUSED;
	if (op->state == PX_INFLIGHT)
		pause_tell(op, true);
}

void px_op_resume(px_op *op)
{
	if (op->state == PX_DONE || !(op->flags & PX_F_PAUSED))
		return;
	op->flags &= (uint16_t)~PX_F_PAUSED;
	if (op->state == PX_WAITING)
		return;
	px_handle_idle_begins(op->handle);
	pause_tell(op, false);
	px_op_more(op);
}

/* ---- cancel ---- */

static void inflight_cancel(px_core *core, px_op *op)
{
	if (op->kind == PX_TIMER)
		timer_end(core, op, op_canceled_as(op));
	else if ((op->flags & PX_F_PARKED) ||
	         (op_is(op, KINDS_ACCEPT) && op->args.own.c)) /* nobody else has it */
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	else if (op_is(op, KINDS_ENGINE))
		op->args.engine.engine->cancel(core, op);
	else if (op->kind == PX_WORK || !op_is(op, core->ops->native))
		px_work_cancel(core, op);
	else
		core->ops->cancel(core, op);
}

void px_op_cancel(px_op *op, unsigned why)
{
	if (op->state == PX_IDLE || op->state == PX_DONE || op->kind == PX_POST)
		return; /* late, or never cancellable: it ends as it ends */
	if (op->flags & (PX_F_CANCEL | PX_F_TIMEOUT))
		return; /* asked already, and the first to ask names the result */
	op->flags |= (uint16_t)why;
	if (op->state == PX_WAITING)
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	else
		inflight_cancel(px_handle_core(op->handle), op);
}
