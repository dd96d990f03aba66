/* Loops, operations, handles and buffers: the contract every backend keeps (docs/CONTRACT.md). */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_LOOP_H
#define PROA_LOOP_H
#include "proa/base.h"
#include "proa/err.h"
PROA_C_BEGIN

/* ---- the operation ---- */

/* op.want: asked for; read at submit, never written by the library. */
#define PROA_BACKGROUND 0x0001u /* does not keep proa_run from returning */
/* Of a stream's send: what is sent behind it makes no sense without it. If it ends with an error,
 * its direction is broken as by a torn send, also if none of its bytes went. */
#define PROA_CHAIN      0x0002u
/* Of a stream's send: another follows at once, so that the system may wait to fill a packet with
 * both (a moment only: 200 ms on Linux). A hint. */
#define PROA_FOLLOWED   0x0004u

/* op.got: told at each completion, all bits rewritten each time. */
#define PROA_MORE  0x0001u /* not the last completion of this op */
#define PROA_END   0x0002u /* end of the stream, the file or the folder */
#define PROA_TRUNC 0x0004u /* a datagram was cut */
#define PROA_FAR   0x0008u /* of proa_forward: `to` is what failed, or was closed */

/* An operation: 128 bytes (on Windows 160) of the caller's memory, all zero before its first use.
 * From submit to the final completion it may not be moved, freed or submitted again (that stops the
 * program with a message); only `user`, and `deadline_ns` to a later time, may be written
 * meanwhile. `result`, `count`, `buf`/`socket`, `sys_error` and `got` are outputs: valid from the
 * start of `done` to its return (after the final one: until the next submit), unspecified while in
 * flight. */
struct proa_op {
	void *user;          /* yours; never read by the library */
	int64_t deadline_ns; /* in; absolute; 0 none; stays from one submit to the next. At that
	                        time proa cancels, and if that wins the result is -PROA_ETIMEDOUT.
	                        Past at submit: not attempted */
	int64_t result;      /* out: >= 0 what was achieved, or -PROA_E... */
	int64_t count;       /* out: bytes that moved, also when result is an error */
	union {
		void *buf;          /* out: pooled recvs, stream reads: where the bytes are */
		proa_socket socket; /* out: accept: adopt it or close it */
	};
	int32_t sys_error; /* out: the system's own code behind an error, 0 if there is none */
	uint16_t want;     /* in: PROA_BACKGROUND, PROA_CHAIN, PROA_FOLLOWED */
	uint16_t got;      /* out: PROA_MORE, PROA_END, PROA_TRUNC, PROA_FAR */
	uint64_t px_[PROA_OP_WORDS]; /* the library's */
};

/* What a handle is. */
typedef enum proa_kind {
	PROA_NONE, /* bound to a loop, nothing open */
	PROA_TCP,
	PROA_UDP,
	PROA_LOCAL,
	PROA_PIPE,
	PROA_FILE,
	PROA_TTY,
	PROA_CHILD,  /* a child process, proa/proc.h */
	PROA_FOREIGN /* somebody else's: proa_poll, and nothing else */
} proa_kind;

/* A handle: 104 bytes of the caller's memory, all zero before proa_handle_init. Bound to its loop
 * until its close completes; may not be moved or freed before. */
struct proa_handle {
	void *user;       /* yours */
	uint64_t px_[12]; /* the library's */
};

PROA_STATIC_ASSERT(sizeof(proa_op) == 48 + 8 * PROA_OP_WORDS, "an op is two cache lines");
PROA_STATIC_ASSERT(sizeof(proa_handle) == 104, "with an armed op not above 240 bytes");

/* ---- the loop ---- */

/* Every options struct: all zero is the default; `size` is sizeof it, or 0 for this header's. */
typedef struct proa_loop_options {
	size_t size;
	const char *backend; /* "io_uring", "epoll", "kqueue", "iocp", "poll": fails if that cannot
	                        work here. NULL: PROA_BACKEND from the environment, else the best
	                        that works */
	/* Memory: new_bytes 0 frees, old NULL allocates, NULL returned is PROA_ENOMEM. NULL:
	 * realloc and free. Called on the loop's thread only. */
	void *(*alloc)(void *user, void *old, size_t old_bytes, size_t new_bytes);
	void *alloc_user;
	size_t buffers_count;      /* the loop's own pool: how many buffers at most (0: 4096) ... */
	size_t buffers_size_bytes; /* ... and how large each is (0: 64 KiB) */
	proa_workers *
		workers; /* for what blocks; NULL: one pool of this loop's own, made at first use */
	bool stay;       /* proa_run returns only for proa_stop (loops that live on posts) */
	/* Told once an episode: descriptors exhausted on accept and the like. On the loop's thread.
	 */
	void (*notice)(proa_loop *, int64_t error, const char *what, void *user);
	void *notice_user;
	uint32_t spin_ns; /* look for completions so long before sleeping (0: sleep at once) */
	void *user;       /* what proa_loop_user returns */
} proa_loop_options;

/* Opens a loop. `*loop` is NULL on failure. Errors: ENOTSUP (the named backend cannot work here),
 * EINVAL (unknown name), ESIZES (options of another version of this header), ENOMEM, EMFILE,
 * ENFILE, ENOSPC (no more watches of epoll for this user). The loop belongs to the first thread
 * that submits or runs; other threads may call proa_post, proa_notify, proa_stop and
 * proa_loop_load. */
PROA_API int proa_loop_open(proa_loop **loop, const proa_loop_options *options);

/* Closes the root, and with it everything, runs every callback and frees the loop (`*loop` becomes
 * NULL). Returns 0; or -PROA_ETIMEDOUT when something that cannot be cancelled (a worker's task)
 * outlived deadline_ns: the loop is then still there, and may be closed again. In the child after
 * fork it only frees. Not from a callback. */
PROA_API int proa_loop_close(proa_loop **loop, int64_t deadline_ns);

/* Runs until nothing is in flight (background ops do not count) or proa_stop. 0: nothing in flight;
 * 1: stopped. Not from a callback: that stops the program. */
PROA_API int proa_run(proa_loop *loop);

/* One iteration: waits for completions until deadline_ns at the latest (0: as long as it takes,
 * PROA_POLL: not at all) and delivers those. The number of callbacks run, perhaps 0 before the
 * deadline too (a wake-up, a signal), or -PROA_ESTOPPED. */
PROA_API int proa_run_once(proa_loop *loop, int64_t deadline_ns);

/* Any thread. Makes the current run function return, or if none is running the next one. Cancels
 * nothing. */
PROA_API void proa_stop(proa_loop *loop);

PROA_API int64_t proa_now(const proa_loop *loop);   /* monotonic; read once an iteration */
PROA_API int64_t proa_clock(const proa_loop *loop); /* the same clock, read now */
PROA_API int64_t proa_wall(const proa_loop *loop);  /* since 1970 began (UTC), read now; somebody
                                                       may set it */
/* Counts the loop's iterations. What one delivers, bytes received not least, was there before it
 * began: what is read in the same iteration, a file say, is at least as new. */
PROA_API uint64_t proa_turn(const proa_loop *loop);
PROA_API int64_t proa_in(const proa_loop *loop,
                         int64_t ns); /* proa_now + ns, saturating; ns < 0: none (0) */
PROA_API size_t
proa_loop_load(const proa_loop *loop); /* open handles + posts not yet run; any thread */
PROA_API void *proa_loop_user(const proa_loop *loop);
PROA_API void proa_loop_set_user(proa_loop *loop, void *user);
/* Memory from the loop's allocator, called as that is: old NULL allocates, new_bytes 0 frees (and
 * returns NULL), both resize; NULL is "no memory". old_bytes is what was asked for. It is to be
 * freed before the loop. A NULL loop: realloc and free. On the loop's thread. */
PROA_API void *proa_loop_alloc(proa_loop *loop, void *old, size_t old_bytes, size_t new_bytes);
PROA_API const char *proa_loop_backend(
	const proa_loop *loop); /* "io_uring", "epoll", "kqueue", "iocp", "poll" */

/* ---- a loop inside of a foreign one ---- */
/* The foreign loop's iteration: proa_loop_prepare last before it waits; wait for its own and for
 * proa_loop_fd to be readable, until what prepare has told; then proa_run_once(loop, PROA_POLL). */

/* A descriptor of the backend's, readable when the loop has something to do. The same for the
 * loop's life, which closes it; nothing is to be done with it but to wait. -PROA_ENOTSUP: this
 * backend has none ("poll", "iocp", a simulated one); or want of descriptors. On the loop's thread.
 */
PROA_API int proa_loop_fd(proa_loop *loop);

/* Hands what was submitted to the system, and gets the loop ready to be waited for: until the next
 * run function, other threads' posts too make proa_loop_fd readable. Until when at most, absolute
 * as all deadlines: PROA_POLL: do not wait; 0: without end. Runs no callback. What is submitted
 * afterwards is not seen without another call. Not from a callback. */
PROA_API int64_t proa_loop_prepare(proa_loop *loop);

/* For schedulers: what completed, as values, so that two completions of one multishot op do not
 * overwrite each other. Handed out for ops whose done is NULL and closes whose closed is NULL; the
 * others' callbacks run inside. */
typedef struct proa_event {
	proa_op *op;         /* NULL: a close */
	proa_handle *handle; /* the op's handle or owner; NULL for a post */
	int64_t result, count;
	union {
		void *buf;
		proa_socket socket;
	};
	int32_t sys_error;
	uint32_t got;
} proa_event;

/* Runs iterations until an event is there or deadline_ns (0: none) or nothing is in flight. The
 * number of events, 0, or -PROA_ESTOPPED. Not from a callback. */
PROA_API int proa_wait(proa_loop *loop, proa_event *out, int max, int64_t deadline_ns);

/* Runs the loop until this op (submitted with done NULL) is final, and returns its result; for
 * tests and small programs. A proa_stop does not end it. Not from a callback. */
PROA_API int64_t proa_await(proa_loop *loop, proa_op *op);

/* Counters since the loop was opened; they only grow. */
typedef struct proa_stats {
	size_t size;            /* in: sizeof it, or 0 */
	uint64_t submitted[64]; /* by kind: see proa_stats_kind */
	uint64_t completed;     /* completions delivered, MORE ones included */
	uint64_t canceled;      /* finals with ECANCELED */
	uint64_t timed_out;     /* finals with ETIMEDOUT */
	uint64_t iterations;    /* of the loop */
	uint64_t waits;         /* that went to sleep in the kernel */
	uint64_t wakeups;       /* by another thread */
	uint64_t system_calls;  /* made by the backend */
	uint64_t bytes_in, bytes_out;
	uint64_t pool_parks;     /* recvs that waited for a buffer */
	uint64_t accept_pauses;  /* episodes of exhaustion */
	uint64_t accept_aborted; /* connections gone before they were accepted */
	uint64_t handles;        /* open now */
	uint64_t in_flight;      /* ops in flight now */
	uint64_t memory_bytes;   /* from the allocator, now */
	uint64_t memory_blocks;  /* the same in blocks */
	uint64_t allocations;    /* calls that allocated, ever */
} proa_stats;
PROA_API void proa_loop_stats(const proa_loop *loop,
                              proa_stats *out);   /* any thread; each value is whole */
PROA_API const char *proa_stats_kind(unsigned i); /* the name of submitted[i], NULL past the last */

/* ---- operations without a socket or file ---- */
/* An owner is a handle: its close cancels and awaits them. proa_root(loop) if nothing smaller owns
 * them. */

/* Any thread. Calls `done` on the loop's thread; what precedes the post happens before it, and one
 * thread's posts keep their order. Result 0; -PROA_ECANCELED if the loop is closing. Never
 * cancellable. */
PROA_API void proa_post(proa_loop *loop, proa_op *op, proa_done *done);

/* Completes with 0 at at_ns (absolute; past: in the next iteration): never early, late by a tick
 * (131 us) at most plus callbacks. Cancellable always. */
PROA_API void proa_timer(proa_handle *owner, proa_op *op, int64_t at_ns, proa_done *done);

/* Multishot: rung by proa_notify from any thread; result: how often since it last completed (count
 * and buf are not told). Cancellable always; notify nobody after its final. */
PROA_API void proa_doorbell(proa_handle *owner, proa_op *op, proa_done *done);
PROA_API void proa_notify(proa_op *op); /* any thread, a signal handler too; coalesces */

/* Asks that the op end soon. Harmless in any state, also late. The op still ends once:
 * -PROA_ECANCELED, or what it achieved if that came first. On the loop's thread. */
PROA_API void proa_cancel(proa_op *op);

/* Sets op->deadline_ns of an op in flight: earlier, later, on or off (0). On the loop's thread. */
PROA_API void proa_deadline(proa_op *op, int64_t deadline_ns);

PROA_API bool proa_in_flight(const proa_op *op); /* submitted, final not yet delivered */

/* Multishot: nothing is delivered until proa_resume; what came is kept. On the loop's thread, also
 * in its callback. */
PROA_API void proa_pause(proa_op *op);
PROA_API void proa_resume(proa_op *op);

/* ---- handles ---- */

/* The loop's own handle: owner of what nothing smaller owns. It cannot be closed but by
 * proa_loop_close. */
PROA_API proa_handle *proa_root(proa_loop *loop);

/* Binds an all-zero handle to its owner's loop; not open yet: it may own, be closed, or be opened
 * by proa_listen, proa_connect, proa_adopt, proa_file_open... On a closing owner it is born
 * closing. */
PROA_API void proa_handle_init(proa_handle *owner, proa_handle *handle);

/* Opens an init handle with an accepted socket: takes it, always; trouble shows at the first op. */
PROA_API void proa_adopt(proa_handle *handle, proa_socket socket);

/* The same for a descriptor that did not come from proa; from now on proa's to close, and not
 * another loop's. PROA_TCP, PROA_UDP, PROA_LOCAL (streams), PROA_PIPE (FIFOs too), PROA_TTY and
 * PROA_FILE. Sets or clears O_NONBLOCK as the backend needs.
 * PROA_FOREIGN: it stays its library's. Nothing of it is changed, the close leaves it open, and
 * once proa_close has been called (its callback comes later) the library may close it at once; not
 * before. At most one handle of a loop at a time. On Windows sockets only. */
PROA_API void proa_adopt_os(proa_handle *handle, proa_os_handle os, proa_kind kind);

PROA_API void proa_socket_close(proa_socket socket); /* one that nobody adopts; any thread */

PROA_API bool proa_is_open(const proa_handle *handle);
PROA_API bool proa_is_closing(
	const proa_handle *handle); /* from proa_close on, until its closed callback */
PROA_API proa_loop *proa_handle_loop(const proa_handle *handle);
PROA_API proa_loop *proa_op_loop(
	const proa_op *op); /* the loop it was last submitted on; also in its final callback */
PROA_API proa_handle *proa_op_handle(
	const proa_op *op); /* the handle or owner it was last submitted on */
PROA_API proa_os_handle
proa_os(const proa_handle *handle); /* -1 if not open; for options proa does not know */

/* Cancels what is in flight on the handle and what it owns, closes owned handles, awaits each
 * final, closes the descriptor, then calls `closed` (may be NULL), last. Cannot fail; a second
 * close does nothing. From the call on no MORE arrives, undelivered buffers and sockets are given
 * back, queued sends are dropped. Ops submitted on a closing handle end with -PROA_ECANCELED. */
PROA_API void proa_close(proa_handle *handle, proa_closed *closed);

/* proa_close with a reset: the peer gets RST at once and unsent bytes are dropped (SO_LINGER 0). */
PROA_API void proa_close_abort(proa_handle *handle, proa_closed *closed);

/* The graceful one: queued sends go out, the send side is shut down, the peer's remaining bytes are
 * read and dropped until it closes too, then proa_close (of what is no stream socket: queued sends
 * go out, then proa_close). At deadline_ns (0: none), or when a
 * proa_close comes in between, it is a plain proa_close; either way it is this call's `closed` that
 * is called (that close's only if this one is NULL). */
PROA_API void proa_finish(proa_handle *handle, int64_t deadline_ns, proa_closed *closed);

/* Ends the socket ops in flight with -PROA_ETIMEDOUT when no byte or datagram moved either way for
 * idle_ns (0: off; resolution 1 ms, at most 24 days). Time parked on an empty buffer pool does not
 * count. */
PROA_API void proa_set_idle(proa_handle *handle, int64_t idle_ns);

/* ---- readiness: for descriptors that another library reads and writes ---- */

#define PROA_READABLE 1u /* a read would not wait: bytes, a connection, the end, an error */
#define PROA_WRITABLE 2u /* nor would a write */

/* Of a PROA_FOREIGN handle: completes as soon as one of `events` (PROA_READABLE, PROA_WRITABLE, or
 * both) is so, at once if it is so already. result: those that are; after a hang-up or an error all
 * that were asked for, and the next call on the descriptor tells. Readiness is of that moment: who
 * finds nothing asks again. Any number may be in flight on one handle. Errors: EINVAL (no event),
 * ENOTSUP (another kind of handle; a simulated world; a descriptor that cannot be waited for),
 * ENOTCONN (not open), EBADF (closed by its library), ENOMEM. On Windows it allocates. Cancellable
 * always. */
PROA_API void proa_poll(proa_handle *handle, proa_op *op, unsigned events, proa_done *done);

/* ---- buffers ---- */

typedef struct proa_buffers_options {
	size_t size;
	size_t count;      /* at most; grown in steps as needed (0: 4096; at most 32768) */
	size_t size_bytes; /* of each (0: 64 KiB); PROA_MSG_BYTES of it are not room for a datagram
	                    */
	bool datagrams;    /* for proa_recv_msg_many; size_bytes over PROA_MSG_BYTES, or EINVAL */
} proa_buffers_options;
#define PROA_MSG_BYTES 192

/* A pool on a loop, for proa_recv_pooled. Errors: ENOMEM, EINVAL. */
PROA_API int proa_buffers_open(proa_loop *loop, proa_buffers **pool,
                               const proa_buffers_options *options);

/* Frees the pool when its last buffer has come back. No recv may be in flight on it (that stops the
 * program). Pools left open are closed with the loop. */
PROA_API void proa_buffers_close(proa_buffers **pool);

/* Gives a pooled recv's op->buf back; wakes recvs parked on an empty pool in their order. NULL is
 * nothing. On the loop's thread. Giving back twice stops the program. */
PROA_API void proa_buffer_return(proa_loop *loop, void *buf);
PROA_API size_t
proa_buffers_free(const proa_buffers *pool); /* how many could be lent now, growth included */
PROA_API proa_buffers *proa_loop_buffers(proa_loop *loop); /* the loop's own pool */

PROA_C_END
#endif
