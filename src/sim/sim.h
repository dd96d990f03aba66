/* The simulated machines from the inside: events, threads, nodes, sockets. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_SIM_H
#define PX_SIM_SIM_H

#include "base/rng.h"
#include "base/slab.h"
#include "op/backend.h"
#include "proa/sim.h"
#include "sys/system.h"

/* ---- how it works ----
 *
 * One heap of events, by virtual time and, at one time, in the order in which they were made. The
 * scheduler takes the first, sets the time to it, and lets it fire. What must wait is a simulated
 * thread: a fiber that switches back to the scheduler until an event makes it ready. Nobody else
 * runs meanwhile, so a run is a function of its seed.
 *
 *   the outside    who opened the world: it is the thread `outer`, on the stack of the scheduler.
 *                  When it waits (proa_run of a loop of its own), it steps the world itself
 *   a thread       of a node: its program, workers, a group's loops; gone with the node
 *
 * The backend "sim" knows of an op what it is for and at which socket it waits, nothing of nodes;
 * the system's table (system.c) is what sys.h's calls become. Both stand on stream.c (connections)
 * and dgram.c. Everything here is below the loop: what needs one is in world.c of the floor above.
 */

typedef struct proa_world px_world;
typedef struct px_simnode px_simnode;
typedef struct px_simsock px_simsock;
typedef struct px_simloop px_simloop;
typedef struct px_simfs px_simfs;

/* ---- events ---- */

typedef struct px_simevent px_simevent;
struct px_simevent {
	int64_t at_ns;
	uint64_t order;
	size_t index; /* in the heap, from 1; 0: it is not there */
	void (*fire)(px_world *, px_simevent *);
};

/* At that time, or now if it has passed. An event that is pending moves. */
void px_sim_schedule(px_world *w, px_simevent *e, int64_t at_ns);
void px_sim_unschedule(px_world *w, px_simevent *e);
static inline bool px_sim_pending(const px_simevent *e)
{
	return e->index != 0;
}

/* ---- threads ---- */

typedef struct px_simthread px_simthread;
struct px_simthread {
	px_simevent resume; /* first */
	px_node link;       /* in node->threads */
	px_node waits;      /* in a lock's list */
	px_simnode *node;   /* NULL: the outside */
	px_fiber *fiber;
	void (*fn)(void *);
	void *arg;
	const void *identity; /* who owns a loop that it runs */
	px_simthread *joiner;
	bool ready; /* it is not to wait, or not any longer */
	bool timed; /* ... because its time was over */
	bool ended;
	bool stalled; /* became ready while its node was paused */
	bool joinable;
};

/* 0 or -PROA_ENOMEM; it begins when the world runs. */
int px_sim_thread_new(px_world *w, px_simnode *node, void (*fn)(void *), void *arg,
                      px_simthread **out);
/* The running one waits until px_sim_ready or that world time (INT64_MAX: none); false: it was the
 * time. */
bool px_sim_wait(px_world *w, int64_t until_ns);
void px_sim_ready(px_world *w, px_simthread *t);
/* None of a node's threads runs any more; their stacks are there until they are dropped. */
void px_sim_threads_stop(px_world *w, px_simnode *node);
/* Takes a node's threads away, whatever they were doing. */
void px_sim_threads_drop(px_world *w, px_simnode *node);
void px_sim_threads_unstall(px_world *w, px_simnode *node); /* it is not paused any more */
void px_sim_threads_free(px_world *w); /* those that have ended, and nobody will join */
void px_sim_join(px_world *w, px_simthread *t);
/* The first event; false: there is none, or it lies behind until_ns. */
bool px_sim_step(px_world *w, int64_t until_ns);

/* ---- nodes ---- */

enum { PX_SIM_ADDRS = 8, PX_SIM_SIGNALS = 16 };

/* An address without its port, in a form that compares. */
typedef struct px_simhost {
	unsigned char bytes[16];
	uint32_t len; /* 4, 16; 0: a path */
} px_simhost;

typedef struct px_simlink {
	bool cut;
	int64_t min_ns, max_ns; /* 0: the world's */
	uint64_t bandwidth;     /* 0: none; UINT64_MAX: the world's */
	int64_t free_ns;        /* it is busy until then */
} px_simlink;

/* Memory of a node: what its loops, groups and workers took, so that it goes with them. A heap for
 * each allocator that its program gave. */
typedef struct px_simheap {
	px_node link; /* in node->heaps */
	px_simnode *node;
	px_alloc_fn *asked; /* NULL: the C library's */
	px_allocator under;
} px_simheap;

struct px_simnode {
	px_world *world;
	unsigned index;
	char *name;
	size_t name_bytes;
	proa_addr addr[PX_SIM_ADDRS];
	unsigned n_addrs, cpus, files_max, files;
	bool up, paused;
	bool dark; /* without power */
	px_list threads, loops, socks, heaps, blocks;
	size_t bytes; /* in all blocks */
	uint16_t next_port;
	px_simfs *fs;
	/* Its clock: at `base_world` it was `base_ns`, and it runs at 1 + ppm / 10^6. */
	int64_t base_world, base_ns, wall_ns;
	int32_t ppm;
	struct {
		int signo; /* 0 free */
		void (*ring)(void *);
		void *arg;
	} signals[PX_SIM_SIGNALS];
	/* The floor above's. */
	proa_node_options o;
	proa_loop *loop;
	px_simevent begin, end;
	proa_kill kill;
	int result;
	bool stopping, called_off;
};

px_simnode *px_sim_node_new(px_world *w, const char *name, const char *addr, int *error);
px_simnode *px_sim_node_find(px_world *w, const char *name);
/* The one that has this address; loopback and paths: `from` itself. NULL: nobody. */
px_simnode *px_sim_node_at(px_simnode *from, const proa_addr *addr);
bool px_sim_node_has(const px_simnode *node, const px_simhost *host);
px_simlink *px_sim_link(px_world *w, const px_simnode *from, const px_simnode *to);
/* How long the way is, drawn anew each time; and when `bytes` have gone into it, behind what does
 * so already. */
int64_t px_sim_travel_ns(px_world *w, const px_simnode *from, const px_simnode *to);
int64_t px_sim_sent_ns(px_world *w, const px_simnode *from, const px_simnode *to, size_t bytes);
/* A datagram to oneself is there when its send returns, as on a loopback interface. */
bool px_sim_travel_none(px_world *w, const px_simnode *from, const px_simnode *to);
int64_t px_sim_node_now(const px_simnode *node);                   /* its clock */
int64_t px_sim_node_when(const px_simnode *node, int64_t node_ns); /* world time of its time */
/* The process is gone: sockets, files, threads, memory. Its loops must have been let go. */
void px_sim_node_drop(px_simnode *node, proa_kill how);
void px_sim_node_free(px_simnode *node);
void px_sim_memory_drop(px_simnode *node);
/* Literals with commas between them: 0 or EADDRTEXT. */
int px_sim_addrs(proa_addr *out, unsigned *n, const char *text);

px_simhost px_sim_host(const proa_addr *addr);
bool px_sim_host_any(const px_simhost *h);
bool px_sim_host_loopback(const px_simhost *h);
bool px_sim_host_same(const px_simhost *a, const px_simhost *b);

/* ---- loops: the backend's state ---- */

struct px_simloop {
	px_node link; /* in node->loops */
	px_core *core;
	px_simnode *node;
	px_simthread *waiter; /* runs it, and waits */
	bool woken;
	bool waits; /* somebody is in its wait, or pauses there */
};

void px_sim_loop_wake(px_simloop *l);
void px_sim_loops_wake(px_simnode *node); /* they look at the time, and at what has ended */
void px_sim_loops_look(px_simnode *node); /* those that a thread of the node runs */

/* ---- sockets ---- */

typedef struct px_simseg px_simseg; /* bytes on their way, or arrived */
struct px_simseg {
	px_simseg *next;
	int64_t arrives_ns;
	uint32_t len, at; /* at: what has been taken of it */
	uint8_t what;     /* PX_SEG_... */
	uint8_t class;
	unsigned char bytes[];
};
enum { PX_SEG_DATA, PX_SEG_OPEN, PX_SEG_FIN, PX_SEG_RST };

typedef struct px_simsegs {
	px_simseg *head, *tail;
	size_t bytes; /* of data, not yet taken */
} px_simsegs;

/* One direction of a socket, and the op that is at it. */
typedef struct px_simside {
	px_simevent poke; /* tries the op later */
	px_simevent ask;  /* a cancel is on its way */
	px_op *op;
	px_simsock *sock;
	bool late;    /* nothing but `poke` may complete it */
	uint64_t sum; /* of a send's bytes when it was submitted */
} px_simside;

enum { PX_SIM_STREAM, PX_SIM_LISTENER, PX_SIM_DGRAM };

struct px_simsock {
	px_node link;  /* in node->socks while it has a descriptor */
	px_node queue; /* in a listener's backlog */
	uint8_t type;
	bool bound, connected, connecting, shut;
	bool gone;   /* nobody has it: its descriptor is closed, or it has none yet */
	bool hangs;  /* its connect will not be answered */
	bool halved; /* the network has ended its send side */
	proa_kind kind;
	px_simnode *node;
	int fd; /* -1: none (yet, or any more) */
	proa_addr local, remote;
	px_simside side[3]; /* by PX_DIR_IN, PX_DIR_OUT */
	/* A stream's end. */
	px_simsock *peer;    /* NULL: none yet; they live and die together */
	px_node all;         /* in world->streams */
	px_simsegs rx, tx;   /* arrived; on its way to the peer */
	px_simevent arrival; /* of tx's head */
	int64_t tx_last_ns;  /* when the last one arrives: order is kept */
	unsigned tries;      /* of the head, or of a connect, in vain */
	int64_t tries_from_ns;
	bool rx_end; /* FIN has come */
	bool told_error;
	int64_t rx_error; /* RST or a time-out: to be told behind the bytes */
	int64_t result;   /* of a connect whose completion is late */
	/* A listener's. */
	px_list backlog;
	unsigned waiting, backlog_max;
	bool reuseport, v6only;
	unsigned turn;
	/* A datagram socket's: rx holds one segment each, its sender in front of the bytes. */
	size_t rx_max;
	bool broadcast;
};

px_simsock *px_sim_sock(px_world *w, int fd); /* NULL: none */
/* A descriptor of the node; or -PROA_EMFILE and its kin. */
int64_t px_sim_fd_new(px_simnode *node, px_simsock *s, int file, px_kind kind, int32_t *sys_error);
void px_sim_fd_free(px_world *w, int fd);
px_simsock *px_sim_sock_new(px_simnode *node, unsigned type, proa_kind kind); /* NULL: no memory */
void px_sim_sock_free(px_simsock *s); /* it has no descriptor, queue or op */
int64_t px_sim_sock_fd(px_simsock *s, px_kind kind, int32_t *sys_error); /* gives it one */
void px_sim_sock_drop(px_simsock *s, proa_kill how);                     /* its process has gone */
/* Gives it a local address if it has none: 0, ENETUNREACH or EADDRNOTAVAIL. */
int px_sim_bind_any(px_simsock *s, const proa_addr *remote);
/* From where what it sends there comes, also if it is bound to every address; false: it has none
 * of that family. */
bool px_sim_sock_source(const px_simsock *s, const proa_addr *remote, proa_addr *out);
/* The socket of that type at an address of the node, for what comes `from` there (a datagram; else
 * NULL). NULL: none. */
px_simsock *px_sim_sock_find(px_simnode *node, unsigned type, const proa_addr *addr,
                             const proa_addr *from);

/* ---- bytes, seg.c ---- */

void px_sim_segs_init(px_world *w);
/* Of a stream; a datagram's sender stands in front of its bytes. */
enum { PX_SEG_MOST = 65536, PX_SEG_ROOM = PX_SEG_MOST + 256 };
px_simseg *px_sim_seg_new(px_world *w, unsigned what, size_t len); /* NULL: no memory */
void px_sim_seg_free(px_world *w, px_simseg *seg);
void px_sim_segs_push(px_simsegs *q, px_simseg *seg);
px_simseg *px_sim_segs_pop(px_simsegs *q);
void px_sim_segs_free(px_world *w, px_simsegs *q);

/* ---- connections, stream.c ---- */

/* Ends in px_sim_connected, unless it is closed before. 0 or an error. */
int px_sim_connect_begin(px_simsock *s, const proa_addr *to);
/* Bytes, 0 at the end, PX_AGAIN, or an error. */
int64_t px_sim_stream_recv(px_simsock *s, px_kind kind, void *buf, size_t len, int32_t *sys_error);
/* Bytes that went in, PX_AGAIN, or an error. */
int64_t px_sim_stream_send(px_simsock *s, px_kind kind, const void *buf, size_t len,
                           int32_t *sys_error);
bool px_sim_stream_readable(const px_simsock *s);
int64_t px_sim_stream_shut(px_simsock *s);
void px_sim_stream_closed(px_simsock *s, bool reset); /* its descriptor, or its place in a queue */
void px_sim_stream_dark(px_simsock *s);               /* its machine has lost its power */
void px_sim_stream_reset(px_simsock *s);              /* both ends, from the network between them */
void px_sim_stream_break(px_simsock *s);              /* the same, but behind what it has sent */
void px_sim_streams_heal(px_world *w);                /* what waits for a link tries again */
/* The next in a listener's queue, NULL: none. */
px_simsock *px_sim_backlog_pop(px_simsock *listener);
void px_sim_backlog_unpop(px_simsock *listener, px_simsock *s);
void px_sim_backlog_storm(px_simsock *listener, unsigned n);

/* ---- datagrams, dgram.c ---- */

int64_t px_sim_dgram_send(px_simsock *s, const proa_msg *msg, int32_t *sys_error);
int64_t px_sim_dgram_recv(px_simsock *s, proa_msg *msg, bool *cut, int32_t *sys_error);
void px_sim_grams_init(px_world *w);
void px_sim_grams_free(px_world *w);

/* ---- ops at sockets, backend.c ---- */

/* A send's, a recv's or an accept's progress may be possible now. */
void px_sim_poke(px_simsock *s, int dir);
/* The same behind this event: the caller may be in the middle of that very op. */
void px_sim_poke_soon(px_simsock *s, int dir);
void px_sim_sides_init(px_simsock *s);
/* The connect at this socket has ended. */
void px_sim_connected(px_simsock *s, int64_t result);
extern const px_backend_ops px_backend_sim;

/* ---- the system, system.c ---- */

extern const px_system px_sim_system;
px_simnode *px_sim_here(void);       /* the node whose code, or for whose loop, this runs */
void px_sim_enter(px_simnode *node); /* its code, or something for it, runs from here on */
/* The outside's code does, which called in last for that node; NULL: for none. */
void px_sim_leave(px_simnode *node);

/* For a while, in the middle of something at another node: it ends where it began. */
typedef struct px_simvisit {
	px_simnode *at;
	px_here_type here;
} px_simvisit;
px_simvisit px_sim_visit(px_simnode *node);
void px_sim_return(px_simvisit from);
/* The worlds of the calling thread, by number: of a socket nobody knows more. */
void px_sim_world_begins(px_world *w);
void px_sim_world_ends(px_world *w);
px_world *px_sim_world(unsigned number); /* NULL: it has ended */

/* ---- faults, fault.c ---- */

/* Draws; true: it happens now, and is counted. */
bool px_sim_fault(px_world *w, proa_fault fault, px_kind kind);
int64_t px_sim_between(px_world *w, int64_t low, int64_t high); /* uniform, both inclusive */
/* Of `n` bytes those that a call moves. */
size_t px_sim_cut(px_world *w, px_kind kind, size_t n);
int64_t px_sim_late_max(const px_world *w);
void px_sim_faults_init(px_world *w, const proa_world_options *o);
void px_sim_disk_faults(px_world *w); /* those that the disks draw themselves */
void px_sim_disk_counts(const px_world *w, uint64_t faults[PROA_FAULT_COUNT]); /* adds them */
/* Something is wrong, and it is the library's or the program's fault. */
void px_sim_violation(px_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- for who wants to see it, trace.c ---- */

/* A line; `node` NULL: of none. Does nothing if nobody asked. */
void px_sim_trace(px_world *w, const px_simnode *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void px_sim_trace_op(px_world *w, const px_core *core, const px_op *op); /* it has completed */

/* ---- the world ---- */

enum { PX_SEG_CLASSES = 6 };

typedef struct px_simname { /* of the zone */
	px_node link;
	unsigned n;
	proa_addr addr[PX_SIM_ADDRS];
	size_t bytes;
	char name[];
} px_simname;

typedef struct px_simfd {
	px_simnode *node; /* NULL: free */
	px_simsock *sock; /* NULL: a file, whose number on the node's disk is: */
	int file;
	unsigned birth; /* of those with this number, by turns: a stale proa_socket is found out */
} px_simfd;

#define PX_WORLD_MAGIC PX_MAGIC('s', 'i', 'm', 'w')

/* proa_world from the inside. */
struct proa_world {
	uint32_t magic;
	proa_world_options o;
	px_allocator alloc;
	px_rng rng;
	int64_t now_ns;
	uint64_t order;
	px_simevent **heap; /* from 1 */
	size_t heap_n, heap_max;
	px_simthread outer;
	px_simthread *running; /* NULL: the scheduler, or an event */
	bool stepping;
	px_list ended; /* threads to be freed, by link */
	px_simnode **nodes;
	unsigned n_nodes, nodes_max;
	px_simlink *links; /* n_nodes x n_nodes */
	px_list streams, zone, dgrams, calls;
	px_simfd *fds; /* of all nodes */
	unsigned fds_max, fds_from;
	px_slab slab_sock, slab_gram, slab_seg[PX_SEG_CLASSES];
	uint32_t ppm[PROA_FAULT_COUNT][PX_KIND_COUNT];
	bool calm;
	uint64_t kills;     /* of nodes: ops may have gone with them */
	const void *thread; /* of the system: all of it runs there */
	proa_world_stats stat;
	px_tracer *tracer; /* of every loop of the world; the floor above's */
	uint64_t hash;
	px_world *next; /* of its thread's worlds */
	unsigned number;
};

static inline px_world *px_world_of(const proa_world *w)
{
	px_world *world = (px_world *)(uintptr_t)w;
	px_assert(world->magic == PX_WORLD_MAGIC);
	return world;
}

#endif
