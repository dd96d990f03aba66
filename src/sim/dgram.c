/* Simulated datagrams: each on its own way, lost, doubled or overtaken. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <string.h>

enum { PAYLOAD_MAX = 65507 };

/* One on its way. */
typedef struct gram {
	px_simevent event;
	px_node link; /* in world->dgrams */
	px_simnode *from_node;
	proa_addr from, to;
	px_simseg *seg; /* the sender's address, then the bytes */
	bool refused;   /* it is the report, on its way back */
} gram;

static void gram_free(px_world *w, gram *g)
{
	px_sim_unschedule(w, &g->event);
	if (g->seg)
		px_sim_seg_free(w, g->seg);
	px_list_remove(&g->link);
	px_slab_free(&w->slab_gram, g);
}

void px_sim_grams_init(px_world *w)
{
	px_slab_init(&w->slab_gram, &w->alloc, sizeof(gram), 0);
	px_list_init(&w->dgrams);
}

void px_sim_grams_free(px_world *w)
{
	px_node *n;

	while ((n = px_list_first(&w->dgrams)))
		gram_free(w, PX_OF(n, gram, link));
}

/* Nobody is there: who sends to one peer only is told, if there is a way back. */
static void gram_report(const gram *g)
{
	px_simsock *s = px_sim_sock_find(g->from_node, PX_SIM_DGRAM, &g->from, &g->to);

	if (!s || !s->connected)
		return;
	s->rx_error = -PROA_ECONNREFUSED;
	px_sim_poke(s, PX_DIR_IN);
}

/* True: it goes back as a report. */
static bool gram_refused(px_world *w, gram *g, const px_simnode *to)
{
	if (px_sim_travel_none(w, to, g->from_node)) {
		gram_report(g);
		return false;
	}
	if (px_sim_link(w, to, g->from_node)->cut)
		return false;
	g->refused = true;
	px_sim_schedule(w, &g->event, w->now_ns + px_sim_travel_ns(w, to, g->from_node));
	return true;
}

static void gram_fire(px_world *w, px_simevent *e)
{
	gram *g = PX_OF(e, gram, event);
	px_simnode *to = px_sim_node_at(g->from_node, &g->to);
	px_simsock *s;

	if (g->refused) {
		gram_report(g);
	} else if (to && !to->dark && !px_sim_link(w, g->from_node, to)->cut) {
		s = px_sim_sock_find(to, PX_SIM_DGRAM, &g->to, &g->from);
		if (!s && gram_refused(w, g, to))
			return;
		if (s && s->rx.bytes + g->seg->len <= s->rx_max) {
			px_sim_segs_push(&s->rx, g->seg);
			g->seg = NULL;
			px_sim_poke(s, PX_DIR_IN);
		}
	}
	gram_free(w, g);
}

static bool gram_send(px_simsock *s, const proa_addr *from, const proa_addr *to,
                      const proa_msg *msg)
{
	px_world *w = s->node->world;
	px_simnode *node = px_sim_node_at(s->node, to);
	gram *g = px_slab_zalloc(&w->slab_gram);

	if (!g)
		return false;
	px_list_push_back(&w->dgrams, &g->link);
	g->seg = px_sim_seg_new(w, PX_SEG_DATA, sizeof *from + msg->len);
	if (!g->seg) {
		gram_free(w, g);
		return false;
	}
	memcpy(g->seg->bytes, from, sizeof *from);
	if (msg->len)
		memcpy(g->seg->bytes + sizeof *from, msg->buf, msg->len);
	g->from_node = s->node;
	g->from = *from;
	g->to = *to;
	g->event.fire = gram_fire;
	node = node ? node : s->node;
	if (px_sim_travel_none(w, s->node, node)) {
		gram_fire(w, &g->event);
		return true;
	}
	px_sim_schedule(w, &g->event,
	                px_sim_sent_ns(w, s->node, node, msg->len) +
	                        px_sim_travel_ns(w, s->node, node));
	return true;
}

static bool addr_broadcast(const proa_addr *addr)
{
	static const unsigned char all[4] = {255, 255, 255, 255};
	px_simhost h = px_sim_host(addr);

	return h.len == 4 && !memcmp(h.bytes, all, 4);
}

int64_t px_sim_dgram_send(px_simsock *s, const proa_msg *msg, int32_t *sys_error)
{
	px_world *w = s->node->world;
	const proa_addr *to = msg->addr.len ? &msg->addr : &s->remote;
	int64_t error = s->rx_error;
	proa_addr from;

	s->rx_error = 0;
	if (!error && msg->len > PAYLOAD_MAX)
		error = -PROA_EMSGSIZE;
	if (!error && addr_broadcast(to) && !s->broadcast)
		error = -PROA_EACCES;
	if (!error)
		error = px_sim_bind_any(s, to);
	if (!error && !px_sim_sock_source(s, to, &from))
		error = -PROA_ENETUNREACH;
	if (error) {
		*sys_error = (int32_t)-error;
		return error;
	}
	w->stat.bytes += msg->len;
	if (px_sim_fault(w, PROA_FAULT_LOST, PX_SEND_MSG))
		return (int64_t)msg->len;
	if (px_sim_fault(w, PROA_FAULT_TWICE, PX_SEND_MSG))
		gram_send(s, &from, to, msg);
	gram_send(s, &from, to, msg); /* without memory it is lost, as they are */
	return (int64_t)msg->len;
}

int64_t px_sim_dgram_recv(px_simsock *s, proa_msg *msg, bool *cut, int32_t *sys_error)
{
	px_simseg *seg = px_sim_segs_pop(&s->rx);
	int64_t error = s->rx_error;
	size_t n, len;

	*cut = false;
	if (error && !seg) {
		s->rx_error = 0;
		*sys_error = (int32_t)-error;
		return error;
	}
	if (!seg)
		return PX_AGAIN;
	len = seg->len - sizeof msg->addr;
	n = PX_MIN(len, msg->len);
	*cut = n < len;
	memcpy(&msg->addr, seg->bytes, sizeof msg->addr);
	px_addr_like(&msg->addr, &s->local);
	if (n)
		memcpy(msg->buf, seg->bytes + sizeof msg->addr, n);
	px_sim_seg_free(s->node->world, seg);
	return (int64_t)n;
}
