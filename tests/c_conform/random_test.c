/* Random programs over the public API, from a seed: what the contract says of all holds in each. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/random.h"

#include <stdlib.h>

/* PROA_RANDOM_SEED=N begins with that seed, PROA_RANDOM_SEEDS=N runs so many; without the second
 * one as many as a few seconds allow. Chance lies with the kernel too, so a seed may have to be
 * run again to fail again. The first failure prints the seed and ends the program. */

/* ---- what an op may end with ---- */

static bool is_send(const slot *t)
{
	return t->kind >= SEND && t->kind <= SEND_FILE;
}

static bool is_recv(const slot *t)
{
	return t->kind <= RECV_MANY;
}

/* Errors that any op of a socket may meet when its peer goes, or closes first. */
static bool error_stated(const slot *t, int64_t result)
{
	const side *s = t->s;

	switch (-result) {
	case PROA_ECANCELED: return t->asked || s->closing;
	case PROA_ETIMEDOUT: return t->timed || (s->idle && t->kind <= SHUT);
	case PROA_ECONNRESET: return t->kind <= SHUT;
	case PROA_EPIPE: return is_send(t) && s->shut;
	case PROA_EBROKEN: return (is_send(t) || t->kind == SHUT) && (s->torn || s->unsure);
	case PROA_ENOMEM: return w.starved;
	case PROA_ENOTCONN: return t->kind == SHUT;
	default: return false;
	}
}

static bool result_stated(const slot *t, int64_t result, uint32_t got)
{
	if (result < 0)
		return error_stated(t, result) && !(got & PROA_MORE);
	switch (t->kind) {
	case RECV:
	case RECV_POOLED:
	case RECV_MANY:
		return result ? (size_t)result <= t->len
		              : (got & (PROA_END | PROA_MORE)) == PROA_END;
	case SEND_FILE:
		return (size_t)result == t->len || ((size_t)result < t->len && (got & PROA_END));
	case SEND:
	case SENDV:
	case SEND_POOLED: return (size_t)result == t->len;
	case WORK: return result == 7;
	case BELL: return result > 0 && (got & PROA_MORE);
	case TIMER: return result == 0 && proa_clock(w.loop) >= t->at_ns;
	default: return result == 0;
	}
}

/* ---- buffers that are out ---- */

static void held_return(unsigned i)
{
	proa_buffer_return(w.loop, w.held[i].buf);
	w.held[i] = w.held[--w.n_held];
}

static void held_add(void *buf, size_t bytes)
{
	MUST(buf != NULL);
	if (w.n_held == HELD_MAX)
		held_return((unsigned)below(w.n_held));
	w.held[w.n_held++] = (held){buf, bytes};
	if (percent(60))
		held_return(w.n_held - 1);
}

/* ---- completions ---- */

static void step(side *s);

static void recv_told(slot *t, int64_t result, void *buf)
{
	side *s = t->s;

	if (t->kind != RECV)
		MUST((buf != NULL) == (result > 0));
	if (result > 0) {
		MUST(t->seq >= s->recv_seq);
		s->recv_seq = t->seq;
		side_received(s, t->kind == RECV ? t->buf : buf, (size_t)result);
		if (t->kind != RECV)
			held_add(buf, t->len);
	}
	if (result == 0)
		side_eof(s);
}

static void send_told(slot *t, int64_t result, int64_t count)
{
	side *s = t->s;

	MUST(count >= 0 && (size_t)count <= t->len && (result < 0 || count == result));
	if (result >= 0) {
		MUST(!s->torn && t->seq > s->send_seq);
		s->send_seq = t->seq;
	}
	if (result < 0 && count > 0)
		s->torn = true;
	else if ((result == -PROA_ECANCELED || result == -PROA_ETIMEDOUT) &&
	         !strcmp(proa_loop_backend(w.loop), "iocp"))
		s->unsure = true; /* broken, if the system had it: docs/CONTRACT.md */
	s->segment[t->segment].count = (size_t)count;
}

static void slot_told(slot *t, int64_t result, int64_t count, void *buf, uint32_t got)
{
	side *s = t->s;

	MUST(t->flying);
	MUST(s->open);
	if (!result_stated(t, result, got)) {
		test_note("kind %u: %s (%lld), count %lld, got %u, asked %d timed %d closing %d",
		          t->kind, proa_err_name(result), (long long)result, (long long)count, got,
		          t->asked, t->timed, s->closing);
		MUST(result_stated(t, result, got));
	}
	w.n_told++;
	if (result == -PROA_ECONNRESET)
		s->failed = true;
	if (!(got & PROA_MORE)) {
		MUST(!proa_in_flight(&t->op));
		if (t->kind == BELL)
			bell_gone(t);
		t->flying = false;
		w.n_flying--;
	}
	if (is_recv(t))
		recv_told(t, result, buf);
	else if (is_send(t))
		send_told(t, result, count);
	if (percent(30))
		step(s);
}

static void slot_done(proa_op *op)
{
	slot *t = (slot *)op;
	void *buf = t->kind == RECV_POOLED || t->kind == RECV_MANY ? op->buf : NULL;

	MUST(kit_running);
	slot_told(t, op->result, is_send(t) ? op->count : 0, buf, op->got);
}

static void side_closed(proa_handle *h)
{
	side *s = (side *)h;

	MUST(kit_running && s->open && s->closing);
	for (unsigned i = 0; i < SLOTS; i++)
		MUST(!s->slot[i].flying);
	MUST(!proa_is_closing(h) && !proa_is_open(h));
	side_ended(s);
}

/* ---- submitting ---- */

static slot *slot_free(side *s)
{
	slot *t = &s->slot[below(SLOTS)];

	if (t->flying)
		return NULL;
	t->op = (proa_op){0};
	t->s = s;
	t->flying = true;
	t->asked = t->timed = false;
	t->seq = ++w.seq;
	if (percent(15)) {
		t->timed = true;
		t->op.deadline_ns = proa_now(w.loop) + (int64_t)below(4 * PROA_MSEC);
	}
	w.n_flying++;
	return t;
}

/* Events are told after proa_wait, callbacks inside it: so never both here, or the order is lost.
 */
static proa_done *done_of(void)
{
	return w.events ? NULL : slot_done;
}

static proa_buffers *pool_of(slot *t)
{
	unsigned i = (unsigned)below(POOLS);

	t->len = w.pool_bytes[i];
	return w.pool[i];
}

static void submit_recv(side *s, unsigned kind)
{
	slot *t = slot_free(s);
	proa_buffers *pool;

	if (!t)
		return;
	t->kind = kind;
	t->len = 1 + below(percent(50) ? 100 : SLOT_BYTES);
	pool = kind == RECV ? NULL : pool_of(t);
	if (kind == RECV)
		proa_recv(&s->h, &t->op, t->buf, t->len, done_of());
	else if (kind == RECV_POOLED)
		proa_recv_pooled(&s->h, &t->op, pool, done_of());
	else
		proa_recv_pooled_many(&s->h, &t->op, pool, (unsigned)below(4), done_of());
}

static void segment_add(slot *t, uint64_t base)
{
	side *s = t->s;

	t->segment = s->n_segments;
	s->segment[s->n_segments++] = (segment){base, 0};
	s->tx_n += t->len;
}

static void submit_sendv(side *s, slot *t)
{
	size_t cut = below(t->len + 1);

	t->vec[0] = (proa_vec){t->buf, cut};
	t->vec[1] = (proa_vec){t->buf, 0};
	t->vec[2] = (proa_vec){t->buf + cut, t->len - cut};
	proa_sendv(&s->h, &t->op, t->vec, 3, done_of());
}

static void submit_send_pooled(side *s, slot *t)
{
	unsigned i = (unsigned)below(w.n_held);
	held b = w.held[i];
	size_t from = below(b.bytes);

	w.held[i] = w.held[--w.n_held];
	t->len = b.bytes - from;
	segment_add(t, s->tx_n);
	kit_fill((char *)b.buf + from, t->len, s->segment[t->segment].base);
	proa_send_pooled(&s->h, &t->op, (char *)b.buf + from, t->len, done_of());
}

static void submit_send(side *s, unsigned kind)
{
	slot *t;

	if (s->tx_n > TX_MAX || s->n_segments == SEGMENTS || (kind == SEND_POOLED && !w.n_held) ||
	    (kind == SEND_FILE && !w.running) || !(t = slot_free(s)))
		return;
	t->kind = kind;
	t->len = 1 + below(percent(50) ? 200 : SLOT_BYTES);
	if (kind == SEND_POOLED) {
		submit_send_pooled(s, t);
		return;
	}
	if (kind == SEND_FILE) {
		uint64_t at = below(FILE_BYTES + 10);

		segment_add(t, at);
		proa_send_file(&s->h, &t->op, &w.file, (int64_t)at, (int64_t)t->len, done_of());
		return;
	}
	segment_add(t, s->tx_n);
	kit_fill(t->buf, t->len, s->segment[t->segment].base);
	if (kind == SEND)
		proa_send(&s->h, &t->op, t->buf, t->len, done_of());
	else
		submit_sendv(s, t);
}

static int64_t work(proa_op *op)
{
	for (int i = 0; i < 10 && !proa_work_cancelled(op); i++)
		host_yield();
	return 7;
}

static void submit_other(side *s, unsigned kind)
{
	slot *t = slot_free(s);

	if (!t)
		return;
	t->kind = kind;
	t->at_ns = proa_now(w.loop) + (int64_t)below(3 * PROA_MSEC);
	if (kind == SHUT) {
		s->shut = true;
		proa_shutdown(&s->h, &t->op, done_of());
	} else if (kind == TIMER) {
		proa_timer(&s->h, &t->op, t->at_ns, done_of());
	} else if (kind == WORK) {
		proa_work(&s->h, &t->op, percent(50) ? &w.strand : NULL, work, done_of());
	} else {
		proa_doorbell(&s->h, &t->op, done_of());
		bell_there(t);
	}
}

/* ---- closing, and what else may happen to a side ---- */

static void side_close(side *s)
{
	proa_closed *closed = w.events ? NULL : side_closed;
	uint64_t how = below(s->closing ? 2 : 3);

	s->closing = true;
	if (how == 0)
		proa_close(&s->h, closed);
	else if (how == 1)
		proa_close_abort(&s->h, closed);
	else
		proa_finish(&s->h, percent(50) ? proa_now(w.loop) + 5 * PROA_MSEC : 0, closed);
}

static void slot_meddle(side *s)
{
	slot *t = &s->slot[below(SLOTS)];

	switch (below(5)) {
	case 0:
	case 1:
		t->asked = true;
		proa_cancel(&t->op);
		break;
	case 2:
		if (t->flying) {
			t->timed = true;
			proa_deadline(&t->op, percent(20) ? 0
			                                  : proa_now(w.loop) +
			                                            (int64_t)below(3 * PROA_MSEC));
		}
		break;
	case 3: proa_pause(&t->op); break;
	default: proa_resume(&t->op);
	}
}

static void side_idle(side *s)
{
	s->idle = true;
	proa_set_idle(&s->h, percent(30) ? 0 : (int64_t)below(6 * PROA_MSEC));
}

static void step(side *s)
{
	if (!s->open || s->fd >= 0 || (w.events && s->closing))
		return; /* closed, perhaps, and the event that tells so is next */
	switch (below(32)) {
	case 0: side_idle(s); break;
	case 1: side_close(s); break;
	case 2: submit_other(s, percent(30) ? SHUT : TIMER); break;
	case 3: submit_other(s, percent(50) ? WORK : BELL); break;
	case 4: submit_other(s, TIMER); break;
	case 5:
	case 6:
	case 7: submit_recv(s, RECV); break;
	case 8:
	case 9:
	case 10: submit_recv(s, RECV_POOLED); break;
	case 11:
	case 12:
	case 13: submit_recv(s, RECV_MANY); break;
	case 14:
	case 15: submit_send(s, SENDV); break;
	case 16:
	case 17: submit_send(s, SEND_FILE); break;
	case 18:
	case 19: submit_send(s, SEND_POOLED); break;
	case 20:
	case 21:
	case 22: submit_send(s, SEND); break;
	case 23:
	case 24:
		if (w.n_held)
			held_return((unsigned)below(w.n_held));
		break;
	default: slot_meddle(s);
	}
}

/* ---- running ---- */

static void events_told(proa_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		if (e[i].op) {
			slot *t = (slot *)e[i].op;

			slot_told(t, e[i].result, is_send(t) ? e[i].count : 0,
			          t->kind == RECV_POOLED || t->kind == RECV_MANY ? e[i].buf : NULL,
			          e[i].got);
		} else {
			side_closed(e[i].handle);
		}
	}
}

static void iterate(void)
{
	int64_t until = percent(70) ? PROA_POLL : proa_clock(w.loop) + (int64_t)below(PROA_MSEC);
	proa_event events[4];
	int n;

	kit_running = true;
	if (w.events) {
		n = proa_wait(w.loop, events, 1 + (int)below(4), until);
		if (n > 0)
			events_told(events, n);
	} else {
		n = proa_run_once(w.loop, until);
	}
	MUST(n >= 0 || n == -PROA_ESTOPPED);
	kit_running = false;
	if (percent(1))
		proa_stop(w.loop);
	if (w.starved && percent(20))
		kit_mem.fail_at = kit_mem.calls + 1 + (long)below(3);
}

static void file_open(void)
{
	int fd = kit_file(FILE_BYTES);

	memset(&w.file, 0, sizeof w.file);
	proa_handle_init(proa_root(w.loop), &w.file);
	proa_adopt_os(&w.file, fd, PROA_FILE);
}

static bool world_open(uint64_t seed)
{
	proa_loop_options o = {.buffers_count = 1 + seed % 5, .buffers_size_bytes = 700};

	random_world_clear(seed);
	w.events = percent(30);
	w.starved = percent(30);
	if (!(w.loop = kit_open(&o)))
		return false;
	for (unsigned i = 1; i < POOLS; i++) {
		proa_buffers_options p = {.count = 1 + below(6), .size_bytes = 64 + below(3000)};

		w.pool_bytes[i] = p.size_bytes;
		w.pool_count[i] = p.count;
		MUST(proa_buffers_open(w.loop, &w.pool[i], &p) == 0);
	}
	w.pool[0] = percent(50) ? NULL : proa_loop_buffers(w.loop);
	w.pool_bytes[0] = 700;
	w.pool_count[0] = 1 + seed % 5;
	proa_handle_init(proa_root(w.loop), &w.owner);
	file_open();
	lurkers_open();
	for (unsigned i = 0; i < PAIRS; i++)
		side_open(i);
	return true;
}

static void world_close(void)
{
	proa_stats stats;
	long long until = test_now_ns() + kit_patience_ns();

	w.running = false;
	lurkers_close();
	kit_running = true;
	proa_close(&w.file, kit_closed);
	proa_close(&w.owner, kit_closed); /* with those that it owns, told by nobody's order */
	kit_running = false;
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		side *s = &w.side[i];

		if (!s->open)
			continue;
		if (s->fd >= 0) {
			side_plain_close(s, false);
			continue;
		}
		s->closing = true;
		proa_close(&s->h, w.events ? NULL : side_closed);
	}
	while ((w.n_open || w.n_flying) && test_now_ns() < until)
		iterate();
	MUST(!w.n_open && !w.n_flying);
	while (w.n_held)
		held_return(0);
	while (lurkers_left() && test_now_ns() < until)
		iterate();
	MUST(!lurkers_left());
	for (int i = 0; i < 3; i++)
		iterate();
	proa_loop_stats(w.loop, &stats);
	MUST(stats.handles == 0 && stats.in_flight == 0);
	for (unsigned i = 1; i < POOLS; i++) {
		MUST(proa_buffers_free(w.pool[i]) == w.pool_count[i]);
		proa_buffers_close(&w.pool[i]);
	}
	MUST(proa_buffers_free(proa_loop_buffers(w.loop)) == w.pool_count[0]);
	kit_close(&w.loop);
	MUST(kit_mem.blocks == 0 && kit_mem.bytes == 0);
}

static bool world_run(uint64_t seed)
{
	if (!world_open(seed))
		return false;
	poster_start();
	for (unsigned i = 0; i < STEPS; i++) {
		for (unsigned n = (unsigned)below(12); n; n--) {
			side *s = &w.side[below(2 * PAIRS)];

			step(s);
			side_plain_step(s);
		}
		lurkers_step();
		iterate();
	}
	poster_stop();
	world_close(); /* bells go, by the lock */
	host_lock_destroy(&w.lock);
	return true;
}

static uint64_t from_environment(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : 0;
}

TEST_LIMIT(random_programs, 3600)
{
	uint64_t first = from_environment("PROA_RANDOM_SEED");
	uint64_t n = from_environment("PROA_RANDOM_SEEDS"), done = 0;
	long long until = test_now_ns() + 5 * PROA_SEC;

	if (first && !n)
		n = 1;
	random_watch();
	while (n ? done < n : test_now_ns() < until)
		if (!world_run((first ? first : 1) + done++))
			return;
	test_note("%llu seeds from %llu, %llu completions", (unsigned long long)done,
	          (unsigned long long)(first ? first : 1), (unsigned long long)w.n_told);
}
