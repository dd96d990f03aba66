/* What connects programs on one machine: pipes and pairs of sockets. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_LOCAL_H
#define PROA_LOCAL_H
#include "proa/loop.h"
PROA_C_BEGIN

/* Streams of bytes like any other: proa_recv, proa_send and their kin (proa/net.h), but no
 * proa_send_file. What is written to a pipe that nobody reads any more ends with ECONNRESET, and
 * raises no SIGPIPE. */

/* Opens two init handles as the ends of a new pipe, PROA_PIPE: what is sent on `writer` is received
 * on `reader`; the other way round is EBADF. proa_shutdown of the writer, or its close, is the end
 * of the stream. Both are of one thread's loops. 0, or EMFILE, ENFILE, EINVAL (a handle is not
 * init), ENOTSUP (in a simulation). */
PROA_API int proa_pipe(proa_handle *reader, proa_handle *writer);

/* Opens two init handles as a pair of connected stream sockets, PROA_LOCAL (on Windows PROA_PIPE,
 * one that goes both ways): each receives what is sent on the other. Errors as of proa_pipe. */
PROA_API int proa_pair(proa_handle *a, proa_handle *b);

PROA_C_END
#endif
