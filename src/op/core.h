/* The core of a loop: what ops, handles, pools and backends share. The loop floor embeds it. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_CORE_H
#define PX_OP_CORE_H

#include "base/alloc.h"
#include "base/wheel.h"
#include "op/op.h"
#include "sys/sys.h"

#include <stdatomic.h>

enum { PX_TICK_SHIFT = 17 }; /* a tick of the wheels: 2^17 ns, 131 us */

#define PX_CORE_MAGIC PX_MAGIC('p', 'r', 'o', 'a')

typedef struct px_backend_ops px_backend_ops;

/* Told on the loop's thread, between the library's own steps: looks, and submits nothing. */
typedef struct px_tracer px_tracer;
struct px_tracer {
	void (*submitted)(px_tracer *, px_core *, const px_op *);
	/* A completion, before its callback: with MORE, or the final one. */
	void (*completed)(px_tracer *, px_core *, const px_op *);
	void (*closed)(px_tracer *, px_core *, const px_handle *); /* before its callback */
	void (*gone)(px_tracer *, px_core *); /* the loop has closed, and is about to be freed */
};

/* Written by the loop's thread alone, read by any: relaxed atomics, so each value is whole. */
typedef struct px_counters {
	_Atomic uint64_t submitted[PX_KIND_COUNT];
	_Atomic uint64_t retired, more; /* final completions, and those with MORE */
	_Atomic uint64_t canceled, timed_out, iterations, waits, wakeups, system_calls;
	_Atomic uint64_t bytes_in, bytes_out, pool_parks, accept_pauses, accept_aborted, handles;
	_Atomic uint64_t memory_bytes, memory_blocks, allocations;
} px_counters;

static inline void px_count_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

static inline void px_count(_Atomic uint64_t *c)
{
	px_count_add(c, 1);
}

struct px_core {
	uint32_t magic;
	px_handle root;
	px_allocator alloc;
	const px_backend_ops *ops;
	void *backend;           /* the backend's state */
	const px_system *system; /* that it was opened on; NULL: the machine's own */
	void *place;             /* where there */
	px_tracer *tracer;       /* is told what begins and ends; NULL: nobody */
	int64_t now_ns;          /* read once an iteration */
	px_list done;            /* DONE, in the order they ended */
	px_list more;            /* multishot ops that may have something to pull, by op->more */
	px_list closed;          /* handles CLOSED, to be told */
	px_list pools;           /* px_pool.all */
	px_wheel deadlines;      /* ops, by op->timer */
	px_wheel idles;          /* handles, by handle->idle */
	uint64_t active; /* what keeps proa_run going: ops not in the background, handles closing */
	const volatile unsigned char
		*fork_mark; /* reads 0 in a child after fork; NULL: the system has none */
	int64_t pid;        /* of the process that opened it */
	const void *thread; /* the owner's px_sys_thread; NULL until first use */
	px_counters stat;
	px_pool *pool;                 /* the loop's own, made at first use */
	px_pool *gram_pool;            /* the same for datagrams */
	void *dns;                     /* what is known of names, dns/dns.h; made at first use */
	size_t pool_count, pool_bytes; /* its options */
	struct proa_workers *workers;  /* what blocks; made at first use if the options gave none */
	int32_t ducts[64][2];          /* kept for the next, op/duct.h */
	uint32_t ducts_kept, ducts_lent;
	bool own_workers;
	bool calling; /* a callback is running */
	bool forked;  /* being released in the child of a fork: the system's side is the parent's */
	bool closing; /* proa_loop_close has begun */
	bool sigpipe_blocked; /* by a send_file, until the run function returns */
	int64_t noticed;      /* an error the loop is to tell the program's notice, 0 none */
	const char *noticed_what;
	/* Shared with other threads from here on, and on a cache line of their own: padded, not
	 * aligned, since the allocator knows nothing of lines. */
	char apart[PX_CACHE_LINE];
	px_mpsc inbox; /* posts, doorbells, workers' returns */
	_Atomic uint32_t
		asleep; /* 1 while the loop may sleep in ops->wait: who sets it 0 wakes it */
	_Atomic uint32_t
		senders; /* threads inside px_core_send or px_core_stop; a close awaits them */
	_Atomic uint32_t stop;
	_Atomic uint64_t posted; /* posts not yet run */
};

static inline px_core *px_core_of(const proa_loop *loop)
{
	px_core *core = (px_core *)(uintptr_t)loop; /* the loop's first member */
	px_assert(core->magic == PX_CORE_MAGIC);
	return core;
}

static inline uint32_t px_ms(const px_core *core)
{
	return (uint32_t)((uint64_t)core->now_ns / 1000000u);
}

/* Any thread: completions so far, and ops in flight. */
static inline uint64_t px_completed(const px_core *core)
{
	return atomic_load_explicit(&core->stat.retired, memory_order_acquire) +
	       atomic_load_explicit(&core->stat.more, memory_order_acquire);
}

uint64_t px_in_flight(const px_core *core);

/* Any thread: hands an op (by op->inbox) to the loop, and wakes it if it sleeps. */
void px_core_send(px_core *core, px_op *op);
/* Any thread: the run function that is under way, or the next one, returns. */
void px_core_stop(px_core *core);
/* Panics unless this is the owner's thread; the first caller becomes it. */
void px_core_come(px_core *core);

static inline void px_core_enter(px_core *core)
{
	/* Its own thread, on the machine's own system, and no fork since. */
	if (PX_UNLIKELY(core->thread != &px_here || px_here.system || !core->fork_mark ||
	                !*core->fork_mark))
		px_core_come(core);
}

#endif
