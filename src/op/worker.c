/* Workers: lanes of threads, each with a bounded queue, and strands over them. */
/* SPDX-License-Identifier: MIT */
#include "op/worker.h"

#include "op/file.h"
#include "sys/sys.h"

enum { THREADS_MAX = 1024, THREADS_BLOCKING = 4, QUEUE_MAX = 65536 };

/* op->aux of a task. */
enum { LANE_BITS = 3, HELD = 1 << 4, QUEUED = 1 << 5, RUNNING = 1 << 6, CANCELLED = 1 << 7 };

#define WORKERS_MAGIC PX_MAGIC('w', 'o', 'r', 'k')

typedef struct lane {
	px_lock lock;   /* guards all that follows; its condition: tasks, stop, a thread's end */
	px_list queue;  /* QUEUED tasks by op->more, first in first out */
	unsigned ready; /* in `queue` */
	unsigned waiting, waiting_max; /* QUEUED and HELD */
	unsigned started, started_max; /* threads */
	unsigned idle;                 /* of those, waiting for a task */
	unsigned ended;                /* of those, returned */
	bool stop;
	px_thread *threads;
} lane;

struct proa_workers {
	uint32_t magic;
	px_allocator *alloc;
	px_allocator own; /* what `alloc` is, if no loop lent one */
	size_t bytes;
	int64_t pid; /* of the process that has the threads */
	lane lanes[PX_LANES];
};

/* ---- tasks ---- */

static _Atomic uint32_t *task_bits(const px_op *op)
{
	_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a plain word");
	return (_Atomic uint32_t *)(uintptr_t)&op->aux;
}

static void task_set(px_op *op, uint32_t clear, uint32_t set)
{
	uint32_t bits = atomic_load_explicit(task_bits(op), memory_order_relaxed);

	atomic_store_explicit(task_bits(op), (bits & ~clear) | set, memory_order_relaxed);
}

static bool task_is(const px_op *op, uint32_t bit)
{
	return (atomic_load_explicit(task_bits(op), memory_order_relaxed) & bit) != 0;
}

static px_strand *task_strand(const px_op *op)
{
	return op->kind == PX_WORK ? op->args.work.strand : NULL;
}

bool proa_work_cancelled(const proa_op *op)
{
	return task_is(px_op_of(op), CANCELLED);
}

/* ---- a lane, under its lock ---- */

static void lane_push(lane *l, px_op *op)
{
	task_set(op, HELD, QUEUED);
	op->more = (px_node){0};
	px_list_push_back(&l->queue, &op->more);
	l->ready++;
}

static void lane_remove(lane *l, px_op *op)
{
	px_list_remove(&op->more);
	l->ready--;
	l->waiting--;
}

/* The strand's task has ended: the next one, if there is any, for lane_push. */
static px_op *strand_next(px_strand *s)
{
	px_node *node;

	if (!s)
		return NULL;
	node = px_ring_pop(&s->held);
	s->busy = node != NULL;
	return node ? PX_OF(node, px_op, more) : NULL;
}

static void task_run(px_op *op)
{
	if (op->kind == PX_WORK)
		op->result = op->args.work.fn(px_op_pub(op));
	else
		px_file_run(op);
}

/* Of a strand: under the lock, for the next task is pushed behind the final of this one, so that
 * they leave in the order of the tasks. It is this worker, or one that it leaves free, that takes
 * it: so nobody is woken. The strand is done with first, because it may go with the final. */
static void strand_return(lane *l, px_op *op, px_strand *s)
{
	px_op *next = strand_next(s);

	px_core_send(px_handle_core(op->handle), op);
	if (next)
		lane_push(l, next);
}

/* Without the lock, which others would wait for while a loop is woken. */
static void lane_run_one(lane *l, px_op *op)
{
	px_strand *s = task_strand(op);

	px_lock_leave(&l->lock);
	task_run(op);
	if (!s)
		px_core_send(px_handle_core(op->handle), op);
	px_lock_enter(&l->lock);
	if (s)
		strand_return(l, op, s);
}

static void lane_run(void *arg)
{
	lane *l = arg;

	px_lock_enter(&l->lock);
	for (;;) {
		px_op *op;

		for (l->idle++; !l->ready && !l->stop;)
			px_lock_wait(&l->lock);
		l->idle--;
		if (!l->ready)
			break;
		op = PX_OF(px_list_first(&l->queue), px_op, more);
		lane_remove(l, op);
		task_set(op, QUEUED, RUNNING);
		lane_run_one(l, op);
	}
	l->ended++;
	px_lock_wake_all(&l->lock);
	px_lock_leave(&l->lock);
}

/* False: there is no thread at all, and none can be had. */
static bool lane_staff(lane *l)
{
	static const char name[] = "proa-worker";

	if (l->ready > l->idle && l->started < l->started_max &&
	    px_thread_start(&l->threads[l->started], lane_run, l, name) == 0)
		l->started++;
	return l->started > 0;
}

/* 0, or why it was not taken. */
static int64_t lane_take(lane *l, px_op *op)
{
	px_strand *s = task_strand(op);

	if (l->stop) /* its threads may have ended, and nobody would run it */
		return -PROA_ESTOPPED;
	if (l->waiting >= l->waiting_max)
		return -PROA_EFULL;
	l->waiting++;
	if (s && s->busy) {
		task_set(op, 0, HELD);
		op->more = (px_node){0};
		px_ring_push(&s->held, &op->more);
		return 0;
	}
	lane_push(l, op);
	if (!lane_staff(l)) {
		lane_remove(l, op);
		return -PROA_ENOMEM;
	}
	if (s)
		s->busy = true;
	return 0;
}

/* ---- the pool ---- */

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static unsigned lane_threads(const proa_workers_options *o, unsigned i)
{
	return or_default(o->threads[i], i == PROA_LANE_CPU ? px_sys_cpus() : THREADS_BLOCKING);
}

static void lane_init(lane *l, unsigned threads, unsigned queue_max, px_thread *room)
{
	px_lock_init(&l->lock);
	px_list_init(&l->queue);
	l->waiting_max = or_default(queue_max, QUEUE_MAX);
	l->started_max = threads;
	l->threads = room;
}

/* One piece of memory, the threads' room at its end: it is asked for on one thread and given back
 * on one. */
static proa_workers *workers_new(px_allocator *a, const proa_workers_options *o)
{
	size_t threads = 0, bytes;
	px_thread *room;
	proa_workers *w;

	for (unsigned i = 0; i < PX_LANES; i++)
		threads += lane_threads(o, i);
	bytes = sizeof *w + threads * sizeof *room;
	if (!(w = px_zalloc(a, bytes)))
		return NULL;
	w->magic = WORKERS_MAGIC;
	w->alloc = a;
	w->bytes = bytes;
	w->pid = px_sys_pid();
	room = (px_thread *)(void *)(w + 1);
	for (unsigned i = 0; i < PX_LANES; i++) {
		lane_init(&w->lanes[i], lane_threads(o, i), o->queue_max[i], room);
		room += lane_threads(o, i);
	}
	return w;
}

int proa_workers_open(proa_workers **out, const proa_workers_options *options)
{
	static const proa_workers_options none;
	const proa_workers_options *o = options ? options : &none;
	px_allocator a;
	proa_workers *w;

	px_system_plain();
	*out = NULL;
	if (o->size && o->size != sizeof *o)
		return -PROA_ESIZES;
	for (unsigned i = 0; i < PX_LANES; i++)
		if (o->threads[i] > THREADS_MAX)
			return -PROA_EINVAL;
	px_system_allocator(&a, NULL, NULL);
	if (!(w = workers_new(&a, o)))
		return -PROA_ENOMEM;
	w->own = a;
	w->alloc = &w->own;
	*out = w;
	return 0;
}

static void lane_stop(lane *l)
{
	px_lock_enter(&l->lock);
	l->stop = true;
	px_lock_wake_all(&l->lock);
	px_lock_leave(&l->lock);
}

/* Every thread has returned from lane_run when this is true; joining then does not block. */
static bool lane_ended(lane *l, int64_t deadline_ns)
{
	bool in_time = true;

	px_lock_enter(&l->lock);
	while (l->ended < l->started && in_time)
		in_time = px_lock_wait_until(&l->lock, deadline_ns);
	in_time = l->ended == l->started;
	px_lock_leave(&l->lock);
	return in_time;
}

/* In a child after fork there are no threads, and the locks are whatever they were. */
static bool workers_forked(const proa_workers *w)
{
	return w->pid != px_sys_pid();
}

static void workers_free(proa_workers *w)
{
	px_allocator a = *w->alloc, *alloc = w->alloc == &w->own ? &a : w->alloc;

	for (unsigned i = 0; i < PX_LANES && !workers_forked(w); i++) {
		for (unsigned k = 0; k < w->lanes[i].started; k++)
			px_thread_join(&w->lanes[i].threads[k]);
		px_lock_destroy(&w->lanes[i].lock);
	}
	PX_MAGIC_KILL(w);
	px_free(alloc, w, w->bytes);
}

int proa_workers_close(proa_workers **workers, int64_t deadline_ns)
{
	proa_workers *w = *workers;

	if (!w)
		return 0;
	PX_MAGIC_CHECK(w, WORKERS_MAGIC);
	for (unsigned i = 0; i < PX_LANES && !workers_forked(w); i++)
		lane_stop(&w->lanes[i]);
	for (unsigned i = 0; i < PX_LANES && !workers_forked(w); i++)
		if (!lane_ended(&w->lanes[i], deadline_ns ? deadline_ns : INT64_MAX))
			return -PROA_ETIMEDOUT;
	workers_free(w);
	*workers = NULL;
	return 0;
}

proa_workers *px_core_workers(px_core *core)
{
	static const proa_workers_options none;

	if (!core->workers) {
		core->workers = workers_new(&core->alloc, &none);
		core->own_workers = core->workers != NULL;
	}
	return core->workers;
}

void px_workers_free(px_core *core)
{
	if (!core->workers)
		return;
	if (core->own_workers)
		proa_workers_close(&core->workers, 0);
}

/* ---- from the loop ---- */

static void task_refuse(px_core *core, px_op *op, int64_t result)
{
	op->buf = NULL;
	if (op->kind == PX_WORK)
		px_op_finish(op, result, 0, 0);
	else
		px_file_dropped(core, op, result);
}

void px_work_submit(px_core *core, px_op *op, proa_lane which)
{
	proa_workers *w = px_core_workers(core);
	lane *l = w ? &w->lanes[which] : NULL;
	int64_t rc = -PROA_ENOMEM;

	px_assert(op->state == PX_INFLIGHT);
	op->aux = which;
	if (l) {
		px_lock_enter(&l->lock);
		rc = lane_take(l, op);
		if (l->ready && l->idle)
			/* Not behind the lock: who is woken waits for it, so several that are
			 * submitted in a row are not taken turns with. */
			px_lock_wake_one(&l->lock);
		px_lock_leave(&l->lock);
	}
	if (rc < 0)
		task_refuse(core, op, rc);
}

/* Under the lock: true if it was taken out, so that it can end now. */
static bool task_take_out(lane *l, px_op *op)
{
	px_op *next;

	task_set(op, 0, CANCELLED);
	if (task_is(op, HELD)) {
		px_ring_remove(&task_strand(op)->held, &op->more);
		l->waiting--;
		return true;
	}
	if (!task_is(op, QUEUED))
		return false;
	lane_remove(l, op);
	next = strand_next(task_strand(op));
	if (next)
		lane_push(l, next);
	return true;
}

void px_work_cancel(px_core *core, px_op *op)
{
	uint32_t bits = atomic_load_explicit(task_bits(op), memory_order_relaxed);
	lane *l = &core->workers->lanes[bits & LANE_BITS];
	bool out;

	px_lock_enter(&l->lock);
	out = task_take_out(l, op);
	px_lock_leave(&l->lock);
	if (out)
		task_refuse(core, op, -PROA_ECANCELED);
}

void px_work_returned(px_core *core, px_op *op)
{
	op->buf = NULL;
	if (op->kind == PX_WORK)
		px_op_finish(op, op->result, 0, op->sys_error);
	else
		px_file_returned(core, op);
}
