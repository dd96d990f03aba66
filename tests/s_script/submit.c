/* How each step that submits an op does it. */
/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "host_net.h"
#include "s_script/run.h"

#include <string.h>

/* ---- deadlines ---- */

int64_t run_time(int us)
{
	if (us == SCRIPT_PAST)
		return PROA_POLL;
	return proa_in(r.loop, us == SCRIPT_FAR ? 3600 * PROA_SEC : us * PROA_USEC);
}

static proa_handle *owner_of(const slot *t)
{
	return t->rooted ? proa_root(r.loop) : &r.hand[t->h].h;
}

/* ---- each kind ---- */

static void submit_accept(slot *t)
{
	proa_accept(&r.hand[t->h].h, &t->op, run_done_of());
}

static void submit_accept_many(slot *t)
{
	proa_accept_many(&r.hand[t->h].h, &t->op, run_done_of());
}

static const proa_addr *target_of(const slot *t)
{
	const hand *to = &r.hand[t->to];

	return t->to == t->h || to->is != H_LISTENER ? &r.dead_addr : &to->addr;
}

/* One that is not attempted opens nothing. */
static void connect_begins(slot *t, unsigned is)
{
	hand *h = &r.hand[t->h];
	const proa_addr *to = target_of(t);

	if (h->is != H_INIT || h->closing || t->op.deadline_ns == PROA_POLL)
		return;
	h->is = (uint8_t)is;
	h->opener = (int)(t - r.slot);
	h->refused |= to == &r.dead_addr || r.hand[t->to].closing;
	h->end = end_new();
	if (h->end >= 0)
		r.end[h->end].peer_port = proa_addr_port(to);
}

static void submit_connect(slot *t)
{
	connect_begins(t, H_CONNECTING);
	proa_connect(&r.hand[t->h].h, &t->op, target_of(t), run_done_of());
}

static void submit_connect_name(slot *t)
{
	char text[PROA_ADDR_TEXT], *colon;

	connect_begins(t, H_OPENING);
	proa_addr_print(target_of(t), text, sizeof text);
	if (!(colon = strrchr(text, ':')))
		return;
	*colon = 0;
	proa_connect_name(&r.hand[t->h].h, &t->op, text, colon + 1, run_done_of());
}

static void submit_recv(slot *t)
{
	if (t->how & SCRIPT_WHOLE)
		t->len = (uint32_t)(t->aim - t->done);
	if (t->len < SLOT_BYTES)
		memset(t->buf + t->len, 0xc5, CANARY);
	proa_recv(&r.hand[t->h].h, &t->op, t->buf, t->len, run_done_of());
}

static void submit_recv_pooled(slot *t)
{
	t->len = (uint32_t)r.pool_bytes;
	proa_recv_pooled(&r.hand[t->h].h, &t->op, NULL, run_done_of());
}

static void submit_recv_pooled_many(slot *t)
{
	unsigned max = t->len;

	t->len = (uint32_t)r.pool_bytes;
	proa_recv_pooled_many(&r.hand[t->h].h, &t->op, NULL, max, run_done_of());
}

static void submit_recv_msg(slot *t)
{
	memset(t->buf + t->len, 0xc5, CANARY);
	t->msg.buf = t->buf;
	t->msg.len = t->len;
	proa_recv_msg(&r.hand[t->h].h, &t->op, &t->msg, run_done_of());
}

/* What goes out next: a part of the pattern that no other end sends at that place. */
static const unsigned char *segment_begin(slot *t)
{
	end *e = end_of(t->h);
	uint32_t base;

	t->segment = -1;
	if (!e)
		return script_pattern;
	base = (e->tx + (uint32_t)(e - r.end) * 5003) % (PATTERN - SCRIPT_FLOOD_BYTES);
	t->segment = (int)e->n_segments;
	e->segment[e->n_segments++] = (segment){.base = base};
	e->tx += t->len;
	return script_pattern + base;
}

static void submit_send(slot *t)
{
	const unsigned char *bytes = segment_begin(t);

	if (t->len <= SLOT_BYTES)
		bytes = memcpy(t->buf, bytes, t->len);
	proa_send(&r.hand[t->h].h, &t->op, bytes, t->len, run_done_of());
}

static void submit_sendv(slot *t)
{
	size_t cut = t->len / 3;

	memcpy(t->buf, segment_begin(t), t->len);
	t->vec[0] = (proa_vec){t->buf, cut};
	t->vec[1] = (proa_vec){t->buf, 0};
	t->vec[2] = (proa_vec){t->buf + cut, t->len - cut};
	proa_sendv(&r.hand[t->h].h, &t->op, t->vec, 3, run_done_of());
}

static void submit_send_pooled(slot *t)
{
	void *buf = r.held[0];

	r.n_held--;
	memmove(r.held, r.held + 1, r.n_held * sizeof *r.held);
	if (t->len > r.pool_bytes)
		t->len = (uint32_t)r.pool_bytes;
	memcpy(buf, segment_begin(t), t->len);
	proa_send_pooled(&r.hand[t->h].h, &t->op, buf, t->len, run_done_of());
}

static void submit_send_file(slot *t)
{
	end *e = end_of(t->h);
	uint32_t base = file_base(r.hand[t->to].file) + (uint32_t)t->aim;

	segment_begin(t);
	if (e)
		e->segment[t->segment] = (segment){.base = base, .loose = !r.plan};
	proa_send_file(&r.hand[t->h].h, &t->op, &r.hand[t->to].h, t->aim, t->len, run_done_of());
}

static void submit_send_msg(slot *t)
{
	const hand *h = &r.hand[t->h];

	memcpy(t->buf, script_pattern, t->len);
	t->msg.buf = t->buf;
	t->msg.len = t->len;
	t->msg.addr = h->untold ? h->peer : (proa_addr){0};
	proa_send_msg(&r.hand[t->h].h, &t->op, &t->msg, run_done_of());
}

static void submit_shutdown(slot *t)
{
	if (end_of(t->h))
		end_of(t->h)->shut = true;
	proa_shutdown(&r.hand[t->h].h, &t->op, run_done_of());
}

static void submit_stream_read_some(slot *t)
{
	proa_stream_read_some(&r.hand[t->h].stream, &t->op, t->len, run_done_of());
}

static void submit_stream_read_exact(slot *t)
{
	proa_stream_read_exact(&r.hand[t->h].stream, &t->op, t->len, run_done_of());
}

static void submit_stream_drained(slot *t)
{
	proa_stream_drained(&r.hand[t->h].stream, &t->op, t->len, run_done_of());
}

static void submit_timer(slot *t)
{
	proa_timer(owner_of(t), &t->op, t->aim, run_done_of());
}

static void submit_post(slot *t)
{
	proa_post(r.loop, &t->op, run_done_of());
}

static void *post_main(void *arg)
{
	submit_post(arg);
	return NULL;
}

/* The thread has ended before the next step, so that the program stays the same. */
static void submit_post_thread(slot *t)
{
	host_thread thread;

	if (r.env->simulated || !host_thread_start(&thread, post_main, t))
		submit_post(t);
	else
		host_thread_join(&thread);
}

static void submit_doorbell(slot *t)
{
	t->bell = true;
	proa_doorbell(owner_of(t), &t->op, run_done_of());
}

/* A world has no signals: a doorbell stands for one there. */
static void submit_signal(slot *t)
{
	t->bell = true;
	if (r.env->simulated)
		proa_doorbell(owner_of(t), &t->op, run_done_of());
	else
		proa_signal(owner_of(t), &t->op, host_signo(HOST_SIG_A), run_done_of());
}

static int64_t work(proa_op *op)
{
	return ((slot *)op)->len;
}

static void submit_work(slot *t)
{
	bool strand = (t->how & SCRIPT_STRAND) != 0;

	proa_work_in(owner_of(t), &t->op, (proa_lane)script_lane(t->how, t->len),
	             strand ? &r.strand : NULL, work, run_done_of());
}

static void submit_resolve(slot *t)
{
	static const char *const literal[] = {"127.0.0.1", "::1", "10.1.2.3", "fd00::7"};

	t->request = (proa_resolve_request){.name = literal[t->len % 4], .service = "80"};
	proa_resolve(owner_of(t), &t->op, &t->request, run_done_of());
}

static void submit_file_open(slot *t)
{
	hand *h = &r.hand[t->h];
	char path[200];

	h->file = t->len % SCRIPT_FILES;
	run_path(path, sizeof path, t->how & PROA_O_DIR ? -1 : (int)h->file);
	if (h->is == H_INIT && !h->closing && t->op.deadline_ns != PROA_POLL) {
		h->is = H_OPENING;
		h->opener = (int)(t - r.slot);
	}
	proa_file_open(&h->h, &t->op, path, t->how & (31u | PROA_O_EXCL | PROA_O_DIR) & ~16u, 0600,
	               run_done_of());
}

static void submit_fstat(slot *t)
{
	proa_fstat(&r.hand[t->h].h, &t->op, &t->stat, run_done_of());
}

static void submit_read(slot *t)
{
	memset(t->buf + t->len, 0xc5, CANARY);
	t->segment = (int)file_base(r.hand[t->h].file);
	proa_read(&r.hand[t->h].h, &t->op, t->buf, t->len, t->aim, run_done_of());
}

static void submit_write(slot *t)
{
	memcpy(t->buf, script_pattern + file_base(r.hand[t->h].file) + t->aim, t->len);
	proa_write(&r.hand[t->h].h, &t->op, t->buf, t->len, t->aim, run_done_of());
}

static void submit_fsync(slot *t)
{
	proa_fsync(&r.hand[t->h].h, &t->op, run_done_of());
}

static void submit_dir_read(slot *t)
{
	t->len = 4096;
	proa_dir_read(&r.hand[t->h].h, &t->op, t->buf, t->len, run_done_of());
}

static void (*const submit[SCRIPT_KIND_COUNT])(slot *) = {
	[S_accept] = submit_accept,
	[S_accept_many] = submit_accept_many,
	[S_connect] = submit_connect,
	[S_connect_name] = submit_connect_name,
	[S_recv] = submit_recv,
	[S_recv_pooled] = submit_recv_pooled,
	[S_recv_pooled_many] = submit_recv_pooled_many,
	[S_recv_msg] = submit_recv_msg,
	[S_send] = submit_send,
	[S_sendv] = submit_sendv,
	[S_send_pooled] = submit_send_pooled,
	[S_send_file] = submit_send_file,
	[S_send_msg] = submit_send_msg,
	[S_shutdown] = submit_shutdown,
	[S_stream_read_some] = submit_stream_read_some,
	[S_stream_read_exact] = submit_stream_read_exact,
	[S_stream_drained] = submit_stream_drained,
	[S_timer] = submit_timer,
	[S_post] = submit_post,
	[S_post_thread] = submit_post_thread,
	[S_doorbell] = submit_doorbell,
	[S_signal] = submit_signal,
	[S_work] = submit_work,
	[S_resolve] = submit_resolve,
	[S_file_open] = submit_file_open,
	[S_fstat] = submit_fstat,
	[S_read] = submit_read,
	[S_write] = submit_write,
	[S_fsync] = submit_fsync,
	[S_dir_read] = submit_dir_read,
};

void slot_submit(slot *t)
{
	t->seq = ++r.seq;
	r.result->ops++;
	r.calling++;
	submit[t->kind](t);
	r.calling--;
}

/* ---- what may be asked of what ---- */

enum {
	ANY = 0xff,
	SOCKETS = 1 << H_INIT | 1 << H_CONNECTING | 1 << H_TCP | 1 << H_UDP,
	CONNECTS = 1 << H_INIT | 1 << H_CONNECTING | 1 << H_TCP
};

static unsigned allowed(unsigned kind)
{
	switch (kind) {
	case S_accept:
	case S_accept_many: return 1 << H_LISTENER | 1 << H_TCP;
	case S_connect:
	case S_connect_name:
	case S_shutdown: return CONNECTS;
	case S_stream_read_some:
	case S_stream_read_exact:
	case S_stream_drained: return 1 << H_TCP;
	case S_file_open: return 1 << H_INIT;
	case S_fstat:
	case S_read:
	case S_write:
	case S_fsync:
	case S_dir_read: return 1 << H_FILE;
	default: return kind >= S_timer ? ANY : SOCKETS;
	}
}

/* An event that is not yet told has bytes in the stream, which the next read would take. */
static bool stream_tells(const hand *h)
{
	for (unsigned i = 0; i < SCRIPT_OPS && r.events; i++)
		if (r.slot[i].flying && script_is_read(r.slot[i].kind) && &r.hand[r.slot[i].h] == h)
			return true;
	return false;
}

static bool stream_begin(hand *h)
{
	if (h->reading)
		return true;
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (r.slot[i].flying && !r.slot[i].rooted && &r.hand[r.slot[i].h] == h &&
		    script_is_recv(r.slot[i].kind))
			return false;
	h->reading = true;
	proa_stream_init(&h->stream, &h->h, NULL);
	return true;
}

bool run_stream(unsigned h)
{
	return r.hand[h].is == H_TCP && !r.hand[h].closing && stream_begin(&r.hand[h]);
}

/* Nothing that an end cannot keep the account of. */
static bool end_has_room(const script_step *s)
{
	const end *e = end_of(s->h);

	return !e || (e->n_segments < SEGMENTS && e->tx + script_send_bytes(s) <= TX_MAX);
}

static bool is_post(unsigned kind)
{
	return kind == S_post || kind == S_post_thread;
}

static bool sensible(const script_step *s)
{
	const hand *h = &r.hand[s->h];

	if (r.slot[s->op].flying)
		return false;
	if (is_post(s->kind))
		return true; /* of nobody */
	if (!(allowed(s->kind) & 1u << h->is))
		return false;
	if (h->is != H_FREE && !hand_sure(s->h))
		return false;
	if (script_is_recv(s->kind) && h->reading)
		return false;
	if (script_is_send(s->kind) && !end_has_room(s))
		return false;
	if (s->kind == S_send_pooled && !r.n_held)
		return false;
	if (s->kind == S_send_file)
		return r.hand[s->to].is == H_FILE && !r.hand[s->to].closing;
	if (s->kind == S_send_msg || s->kind == S_recv_msg)
		return h->is == H_UDP || h->is == H_TCP;
	if (script_is_read(s->kind) && stream_tells(h))
		return false;
	if (script_is_read(s->kind) || s->kind == S_stream_drained)
		return run_stream(s->h);
	return true;
}

/* Those that open a handle take a new one, too. */
static bool opens(unsigned kind)
{
	return kind == S_connect || kind == S_connect_name || kind == S_file_open;
}

/* A timer's is its time; a post has none. */
static bool has_deadline(unsigned kind)
{
	return kind != S_timer && !is_post(kind);
}

void step_submit(const script_step *s)
{
	slot *t = &r.slot[s->op];
	const hand *h = &r.hand[s->h];

	if (opens(s->kind) && h->is == H_FREE && !t->flying)
		hand_begin(s->h, s->h);
	if (!sensible(s))
		return;
	if (!poison_held(t))
		run_fail(F_MEMORY, "%s%u wrote behind its final", script_kind_name[t->kind], s->op);
	t->kind = s->kind;
	t->h = s->h;
	t->to = s->to;
	t->how = s->how;
	t->len = script_is_send(s->kind) ? script_send_bytes(s) : s->n;
	t->done = t->poison = t->n_links = 0;
	t->rooted = h->is == H_FREE || is_post(s->kind);
	t->timed = s->us && s->us != SCRIPT_FAR && has_deadline(s->kind);
	t->past = s->us == SCRIPT_PAST && has_deadline(s->kind);
	t->unopened = !t->rooted && !proa_is_open(&h->h);
	t->op.deadline_ns = s->us && has_deadline(s->kind) ? run_time(s->us) : 0;
	t->aim = s->kind == S_timer ? run_time(s->us) : script_is_recv(s->kind) ? s->n : s->at;
	t->phase = r.phase;
	t->flying = true;
	t->asked = t->bell = false;
	r.flying++;
	if (!t->rooted)
		r.hand[s->h].flying++;
	slot_submit(t);
}
