/* The system that a node's code is on: what sys.h's calls become inside a world. */
/* SPDX-License-Identifier: MIT */
#include "sim/calls.h"
#include "sim/sim.h"

#include <string.h>

/* ---- where the calling thread is ---- */

static _Thread_local px_simnode *at;

px_simnode *px_sim_here(void)
{
	return at;
}

void px_sim_enter(px_simnode *node)
{
	at = node;
	px_system_enter(&px_sim_system);
}

void px_sim_leave(px_simnode *node)
{
	at = node;
	px_system_enter(node ? &px_sim_system : NULL);
	px_system_leave();
}

px_simvisit px_sim_visit(px_simnode *node)
{
	px_simvisit from = {.at = at, .here = px_here};

	px_sim_enter(node);
	return from;
}

void px_sim_return(px_simvisit from)
{
	at = from.at;
	px_here = from.here;
}

/* ---- the thread's worlds ---- */

static _Thread_local px_world *worlds;

px_world *px_sim_world(unsigned number)
{
	px_world *w = worlds;

	while (w && w->number != number)
		w = w->next;
	return w;
}

void px_sim_world_begins(px_world *w)
{
	w->number = 1;
	while (px_sim_world(
		w->number)) /* the lowest that is free: a seed sees the same each time */
		w->number++;
	px_assert(w->number < PX_SOCKET_WORLDS);
	w->next = worlds;
	worlds = w;
}

void px_sim_world_ends(px_world *w)
{
	px_world **link = &worlds;

	while (*link && *link != w)
		link = &(*link)->next;
	px_assert(*link);
	*link = w->next;
}

static px_simnode *here(void)
{
	if (!at)
		PX_PANIC("a simulated system was called from outside of its nodes");
	return at;
}

static void *here_place(void)
{
	return here();
}

static const void *thread_identity(const px_world *w)
{
	return w->running ? w->running->identity : &w->outer;
}

static const void *here_thread(void)
{
	return thread_identity(here()->world);
}

static const void *come(void *place)
{
	px_simnode *node = place;

	if (node->world->running && node != at)
		PX_PANIC("a simulated node used what belongs to another one");
	at = node;
	if (!node->world->running) /* what is done from outside, its loops are to see */
		px_sim_loops_look(node);
	return thread_identity(node->world);
}

/* ---- time ---- */

static int64_t here_now(void)
{
	return px_sim_node_now(here());
}

static int64_t here_wall(void)
{
	return here_now() + here()->wall_ns;
}

static int64_t clock_at(const void *place)
{
	return px_sim_node_now(place);
}

static int64_t wall_at(const void *place)
{
	const px_simnode *node = place;

	return px_sim_node_now(node) + node->wall_ns;
}

static void here_yield(void)
{
	px_world *w = here()->world;

	px_sim_wait(w, w->now_ns);
}

static unsigned here_cpus(void)
{
	return here()->cpus;
}

static const volatile unsigned char *fork_mark(void)
{
	static const volatile unsigned char never = 1; /* a fork inside of a world is not seen */

	return &never;
}

static void fork_unmark(const volatile unsigned char *mark)
{
	PX_UNUSED(mark);
}

/* ---- locks: nobody runs beside us, so they are about waiting only ---- */

typedef struct __attribute__((may_alias)) simlock {
	px_simthread *owner;
	px_list waiting, entering; /* of threads, by `waits` */
	px_world *world;
} simlock;
_Static_assert(sizeof(simlock) <= offsetof(px_lock, system), "px_lock is large enough");

static simlock *lock_of(px_lock *l)
{
	return (simlock *)(void *)l;
}

static px_simthread *self(px_world *w)
{
	return w->running ? w->running : &w->outer;
}

static void lock_init(px_lock *lock)
{
	simlock *l = lock_of(lock);

	memset(l, 0, sizeof *l);
	px_list_init(&l->waiting);
	px_list_init(&l->entering);
	l->world = here()->world;
}

static void lock_destroy(px_lock *lock)
{
	px_assert(!lock_of(lock)->owner && px_list_empty(&lock_of(lock)->waiting));
}

static void lock_enter(px_lock *lock)
{
	simlock *l = lock_of(lock);
	px_simthread *t = self(l->world);

	px_assert(l->owner != t);
	while (l->owner) {
		px_list_push_back(&l->entering, &t->waits);
		px_sim_wait(l->world, INT64_MAX);
	}
	l->owner = t;
}

static void list_wake(px_world *w, px_list *list, bool all)
{
	px_node *node;

	while ((node = px_list_pop_front(list))) {
		px_sim_ready(w, PX_OF(node, px_simthread, waits));
		if (!all)
			break;
	}
}

static void lock_leave(px_lock *lock)
{
	simlock *l = lock_of(lock);

	px_assert(l->owner == self(l->world));
	l->owner = NULL;
	list_wake(l->world, &l->entering, false);
}

static bool lock_wait_until(px_lock *lock, int64_t deadline_ns)
{
	simlock *l = lock_of(lock);
	px_simthread *t = self(l->world);
	int64_t until = deadline_ns;
	bool in_time;

	if (deadline_ns != INT64_MAX)
		until = px_sim_node_when(here(), deadline_ns);
	px_list_push_back(&l->waiting, &t->waits);
	lock_leave(lock);
	in_time = px_sim_wait(l->world, until);
	if (px_node_linked(&t->waits))
		px_list_remove(&t->waits);
	lock_enter(lock);
	return in_time;
}

static void lock_wait(px_lock *lock)
{
	lock_wait_until(lock, INT64_MAX);
}

static void lock_wake_one(px_lock *lock)
{
	list_wake(lock_of(lock)->world, &lock_of(lock)->waiting, false);
}

static void lock_wake_all(px_lock *lock)
{
	list_wake(lock_of(lock)->world, &lock_of(lock)->waiting, true);
}

/* ---- threads ---- */

typedef struct __attribute__((may_alias)) simhandle {
	px_simthread *thread;
	px_world *world;
} simhandle;
_Static_assert(sizeof(simhandle) <= offsetof(px_thread, system), "px_thread is large enough");

static int thread_start(px_thread *thread, void (*fn)(void *), void *arg, const char *name)
{
	simhandle *h = (simhandle *)(void *)thread;
	px_simnode *node = here();

	PX_UNUSED(name);
	h->world = node->world;
	if (px_sim_fault(node->world, PROA_FAULT_EXHAUSTED, PX_WORK))
		return -PROA_ENOMEM;
	if (px_sim_thread_new(node->world, node, fn, arg, &h->thread) < 0)
		return -PROA_ENOMEM;
	h->thread->joinable = true;
	return 0;
}

static void thread_join(px_thread *thread)
{
	simhandle *h = (simhandle *)(void *)thread;

	px_sim_join(h->world, h->thread);
}

/* ---- signals ---- */

static int signal_watch(int signo, void (*ring)(void *), void *arg)
{
	px_simnode *node = here();

	if (signo <= 0 || signo > 64 || signo == 9 || signo == 19)
		return -PROA_EINVAL;
	for (unsigned i = 0; i < PX_SIM_SIGNALS; i++) {
		if (node->signals[i].signo)
			continue;
		node->signals[i].signo = signo;
		node->signals[i].ring = ring;
		node->signals[i].arg = arg;
		return (int)i;
	}
	return -PROA_EBUSY;
}

static void signal_unwatch(int slot)
{
	here()->signals[slot].signo = 0;
}

/* ---- names ---- */

static const px_simname *zone_find(const px_world *w, const char *name)
{
	for (px_node *n = px_list_first(&w->zone); n; n = px_list_next(&w->zone, n)) {
		const px_simname *entry = PX_OF(n, px_simname, link);

		if (!strcmp(entry->name, name))
			return entry;
	}
	return NULL;
}

static int64_t service_port(const char *service)
{
	int64_t port = 0;

	if (service && !strcmp(service, "http"))
		return 80;
	if (service && !strcmp(service, "https"))
		return 443;
	for (; service && *service; service++) {
		if (*service < '0' || *service > '9' || port > UINT16_MAX)
			return -PROA_EINVAL;
		port = 10 * port + (*service - '0');
	}
	return port > UINT16_MAX ? -PROA_EINVAL : port;
}

static unsigned addrs_pick(const proa_addr *from, unsigned n, uint32_t family, uint16_t port,
                           proa_addr *out, unsigned max)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n && found < max; i++) {
		if (family && from[i].family != family)
			continue;
		out[found] = from[i];
		px_addr_set_port(&out[found++], port);
	}
	return found;
}

/* Which no zone needs to have. */
static int64_t localhost(uint32_t family, uint16_t port, proa_addr *out, unsigned max)
{
	proa_addr own[2];
	unsigned n;

	px_addr_parse(&own[0], "127.0.0.1", 0);
	px_addr_parse(&own[1], "::1", 0);
	n = addrs_pick(own, 2, family, port, out, max);
	return n ? (int64_t)n : -PROA_ENONAME;
}

/* A question to a server takes its time, or for ever: 0, or the error that it is answered with. */
static int64_t question_asked(void)
{
	px_world *w = here()->world;

	px_sim_wait(w, w->now_ns + px_sim_between(w, 1, 20) * PROA_MSEC);
	if (px_sim_fault(w, PROA_FAULT_LATE, PX_RESOLVE))
		px_sim_wait(w, w->now_ns + px_sim_between(w, 0, px_sim_late_max(w)));
	if (px_sim_fault(w, PROA_FAULT_HANG, PX_RESOLVE))
		px_sim_wait(w, w->now_ns + 60 * PROA_SEC);
	return px_sim_fault(w, PROA_FAULT_ERROR_BEFORE, PX_RESOLVE) ? -PROA_ENAMETEMP : 0;
}

static int64_t lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                      unsigned max, int32_t *sys_error)
{
	px_world *w = here()->world;
	const px_simname *entry;
	int64_t port = service_port(service), rc;
	proa_addr literal;
	unsigned n;

	*sys_error = 0;
	if ((rc = question_asked()) < 0)
		return rc;
	if (port < 0)
		return port;
	if (px_addr_parse(&literal, name, 0) == 0) {
		n = addrs_pick(&literal, 1, family, (uint16_t)port, out, max);
		return n ? (int64_t)n : -PROA_ENONAME;
	}
	entry = zone_find(w, name);
	if (!entry && !strcmp(name, "localhost"))
		return localhost(family, (uint16_t)port, out, max);
	n = entry ? addrs_pick(entry->addr, entry->n, family, (uint16_t)port, out, max) : 0;
	return n ? (int64_t)n : -PROA_ENONAME;
}

/* The first name in the zone that has it. */
static int64_t reverse(const proa_addr *addr, char *out, size_t size, int32_t *sys_error)
{
	px_world *w = here()->world;
	px_simhost host = px_sim_host(addr);
	int64_t rc = question_asked();

	*sys_error = 0;
	for (px_node *n = px_list_first(&w->zone); n && rc == 0; n = px_list_next(&w->zone, n)) {
		const px_simname *entry = PX_OF(n, px_simname, link);
		size_t len = strlen(entry->name);

		for (unsigned i = 0; i < entry->n && rc == 0; i++) {
			px_simhost h = px_sim_host(&entry->addr[i]);

			if (h.len != host.len || memcmp(h.bytes, host.bytes, h.len) || len >= size)
				continue;
			memcpy(out, entry->name, len + 1);
			rc = (int64_t)len;
		}
	}
	return rc ? rc : -PROA_ENONAME;
}

/* ---- sockets, files: socket.c, file.c ---- */

const px_system px_sim_system = {
	.now_ns = here_now,
	.yield = here_yield,
	.cpus = here_cpus,
	.lock_init = lock_init,
	.lock_destroy = lock_destroy,
	.lock_enter = lock_enter,
	.lock_leave = lock_leave,
	.lock_wait = lock_wait,
	.lock_wait_until = lock_wait_until,
	.lock_wake_one = lock_wake_one,
	.lock_wake_all = lock_wake_all,
	.thread_start = thread_start,
	.thread_join = thread_join,
	.fork_mark = fork_mark,
	.fork_unmark = fork_unmark,
	.sock_open = px_simsys_sock_open,
	.sock_listen = px_simsys_sock_listen,
	.sock_close = px_simsys_sock_close,
	.socket_close = px_simsys_socket_close,
	.socket_adopted = px_simsys_socket_adopted,
	.sock_set_nonblock = px_simsys_sock_flag,
	.sock_set_nodelay = px_simsys_sock_flag,
	.sock_set_keepalive = px_simsys_sock_keepalive,
	.sock_set_buffers = px_simsys_sock_buffers,
	.sock_local = px_simsys_sock_local,
	.sock_peer = px_simsys_sock_peer,
	.udp_open = px_simsys_udp_open,
	.udp_bind = px_simsys_udp_bind,
	.udp_connect = px_simsys_udp_connect,
	.udp_join = px_simsys_udp_join,
	.udp_set = px_simsys_udp_set,
	.if_index = px_simsys_if_index,
	.lookup = lookup,
	.reverse = reverse,
	.file_open = px_simsys_file_open,
	.file_stat = px_simsys_file_stat,
	.file_read = px_simsys_file_read,
	.file_write = px_simsys_file_write,
	.file_sync = px_simsys_file_sync,
	.file_call = px_simsys_file_call,
	.dir_read = px_simsys_dir_read,
	.file_close = px_simsys_file_close,
	.signal_watch = signal_watch,
	.signal_unwatch = signal_unwatch,
	.wall_ns = here_wall,
	.thread = here_thread,
	.come = come,
	.clock = clock_at,
	.wall = wall_at,
	.allocator = px_simsys_allocator,
	.place = here_place,
	.backend = &px_backend_sim,
};
