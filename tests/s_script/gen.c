/* Scripts from a seed: any steps, or only those whose outcome is determined. */
/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "s_script/model.h"

static px_rng rng;

static unsigned below(unsigned n)
{
	return (unsigned)px_rng_below(&rng, n);
}

static bool percent(unsigned n)
{
	return below(100) < n;
}

static void add(script *s, script_step step)
{
	if (s->n < SCRIPT_STEPS)
		s->step[s->n++] = step;
}

/* How often each step is tried, of those that may follow. */
typedef struct weight {
	uint8_t kind, weight;
} weight;

static unsigned choose(const weight *w, unsigned n)
{
	unsigned sum = 0, at;

	for (unsigned i = 0; i < n; i++)
		sum += w[i].weight;
	at = below(sum);
	for (unsigned i = 0;; i++) {
		if (at < w[i].weight)
			return w[i].kind;
		at -= w[i].weight;
	}
}

static uint16_t length(void)
{
	switch (below(6)) {
	case 0: return (uint16_t)(1 + below(3));
	case 1:
	case 2:
	case 3: return (uint16_t)(1 + below(600));
	case 4: return (uint16_t)(1 + below(5000));
	default: return (uint16_t)(1 + below(30000));
	}
}

static uint8_t open_flags(void)
{
	static const uint8_t flags[] = {
		1, 2 | 4, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4 | 8, 1 | 2 | 4 | 32, 1 | 64, 1 | 64};

	return flags[below(sizeof flags)];
}

static bool of_flying(unsigned kind)
{
	return kind >= S_notify && kind <= S_deadline && kind != S_raise && kind != S_buffer_return;
}

static bool uses_to(unsigned kind)
{
	return kind == S_init || kind == S_pair || kind == S_udp || kind == S_send_file ||
	       (kind >= S_accept && kind <= S_connect_name);
}

/* Of an op, or of nothing. */
static bool uses_no_handle(unsigned kind)
{
	return kind <= S_stop || kind == S_post || kind == S_post_thread ||
	       (kind >= S_notify && kind <= S_deadline);
}

static bool uses_n(unsigned kind)
{
	return (script_is_recv(kind) || script_is_send(kind) || script_is_read(kind) ||
	        kind == S_recv_msg || kind == S_send_msg || kind == S_stream_put ||
	        kind == S_stream_drained || kind == S_work || kind == S_resolve || kind == S_read ||
	        kind == S_write);
}

static script_step step_random(unsigned kind)
{
	script_step s = {.kind = (uint8_t)kind};

	if (!uses_no_handle(kind))
		s.h = (uint8_t)below(SCRIPT_HANDLES);
	if (script_submits[kind] || of_flying(kind))
		s.op = (uint8_t)below(SCRIPT_OPS);
	if (uses_to(kind))
		s.to = (uint8_t)below(SCRIPT_HANDLES);
	if (uses_n(kind))
		s.n = length();

	switch (kind) {
	case S_recv: s.how = percent(40) ? SCRIPT_WHOLE : 0; break;
	case S_recv_pooled: s.how = (uint8_t)below(4); break;
	case S_recv_pooled_many: s.how = percent(30) ? SCRIPT_HOLD : 0; break;
	case S_send:
		if (percent(10))
			s.how = SCRIPT_FLOOD;
		if (s.how)
			s.n = 0;
		break;
	case S_pair:
	case S_udp:
	case S_work: s.how = (uint8_t)below(2); break;
	case S_file_open:
		s.how = open_flags();
		s.n = (uint16_t)below(SCRIPT_FILES);
		break;
	case S_read:
	case S_write:
	case S_send_file: s.at = percent(50) ? 0 : (uint16_t)below(8000); break;
	default: break;
	}
	if (kind == S_recv_pooled_many)
		s.n = (uint16_t)below(4);
	return s;
}

/* ---- racing ---- */

static const weight racing[] = {{S_settle, 5},
                                {S_run, 40},
                                {S_stop, 1},
                                {S_init, 2},
                                {S_pair, 12},
                                {S_udp, 3},
                                {S_listen, 3},
                                {S_accept, 4},
                                {S_accept_many, 2},
                                {S_connect, 6},
                                {S_connect_name, 2},
                                {S_recv, 20},
                                {S_recv_pooled, 12},
                                {S_recv_pooled_many, 8},
                                {S_recv_msg, 5},
                                {S_send, 24},
                                {S_sendv, 8},
                                {S_send_pooled, 8},
                                {S_send_file, 5},
                                {S_send_msg, 5},
                                {S_shutdown, 3},
                                {S_stream_read_some, 2},
                                {S_stream_read_exact, 2},
                                {S_stream_drained, 1},
                                {S_stream_put, 3},
                                {S_timer, 4},
                                {S_post, 3},
                                {S_post_thread, 1},
                                {S_doorbell, 2},
                                {S_signal, 1},
                                {S_work, 3},
                                {S_resolve, 1},
                                {S_file_open, 5},
                                {S_fstat, 1},
                                {S_read, 3},
                                {S_write, 5},
                                {S_fsync, 1},
                                {S_dir_read, 1},
                                {S_notify, 3},
                                {S_notify_thread, 1},
                                {S_raise, 1},
                                {S_pause, 3},
                                {S_resume, 5},
                                {S_buffer_return, 5},
                                {S_cancel, 14},
                                {S_deadline, 4},
                                {S_set_idle, 2},
                                {S_close, 4},
                                {S_close_abort, 3},
                                {S_finish, 3}};

static int16_t racing_deadline(unsigned kind)
{
	if (kind == S_timer)
		return (int16_t)(percent(20) ? SCRIPT_FAR : (int)below(1500));
	if (kind == S_set_idle)
		return (int16_t)(percent(30) ? 0 : 1000 + (int)below(2000));
	if (kind != S_deadline && kind != S_finish && !percent(12))
		return 0;
	switch (below(5)) {
	case 0: return SCRIPT_PAST;
	case 1: return SCRIPT_FAR;
	case 2: return 0;
	default: return (int16_t)(1 + below(1500));
	}
}

static void world_step(script *s)
{
	add(s, (script_step){.kind = S_world,
	                     .n = (uint16_t)(1 + below(10)),
	                     .at = (uint16_t)(percent(50) ? 2048 : 64 + below(4000)),
	                     .how = percent(30) ? SCRIPT_EVENTS : 0});
}

void script_racing(script *s, uint64_t seed)
{
	unsigned n = 20 + (unsigned)(seed % 7) * 30;

	px_rng_init(&rng, seed);
	s->n = 0;
	world_step(s);
	for (unsigned i = 0; i < 3; i++)
		add(s, (script_step){.kind = S_pair,
		                     .h = (uint8_t)(2 * i),
		                     .to = (uint8_t)(2 * i + 1),
		                     .how = (uint8_t)below(2)});
	while (s->n < n) {
		unsigned kind = choose(racing, sizeof racing / sizeof *racing);
		script_step step = step_random(kind);

		if (script_submits[kind] || kind == S_deadline || kind == S_set_idle ||
		    kind == S_finish)
			step.us = racing_deadline(kind);
		if (percent(20) && kind != S_run && kind != S_settle)
			step.in = (uint8_t)(1 + below(SCRIPT_OPS));
		add(s, step);
	}
}

/* ---- race-free: what the model takes ---- */

static const weight determined[] = {{S_settle, 50},
                                    {S_stop, 1},
                                    {S_init, 4},
                                    {S_pair, 14},
                                    {S_udp, 4},
                                    {S_listen, 4},
                                    {S_accept, 6},
                                    {S_accept_many, 4},
                                    {S_connect, 10},
                                    {S_connect_name, 4},
                                    {S_recv, 34},
                                    {S_recv_pooled, 18},
                                    {S_recv_pooled_many, 14},
                                    {S_recv_msg, 8},
                                    {S_send, 40},
                                    {S_sendv, 12},
                                    {S_send_pooled, 10},
                                    {S_send_file, 8},
                                    {S_send_msg, 8},
                                    {S_shutdown, 8},
                                    {S_stream_read_exact, 8},
                                    {S_stream_drained, 2},
                                    {S_stream_put, 8},
                                    {S_timer, 6},
                                    {S_post, 4},
                                    {S_post_thread, 1},
                                    {S_doorbell, 4},
                                    {S_signal, 2},
                                    {S_work, 5},
                                    {S_resolve, 2},
                                    {S_file_open, 10},
                                    {S_fstat, 4},
                                    {S_read, 8},
                                    {S_write, 12},
                                    {S_fsync, 2},
                                    {S_dir_read, 9},
                                    {S_notify, 6},
                                    {S_notify_thread, 1},
                                    {S_raise, 3},
                                    {S_pause, 4},
                                    {S_resume, 8},
                                    {S_buffer_return, 4},
                                    {S_cancel, 16},
                                    {S_deadline, 5},
                                    {S_set_idle, 3},
                                    {S_close, 8},
                                    {S_close_abort, 5},
                                    {S_finish, 5}};

/* An op in flight, or one that was never used; SCRIPT_OPS: there is none. */
static unsigned op_choose(const model *m, bool flying)
{
	unsigned n = 0, found = SCRIPT_OPS;

	for (unsigned i = 0; i < SCRIPT_OPS; i++) {
		const m_op *t = &m->op[i];

		if (flying ? !t->flying : t->used)
			continue;
		if (!flying)
			return i;
		if (!below(++n))
			found = i;
	}
	return found;
}

/* Where a step would mean something: the kind of handle; H_FREE: any. */
static unsigned wants(unsigned kind)
{
	if (kind == S_accept || kind == S_accept_many)
		return H_LISTENER;
	if (kind == S_recv_msg || kind == S_send_msg)
		return H_UDP;
	if (script_is_file(kind) && kind != S_file_open)
		return H_FILE;
	return script_is_recv(kind) || script_is_send(kind) || script_is_read(kind) ? H_TCP
	                                                                            : H_FREE;
}

static uint8_t hand_choose(const model *m, unsigned is, uint8_t other)
{
	unsigned n = 0;

	if (is == H_FREE || percent(10))
		return other;
	for (uint8_t i = 0; i < SCRIPT_HANDLES; i++)
		if (m->hand[i].is == is && !below(++n))
			other = i;
	return other;
}

static int16_t determined_deadline(unsigned kind)
{
	switch (kind) {
	case S_timer: return (int16_t)(percent(60) ? (int)below(300) : SCRIPT_FAR);
	case S_set_idle: return (int16_t)(percent(50) ? 0 : 1000);
	case S_finish: return percent(50) ? SCRIPT_FAR : 0;
	case S_deadline: return (int16_t)(percent(30) ? SCRIPT_FAR : percent(50) ? 300 : -1);
	default: break;
	}
	if (!percent(10))
		return 0;
	return (int16_t)(percent(40) ? SCRIPT_PAST : percent(30) ? 400 : SCRIPT_FAR);
}

static script_step step_determined(const model *m)
{
	unsigned kind = choose(determined, sizeof determined / sizeof *determined);
	script_step s = step_random(kind);
	unsigned op = op_choose(m, of_flying(kind));
	const m_hand *h;

	s.h = hand_choose(m, wants(kind), s.h);
	if (kind == S_connect || kind == S_connect_name)
		s.to = hand_choose(m, H_LISTENER, s.to);
	if (kind == S_send_file)
		s.to = hand_choose(m, H_FILE, s.to);
	h = &m->hand[s.h];
	if (script_submits[kind] || of_flying(kind))
		s.op = op < SCRIPT_OPS ? (uint8_t)op : 0;
	if (script_submits[kind] || kind == S_deadline || kind == S_set_idle || kind == S_finish)
		s.us = determined_deadline(kind);
	if (kind == S_recv && !s.how)
		s.n = 1;
	if ((kind == S_recv_pooled || kind == S_stream_read_exact) && h->is != H_FREE &&
	    m_avail(m, h) && percent(80)) {
		s.n = (uint16_t)m_avail(m, h);
		s.how |= kind == S_recv_pooled ? SCRIPT_WHOLE : 0;
	}
	if (kind == S_stream_drained)
		s.n = 0;
	if (kind == S_file_open && s.how == (1 | 64))
		s.n = 0;
	if ((script_is_send(kind) || kind == S_send_msg || kind == S_write) && percent(60))
		s.n = (uint16_t)(1 + below(LINKED_MAX));
	if (script_submits[kind] && percent(15) && (op = op_choose(m, true)) < SCRIPT_OPS) {
		s.in = (uint8_t)(op + 1);
		s.us = 0;
	}
	return s;
}

/* What follows a step must be certain, too: whether that can be is tried at once. */
static bool step_taken(script *s, model *m, const script_step *step)
{
	static model after, settled;

	s->step[s->n] = *step;
	if (step->kind == S_settle && m->clean)
		return false; /* nothing to wait for */
	after = *m;
	if (!model_step(&after, &s->step[s->n]))
		return false;
	settled = after;
	if (!model_settle(&settled, s->n))
		return false;
	s->n++;
	*m = after;
	return true;
}

void script_race_free(script *s, uint64_t seed)
{
	static model m;
	unsigned n = 15 + (unsigned)(seed % 5) * 25;

	px_rng_init(&rng, seed);
	s->n = 0;
	world_step(s);
	s->step[0].n = (uint16_t)(6 + below(12));
	model_begin(&m, s, NULL);
	for (unsigned tries = 0; s->n < n && tries < 100 * n; tries++) {
		const script_step step = s->n < 3 ? (script_step){.kind = S_pair,
		                                                  .h = (uint8_t)(2 * s->n),
		                                                  .to = (uint8_t)(2 * s->n + 1),
		                                                  .how = (uint8_t)below(2)}
		                                  : step_determined(&m);

		step_taken(s, &m, &step);
	}
}

void script_of_seed(script *s, uint64_t seed)
{
	(seed & 1 ? script_race_free : script_racing)(s, seed >> 1);
}
