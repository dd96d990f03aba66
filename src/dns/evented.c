/* Look-ups by c-ares, on the loop's own thread: its sockets are polls, its time-outs a timer. */
/* SPDX-License-Identifier: MIT */
#include "dns/dns.h"
#include "proa/loop.h"
#include "sys/inet.h"

#include <ares.h>
#include <string.h>

enum { WATCHES = 16, TIMEOUT_MS = 2000, TRIES = 3 };

/* ---- how it works ----
 *
 * c-ares says of each of its sockets what it waits for there, and we tell it when that is so. The
 * handles are owned by px_dns.owner, and everything here is in the background: what keeps a loop
 * running is the op whose question it is.
 *
 * c-ares can take back all of its questions or none. So a question that nobody waits for any more
 * goes on until it is answered or given up, with its op forgotten. */

typedef struct watch {
	px_handle h; /* first; state FREE: not in use */
	proa_op op;
	px_evented *e;
	ares_socket_t fd;
	unsigned wanted; /* PROA_READABLE, PROA_WRITABLE; 0: its handle is closing */
} watch;

struct px_evented {
	px_dns *d;
	ares_channel channel;
	proa_op timer;
	unsigned questions;
	bool closing; /* its handles are gone */
	watch watches[WATCHES];
};

struct px_question {
	px_evented *e;
	px_op *op; /* NULL: nobody waits */
	uint32_t family;
	uint16_t port;
	char name[PX_NAME_MAX + 1];
};

/* ---- time ---- */

static void timer_arm(px_evented *e);

static void timer_done(proa_op *op)
{
	px_evented *e = PX_OF(op, px_evented, timer);

	if (op->result == -PROA_ECANCELED)
		return; /* the loop closes */
	ares_process_fd(e->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	timer_arm(e);
}

/* When c-ares next gives an answer up. It moves by the op's deadline, which is what ends it. */
static void timer_arm(px_evented *e)
{
	struct timeval tv, *next = e->questions ? ares_timeout(e->channel, NULL, &tv) : NULL;
	int64_t ns = next ? next->tv_sec * PROA_SEC + next->tv_usec * PROA_USEC : 0;
	int64_t at = next ? px_add_sat(px_sys_now_ns(), ns + PROA_MSEC) : 0;

	if (proa_in_flight(&e->timer)) {
		proa_deadline(&e->timer, at);
		return;
	}
	if (!at || px_handle_closing(&e->d->owner))
		return;
	e->timer.want = PROA_BACKGROUND;
	e->timer.deadline_ns = at;
	proa_timer(px_handle_pub(&e->d->owner), &e->timer, INT64_MAX, timer_done);
}

/* ---- sockets ---- */

static watch *watch_find(px_evented *e, ares_socket_t fd)
{
	for (unsigned i = 0; i < WATCHES; i++)
		if (e->watches[i].wanted && e->watches[i].fd == fd)
			return &e->watches[i];
	return NULL;
}

static watch *watch_new(px_evented *e, ares_socket_t fd)
{
	for (unsigned i = 0; i < WATCHES; i++) {
		watch *w = &e->watches[i];

		if (w->h.state != PX_H_FREE)
			continue;
		memset(w, 0, sizeof *w);
		w->e = e;
		w->fd = fd;
		px_handle_bind(&e->d->owner, &w->h);
		proa_adopt_os(px_handle_pub(&w->h), (proa_os_handle)fd, PROA_FOREIGN);
		return w;
	}
	return NULL;
}

static void watch_ready(proa_op *op);

static void watch_poll(watch *w)
{
	w->op.want = PROA_BACKGROUND;
	proa_poll(px_handle_pub(&w->h), &w->op, w->wanted, watch_ready);
}

static void watch_ready(proa_op *op)
{
	watch *w = PX_OF(op, watch, op);
	px_evented *e = w->e;
	ares_socket_t rd, wr;

	if (op->result > 0 && w->wanted) {
		rd = op->result & PROA_READABLE ? w->fd : ARES_SOCKET_BAD;
		wr = op->result & PROA_WRITABLE ? w->fd : ARES_SOCKET_BAD;
		ares_process_fd(e->channel, rd, wr);
		timer_arm(e);
	}
	/* A poll that failed leaves it to c-ares' own time-outs; so does a loop that closes. */
	if (w->wanted && !proa_in_flight(op) && !px_handle_closing(&w->h) &&
	    (op->result > 0 || op->result == -PROA_ECANCELED))
		watch_poll(w);
}

/* When nothing is wanted any more, c-ares closes it next. One too many is only timed out. */
static void socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
	unsigned wanted = (readable ? PROA_READABLE : 0) | (writable ? PROA_WRITABLE : 0);
	px_evented *e = data;
	watch *w = watch_find(e, fd);

	if (e->closing || (!w && (!wanted || !(w = watch_new(e, fd)))) || w->wanted == wanted)
		return;
	w->wanted = wanted;
	if (!wanted)
		px_handle_close(&w->h, NULL);
	else if (proa_in_flight(&w->op))
		proa_cancel(&w->op); /* watch_ready asks for what is wanted now */
	else if (!px_handle_closing(&w->h))
		watch_poll(w);
}

/* ---- the channel ---- */

bool px_evented_is(void)
{
	return true;
}

static int64_t error_of(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
	case ARES_ENODATA: return -PROA_ENONAME;
	case ARES_ENOMEM: return -PROA_ENOMEM;
	case ARES_EBADNAME:
	case ARES_ESERVICE:
	case ARES_EBADQUERY:
	case ARES_EBADSTR: return -PROA_EINVAL;
	case ARES_EBADFAMILY: return -PROA_EAFNOSUPPORT;
	default: return -PROA_ENAMETEMP; /* no server, or no sense in what it says */
	}
}

/* Asks servers only: the hosts file has been looked at. */
static int channel_open(px_evented *e)
{
	char lookups[] = "b";
	struct ares_options o = {.timeout = TIMEOUT_MS, .tries = TRIES, .lookups = lookups};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	int status;

	o.sock_state_cb = socket_state;
	o.sock_state_cb_data = e;
	if ((status = ares_init_options(&e->channel, &o, mask)) != ARES_SUCCESS)
		return status;
	if (!e->d->servers[0])
		return ARES_SUCCESS;
	status = ares_set_servers_ports_csv(e->channel, e->d->servers);
	if (status != ARES_SUCCESS)
		ares_destroy(e->channel);
	return status;
}

static px_evented *evented_of(px_dns *d, int *status)
{
	px_evented *e = d->evented;

	*status = ARES_SUCCESS;
	if (e)
		return e;
	*status = ARES_ENOMEM;
	if (!(e = px_zalloc(&d->core->alloc, sizeof *e)))
		return NULL;
	e->d = d;
	if ((*status = channel_open(e)) != ARES_SUCCESS) {
		px_free(&d->core->alloc, e, sizeof *e);
		return NULL;
	}
	d->evented = e;
	return e;
}

/* A new one in its place: only when it is opened it reads whom the system asks. */
static int channel_renew(px_evented *e)
{
	ares_channel before = e->channel;
	int status = channel_open(e);

	if (status == ARES_SUCCESS)
		ares_destroy(before);
	else
		e->channel = before;
	return status;
}

/* c-ares lets its servers be taken from under the questions that are on their way. */
int px_evented_servers(px_dns *d)
{
	px_evented *e = d->evented;
	int status = ARES_SUCCESS;

	if (e && e->questions)
		return -PROA_ENAMETEMP;
	if (e)
		status = channel_renew(e);
	else
		evented_of(d, &status);
	return (int)(status == ARES_SUCCESS ? 0 : error_of(status));
}

/* Everything of the owner's has ended. */
void px_evented_close(px_dns *d)
{
	px_evented *e = d->evented;

	if (!e)
		return;
	e->closing = true;
	ares_destroy(e->channel); /* what is still asked is answered to nobody */
	d->evented = NULL;
	px_free(&d->core->alloc, e, sizeof *e);
}

/* ---- questions ---- */

static px_question *question_new(px_evented *e, px_op *op, const char *name)
{
	px_question *q = px_zalloc(&e->d->core->alloc, sizeof *q);

	if (!q)
		return NULL;
	q->e = e;
	q->op = op;
	memcpy(q->name, name, strlen(name) + 1);
	e->questions++;
	return q;
}

/* The op that waits for it, NULL: none. */
static px_op *question_end(px_question *q)
{
	px_op *op = q->op;

	q->e->questions--;
	px_free(&q->e->d->core->alloc, q, sizeof *q);
	return op;
}

void px_evented_forget(px_question *q)
{
	q->op = NULL;
}

static unsigned addrs_take(const struct ares_addrinfo *info, const px_question *q, proa_addr *out,
                           int64_t *ttl_ns)
{
	unsigned n = 0;

	*ttl_ns = INT64_MAX;
	for (const struct ares_addrinfo_node *a = info->nodes; a && n < PX_CACHE_ADDRS;
	     a = a->ai_next) {
		if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) ||
		    a->ai_addrlen > sizeof out->data)
			continue;
		px_addr_set(&out[n], a->ai_family, a->ai_addr, a->ai_addrlen);
		px_addr_set_port(&out[n++], q->port);
		*ttl_ns = PX_MIN(*ttl_ns, PX_MAX(a->ai_ttl, 0) * PROA_SEC);
	}
	return n;
}

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	px_question *q = arg;
	proa_resolve_request *r = q->op ? q->op->args.engine.b : NULL;
	proa_addr addr[PX_CACHE_ADDRS];
	px_dns *d = q->e->d;
	int64_t ttl_ns = 0;
	unsigned n = 0;
	px_op *op;

	PX_UNUSED(timeouts);
	if (status == ARES_SUCCESS && info) {
		n = addrs_take(info, q, addr, &ttl_ns);
		px_cache_put(&d->cache, q->name, q->family, addr, n, px_sys_now_ns(), ttl_ns);
	}
	if (info)
		ares_freeaddrinfo(info);
	if (r && n) {
		memcpy(r->addr, addr, n * sizeof *addr);
		r->n = n;
		r->ttl_ns = ttl_ns;
	}
	if (status == ARES_SUCCESS && !n)
		status = ARES_ENODATA;
	op = question_end(q);
	if (op)
		px_op_finish(op, n ? (int64_t)n : error_of(status), 0, n ? 0 : status);
}

void px_evented_resolve(px_dns *d, px_op *op, const char *name, uint16_t port)
{
	const proa_resolve_request *r = op->args.engine.b;
	struct ares_addrinfo_hints hints = {.ai_family = (int)r->family};
	int status;
	px_evented *e = evented_of(d, &status);
	px_question *q = e ? question_new(e, op, name) : NULL;

	if (!q) {
		px_op_finish(op, e ? -PROA_ENOMEM : error_of(status), 0, e ? 0 : status);
		return;
	}
	q->family = r->family;
	q->port = port;
	hints.ai_socktype = SOCK_STREAM;
	op->args.engine.a = q;
	ares_getaddrinfo(e->channel, q->name, NULL, &hints, answered, q);
	timer_arm(e);
}

static void named(void *arg, int status, int timeouts, char *node, char *service)
{
	px_question *q = arg;
	proa_reverse_request *r = q->op ? q->op->args.engine.b : NULL;
	size_t len = status == ARES_SUCCESS && node ? strlen(node) : 0;
	proa_addr literal;
	px_op *op;

	PX_UNUSED(timeouts);
	PX_UNUSED(service);
	/* A server may say anything: what is no name of a host is none here. */
	if (len >= sizeof r->name || (len && px_name_parse(node, &literal) != PX_NAME_HOST))
		len = 0;
	if (r && len)
		memcpy(r->name, node, len + 1);
	if (status == ARES_SUCCESS)
		status = ARES_ENODATA;
	op = question_end(q);
	if (op)
		px_op_finish(op, len ? (int64_t)len : error_of(status), 0, len ? 0 : status);
}

void px_evented_reverse(px_dns *d, px_op *op, const proa_addr *addr)
{
	int status;
	px_evented *e = evented_of(d, &status);
	px_question *q = e ? question_new(e, op, "") : NULL;

	if (!q) {
		px_op_finish(op, e ? -PROA_ENOMEM : error_of(status), 0, e ? 0 : status);
		return;
	}
	op->args.engine.a = q;
	ares_getnameinfo(e->channel, (const struct sockaddr *)(const void *)addr->data,
	                 (ares_socklen_t)addr->len, ARES_NI_LOOKUPHOST | ARES_NI_NAMEREQD, named,
	                 q);
	timer_arm(e);
}
