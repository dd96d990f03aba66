/* The steps that submit no op, and those that wait for one. */
/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "s_script/run.h"

#include <string.h>

/* ---- handles ---- */

end *end_of(unsigned h)
{
	return r.hand[h].is != H_FREE && r.hand[h].end >= 0 ? &r.end[r.hand[h].end] : NULL;
}

/* It is there, and not only because nobody has told yet that it has gone: with its owner, or in an
 * event. */
bool hand_sure(unsigned h)
{
	const hand *t = &r.hand[h];

	return t->is != H_FREE && !t->by_owner && !(r.events && t->closing);
}

/* A closing owner's would be born closing, and nobody told when it has gone. */
bool hand_begin(unsigned h, unsigned owner)
{
	hand *t = &r.hand[h], *o = &r.hand[owner];
	bool root = owner == h || o->is == H_FREE || o->closing;

	if (t->is != H_FREE)
		return false;
	memset(t, 0, sizeof *t);
	t->is = H_INIT;
	t->owner = (uint8_t)(root ? h : owner);
	t->end = t->opener = -1;
	proa_handle_init(root ? proa_root(r.loop) : &o->h, &t->h);
	return true;
}

static bool hand_ready(unsigned h)
{
	return hand_begin(h, h) || (r.hand[h].is == H_INIT && !r.hand[h].closing);
}

void hand_adopt(unsigned to, proa_socket socket)
{
	hand *h = &r.hand[to];
	proa_addr a;
	end *e;

	if (r.ending || !hand_begin(to, to)) {
		proa_socket_close(socket);
		return;
	}
	proa_adopt(&h->h, socket);
	h->is = H_TCP;
	h->end = end_new();
	if (!(e = end_of(to)))
		return;
	if (proa_local_addr(&h->h, &a) == 0)
		e->port = proa_addr_port(&a);
	if (proa_peer_addr(&h->h, &a) == 0)
		e->peer_port = proa_addr_port(&a);
	end_match(h->end);
}

static void do_init(const script_step *s)
{
	hand_begin(s->h, s->to);
}

static void error_trace(const script_step *s, unsigned which, int64_t rc)
{
	char text[60];

	if (rc == 0 || !r.tracing)
		return;
	snprintf(text, sizeof text, "%s:%s", script_kind_name[s->kind], proa_err_name(rc));
	trace_word(&r.result->trace, TRACE_OF(s->h, which), text);
}

static void do_listen(const script_step *s)
{
	hand *h = &r.hand[s->h];
	proa_addr any = run_loopback();
	int rc;

	if (!hand_ready(s->h))
		return;
	rc = proa_listen(&h->h, &any, NULL);
	if (rc == 0 && proa_local_addr(&h->h, &h->addr) == 0)
		h->is = H_LISTENER;
	error_trace(s, TRACE_LIFE, rc);
}

static int udp_begin(hand *h, bool untold)
{
	proa_addr any = run_loopback_udp();
	int rc = proa_udp_bind(&h->h, &any, NULL);

	h->untold = untold;
	h->is = H_UDP;
	return rc ? rc : proa_local_addr(&h->h, &h->addr);
}

static void do_udp(const script_step *s)
{
	hand *a = &r.hand[s->h], *b = &r.hand[s->to];
	bool untold = s->how & SCRIPT_UNTOLD;
	int rc;

	if (a == b || !hand_ready(s->h) || !hand_ready(s->to))
		return;
	script_calm(true); /* one half of it would be of no use */
	rc = udp_begin(a, untold);
	rc = rc ? rc : udp_begin(b, untold);
	a->peer = b->addr;
	b->peer = a->addr;
	if (rc == 0 && !untold)
		rc = proa_udp_connect(&a->h, &b->addr);
	if (rc == 0 && !untold)
		rc = proa_udp_connect(&b->h, &a->addr);
	script_calm(false);
	error_trace(s, TRACE_LIFE, rc);
}

static uint32_t end_sent(const end *e)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < e->n_segments; i++)
		n += e->segment[i].count;
	return n;
}

/* Bytes left unread make a reset of it. */
static void end_closing(end *e, bool abort)
{
	if (!e || e->closing)
		return;
	e->closing = true;
	e->aborted |= abort || (e->peer >= 0 && end_sent(&r.end[e->peer]) > e->rx);
}

static void children_closing(unsigned owner)
{
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		hand *h = &r.hand[i];

		if (h->is == H_FREE || i == owner || h->owner != owner)
			continue;
		if (!h->closing)
			h->by_owner = h->closing = true;
		end_closing(end_of(i), false);
		children_closing(i);
	}
}

static void hand_closing(unsigned number, bool abort)
{
	hand *h = &r.hand[number];

	if (!h->closing)
		r.closing++;
	h->closing = true;
	end_closing(end_of(number), abort);
	if (end_of(number))
		end_of(number)->aborted |= abort;
	children_closing(number);
}

static void do_close(const script_step *s)
{
	if (!hand_sure(s->h))
		return;
	hand_closing(s->h, s->kind == S_close_abort);
	(s->kind == S_close ? proa_close : proa_close_abort)(&r.hand[s->h].h, run_closed_of());
}

static void do_finish(const script_step *s)
{
	if (!hand_sure(s->h))
		return;
	hand_closing(s->h, false);
	if (end_of(s->h))
		end_of(s->h)->shut = true;
	proa_finish(&r.hand[s->h].h, s->us ? run_time(s->us) : 0, run_closed_of());
}

static void do_set_idle(const script_step *s)
{
	hand *h = &r.hand[s->h];

	if ((h->is != H_TCP && h->is != H_UDP) || !hand_sure(s->h))
		return;
	h->idle |= s->us > 0;
	proa_set_idle(&h->h, s->us > 0 ? s->us * PROA_USEC : 0);
}

/* ---- ops ---- */

static void do_cancel(const script_step *s)
{
	r.slot[s->op].asked |= r.slot[s->op].flying;
	proa_cancel(&r.slot[s->op].op);
}

static void do_deadline(const script_step *s)
{
	slot *t = &r.slot[s->op];

	if (!t->flying || !proa_in_flight(&t->op))
		return;
	t->timed |= s->us && s->us != SCRIPT_FAR;
	proa_deadline(&t->op, s->us ? run_time(s->us) : 0);
}

static void do_pause(const script_step *s)
{
	proa_pause(&r.slot[s->op].op);
}

static void do_resume(const script_step *s)
{
	proa_resume(&r.slot[s->op].op);
}

static bool rings(const slot *t, unsigned kind)
{
	return t->flying && t->bell && t->kind == kind && !t->asked && !t->timed &&
	       (t->rooted || !r.hand[t->h].closing) && proa_in_flight(&t->op);
}

static void do_notify(const script_step *s)
{
	if (rings(&r.slot[s->op], S_doorbell))
		proa_notify(&r.slot[s->op].op);
}

static void *notify_main(void *op)
{
	proa_notify(op);
	return NULL;
}

static void do_notify_thread(const script_step *s)
{
	host_thread thread;
	slot *t = &r.slot[s->op];

	if (!rings(t, S_doorbell))
		return;
	if (r.env->simulated || !host_thread_start(&thread, notify_main, &t->op))
		proa_notify(&t->op);
	else
		host_thread_join(&thread);
}

/* To all that listen; with nobody there it would end the program. */
static void do_raise(const script_step *s)
{
	unsigned n = 0;

	(void)s;
	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		if (!rings(&r.slot[i], S_signal))
			continue;
		n++;
		if (r.env->simulated)
			proa_notify(&r.slot[i].op);
	}
	if (n && !r.env->simulated)
		host_raise(host_signo(HOST_SIG_A));
}

/* ---- buffers and streams ---- */

void held_return(unsigned i)
{
	proa_buffer_return(r.loop, r.held[i]);
	r.n_held--;
	memmove(r.held + i, r.held + i + 1, (r.n_held - i) * sizeof *r.held);
}

void held_add(void *buf, bool keep)
{
	if (!keep || r.ending) {
		proa_buffer_return(r.loop, buf);
		return;
	}
	if (r.n_held == HELD_MAX)
		held_return(0);
	r.held[r.n_held++] = buf;
}

static void do_buffer_return(const script_step *s)
{
	(void)s;
	if (r.n_held)
		held_return(0);
}

/* How much of it goes out nobody tells. */
static void do_stream_put(const script_step *s)
{
	end *e = end_of(s->h);
	uint32_t base;
	int rc;

	if (!e || e->n_segments == SEGMENTS || e->tx + s->n > TX_MAX || !run_stream(s->h))
		return;
	base = (e->tx + (uint32_t)(e - r.end) * 5003) % (PATTERN - SCRIPT_FLOOD_BYTES);
	rc = proa_stream_put(&r.hand[s->h].stream, script_pattern + base, s->n);
	error_trace(s, TRACE_OUT, rc);
	if (rc < 0)
		return;
	e->segment[e->n_segments++] = (segment){.base = base, .count = s->n, .maybe = !r.plan};
	e->tx += s->n;
}

/* ---- the loop ---- */

static void do_run(const script_step *s)
{
	(void)s;
	if (!r.running)
		run_once(PROA_POLL);
}

static void do_stop(const script_step *s)
{
	(void)s;
	proa_stop(r.loop);
}

static void do_settle(const script_step *s)
{
	if (!r.running)
		run_settle((unsigned)(s - r.script->step));
}

static void do_world(const script_step *s)
{
	(void)s; /* was read when the loop was opened */
}

static void do_pair(const script_step *s)
{
	if (!r.running && s->h != s->to && hand_ready(s->h) && hand_ready(s->to))
		run_pair(s);
}

static void (*const action[SCRIPT_KIND_COUNT])(const script_step *) = {
	[S_world] = do_world,
	[S_settle] = do_settle,
	[S_run] = do_run,
	[S_stop] = do_stop,
	[S_init] = do_init,
	[S_pair] = do_pair,
	[S_udp] = do_udp,
	[S_listen] = do_listen,
	[S_stream_put] = do_stream_put,
	[S_notify] = do_notify,
	[S_notify_thread] = do_notify_thread,
	[S_raise] = do_raise,
	[S_pause] = do_pause,
	[S_resume] = do_resume,
	[S_buffer_return] = do_buffer_return,
	[S_cancel] = do_cancel,
	[S_deadline] = do_deadline,
	[S_set_idle] = do_set_idle,
	[S_close] = do_close,
	[S_close_abort] = do_close,
	[S_finish] = do_finish,
};

static bool runs_loop(unsigned kind)
{
	return kind == S_settle || kind == S_run || kind == S_pair;
}

void step_now(const script_step *s)
{
	if (script_submits[s->kind]) {
		step_submit(s);
		return;
	}
	r.calling += !runs_loop(s->kind);
	action[s->kind](s);
	r.calling -= !runs_loop(s->kind);
}

void step_do(const script_step *s)
{
	slot *t = s->in ? &r.slot[s->in - 1] : NULL;

	if (!t || !t->flying) {
		step_now(s);
		return;
	}
	if (t->n_links < LINKS)
		t->link[t->n_links++] = (uint16_t)(s - r.script->step);
}

void step_linked(slot *t)
{
	uint16_t link[LINKS];
	unsigned n = t->n_links;

	memcpy(link, t->link, sizeof link);
	t->n_links = 0;
	for (unsigned i = 0; i < n && !r.ending; i++)
		step_now(&r.script->step[link[i]]);
}
