/* Runs a script on a loop, from its opening to what must hold when it has closed. */
/* SPDX-License-Identifier: MIT */
#include "s_script/run.h"

#include "base/rng.h"
#include "host_file.h"
#include "host_net.h"

#include <stdarg.h>
#include <string.h>

enum { QUIET_SEC = 6 }; /* longer than any fault takes: proa/sim.h */

run r;
unsigned char script_pattern[PATTERN];

const char *const script_failure_name[F_COUNT] = {"nothing", "result",  "finals", "order",
                                                  "bytes",   "memory",  "settle", "trace",
                                                  "leak",    "planted", "crash"};

/* The first one counts. */
void run_fail(script_failure what, const char *format, ...)
{
	va_list args;

	if (r.result->failure)
		return;
	r.result->failure = what;
	va_start(args, format);
	vsnprintf(r.result->text, sizeof r.result->text, format, args);
	va_end(args);
}

static void pattern_fill(void)
{
	px_rng rng;

	if (script_pattern[0] || script_pattern[1])
		return;
	px_rng_init(&rng, 1);
	for (size_t i = 0; i < PATTERN; i += 8) {
		uint64_t x = px_rng_next(&rng);

		memcpy(script_pattern + i, &x, 8);
	}
}

proa_addr run_loopback(void)
{
	proa_addr a;

	proa_addr_parse(&a, r.env->simulated ? "127.0.0.1:0" : host_loopback(), 0);
	return a;
}

proa_addr run_loopback_udp(void)
{
	proa_addr a;

	proa_addr_parse(&a, r.env->simulated ? "127.0.0.1:0" : host_loopback_udp(), 0);
	return a;
}

void run_path(char *out, size_t size, int file)
{
	if (file < 0)
		snprintf(out, size, "%s", r.env->dir);
	else
		snprintf(out, size, "%s/f%d", r.env->dir, file);
}

/* ---- running ---- */

static void events_told(const proa_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		const slot *t = (const slot *)e[i].op;
		bool accepts = e[i].op == &r.accept.op;

		if (!e[i].op) {
			run_closed(e[i].handle);
			continue;
		}
		if (e[i].op != &r.connect.op && e[i].op != &r.accept.op)
			accepts = t->kind == S_accept || t->kind == S_accept_many;
		run_told(e[i].op, e[i].result, e[i].count, accepts ? NULL : e[i].buf,
		         accepts ? e[i].socket : (proa_socket){0}, e[i].got);
	}
}

bool run_once(int64_t until_ns)
{
	unsigned calling = r.calling;
	proa_event events[4];
	int n;

	r.calling = 0;
	r.running = true;
	if (r.events) {
		n = proa_wait(r.loop, events, 4, until_ns);
		if (n > 0)
			events_told(events, n);
	} else {
		n = proa_run_once(r.loop, until_ns);
	}
	r.running = false;
	r.calling = calling;
	if (n < 0 && n != -PROA_ESTOPPED)
		run_fail(F_RESULT, "the loop ran with %s", proa_err_name(n));
	return n != 0;
}

static const plan_settle *wanted;

static void settle_fail(const char *what)
{
	run_fail(F_SETTLE,
	         "%s: %u ops in flight, %u handles closing, %llu moved; must be %u, %u, %llu", what,
	         r.flying, r.closing, (unsigned long long)r.moved, wanted ? wanted->flying : 0,
	         wanted ? wanted->closing : 0, (unsigned long long)(wanted ? wanted->moved : 0));
}

void run_until(bool (*there)(void), const char *what)
{
	int64_t most = r.env->patience_ns ? r.env->patience_ns : 30 * PROA_SEC * host_slowness();
	int64_t limit = proa_clock(r.loop) + (r.env->simulated ? script_patience_ns() : most);

	while (!there() && !r.result->failure) {
		if (proa_clock(r.loop) > limit)
			settle_fail(what);
		run_once(proa_clock(r.loop) + 20 * PROA_MSEC);
	}
}

static bool plan_there(void)
{
	if (r.flying < wanted->flying || r.closing < wanted->closing || r.moved > wanted->moved)
		settle_fail("too much ended");
	return r.flying == wanted->flying && r.closing == wanted->closing &&
	       r.moved == wanted->moved;
}

/* In a world: what is late or lies still has moved, also what nobody is told of, and no more has
 * ended. */
static void run_quiet(void)
{
	int64_t now = proa_clock(r.loop), until = now + QUIET_SEC * PROA_SEC, before;
	bool told;

	while (r.env->chances && !r.result->failure && now < until) {
		before = now;
		told = run_once(until);
		plan_there();
		now = proa_clock(r.loop);
		if (!told && now == before) { /* nothing is in flight: then time stands still */
			script_pass(until - now);
			return;
		}
	}
}

void run_settle(unsigned step)
{
	r.phase++;
	if (r.plan) {
		wanted = &r.plan->settle[step];
		run_until(plan_there, "settling");
		run_quiet();
		return;
	}
	for (unsigned i = 0, quiet = 0; i < 200 && quiet < 3; i++)
		quiet = run_once(r.env->simulated ? proa_clock(r.loop) + PROA_MSEC : PROA_POLL)
		                ? 0
		                : quiet + 1;
}

/* ---- pairs ---- */

static bool connect_there(void)
{
	return r.connect.told;
}

/* What completed meanwhile may have closed it, and begun it anew. */
static bool pair_opens(const hand *h)
{
	return h->is == H_OPENING && h->pairing && !h->closing;
}

static const hand *connecting; /* of the pair that is being opened */

/* One that has not connected, or that has been reset since, may never be accepted. */
static bool accept_there(void)
{
	if (r.connect.result < 0 || !pair_opens(connecting))
		proa_cancel(&r.accept.op);
	return r.accept.told;
}

static bool listener_open(void)
{
	proa_addr any = run_loopback();

	if (r.listening)
		return true;
	memset(&r.listener, 0, sizeof r.listener);
	proa_handle_init(proa_root(r.loop), &r.listener);
	r.listening = true;
	return proa_listen(&r.listener, &any, NULL) == 0 &&
	       proa_local_addr(&r.listener, &r.listener_addr) == 0;
}

static void pair_opened(unsigned number, bool small)
{
	hand *h = &r.hand[number];

	h->is = H_TCP;
	h->end = end_new();
	if (small)
		proa_set_buffers(&h->h, 32768, 32768);
}

/* Both ends; what else completes meanwhile is told as ever. */
void run_pair(const script_step *s)
{
	hand *a = &r.hand[s->h], *b = &r.hand[s->to];

	a->is = b->is = H_OPENING;
	a->pairing = b->pairing = true;
	r.connect = r.accept = (own_op){.result = 0};
	script_calm(true); /* a pair is where everything else begins */
	if (!listener_open()) {
		run_fail(F_RESULT, "no listener for a pair");
		return;
	}
	proa_accept(&r.listener, &r.accept.op, run_done_of());
	proa_connect(&a->h, &r.connect.op, &r.listener_addr, run_done_of());
	run_until(connect_there, "connecting a pair");
	connecting = a;
	run_until(accept_there, "accepting a pair");
	script_calm(false);
	if (r.result->failure)
		return;
	if (r.connect.result < 0 || !pair_opens(a) || !pair_opens(b)) {
		if (r.accept.result >= 0)
			proa_socket_close(r.accept.socket);
		if (r.connect.result < 0 && pair_opens(a))
			run_fail(F_RESULT, "a pair: %s", proa_err_name(r.connect.result));
		if (r.connect.result >= 0 && pair_opens(a))
			pair_opened(s->h, s->how & SCRIPT_SMALL); /* with nobody at the other end */
		a->is = pair_opens(a) ? H_INIT : a->is;
		b->is = pair_opens(b) ? H_INIT : b->is;
		return;
	}
	proa_adopt(&b->h, r.accept.socket);
	pair_opened(s->h, s->how & SCRIPT_SMALL);
	pair_opened(s->to, s->how & SCRIPT_SMALL);
	if (a->end >= 0 && b->end >= 0) {
		r.end[a->end].peer = b->end;
		r.end[b->end].peer = a->end;
	}
}

/* ---- ends of connections ---- */

int end_new(void)
{
	end *e = &r.end[r.n_ends];

	if (r.n_ends == ENDS)
		return -1;
	memset(e, 0, offsetof(end, segment));
	e->peer = -1;
	return (int)r.n_ends++;
}

void end_match(int number)
{
	end *e = &r.end[number];

	for (unsigned i = 0; i < r.n_ends && e->port && e->peer_port && e->peer < 0; i++) {
		end *o = &r.end[i];

		if (o == e || o->peer >= 0 || o->port != e->peer_port || o->peer_port != e->port)
			continue;
		o->peer = number;
		e->peer = (int)i;
	}
}

static bool bytes_same(const unsigned char *got, const segment *g, uint32_t n)
{
	const unsigned char *want = script_pattern + g->base;

	if (!g->loose)
		return !memcmp(got, want, n);
	for (uint32_t i = 0; i < n; i++)
		if (got[i] != want[i] && got[i])
			return false;
	return true;
}

/* Whether what came from byte `at` on are the bytes of the sends from the i-th on: all of them, or
 * the first ones. Of what went through a stream nobody tells what has gone when it failed: it may
 * be missing. */
static bool segments_match(const end *to, const end *from, unsigned i, uint32_t at)
{
	const segment *g = &from->segment[i];
	uint32_t n;

	if (i == from->n_segments || at == to->rx)
		return at == to->rx;
	n = PX_MIN(g->count, to->rx - at);
	if (bytes_same(to->bytes + at, g, n) && segments_match(to, from, i + 1, at + n))
		return true;
	return g->maybe && segments_match(to, from, i + 1, at);
}

static void end_verify(const end *to, const end *from)
{
	uint32_t total = 0;
	bool maybe = from->unsure;

	for (unsigned i = 0; i < from->n_segments; i++) {
		total += from->segment[i].count;
		maybe |= from->segment[i].maybe;
	}
	if (!segments_match(to, from, 0, 0))
		run_fail(F_BYTES,
		         "end %d: the %u bytes that came are not those that were sent (%u)",
		         (int)(to - r.end), to->rx, total);
	if (to->whole && !maybe && total != to->rx)
		run_fail(F_BYTES, "end %d: the end came behind %u bytes of %u", (int)(to - r.end),
		         to->rx, total);
}

static void end_verify_all(void)
{
	for (unsigned i = 0; i < r.n_ends; i++)
		if (r.end[i].peer >= 0)
			end_verify(&r.end[i], &r.end[r.end[i].peer]);
}

/* ---- opening and closing ---- */

static void state_clear(void)
{
	unsigned n = r.n_ends;

	memset(&r, 0, offsetof(run, slot));
	for (unsigned i = 0; i < n; i++)
		memset(&r.end[i], 0, offsetof(end, segment));
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		memset(&r.slot[i], 0, offsetof(slot, buf));
}

/* Where nobody listens, and nobody will: the port is bound, once for the program. */
static void dead_addr_find(void)
{
	static proa_addr bound;

	if (r.env->simulated) {
		proa_addr_parse(&r.dead_addr, "127.0.0.1:9", 0);
		return;
	}
	if (!bound.len) {
		bound = run_loopback();
		if (host_sock_bound(&bound) < 0)
			run_fail(F_RESULT, "no port to keep");
	}
	r.dead_addr = bound;
}

void run_pool_size(const script_step *w, unsigned *count, uint32_t *bytes)
{
	*count = w && w->n ? 1 + (w->n - 1u) % 64 : 8;
	*bytes = w && w->at ? 64 + w->at % 8192u : 2048;
}

static bool opened(const script *s)
{
	const script_step *w = s->n && s->step[0].kind == S_world ? s->step : NULL;
	proa_loop_options o = {0};

	run_pool_size(w, &r.pool_count, &r.pool_bytes);
	o.buffers_count = r.pool_count;
	o.buffers_size_bytes = r.pool_bytes;
	r.events = w && w->how & SCRIPT_EVENTS;
	if (!(r.loop = script_loop_open(r.env, &o)))
		return false;
	dead_addr_find();
	return true;
}

static bool all_ended(void)
{
	return !r.flying && !r.closing && !r.listening;
}

static void all_close(void)
{
	script_calm(true); /* from here on everything ends, within a time */
	for (unsigned i = 0; i < SCRIPT_HANDLES; i++) {
		const script_step s = {.kind = S_close, .h = (uint8_t)i};

		/* One that finishes waits for its other end; it ends by a close, too. */
		step_now(&s);
	}
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		proa_cancel(&r.slot[i].op);
	if (r.listening)
		proa_close(&r.listener, run_closed_of());
	run_until(all_ended, "closing everything");
}

static void baseline_check(void)
{
	proa_stats stats = {0};

	proa_loop_stats(r.loop, &stats);
	if (stats.in_flight || stats.handles)
		run_fail(F_LEAK, "%llu ops in flight, %llu handles",
		         (unsigned long long)stats.in_flight, (unsigned long long)stats.handles);
	if (proa_buffers_free(proa_loop_buffers(r.loop)) != r.pool_count)
		run_fail(F_LEAK, "%zu of %u buffers are free",
		         proa_buffers_free(proa_loop_buffers(r.loop)), r.pool_count);
}

static void closed(void)
{
	int rc;

	r.ending = true;
	while (r.n_held)
		held_return(0);
	if (r.events || !(r.script->n & 1) || r.result->failure) {
		all_close();
		if (!r.result->failure)
			baseline_check();
	}
	r.running = true;
	r.calling = 0;
	r.result->faults = script_faults();
	rc = script_loop_close(&r.loop);
	r.running = false;
	if (rc < 0)
		run_fail(F_LEAK, "closing the loop: %s", proa_err_name(rc));
	if (r.flying)
		run_fail(F_FINALS, "%u ops never were final", r.flying);
	for (unsigned i = 0; i < SCRIPT_OPS; i++)
		if (!poison_held(&r.slot[i]))
			run_fail(F_MEMORY, "%s%u wrote behind its final",
			         script_kind_name[r.slot[i].kind], i);
}

void script_files_remove(const script_env *env)
{
	char path[200];

	for (int i = 0; i < SCRIPT_FILES; i++) {
		snprintf(path, sizeof path, "%s/f%d", env->dir, i);
		host_remove(path);
	}
}

static bool has_files(const script *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->step[i].kind == S_file_open)
			return true;
	return false;
}

static void traces_compare(void)
{
	char name[16];
	int line = trace_differs(&r.result->trace, &r.plan->trace);

	if (line < 0)
		return;
	trace_line_name((unsigned)line, name, sizeof name);
	run_fail(F_TRACE, "%s is \"%s\", must be \"%s\"", name, r.result->trace.line[line].text,
	         r.plan->trace.line[line].text);
}

bool script_run(const script *s, const plan *p, const script_env *env, script_result *result)
{
	pattern_fill();
	state_clear();
	result->failure = F_NONE;
	result->step = 0;
	result->ops = 0;
	result->text[0] = 0;
	trace_clear(&result->trace);
	r.script = s;
	r.plan = p;
	r.env = env;
	r.result = result;
	r.tracing = true;
	if (!env->simulated && has_files(s))
		script_files_remove(env);
	if (!opened(s))
		return false;
	for (unsigned i = 0; i < s->n && !result->failure; i++) {
		result->step = i;
		step_do(&s->step[i]);
	}
	if (p && !result->failure)
		run_settle(s->n);
	r.tracing = false;
	trace_end(&result->trace);
	if (p && !result->failure)
		traces_compare();
	closed();
	if (!result->failure)
		end_verify_all();
	return true;
}
