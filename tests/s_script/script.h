/* A script: a program over proa's API as plain data, the same on every backend. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SCRIPT_SCRIPT_H
#define S_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All chance is in the generator: what runs a script draws nothing. A step that makes no sense in
 * the state it meets (an op in flight already, a handle that is not there) is passed over, so every
 * array of steps is a script.
 *
 * Two classes. In a *race-free* one every outcome is determined, and the model (model.c) knows it
 * beforehand; in a *racing* one each outcome is in a stated set (docs/CONTRACT.md). A script is
 * race-free if the model takes every one of its steps: nothing else says so. */

enum {
	SCRIPT_HANDLES = 8,
	SCRIPT_OPS = 48,
	SCRIPT_FILES = 3,
	SCRIPT_STEPS = 400,
	SCRIPT_BYTES_STEP = 12, /* of the form for fuzzers */
	SCRIPT_PAST = -1,       /* of `us`: a deadline that is past */
	SCRIPT_FAR = 32767      /* an hour */
};

/* Flags in `how`. */
enum {
	SCRIPT_WHOLE = 1,  /* recv, recv_pooled: again in its callback until n bytes have come */
	SCRIPT_HOLD = 2,   /* recv_pooled: its last buffer is kept, for send_pooled */
	SCRIPT_SMALL = 1,  /* pair: small buffers in the kernel */
	SCRIPT_FLOOD = 4,  /* send: FLOOD_BYTES, more than small buffers take */
	SCRIPT_STRAND = 1, /* work: through the script's strand */
	SCRIPT_UNTOLD =
		1, /* udp: not connected to its pair, so each datagram names where it goes */
	SCRIPT_EVENTS = 1, /* world: completions by proa_wait instead of callbacks */
	SCRIPT_FLOOD_BYTES = 300000
};

/* The steps, by the API's own names; `h` is a slot for a handle, `op` one for an op. Second:
 * whether it submits an op.
 *
 *   world     first step, else not: pools of n buffers of `at` bytes, `how`
 *   settle    runs until nothing more can happen
 *   run       one iteration
 *   init      h, owned by h `to` (the root if it is h itself)
 *   pair      h and `to` become a connection: the one that connects, and the accepted one
 *   udp       h and `to` become datagram handles that know each other
 *   listen    h
 *   accept    on h; the connection becomes h `to` if that is free
 *   connect   h to the listener `to`; to == h: to a port where nobody listens
 *   recv...   n: bytes; recv_pooled_many: n buffers out at most
 *   sendfile  n bytes of file `to` from `at`
 *   timer     owned by h, in `us`
 *   work      n is what it returns; in lane n % 3, through the strand always in lane 0
 *   file_open h; n: which file; how: PROA_O_...
 *   finish    with a deadline in `us`
 *   ..._thread  the same from another thread, where there are threads */
#define SCRIPT_KINDS(X)         \
	X(world, 0)             \
	X(settle, 0)            \
	X(run, 0)               \
	X(stop, 0)              \
	X(init, 0)              \
	X(pair, 0)              \
	X(udp, 0)               \
	X(listen, 0)            \
	X(accept, 1)            \
	X(accept_many, 1)       \
	X(connect, 1)           \
	X(connect_name, 1)      \
	X(recv, 1)              \
	X(recv_pooled, 1)       \
	X(recv_pooled_many, 1)  \
	X(recv_msg, 1)          \
	X(send, 1)              \
	X(sendv, 1)             \
	X(send_pooled, 1)       \
	X(send_file, 1)         \
	X(send_msg, 1)          \
	X(shutdown, 1)          \
	X(stream_read_some, 1)  \
	X(stream_read_exact, 1) \
	X(stream_drained, 1)    \
	X(stream_put, 0)        \
	X(timer, 1)             \
	X(post, 1)              \
	X(post_thread, 1)       \
	X(doorbell, 1)          \
	X(signal, 1)            \
	X(work, 1)              \
	X(resolve, 1)           \
	X(file_open, 1)         \
	X(fstat, 1)             \
	X(read, 1)              \
	X(write, 1)             \
	X(fsync, 1)             \
	X(dir_read, 1)          \
	X(notify, 0)            \
	X(notify_thread, 0)     \
	X(raise, 0)             \
	X(pause, 0)             \
	X(resume, 0)            \
	X(buffer_return, 0)     \
	X(cancel, 0)            \
	X(deadline, 0)          \
	X(set_idle, 0)          \
	X(close, 0)             \
	X(close_abort, 0)       \
	X(finish, 0)

enum {
#define SCRIPT_ENUM(name, submits) S_##name,
	SCRIPT_KINDS(SCRIPT_ENUM)
#undef SCRIPT_ENUM
		SCRIPT_KIND_COUNT
};

typedef struct script_step {
	uint8_t kind;
	uint8_t h, op;
	uint8_t in; /* k > 0: done in the final callback of op k - 1, if that is in flight now */
	uint8_t to, how;
	uint16_t n, at;
	int16_t us; /* deadline, from now; 0 none */
} script_step;

typedef struct script {
	unsigned n;
	script_step step[SCRIPT_STEPS];
} script;

extern const char *const script_kind_name[SCRIPT_KIND_COUNT];
extern const bool script_submits[SCRIPT_KIND_COUNT];

/* The kind of what is plainly received or sent on a connection. */
static inline bool script_is_recv(unsigned kind)
{
	return kind == S_recv || kind == S_recv_pooled || kind == S_recv_pooled_many;
}

static inline bool script_is_send(unsigned kind)
{
	return kind == S_send || kind == S_sendv || kind == S_send_pooled || kind == S_send_file;
}

static inline bool script_is_read(unsigned kind)
{
	return kind == S_stream_read_some || kind == S_stream_read_exact;
}

static inline bool script_is_file(unsigned kind)
{
	return kind >= S_file_open && kind <= S_dir_read;
}

static inline unsigned script_lane(unsigned how, unsigned n)
{
	return how & SCRIPT_STRAND ? 0 : n % 3;
}

static inline uint32_t script_send_bytes(const script_step *s)
{
	return s->how & SCRIPT_FLOOD && s->kind == S_send ? SCRIPT_FLOOD_BYTES : s->n;
}

/* ---- generating, gen.c ---- */

void script_race_free(script *, uint64_t seed);
void script_racing(script *, uint64_t seed);
/* Of both kinds, by the seed. */
void script_of_seed(script *, uint64_t seed);

/* ---- as text and bytes, text.c ---- */

/* One step a line: "send h=1 op=4 n=300"; what is 0 is left out. */
void script_step_print(const script_step *, char *out, size_t size);
void script_print(const script *, FILE *);
/* False: a line is no step, whose number is in *line. '#' begins a comment. */
bool script_read(script *, FILE *, unsigned *line);
void script_of_bytes(script *, const uint8_t *, size_t);
size_t script_to_bytes(const script *, uint8_t *out, size_t size);

#endif
