/* The backend "sim": ops at simulated sockets, completed by the world's events. */
/* SPDX-License-Identifier: MIT */
#include "sim/backend.h"
#include "backend/pooled.h"

#include <string.h>

#define LATE_MAX_NS (10 * PROA_MSEC)
#define LOST_MIN_NS (20 * PROA_MSEC)
#define LOST_MAX_NS (200 * PROA_MSEC)
enum { STEP_NS = 1000, STORM_MOST = 8, SCRIBBLE = 4096 };

static px_world *world_of(const px_core *core)
{
	return px_simloop_of(core)->node->world;
}

static int op_side(const px_op *op)
{
	return px_kind_dir[op->kind] == PX_DIR_IN ? PX_DIR_IN : PX_DIR_OUT; /* a connect too */
}

static px_simside *side_of(px_core *core, const px_op *op)
{
	px_simsock *s = px_sim_sock(world_of(core), op->handle->fd);

	px_assert(s && s->node == px_simloop_of(core)->node);
	return &s->side[op_side(op)];
}

void px_sim_side_clear(px_simside *side)
{
	px_world *w = side->sock->node->world;

	side->op = NULL;
	side->late = false;
	px_sim_unschedule(w, &side->poke);
	px_sim_unschedule(w, &side->ask);
}

/* Nothing but its poke completes it, after a while. */
static void side_delay(px_simside *side, int64_t low_ns, int64_t high_ns)
{
	px_world *w = side->sock->node->world;

	side->late = true;
	px_sim_schedule(w, &side->poke, w->now_ns + px_sim_between(w, low_ns, high_ns));
}

int64_t px_sim_late_max(const px_world *w)
{
	return w->o.late_max_ns ? w->o.late_max_ns : LATE_MAX_NS;
}

/* Lent memory may hold anything. */
static void recv_scribble(const px_op *op)
{
	unsigned char *buf = (unsigned char *)(uintptr_t)op->args.io.ptr;

	size_t most = op->args.io.len <= SCRIBBLE ? op->args.io.len : SCRIBBLE / 2;

	memset(buf, 0xa5, most);
	memset(buf + op->args.io.len - most, 0xa5, most);
}

/* ---- connect ---- */

static void connect_finish(px_core *core, px_simside *side)
{
	px_simsock *s = side->sock;
	px_op *op = side->op;
	int64_t result = s->result;

	PX_UNUSED(core);
	px_sim_side_clear(side);
	px_op_finish(op, result, 0, (int32_t)-result);
}

void px_sim_connected(px_simsock *s, int64_t result)
{
	px_simside *side = &s->side[PX_DIR_OUT];
	px_world *w = s->node->world;
	px_simvisit from;
	px_core *core;

	if (!side->op)
		return; /* cancelled, and about to be closed */
	s->result = result;
	if (px_sim_fault(w, PROA_FAULT_LATE, PX_CONNECT)) {
		side_delay(side, 0, px_sim_late_max(w));
		return;
	}
	core = px_handle_core(side->op->handle);
	from = px_sim_visit(s->node);
	connect_finish(core, side);
	px_sim_loop_wake(px_simloop_of(core));
	px_sim_return(from);
}

static int64_t connect_fault(px_world *w)
{
	static const int64_t errors[] = {-PROA_ENETUNREACH, -PROA_EHOSTUNREACH, -PROA_EADDRNOTAVAIL,
	                                 -PROA_ENOBUFS};

	if (!px_sim_fault(w, PROA_FAULT_ERROR_BEFORE, PX_CONNECT))
		return 0;
	return errors[px_rng_below(&w->rng, PX_COUNT(errors))];
}

static void connect_begin(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int64_t rc = connect_fault(world_of(core));

	if (rc == 0)
		rc = px_sim_connect_begin(side->sock, op->args.io.ptr);
	if (rc == 0)
		return;
	px_sim_side_clear(side);
	px_op_finish(op, rc, 0, (int32_t)-rc);
}

/* ---- accept ---- */

/* A descriptor, or PX_AGAIN; then *rests: its back-off has the op. */
static int64_t accept_one(px_core *core, px_op *op, px_simsock *s, bool *rests)
{
	px_world *w = world_of(core);
	px_simsock *p;
	int32_t sys_error;
	int64_t fd;

	*rests = op->args.own.c != 0;
	if (*rests)
		return PX_AGAIN;
	if (px_sim_fault(w, PROA_FAULT_STORM, (px_kind)op->kind))
		px_sim_backlog_storm(s, 1 + (unsigned)px_rng_below(&w->rng, STORM_MOST));
	while ((p = px_sim_backlog_pop(s)) &&
	       px_sim_fault(w, PROA_FAULT_ABORTED, (px_kind)op->kind)) {
		px_sim_stream_closed(p, true);
		px_count(&core->stat.accept_aborted);
	}
	if (!p)
		return PX_AGAIN;
	if ((fd = px_sim_sock_fd(p, (px_kind)op->kind, &sys_error)) >= 0) {
		px_accept_resumed(core, op);
		return fd;
	}
	px_sim_backlog_unpop(s, p);
	px_accept_pause(core, op, fd);
	*rests = true;
	return PX_AGAIN;
}

static proa_socket accepted(const px_op *op, int64_t fd)
{
	proa_socket s = px_socket_pack((int)fd, px_handle_kind(op->handle), true);
	px_world *w = world_of(px_handle_core(op->handle));

	return px_socket_of_world(s, w->number, w->fds[fd].birth);
}

static void try_accept(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	bool rests;
	int64_t fd;

	side->op = NULL;
	fd = accept_one(core, op, side->sock, &rests);
	if (fd >= 0) {
		op->socket = accepted(op, fd);
		px_op_finish(op, 0, 0, 0);
	} else if (!rests) {
		side->op = op;
	} else if (px_op_asked(op)) {
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
	}
}

static px_pulled pull_accept(px_core *core, px_op *op, px_simside *side)
{
	bool rests;
	int64_t fd = accept_one(core, op, side->sock, &rests);

	if (rests)
		px_sim_side_clear(side);
	if (fd < 0)
		return PX_PULL_NONE;
	op->result = 0;
	op->count = 0;
	op->sys_error = 0;
	op->socket = accepted(op, fd);
	op->got = PROA_MORE;
	return PX_PULL_MORE;
}

/* ---- recv ---- */

static int64_t recv_some(px_core *core, px_handle *h, void *buf, size_t len, int32_t *sys_error)
{
	px_world *w = world_of(core);
	px_simsock *s = px_sim_sock(w, h->fd);
	px_op *op = px_queue_head(h, PX_DIR_IN);
	px_kind kind = op ? (px_kind)op->kind : PX_RECV;
	int64_t n;

	if (px_sim_stream_readable(s) && px_sim_fault(w, PROA_FAULT_ERROR_BEFORE, kind)) {
		*sys_error = PROA_ENOBUFS;
		return -PROA_ENOBUFS;
	}
	n = px_sim_stream_recv(s, kind, buf, len, sys_error);
	if (n > 0) {
		px_handle_moved(core, h);
		px_count_add(&core->stat.bytes_in, (uint64_t)n);
	}
	return n;
}

/* A recv's call may fail the connection, and its end may start the next op: so the op is not at its
 * side meanwhile. What was asked of it stays asked, also if it comes to wait for a buffer. */
static void side_back(px_simside *side, px_op *op)
{
	if (op->state != PX_INFLIGHT)
		return;
	if (!(op->flags & PX_F_PARKED))
		side->op = op;
	else if (px_op_asked(op))
		px_op_finish(op, -PROA_ECANCELED, 0, 0);
}

static void try_recv(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int32_t sys_error = 0;
	int64_t n;

	side->op = NULL;
	n = recv_some(core, op->handle, (void *)(uintptr_t)op->args.io.ptr, op->args.io.len,
	              &sys_error);
	if (n == PX_AGAIN)
		side->op = op;
	else
		px_recv_end(op, n, sys_error);
}

/* As a ring that other recvs have emptied a moment ago: armed anew, it finds one. */
static bool side_starves(px_core *core, px_simside *side)
{
	if (!px_sim_fault(world_of(core), PROA_FAULT_NO_BUFFER, (px_kind)side->op->kind))
		return false;
	px_count(&core->stat.pool_parks);
	side_delay(side, 0, PROA_MSEC);
	return true;
}

static void try_recv_pooled(px_core *core, px_simside *side)
{
	px_op *op = side->op;

	if (!px_sim_stream_readable(side->sock) || side_starves(core, side))
		return;
	side->op = NULL;
	px_pooled_try(core, op, recv_some);
	side_back(side, op);
}

static void try_multi(px_core *core, px_simside *side)
{
	const px_simsock *s = side->sock;
	bool ready = s->type == PX_SIM_LISTENER ? s->waiting > 0
	             : s->type == PX_SIM_DGRAM  ? s->rx.head || s->rx_error
	                                        : px_sim_stream_readable(s);

	PX_UNUSED(core);
	if (ready)
		px_op_more(side->op);
}

static px_pulled pull_recv(px_core *core, px_op *op, px_simside *side)
{
	px_pulled pulled;
	bool waits;

	if (!px_sim_stream_readable(side->sock) || side_starves(core, side))
		return PX_PULL_NONE;
	side->op = NULL;
	pulled = px_pooled_pull(core, op, recv_some, &waits);
	side_back(side, op);
	return pulled;
}

static px_pulled backend_pull(px_core *core, px_op *op)
{
	px_simside *side = side_of(core, op);

	if (side->op != op || side->late || px_handle_closing(op->handle) ||
	    (op->kind == PX_ACCEPT_MANY && px_op_asked(op)))
		return PX_PULL_NONE;
	if (px_sim_fault(world_of(core), PROA_FAULT_MULTISHOT, (px_kind)op->kind)) {
		side_delay(side, 0, PROA_MSEC); /* armed anew */
		return PX_PULL_NONE;
	}
	switch (op->kind) {
	case PX_ACCEPT_MANY: return pull_accept(core, op, side);
	case PX_RECV_MSG_MANY: return px_sim_pull_msg(core, op, side);
	default: return pull_recv(core, op, side);
	}
}

/* ---- shutdown ---- */

static void try_shutdown(px_core *core, px_simside *side)
{
	px_op *op = side->op;
	int64_t rc = px_sim_stream_shut(side->sock);

	PX_UNUSED(core);
	px_sim_side_clear(side);
	px_op_finish(op, rc, 0, (int32_t)-rc);
}

/* ---- which is which ---- */

#define LEAVES(X)                          \
	X(CONNECT, connect_finish)         \
	X(ACCEPT, try_accept)              \
	X(ACCEPT_MANY, try_multi)          \
	X(RECV, try_recv)                  \
	X(RECV_POOLED, try_recv_pooled)    \
	X(RECV_MANY, try_multi)            \
	X(RECV_MSG, px_sim_try_recv_msg)   \
	X(RECV_MSGS, px_sim_try_recv_msg)  \
	X(RECV_MSG_MANY, try_multi)        \
	X(SEND, px_sim_try_send)           \
	X(SENDV, px_sim_try_send)          \
	X(SEND_POOLED, px_sim_try_send)    \
	X(SEND_FILE, px_sim_try_send)      \
	X(SEND_MSG, px_sim_try_send_msg)   \
	X(SEND_MSGS, px_sim_try_send_msgs) \
	X(SHUTDOWN, try_shutdown)

typedef void leaf_fn(px_core *core, px_simside *side);

#define LEAF(kind, fn) [PX_##kind] = (fn),
static leaf_fn *const leaves[PX_KIND_COUNT] = {LEAVES(LEAF)};
#define LEAF_BIT(kind, fn) | PX_KIND_BIT(PX_##kind)
_Static_assert((0 LEAVES(LEAF_BIT)) == PX_KINDS_SOCKET, "each native kind has its attempt");

/* From an event, or from what another node does (a reset): the loop is told if something ended. */
static void side_try(px_simside *side)
{
	px_core *core = px_handle_core(side->op->handle);
	px_simvisit from = px_sim_visit(side->sock->node);

	leaves[side->op->kind](core, side);
	px_sim_loop_wake(px_simloop_of(core));
	px_sim_return(from);
}

void px_sim_poke(px_simsock *s, int dir)
{
	px_simside *side = &s->side[dir];

	if (side->op && !side->late && side->op->kind != PX_CONNECT)
		side_try(side);
}

void px_sim_poke_soon(px_simsock *s, int dir)
{
	px_simside *side = &s->side[dir];

	if (side->op && !side->late && side->op->kind != PX_CONNECT)
		px_sim_schedule(s->node->world, &side->poke, s->node->world->now_ns);
}

static void poke_fire(px_world *w, px_simevent *e)
{
	px_simside *side = PX_OF(e, px_simside, poke);

	PX_UNUSED(w);
	side->late = false;
	if (side->op)
		side_try(side);
}

/* ---- cancel ---- */

static void cancel_now(px_simside *side)
{
	px_op *op = side->op;
	bool out = px_kind_dir[op->kind] == PX_DIR_OUT;

	if (out && !(PX_KINDS_MSG & PX_KIND_BIT(op->kind)) && op->kind != PX_SHUTDOWN)
		px_sim_send_check(side, op);
	px_sim_side_clear(side);
	px_op_finish(op, -PROA_ECANCELED, out ? op->count : 0, 0);
}

static void ask_fire(px_world *w, px_simevent *e)
{
	px_simside *side = PX_OF(e, px_simside, ask);
	px_simvisit from;
	px_core *core;

	PX_UNUSED(w);
	if (!side->op)
		return;
	core = px_handle_core(side->op->handle);
	from = px_sim_visit(side->sock->node);
	cancel_now(side);
	px_sim_loop_wake(px_simloop_of(core));
	px_sim_return(from);
}

static void backend_cancel(px_core *core, px_op *op)
{
	px_world *w = world_of(core);
	px_simside *side = side_of(core, op);

	px_assert(side->op == op);
	if (px_sim_fault(w, PROA_FAULT_CANCEL_LATE, (px_kind)op->kind))
		px_sim_schedule(w, &side->ask,
		                w->now_ns + px_sim_between(w, STEP_NS, px_sim_late_max(w)));
	else if (px_sim_fault(w, PROA_FAULT_CANCEL_LOST, (px_kind)op->kind))
		px_sim_schedule(w, &side->ask,
		                w->now_ns + px_sim_between(w, LOST_MIN_NS, LOST_MAX_NS));
	else
		cancel_now(side);
}

void px_sim_sides_init(px_simsock *s)
{
	for (int dir = PX_DIR_IN; dir <= PX_DIR_OUT; dir++) {
		s->side[dir].poke.fire = poke_fire;
		s->side[dir].ask.fire = ask_fire;
	}
}

/* ---- submit ---- */

static void backend_submit(px_core *core, px_op *op)
{
	px_world *w = world_of(core);
	px_simside *side;

	if (!px_sim_sock(w, op->handle->fd)) { /* a file */
		px_op_finish(op, -PROA_ENOTSOCK, 0, PROA_ENOTSOCK);
		return;
	}
	side = side_of(core, op);
	px_assert(!side->op);
	px_sim_side_clear(side); /* what was meant for the one before */
	side->op = op;
	if (op->kind == PX_CONNECT) {
		connect_begin(core, side);
		return;
	}
	if (op->kind == PX_RECV)
		recv_scribble(op);
	side->sum = op_side(op) == PX_DIR_OUT ? px_sim_send_sum(op) : 0;
	if (px_sim_fault(w, PROA_FAULT_LATE, (px_kind)op->kind))
		side_delay(side, 0, px_sim_late_max(w));
	else
		leaves[op->kind](core, side);
}

/* ---- the loop's side ---- */

static int backend_open(px_core *core, char *why)
{
	px_simnode *node = px_sim_here();
	px_simloop *l = px_zalloc(&core->alloc, sizeof *l);

	PX_UNUSED(why);
	if (!l)
		return -PROA_ENOMEM;
	l->core = core;
	l->node = node;
	core->backend = l;
	core->tracer = node->world->tracer;
	px_list_push_back(&node->loops, &l->link);
	return 0;
}

static void not_run(const px_simloop *l)
{
	if (l->waits)
		PX_PANIC("a loop was run that its node's program runs");
}

static void backend_close(px_core *core, bool forked)
{
	px_simloop *l = px_simloop_of(core);

	PX_UNUSED(forked);
	if (!l)
		return;
	not_run(l);
	px_list_remove(&l->link);
	px_free(&core->alloc, l, sizeof *l);
	core->backend = NULL;
}

void px_sim_loop_wake(px_simloop *l)
{
	l->woken = true;
	if (l->waiter)
		px_sim_ready(l->node->world, l->waiter);
}

void px_sim_loops_wake(px_simnode *node)
{
	for (px_node *n = px_list_first(&node->loops); n; n = px_list_next(&node->loops, n))
		px_sim_loop_wake(PX_OF(n, px_simloop, link));
}

void px_sim_loops_look(px_simnode *node)
{
	for (px_node *n = px_list_first(&node->loops); n; n = px_list_next(&node->loops, n)) {
		px_simloop *l = PX_OF(n, px_simloop, link);

		if (l->waiter && l->waiter->node)
			px_sim_ready(node->world, l->waiter);
	}
}

/* A post, a bell, a stop: within the node, or from outside of all; never from another thread of the
 * system, nor past a cut link. */
static void backend_wake(px_core *core)
{
	px_simloop *l = px_simloop_of(core);
	px_world *w = l->node->world;

	if (&px_here != w->thread)
		PX_PANIC("a loop of a simulated world was posted to by another thread");
	if (w->running && w->running->node != l->node)
		PX_PANIC("a simulated node posted to a loop of another one");
	px_sim_loop_wake(l);
}

/* Looking takes a moment too, or a busy loop would stop the time. */
static void backend_wait(px_core *core, int64_t deadline_ns)
{
	px_simloop *l = px_simloop_of(core);
	px_world *w = l->node->world;
	int64_t until = w->now_ns + STEP_NS;

	not_run(l);
	l->waits = true;
	if (deadline_ns > core->now_ns && !l->woken) {
		until = deadline_ns == INT64_MAX ? INT64_MAX
		                                 : px_sim_node_when(l->node, deadline_ns);
		l->waiter = w->running ? w->running : &w->outer;
	}
	px_sim_wait(w, until);
	l->waiter = NULL;
	l->woken = l->waits = false;
	core->now_ns = px_sim_node_now(l->node);
}

const px_backend_ops px_backend_sim = {
	.name = "sim",
	.native = PX_KINDS_SOCKET,
	.open = backend_open,
	.close = backend_close,
	.submit = backend_submit,
	.cancel = backend_cancel,
	.pull = backend_pull,
	.wait = backend_wait,
	.wake = backend_wake,
};
