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
	double rate; /* requests a second, open loop */
	bool busy, reset;
} px_load_options;

typedef struct px_load_conn {
	int fd;
	uint32_t index;
	bool sending;                    /* the ring's: a send is in flight */
	bool finishing;                  /* its end is expected */
	uint64_t begin;                  /* where in the pattern its stream begins */
	uint64_t sent, wanted, received; /* bytes; wanted: all that was asked for */
	uint64_t issued, answered;       /* messages */
	uint64_t next_end;               /* the answer under way ends at this byte of `received` */
	int64_t *stamps; /* when each message was due; a ring of load.stamp_mask + 1 */
} px_load_conn;

/* What moves the bytes. On data and at the end it calls px_load_received and px_load_ended. */
typedef struct px_load_engine {
	const char *name;
	void (*open)(void);
	void (*add)(px_load_conn *);      /* connected */
	void (*flush)(px_load_conn *);    /* wanted grew */
	void (*remove)(px_load_conn *);   /* before its descriptor is closed; NULL: cannot */
	void (*wait)(int64_t timeout_ns); /* until something happens; < 0: no time-out */
} px_load_engine;

extern const px_load_engine px_load_epoll, px_load_uring;

typedef struct px_load {
	px_load_options options;
	const px_load_engine *engine;
	px_bench_addr addr;
	px_load_conn *conns;
	uint64_t stamp_mask;

	px_hist latency; /* ns */
	uint64_t issued, answered, bytes, opened;
	uint64_t counted;         /* answered since the warm-up */
	int64_t begin_ns, end_ns; /* of what is counted; end: the last answer */
	int64_t stop_ns;          /* no request after this */
	int64_t alive_ns;         /* something moved */
} px_load;

extern px_load load;

/* ---- load_flow.c ---- */

/* Bytes of the stream of a connection from `offset` on; *bytes is cut to what lies in a row. Valid
 * for ever, so a send may point at it. */
const char *px_load_pattern(const px_load_conn *c, uint64_t offset, uint64_t *bytes);

/* For engines: checks every byte, counts, asks for more. False: the connection was removed. */
bool px_load_received(px_load_conn *c, const char *data, uint64_t bytes);
/* sys_error 0: the peer closed. */
void px_load_ended(px_load_conn *c, int sys_error);
_Noreturn void px_load_error(const px_load_conn *c, const char *what, uint64_t expected,
                             uint64_t got);

void px_load_run(void);

#endif
