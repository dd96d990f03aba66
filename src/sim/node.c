/* Nodes: simulated machines, their addresses, clocks, and the links between them. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs.h"
#include "sim/sim.h"

#include <string.h>

enum { MILLION = 1000000, CPUS = 2, FILES = 1024, PORT_FIRST = 32768 };
#define LATENCY_NS  (100 * PROA_USEC)
#define LOOPBACK_NS (10 * PROA_USEC)
/* Some day in 2024: the wall clock of every node when the world begins. */
#define WALL_NS     (INT64_C(1718000000) * PROA_SEC)
/* And its monotonic clock: a machine has been up for a while. */
#define UP_NS       (1000 * PROA_SEC)

/* ---- addresses ---- */

px_simhost px_sim_host(const proa_addr *addr)
{
	px_simhost h = {.len = 0};

	h.len = (uint32_t)px_addr_host(addr, h.bytes);
	return h;
}

bool px_sim_host_any(const px_simhost *h)
{
	static const unsigned char zero[16];

	return h->len && !memcmp(h->bytes, zero, h->len);
}

bool px_sim_host_loopback(const px_simhost *h)
{
	static const unsigned char one[16] = {[15] = 1};

	return (h->len == 4 && h->bytes[0] == 127) ||
	       (h->len == 16 && !memcmp(h->bytes, one, sizeof one));
}

bool px_sim_host_same(const px_simhost *a, const px_simhost *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

bool px_sim_node_has(const px_simnode *node, const px_simhost *host)
{
	if (!host->len || px_sim_host_loopback(host))
		return true;
	for (unsigned i = 0; i < node->n_addrs; i++) {
		px_simhost own = px_sim_host(&node->addr[i]);

		if (px_sim_host_same(&own, host))
			return true;
	}
	return false;
}

px_simnode *px_sim_node_at(px_simnode *from, const proa_addr *addr)
{
	px_world *w = from->world;
	px_simhost host = px_sim_host(addr);

	if (px_sim_node_has(from, &host) || px_sim_host_any(&host))
		return from;
	for (unsigned i = 0; i < w->n_nodes; i++)
		if (px_sim_node_has(w->nodes[i], &host))
			return w->nodes[i];
	return NULL;
}

/* ---- links ---- */

px_simlink *px_sim_link(px_world *w, const px_simnode *from, const px_simnode *to)
{
	return &w->links[from->index * w->nodes_max + to->index];
}

int64_t px_sim_sent_ns(px_world *w, const px_simnode *from, const px_simnode *to, size_t bytes)
{
	px_simlink *l = px_sim_link(w, from, to);
	uint64_t rate = l->bandwidth;

	if (rate == UINT64_MAX)
		rate = from == to ? 0 : w->o.bandwidth;
	if (!rate)
		return w->now_ns;
	l->free_ns = PX_MAX(l->free_ns, w->now_ns) +
	             (int64_t)((uint64_t)bytes * (uint64_t)PROA_SEC / rate);
	return l->free_ns;
}

bool px_sim_travel_none(px_world *w, const px_simnode *from, const px_simnode *to)
{
	return from == to && !px_sim_link(w, from, to)->max_ns;
}

int64_t px_sim_travel_ns(px_world *w, const px_simnode *from, const px_simnode *to)
{
	const px_simlink *l = px_sim_link(w, from, to);
	int64_t low = w->o.latency_min_ns, high = w->o.latency_max_ns;

	if (l->max_ns) {
		low = l->min_ns;
		high = l->max_ns;
	} else if (!high) {
		low = high = LATENCY_NS;
	}
	if (from == to && !l->max_ns)
		low = high = LOOPBACK_NS;
	return px_sim_between(w, low, high);
}

static void links_init(px_world *w, px_simlink *links, unsigned max)
{
	for (unsigned i = 0; i < max * max; i++)
		links[i] = (px_simlink){.bandwidth = UINT64_MAX};
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < w->n_nodes; k++)
			links[i * max + k] = w->links[i * w->nodes_max + k];
}

static int nodes_room(px_world *w)
{
	unsigned max = w->nodes_max ? 2 * w->nodes_max : 4;
	px_simnode **nodes;
	px_simlink *links;

	if (w->n_nodes < w->nodes_max)
		return 0;
	nodes = px_zalloc_array(&w->alloc, max, sizeof(px_simnode *));
	links = px_zalloc_array(&w->alloc, (size_t)max * max, sizeof *links);
	if (!nodes || !links) {
		px_free(&w->alloc, nodes, max * sizeof(px_simnode *));
		px_free(&w->alloc, links, (size_t)max * max * sizeof *links);
		return -PROA_ENOMEM;
	}
	links_init(w, links, max);
	if (w->n_nodes)
		memcpy(nodes, w->nodes, w->n_nodes * sizeof(px_simnode *));
	px_free(&w->alloc, w->nodes, w->nodes_max * sizeof(px_simnode *));
	px_free(&w->alloc, w->links, (size_t)w->nodes_max * w->nodes_max * sizeof *w->links);
	w->nodes = nodes;
	w->links = links;
	w->nodes_max = max;
	return 0;
}

/* ---- clocks ---- */

/* In whole numbers: no two machines differ. */
static int64_t scaled(int64_t ns, int32_t ppm)
{
	return ns + ns / MILLION * ppm + ns % MILLION * ppm / MILLION;
}

int64_t px_sim_node_now(const px_simnode *node)
{
	return node->base_ns + scaled(node->world->now_ns - node->base_world, node->ppm);
}

int64_t px_sim_node_when(const px_simnode *node, int64_t node_ns)
{
	int64_t ahead = node_ns - node->base_ns, rate = MILLION + node->ppm, at;

	/* Behind that, a slow clock's time may be none of the world's. */
	if (ahead > INT64_MAX / 32 || node->base_world > INT64_MAX / 2)
		return INT64_MAX;
	if (node->ppm == 0)
		return node->base_world + ahead;
	at = node->base_world + ahead / rate * MILLION + ahead % rate * MILLION / rate;
	while (node->base_ns + scaled(at - node->base_world, node->ppm) < node_ns)
		at++;
	return at;
}

/* ---- being there ---- */

px_simnode *px_sim_node_find(px_world *w, const char *name)
{
	for (unsigned i = 0; i < w->n_nodes; i++)
		if (!strcmp(w->nodes[i]->name, name))
			return w->nodes[i];
	return NULL;
}

/* Of one machine: no path, no port, not "every address". */
static bool addr_read(proa_addr *out, const char *text)
{
	px_simhost host;

	if (proa_addr_parse(out, text, 0) < 0 || px_addr_port(out))
		return false;
	host = px_sim_host(out);
	return host.len && !px_sim_host_any(&host);
}

int px_sim_addrs(proa_addr *out, unsigned *n, const char *text)
{
	char one[PROA_ADDR_TEXT];

	for (*n = 0; *text; text += *text == ',') {
		size_t len = strcspn(text, ",");

		if (len >= sizeof one || *n == PX_SIM_ADDRS)
			return -PROA_EADDRTEXT;
		memcpy(one, text, len);
		one[len] = 0;
		if (!addr_read(&out[*n], one))
			return -PROA_EADDRTEXT;
		++*n;
		text += len;
	}
	return *n ? 0 : -PROA_EADDRTEXT;
}

static px_simfs *disk_open(px_world *w, const px_simnode *node)
{
	px_simfs_options o = {.alloc = &w->alloc,
	                      .rng = &w->rng,
	                      .files_max = 1u << 20, /* the node's own limit counts sockets too */
	                      .dev = node->index + 1,
	                      .now_ns = WALL_NS};

	return px_simfs_open(&o);
}

static int node_taken(px_world *w, const px_simnode *node, const char *name)
{
	if (!*name || px_sim_node_find(w, name))
		return -PROA_EINVAL;
	for (unsigned i = 0; i < node->n_addrs; i++) {
		px_simhost host = px_sim_host(&node->addr[i]);

		for (unsigned k = 0; k < w->n_nodes && !px_sim_host_loopback(&host); k++)
			if (px_sim_node_has(w->nodes[k], &host))
				return -PROA_EADDRINUSE;
	}
	return 0;
}

static void node_init(px_world *w, px_simnode *node)
{
	node->world = w;
	node->index = w->n_nodes;
	node->cpus = CPUS;
	node->files_max = FILES;
	node->next_port = PORT_FIRST;
	node->base_world = w->now_ns;
	node->base_ns = UP_NS + w->now_ns;
	node->wall_ns = WALL_NS - UP_NS;
	px_list_init(&node->threads);
	px_list_init(&node->loops);
	px_list_init(&node->socks);
	px_list_init(&node->heaps);
	px_list_init(&node->blocks);
}

px_simnode *px_sim_node_new(px_world *w, const char *name, const char *addr, int *error)
{
	px_simnode *node = px_zalloc(&w->alloc, sizeof *node);
	size_t bytes = strlen(name) + 1;

	*error = -PROA_ENOMEM;
	if (!node)
		return NULL;
	node_init(w, node);
	if ((*error = px_sim_addrs(node->addr, &node->n_addrs, addr)) == 0)
		*error = node_taken(w, node, name);
	if (*error == 0)
		*error = nodes_room(w);
	if (*error == 0 &&
	    (!(node->name = px_alloc(&w->alloc, bytes)) || !(node->fs = disk_open(w, node))))
		*error = -PROA_ENOMEM;
	if (*error < 0) {
		px_free(&w->alloc, node->name, bytes);
		px_free(&w->alloc, node, sizeof *node);
		return NULL;
	}
	memcpy(node->name, name, bytes);
	node->name_bytes = bytes;
	w->nodes[w->n_nodes++] = node;
	px_sim_disk_faults(w);
	return node;
}

void px_sim_node_drop(px_simnode *node, proa_kill how)
{
	px_world *w = node->world;
	px_node *n;

	px_sim_threads_stop(w, node);
	while ((n = px_list_first(&node->socks)))
		px_sim_sock_drop(PX_OF(n, px_simsock, link), how);
	for (unsigned fd = 0; fd < w->fds_max; fd++)
		if (w->fds[fd].node == node)
			px_sim_fd_free(w, (int)fd);
	if (how == PROA_KILL_POWER)
		px_simfs_crash(node->fs, &w->rng, w->o.write_torn_ppm, w->o.sector_lost_ppm);
	else
		px_simfs_drop_all(node->fs);
	memset(node->signals, 0, sizeof node->signals);
	px_sim_memory_drop(node); /* by the program's allocator, which may lie on a stack of it */
	px_sim_threads_drop(w, node);
}

void px_sim_node_free(px_simnode *node)
{
	px_world *w = node->world;

	px_simfs_close(node->fs);
	px_free(&w->alloc, node->name, node->name_bytes);
	px_free(&w->alloc, node, sizeof *node);
}
