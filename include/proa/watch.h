/* Watching files and folders for changes. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_WATCH_H
#define PROA_WATCH_H
#include "proa/loop.h"
PROA_C_BEGIN

/* What has happened to a name, or'd. */
enum {
	PROA_W_CREATED = 1,    /* it is there now: made, or with MOVED brought here */
	PROA_W_REMOVED = 2,    /* it is gone: removed, or with MOVED taken away */
	PROA_W_CHANGED = 4,    /* bytes of it were written or cut off */
	PROA_W_ATTRIBUTES = 8, /* its mode, owner, times or number of links; CHANGED on Windows */
	PROA_W_MOVED = 16,
	PROA_W_DIR = 32,     /* it is a folder; not told on Windows of what is gone */
	PROA_W_OVERFLOW = 64 /* changes were lost, below that name or, without one, anywhere: who
	                        wants to know what is so now has to look */
};

/* One change, as they are packed into op->buf: the next one is `bytes` further. */
PROA_EXTENSION typedef struct proa_change {
	uint32_t bytes;
	uint32_t what; /* PROA_W_... */
	uint32_t pair; /* of MOVED: the same at both ends of a move, if both are inside of what
	                  is watched; 0: not known */
	uint32_t name_len;
	char name[]; /* relative to what is watched, "/" between; "" for itself; 0-terminated */
} proa_change;

enum { PROA_WATCH_TREE = 1 }; /* all folders below, too, and those that come */

/* Multishot: tells what happens to a folder and what is in it, or to a file. The first completion,
 * with result 0 and PROA_MORE, says that from now on it is watched. Then result: bytes of changes
 * at op->buf, packed, in their order as far as the system keeps it, until the callback returns
 * (with proa_wait: until the loop runs again). What is not taken waits in the system's queue, whose
 * end is told as OVERFLOW; equal changes in a row may be told as one. Where the system does not say
 * what has changed (kqueue) that is found by comparing: what came and went between is not told, and
 * what has no descriptor is looked at once a second. In a folder that appears in a tree things may
 * have happened before it could be watched: what is in it then is told as CREATED, some perhaps
 * twice. Links are not followed, except for `path` itself. Ends with result 0 and PROA_END when
 * what is watched was removed or moved itself, which is told before with the name "" (on Windows
 * not that a folder was moved). Errors: ENOENT, EACCES, ENOTDIR, EMFILE, ENOSPC (no more watches
 * for this user), ENOMEM, ENOTSUP (in a simulated world), EINVAL (flags). Allocates, and works on a
 * worker. `path` is copied. Cancellable always. */
PROA_API void proa_watch(proa_handle *owner, proa_op *op, const char *path, unsigned flags,
                         proa_done *done);

PROA_C_END
#endif
