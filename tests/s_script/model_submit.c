/* The model's steps that submit an op. */
/* SPDX-License-Identifier: MIT */
#include "s_script/model.h"

static m_hand *peer_of(model *m, const m_hand *h)
{
	return h->peer >= 0 ? &m->hand[h->peer] : NULL;
}

static void queue_add(uint8_t *queue, unsigned *n, const model *m, const m_op *t)
{
	queue[(*n)++] = (uint8_t)(t - m->op);
}

/* ---- receiving ---- */

/* What one byte, or a number of bytes however cut, takes is certain; so is a multishot's share if
 * it is alone. Of the others only that they wait is. */
static bool submit_recv(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *p = peer_of(m, h);
	bool whole = t->how & SCRIPT_WHOLE, many = t->kind == S_recv_pooled_many;
	uint32_t avail = m_avail(m, h);
	bool ends = h->gone || (p && p->fin);

	if (h->stream || h->lost || (!p && !h->gone) || (p && (p->murky || p->closing) && !ends))
		return false;
	for (unsigned i = 0; i < h->n_in; i++) {
		const m_op *o = &m->op[h->in[i]];

		if (!o->due && (o->kind != S_recv || o->len != 1 || t->kind != S_recv || t->n != 1))
			return false;
	}
	if (p && p->murky)
		return false;
	t->len = t->n;
	if (t->kind == S_recv && t->n == 0)
		return false;
	if (t->kind == S_recv && (t->n == 1 || whole)) {
		queue_add(h->in, &h->n_in, m, t);
		return true;
	}
	if (many) {
		if (t->how & SCRIPT_HOLD)
			return false;
		queue_add(h->in, &h->n_in, m, t);
		return true;
	}
	if (avail && !(t->kind == S_recv_pooled && whole && t->n == avail && !p->claims))
		return false;
	if (!avail && (t->how || !(ends || (p && !p->claims && !p->busy))))
		return false;
	if (t->how & SCRIPT_HOLD &&
	    (m_pool_taken(m) + 2 > m->pool_count || m->held == HELD_MAX || !avail))
		return false;
	h->noin = true;
	queue_add(h->in, &h->n_in, m, t);
	return true;
}

static bool submit_read(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *p = peer_of(m, h);

	if (h->is != H_TCP || h->n_in || h->lost || !p || p->murky || h->gone == GONE_RESET ||
	    !t->n || t->kind != S_stream_read_exact)
		return false;
	if (m_receives(m, t->h, t))
		return false;
	if (!m_stream(m, h))
		return false;
	t->len = t->n;
	return true;
}

/* ---- sending ---- */

static bool send_has(model *m, m_op *t)
{
	const m_hand *f = &m->hand[t->to];
	const m_file *file = &m->file[f->file];

	t->len = t->kind == S_send && t->how & SCRIPT_FLOOD ? SCRIPT_FLOOD_BYTES : t->n;
	if (t->kind == S_send_pooled) {
		if (!m->held)
			return false;
		m->held--;
		t->len = PX_MIN(t->len, m->pool_bytes);
	}
	if (t->kind != S_send_file)
		return true;
	if (f->is != H_FILE || f->closing || !(f->flags & PROA_O_READ) || f->flags & PROA_O_DIR ||
	    file->busy == 2)
		return false;
	m->file[f->file].busy = 1;
	t->len = t->at < file->size ? PX_MIN(t->len, file->size - t->at) : 0;
	return true;
}

/* It goes, or waits for nobody. */
static bool send_fits(const model *m, const m_hand *h, const m_hand *p, const m_op *t)
{
	const m_op *reader = p->n_in ? &m->op[p->in[0]] : NULL;
	uint32_t unread = h->tx - p->rx + t->len;

	if (reader && reader->kind == S_recv_pooled_many && !reader->paused && !reader->due)
		return true;
	if (p->finishing || unread <= (h->small ? FIT_SMALL : FIT))
		return true;
	return t->how & SCRIPT_FLOOD && h->small && !p->n_in && !p->stream && t->kind == S_send &&
	       !h->n_out;
}

static bool submit_send(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *p = peer_of(m, h);
	uint32_t asked = t->kind == S_send && t->how & SCRIPT_FLOOD ? SCRIPT_FLOOD_BYTES : t->n;

	if (h->allotted + asked > TX_MAX || !send_has(m, t))
		return false;
	h->allotted += asked;
	if (h->broken) {
		queue_add(h->out, &h->n_out, m, t);
		return t->kind != S_send_file && h->is == H_TCP && p;
	}
	if (h->shut && !h->finishing) { /* EPIPE, in its turn */
		queue_add(h->out, &h->n_out, m, t);
		return !h->gone && t->kind != S_send_file && p && !p->closing;
	}
	if (h->is == H_CONNECTING && !p) { /* behind one that is refused */
		queue_add(h->out, &h->n_out, m, t);
		return true;
	}
	if (!p || p->closing ? !(p && p->finishing) : p->noin && !(p->n_in == 0))
		return false;
	if (h->gone || h->frozen || h->put || (h->claims && !m->linked && t->len > FIT) ||
	    p->idle || !send_fits(m, h, p, t))
		return false;
	h->busy = true;
	h->tx += t->len;
	t->upto = h->tx;
	queue_add(h->out, &h->n_out, m, t);
	return true;
}

static bool submit_shutdown(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *p = peer_of(m, h);

	if (h->is != H_TCP || h->shut || h->gone || h->frozen || h->claims || h->broken || !p ||
	    (p->closing && !p->finishing) || p->noin)
		return false;
	for (unsigned i = 0; i < p->n_in; i++)
		if (m->op[p->in[i]].paused)
			return false;
	h->busy = h->shut = true;
	queue_add(h->out, &h->n_out, m, t);
	return true;
}

/* ---- datagrams ---- */

static bool submit_msg(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *p = peer_of(m, h);

	if (h->is != H_UDP)
		return false;
	if (t->kind == S_recv_msg) {
		queue_add(h->in, &h->n_in, m, t);
		return t->n > 0;
	}
	if (!p || p->closing || h->gone || h->frozen || p->idle || t->n > 2000 ||
	    p->n_grams + h->n_out >= GRAMS)
		return false;
	h->busy = true;
	queue_add(h->out, &h->n_out, m, t);
	return true;
}

/* ---- connecting and accepting ---- */

static bool submit_accept(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *to = &m->hand[t->to];

	if (h->is == H_TCP)
		return t->kind == S_accept && !h->n_in && !h->stream; /* EINVAL */
	if (h->is != H_LISTENER || h->n_in || h->busy || to->is != H_FREE || to->reserved ||
	    m->ends == ENDS)
		return false;
	m->ends++;
	queue_add(h->in, &h->n_in, m, t);
	*to = (m_hand){.owner = t->to, .peer = -1, .backlog = -1, .many = -1, .reserved = true};
	if (h->backlog >= 0) {
		to->peer = h->backlog;
		m->hand[h->backlog].peer = t->to;
		m->hand[h->backlog].frozen = true; /* it may not go in front of that */
	}
	return true;
}

static bool connect_accepted(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *l = &m->hand[t->to];
	m_op *a = l->n_in ? &m->op[l->in[0]] : NULL;

	if (l->closing || l->busy || l->backlog >= 0)
		return false;
	l->busy = true;
	l->backlog = t->h;
	if (!a)
		return true;
	if (a->due || a->paused || m->hand[a->to].is != H_FREE || !m->hand[a->to].reserved)
		return false;
	h->peer = a->to;
	m->hand[a->to].peer = t->h;
	return true;
}

static bool hand_used(const model *m, unsigned number, const m_op *but)
{
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (m->op[i].flying && !m->op[i].rooted && m->op[i].h == number && &m->op[i] != but)
			return true;
	return false;
}

static bool submit_connect(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	bool listens = t->h != t->to && m->hand[t->to].is == H_LISTENER;

	if (m->ends == ENDS || h->claims ||
	    (m->hand[t->to].is != H_FREE && !listens && t->h != t->to))
		return false;
	m->ends++;
	t->refused = !listens;
	h->is = t->kind == S_connect ? H_CONNECTING : H_OPENING;
	return t->refused || connect_accepted(m, t);
}

/* ---- files ---- */

static bool submit_file_open(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	m_file *f = &m->file[t->n % SCRIPT_FILES];
	bool dir = t->how & PROA_O_DIR;

	if (t->how & ~(PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE | PROA_O_TRUNC | PROA_O_EXCL |
	               PROA_O_DIR) ||
	    !(t->how & (PROA_O_READ | PROA_O_WRITE)) ||
	    (dir && t->how != (PROA_O_DIR | PROA_O_READ)) ||
	    (t->how & PROA_O_TRUNC && !(t->how & PROA_O_WRITE)) ||
	    (t->how & PROA_O_EXCL && !(t->how & PROA_O_CREATE)))
		return false;
	if (!dir && (f->open || f->busy || m->files_listed))
		return false;
	if (!dir) {
		f->busy = 2;
		m->files_change = true;
	}
	h->file = t->n % SCRIPT_FILES;
	h->is = H_OPENING;
	return true;
}

static bool submit_file(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	m_file *f = &m->file[h->file];
	bool dir = h->flags & PROA_O_DIR;

	if (t->kind == S_file_open)
		return submit_file_open(m, t);
	if (h->is != H_FILE || h->closing || dir != (t->kind == S_dir_read))
		return false;
	if (dir) {
		/* Whether one that came behind the end is read is the system's. */
		if (m->files_change || hand_used(m, t->h, t) ||
		    (h->read_out && h->entries != m_files(m)))
			return false;
		return m->files_listed = true;
	}
	if (t->kind == S_write &&
	    (!(h->flags & PROA_O_WRITE) || f->busy || t->at > f->size || !t->n))
		return false;
	if (t->kind == S_fsync && (f->busy || !(h->flags & PROA_O_WRITE)))
		return false;
	if ((t->kind == S_read || t->kind == S_fstat) && f->busy == 2)
		return false;
	if (t->kind == S_read && (!(h->flags & PROA_O_READ) || !t->n))
		return false;
	f->busy = t->kind == S_write || t->kind == S_fsync ? 2 : 1;
	return true;
}

/* ---- all ---- */

/* On what is no connection: said at once. */
static bool submit_elsewhere(const model *m, m_op *t)
{
	const m_hand *h = &m->hand[t->h];

	t->due = h->is == H_UDP ? PROA_ENOTSUP : PROA_ENOTCONN;
	return (h->is == H_UDP || h->is == H_INIT) && t->n && t->kind != S_send_pooled &&
	       t->kind != S_send_file;
}

static bool submit_kind(model *m, m_op *t)
{
	unsigned is = m->hand[t->h].is;

	if ((script_is_recv(t->kind) || script_is_send(t->kind)) && is != H_TCP &&
	    is != H_CONNECTING)
		return submit_elsewhere(m, t);
	if (script_is_recv(t->kind))
		return submit_recv(m, t);
	if (script_is_send(t->kind))
		return submit_send(m, t);
	if (script_is_file(t->kind))
		return submit_file(m, t);
	switch (t->kind) {
	case S_accept:
	case S_accept_many: return submit_accept(m, t);
	case S_connect:
	case S_connect_name: return submit_connect(m, t);
	case S_recv_msg:
	case S_send_msg: return submit_msg(m, t);
	case S_shutdown: return submit_shutdown(m, t);
	case S_stream_read_some:
	case S_stream_read_exact: return submit_read(m, t);
	case S_stream_drained: return m->hand[t->h].stream && !m->hand[t->h].gone && !t->n;
	default: return true;
	}
}

static bool needs_handle(unsigned kind)
{
	return kind < S_timer || (script_is_file(kind) && kind != S_file_open);
}

/* One that opens a handle, and meets it not open. */
static bool opens(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h];

	if (s->kind != S_connect && s->kind != S_connect_name && s->kind != S_file_open)
		return true;
	if (h->reserved || (h->is != H_FREE && (h->is != H_INIT || h->closing)) ||
	    (h->is == H_INIT && hand_used(m, s->h, NULL)))
		return false;
	if (h->is == H_FREE)
		*h = (m_hand){.is = H_INIT, .owner = s->h, .peer = -1, .backlog = -1, .many = -1};
	return true;
}

static bool is_post(unsigned kind)
{
	return kind == S_post || kind == S_post_thread;
}

static bool has_deadline(unsigned kind)
{
	return kind != S_timer && !is_post(kind);
}

static bool hand_takes(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h];

	if ((h->is == H_FREE && h->reserved) || !opens(m, s) || h->is == H_OPENING)
		return false;
	return h->is == H_FREE ? !needs_handle(s->kind) : !h->idle;
}

/* Whether nothing else is wrong with it, which might be said first. */
static bool only_refused(const m_hand *h, const m_op *t)
{
	switch (t->kind) {
	case S_recv:
	case S_recv_pooled:
	case S_recv_pooled_many: return h->is == H_TCP && !h->stream && t->n;
	case S_send:
	case S_sendv: return h->is == H_TCP;
	case S_recv_msg:
	case S_send_msg: return h->is == H_UDP && t->n && t->n <= 2000;
	case S_timer:
	case S_doorbell:
	case S_signal:
	case S_work:
	case S_resolve: return true;
	default: return false;
	}
}

/* What is never begun: on a closing handle, past its time. */
static bool submit_refused(model *m, m_op *t, const script_step *s, bool *refused)
{
	const m_hand *h = &m->hand[s->h];

	*refused = true;
	if (h->is != H_FREE && h->closing && !t->rooted) {
		t->due = PROA_ECANCELED;
		return !m->events && !h->by_owner && !s->us && only_refused(h, t);
	}
	if (s->us == SCRIPT_PAST && has_deadline(t->kind)) {
		t->due = PROA_ETIMEDOUT;
		return only_refused(h, t);
	}
	*refused = false;
	return true;
}

/* A short deadline is for what can only wait. */
static bool deadline_set(model *m, m_op *t, const script_step *s)
{
	const script_step d = {.kind = S_deadline, .op = s->op, .us = s->us};

	if (!has_deadline(t->kind) || !s->us || s->us == SCRIPT_FAR)
		return t->kind != S_timer || s->us <= 2500 || s->us == SCRIPT_FAR;
	return s->us <= 2500 && !m->linked && model_step(m, &d);
}

bool m_submit(model *m, const script_step *s)
{
	m_hand *h = &m->hand[s->h];
	m_op *t = &m->op[s->op];
	bool refused;

	if (!is_post(s->kind) && !hand_takes(m, s))
		return false;
	*t = (m_op){.kind = s->kind,
	            .h = s->h,
	            .how = s->how,
	            .to = s->to,
	            .n = s->n,
	            .at = s->at,
	            .used = true,
	            .flying = true};
	t->rooted = h->is == H_FREE || is_post(s->kind);
	t->far = s->us == SCRIPT_FAR;
	m->clean = false;
	if (!submit_refused(m, t, s, &refused))
		return false;
	if (refused) {
		if (script_is_send(t->kind))
			h->allotted += script_send_bytes(s);
		return !script_is_send(t->kind) || h->allotted <= TX_MAX;
	}
	return submit_kind(m, t) && deadline_set(m, t, s);
}
