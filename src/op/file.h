/* File operations as workers run them, for backends that have none of their own. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_FILE_H
#define PX_OP_FILE_H

#include "op/core.h"

/* args.io of each kind:
 *
 *   FILE_OPEN  ptr px_file_request, len its bytes
 *   FSTAT      ptr proa_stat_info
 *   READ       ptr, len, off
 *   WRITE      ptr, len, off
 *   FSYNC      nothing
 *   DIR_READ   ptr, len
 *
 * A worker leaves in FILE_OPEN's args.io.off PX_HF_NEAR or 0, in all op->result, sys_error and got,
 * and for READ and WRITE the bytes that moved in args.io.len, since op->count is the link to the
 * loop's inbox by then. */

/* An open under way: from the loop's allocator, freed at the op's final. */
typedef struct px_file_request {
	px_handle *dir; /* its in_flight counts this one; NULL: the current folder */
	unsigned flags, mode;
	char path[];
} px_file_request;

/* INFLIGHT op of a file kind: ended at once, if memory holds what it asks for; else to the FILES
 * lane. */
void px_file_submit(px_core *core, px_op *op);
/* On a worker: does it. */
void px_file_run(px_op *op);
/* The loop's thread: it has run. Opens the handle, releases what the op held, ends it. */
void px_file_returned(px_core *core, px_op *op);
/* It will not run: releases what it held and ends it so. */
void px_file_dropped(px_core *core, px_op *op, int64_t result);

#endif
