/* Threads for what only blocks: lanes of workers, the tasks queued for them, and strands. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_WORKER_H
#define PX_OP_WORKER_H

#include "op/core.h"
#include "proa/proc.h"

enum { PX_LANES = 3 };
_Static_assert(PROA_LANE_DNS == PX_LANES - 1, "a lane for each name");

/* ---- states of a task: an op INFLIGHT of kind WORK or of a file kind that no backend takes ----
 *
 *   HELD ---> QUEUED ---> RUNNING ---> (the loop's inbox) ---> px_work_returned ---> DONE
 *     \          \---- cancel: taken out, ends at once
 *      \-------------- cancel: the same
 *
 *   state    where its link (op->more) is        who may touch the op
 *   HELD     its strand's list                   the loop's thread, under the lane's lock
 *   QUEUED   its lane's queue                    the same
 *   RUNNING  nowhere                             the worker: args, result, got, sys_error, inbox
 *
 * State, lane and "somebody asked to cancel" are bits of op->aux, changed under the lane's lock;
 * the running function reads it without.
 *
 * Results travel by px_core_send, which counts who is inside: a loop's close waits for them, not
 * for the lane. */

/* proa_strand from the inside. The lock of its lane guards what its tasks change. */
typedef struct px_strand {
	px_node *held; /* ring by op->more: tasks behind the one that is queued or running */
	bool busy;     /* one is queued or running */
	unsigned lane; /* its first task's and one more; 0: no task yet. The loop's thread alone */
} px_strand;
_Static_assert(sizeof(px_strand) <= sizeof(proa_strand), "px_strand is proa_strand");

/* The core's pool, made at first use if the options gave none; NULL: no memory. */
proa_workers *px_core_workers(px_core *core);
/* The loop is closed: frees its own pool, having joined the threads; leaves a shared one. */
void px_workers_free(px_core *core);

/* INFLIGHT op: a worker of the lane runs it: args.work.fn for WORK, else px_file_run. May end it at
 * once (EFULL, ENOMEM). */
void px_work_submit(px_core *core, px_op *op, proa_lane lane);
/* What has not begun ends now with -PROA_ECANCELED; what runs is told to hurry. */
void px_work_cancel(px_core *core, px_op *op);
/* The loop's thread: it came back through the inbox. */
void px_work_returned(px_core *core, px_op *op);

#endif
