/* Streams in worlds where everything goes wrong: bytes in order, none lost without a word. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/seeds.h"

#include <string.h>

enum { CONNS = 3, CLIENTS = 2, LIMIT = 4096, MEMORY_MAX = 2 << 20 };
#define DELIM "\n\021" /* it comes in the pattern, where each byte is the one before and 7 */

static const char *const names[] = {"server", "ann", "ben"};
static const char *const addrs[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};

/* Both ends of a connection are the same: each writes what the other expects. */
typedef struct side {
	proa_handle h; /* first: proa_serve asks for it */
	proa_stream s;
	proa_op read, drained, pace, shut, connect, again;
	struct client *c; /* NULL: the server's */
	unsigned id;      /* of the connection; 0: not known yet */
	uint32_t sent, got, want_sent, want_got;
	uint8_t how; /* the read in flight: see read_next */
	size_t asked;
	bool ended, all_out, all_in, shutting;
} side;

typedef struct client {
	proa_loop *loop;
	const char *name;
	side conn[CONNS];
	unsigned left, there;
	bool calm;
} client;

static struct town {
	proa_world *w;
	seed_chaos chaos;
	client clients[CLIENTS], probe;
	proa_server server;
	proa_handle owner;
	proa_loop *loop;
	unsigned n, next_id;
	bool up, ended;
	bool closes_tell; /* an end in good order is the sender's */
} t;

static struct {
	unsigned long long conns, whole, failed, bytes, full, canceled;
} seen;

static uint64_t below(uint64_t n)
{
	return proa_world_random(t.w, n);
}

static bool percent(unsigned n)
{
	return below(100) < n;
}

/* ---- bytes ---- */

static unsigned char byte_at(unsigned stream, uint32_t at)
{
	return (unsigned char)(stream * 31 + at * 7);
}

/* The client's direction is even. */
static unsigned out_of(const side *s)
{
	return s->id * 2 + (s->c == NULL);
}

static unsigned in_of(const side *s)
{
	return s->id * 2 + (s->c != NULL);
}

static uint32_t total_of(unsigned stream)
{
	return stream * 2654435761u % (stream % 3 ? 3000 : 60000);
}

/* ---- ends ---- */

static void conn_open(client *c, side *s);

static void on_closed(proa_handle *h)
{
	side *s = PROA_OF(h, side, h);
	client *c = s->c;

	if (!c)
		return;
	c->there--;
	if (c->left)
		conn_open(c, s);
}

static void side_end(side *s, bool whole)
{
	if (s->ended)
		return;
	s->ended = true;
	if (s->c && s->c->calm && !whole)
		seed_wrong("%s %u: %u of %u bytes out, %u of %u in, and nothing was wrong",
		           s->c->name, s->id, (unsigned)s->sent, (unsigned)s->want_sent,
		           (unsigned)s->got, (unsigned)s->want_got);
	seen.whole += whole;
	seen.failed += !whole;
	if (!whole) /* nobody shall take it for all */
		proa_close_abort(&s->h, on_closed);
	else if (percent(50))
		proa_close(&s->h, on_closed);
	else
		proa_finish(&s->h, proa_in(proa_handle_loop(&s->h), PROA_SEC), on_closed);
}

static void side_check(side *s)
{
	if (s->all_out && s->all_in)
		side_end(s, true);
}

static void memory_check(const side *s)
{
	proa_stats stats;

	proa_loop_stats(proa_handle_loop(&s->h), &stats);
	MUST(stats.memory_bytes < MEMORY_MAX);
	MUST(proa_stream_queued(&s->s) <= LIMIT);
}

/* ---- writing ---- */

static void side_write(side *s);

static void on_shut(proa_op *op)
{
	side *s = PROA_OF(op, side, shut);

	s->all_out = op->result == 0;
	if (op->result < 0)
		side_end(s, false);
	else
		side_check(s);
}

/* By its own deadline, not because nothing moves. */
static bool in_time(const proa_op *op)
{
	return op->result == -PROA_ETIMEDOUT && op->deadline_ns &&
	       op->deadline_ns <= proa_now(proa_op_loop(op));
}

static void on_drained(proa_op *op)
{
	side *s = PROA_OF(op, side, drained);

	if (op->result < 0 && !in_time(op))
		side_end(s, false);
	else
		side_write(s);
}

static void on_pace(proa_op *op)
{
	side_write(PROA_OF(op, side, pace));
}

static void on_again(proa_op *op)
{
	MUST(op->result < 0);
}

static void wait_drained(side *s)
{
	seen.full++;
	s->drained.deadline_ns = percent(10) ? proa_in(proa_handle_loop(&s->h), 10 * PROA_MSEC) : 0;
	proa_stream_drained(&s->s, &s->drained, percent(50) ? 0 : 1 + (size_t)below(LIMIT),
	                    on_drained);
}

/* False: not now. */
static bool piece_put(side *s)
{
	unsigned char bytes[1500];
	size_t n = 1 + (size_t)below(percent(50) ? 20 : sizeof bytes), before;
	int rc;

	n = n < s->want_sent - s->sent ? n : s->want_sent - s->sent;
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(out_of(s), s->sent + (uint32_t)i);
	before = proa_stream_queued(&s->s);
	rc = proa_stream_put(&s->s, bytes, n);
	MUST(before + n > LIMIT ? rc < 0 : rc != -PROA_EFULL);
	MUST(proa_stream_queued(&s->s) == before + (rc == 0 ? n : 0));
	if (rc == -PROA_EFULL)
		wait_drained(s);
	else if (rc == -PROA_ENOMEM)
		proa_timer(&s->h, &s->pace, proa_in(proa_handle_loop(&s->h), PROA_MSEC), on_pace);
	else if (rc < 0)
		side_end(s, false);
	if (rc < 0)
		return false;
	s->sent += (uint32_t)n;
	if (!percent(3))
		return true;
	proa_timer(&s->h, &s->pace,
	           proa_in(proa_handle_loop(&s->h), (int64_t)below(300) * PROA_MSEC), on_pace);
	return false;
}

static void side_write(side *s)
{
	while (!s->ended && s->sent < s->want_sent && !proa_in_flight(&s->drained) &&
	       !proa_in_flight(&s->pace))
		if (!piece_put(s))
			break;
	memory_check(s);
	if (s->ended || s->sent < s->want_sent || s->shutting)
		return;
	s->shutting = true;
	proa_shutdown(&s->h, &s->shut, on_shut); /* behind all of it */
}

/* ---- reading ---- */

enum { SOME, EXACT, UNTIL };

static void on_read(proa_op *op);

static void read_next(side *s)
{
	uint32_t left = s->want_got - s->got;
	int64_t now = proa_in(proa_handle_loop(&s->h), 0);

	s->how = (uint8_t)below(3);
	s->asked = 1 + (size_t)below(percent(50) ? 20 : LIMIT);
	if (s->how == EXACT && s->asked > left)
		s->how = SOME; /* the end is to be met in good order */
	s->read.deadline_ns = percent(10) ? now + (int64_t)below(200) * PROA_MSEC : 0;
	if (s->how == SOME)
		proa_stream_read_some(&s->s, &s->read, s->asked, on_read);
	else if (s->how == EXACT)
		proa_stream_read_exact(&s->s, &s->read, s->asked, on_read);
	else
		proa_stream_read_until(&s->s, &s->read, DELIM, s->asked, on_read);
	if (percent(3)) {
		proa_cancel(&s->read);
		seen.canceled++;
	} else if (percent(3) && !s->read.deadline_ns && !proa_in_flight(&s->again)) {
		proa_stream_read_some(&s->s, &s->again, 1, on_again);
	}
}

/* Where the first delimiter ends, 0: there is none. */
static size_t until_of(const unsigned char *bytes, size_t len)
{
	for (size_t i = 2; i <= len; i++)
		if (!memcmp(bytes + i - 2, DELIM, 2))
			return i;
	return 0;
}

static void bytes_take(side *s, const unsigned char *bytes, size_t len)
{
	if (s->how == EXACT)
		MUST(len == s->asked);
	else
		MUST(len <= s->asked);
	if (s->how == UNTIL)
		MUST(until_of(bytes, len) == len);
	if (!MUST(len <= s->want_got - s->got))
		return;
	for (size_t i = 0; i < len; i++)
		if (!MUST(bytes[i] == byte_at(in_of(s), s->got + (uint32_t)i)))
			return;
	s->got += (uint32_t)len;
	seen.bytes += len;
}

static void end_take(side *s)
{
	bool unserved = s->c && !s->got; /* the server had no memory for it */

	if (s->got < s->want_got && t.closes_tell && !unserved)
		seed_wrong("an end in good order behind %u of %u bytes", (unsigned)s->got,
		           (unsigned)s->want_got);
	s->all_in = s->got == s->want_got;
	if (s->all_in)
		side_check(s);
	else
		side_end(s, false);
}

static void on_read(proa_op *op)
{
	side *s = PROA_OF(op, side, read);
	bool again = op->result == -PROA_ECANCELED || in_time(op) || op->result == -PROA_ENOMEM;

	if (op->result > 0)
		bytes_take(s, op->buf, (size_t)op->result);
	if (s->ended || seed_failed)
		return;
	memory_check(s);
	/* The same line, with another read: what is there was kept. */
	if (op->result == -PROA_ETOOLONG || (op->result == -PROA_EEND && op->count))
		again = MUST(s->how == UNTIL || op->result == -PROA_EEND);
	if (op->result == 0)
		end_take(s);
	else if (op->result > 0 || again)
		read_next(s);
	else
		side_end(s, false);
}

/* ---- beginning ---- */

static void side_begin(side *s)
{
	s->want_sent = total_of(out_of(s));
	s->want_got = total_of(in_of(s));
	side_write(s);
	if (!s->ended)
		read_next(s);
}

static void on_hello(proa_op *op)
{
	side *s = PROA_OF(op, side, read);

	if (op->result != 4) {
		side_end(s, false);
		return;
	}
	memcpy(&s->id, op->buf, 4);
	side_begin(s);
}

static void stream_begin(side *s)
{
	proa_stream_options o = {.in_limit_bytes = LIMIT, .out_limit_bytes = LIMIT};

	proa_stream_init(&s->s, &s->h, &o);
	proa_set_idle(&s->h, 15 * PROA_SEC);
}

static void on_start(proa_handle *h, void *user)
{
	side *s = PROA_OF(h, side, h);

	(void)user;
	stream_begin(s);
	proa_stream_read_exact(&s->s, &s->read, 4, on_hello);
}

static void on_connect(proa_op *op)
{
	side *s = PROA_OF(op, side, connect);

	seen.conns += op->result == 0;
	if (op->result < 0 || proa_stream_put(&s->s, &s->id, 4) < 0)
		side_end(s, false);
	else
		side_begin(s);
}

static void conn_open(client *c, side *s)
{
	proa_addr to;

	c->left--;
	c->there++;
	memset(s, 0, sizeof *s);
	s->c = c;
	s->id = ++t.next_id;
	proa_handle_init(proa_root(c->loop), &s->h);
	stream_begin(s);
	proa_addr_parse(&to, "10.0.0.1:7", 0);
	s->connect.deadline_ns = proa_in(c->loop, 5 * PROA_SEC);
	proa_connect(&s->h, &s->connect, &to, on_connect);
}

/* ---- nodes ---- */

static int client_start(proa_loop *loop, void *user)
{
	client *c = user;

	c->loop = loop;
	for (unsigned i = 0; i < CONNS && c->left; i++)
		conn_open(c, &c->conn[i]);
	return 0;
}

static void client_down(int result, void *user)
{
	client *c = user;

	(void)result;
	c->there = 0;
	chaos_down(&t.chaos, c->name);
}

static int server_start(proa_loop *loop, void *user)
{
	proa_serve_options o = {.conn_bytes = sizeof(side), .conn_max = 20, .start = on_start};
	int rc;

	(void)user;
	t.loop = loop;
	memset(&t.server, 0, sizeof t.server);
	memset(&t.owner, 0, sizeof t.owner);
	proa_handle_init(proa_root(loop), &t.owner);
	rc = proa_serve(&t.owner, &t.server, "*:7", &o);
	t.up = rc == 0;
	return rc;
}

static void server_down(int result, void *user)
{
	(void)result;
	(void)user;
	t.up = false;
	chaos_down(&t.chaos, names[0]);
}

static void client_add(client *c, const char *name, const char *addr, unsigned left, bool calm)
{
	proa_node_options o = {.addr = addr, .start = client_start, .down = client_down, .user = c};

	*c = (client){.name = name, .left = left, .calm = calm};
	o.name = name;
	MUST(proa_world_add(t.w, NULL, &o) == 0);
}

static void town_open(uint64_t seed)
{
	proa_node_options server = {
		.name = names[0], .addr = addrs[0], .start = server_start, .down = server_down};
	proa_world_options o = {.seed = seed};
	seed_rng r = {seed};

	memset(&t, 0, sizeof t);
	seed_options(&r, &o);
	MUST(proa_world_open(&t.w, &o) == 0);
	t.n = 1 + (unsigned)seed_below(&r, CLIENTS);
	t.chaos = (seed_chaos){.w = t.w,
	                       .names = names,
	                       .n_names = t.n + 1,
	                       .left = (unsigned)seed_below(&r, 30),
	                       .apart_ns = seed_apart(&r),
	                       .no_kills = seed_below(&r, 2)};
	t.closes_tell = t.chaos.no_kills && !o.half_close_ppm;
	MUST(proa_world_add(t.w, NULL, &server) == 0);
	for (unsigned i = 0; i < t.n; i++)
		client_add(&t.clients[i], names[1 + i], addrs[1 + i],
		           1 + (unsigned)seed_below(&r, 6), false);
}

/* ---- a seed ---- */

static bool done(const client *c)
{
	return !c->left && !c->there;
}

static bool all_done(void *user)
{
	(void)user;
	for (unsigned i = 0; i < t.n; i++)
		if (!done(&t.clients[i]))
			return false;
	return true;
}

static bool server_up(void *user)
{
	(void)user;
	return t.up;
}

static bool probe_done(void *user)
{
	(void)user;
	return done(&t.probe);
}

static bool server_ended(void *user)
{
	(void)user;
	return t.ended;
}

static void on_end(proa_handle *h)
{
	(void)h;
	t.ended = true;
}

static void town_after(void)
{
	chaos_end(&t.chaos);
	MUST(proa_world_until(t.w, server_up, NULL, 10 * PROA_SEC) == 0);
	MUST(proa_world_until(t.w, all_done, NULL, 600 * PROA_SEC) == 0);
	proa_world_run(t.w, 60 * PROA_SEC);
	MUST(proa_serve_count(&t.server) == 0);
	client_add(&t.probe, "probe", "10.0.0.9", 3, true);
	MUST(proa_world_until(t.w, probe_done, NULL, 60 * PROA_SEC) == 0);
	if (seed_failed)
		return;
	proa_serve_end(&t.server, proa_in(t.loop, 5 * PROA_SEC), on_end);
	MUST(proa_world_until(t.w, server_ended, NULL, 6 * PROA_SEC) == 0);
}

static uint64_t town_run(uint64_t seed)
{
	uint64_t hash;

	town_open(seed);
	if (t.chaos.left)
		chaos_begin(&t.chaos);
	proa_world_until(t.w, all_done, NULL, 60 * PROA_SEC);
	town_after();
	hash = proa_world_trace_hash(t.w);
	seed_count(t.w);
	MUST(proa_world_close(&t.w) == 0);
	return hash;
}

TEST_LIMIT(stream_worlds, 36000)
{
	seeds_run(TEST_TIMES(1000), town_run);
	test_note("%llu connections, %llu ends whole, %llu failed, %llu bytes, %llu waits, %llu "
	          "reads cancelled",
	          seen.conns, seen.whole, seen.failed, seen.bytes, seen.full, seen.canceled);
}
