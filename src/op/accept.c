/* Exhaustion in an accept: pause, tell once an episode, try again, resume by itself. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"

/* aux of an accept op: the last back-off in milliseconds, 0 outside an episode. args.own.c: when to
 * try again, 0 while the backend has the op. */
enum { BACKOFF_FIRST_MS = 10, BACKOFF_MAX_MS = 1000 };

void px_accept_pause(px_core *core, px_op *op, int64_t error)
{
	px_assert(op->state == PX_INFLIGHT && !op->args.own.c);
	if (!op->aux) {
		px_count(&core->stat.accept_pauses);
		core->noticed = error;
		core->noticed_what = "accept";
	}
	op->aux = op->aux ? PX_MIN(op->aux * 2, (uint32_t)BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
	op->args.own.c = (uint64_t)px_add_sat(core->now_ns, (int64_t)op->aux * PROA_MSEC);
	px_op_rearm(op);
}

void px_accept_resumed(px_core *core, px_op *op)
{
	(void)core;
	op->aux = 0;
}

/* accept(2) lists them; "not permitted" is a firewall's. */
bool px_accept_aborted(int64_t error)
{
	switch (error) {
	case -PROA_ECONNABORTED:
	case -PROA_ECONNRESET:
	case -PROA_EPROTO:
	case -PROA_EPERM:
	case -PROA_ENOTSUP: /* EOPNOTSUPP, ENOPROTOOPT */
	case -PROA_ENETDOWN:
	case -PROA_ENETUNREACH:
	case -PROA_EHOSTUNREACH:
	case -PROA_ETIMEDOUT: return true;
	default: return false;
	}
}

bool px_accept_exhausted(int64_t error)
{
	return error == -PROA_EMFILE || error == -PROA_ENFILE || error == -PROA_ENOBUFS ||
	       error == -PROA_ENOMEM;
}
