/* What the files of this folder share. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_FS_FS_H
#define PX_FS_FS_H

#include "op/file.h"
#include "proa/fs.h"

/* Between two looks at whether somebody wants a task to end. */
enum { PX_FS_AT_ONCE_BYTES = 4 << 20 };

/* Where relative paths of an op on this handle begin, as px_call_args.fd; or -PROA_EBADF. */
int64_t px_fs_base(const px_handle *owner);
/* For an op that is WAITING: zeros from the loop's allocator, for a request of a task. NULL: the op
 * has ended, for want of memory, because of `rc`, or because its handle is being opened. */
void *px_fs_request(px_core *core, px_op *op, size_t bytes, int64_t rc);
/* 0: the op's handle is an open file; else why it is none. */
int64_t px_fs_open_check(const px_op *op);
/* WAITING -> INFLIGHT, on a worker as soon as there is one: file_call with this request. */
void px_fs_task(px_core *core, px_op *op, const px_file_task *task, void *request);

#endif
