/* Sends on what is no socket: a pipe, a terminal. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_PIPE_H
#define PX_BACKEND_PIPE_H

#include "op/backend.h"
#include "proa/net.h"

/* One writev(2) that raises no SIGPIPE: bytes, PX_AGAIN or an error. */
int64_t px_pipe_write(px_core *core, const px_handle *h, const proa_vec *vec, unsigned n,
                      size_t skip, int32_t *sys_error);
/* The same of what a send, sendv or send_pooled has left. */
int64_t px_pipe_send(px_core *core, const px_op *op, int32_t *sys_error);

/* Ends a recv_fds with what its call said. */
void px_fds_received(px_core *core, px_op *op, int64_t n, bool cut, int32_t sys_error);

/* Its send side is shut down. A terminal has no end that could be told. */
int64_t px_pipe_end(const px_handle *h, int32_t *sys_error);

#endif
