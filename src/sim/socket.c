/* Simulated sockets as descriptors: opened, bound, listening, closed. */
/* SPDX-License-Identifier: MIT */
#include "sim/calls.h"

#include <limits.h>
#include <string.h>

enum { FD_FIRST = 3, PORT_FIRST = 32768, PORT_LAST = 60999, BACKLOG = 4096, DGRAM_MAX = 212992 };

/* ---- descriptors: one table for all nodes, so that a number says whose it is ---- */

static int fds_room(px_world *w)
{
	unsigned max = w->fds_max ? 2 * w->fds_max : 64;
	px_simfd *fds = px_zalloc_array(&w->alloc, max, sizeof *fds);

	if (!fds)
		return -PROA_ENOMEM;
	if (w->fds_max)
		memcpy(fds, w->fds, w->fds_max * sizeof *fds);
	px_free(&w->alloc, w->fds, w->fds_max * sizeof *fds);
	w->fds = fds;
	w->fds_from = w->fds_max ? w->fds_max : FD_FIRST;
	w->fds_max = max;
	return 0;
}

static int64_t want_of(px_world *w)
{
	static const int64_t errors[] = {-PROA_EMFILE, -PROA_ENFILE, -PROA_ENOBUFS, -PROA_ENOMEM};

	return errors[px_rng_below(&w->rng, PX_COUNT(errors))];
}

int64_t px_sim_fd_new(px_simnode *node, px_simsock *s, int file, px_kind kind, int32_t *sys_error)
{
	px_world *w = node->world;
	int64_t error = 0;
	unsigned fd;

	if (node->files >= node->files_max)
		error = -PROA_EMFILE;
	else if (px_sim_fault(w, PROA_FAULT_EXHAUSTED, kind))
		error = want_of(w);
	while (!error && w->fds_from < w->fds_max && w->fds[w->fds_from].node)
		w->fds_from++;
	if (!error && w->fds_from >= w->fds_max)
		error = fds_room(w);
	if (error) {
		*sys_error = (int32_t)-error;
		return error;
	}
	fd = w->fds_from++;
	w->fds[fd] = (px_simfd){.node = node,
	                        .sock = s,
	                        .file = file,
	                        .birth = (w->fds[fd].birth + 1) % PX_SOCKET_BIRTHS};
	node->files++;
	return fd;
}

void px_sim_fd_free(px_world *w, int fd)
{
	px_simfd *f = &w->fds[fd];

	f->node->files--;
	*f = (px_simfd){.birth = f->birth};
	w->fds_from = PX_MIN(w->fds_from, (unsigned)fd);
}

px_simsock *px_sim_sock(px_world *w, int fd)
{
	return fd >= 0 && (unsigned)fd < w->fds_max ? w->fds[fd].sock : NULL;
}

/* The socket behind a descriptor of the node that runs. */
static px_simsock *sock_here(int fd)
{
	px_simsock *s = px_sim_sock(px_sim_here()->world, fd);

	if (!s)
		PX_PANIC("a simulated socket was used that is not open");
	return s;
}

/* ---- being there ---- */

static void side_init(px_simsock *s, int dir)
{
	s->side[dir].sock = s;
}

px_simsock *px_sim_sock_new(px_simnode *node, unsigned type, proa_kind kind)
{
	px_simsock *s = px_slab_zalloc(&node->world->slab_sock);

	if (!s)
		return NULL;
	s->type = (uint8_t)type;
	s->kind = kind;
	s->node = node;
	s->fd = -1;
	s->rx_max = DGRAM_MAX;
	side_init(s, PX_DIR_IN);
	side_init(s, PX_DIR_OUT);
	px_list_init(&s->backlog);
	px_sim_sides_init(s);
	return s;
}

void px_sim_sock_free(px_simsock *s)
{
	px_world *w = s->node->world;

	px_assert(!s->side[PX_DIR_IN].op && !s->side[PX_DIR_OUT].op);
	for (int dir = PX_DIR_IN; dir <= PX_DIR_OUT; dir++) {
		px_sim_unschedule(w, &s->side[dir].poke);
		px_sim_unschedule(w, &s->side[dir].ask);
	}
	px_sim_unschedule(w, &s->arrival);
	px_sim_segs_free(w, &s->rx);
	px_sim_segs_free(w, &s->tx);
	if (px_node_linked(&s->all))
		px_list_remove(&s->all);
	px_slab_free(&w->slab_sock, s);
}

int64_t px_sim_sock_fd(px_simsock *s, px_kind kind, int32_t *sys_error)
{
	int64_t fd = px_sim_fd_new(s->node, s, -1, kind, sys_error);

	if (fd < 0)
		return fd;
	s->fd = (int)fd;
	px_list_push_back(&s->node->socks, &s->link);
	return fd;
}

static int64_t sock_open(unsigned type, proa_kind kind, int32_t *sys_error)
{
	px_simsock *s = px_sim_sock_new(px_sim_here(), type, kind);
	int64_t fd;

	if (!s)
		return -PROA_ENOMEM;
	fd = px_sim_sock_fd(s, PX_CONNECT, sys_error);
	if (fd < 0)
		px_sim_sock_free(s);
	return fd;
}

int64_t px_simsys_sock_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	proa_kind kind = px_sock_kind(addr);

	PX_UNUSED(nonblock);
	if (kind == PROA_NONE || kind == PROA_PIPE)
		return -PROA_EAFNOSUPPORT;
	return sock_open(PX_SIM_STREAM, kind, sys_error);
}

int64_t px_simsys_udp_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	PX_UNUSED(addr);
	PX_UNUSED(nonblock);
	return sock_open(PX_SIM_DGRAM, PROA_UDP, sys_error);
}

/* ---- being gone ---- */

static void sock_let_go(px_simsock *s)
{
	px_list_remove(&s->link);
	px_sim_fd_free(s->node->world, s->fd);
	s->fd = -1;
}

static void listener_close(px_simsock *s)
{
	px_simsock *waiting;

	while ((waiting = px_sim_backlog_pop(s)))
		px_sim_stream_closed(waiting, true);
	px_sim_sock_free(s);
}

static void sock_close(px_simsock *s, bool reset)
{
	sock_let_go(s);
	if (s->type == PX_SIM_LISTENER)
		listener_close(s);
	else if (s->type == PX_SIM_DGRAM)
		px_sim_sock_free(s);
	else
		px_sim_stream_closed(s, reset);
}

void px_simsys_sock_close(int fd, bool reset)
{
	sock_close(sock_here(fd), reset);
}

/* From anywhere: proa_socket_close names no loop. */
void px_simsys_socket_close(proa_socket socket)
{
	px_world *w = px_sim_world(px_socket_world(socket));
	px_simsock *s = w ? px_sim_sock(w, px_socket_fd(socket)) : NULL;

	if (!s || w->fds[s->fd].birth != px_socket_birth(socket))
		PX_PANIC("a simulated socket was closed that is not open");
	sock_close(s, false);
}

void px_simsys_socket_adopted(proa_socket socket)
{
	px_simnode *node = px_sim_here();
	const px_simsock *s = px_sim_sock(node->world, px_socket_fd(socket));

	if (px_socket_world(socket) != node->world->number || !s || s->node != node ||
	    node->world->fds[s->fd].birth != px_socket_birth(socket))
		PX_PANIC("a simulated socket was adopted that is not open on this node");
}

static void side_drop(px_simsock *s, int dir)
{
	s->side[dir].op = NULL; /* its memory is its program's, or nobody's */
	s->side[dir].late = false;
}

void px_sim_sock_drop(px_simsock *s, proa_kill how)
{
	px_simsock *waiting;

	side_drop(s, PX_DIR_IN);
	side_drop(s, PX_DIR_OUT);
	while (how == PROA_KILL_POWER && s->type == PX_SIM_LISTENER &&
	       (waiting = px_sim_backlog_pop(s)))
		px_sim_stream_dark(waiting);
	if (how == PROA_KILL_POWER && s->type == PX_SIM_STREAM) {
		sock_let_go(s);
		px_sim_stream_dark(s);
	} else {
		sock_close(s, false);
	}
}

/* ---- addresses ---- */

static bool path_same(const proa_addr *a, const proa_addr *b)
{
	return a->family == b->family && a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* Whether a socket bound to `own` is at `addr`. */
static bool addr_takes(const px_simsock *s, const proa_addr *addr)
{
	px_simhost own = px_sim_host(&s->local), host = px_sim_host(addr);

	if (!own.len || !host.len)
		return path_same(&s->local, addr);
	if (px_addr_port(&s->local) != px_addr_port(addr))
		return false;
	if (px_sim_host_any(&own))
		return own.len == host.len || (own.len == 16 && !s->v6only);
	return px_sim_host_same(&own, &host);
}

static bool addr_clashes(const px_simsock *s, const proa_addr *addr, bool v6only)
{
	px_simsock other = {.local = *addr, .v6only = v6only};

	return addr_takes(s, addr) || addr_takes(&other, &s->local);
}

/* Datagram sockets connected to somebody are there for him alone. */
static bool sock_hears(const px_simsock *s, const proa_addr *from)
{
	px_simhost a, b;

	if (!s->connected || !from)
		return !s->connected || s->type != PX_SIM_DGRAM;
	a = px_sim_host(&s->remote);
	b = px_sim_host(from);
	return px_sim_host_same(&a, &b) && px_addr_port(&s->remote) == px_addr_port(from);
}

px_simsock *px_sim_sock_find(px_simnode *node, unsigned type, const proa_addr *addr,
                             const proa_addr *from)
{
	px_simsock *found = NULL;
	unsigned least = UINT_MAX;

	for (px_node *n = px_list_first(&node->socks); n; n = px_list_next(&node->socks, n)) {
		px_simsock *s = PX_OF(n, px_simsock, link);

		if (s->type != type || !s->bound || !addr_takes(s, addr) || !sock_hears(s, from))
			continue;
		if (s->connected && type == PX_SIM_DGRAM)
			return s;
		if (s->turn < least) { /* reuseport: each in its turn */
			least = s->turn;
			found = s;
		}
	}
	if (found)
		found->turn++;
	return found;
}

static bool port_taken(px_simnode *node, unsigned type, const proa_addr *addr, bool v6only,
                       bool share)
{
	for (px_node *n = px_list_first(&node->socks); n; n = px_list_next(&node->socks, n)) {
		const px_simsock *s = PX_OF(n, px_simsock, link);

		if (s->bound && (s->type == PX_SIM_DGRAM) == (type == PX_SIM_DGRAM) &&
		    s->type != PX_SIM_STREAM && addr_clashes(s, addr, v6only) &&
		    !(share && s->reuseport))
			return true;
	}
	return false;
}

static bool port_choose(px_simsock *s, bool v6only)
{
	px_simnode *node = s->node;

	for (unsigned i = PORT_FIRST; i <= PORT_LAST; i++) {
		px_addr_set_port(&s->local, node->next_port);
		node->next_port = node->next_port == PORT_LAST ? PORT_FIRST
		                                               : (uint16_t)(node->next_port + 1);
		if (!port_taken(node, s->type, &s->local, v6only, false))
			return true;
	}
	return false;
}

static int sock_bind(px_simsock *s, const proa_addr *addr, bool v6only, bool share)
{
	px_simhost host = px_sim_host(addr);

	if (host.len && !px_sim_host_any(&host) && !px_sim_node_has(s->node, &host))
		return -PROA_EADDRNOTAVAIL;
	s->local = *addr;
	s->v6only = v6only;
	s->reuseport = share;
	if (host.len && !px_addr_port(addr)) {
		if (!port_choose(s, v6only))
			return -PROA_EADDRINUSE;
	} else if (port_taken(s->node, s->type, addr, v6only, share)) {
		return -PROA_EADDRINUSE;
	}
	s->bound = true;
	return 0;
}

/* What it sends from, towards `remote`, without a port; false: it has no such address. */
static bool source_find(const px_simsock *s, const proa_addr *remote, proa_addr *out)
{
	px_simhost to = px_sim_host(remote);

	*out = *remote;
	if (!to.len || px_sim_host_loopback(&to)) /* the same */
		return true;
	for (unsigned i = 0; i < s->node->n_addrs; i++) {
		px_simhost own = px_sim_host(&s->node->addr[i]);

		*out = s->node->addr[i];
		if (own.len == to.len)
			return true;
	}
	return false;
}

int px_sim_bind_any(px_simsock *s, const proa_addr *remote)
{
	if (s->bound)
		return 0;
	if (!source_find(s, remote, &s->local))
		return -PROA_ENETUNREACH;
	if (px_sim_host(remote).len && !port_choose(s, true))
		return -PROA_EADDRNOTAVAIL;
	s->bound = true;
	return 0;
}

bool px_sim_sock_source(const px_simsock *s, const proa_addr *remote, proa_addr *out)
{
	px_simhost own = px_sim_host(&s->local);

	*out = s->local;
	if (!px_sim_host_any(&own))
		return true;
	if (!source_find(s, remote, out))
		return false;
	px_addr_set_port(out, px_addr_port(&s->local));
	return true;
}

int px_simsys_sock_listen(int fd, const proa_addr *addr, const proa_listen_options *options,
                          int32_t *sys_error)
{
	px_simsock *s = sock_here(fd);
	int rc;

	s->type = PX_SIM_LISTENER;
	rc = sock_bind(s, addr, options->v6only, options->reuseport);
	*sys_error = -rc;
	s->backlog_max = options->backlog > 0 ? (unsigned)options->backlog : BACKLOG;
	return rc;
}

int px_simsys_udp_bind(int fd, const proa_addr *addr, const proa_udp_options *options,
                       int32_t *sys_error)
{
	px_simsock *s = sock_here(fd);
	int rc = options->info || options->shared
	                 ? -PROA_ENOTSUP
	                 : sock_bind(s, addr, options->v6only, options->reuseport);

	*sys_error = -rc;
	s->broadcast = options->broadcast;
	if (options->recv_bytes > 0)
		s->rx_max = (size_t)options->recv_bytes;
	return rc;
}

int px_simsys_udp_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	px_simsock *s = sock_here(fd);
	int rc = px_sim_bind_any(s, addr);

	*sys_error = -rc;
	if (rc == 0) {
		s->remote = *addr;
		s->connected = true;
	}
	return rc;
}

/* A simulated network has no groups, no interfaces and no routers that count a datagram's hops. */
int px_simsys_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                       bool join)
{
	PX_UNUSED(fd);
	PX_UNUSED(group);
	PX_UNUSED(source);
	PX_UNUSED(if_index);
	PX_UNUSED(join);
	return -PROA_ENOTSUP;
}

int px_simsys_udp_set(int fd, proa_udp_option option, int value)
{
	PX_UNUSED(fd);
	PX_UNUSED(option);
	PX_UNUSED(value);
	return -PROA_ENOTSUP;
}

uint32_t px_simsys_if_index(const char *name)
{
	PX_UNUSED(name);
	return 0;
}

/* A handle that is not open: what is asked of a socket is refused, as a kernel would. */
enum { NO_SOCKET = -PROA_ENOTCONN };

int px_simsys_sock_local(int fd, proa_addr *addr)
{
	if (fd < 0)
		return NO_SOCKET;
	*addr = sock_here(fd)->local;
	return 0;
}

int px_simsys_sock_peer(int fd, proa_addr *addr)
{
	const px_simsock *s = fd < 0 ? NULL : sock_here(fd);

	if (!s || !s->connected)
		return NO_SOCKET;
	*addr = s->remote;
	return 0;
}

/* ---- options ---- */

int px_simsys_sock_flag(int fd, bool on)
{
	PX_UNUSED(on); /* nothing is held back, and nothing blocks */
	return fd < 0 || !sock_here(fd) ? NO_SOCKET : 0;
}

int px_simsys_sock_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	PX_UNUSED(idle_s);
	PX_UNUSED(interval_s);
	PX_UNUSED(probes); /* docs/SIMULATION.md: no probes are sent */
	return fd < 0 || !sock_here(fd) ? NO_SOCKET : 0;
}

int px_simsys_sock_buffers(int fd, int recv_bytes, int send_bytes)
{
	px_simsock *s = fd < 0 ? NULL : sock_here(fd);

	PX_UNUSED(send_bytes);
	if (!s)
		return NO_SOCKET;
	if (recv_bytes > 0)
		s->rx_max = (size_t)recv_bytes;
	return 0;
}
