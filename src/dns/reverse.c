/* Addresses to names, by the way that the caller chose. */
/* SPDX-License-Identifier: MIT */
#include "dns/dns.h"
#include "dns/lookup.h"
#include "sys/sys.h"

#include <string.h>

/* ---- on a worker ---- */

/* What is no name of a host is none: the system passes on what some server said. */
static int64_t lookup_run(px_lookup *l)
{
	int64_t n = px_sys_reverse(l->addr, l->name, sizeof l->name, &l->sys_error);
	proa_addr literal;

	return n > 0 && px_name_parse(l->name, &literal) != PX_NAME_HOST ? -PROA_ENONAME : n;
}

static void lookup_answer(px_lookup *l)
{
	proa_reverse_request *r = l->op->args.engine.b;

	memcpy(r->name, l->name, (size_t)l->work.result + 1);
}

static void ask_pool(px_core *core, px_op *op, proa_reverse_request *r)
{
	px_lookup *l = px_lookup_new(core);

	if (!l) {
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
		return;
	}
	l->run = lookup_run;
	l->answer = lookup_answer;
	l->addr[0] = r->addr;
	px_lookup_submit(l, op, r);
}

/* ---- at once, or by c-ares ---- */

/* The answer, or 0: it takes a look-up. */
static int64_t answer_inline(px_core *core, proa_reverse_request *r)
{
	unsigned char host[16];
	px_dns *d;

	if (r->addr.len > sizeof r->addr.data || !px_addr_host(&r->addr, host))
		return -PROA_EINVAL;
	if (r->how != PROA_DNS_INLINE && r->how != PROA_DNS_EVENTED)
		return 0;
	if (!(d = px_dns_of(core)))
		return -PROA_ENOMEM;
	return (int64_t)px_hosts_name(px_dns_hosts(d), &r->addr, r->name, sizeof r->name);
}

static void ask_servers(px_core *core, px_op *op, proa_reverse_request *r)
{
	px_op_engine(op, &px_evented_engine, NULL, r);
	if (core->system)
		px_op_finish(op, -PROA_ENOTSUP, 0, 0);
	else
		px_evented_reverse(core->dns, op, &r->addr);
}

void proa_reverse(proa_handle *owner, proa_op *pub, proa_reverse_request *request, proa_done *done)
{
	px_op *op = px_op_begin(owner, pub, PX_RESOLVE, done);
	px_core *core = px_handle_core(op->handle);
	int64_t answer;

	if (px_op_refused(op))
		return;
	request->name[0] = 0;
	answer = answer_inline(core, request);
	if (answer == 0 && request->how == PROA_DNS_INLINE)
		answer = -PROA_ENONAME;
	if (answer)
		px_op_finish(op, answer, 0, 0);
	else if (request->how == PROA_DNS_EVENTED)
		ask_servers(core, op, request);
	else
		ask_pool(core, op, request);
}
