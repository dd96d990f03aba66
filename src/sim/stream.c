/* Simulated connections: two ends, and what is on its way between them. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <string.h>

/* ---- how it works ----
 *
 * An end that sends puts segments into its `tx`, each with the time when it arrives; the first
 * one's event (`arrival`) moves those that have arrived to the peer's `rx`. Order is kept by never
 * arriving before the one in front. A cut link holds the first one back, as lost packets and their
 * repetition do, until it has been tried for TRY_MOST; then the sender's end fails.
 *
 *   connecting --SYN (arrival)--> the listener's node --answer (arrival)--> connected
 *                                    |                      and its first segment, OPEN, puts the
 *                                    |                      other end into the listener's queue
 *                                    +-- nobody: refused; full, dark or cut: again, 127 s in all
 *
 * An end is there as long as it or its peer is somebody's: `gone` ends only send what they had. */
#define RTO_NS      (200 * PROA_MSEC)
#define RTO_MAX_NS  (10 * PROA_SEC)
#define TRY_MOST_NS (120 * PROA_SEC)
#define SYN_NS      PROA_SEC
#define SYN_MOST_NS (127 * PROA_SEC)
enum { WINDOW = 65536 };

static px_world *world_of(const px_simsock *s)
{
	return s->node->world;
}

static size_t window(const px_simsock *s)
{
	return world_of(s)->o.window_bytes ? world_of(s)->o.window_bytes : WINDOW;
}

/* ---- the end of ends ---- */

static void stream_free(px_simsock *s)
{
	px_simsock *peer = s->peer;

	if (!s->gone || (peer && !peer->gone))
		return;
	if (peer)
		px_sim_sock_free(peer);
	px_sim_sock_free(s);
}

/* What arrives from now on, arrives nowhere. */
static void rx_fail(px_simsock *s, int64_t error)
{
	if (s->rx_error)
		return;
	s->rx_error = error;
	px_sim_segs_free(world_of(s), &s->tx);
	if (s->connecting)
		return; /* which is what the answer will say */
	px_sim_unschedule(world_of(s), &s->arrival);
	if (s->gone)
		return;
	px_sim_poke_soon(s, PX_DIR_OUT);
	px_sim_poke_soon(s, PX_DIR_IN);
}

void px_sim_stream_reset(px_simsock *s)
{
	px_simsock *peer = s->peer;

	rx_fail(s, -PROA_ECONNRESET);
	if (peer)
		rx_fail(peer, -PROA_ECONNRESET);
}

/* ---- on the way ---- */

static void transmit(px_simsock *s, px_simseg *seg)
{
	px_world *w = world_of(s);
	const px_simnode *to = s->peer->node;
	int64_t at = px_sim_sent_ns(w, s->node, to, seg->len) + px_sim_travel_ns(w, s->node, to);

	if (px_sim_fault(w, PROA_FAULT_STALL, PX_SEND))
		at += px_sim_between(w, PROA_SEC / 10, 5 * PROA_SEC);
	seg->arrives_ns = s->tx_last_ns = PX_MAX(at, s->tx_last_ns);
	px_sim_segs_push(&s->tx, seg);
	if (!px_sim_pending(&s->arrival))
		px_sim_schedule(w, &s->arrival, s->tx.head->arrives_ns);
}

/* A word without bytes; without memory for it the connection fails. */
static void transmit_word(px_simsock *s, unsigned what)
{
	px_simseg *seg = px_sim_seg_new(world_of(s), what, 0);

	if (seg)
		transmit(s, seg);
	else
		px_sim_stream_reset(s);
}

static void arrive_open(px_simsock *p)
{
	px_simsock *listener = px_sim_sock_find(p->node, PX_SIM_LISTENER, &p->local, NULL);

	if (!listener || listener->waiting >= listener->backlog_max) {
		transmit_word(p, PX_SEG_RST);
		return;
	}
	p->gone = false;
	p->connected = true;
	px_list_push_back(&listener->backlog, &p->queue);
	listener->waiting++;
	px_sim_poke(listener, PX_DIR_IN);
}

/* At its destination. */
static void arrive(px_simsock *s, px_simseg *seg)
{
	px_simsock *p = s->peer;

	switch (seg->what) {
	case PX_SEG_DATA:
		if (p->gone || p->rx_error)
			break; /* nobody, or nobody any more */
		px_sim_segs_push(&p->rx, seg);
		px_sim_poke(p, PX_DIR_IN);
		return;
	case PX_SEG_OPEN: arrive_open(p); break;
	case PX_SEG_FIN:
		p->rx_end = true;
		if (!p->gone)
			px_sim_poke(p, PX_DIR_IN);
		break;
	default: rx_fail(p, -PROA_ECONNRESET);
	}
	if (seg->what == PX_SEG_DATA && !s->rx_error)
		transmit_word(p, PX_SEG_RST);
	px_sim_seg_free(world_of(s), seg);
}

static bool link_is_cut(const px_simsock *s, const px_simnode *to)
{
	return to->dark || px_sim_link(world_of(s), s->node, to)->cut;
}

/* Holds the first segment back; gives the connection up in the end. */
static void arrival_retry(px_simsock *s)
{
	px_world *w = world_of(s);
	int64_t wait = PX_MIN(RTO_NS << PX_MIN(s->tries, 10), RTO_MAX_NS);

	if (!s->tries++)
		s->tries_from_ns = w->now_ns;
	if (w->now_ns - s->tries_from_ns >= TRY_MOST_NS)
		rx_fail(s, -PROA_ETIMEDOUT);
	else
		px_sim_schedule(w, &s->arrival, w->now_ns + wait);
	stream_free(s);
}

static void arrival_fire(px_world *w, px_simevent *e)
{
	px_simsock *s = PX_OF(e, px_simsock, arrival);

	if (link_is_cut(s, s->peer->node)) {
		arrival_retry(s);
		return;
	}
	s->tries = 0;
	while (s->tx.head && s->tx.head->arrives_ns <= w->now_ns)
		arrive(s, px_sim_segs_pop(&s->tx));
	if (s->tx.head)
		px_sim_schedule(w, &s->arrival, s->tx.head->arrives_ns);
	stream_free(s);
}

void px_sim_streams_heal(px_world *w)
{
	for (px_node *n = px_list_first(&w->streams); n; n = px_list_next(&w->streams, n)) {
		px_simsock *s = PX_OF(n, px_simsock, all);

		if (s->tries && px_sim_pending(&s->arrival))
			px_sim_schedule(w, &s->arrival, w->now_ns + RTO_NS);
	}
}

/* ---- connecting ---- */

static void connect_end(px_simsock *s, int64_t result)
{
	s->connecting = false;
	px_sim_connected(s, result); /* may close it */
}

static void answer_fire(px_world *w, px_simevent *e)
{
	px_simsock *s = PX_OF(e, px_simsock, arrival);

	PX_UNUSED(w);
	if (!s->peer || s->rx_error) {
		connect_end(s, -PROA_ECONNREFUSED);
		return;
	}
	s->arrival.fire = arrival_fire;
	s->connected = true;
	s->tries = 0;
	transmit_word(s, PX_SEG_OPEN);
	connect_end(s, 0);
}

static void syn_again(px_simsock *s)
{
	px_world *w = world_of(s);
	int64_t wait = SYN_NS << PX_MIN(s->tries, 6);

	s->tries++;
	if (w->now_ns + wait - s->tries_from_ns >= SYN_MOST_NS) {
		if (w->now_ns - s->tries_from_ns < SYN_MOST_NS)
			px_sim_schedule(w, &s->arrival, s->tries_from_ns + SYN_MOST_NS);
		else
			connect_end(s, -PROA_ETIMEDOUT);
		return;
	}
	px_sim_schedule(w, &s->arrival, w->now_ns + wait);
}

/* The other end, which nobody has yet. */
static bool peer_make(px_simsock *s, px_simsock *listener)
{
	px_simsock *p = px_sim_sock_new(listener->node, PX_SIM_STREAM, listener->kind);

	if (!p)
		return false;
	p->gone = true;
	p->bound = true;
	p->local = s->remote;
	p->remote = s->local;
	px_addr_like(&p->local, &listener->local);
	px_addr_like(&p->remote, &listener->local);
	p->arrival.fire = arrival_fire;
	p->peer = s;
	s->peer = p;
	px_list_push_back(&world_of(s)->streams, &p->all);
	px_list_push_back(&world_of(s)->streams, &s->all);
	return true;
}

static void syn_fire(px_world *w, px_simevent *e)
{
	px_simsock *s = PX_OF(e, px_simsock, arrival), *listener = NULL;
	px_simnode *to = px_sim_node_at(s->node, &s->remote);

	if (!to) {
		connect_end(s, -PROA_EHOSTUNREACH);
		return;
	}
	if (s->hangs || link_is_cut(s, to) || px_sim_link(w, to, s->node)->cut ||
	    px_sim_fault(w, PROA_FAULT_LOST, PX_CONNECT)) {
		syn_again(s);
		return;
	}
	if (!px_sim_fault(w, PROA_FAULT_REFUSED, PX_CONNECT))
		listener = px_sim_sock_find(to, PX_SIM_LISTENER, &s->remote, NULL);
	if (listener && (listener->waiting >= listener->backlog_max || !peer_make(s, listener))) {
		syn_again(s);
		return;
	}
	s->arrival.fire = answer_fire;
	px_sim_schedule(w, &s->arrival, w->now_ns + px_sim_travel_ns(w, to, s->node));
}

int px_sim_connect_begin(px_simsock *s, const proa_addr *to)
{
	px_world *w = world_of(s);
	px_simnode *node = px_sim_node_at(s->node, to);
	int rc = px_sim_bind_any(s, to);

	if (rc < 0)
		return rc;
	s->remote = *to;
	s->connecting = true;
	s->tries = 0;
	s->tries_from_ns = w->now_ns;
	s->hangs = px_sim_fault(w, PROA_FAULT_HANG, PX_CONNECT);
	s->arrival.fire = syn_fire;
	px_sim_schedule(w, &s->arrival,
	                w->now_ns + (node ? px_sim_travel_ns(w, s->node, node) : PROA_SEC));
	return 0;
}

/* ---- accepting ---- */

px_simsock *px_sim_backlog_pop(px_simsock *listener)
{
	px_node *node = px_list_pop_front(&listener->backlog);

	if (!node)
		return NULL;
	listener->waiting--;
	return PX_OF(node, px_simsock, queue);
}

void px_sim_backlog_unpop(px_simsock *listener, px_simsock *s)
{
	px_list_push_front(&listener->backlog, &s->queue);
	listener->waiting++;
}

/* Those who have gone again when they are accepted. */
void px_sim_backlog_storm(px_simsock *listener, unsigned n)
{
	for (; n && listener->waiting < listener->backlog_max; n--) {
		px_simsock *s = px_sim_sock_new(listener->node, PX_SIM_STREAM, listener->kind);

		if (!s)
			return;
		s->bound = s->connected = true;
		s->local = s->remote = listener->local;
		s->rx_error = -PROA_ECONNRESET;
		px_list_push_back(&listener->backlog, &s->queue);
		listener->waiting++;
	}
}

/* ---- moving bytes ---- */

bool px_sim_stream_readable(const px_simsock *s)
{
	return s->rx.bytes || s->rx_end || s->rx_error;
}

static size_t rx_take(px_simsock *s, void *buf, size_t len)
{
	unsigned char *to = buf;
	size_t taken = 0;

	while (taken < len) {
		px_simseg *seg = s->rx.head;
		size_t n = PX_MIN(len - taken, (size_t)(seg->len - seg->at));

		memcpy(to + taken, seg->bytes + seg->at, n);
		taken += n;
		seg->at += (uint32_t)n;
		s->rx.bytes -= n;
		if (seg->at == seg->len)
			px_sim_seg_free(world_of(s), px_sim_segs_pop(&s->rx));
	}
	return taken;
}

/* There is room again: who sends learns of it when the word has travelled. */
static void window_opens(px_simsock *s)
{
	px_world *w = world_of(s);
	px_simsock *p = s->peer;
	px_simside *side;

	if (!p || p->gone)
		return;
	side = &p->side[PX_DIR_OUT];
	if (side->op && !px_sim_pending(&side->poke))
		px_sim_schedule(w, &side->poke, w->now_ns + px_sim_travel_ns(w, s->node, p->node));
}

int64_t px_sim_stream_recv(px_simsock *s, px_kind kind, void *buf, size_t len, int32_t *sys_error)
{
	px_world *w = world_of(s);
	int64_t error = s->rx_error;
	size_t n;

	if (s->rx.bytes) {
		n = rx_take(s, buf, px_sim_cut(w, kind, PX_MIN(len, s->rx.bytes)));
		w->stat.bytes += n;
		window_opens(s);
		if (px_sim_fault(w, PROA_FAULT_ERROR_AFTER, kind))
			px_sim_stream_reset(s);
		return (int64_t)n;
	}
	if (error && !s->told_error) {
		s->told_error = true;
		*sys_error = (int32_t)-error;
		return error;
	}
	return s->rx_end || error ? 0 : PX_AGAIN;
}

static size_t tx_room(const px_simsock *s)
{
	size_t used = s->tx.bytes + (s->peer->gone ? 0 : s->peer->rx.bytes), most = window(s);

	return used < most ? most - used : 0;
}

/* The network ends one direction by itself; who goes on sending finds out. */
static void half_close(px_simsock *s)
{
	transmit_word(s, PX_SEG_FIN);
	s->halved = true;
}

int64_t px_sim_stream_send(px_simsock *s, px_kind kind, const void *buf, size_t len,
                           int32_t *sys_error)
{
	px_world *w = world_of(s);
	px_simseg *seg;
	size_t n;

	if (!s->rx_error && s->peer && px_sim_fault(w, PROA_FAULT_RESET, kind))
		px_sim_stream_reset(s);
	if (s->rx_error || !s->peer || s->halved) {
		*sys_error = PROA_ECONNRESET;
		return s->rx_error == -PROA_ETIMEDOUT && !s->told_error ? -PROA_ETIMEDOUT
		                                                        : -PROA_ECONNRESET;
	}
	n = PX_MIN(PX_MIN(len, tx_room(s)), (size_t)PX_SEG_MOST);
	if (!n)
		return len ? PX_AGAIN : 0;
	n = px_sim_cut(w, kind, n);
	if (!(seg = px_sim_seg_new(w, PX_SEG_DATA, n))) {
		*sys_error = PROA_ENOBUFS;
		return -PROA_ENOBUFS;
	}
	memcpy(seg->bytes, buf, n);
	transmit(s, seg);
	if (px_sim_fault(w, PROA_FAULT_HALF_CLOSE, kind))
		half_close(s);
	return (int64_t)n;
}

void px_sim_stream_break(px_simsock *s)
{
	if (s->rx_error || !s->peer)
		return;
	transmit_word(s, PX_SEG_RST);
	s->rx_error = -PROA_ECONNRESET;
	px_sim_poke(s, PX_DIR_IN);
}

int64_t px_sim_stream_shut(px_simsock *s)
{
	if (s->rx_error || !s->peer)
		return -PROA_ENOTCONN;
	if (!s->shut && !s->halved)
		transmit_word(s, PX_SEG_FIN);
	s->shut = true;
	return 0;
}

/* ---- closing ---- */

void px_sim_stream_closed(px_simsock *s, bool reset)
{
	px_world *w = world_of(s);

	px_assert(!s->gone);
	s->gone = true;
	if (s->connecting) { /* its other end, if there is one, has been shown to nobody */
		px_sim_unschedule(w, &s->arrival);
		s->connecting = false;
	} else if (s->peer && !s->rx_error) {
		if (reset)
			px_sim_segs_free(w, &s->tx);
		if (reset || s->rx.bytes)
			transmit_word(s, PX_SEG_RST);
		else if (!s->shut && !s->halved)
			transmit_word(s, PX_SEG_FIN);
	}
	px_sim_segs_free(w, &s->rx);
	stream_free(s);
}

/* The machine has lost its power: nobody says anything. When it is back, it knows of nothing. */
void px_sim_stream_dark(px_simsock *s)
{
	px_world *w = world_of(s);

	s->gone = true;
	s->connecting = false;
	px_sim_segs_free(w, &s->rx);
	px_sim_segs_free(w, &s->tx);
	px_sim_unschedule(w, &s->arrival);
	stream_free(s);
}
