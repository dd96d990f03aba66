/* The model's steps that submit no op: each is refused if its outcome would depend on chance. */
/* SPDX-License-Identifier: MIT */
#include "s_script/model.h"

#include <string.h>

/* ---- what a pipe and a handle are ready for ---- */

/* Nobody sends into it in this phase, or may in a callback. */
static bool pipe_calm(const m_hand *h)
{
	return !h->busy && !h->claims && !h->frozen && !h->put;
}

static m_hand *peer_of(model *m, const m_hand *h)
{
	return h->peer >= 0 ? &m->hand[h->peer] : NULL;
}

/* Buffers that may be out for long: those that are kept, and a stream's. */
unsigned m_pool_taken(const model *m)
{
	unsigned n = m->held;

	for (unsigned i = 0; i < SCRIPT_HANDLES; i++)
		n += m->hand[i].is != H_FREE && m->hand[i].stream ? 2 : 0;
	return n;
}

bool m_stream(const model *m, m_hand *h)
{
	if (!h->stream && m_pool_taken(m) + 4 > m->pool_count)
		return false;
	return h->stream = true;
}

/* Anything but `but` receives there, or was refused and has not yet been told. */
bool m_receives(const model *m, unsigned h, const m_op *but)
{
	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		const m_op *t = &m->op[i];

		if (t->flying && !t->rooted && t->h == h && t != but &&
		    (script_is_recv(t->kind) || script_is_read(t->kind)))
			return true;
	}
	return false;
}

/* Nothing that is there, or comes, ends it: so a cancel meets nothing. */
bool m_stays(const model *m, const m_op *t)
{
	const m_hand *h = &m->hand[t->h];
	const m_hand *p = !t->rooted && h->peer >= 0 ? &m->hand[h->peer] : NULL;

	if (t->due)
		return false;
	switch (t->kind) {
	case S_timer: return t->far;
	case S_doorbell:
	case S_signal: return !t->rings && !t->paused;
	case S_accept:
	case S_accept_many: return h->is == H_LISTENER && h->backlog < 0 && !h->busy;
	case S_recv:
	case S_recv_pooled:
	case S_recv_pooled_many:
		return h->is == H_TCP && !m_avail(m, h) && !h->gone && p && !p->shut &&
		       pipe_calm(p);
	case S_stream_read_exact:
		return m_avail(m, h) < t->len && !h->gone && p && !p->shut && pipe_calm(p);
	case S_recv_msg: return !h->n_grams && p && pipe_calm(p);
	case S_send: /* a flood that nobody reads */
		return t->begun && h->out[0] == t - m->op && p && !p->n_in && !p->stream &&
		       !h->busy && !h->claims && !h->frozen;
	default: return false;
	}
}

/* The pipe on which an op waits is left alone for the rest of the phase. */
static void op_freeze(model *m, const m_op *t)
{
	m_hand *h = &m->hand[t->h], *p;

	if (t->rooted)
		return;
	p = peer_of(m, h);
	if (t->kind == S_send)
		h->frozen = true;
	else if (h->is == H_LISTENER)
		h->busy = true;
	else if (p && (script_is_recv(t->kind) || script_is_read(t->kind) || t->kind == S_recv_msg))
		p->frozen = true;
}

static bool op_torn(model *m, const m_op *t)
{
	m_hand *h = &m->hand[t->h];

	if (t->kind != S_send)
		return true;
	h->broken = h->murky = true;
	if (h->peer >= 0)
		m->hand[h->peer].lost = true;
	return true;
}

static bool op_asked(model *m, m_op *t, int error)
{
	if (!t->flying)
		return true;
	if (t->n_links || !m_stays(m, t))
		return false;
	op_torn(m, t);
	t->due = error;
	op_freeze(m, t);
	return true;
}

/* ---- closing ---- */

static bool socket_may_close(model *m, const m_hand *h, bool abort)
{
	m_hand *p = peer_of(m, h);

	if (h->busy || h->claims || h->frozen || h->put || (abort && h->murky))
		return false;
	if (!p)
		return h->gone || h->is != H_TCP; /* not one that waits to be accepted */
	if (p->busy || p->claims || p->frozen || p->put || p->n_out)
		return false;
	if (h->is == H_UDP)
		return true;
	for (unsigned i = 0; i < p->n_in; i++)
		if (m->op[p->in[i]].paused)
			return false;
	/* What it sent was read; what it has not read makes a reset of its end. */
	return h->murky || (h->tx == p->rx && !h->n_out);
}

static bool hand_may_close(model *m, unsigned number, bool abort)
{
	const m_hand *h = &m->hand[number];

	if (h->claims || h->reserved || h->is == H_OPENING || h->is == H_CONNECTING)
		return false;
	if (h->is == H_LISTENER && (h->busy || h->backlog >= 0))
		return false;
	if (h->is == H_FILE && !(h->flags & PROA_O_DIR) && m->file[h->file].busy)
		return false;
	if ((h->is == H_TCP || h->is == H_UDP) && !socket_may_close(m, h, abort))
		return false;
	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		const m_op *t = &m->op[i];

		if (t->flying && !t->rooted && t->h == number && (t->n_links || !m_stays(m, t)) &&
		    !(t->kind == S_doorbell && t->paused && !t->n_links))
			return false;
	}
	return true;
}

static void hand_closes(model *m, unsigned number, bool abort)
{
	m_hand *h = &m->hand[number], *p = peer_of(m, h);
	bool unread = h->is == H_TCP && p && (m_avail(m, h) || p->murky);

	h->closing = true;
	h->frozen = true;
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (m->op[i].flying && !m->op[i].rooted && m->op[i].h == number) {
			op_torn(m, &m->op[i]);
			m->op[i].due = PROA_ECANCELED;
		}
	if (p) {
		p->frozen = true;
		p->gone = abort || unread ? GONE_RESET : GONE_END;
	}
}

/* With what it owns. */
static bool tree_may_close(model *m, unsigned number, bool abort)
{
	if (!hand_may_close(m, number, abort))
		return false;
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		const m_hand *o = &m->hand[i];

		if (i == number || o->is == H_FREE || o->owner != number)
			continue;
		if (o->closing || o->is == H_LISTENER || !tree_may_close(m, i, false))
			return false;
		if (o->peer >= 0 && m->hand[o->peer].owner == number)
			return false; /* both ends at once: either may be first */
	}
	return true;
}

static void tree_closes(model *m, unsigned number, bool abort)
{
	hand_closes(m, number, abort);
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		m_hand *o = &m->hand[i];

		if (i == number || o->is == H_FREE || o->owner != number)
			continue;
		tree_closes(m, i, false);
		o->by_owner = true;
	}
}

static bool do_close(model *m, const script_step *s)
{
	const m_hand *h = &m->hand[s->h];
	bool abort = s->kind == S_close_abort;

	if (h->is == H_FREE || h->by_owner)
		return true;
	if (h->closing)
		return !abort && !h->finishing && !m->events; /* twice is once */
	if ((abort && h->is != H_TCP) || !tree_may_close(m, s->h, abort))
		return false;
	tree_closes(m, s->h, abort);
	return true;
}

/* Its own sends go out; it reads until the other end has ended, too. */
static bool do_finish(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h], *p;

	if (h->is != H_TCP || h->closing || (s->us && s->us != SCRIPT_FAR) || h->stream ||
	    h->shut || h->broken || h->idle || h->n_out || !(p = peer_of(m, h)) || p->closing ||
	    m_avail(m, h))
		return false;
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++)
		if (m->hand[i].is != H_FREE && i != s->h && m->hand[i].owner == s->h)
			return false;
	for (unsigned i = 0; i < SCRIPT_OPS; i++) /* these would stay to its end */
		if (m->op[i].flying && !m->op[i].rooted && m->op[i].h == s->h &&
		    !script_is_recv(m->op[i].kind))
			return false;
	if (!tree_may_close(m, s->h, false))
		return false;
	tree_closes(m, s->h, false);
	p->gone = GONE_NOT;
	h->finishing = h->shut = h->fin = true;
	return true;
}

/* ---- the other steps ---- */

static bool hand_ready(const model *m, unsigned h)
{
	const m_hand *t = &m->hand[h];

	return t->is == H_FREE ? !t->reserved
	                       : t->is == H_INIT && !t->closing && !t->reserved && !t->claims;
}

static void hand_make(model *m, unsigned h, unsigned owner, unsigned is)
{
	m_hand *t = &m->hand[h];

	if (t->is == H_FREE)
		*t = (m_hand){.owner = (uint8_t)owner};
	t->is = (uint8_t)is;
	t->peer = t->backlog = t->many = -1;
}

static bool do_init(model *m, const script_step *s)
{
	const m_hand *o = &m->hand[s->to];

	if (m->hand[s->h].is != H_FREE)
		return true;
	if (m->hand[s->h].reserved || (s->h != s->to && (o->is == H_FREE || o->closing)))
		return false;
	hand_make(m, s->h, s->to, H_INIT);
	return true;
}

static bool two_ready(const model *m, const script_step *s)
{
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (m->op[i].flying && !m->op[i].rooted &&
		    (m->op[i].h == s->h || m->op[i].h == s->to))
			return false; /* of a handle that is not open */
	return s->h != s->to && hand_ready(m, s->h) && hand_ready(m, s->to);
}

static bool do_pair(model *m, const script_step *s)
{
	if (!m->clean || m->ends + 2 > ENDS || !two_ready(m, s))
		return false;
	m->ends += 2;
	hand_make(m, s->h, s->h, H_TCP);
	hand_make(m, s->to, s->to, H_TCP);
	m->hand[s->h].peer = s->to;
	m->hand[s->to].peer = s->h;
	m->hand[s->h].small = m->hand[s->to].small = s->how & SCRIPT_SMALL;
	return true;
}

static bool do_udp(model *m, const script_step *s)
{
	if (!two_ready(m, s))
		return false;
	hand_make(m, s->h, s->h, H_UDP);
	hand_make(m, s->to, s->to, H_UDP);
	m->hand[s->h].peer = s->to;
	m->hand[s->to].peer = s->h;
	m->hand[s->h].untold = m->hand[s->to].untold = s->how & SCRIPT_UNTOLD;
	return true;
}

static bool do_listen(model *m, const script_step *s)
{
	if (!hand_ready(m, s->h))
		return false;
	hand_make(m, s->h, s->h, H_LISTENER);
	return true;
}

static bool do_stream_put(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h], *p;

	if (h->is != H_TCP || h->closing || h->shut || h->gone || h->broken || h->frozen ||
	    h->claims || h->idle || h->small || h->n_out || !(p = peer_of(m, h)) || p->closing ||
	    p->noin || (!h->stream && m_receives(m, s->h, NULL)) || h->tx + s->n - p->rx > FIT ||
	    h->allotted + s->n > TX_MAX || !s->n)
		return false;
	if (!m_stream(m, h))
		return false;
	h->busy = h->put = true;
	h->tx += s->n;
	h->allotted += s->n;
	return true;
}

static bool do_notify(model *m, const script_step *s)
{
	m_op *t = &m->op[s->op];

	if (t->flying && t->kind == S_doorbell && !t->due)
		t->rings++;
	return true;
}

/* The system may join two of one phase. */
static bool do_raise(model *m, const script_step *s)
{
	bool any = false;

	(void)s;
	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		m_op *t = &m->op[i];

		if (!t->flying || t->kind != S_signal)
			continue;
		if (t->due)
			return false; /* the signal comes to all; which is first is chance */
		any = true;
		t->rings++;
	}
	if (any && m->raised)
		return false;
	m->raised |= any;
	return true;
}

static bool do_pause(model *m, const script_step *s)
{
	m_op *t = &m->op[s->op];

	if (!t->flying)
		return true;
	if (t->kind != S_doorbell && t->kind != S_recv_pooled_many && t->kind != S_accept_many)
		return false;
	if (t->due || (t->kind == S_accept_many && m->hand[t->h].busy))
		return false;
	t->paused = s->kind == S_pause;
	return true;
}

static bool do_buffer_return(model *m, const script_step *s)
{
	(void)s;
	m->held -= m->held > 0;
	return true;
}

static bool do_cancel(model *m, const script_step *s)
{
	return op_asked(m, &m->op[s->op], PROA_ECANCELED);
}

static bool do_deadline(model *m, const script_step *s)
{
	if (!s->us || s->us == SCRIPT_FAR)
		return !m->op[s->op].flying || !m->op[s->op].due; /* may come in time */
	return op_asked(m, &m->op[s->op], PROA_ETIMEDOUT);
}

/* Until it is off again, nothing else may be done there, for how long that takes is chance. */
static bool do_set_idle(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h];

	if (h->is != H_TCP && h->is != H_UDP)
		return true;
	if (h->closing)
		return false;
	if (s->us <= 0) {
		if (h->idle && h->frozen && !h->stream)
			return false;           /* may come in time */
		h->idle = h->stream && h->idle; /* of one whose stream has ended it stays */
		return true;
	}
	if (s->us < 1000 || h->stream || h->n_out || !h->n_in || h->claims)
		return false;
	for (unsigned i = 0; i < h->n_in; i++) {
		const m_op *t = &m->op[h->in[i]];

		if (!m_stays(m, t) || t->n_links || t->paused)
			return false;
	}
	for (unsigned i = 0; i < h->n_in; i++) {
		m->op[h->in[i]].due = PROA_ETIMEDOUT;
		op_freeze(m, &m->op[h->in[i]]);
	}
	h->idle = h->frozen = true;
	return true;
}

static bool do_settle(model *m, const script_step *s)
{
	return model_settle(m, (unsigned)(s - m->script->step));
}

static bool do_nothing(model *m, const script_step *s)
{
	(void)m;
	(void)s;
	return true;
}

static bool do_never(model *m, const script_step *s)
{
	(void)m;
	(void)s;
	return false;
}

static bool (*const action[SCRIPT_KIND_COUNT])(model *, const script_step *) = {
	[S_world] = do_nothing,
	[S_settle] = do_settle,
	[S_run] = do_never,
	[S_stop] = do_nothing,
	[S_init] = do_init,
	[S_pair] = do_pair,
	[S_udp] = do_udp,
	[S_listen] = do_listen,
	[S_stream_put] = do_stream_put,
	[S_notify] = do_notify,
	[S_notify_thread] = do_notify,
	[S_raise] = do_raise,
	[S_pause] = do_pause,
	[S_resume] = do_pause,
	[S_buffer_return] = do_buffer_return,
	[S_cancel] = do_cancel,
	[S_deadline] = do_deadline,
	[S_set_idle] = do_set_idle,
	[S_close] = do_close,
	[S_close_abort] = do_close,
	[S_finish] = do_finish,
};

/* ---- steps that wait for an op ---- */

/* What may be done at a time that nobody knows: it meets nothing that this phase does. */
static bool link_claims(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h], *p;

	switch (s->kind) {
	case S_post:
	case S_resolve:
	case S_work:
	case S_timer: break;
	case S_send:
	case S_sendv:
		if (h->is != H_TCP || h->small || s->how || s->n > LINKED_MAX || h->claims ||
		    !(p = peer_of(m, h)) || p->noin || h->frozen || h->shut || h->gone ||
		    h->broken || p->closing || p->idle)
			return false;
		break;
	default: return false;
	}
	if (h->is == H_FREE || h->closing || h->idle || h->reserved || s->us)
		return false;
	h->claims++;
	return true;
}

static bool step_link(model *m, const script_step *s)
{
	m_op *t = &m->op[s->in - 1];

	if (t->due || t->n_links == 2 || m->op[s->op].used || m->linked || t->kind == S_doorbell ||
	    t->kind == S_signal || !link_claims(m, s))
		return false;
	m->op[s->op].used = true;
	m->op[s->op].link_of = s->in;
	t->link[t->n_links++] = (uint16_t)(s - m->script->step);
	return true;
}

bool model_step(model *m, const script_step *s)
{
	if (m->linked) {
		m->hand[s->h].claims--;
		return m_submit(m, s);
	}
	if (s->in && m->op[s->in - 1].flying)
		return script_submits[s->kind] && step_link(m, s);
	if (script_submits[s->kind])
		return !m->op[s->op].used && m_submit(m, s);
	if (s->kind != S_settle && s->kind != S_pair && s->kind != S_world && s->kind != S_init)
		m->clean = false;
	return action[s->kind](m, s);
}

void model_begin(model *m, const script *s, plan *p)
{
	const script_step *w = s->n && s->step[0].kind == S_world ? s->step : NULL;

	memset(m, 0, sizeof *m);
	m->script = s;
	m->plan = p;
	m->clean = true;
	m->events = w && w->how & SCRIPT_EVENTS;
	run_pool_size(w, &m->pool_count, &m->pool_bytes);
	if (!p)
		return;
	trace_clear(&p->trace);
	memset(p->told, 0, sizeof p->told);
}

bool script_plan(const script *s, plan *p, unsigned *step)
{
	static model m;

	model_begin(&m, s, p);
	for (*step = 0; *step < s->n; ++*step)
		if (!model_step(&m, &s->step[*step]))
			return false;
	if (!model_settle(&m, s->n))
		return false;
	trace_end(&p->trace);
	return true;
}
