/* What the process is for: blocking work on threads, strands, and signals. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_PROC_H
#define PROA_PROC_H
#include "proa/loop.h"
PROA_C_BEGIN

/* Lanes keep slow look-ups, files and computing from starving one another: each has its own threads
 * and queue. */
typedef enum proa_lane { PROA_LANE_CPU, PROA_LANE_FILES, PROA_LANE_DNS } proa_lane;

typedef struct proa_workers_options {
	size_t size;
	unsigned threads[3];   /* at most, by lane; started as needed (0: CPUs, 4, 4) */
	unsigned queue_max[3]; /* tasks waiting at most, by lane (0: 65536); more: EFULL */
} proa_workers_options;

/* A pool that several loops may share (proa_loop_options.workers). Errors: ENOMEM, EINVAL. Any
 * thread. */
PROA_API int proa_workers_open(proa_workers **workers, const proa_workers_options *options);
/* Joins the threads. Loops that used it must be closed. -PROA_ETIMEDOUT: a task outlived the
 * deadline (on the monotonic clock, 0: none); the pool is still there. */
PROA_API int proa_workers_close(proa_workers **workers, int64_t deadline_ns);

/* A serial queue on workers: its tasks run on any of them, never two at once, in submission order,
 * and their dones come in that order. All zero is ready. Belongs to one loop while it has tasks. */
typedef struct proa_strand {
	uint64_t px_[6];
} proa_strand;

/* Runs on a worker; may block; touches only what it was given. What it returns becomes op->result.
 */
typedef int64_t proa_work_fn(proa_op *op);

/* Submits fn to the CPU lane, through `strand` if not NULL. Cancellable until started; the running
 * function may ask. Errors: EFULL, ENOMEM (no thread could be started), ECANCELED. */
PROA_API void proa_work(proa_handle *owner, proa_op *op, proa_strand *strand, proa_work_fn *fn,
                        proa_done *done);
PROA_API bool proa_work_cancelled(
	const proa_op *op); /* inside fn, on the worker: somebody asked to cancel */

/* Multishot: result: how often the signal came since last told. The signal's disposition is the
 * library's while any such op is in flight anywhere, and what it was before afterwards. Cancellable
 * always. Errors: EINVAL (no such signal, or one that cannot be caught), EBUSY (more than 64 in the
 * process). */
PROA_API void proa_signal(proa_handle *owner, proa_op *op, int signo, proa_done *done);

PROA_C_END
#endif
