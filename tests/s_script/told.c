/* What the loop tells: each completion is held against its stated set, and traced. */
/* SPDX-License-Identifier: MIT */
#include "s_script/run.h"

#include <string.h>

static bool is_connect(const slot *t)
{
	return t->kind == S_connect || t->kind == S_connect_name;
}

/* ---- memory that is nobody's to write ---- */

void poison_set(slot *t)
{
	t->poison = t->len < SLOT_BYTES ? t->len : SLOT_BYTES;
	memset(t->buf, 0xa5, t->poison);
}

bool poison_held(const slot *t)
{
	for (uint32_t i = 0; i < t->poison; i++)
		if (t->buf[i] != 0xa5)
			return false;
	return true;
}

static void canary_check(const slot *t)
{
	for (unsigned i = 0; t->len < SLOT_BYTES && i < CANARY; i++)
		if (t->buf[t->len + i] != 0xc5)
			run_fail(F_MEMORY, "%s%u wrote behind its buffer",
			         script_kind_name[t->kind], (unsigned)(t - r.slot));
}

/* ---- the trace ---- */

/* Errors stand alone: whether they come before what was submitted earlier is chance. */
static unsigned line_of(const slot *t, int64_t result)
{
	if (result < 0)
		return TRACE_OP(t - r.slot);
	if (script_is_recv(t->kind) || script_is_read(t->kind) || t->kind == S_recv_msg ||
	    t->kind == S_accept || t->kind == S_accept_many)
		return TRACE_OF(t->h, TRACE_IN);
	if (script_is_send(t->kind) || t->kind == S_send_msg || t->kind == S_shutdown)
		return TRACE_OF(t->h, TRACE_OUT);
	if (is_connect(t))
		return TRACE_OF(t->h, TRACE_LIFE);
	return TRACE_OP(t - r.slot);
}

/* Once the peer has reset, who tells it first is the system's. */
static bool is_gone(const slot *t, int64_t result)
{
	const end *e = end_of(t->h);

	if (!script_is_recv(t->kind) || !e)
		return false;
	return result == -PROA_ECONNRESET ||
	       (result == 0 && e->peer >= 0 && r.end[e->peer].aborted);
}

/* A flood that was under way, for a whole settle, is torn if it is cancelled; iocp does not promise
 * to tell how far it was. */
static bool torn_unsurely(const slot *t, int64_t result)
{
	const end *e = end_of(t->h);

	return e && e->unsure && result != -PROA_EBROKEN && t->how & SCRIPT_FLOOD &&
	       t->kind == S_send && t->phase + 1 < r.phase;
}

static const char *note_of(const slot *t, int64_t result, int64_t count, uint32_t got)
{
	if (result < 0 && script_is_send(t->kind))
		return count || torn_unsurely(t, result) ? "/torn" : "";
	return got & PROA_END ? "/END" : got & PROA_TRUNC ? "/TRUNC" : "";
}

/* Of scripts' files: a world's folder has one more. */
static unsigned entries_of(const unsigned char *buf, int64_t bytes)
{
	unsigned n = 0;

	for (int64_t at = 0; at < bytes;) {
		const proa_dirent *e = (const proa_dirent *)(const void *)(buf + at);

		n += e->name[0] == 'f';
		at += e->bytes;
	}
	return n;
}

static void told_trace(const slot *t, int64_t result, int64_t count, uint32_t got)
{
	trace *to = &r.result->trace;
	unsigned line = line_of(t, result), number = (unsigned)(t - r.slot);
	char word[40];

	if (!r.tracing)
		return;
	if (result > 0 && (script_is_recv(t->kind) || t->bell))
		trace_bytes(to, line, (uint64_t)result);
	else if (result > 0 && t->kind == S_dir_read)
		trace_bytes(to, line, entries_of(t->buf, result));
	else if (result == 0 && t->kind == S_fstat)
		trace_result(to, line, t->kind, number, t->stat.size_bytes, "");
	else if (t->kind == S_accept_many && (got & PROA_MORE))
		trace_bytes(to, line, 1);
	else if (is_gone(t, result)) {
		snprintf(word, sizeof word, "%s%u:gone", script_kind_name[t->kind], number);
		trace_word(to, TRACE_OP(number), word);
	} else
		trace_result(to, line, t->kind, number, result, note_of(t, result, count, got));
}

/* ---- what each kind does with its completion ---- */

static void end_received(unsigned h, const void *bytes, int64_t n)
{
	end *e = end_of(h);

	if (!e)
		return;
	if (e->eof || e->rx + n > TX_MAX) {
		run_fail(F_BYTES, "h%u: bytes behind the end, or too many", h);
		return;
	}
	memcpy(e->bytes + e->rx, bytes, (size_t)n);
	e->rx += (uint32_t)n;
	r.moved += (uint64_t)n;
}

static void end_eof(unsigned h)
{
	end *e = end_of(h), *p;

	if (!e || e->eof)
		return;
	p = e->peer >= 0 ? &r.end[e->peer] : NULL;
	e->whole = p && !p->closing && !e->failed && !e->closing &&
	           !script_may(PROA_FAULT_HALF_CLOSE);
	e->eof = true;
}

static void order_check(slot *t, uint64_t *last)
{
	if (t->seq < *last)
		run_fail(F_ORDER, "%s%u ended before one that was submitted earlier",
		         script_kind_name[t->kind], (unsigned)(t - r.slot));
	*last = t->seq;
}

static void recv_told(slot *t, int64_t result, void *buf, bool final)
{
	hand *h = &r.hand[t->h];

	if (t->kind == S_recv)
		canary_check(t);
	else if ((buf != NULL) != (result > 0))
		run_fail(F_RESULT, "%s%u: a buffer with %lld", script_kind_name[t->kind],
		         (unsigned)(t - r.slot), (long long)result);
	if (result > 0) {
		order_check(t, &h->in_seq);
		end_received(t->h, t->kind == S_recv ? t->buf : buf, result);
	}
	if (result == 0)
		end_eof(t->h);
	if (result == -PROA_ECONNRESET && end_of(t->h))
		end_of(t->h)->failed = true;
	if (result > 0 && t->kind == S_recv)
		memset(t->buf, 0xa5, (size_t)result);
	else if (result > 0)
		held_add(buf, t->how & SCRIPT_HOLD && (t->kind != S_recv_pooled || !r.plan ||
		                                       t->done + result >= t->aim));
	t->done += result > 0 ? (uint32_t)result : 0;
	if (final && t->kind == S_recv && !(t->how & SCRIPT_WHOLE))
		poison_set(t);
}

static void send_told(slot *t, int64_t result, int64_t count)
{
	hand *h = &r.hand[t->h];
	end *e = end_of(t->h);

	if (!e)
		return;
	if (result >= 0) {
		order_check(t, &h->out_seq);
		if (e->torn)
			run_fail(F_ORDER, "%s%u went behind a torn send", script_kind_name[t->kind],
			         (unsigned)(t - r.slot));
	}
	if (result < 0 && count > 0)
		e->torn = true;
	if (t->segment >= 0)
		e->segment[t->segment].count = (uint32_t)count;
	if ((result == -PROA_ECANCELED || result == -PROA_ETIMEDOUT) && !t->past &&
	    !strcmp(proa_loop_backend(r.loop), "iocp")) {
		e->unsure = true; /* broken, if the system had it: docs/CONTRACT.md */
		e->segment[t->segment].count = t->len;
		e->segment[t->segment].maybe = true;
	}
	if (result == -PROA_ECONNRESET)
		e->failed = true;
}

static void read_told(slot *t, int64_t result, const void *buf)
{
	if (r.events && r.hand[t->h].closing)
		return; /* the stream may have gone before its event is told, and its bytes with it
		         */
	if (result > 0)
		end_received(t->h, buf, result);
	else if (result == 0)
		end_eof(t->h);
	if (result == -PROA_ECONNRESET && end_of(t->h))
		end_of(t->h)->failed = true;
}

/* What opened the handle has failed. Another one that was submitted behind a cancel of it, which
 * came before anybody was told, may be opening it since: if not, it will say so. */
static void opener_failed(const slot *failed)
{
	hand *h = &r.hand[failed->h];

	h->is = H_INIT;
	h->opener = h->end = -1;
	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		const slot *t = &r.slot[i];
		bool connects = t->kind == S_connect || t->kind == S_connect_name;

		if (t == failed || !t->flying || t->h != failed->h ||
		    !(connects || t->kind == S_file_open))
			continue;
		h->is = t->kind == S_connect ? H_CONNECTING : H_OPENING;
		h->opener = (int)i;
		h->end = connects ? end_new() : -1;
		return;
	}
}

static void connect_told(slot *t, int64_t result)
{
	hand *h = &r.hand[t->h];
	proa_addr a;

	h->timed |= result == -PROA_ETIMEDOUT;
	h->asked |= result == -PROA_ECANCELED;
	h->refused |= result == -PROA_ECONNREFUSED;
	if (h->opener != t - r.slot)
		return;
	h->opener = -1;
	h->is = H_TCP;
	if (result < 0)
		opener_failed(t);
	if (result < 0 || h->end < 0 || proa_local_addr(&h->h, &a) < 0)
		return;
	r.end[h->end].port = proa_addr_port(&a);
	end_match(h->end);
}

static void open_told(const slot *t, int64_t result)
{
	hand *h = &r.hand[t->h];

	if (h->opener != t - r.slot)
		return;
	h->opener = -1;
	h->is = H_FILE;
	if (result < 0)
		opener_failed(t);
}

/* What was read is what was written there, or a hole. */
static void file_read_told(const slot *t, int64_t result)
{
	const unsigned char *want = script_pattern + t->segment + t->aim;

	canary_check(t);
	for (int64_t i = 0; i < result; i++)
		if (t->buf[i] != want[i] && (t->buf[i] || r.plan))
			run_fail(F_BYTES, "read%u: another byte at %lld", (unsigned)(t - r.slot),
			         (long long)(t->aim + i));
}

static void msg_told(slot *t, int64_t result)
{
	const hand *h = &r.hand[t->h];

	if (result >= 0)
		canary_check(t);
	if (result >= 0 && memcmp(t->buf, script_pattern, (size_t)result) != 0)
		run_fail(F_BYTES, "recv_msg%u: other bytes", (unsigned)(t - r.slot));
	if (result >= 0 && h->is == H_UDP &&
	    proa_addr_port(&t->msg.addr) != proa_addr_port(&h->peer) && r.plan)
		run_fail(F_BYTES, "recv_msg%u: from somebody else", (unsigned)(t - r.slot));
	if (result >= 0)
		poison_set(t);
}

static void kind_told(slot *t, int64_t result, int64_t count, void *buf, proa_socket socket,
                      uint32_t got)
{
	bool final = !(got & PROA_MORE);

	if (script_is_recv(t->kind))
		recv_told(t, result, buf, final);
	else if (script_is_send(t->kind))
		send_told(t, result, count);
	else if (script_is_read(t->kind))
		read_told(t, result, buf);
	else if (is_connect(t))
		connect_told(t, result);
	else if (t->kind == S_recv_msg)
		msg_told(t, result);
	else if (t->kind == S_read)
		file_read_told(t, result);
	else if (t->kind == S_file_open)
		open_told(t, result);
	else if (t->kind == S_accept || t->kind == S_accept_many) {
		r.moved += result >= 0 && !final;
		if (result >= 0)
			hand_adopt(t->to, socket);
	} else if (t->bell && result > 0)
		r.moved += (uint64_t)result;
}

/* ---- told ---- */

/* A recv that wants more bytes, a folder that has more entries: the same op again. */
static bool goes_on(const slot *t, int64_t result)
{
	if (t->kind == S_dir_read)
		return result > 0 && !r.hand[t->h].closing;
	return result > 0 && (t->kind == S_recv || t->kind == S_recv_pooled) &&
	       (t->how & SCRIPT_WHOLE) && t->done < t->aim && !t->asked && !t->timed &&
	       !r.hand[t->h].closing;
}

static void slot_told(slot *t, int64_t result, int64_t count, void *buf, proa_socket socket,
                      uint32_t got)
{
	unsigned number = (unsigned)(t - r.slot);

	if (!t->flying || !r.running || r.calling)
		run_fail(F_FINALS, "%s%u is told %s", script_kind_name[t->kind], number,
		         t->flying ? "outside of the run functions" : "twice");
	if (!result_stated(t, result, count, got))
		run_fail(F_RESULT, "%s%u: %s (%lld) of %u, count %lld, got %u",
		         script_kind_name[t->kind], number, proa_err_name(result),
		         (long long)result, t->len, (long long)count, got);
	if (t->kind == r.env->plant && result >= r.env->plant_min)
		run_fail(F_PLANTED, "%s%u: %lld", script_kind_name[t->kind], number,
		         (long long)result);
	kind_told(t, result, count, buf, socket, got);
	told_trace(t, result, count, got);
	if (got & PROA_MORE)
		return;
	if (proa_in_flight(&t->op))
		run_fail(F_FINALS, "%s%u is in flight behind its final", script_kind_name[t->kind],
		         number);
	if (goes_on(t, result)) {
		slot_submit(t);
		return;
	}
	t->flying = t->bell = false;
	r.flying--;
	if (!t->rooted)
		r.hand[t->h].flying--;
	step_linked(t);
}

void run_told(proa_op *op, int64_t result, int64_t count, void *buf, proa_socket socket,
              uint32_t got)
{
	if (op == &r.connect.op || op == &r.accept.op) {
		own_op *o = (own_op *)op;

		o->told = true;
		o->result = result;
		o->socket = socket;
		return;
	}
	slot_told((slot *)op, result, count, buf, socket, got);
}

void run_done(proa_op *op)
{
	const slot *t = (const slot *)op;
	bool own = op == &r.connect.op || op == &r.accept.op;
	bool accepts = op == &r.accept.op ||
	               (!own && (t->kind == S_accept || t->kind == S_accept_many));
	bool bell = !own && t->bell;

	/* Of a bell that may be rung meanwhile, and of ops without bytes, more is not told. */
	run_told(op, op->result, bell ? 0 : op->count, bell || accepts ? NULL : op->buf,
	         accepts ? op->socket : (proa_socket){0}, op->got);
}

/* With what it owned. */
static void hand_free(unsigned h)
{
	r.hand[h].is = H_FREE;
	r.hand[h].closing = false;
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++)
		if (r.hand[i].is != H_FREE && r.hand[i].by_owner && r.hand[i].owner == h)
			hand_free(i);
}

void run_closed(proa_handle *handle)
{
	hand *h = (hand *)handle;
	unsigned number = (unsigned)(h - r.hand);

	if (handle == &r.listener) {
		r.listening = false;
		return;
	}
	if (h->is == H_FREE || h->by_owner) {
		h->is = H_FREE; /* an event of its own, before its owner's */
		return;
	}
	if (!r.running || r.calling || !h->closing || h->flying)
		run_fail(F_FINALS,
		         "h%u's close is told in the wrong state, %u of its ops are in flight",
		         number, h->flying);
	if (proa_is_open(handle) || proa_is_closing(handle))
		run_fail(F_FINALS, "h%u is told as closed and is not", number);
	if (r.tracing)
		trace_word(&r.result->trace, TRACE_OF(number, TRACE_LIFE), "closed");
	hand_free(number);
	r.closing--;
}
