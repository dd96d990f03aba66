/* What the random programs are made of: slots for ops, sides of connections, a world. */
/* SPDX-License-Identifier: MIT */
#ifndef C_CONFORM_RANDOM_H
#define C_CONFORM_RANDOM_H

#include "base/rng.h"
#include "c_conform/kit.h"

#include <stdatomic.h>

enum { RECV, RECV_POOLED, RECV_MANY, SEND, SENDV, SEND_POOLED, SEND_FILE, SHUT, TIMER, WORK, BELL };

enum {
	PAIRS = 5,
	SLOTS = 10,
	SLOT_BYTES = 20000,
	POOLS = 3,
	HELD_MAX = 6,
	LURKERS = 6,
	POSTS = 4,
	STEPS = 400,
	SEGMENTS = 400,
	TX_MAX = 300000,
	RX_MAX = TX_MAX + SLOT_BYTES,
	FILE_BYTES = 30000
};

typedef struct side side;

typedef struct slot {
	proa_op op; /* first */
	side *s;
	unsigned kind, segment;
	bool flying, asked, timed; /* asked: to cancel it; timed: it had a deadline */
	uint64_t seq;
	size_t len;
	int64_t at_ns;
	proa_vec vec[3];
	unsigned char buf[SLOT_BYTES];
} slot;

/* A send: `count` bytes of the stream, those of kit_fill from `base` on. */
typedef struct segment {
	uint64_t base;
	size_t count;
} segment;

/* One end of a connection. */
struct side {
	proa_handle h; /* first */
	int fd;        /* >= 0: a plain socket, and the handle is not used */
	bool open, closing;
	bool shut, torn, idle; /* what has been asked, and what happened */
	bool unsure;           /* IOCP: a send was cancelled that may have gone in part, untold */
	bool failed;           /* it has seen an error of the connection */
	bool eof;              /* no byte may come any more */
	bool whole;            /* ... and none may be missing */
	uint64_t recv_seq, send_seq;
	segment segment[SEGMENTS];
	unsigned n_segments;
	size_t tx_n, rx_n;
	unsigned char rx[RX_MAX];
	slot slot[SLOTS];
};

/* Connections that come and go: made by proa_connect, or accepted. */
typedef struct lurker {
	proa_handle h;
	proa_op connect, recv, send;
	bool open, closing, asked;
	int flying;
} lurker;

typedef struct held {
	void *buf;
	size_t bytes;
} held;

typedef struct world {
	px_rng rng;
	uint64_t seed, seq, n_told;
	proa_loop *loop;
	bool running, events; /* events: by proa_wait */
	bool starved;         /* allocations fail now and then */
	proa_handle owner, file, listener;
	proa_addr addr;
	proa_op accept, accept_many;
	int accepting;
	proa_strand strand;
	proa_buffers *pool[POOLS];
	size_t pool_bytes[POOLS], pool_count[POOLS];
	held held[HELD_MAX];
	unsigned n_held;
	int n_open, n_flying;
	side side[2 * PAIRS];
	lurker lurker[LURKERS];
	/* The other thread. */
	host_thread poster;
	host_lock lock;
	slot *bell[2 * PAIRS * SLOTS]; /* in flight, under the lock */
	unsigned n_bells;
	proa_op post[POSTS];
	atomic_bool posted[POSTS], stop;
} world;

extern world w;

#define MUST(...)                              \
	do {                                   \
		if (!CHECK(__VA_ARGS__))       \
			random_failed(w.seed); \
	} while (0)

void random_failed(uint64_t seed); /* says the seed and ends the program */
void random_watch(void);           /* from now on a crash says the seed too */
void random_world_clear(uint64_t seed);

static inline uint64_t below(uint64_t n)
{
	return px_rng_below(&w.rng, n);
}

static inline bool percent(unsigned n)
{
	return below(100) < n;
}

static inline side *peer_of(side *s)
{
	return &w.side[(s - w.side) ^ 1];
}

/* ---- ends of connections, random_side.c ---- */

void side_open(unsigned pair);
void side_ended(side *s); /* verifies the bytes when its peer has ended too, and opens it again */
void side_received(side *s, const void *bytes, size_t n);
void side_eof(side *s);
void side_plain_close(side *s, bool reset);
void side_plain_step(side *s);

void lurkers_open(void);
void lurkers_step(void);
void lurkers_close(void);
bool lurkers_left(void);

/* ---- the thread that posts and rings ---- */

void poster_start(void);
void poster_stop(void);
void bell_there(slot *t);
void bell_gone(slot *t);

#endif
