/* File operations as workers run them, for backends that have none of their own. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_FILE_H
#define PX_OP_FILE_H

#include "op/core.h"

#include "proa/net.h"

/* args.io of each kind:
 *
 *   FILE_OPEN  ptr px_file_request, len its bytes
 *   FSTAT      ptr proa_stat_info
 *   READ       ptr, len, off
 *   WRITE      ptr, len, off
 *   READV      ptr proa_vec, len how many, off
 *   WRITEV     ptr proa_vec, len how many, off
 *   FSYNC      off 1: only what is needed to read the bytes again
 *   DIR_READ   ptr, len
 *
 * A worker leaves in FILE_OPEN's args.io.off PX_HF_NEAR or 0, in all op->result, sys_error and got,
 * and for READ, WRITE, READV and WRITEV the bytes that moved in args.io.len, since op->count is the
 * link to the loop's inbox by then. */

/* An open under way: from the loop's allocator, freed at the op's final. */
typedef struct px_file_request {
	px_handle *dir; /* its in_flight counts this one; NULL: the current folder */
	char *name;     /* a temporary file's, to be told to the caller; NULL: no such one */
	unsigned flags, mode;
	char path[];
} px_file_request;

/* What a FILE_CALL is, with args.call.request of its own. */
typedef struct px_file_task {
	/* On a worker: op->result, in the end. May ask proa_work_cancelled. */
	int64_t (*run)(px_op *op);
	/* The loop's thread: it has run, or will not (then with why). Releases the request and ends
	 * the op; or gives it to a worker once more. */
	void (*returned)(px_core *core, px_op *op, int64_t result);
} px_file_task;

/* A worker's: names that end with XXXXXX, one after another. `make` returns -PROA_EEXIST for those
 * that there are already, and the result of the first that is none. */
typedef int64_t px_temp_make(void *arg, int32_t *sys_error);
enum { PX_TEMP_CHARS = 6 };
bool px_temp_is(const char *name); /* it ends so */
int64_t px_temp_try(char *name, px_temp_make *make, void *arg, int32_t *sys_error);

/* INFLIGHT op of a file kind: ended at once, on the loop's thread, if memory holds what it asks
 * for. False: it is as it was. */
bool px_file_now(px_core *core, px_op *op);
/* The same; else to the FILES lane. */
void px_file_submit(px_core *core, px_op *op);
/* On a worker: does it. */
void px_file_run(px_op *op);
/* The loop's thread: it has run. Opens the handle, releases what the op held, ends it. */
void px_file_returned(px_core *core, px_op *op);
/* It will not run: releases what it held and ends it so. */
void px_file_dropped(px_core *core, px_op *op, int64_t result);

#endif
