/* Names to addresses: at once what is known, else by the way that the caller chose. */
/* SPDX-License-Identifier: MIT */
#include "dns/dns.h"
#include "dns/lookup.h"
#include "sys/inet.h"

#include <string.h>

/* What is asked, once it has been looked at. */
typedef struct question {
	char name[PX_NAME_MAX + 3]; /* also in brackets, as a literal may be */
	px_name what;
	proa_addr literal;
	int port; /* PX_SERVICE_ASK: the system knows */
} question;

/* ---- at once ---- */

/* Longer than any name is no name; nor is what has a 0 in it. */
static bool name_take(question *q, const proa_resolve_request *r)
{
	size_t n = r->name_len ? r->name_len : r->name ? strnlen(r->name, sizeof q->name) : 0;

	if (!n || n >= sizeof q->name || memchr(r->name, 0, n))
		return false;
	memcpy(q->name, r->name, n);
	q->name[n] = 0;
	q->what = px_name_parse(q->name, &q->literal);
	return q->what != PX_NAME_BAD;
}

static int64_t answer_literal(proa_resolve_request *r, const question *q)
{
	if (r->family && r->family != q->literal.family)
		return -PROA_ENONAME;
	r->addr[0] = q->literal;
	px_addr_set_port(&r->addr[0], (uint16_t)q->port);
	r->n = 1;
	return 1;
}

/* From the cache, or (if `hosts`) the hosts file. 0: it is not known. */
static int64_t answer_known(px_dns *d, proa_resolve_request *r, const question *q, bool hosts)
{
	unsigned n = hosts ? px_hosts_find(px_dns_hosts(d), q->name, r->family, r->addr,
	                                   PX_COUNT(r->addr))
	                   : 0;

	if (!n)
		n = px_cache_find(&d->cache, q->name, r->family, d->core->now_ns, r->addr,
		                  &r->ttl_ns);
	for (unsigned i = 0; i < n; i++)
		px_addr_set_port(&r->addr[i], (uint16_t)q->port);
	r->n = n;
	return n;
}

/* The answer, or 0: it takes a look-up. */
static int64_t answer_inline(px_core *core, proa_resolve_request *r, question *q)
{
	bool hosts = r->how == PROA_DNS_INLINE || r->how == PROA_DNS_EVENTED;
	px_dns *d = core->dns;

	if (!name_take(q, r) || q->port == -PROA_EINVAL)
		return -PROA_EINVAL;
	if (r->family && r->family != AF_INET && r->family != AF_INET6)
		return -PROA_EAFNOSUPPORT;
	if (r->how == PROA_DNS_POOL)
		return 0;
	if (q->port == PX_SERVICE_ASK) /* only the system knows, and the pool asks it */
		return hosts ? -PROA_ENONAME : 0;
	if (q->what == PX_NAME_LITERAL)
		return answer_literal(r, q);
	if (hosts && !(d = px_dns_of(core)))
		return -PROA_ENOMEM;
	return d ? answer_known(d, r, q, hosts) : 0;
}

/* ---- on a worker ---- */

static int64_t lookup_run(px_lookup *l)
{
	return px_sys_lookup(l->name, l->has_service ? l->service : NULL, l->family, l->addr,
	                     PX_COUNT(l->addr), &l->sys_error);
}

static void lookup_answer(px_lookup *l)
{
	proa_resolve_request *r = l->op->args.engine.b;

	r->n = (unsigned)l->work.result;
	memcpy(r->addr, l->addr, r->n * sizeof *r->addr);
}

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

static void ask_pool(px_core *core, px_op *op, proa_resolve_request *r, const question *q)
{
	px_lookup *l = px_lookup_new(core);

	if (!l) {
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
		return;
	}
	l->run = lookup_run;
	l->answer = lookup_answer;
	l->family = r->family;
	l->has_service = r->service != NULL;
	name_copy(l->name, q->name);
	if (r->service)
		memcpy(l->service, r->service, strlen(r->service) + 1);
	px_lookup_submit(l, op, r);
}

/* ---- by c-ares ---- */

static void question_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	px_evented_forget(op->args.engine.a);
	px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

const px_engine px_evented_engine = {.cancel = question_cancel};

static void ask_servers(px_core *core, px_op *op, proa_resolve_request *r, const question *q)
{
	px_op_engine(op, &px_evented_engine, NULL, r);
	if (core->system)
		px_op_finish(op, -PROA_ENOTSUP, 0, 0);
	else
		px_evented_resolve(core->dns, op, q->name, (uint16_t)q->port);
}

/* ---- submit ---- */

void proa_resolve(proa_handle *owner, proa_op *pub, proa_resolve_request *request, proa_done *done)
{
	px_op *op = px_op_begin(owner, pub, PX_RESOLVE, done);
	px_core *core = px_handle_core(op->handle);
	question q = {.port = px_service_port(request->service)};
	int64_t answer;

	if (px_op_refused(op))
		return;
	request->n = 0;
	request->ttl_ns = 0;
	answer = answer_inline(core, request, &q);
	if (answer == 0 && request->how == PROA_DNS_INLINE)
		answer = -PROA_ENONAME;
	if (answer)
		px_op_finish(op, answer, 0, 0);
	else if (request->how == PROA_DNS_EVENTED)
		ask_servers(core, op, request, &q);
	else
		ask_pool(core, op, request, &q);
}
