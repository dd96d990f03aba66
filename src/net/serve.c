/* proa_serve: listen, accept, a slab of connections, a limit on them, drain. */
/* SPDX-License-Identifier: MIT */
#include "net/serve.h"

#include <string.h>

static px_server *server_of(const proa_server *pub)
{
	return (px_server *)(uintptr_t)pub;
}

/* ---- the gate ---- */

bool px_gate_enter(px_gate *gate)
{
	unsigned open = atomic_load_explicit(&gate->open, memory_order_relaxed);

	do {
		if (gate->max && open >= gate->max)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&gate->open, &open, open + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool px_gate_full(px_gate *gate)
{
	return gate->max && atomic_load_explicit(&gate->open, memory_order_relaxed) >= gate->max;
}

void px_gate_leave(px_gate *gate)
{
	if (atomic_fetch_sub_explicit(&gate->open, 1, memory_order_relaxed) == gate->max &&
	    gate->max)
		gate->freed(gate);
}

static void own_gate_freed(px_gate *gate)
{
	px_server_resume(PX_OF(gate, px_server, own_gate));
}

/* ---- open and closed ---- */

static void conn_told(px_handle *owner, px_handle *conn)
{
	px_server *s = PX_OF(owner, px_server, h);

	if (conn == &s->listener)
		return; /* watched only so that nobody else is told */
	s->n--;
	px_slab_free(&s->slab, conn);
	px_gate_leave(s->gate);
	if (s->ending && !s->n && !px_handle_closing(&s->h))
		px_handle_close(&s->h, NULL);
}

static void on_server_closed(proa_handle *h)
{
	px_server *s = PX_OF(h, px_server, h);
	size_t leaked = px_slab_destroy(&s->slab);

	px_assert(!leaked && !s->n);
	proa_socket_close(s->held);
	s->held.id = 0;
	h->user = s->o.user;
	if (s->closed)
		s->closed(h);
}

static void internal_unbind(px_handle *h)
{
	px_assert(h->state == PX_H_INIT && !h->in_flight && !h->owned);
	px_ring_remove(&h->owner->owned, &h->link);
	*h = (px_handle){0};
}

int px_server_open(proa_handle *owner, px_server *s, const proa_serve_options *o, px_gate *gate)
{
	px_handle *above = px_handle_of(owner);

	if (!o || (o->size && o->size != sizeof *o) || o->conn_bytes < sizeof(proa_handle) ||
	    !o->start)
		return -PROA_EINVAL;
	if (above->state == PX_H_FREE)
		PX_PANIC("proa_serve: the owner is not initialised, or its close has completed");
	if (proa_is_closing(owner))
		return -PROA_ECANCELED;
	memset(s, 0, sizeof *s);
	px_handle_bind(above, &s->h);
	s->h.flags |= PX_HF_PRESET;
	s->h.closed = on_server_closed;
	s->watch.told = conn_told;
	s->h.user = &s->watch;
	px_handle_bind(&s->h, &s->listener);
	s->listener.flags |= PX_HF_WATCHED;
	s->o = *o;
	s->o.listen = NULL;
	s->own_gate.max = o->conn_max;
	s->own_gate.freed = own_gate_freed;
	s->gate = gate ? gate : &s->own_gate;
	px_slab_init(&s->slab, &px_handle_core(above)->alloc, o->conn_bytes, 0);
	return 0;
}

void px_server_unopen(px_server *s)
{
	internal_unbind(&s->listener);
	internal_unbind(&s->h);
}

/* ---- connections ---- */

static void server_starved(px_server *s)
{
	px_core *core = px_handle_core(&s->h);

	if (s->starved)
		return; /* told once an episode */
	s->starved = true;
	core->noticed = -PROA_ENOMEM;
	core->noticed_what = "serve";
}

static px_handle *conn_new(px_server *s)
{
	px_handle *conn = px_handle_closing(&s->h) ? NULL : px_slab_zalloc(&s->slab);

	if (!conn)
		return NULL;
	px_handle_bind(&s->h, conn);
	conn->flags |= PX_HF_WATCHED;
	s->n++;
	s->starved = false;
	return conn;
}

void px_server_take(px_server *s, proa_socket socket)
{
	px_handle *conn = conn_new(s);
	proa_handle *pub = px_handle_pub(conn);

	if (!conn) {
		if (!px_handle_closing(&s->h))
			server_starved(s);
		proa_socket_close(socket);
		px_gate_leave(s->gate);
		return;
	}
	proa_adopt(pub, socket);
	if (s->o.idle_ns)
		proa_set_idle(pub, s->o.idle_ns);
	s->o.start(pub, s->o.user);
	if (s->walked && s->o.drain && !proa_is_closing(pub))
		s->o.drain(pub, s->o.user);
}

static void on_accept(proa_op *op)
{
	px_server *s = PX_OF(op, px_server, accept);

	if (op->result < 0)
		return; /* the listener closes; trouble on the way goes to the loop's notice */
	if (!px_gate_enter(s->gate)) {
		s->held = op->socket;
		proa_pause(op);
		return;
	}
	px_server_take(s, op->socket);
	if (px_gate_full(s->gate))
		proa_pause(op);
}

int px_server_listen(px_server *s, const proa_addr *addr, const proa_listen_options *options)
{
	int rc = proa_listen(px_handle_pub(&s->listener), addr, options);

	if (rc == 0)
		proa_accept_many(px_handle_pub(&s->listener), &s->accept, on_accept);
	return rc;
}

void px_server_resume(px_server *s)
{
	if (s->draining || px_handle_closing(&s->h))
		return;
	if (s->held.id && px_gate_enter(s->gate)) {
		proa_socket socket = s->held;

		s->held.id = 0;
		px_server_take(s, socket);
	}
	if (!s->held.id && !px_gate_full(s->gate))
		proa_resume(&s->accept);
}

/* ---- drain and end ---- */

/* What the callback does to the ring (closing this one, others, all) leaves its head true: so the
 * ring is turned under the head until the listener, which stays until afterwards, comes round. New
 * connections are behind it. */
static void drain_walk(px_server *s)
{
	px_node **ring = &s->h.owned, *mark = &s->listener.link, *node;

	px_ring_remove(ring, mark);
	px_ring_push(ring, mark);
	while (!px_handle_closing(&s->h) && (node = *ring) != mark) {
		px_handle *conn = PX_OF(node, px_handle, link);

		*ring = node->next;
		if (!(conn->kind & PX_HANDLE_TAG) || !(conn->flags & PX_HF_WATCHED))
			continue; /* an op of the server's own */
		if (!proa_is_closing(px_handle_pub(conn)))
			s->o.drain(px_handle_pub(conn), s->o.user);
	}
}

static void on_turn(proa_op *op)
{
	px_server *s = PX_OF(op, px_server, turn);

	op->deadline_ns = 0; /* server_turn may have set it */
	if (px_handle_closing(&s->h))
		return;
	if (!s->walked) {
		s->walked = true;
		if (s->o.drain)
			drain_walk(s);
		if (px_handle_closing(&s->h))
			return; /* by one of those */
		px_handle_close(&s->listener, NULL);
	}
	if (!s->ending)
		return;
	if (!s->n || (s->deadline_ns && s->deadline_ns <= proa_now(proa_op_loop(op))))
		px_handle_close(&s->h, NULL);
	else if (s->deadline_ns)
		proa_timer(px_handle_pub(&s->h), op, s->deadline_ns, on_turn);
}

/* In the next iteration: user code never runs inside a call of the user's. */
static void server_turn(px_server *s)
{
	proa_op *op = &s->turn;

	if (px_op_of(&s->turn)->state == PX_IDLE)
		proa_timer(px_handle_pub(&s->h), op, PROA_POLL, on_turn);
	else
		proa_deadline(op, PROA_POLL); /* a drain's end comes nearer: its timer ends now and
		                                 on_turn looks again */
}

void px_server_drain(px_server *s)
{
	if (s->draining || px_handle_closing(&s->h))
		return;
	s->draining = true;
	if (px_op_of(&s->accept)->state != PX_IDLE)
		proa_pause(&s->accept);
	proa_socket_close(s->held);
	s->held.id = 0;
	server_turn(s);
}

void proa_serve_end(proa_server *pub, int64_t drain_deadline_ns, proa_closed *closed)
{
	px_server *s = server_of(pub);

	if (s->h.state == PX_H_FREE)
		PX_PANIC("proa_serve_end of a server that has ended");
	if (closed)
		s->closed = closed;
	if (px_handle_closing(&s->h))
		return;
	if (drain_deadline_ns &&
	    drain_deadline_ns <= proa_now(proa_handle_loop(px_handle_pub(&s->h)))) {
		px_handle_close(&s->h, NULL);
		return;
	}
	if (drain_deadline_ns && (!s->deadline_ns || drain_deadline_ns < s->deadline_ns))
		s->deadline_ns = drain_deadline_ns;
	s->ending = true;
	if (s->draining)
		server_turn(s);
	else
		px_server_drain(s);
}

/* ---- the public rest ---- */

int proa_serve(proa_handle *owner, proa_server *pub, const char *addr,
               const proa_serve_options *options)
{
	px_server *s = server_of(pub);
	proa_addr a;
	int rc = proa_addr_parse(&a, addr, 0);

	if (rc < 0 || (rc = px_server_open(owner, s, options, NULL)) < 0)
		return rc;
	if ((rc = px_server_listen(s, &a, options->listen)) < 0)
		px_server_unopen(s);
	return rc;
}

int proa_serve_addr(const proa_server *pub, proa_addr *out)
{
	return proa_local_addr(px_handle_pub(&server_of(pub)->listener), out);
}

unsigned proa_serve_count(const proa_server *pub)
{
	return server_of(pub)->n;
}

bool proa_serve_draining(const proa_server *pub)
{
	const px_server *s = server_of(pub);

	return s->draining || px_handle_closing(&s->h);
}

proa_server *proa_serve_of(const proa_handle *conn)
{
	return (proa_server *)(void *)px_handle_of(conn)->owner;
}
