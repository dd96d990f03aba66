/* The load generator's parts: options, a connection, what moves the bytes. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/hist.h"
#include "common.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum px_load_mode { LOAD_CLOSED, LOAD_OPEN, LOAD_CHURN, LOAD_IDLE } px_load_mode;

typedef struct px_load_options {
	const char *connect;
	const char *engine;
	px_load_mode mode;
	uint32_t connections, depth;
	uint64_t size;     /* bytes of a message */
	uint64_t requests; /* in all; UINT64_MAX: until the time is over */
	int64_t duration_ns, warmup_ns, hold_ns, timeout_ns;
	double rate;      /* requests a second, open loop */
	uint32_t sources; /* addresses to connect from, of 127/8 */
	bool busy, reset, hold_stdin;
	const char *path, *expect; /* HTTP: what is asked for, the file with the right body */
	bool close;                /* HTTP: the server is asked to close behind each answer */
} px_load_options;

typedef struct px_load_conn {
	int fd;
	uint32_t index;
	bool sending;                    /* the ring's: a send is in flight */
	bool finishing;                  /* its end is expected */
	uint64_t sent, wanted, received; /* bytes; wanted: to be sent, for all that was asked */
	uint64_t issued, answered;       /* messages */
	int64_t *stamps; /* when each message was due; a ring of load.stamp_mask + 1 */

	/* echo */
	uint64_t begin;    /* where in the pattern its stream begins */
	uint64_t next_end; /* the answer under way ends at this byte of `received` */
	/* HTTP */
	char *head; /* of the answer under way, as far as it came, when it came in pieces */
	uint32_t head_bytes; /* of that */
	bool in_body;        /* of the answer under way, at byte body_at */
	uint64_t body_at;
} px_load_conn;

/* What is said on a connection. */
typedef struct px_load_protocol {
	void (*open)(void);            /* once; sets load.message_bytes */
	void (*begin)(px_load_conn *); /* connected */
	/* Bytes of what a connection sends from `offset` on; *bytes is cut to what lies in a row.
	 * Valid for ever, so a send may point at it. */
	const char *(*out)(const px_load_conn *, uint64_t offset, uint64_t *bytes);
	/* Checks every byte; how many answers end with them. */
	uint64_t (*in)(px_load_conn *, const char *data, uint64_t bytes);
} px_load_protocol;

extern const px_load_protocol px_load_echo, px_load_http;

/* What moves the bytes. On data and at the end it calls px_load_received and px_load_ended. */
typedef struct px_load_engine {
	const char *name;
	void (*open)(void);
	void (*add)(px_load_conn *);    /* connected */
	void (*flush)(px_load_conn *);  /* wanted grew */
	void (*remove)(px_load_conn *); /* before its descriptor is closed; NULL: cannot */
	/* Until something happens; < 0: no time-out. False: nothing did. */
	bool (*wait)(int64_t timeout_ns);
} px_load_engine;

extern const px_load_engine px_load_epoll, px_load_uring;

/* CPU time; how often a thread slept, and was made to yield. */
typedef struct px_load_usage {
	int64_t client_ns, server_ns;
	uint64_t slept, preempted;
} px_load_usage;

typedef struct px_load {
	px_load_options options;
	const px_load_protocol *protocol;
	const px_load_engine *engine;
	px_bench_addr addr;
	px_load_conn *conns;
	uint64_t stamp_mask;
	uint64_t message_bytes; /* of a request */

	px_hist latency; /* ns */
	uint64_t issued, answered, bytes, opened;
	uint64_t counted;         /* answered since the warm-up */
	int64_t begin_ns, end_ns; /* of what is counted; end: the last answer */
	int64_t stop_ns;          /* no request after this */
	int64_t alive_ns;         /* something moved */
	int64_t idle_ns;          /* spent on looking in vain, while counting */
	px_load_usage used;       /* while counting */
} px_load;

extern px_load load;

/* ---- load_flow.c ---- */

/* For engines: checks every byte, counts, asks for more. False: the connection was removed. */
bool px_load_received(px_load_conn *c, const char *data, uint64_t bytes);
/* sys_error 0: the peer closed. */
void px_load_ended(px_load_conn *c, int sys_error);
_Noreturn void px_load_error(const px_load_conn *c, const char *what, uint64_t expected,
                             uint64_t got);
/* The first that differs; there is one. Offset: of the first byte. */
_Noreturn void px_load_wrong_byte(const px_load_conn *c, uint64_t offset, const char *right,
                                  const char *data);

void px_load_run(void);

/* ---- load_watch.c ---- */

/* "17,18": what the server's processes use is told too. */
void px_load_watch(const char *pids);
void px_load_use(px_load_usage *);

#endif
