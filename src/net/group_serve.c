/* proa_group_serve: one address on all loops of a group: an acceptor, or a listener each. */
/* SPDX-License-Identifier: MIT */
#include "loop/group.h"
#include "loop/loop.h"
#include "net/serve.h"

/* ---- handing over ----
 *
 * The acceptor's thread runs a loop of its own, on which no user code ever runs, and puts what it
 * accepts into the inbox of the least loaded loop that is not stuck in a callback. A loop takes
 * from its inbox one by one. A loop that got stuck after it was chosen has what is left in its
 * inbox taken away again by the acceptor's tick.
 *
 *   accepted --hand--> in a lane's inbox --lane_pop--> px_server_take on its loop
 *                          ^      |
 *                          +------+ tick: the loop is stuck, and another is not
 *
 * All inboxes full, or as many connections as there may be: the acceptor pauses, and the system's
 * backlog fills. */
#ifdef PX_TORTURE
enum { INBOX_MAX = 2 };
#else
enum { INBOX_MAX = 512 };
#endif
#define TICK_NS (20 * PROA_MSEC)

typedef struct service service;

/* A service on one of the loops. */
typedef struct lane {
	service *sv;
	px_member *m;
	px_server server;
	proa_op bell; /* on the loop: something is in the inbox, or the gate has room again */
	bool rings;   /* under the lock: the bell may be rung */
	bool drained;
	unsigned head, n; /* of the inbox, under the lock */
	proa_socket inbox[INBOX_MAX];
} lane;

struct service {
	px_service base;
	proa_group *group;
	px_lock lock;
	px_gate gate;
	proa_serve_options o;
	proa_listen_options listen;
	proa_addr addr; /* to listen on; then the bound one */
	bool hands;     /* there is an acceptor; else each lane listens */
	/* The acceptor's. */
	px_thread thread;
	proa_loop *loop;                  /* under the lock; NULL: not there (any more) */
	bool stopping, answered, counted; /* under the lock */
	int rc;
	int64_t noticed; /* under the lock: an error for the notice of loop 0 */
	proa_handle listener;
	proa_op accept, tick, bell, begin;
	proa_socket held; /* through the gate, but every inbox is full */
	unsigned turn;    /* who is asked first, so that equals share */
	unsigned n;
	lane lane[];
};

static service *service_of(px_service *base)
{
	return PX_OF(base, service, base);
}

/* ---- the inboxes; the lock is held ---- */

static void lane_push(lane *l, proa_socket socket)
{
	l->inbox[(l->head + l->n++) % INBOX_MAX] = socket;
}

static proa_socket lane_shift(lane *l)
{
	proa_socket socket = l->inbox[l->head];

	l->head = (l->head + 1) % INBOX_MAX;
	l->n--;
	return socket;
}

/* The lane with the least load and room; stuck ones only if `any`. NULL: there is none. */
static lane *service_pick(service *sv, int64_t now, bool any)
{
	lane *best = NULL;
	size_t least = SIZE_MAX;

	for (unsigned k = 0; k < sv->n; k++) {
		lane *l = &sv->lane[(sv->turn + k) % sv->n];
		size_t load = proa_loop_load(l->m->loop) + l->n;

		if (l->n == INBOX_MAX || load >= least || (!any && px_member_stuck(l->m, now)))
			continue;
		least = load;
		best = l;
	}
	sv->turn = (sv->turn + 1) % sv->n;
	return best;
}

/* ---- the acceptor's thread ---- */

static void on_tick(proa_op *op);

static bool service_hand(service *sv, proa_socket socket)
{
	int64_t now = px_sys_now_ns();
	lane *l;

	px_lock_enter(&sv->lock);
	l = service_pick(sv, now, false);
	if (!l)
		l = service_pick(sv, now, true);
	if (l) {
		lane_push(l, socket);
		atomic_fetch_add_explicit(&sv->group->handed, 1, memory_order_relaxed);
	}
	px_lock_leave(&sv->lock);
	if (l)
		proa_notify(&l->bell);
	if (!proa_in_flight(&sv->tick))
		proa_timer(&sv->listener, &sv->tick, now + TICK_NS, on_tick);
	return l != NULL;
}

static void on_accept(proa_op *op)
{
	service *sv = PX_OF(op, service, accept);
	bool entered;

	if (op->result < 0)
		return; /* the listener closes */
	entered = px_gate_enter(&sv->gate);
	px_assert(entered); /* nobody else does, and full is paused */
	if (!service_hand(sv, op->socket))
		sv->held = op->socket;
	if (sv->held.id || px_gate_full(&sv->gate))
		proa_pause(op);
}

static void acceptor_resume(service *sv)
{
	if (sv->held.id && service_hand(sv, sv->held))
		sv->held.id = 0;
	if (!sv->held.id && !px_gate_full(&sv->gate))
		proa_resume(&sv->accept);
}

static void on_room(proa_op *op)
{
	if (op->result > 0)
		acceptor_resume(PX_OF(op, service, bell));
}

/* Takes away what stuck loops have not picked up, as far as others can have it. True: something is
 * still in an inbox. */
static bool service_rehand(service *sv, int64_t now)
{
	bool pending = false;
	lane *to;

	px_lock_enter(&sv->lock);
	for (unsigned i = 0; i < sv->n; i++) {
		lane *l = &sv->lane[i];

		while (l->n && px_member_stuck(l->m, now) && (to = service_pick(sv, now, false))) {
			lane_push(to, lane_shift(l));
			proa_notify(&to->bell);
		}
		pending |= l->n > 0;
	}
	px_lock_leave(&sv->lock);
	return pending;
}

static void on_tick(proa_op *op)
{
	service *sv = PX_OF(op, service, tick);
	int64_t now = px_sys_now_ns();

	if (op->result < 0)
		return;
	if (service_rehand(sv, now) || sv->held.id)
		proa_timer(&sv->listener, op, now + TICK_NS, on_tick);
	if (sv->held.id)
		acceptor_resume(sv);
}

static void on_begin(proa_op *op)
{
	service *sv = PX_OF(op, service, begin);

	if (op->result >= 0)
		proa_accept_many(&sv->listener, &sv->accept, on_accept);
}

/* User code runs on the group's loops alone: loop 0 tells it. */
static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	service *sv = user;

	(void)loop;
	(void)what;
	px_lock_enter(&sv->lock);
	sv->noticed = error;
	if (sv->lane[0].rings)
		proa_notify(&sv->lane[0].bell);
	px_lock_leave(&sv->lock);
}

static int acceptor_open(service *sv, proa_loop **loop)
{
	proa_loop_options o = sv->group->loop_options;
	int rc;

	o.notice = on_notice;
	o.notice_user = sv;
	o.user = NULL;
	o.workers = NULL;
	if ((rc = proa_loop_open(loop, &o)) < 0)
		return rc;
	proa_handle_init(proa_root(*loop), &sv->listener);
	rc = proa_listen(&sv->listener, &sv->addr, &sv->listen);
	if (rc == 0)
		rc = proa_local_addr(&sv->listener, &sv->addr);
	if (rc == 0)
		proa_doorbell(&sv->listener, &sv->bell, on_room);
	return rc;
}

static bool acceptor_stopping(service *sv)
{
	bool stopping;

	px_lock_enter(&sv->lock);
	stopping = sv->stopping;
	if (stopping)
		sv->loop = NULL; /* from here on nobody rings or stops it */
	px_lock_leave(&sv->lock);
	return stopping;
}

static void acceptor_main(void *arg)
{
	service *sv = arg;
	proa_loop *loop = NULL;
	int rc = acceptor_open(sv, &loop);

	px_lock_enter(&sv->lock);
	sv->rc = rc;
	sv->answered = true;
	sv->loop = rc < 0 ? NULL : loop;
	px_lock_wake_all(&sv->lock);
	px_lock_leave(&sv->lock);
	while (rc >= 0 && !acceptor_stopping(sv))
		proa_run(loop);
	proa_loop_close(&loop, 0);
	if (rc >= 0 && sv->counted)
		px_group_acceptor_done(sv->group);
}

/* Listens, and does not accept yet. */
static int acceptor_start(service *sv)
{
	int rc = px_thread_start(&sv->thread, acceptor_main, sv, "proa-accept");

	if (rc < 0)
		return rc;
	px_lock_enter(&sv->lock);
	while (!sv->answered)
		px_lock_wait(&sv->lock);
	rc = sv->rc;
	px_lock_leave(&sv->lock);
	if (rc < 0)
		px_thread_join(&sv->thread);
	return rc;
}

static void acceptor_begin(service *sv)
{
	px_lock_enter(&sv->lock);
	if (sv->loop)
		proa_post(sv->loop, &sv->begin, on_begin);
	px_lock_leave(&sv->lock);
}

/* ---- on the group's loops ---- */

static bool lane_pop(lane *l, proa_socket *socket)
{
	service *sv = l->sv;
	bool some;

	px_lock_enter(&sv->lock);
	some = l->n > 0;
	if (some)
		*socket = lane_shift(l);
	px_lock_leave(&sv->lock);
	return some;
}

static void lane_notice(lane *l)
{
	px_core *core = px_core_of(l->m->loop);

	px_lock_enter(&l->sv->lock);
	if (l->sv->noticed) {
		core->noticed = l->sv->noticed;
		core->noticed_what = "accept";
		l->sv->noticed = 0;
	}
	px_lock_leave(&l->sv->lock);
}

static void on_lane_bell(proa_op *op)
{
	lane *l = PX_OF(op, lane, bell);
	service *sv = l->sv;
	proa_socket socket;

	if (op->result < 0)
		return; /* the loop ends */
	if (l == &sv->lane[0])
		lane_notice(l);
	if (!sv->hands)
		px_server_resume(&l->server);
	while (lane_pop(l, &socket)) {
		px_server_take(&l->server, socket);
		atomic_fetch_sub_explicit(&sv->group->handed, 1, memory_order_release);
	}
}

static int lane_open(lane *l)
{
	service *sv = l->sv;
	proa_handle *root = proa_root(l->m->loop);
	int rc = l->drained ? -PROA_ECANCELED : px_server_open(root, &l->server, &sv->o, &sv->gate);

	if (rc < 0)
		return rc;
	if (!sv->hands) {
		rc = px_server_listen(&l->server, &sv->addr, &sv->listen);
		if (rc < 0) {
			px_server_unopen(&l->server);
			return rc;
		}
		if (l == sv->lane) /* the others listen on the port that this one was given */
			rc = proa_local_addr(px_handle_pub(&l->server.listener), &sv->addr);
	}
	l->bell.want = PROA_BACKGROUND;
	proa_doorbell(root, &l->bell, on_lane_bell);
	px_lock_enter(&sv->lock);
	l->rings = true;
	px_lock_leave(&sv->lock);
	return rc;
}

static int lane_close(lane *l)
{
	if (l->server.h.state != PX_H_FREE)
		px_handle_close(&l->server.h, NULL);
	return 0;
}

typedef struct lane_call {
	proa_op op;
	lane *l;
	int (*fn)(lane *);
	int rc;
	bool done;
} lane_call;

static void on_lane_call(proa_op *op)
{
	lane_call *c = PX_OF(op, lane_call, op);
	service *sv = c->l->sv;

	c->rc = op->result < 0 ? (int)op->result : c->fn(c->l);
	px_lock_enter(&sv->lock);
	c->done = true; /* the caller's stack: gone when the lock is left */
	px_lock_wake_all(&sv->lock);
	px_lock_leave(&sv->lock);
}

/* Calls fn on the lane's loop, and waits for it. */
static int lane_do(lane *l, int (*fn)(lane *))
{
	lane_call c = {.l = l, .fn = fn};

	proa_post(l->m->loop, &c.op, on_lane_call);
	px_lock_enter(&l->sv->lock);
	while (!c.done)
		px_lock_wait(&l->sv->lock);
	px_lock_leave(&l->sv->lock);
	return c.rc;
}

/* ---- what the group asks of it ---- */

static void service_stop(px_service *base)
{
	service *sv = service_of(base);

	px_lock_enter(&sv->lock);
	sv->stopping = true;
	if (sv->loop)
		proa_stop(sv->loop);
	px_lock_leave(&sv->lock);
}

static void service_drain(px_service *base, unsigned i)
{
	service *sv = service_of(base);
	lane *l = &sv->lane[i];

	l->drained = true;
	if (!sv->hands) { /* only other loops ring it now, which may outlive it; handed sockets ring
		             until the acceptor is done */
		px_lock_enter(&sv->lock);
		l->rings = false;
		px_lock_leave(&sv->lock);
	}
	if (l->server.h.state != PX_H_FREE)
		px_server_drain(&l->server);
}

static size_t service_bytes(unsigned n)
{
	return sizeof(service) + n * sizeof(lane);
}

static void service_free(service *sv)
{
	px_lock_destroy(&sv->lock);
	px_group_free(sv->group, sv, service_bytes(sv->n));
}

static void service_end(px_service *base)
{
	service *sv = service_of(base);

	if (sv->hands)
		px_thread_join(&sv->thread);
	for (unsigned i = 0; i < sv->n; i++)
		while (sv->lane[i].n)
			proa_socket_close(lane_shift(&sv->lane[i]));
	proa_socket_close(sv->held);
	service_free(sv);
}

/* On the thread of the connection that went. */
static void service_freed(px_gate *gate)
{
	service *sv = PX_OF(gate, service, gate);

	px_lock_enter(&sv->lock);
	if (sv->loop)
		proa_notify(&sv->bell);
	for (unsigned i = 0; i < sv->n && !sv->hands; i++)
		if (sv->lane[i].rings)
			proa_notify(&sv->lane[i].bell);
	px_lock_leave(&sv->lock);
}

/* ---- serve ---- */

static service *service_new(proa_group *g, const proa_addr *addr, const proa_serve_options *o)
{
	unsigned n = proa_group_size(g);
	service *sv = px_group_alloc(g, service_bytes(n));

	if (!sv)
		return NULL;
	sv->base.stop = service_stop;
	sv->base.drain = service_drain;
	sv->base.end = service_end;
	sv->group = g;
	px_lock_init(&sv->lock);
	sv->gate.max = o->conn_max;
	sv->gate.freed = service_freed;
	sv->o = *o;
	if (o->listen)
		sv->listen = *o->listen;
	sv->addr = *addr;
	sv->n = n;
	sv->hands = n > 1 && !sv->listen.reuseport;
	for (unsigned i = 0; i < n; i++) {
		sv->lane[i].sv = sv;
		sv->lane[i].m = &g->member[i];
	}
	return sv;
}

/* The group may begin to stop at any point: then it is the group's to end what is there. */
static int service_start(service *sv)
{
	int rc = sv->hands ? acceptor_start(sv) : 0;

	if (rc < 0) {
		service_free(sv);
		return rc;
	}
	sv->counted = sv->hands; /* before it can be stopped */
	if (!px_group_add(sv->group, &sv->base, sv->hands)) {
		sv->counted = false;
		service_stop(&sv->base);
		service_end(&sv->base);
		return -PROA_ECANCELED;
	}
	for (unsigned i = 0; i < sv->n && rc == 0; i++)
		rc = lane_do(&sv->lane[i], lane_open);
	if (rc == 0 && sv->hands)
		acceptor_begin(sv);
	if (rc < 0) {
		service_stop(&sv->base);
		for (unsigned i = 0; i < sv->n; i++)
			lane_do(&sv->lane[i], lane_close);
	}
	return rc;
}

int proa_group_serve(proa_group *g, const char *text, const proa_serve_options *o, proa_addr *bound)
{
	proa_addr addr;
	service *sv;
	int rc = proa_addr_parse(&addr, text, 0);

	if (rc < 0)
		return rc;
	if (!o || (o->size && o->size != sizeof *o) || o->conn_bytes < sizeof(proa_handle) ||
	    !o->start)
		return -PROA_EINVAL;
	if (!px_group_call_enter(g))
		return -PROA_ECANCELED;
	if (!(sv = service_new(g, &addr, o)))
		rc = -PROA_ENOMEM;
	else if ((rc = service_start(sv)) == 0 && bound)
		*bound = sv->addr;
	px_group_call_leave(g);
	return rc;
}
