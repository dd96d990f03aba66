/* Pipes and pairs of local sockets: two handles opened at once. */
/* SPDX-License-Identifier: MIT */
#include "proa/local.h"
#include "op/backend.h"
#include "sys/sys.h"

/* 0, or why the two cannot be opened. */
static int pair_refusal(const px_handle *a, const px_handle *b)
{
	if (px_handle_closing(a) || px_handle_closing(b))
		return -PROA_ECANCELED;
	if (a == b || a->state != PX_H_INIT || b->state != PX_H_INIT)
		return -PROA_EINVAL;
	return px_handle_core(a)->system || px_handle_core(b)->system ? -PROA_ENOTSUP : 0;
}

static void pair_open(px_handle *a, px_handle *b, const int *fd, proa_kind kind)
{
	px_handle_open(a, fd[0], kind);
	px_handle_open(b, fd[1], kind);
}

int proa_pipe(proa_handle *reader, proa_handle *writer)
{
	px_handle *rd = px_handle_of(reader), *wr = px_handle_of(writer);
	int rc = pair_refusal(rd, wr), fd[2];
	int32_t sys_error;

	if (rc < 0)
		return rc;
	px_core_enter(px_handle_core(rd));
	px_core_enter(px_handle_core(wr));
	/* Writes are made past the ring also where reads are not. */
	rc = px_pipe_open(fd, px_core_nonblock(px_handle_core(rd)), true, &sys_error);
	if (rc == 0)
		pair_open(rd, wr, fd, PROA_PIPE);
	return rc;
}

int proa_pair(proa_handle *one, proa_handle *other)
{
	px_handle *a = px_handle_of(one), *b = px_handle_of(other);
	int refusal = pair_refusal(a, b), fd[2];
	int32_t sys_error;
	int64_t kind;

	if (refusal < 0)
		return refusal;
	px_core_enter(px_handle_core(a));
	px_core_enter(px_handle_core(b));
	kind = px_sock_pair(fd, px_core_nonblock(px_handle_core(a)),
	                    px_core_nonblock(px_handle_core(b)), &sys_error);
	if (kind >= 0)
		pair_open(a, b, fd, (proa_kind)kind);
	return (int)PX_MIN(kind, 0);
}
