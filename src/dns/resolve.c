/* Names to addresses: literals at once, the rest by the system's resolver on a worker. */
/* SPDX-License-Identifier: MIT */
#include "dns/name.h"
#include "op/worker.h"
#include "proa/dns.h"
#include "sys/sys.h"

#include <string.h>

/* A look-up under way. The system's resolver cannot be stopped, so it is given memory of its own:
 * this, which outlives the op if that is cancelled, and belongs to the loop's root until the worker
 * comes back. */
typedef struct lookup {
	proa_op work; /* on the root, in the background */
	px_op *op;    /* NULL: nobody waits any more */
	px_core *core;
	uint32_t family;
	int32_t sys_error;
	bool has_service;
	char name[PX_NAME_MAX + 1];
	char service[PX_SERVICE_MAX + 1];
	proa_addr addr[PX_COUNT(((proa_resolve_request *)0)->addr)];
} lookup;

/* ---- at once ---- */

static int64_t answer_literal(proa_resolve_request *r, const proa_addr *addr, int port)
{
	if (r->family && r->family != addr->family)
		return -PROA_ENONAME;
	r->addr[0] = *addr;
	px_addr_set_port(&r->addr[0], (uint16_t)port);
	r->n = 1;
	return 1;
}

/* The answer, or 0: it takes a look-up. */
static int64_t answer_inline(proa_resolve_request *r)
{
	proa_addr literal;
	px_name what = px_name_parse(r->name, &literal);
	int port = px_service_port(r->service);

	r->n = 0;
	if (what == PX_NAME_BAD || port == -PROA_EINVAL)
		return -PROA_EINVAL;
	if (what == PX_NAME_LITERAL && port >= 0 && r->how != PROA_DNS_POOL)
		return answer_literal(r, &literal, port);
	return r->how == PROA_DNS_INLINE ? -PROA_ENONAME : 0;
}

/* ---- on a worker ---- */

static int64_t lookup_run(proa_op *work)
{
	lookup *l = PX_OF(work, lookup, work);

	return px_sys_lookup(l->name, l->has_service ? l->service : NULL, l->family, l->addr,
	                     PX_COUNT(l->addr), &l->sys_error);
}

/* ---- back on the loop's thread ---- */

static void lookup_done(proa_op *work)
{
	lookup *l = PX_OF(work, lookup, work);
	px_core *core = l->core;
	proa_resolve_request *r;

	if (l->op) {
		r = l->op->args.engine.b;
		if (work->result > 0) {
			r->n = (unsigned)work->result;
			memcpy(r->addr, l->addr, r->n * sizeof *r->addr);
		}
		px_op_finish(l->op, work->result, 0, l->sys_error);
	}
	px_free(&core->alloc, l, sizeof *l);
}

/* The op ends now; what is not begun ends too, what runs comes back to nobody. */
static void lookup_cancel(px_core *core, px_op *op)
{
	lookup *l = op->args.engine.a;

	PX_UNUSED(core);
	l->op = NULL;
	proa_cancel(&l->work);
	px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

/* ---- submit ---- */

/* A bracketed literal is the text between the brackets to the system. */
static void name_copy(char *out, const char *name)
{
	size_t n = strlen(name);

	if (*name == '[') {
		name++;
		n -= 2;
	}
	memcpy(out, name, n);
	out[n] = 0;
}

static lookup *lookup_new(px_core *core, const proa_resolve_request *r)
{
	lookup *l = px_zalloc(&core->alloc, sizeof *l);

	if (!l)
		return NULL;
	l->core = core;
	l->family = r->family;
	l->has_service = r->service != NULL;
	name_copy(l->name, r->name);
	if (r->service)
		memcpy(l->service, r->service, strlen(r->service) + 1);
	l->work.want = PROA_BACKGROUND;
	return l;
}

static void lookup_submit(px_core *core, lookup *l)
{
	px_op *work = px_op_begin(px_handle_pub(&core->root), &l->work, PX_WORK, lookup_done);

	work->args.work.fn = lookup_run;
	work->state = PX_INFLIGHT;
	px_work_submit(core, work, PROA_LANE_DNS);
}

void proa_resolve(proa_handle *owner, proa_op *pub, proa_resolve_request *request, proa_done *done)
{
	static const px_engine engine = {.cancel = lookup_cancel};
	px_op *op = px_op_begin(owner, pub, PX_RESOLVE, done);
	px_core *core = px_handle_core(op->handle);
	lookup *l = NULL;
	int64_t answer;

	if (px_op_refused(op))
		return;
	answer = answer_inline(request);
	if (answer == 0 && !(l = lookup_new(core, request)))
		answer = -PROA_ENOMEM;
	if (!l) {
		px_op_finish(op, answer, 0, 0);
		return;
	}
	l->op = op;
	px_op_engine(op, &engine, l, request);
	lookup_submit(core, l);
}
