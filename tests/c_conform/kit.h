/* What the conformance tests stand on: loops with an account, recorded ops, pairs. */
/* SPDX-License-Identifier: MIT */
#ifndef C_CONFORM_KIT_H
#define C_CONFORM_KIT_H

#include "host_net.h"
#include "proa.h"
#include "test.h"

#include <string.h>

/* ---- loops ----
 *
 * kit_open gives a loop of the backend under test whose memory is accounted for in kit_mem; one
 * such loop at a time. kit_close ends it and checks what must hold at the end of every test: each
 * op that was submitted through kit_op ended exactly once, nothing is in flight, no memory is left,
 * and a checker (proa/check.h) that has watched it saw no violation. */

typedef struct kit_memory {
	long blocks, bytes; /* now */
	long calls;         /* that allocated, ever */
	long fail_at;       /* the call with this number (from 1) fails; 0: none */
	bool fail_on;       /* so do all after it */
	long failed;        /* how many did */
} kit_memory;

extern kit_memory kit_mem;

/* NULL: the test is skipped, because this backend cannot work here; return. `options` may be NULL,
 * its backend and alloc are replaced. */
proa_loop *kit_open(const proa_loop_options *options);
void kit_close(proa_loop **loop);
/* The hook behind kit_open, for loops that a test opens itself. `user` is a kit_memory. */
void *kit_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes);

/* What a program that makes calls fail puts in; else NULL. */
typedef struct kit_seam {
	bool (*alloc_fails)(void);          /* asked at each allocation of kit_open's loop */
	void (*completed)(const proa_op *); /* told of each completion, in front of the test */
	long long patience_ns;              /* of UNTIL; 0: as long as is usual */
} kit_seam;
extern kit_seam kit_put_in;
/* The test cannot go on: its loop is closed, the account made, the test left. What its callbacks
 * still begin goes nowhere. In a callback or a run function, that function returns first. */
void kit_give_up(void);
bool kit_has(const proa_loop *loop); /* it would close that one */
extern bool kit_given_up;
extern void (*kit_let_go)(void); /* what the test holds, and the close would wait for; or NULL */
/* Any thread, or a signal handler: the test takes too long, and is given up once it runs its loop.
 */
void kit_give_up_soon(void);

#define LOOP(name)                        \
	proa_loop *name = kit_open(NULL); \
	if (!name)                        \
	return

/* ---- running ---- */

/* One iteration of at most so many ms. Callbacks may come inside these two calls only: kit_done
 * checks it. */
int kit_once(proa_loop *loop, int ms);
/* A few short iterations: what is not over by now, waits for something. */
void kit_settle(proa_loop *loop);
uint64_t kit_submitted(const proa_loop *loop, const char *kind); /* ops, ever */
extern bool kit_running;

long long kit_patience_ns(void);

#define UNTIL(loop, ...)                                              \
	do {                                                          \
		long long until_ = test_now_ns() + kit_patience_ns(); \
		while (!(__VA_ARGS__) && test_now_ns() < until_)      \
			kit_once(loop, 20);                           \
		CHECK(__VA_ARGS__);                                   \
	} while (0)

/* ---- recorded ops ---- */

typedef struct rec rec;
struct rec {
	proa_op op; /* first */
	unsigned submits, finals, mores;
	int64_t result, count; /* of the last completion */
	int32_t sys_error;
	uint16_t got;
	void *buf;
	proa_socket socket;
	int64_t bytes;       /* sum of the results above 0 */
	long order;          /* when it was final, on a counter of all finals */
	int64_t at_ns;       /* and on the clock */
	void (*then)(rec *); /* called at the end of each completion */
	void *ctx;
	bool bell; /* a doorbell: while it may be rung, count and buf are not told */
};

/* The op of `r`, counted as submitted: proa_recv(h, kit_op(&r), buf, len, kit_done). */
proa_op *kit_op(rec *r);
void kit_done(proa_op *op);
/* Runs the loop until `r` is final; its result. */
int64_t kit_await(proa_loop *loop, rec *r);

#define SUBMIT(call, handle, r, ...) call(handle, kit_op(r), __VA_ARGS__, kit_done)
#define SUBMIT0(call, handle, r)     call(handle, kit_op(r), kit_done)
#define SUBMIT_BELL(handle, r)       proa_doorbell(handle, kit_op(r), ((r)->bell = true, kit_done))

/* ---- handles ---- */

extern int kit_n_closed;
void kit_closed(proa_handle *handle); /* counts in kit_n_closed */
/* Closes and waits for it. */
void kit_end(proa_loop *loop, proa_handle *handle);

/* A connected pair of blocking TCP sockets over loopback; `v6`: over ::1. False: no such thing
 * here. They are host_net.h's. */
bool kit_tcp(int fd[2], bool v6);
/* Two connected handles, owned by the root. */
void kit_pair(proa_loop *loop, proa_handle *a, proa_handle *b);
/* One, and the plain socket of its peer. */
int kit_half(proa_loop *loop, proa_handle *h);
/* The same, of a peer with little room: a send of some megabytes waits until it reads. Else a
 * system may take all of them, for it lets receivers grow as it likes. */
int kit_half_small(proa_loop *loop, proa_handle *h);
/* A listener on a port of its own, owned by the root. */
void kit_listen(proa_loop *loop, proa_handle *listener, proa_addr *addr);
void kit_listen_at(proa_loop *loop, proa_handle *listener, const char *text, proa_addr *addr);
/* A plain socket connected to it. */
int kit_connect(const proa_addr *addr);

/* ---- plain sockets: host_net.h's, checked ---- */

void kit_fd_close(int fd);
/* Bound to a port of 127.0.0.1, and no listener: whoever connects is refused, and nobody else is
 * given the port before it is closed (not even who connects to it, and would be its own peer). */
int kit_fd_refusing(proa_addr *);
void kit_fd_reset(int fd);                                /* closes with RST */
void kit_fd_fin(int fd);                                  /* shuts the send side */
void kit_fd_write(int fd, const void *bytes, size_t len); /* all */
long kit_fd_read(int fd, void *bytes,
                 size_t len);         /* what is there: 0 end, -1 nothing yet, -2 error */
void kit_fd_small(int fd, int bytes); /* SO_SNDBUF and SO_RCVBUF */

/* Whether a recv that met a reset told it: -PROA_ECONNRESET, or the end where the system has
 * forgotten it (HOST_RESETS). */
bool kit_was_reset(int64_t result);

/* ---- bytes: the byte at position `at` of a stream ---- */

void kit_fill(void *buf, size_t len, uint64_t at);
bool kit_filled(const void *buf, size_t len, uint64_t at);

/* A temporary file of `len` such bytes, gone when it is closed; its descriptor. */
int kit_file(size_t len);

#endif
