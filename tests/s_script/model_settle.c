/* The end of a phase: everything that can happen has happened. */
/* SPDX-License-Identifier: MIT */
#include "s_script/model.h"

#include <string.h>

void m_queue_drop(uint8_t *queue, unsigned *n, unsigned op)
{
	for (unsigned i = 0; i < *n; i++) {
		if (queue[i] != op)
			continue;
		memmove(queue + i, queue + i + 1, *n - i - 1);
		--*n;
		return;
	}
}

/* ---- an op's end ---- */

/* As told.c says it. */
static unsigned line_of(const m_op *t, unsigned number, int64_t result)
{
	if (result < 0)
		return TRACE_OP(number);
	if (script_is_recv(t->kind) || script_is_read(t->kind) || t->kind == S_recv_msg ||
	    t->kind == S_accept || t->kind == S_accept_many)
		return TRACE_OF(t->h, TRACE_IN);
	if (script_is_send(t->kind) || t->kind == S_send_msg || t->kind == S_shutdown)
		return TRACE_OF(t->h, TRACE_OUT);
	if (t->kind == S_connect || t->kind == S_connect_name)
		return TRACE_OF(t->h, TRACE_LIFE);
	return TRACE_OP(number);
}

static void came(model *m, m_op *t, uint64_t n)
{
	m->moved += n;
	if (m->plan)
		trace_bytes(&m->plan->trace, line_of(t, (unsigned)(t - m->op), 0), n);
}

/* Idle again; what waited for it is done now. */
static bool op_over(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	unsigned number = (unsigned)(t - m->op);

	t->flying = false;
	if (!t->rooted) {
		m_queue_drop(h->in, &h->n_in, number);
		m_queue_drop(h->out, &h->n_out, number);
		if (!h->n_in)
			h->noin = false;
		if (h->many == (int)number)
			h->many = -1;
	}
	for (unsigned i = 0; i < t->n_links; i++) {
		script_step s = m->script->step[t->link[i]];

		m->linked = (uint8_t)(number + 1);
		if (!model_step(m, &s))
			return false;
		m->linked = 0;
	}
	return true;
}

static bool op_ends(model *m, m_op *t, int64_t result, const char *note)
{
	unsigned number = (unsigned)(t - m->op);

	if (m->plan) {
		trace_result(&m->plan->trace, line_of(t, number, result), t->kind, number, result,
		             note);
		m->plan->told[number] = true;
		m->plan->result[number] = t->kind == S_fstat ? 0 : result;
	}
	return op_over(m, t);
}

static bool op_gone(model *m, m_op *t)
{
	unsigned number = (unsigned)(t - m->op);
	char word[40];

	snprintf(word, sizeof word, "%s%u:gone", script_kind_name[t->kind], number);
	if (m->plan)
		trace_word(&m->plan->trace, TRACE_OP(number), word);
	return op_over(m, t);
}

/* A reset that was asked for, a cancel, a deadline. */
static bool op_due(model *m, m_op *t)
{
	bool flood = t->kind == S_send && t->how & SCRIPT_FLOOD;

	if (t->due == PROA_ECONNRESET)
		return op_gone(m, t);
	return op_ends(m, t, -t->due, flood && t->begun ? "/torn" : "");
}

/* ---- what each kind does when it may: -1 refused, 0 nothing, 1 something happened ---- */

static int moved(bool good)
{
	return good ? 1 : -1;
}

static int recv_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	uint32_t avail = m_avail(m, h), take = t->len - t->done;

	if (h->in[0] != t - m->op || t->paused || h->is != H_TCP)
		return 0;
	if (t->kind == S_recv_pooled_many || take > avail)
		take = avail;
	if (take) {
		h->rx += take;
		t->done += take;
		came(m, t, take);
		if (t->kind == S_recv_pooled_many || t->done < t->len)
			return 1;
		m->held += t->kind == S_recv_pooled && t->how & SCRIPT_HOLD;
		return moved(op_over(m, t));
	}
	if (h->gone == GONE_RESET)
		return moved(op_gone(m, t));
	return m_at_end(m, h) ? moved(op_ends(m, t, 0, "/END")) : 0;
}

static int send_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	m_hand *p = h->peer >= 0 ? &m->hand[h->peer] : NULL;
	const m_file *f = &m->file[m->hand[t->to].file];
	bool cut = t->kind == S_send_file &&
	           (uint32_t)t->n > f->size - PX_MIN(f->size, (uint32_t)t->at);

	if (h->out[0] != t - m->op || h->is != H_TCP || !p)
		return 0;
	if (h->broken)
		return moved(op_ends(m, t, -PROA_EBROKEN, ""));
	if (h->fin)
		return moved(op_ends(m, t, -PROA_EPIPE, ""));
	if (t->kind == S_shutdown) {
		h->fin = true;
		return moved(op_ends(m, t, 0, ""));
	}
	t->begun = true;
	if (p->finishing)
		p->rx = h->tx; /* read and dropped */
	if (t->upto > p->rx && t->upto - p->rx > (h->small ? FIT_SMALL : FIT + 2 * LINKED_MAX))
		return 0;
	return moved(op_ends(m, t, t->len, cut ? "/END" : ""));
}

static int read_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];

	if (m_avail(m, h) >= t->len) {
		h->rx += t->len;
		m->moved += t->len;
		return moved(op_ends(m, t, t->len, ""));
	}
	if (h->gone == GONE_RESET)
		return -1;
	if (m_at_end(m, h))
		return moved(op_ends(m, t, 0, "/END"));
	if (!(h->gone == GONE_END || (h->peer >= 0 && m->hand[h->peer].fin)))
		return 0;
	h->idle = true; /* nothing more than its close */
	return moved(op_ends(m, t, -PROA_EEND, "/END"));
}

static int recv_msg_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	uint16_t gram = h->gram[0];

	if (h->in[0] != t - m->op || !h->n_grams)
		return 0;
	memmove(h->gram, h->gram + 1, --h->n_grams * sizeof *h->gram);
	return moved(op_ends(m, t, PX_MIN(gram, t->n), gram > t->n ? "/TRUNC" : ""));
}

static int send_msg_go(model *m, m_op *t)
{
	m_hand *p = &m->hand[m->hand[t->h].peer];

	if (m->hand[t->h].out[0] != t - m->op)
		return 0;
	p->gram[p->n_grams++] = t->n;
	return moved(op_ends(m, t, t->n, ""));
}

static int bell_go(model *m, m_op *t)
{
	if (!t->rings || t->paused)
		return 0;
	came(m, t, t->rings);
	t->rings = 0;
	return 1;
}

/* Those behind a refused connect end with its error. */
static int connect_refused(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];

	h->is = H_INIT;
	for (unsigned i = 0; i < h->n_in; i++)
		m->op[h->in[i]].due = PROA_ECONNREFUSED;
	for (unsigned i = 0; i < h->n_out; i++)
		m->op[h->out[i]].due = PROA_ECONNREFUSED;
	h->tx = 0;
	return moved(op_ends(m, t, -PROA_ECONNREFUSED, ""));
}

static int connect_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];

	if (t->refused)
		return connect_refused(m, t);
	h->is = H_TCP;
	return moved(op_ends(m, t, 0, ""));
}

/* `backlog` is the one that is to be accepted, its peer the handle that it becomes. */
static int accept_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h], *to = &m->hand[t->to];

	if (h->is != H_LISTENER)
		return moved(op_ends(m, t, -PROA_EINVAL, ""));
	if (h->backlog < 0 || t->paused)
		return 0;
	to->is = H_TCP;
	to->reserved = false;
	h->backlog = -1;
	if (t->kind == S_accept)
		return moved(op_ends(m, t, 0, ""));
	came(m, t, 1);
	return 1;
}

static int file_open_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	m_file *f = &m->file[h->file];
	bool dir = t->how & PROA_O_DIR;
	int error = dir                                       ? 0
	            : f->exists && t->how & PROA_O_EXCL       ? PROA_EEXIST
	            : !f->exists && !(t->how & PROA_O_CREATE) ? PROA_ENOENT
	                                                      : 0;

	h->is = error ? H_INIT : H_FILE;
	h->flags = t->how;
	h->read_out = false;
	if (error)
		return moved(op_ends(m, t, -error, ""));
	if (!dir) {
		f->size = t->how & PROA_O_TRUNC || !f->exists ? 0 : f->size;
		f->exists = f->open = true;
	}
	return moved(op_ends(m, t, 0, ""));
}

unsigned m_files(const model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SCRIPT_FILES; i++)
		n += m->file[i].exists;
	return n;
}

static int dir_read_go(model *m, m_op *t)
{
	m_hand *h = &m->hand[t->h];
	unsigned n = h->read_out ? 0 : m_files(m);

	h->read_out = true;
	h->entries = m_files(m);
	if (n && m->plan)
		trace_bytes(&m->plan->trace, TRACE_OP(t - m->op), n);
	return moved(op_ends(m, t, 0, "/END"));
}

static int file_go(model *m, m_op *t)
{
	m_file *f = &m->file[m->hand[t->h].file];
	uint32_t left = f->size > t->at ? f->size - t->at : 0;

	switch (t->kind) {
	case S_file_open: return file_open_go(m, t);
	case S_dir_read: return dir_read_go(m, t);
	case S_fstat: return moved(op_ends(m, t, f->size, ""));
	case S_fsync: return moved(op_ends(m, t, 0, ""));
	case S_read: return moved(op_ends(m, t, PX_MIN(t->n, left), left < t->n ? "/END" : ""));
	default:
		f->size = PX_MAX(f->size, (uint32_t)t->at + t->n);
		return moved(op_ends(m, t, t->n, ""));
	}
}

static int op_go(model *m, m_op *t)
{
	if (t->due)
		return moved(op_due(m, t));
	if (script_is_recv(t->kind))
		return recv_go(m, t);
	if (script_is_send(t->kind) || t->kind == S_shutdown)
		return send_go(m, t);
	if (script_is_file(t->kind))
		return file_go(m, t);
	switch (t->kind) {
	case S_stream_read_exact: return read_go(m, t);
	case S_recv_msg: return recv_msg_go(m, t);
	case S_send_msg: return send_msg_go(m, t);
	case S_doorbell:
	case S_signal: return bell_go(m, t);
	case S_connect:
	case S_connect_name: return connect_go(m, t);
	case S_accept:
	case S_accept_many: return accept_go(m, t);
	case S_timer: return t->far ? 0 : moved(op_ends(m, t, 0, ""));
	case S_work: return moved(op_ends(m, t, t->n, ""));
	case S_resolve: return moved(op_ends(m, t, 1, ""));
	default: return moved(op_ends(m, t, 0, "")); /* post, stream_drained */
	}
}

/* ---- closes ---- */

static void hand_over(model *m, unsigned number)
{
	m_hand *h = &m->hand[number];

	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		m_hand *o = &m->hand[i];

		if (o->is != H_FREE && o->peer == (int)number) {
			o->peer = -1;
			if (h->finishing && !o->gone)
				o->gone = GONE_END;
		}
		if (o->is != H_FREE && o->by_owner && o->owner == number && i != number)
			hand_over(m, i);
	}
	if (h->is == H_FILE && !(h->flags & PROA_O_DIR))
		m->file[h->file].open = false;
	*h = (m_hand){.is = H_FREE};
}

static bool hand_flies(const model *m, unsigned number)
{
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (m->op[i].flying && !m->op[i].rooted && m->op[i].h == number)
			return true;
	return false;
}

static bool hand_may_go(const model *m, unsigned number)
{
	const m_hand *h = &m->hand[number];

	if (h->is == H_FREE || !h->closing || h->by_owner || hand_flies(m, number))
		return false;
	return !h->finishing || h->gone || (h->peer >= 0 && m->hand[h->peer].fin);
}

static bool closes_go(model *m)
{
	bool any = false;

	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		if (!hand_may_go(m, i))
			continue;
		if (m->plan)
			trace_word(&m->plan->trace, TRACE_OF(i, TRACE_LIFE), "closed");
		hand_over(m, i);
		any = true;
	}
	return any;
}

/* Peers that were told of an end keep it when the slot of the closed one is used again. */
static bool fixpoint(model *m)
{
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < SCRIPT_OPS; i++) {
			int rc = m->op[i].flying ? op_go(m, &m->op[i]) : 0;

			if (rc < 0)
				return false;
			any |= rc > 0;
		}
	}
	return true;
}

/* What has not gone must be certain not to go. */
static bool sends_certain(const model *m)
{
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		const m_hand *h = &m->hand[i];

		if (h->is == H_FREE || !h->n_out || h->is != H_TCP)
			continue;
		if (h->peer < 0 || !h->small ||
		    m->op[h->out[0]].upto - m->hand[h->peer].rx < STALL_MIN)
			return false;
	}
	return true;
}

static void phase_begin(model *m)
{
	m->clean = true;
	m->files_change = m->files_listed = m->raised = false;
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		m_hand *h = &m->hand[i];

		h->busy = h->frozen = false;
		if (h->is != H_FREE && h->peer >= 0 && m->hand[h->peer].rx == h->tx)
			h->put = false;
	}
	for (unsigned i = 0; i < SCRIPT_FILES; i++)
		m->file[i].busy = 0;
}

bool model_settle(model *m, unsigned step)
{
	plan_settle *to = m->plan ? &m->plan->settle[step] : NULL;

	do
		if (!fixpoint(m))
			return false;
	while (closes_go(m));
	if (!sends_certain(m))
		return false;
	phase_begin(m);
	if (!to)
		return true;
	*to = (plan_settle){.moved = m->moved};
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		to->flying += m->op[i].flying;
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++)
		to->closing += m->hand[i].is != H_FREE && m->hand[i].closing &&
		               !m->hand[i].by_owner;
	return true;
}
