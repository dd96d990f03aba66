/* The io_uring backend from the inside: one ring a loop, and what each kind of op does with it. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_URING_H
#define PX_BACKEND_URING_H

#include "backend/gather.h"
#include "backend/scratch.h"
#include "base/slab.h"
#include "op/backend.h"
#include "op/pool.h"
#include "sys/linux/uring_abi.h"
#include "sys/sys.h"

/* ---- how it works ----
 *
 * Submitting writes an entry into the ring's submission queue, no more. The loop's wait is one
 * system call, which submits what was written and waits. Then everything in the completion queue is
 * taken, and each entry goes to the function of its op's kind.
 *
 * An op has at most two entries in the kernel at a time: its main one (PX_F_KERNEL), and one that
 * cancels it (PX_F_KCANCEL). Both name the op by its address, so it ends only when both have been
 * completed, whichever is last:
 *
 *   KERNEL KCANCEL
 *     1      0      in the kernel
 *     1      1      asked to end
 *     0      1      has ended; its outcome is held until the cancel's completion
 *     0      0      settled: finished, a multishot between two turns, or with somebody else
 *
 * Cancels go by op, never by descriptor, and stand in the same queue as the submissions: one can
 * neither overtake its target nor hit the next op. Closing a socket releases nothing that the ring
 * holds; but a handle is closed only when its ops have ended, so there is nothing. */

enum {
#ifdef PX_TORTURE
	PX_UR_SQ_ENTRIES = 4,
	PX_UR_CQ_ENTRIES = 8,
	PX_UR_SPILL_FIRST = 1
#else
	PX_UR_SQ_ENTRIES = 256,
	PX_UR_CQ_ENTRIES = 4096,
	PX_UR_SPILL_FIRST = 64
#endif
};

/* The low bits of user_data; the rest is the op, or one of PX_UR_I_. */
enum { PX_UR_MAIN, PX_UR_CANCEL, PX_UR_INTERNAL, PX_UR_TAGS = 7 };
/* The ring's own entries. They are no ops and keep nothing running. */
enum { PX_UR_I_WAKE, PX_UR_I_TIMEOUT };

/* Features: name, setup flag (or 0), text. The setup flags in front, the newest first: in this
 * order they are given up. PROA_URING_OFF in the environment names those to do without, with commas
 * between them. */
#define PX_UR_FEATURES(X)                                                                      \
	X(NO_SQARRAY, "no_sqarray", PX_IORING_SETUP_NO_SQARRAY, "one indirection less")        \
	X(DEFER_TASKRUN, "defer_taskrun", PX_IORING_SETUP_DEFER_TASKRUN,                       \
	  "completions are made when the loop asks for them")                                  \
	X(SINGLE_ISSUER, "single_issuer", PX_IORING_SETUP_SINGLE_ISSUER, "one thread submits") \
	X(COOP_TASKRUN, "coop_taskrun", PX_IORING_SETUP_COOP_TASKRUN,                          \
	  "no interrupts of the thread; where defer_taskrun is missing")                       \
	X(TASKRUN_FLAG, "taskrun_flag", PX_IORING_SETUP_TASKRUN_FLAG,                          \
	  "looking without a system call")                                                     \
	X(SUBMIT_ALL, "submit_all", PX_IORING_SETUP_SUBMIT_ALL,                                \
	  "an entry in error does not stop the batch")                                         \
	X(R_DISABLED, "r_disabled", PX_IORING_SETUP_R_DISABLED,                                \
	  "opened on one thread, run on another")                                              \
	X(CLAMP, "clamp", PX_IORING_SETUP_CLAMP, "sizes are cut to what is allowed")           \
	X(CQSIZE, "cqsize", PX_IORING_SETUP_CQSIZE, "a completion queue of our size")          \
	X(EXT_ARG, "ext_arg", 0, "the wait has a time-out of its own")                         \
	X(RING_FD, "ring_fd", 0, "the ring is registered with its thread")                     \
	X(POLL_MULTI, "multishot_poll", 0, "the wake-up is armed once")                        \
	X(ACCEPT_MULTI, "multishot_accept", 0, "accept is armed once")                         \
	X(RECV_MULTI, "multishot_recv", 0, "recv is armed once")                               \
	X(PBUF_RING, "pbuf_ring", 0, "the kernel takes a pool's buffers when bytes are there") \
	X(POLL_FIRST, "poll_first", 0, "no recv is tried that would come too early")           \
	X(SUBMIT_NOW, "submit_now", 0, "a full submission queue is submitted at once")         \
	X(READ_NOW, "read_now", 0, "a lone read of what memory holds is a plain call")         \
	X(MSG_RING, "msg_ring", 0, "known, not used yet")                                      \
	X(SEND_ZC, "send_zc", 0, "known, not used yet")                                        \
	X(BUNDLE, "bundle", 0, "known, not used yet")                                          \
	X(PBUF_INC, "pbuf_inc", 0, "known, not used yet")                                      \
	X(MIN_WAIT, "min_wait", 0, "known, not used yet")

typedef enum px_ur_feature {
#define PX_UR_ENUM(id, name, flag, text) PX_UR_##id,
	PX_UR_FEATURES(PX_UR_ENUM)
#undef PX_UR_ENUM
		PX_UR_FEATURE_COUNT
} px_ur_feature;
_Static_assert(PX_UR_FEATURE_COUNT <= 32, "px_uring.has");

#define PX_UR_BIT(id)    (UINT32_C(1) << PX_UR_##id)
#define PX_UR_SETUP_BITS (((PX_UR_BIT(CQSIZE) << 1) - 1)) /* those with a setup flag */

/* Flags of an op: the two that op.h leaves to the backends. */
enum {
	PX_UR_F_POLLING = 1 << 14, /* the main entry is a poll, in front of the real one */
	/* multishot: its end is known, and told behind what is undelivered */
	PX_UR_F_ENDED = 1 << 15,
	/* the same bit of a send: one of several in one entry, the first one's */
	PX_UR_F_GATHERED = 1 << 15
};

#define PX_UR_MAGIC PX_MAGIC('u', 'r', 'n', 'g')

typedef struct px_uring px_uring;

struct px_uring {
	uint32_t magic;
	uint32_t has; /* PX_UR_BITs that are there, and not forced off */
	uint32_t setup_flags;
	int fd;
	int enter_fd; /* the same, or its registered index */
	uint32_t enter_flags;
	bool trial;     /* opened to try features, used by whoever opens it */
	bool started;   /* enabled, on the loop's own thread */
	bool woken;     /* this wait: the wake-up rang */
	bool armed;     /* this wait: a timer was set, so its deadline may be too late */
	unsigned reads; /* this wait: of files, completed */
	px_core *core;
	/* The submission queue. sq_tail is ours, published at enter; sq_head is as of the last
	 * enter. */
	uint32_t *sq_khead, *sq_ktail, *sq_kflags;
	uint32_t sq_mask, sq_entries, sq_head, sq_tail;
	px_uring_sqe *sqes;
	/* The completion queue. cq_head is ours, published before each enter and after each batch.
	 */
	uint32_t *cq_khead, *cq_ktail;
	uint32_t cq_mask, cq_head;
	px_uring_cqe *cqes;
	/* What was pushed while the queue was full and the kernel took nothing: goes before
	 * anything later. */
	px_uring_sqe *spill;
	uint32_t spill_first, spill_n, spill_size;
	void *ring_map, *sqe_map;
	size_t ring_bytes, sqe_bytes;
	px_wake wake;
	/* For a foreign loop, -1 unless one has asked: what the kernel rings at each completion,
	 * and the set of it and `wake`. */
	px_wake told;
	int told_set;
	const void *thread;        /* that started it */
	px_uring_timespec timeout; /* of the entry that stands in for EXT_ARG */
	px_slab records;           /* accepted and not yet delivered */
	px_slab headers;           /* of sendmsg */
	px_slab batches;           /* of several sends in one entry */
	px_scratches scratch;      /* of send_file */
	uint64_t groups[16];       /* buffer groups in use, a bit each */
};

static inline px_uring *px_ur_of(const px_core *core)
{
	px_uring *u = core->backend;

	PX_MAGIC_CHECK(u, PX_UR_MAGIC);
	return u;
}

static inline bool px_ur_has(const px_uring *u, px_ur_feature f)
{
	return (u->has >> f & 1) != 0;
}

/* ---- uring_ring.c: the two queues ---- */

/* Makes the ring with as many of the features in u->has as the kernel knows; 0, or -PROA_E... and
 * `why`. */
int px_ur_ring_open(px_uring *u, char *why);
void px_ur_ring_close(px_uring *u, bool forked);
/* An entry to be filled in: all zero but for these. Never fails, and keeps the order. */
px_uring_sqe *px_ur_sqe(px_uring *u, unsigned opcode, int fd, uint64_t user_data);
/* Submits; runs what the kernel has put off; waits for a completion until the deadline, if `wait`.
 */
void px_ur_enter(px_uring *u, bool wait, int64_t deadline_ns);
/* Are there entries that the kernel has not been given? */
bool px_ur_unsaid(const px_uring *u);
/* Would entering show anything, without waiting? */
bool px_ur_pending(const px_uring *u);
int px_ur_register(px_uring *u, unsigned opcode, const void *arg, unsigned n);

/* ---- uring_probe.c: what this kernel has ---- */

uint32_t px_ur_wanted(void); /* every feature but those in PROA_URING_OFF */
/* after ring_open: drops features that are not there; refuses */
int px_ur_probe(px_uring *u, char *why);
void px_ur_examine(struct proa_doctor_report *report);
int px_ur_refused(int error, char *why); /* io_uring_setup failed: says why */

/* ---- uring_try.c ---- */

/* drops features that turn out not to work; false: the ring could not be enabled */
bool px_ur_try(px_uring *u);
bool px_ur_try_buffer_ring(px_uring *u, uint16_t flags);

/* ---- uring_told.c ---- */

int px_ur_fd(px_core *core);
void px_ur_told(px_uring *u);
void px_ur_told_close(px_uring *u);

/* ---- uring.c ---- */

int px_ur_open(px_core *core, char *why);
void px_ur_close(px_core *core, bool forked);
void px_ur_start(px_uring *u);

/* ---- for the kinds ---- */

static inline bool px_ur_settled(const px_op *op)
{
	return !(op->flags & (PX_F_KERNEL | PX_F_KCANCEL));
}

static inline uint64_t px_ur_addr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* The op's main entry. */
px_uring_sqe *px_ur_main(px_uring *u, px_op *op, unsigned opcode, int fd);
/* poll(2)'s events as an entry wants them: its halves are the other way round on big-endian
 * machines. */
static inline uint32_t px_ur_events(uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return events << 16;
#else
	return events;
#endif
}

/* A poll in front of it: when the direction is ready, or failed, the kind's submit is called
 * (again). */
void px_ur_poll(px_uring *u, px_op *op);
/* Asks the kernel to end the main entry, once. */
void px_ur_cancel_main(px_uring *u, px_op *op);
/* One-shot: ends it, or holds the outcome until its cancel is through. */
void px_ur_end(px_op *op, int64_t result, int64_t count, int32_t sys_error);
/* The same with what the kernel said, -errno. */
void px_ur_end_error(px_op *op, int res, int64_t count);
/* A failure that is none, nothing having moved: started anew (true), unless somebody asked for the
 * end. */
bool px_ur_again(px_uring *u, px_op *op, int res);

/* Flags of a recv by what is known of the socket, and what its completion tells. */
uint16_t px_ur_recv_flags(const px_uring *u, const px_handle *h);
/* The main entry of a recv, without its memory: of what is no socket, a read. */
px_uring_sqe *px_ur_recv_entry(px_uring *u, px_op *op, uint16_t flags);
void px_ur_recv_seen(px_handle *h, const px_uring_cqe *cqe);
void px_ur_received(px_core *core, px_handle *h, int64_t bytes);
void px_ur_sent(px_uring *u, px_op *op, int bytes);
/* A plain call has sent n bytes, or PX_AGAIN, or failed: the op ends, or waits by a poll. */
void px_ur_sent_now(px_uring *u, px_op *op, int64_t n, int32_t sys_error);
/* Of a send_file, as far as it needs no ring. True: it is whole, or waits for room; false: the next
 * piece is the ring's. */
bool px_ur_send_file_direct(px_uring *u, px_op *op);
uint32_t px_ur_send_flags(const px_handle *h, size_t len);
/* True: it was an error, and the send has ended or has been started anew. */
bool px_ur_send_failed(px_uring *u, px_op *op, int res);

/* ---- uring_pipe.c: sends on what is no socket, past the ring ---- */

void px_ur_pipe_send(px_uring *u, px_op *op);

/* ---- uring_gather.c: queued sends in one entry ---- */

void px_ur_gather_open(px_uring *u);
/* Pushes this send together with those that wait behind it. False: it goes alone. */
bool px_ur_gather(px_uring *u, px_op *op);
/* The entry's completion, or the cancel's behind it. */
void px_ur_gathered(px_uring *u, px_op *head, int res);
void px_ur_gathered_settled(px_uring *u, px_op *head);
/* The one that the entry belongs to. */
px_op *px_ur_gather_head(const px_op *op);

/* What a kind does. */
typedef struct px_ur_kind {
	void (*submit)(px_uring *, px_op *); /* starts, or goes on; INFLIGHT and settled */
	/* of the main entry; KERNEL is clear if it was the last */
	void (*cqe)(px_uring *, px_op *, const px_uring_cqe *);
	/* the cancel came last, or there was nothing to cancel */
	void (*settled)(px_uring *, px_op *);
} px_ur_kind;

/* Kind, and the three functions, in the file that comment names. */
#define PX_UR_KINDS(X)                                                                      \
	/* uring_prep.c */                                                                  \
	X(CONNECT, px_ur_connect, px_ur_connect_cqe, px_ur_once_settled)                    \
	X(ACCEPT, px_ur_accept, px_ur_accept_cqe, px_ur_once_settled)                       \
	X(RECV, px_ur_recv, px_ur_recv_cqe, px_ur_once_settled)                             \
	X(RECV_POOLED, px_ur_recv_pooled, px_ur_recv_pooled_cqe, px_ur_once_settled)        \
	/* uring_multi.c */                                                                 \
	X(ACCEPT_MANY, px_ur_accept_many, px_ur_accept_many_cqe, px_ur_accept_many_settled) \
	X(RECV_MANY, px_ur_recv_many, px_ur_recv_many_cqe, px_ur_recv_many_settled)         \
	/* uring_send.c */                                                                  \
	X(SEND, px_ur_send, px_ur_send_cqe, px_ur_send_settled)                             \
	X(SENDV, px_ur_sendv, px_ur_sendv_cqe, px_ur_send_settled)                          \
	X(SEND_POOLED, px_ur_send, px_ur_send_cqe, px_ur_send_settled)                      \
	X(SHUTDOWN, px_ur_shutdown, px_ur_no_cqe, px_ur_once_settled)                       \
	/* uring_msg.c */                                                                   \
	X(RECV_MSG, px_ur_recv_msg, px_ur_recv_msg_cqe, px_ur_once_settled)                 \
	X(RECV_MSGS, px_ur_recv_msgs, px_ur_msgs_cqe, px_ur_once_settled)                   \
	X(RECV_MSG_MANY, px_ur_msg_many, px_ur_msg_many_cqe, px_ur_msg_many)                \
	X(SEND_MSG, px_ur_send_msg, px_ur_send_msg_cqe, px_ur_once_settled)                 \
	X(SEND_MSGS, px_ur_send_msgs, px_ur_msgs_cqe, px_ur_once_settled)                   \
	/* uring_poll.c */                                                                  \
	X(POLL, px_ur_poll_foreign, px_ur_poll_foreign_cqe, px_ur_once_settled)             \
	/* uring_pipe.c */                                                                  \
	X(REAP, px_ur_reap, px_ur_reap_cqe, px_ur_no_settled)                               \
	X(RECV_FDS, px_ur_recv_fds, px_ur_recv_fds_cqe, px_ur_once_settled)                 \
	X(SEND_FDS, px_ur_send_fds, px_ur_send_fds_cqe, px_ur_once_settled)                 \
	/* uring_direct.c */                                                                \
	X(SPLICE_IN, px_ur_splice_in, px_ur_recv_fds_cqe, px_ur_once_settled)               \
	X(SPLICE_OUT, px_ur_splice_out, px_ur_send_fds_cqe, px_ur_once_settled)             \
	/* uring_file.c */                                                                  \
	X(SEND_FILE, px_ur_send_file, px_ur_send_file_cqe, px_ur_once_settled)              \
	X(READ, px_ur_read, px_ur_read_cqe, px_ur_once_settled)                             \
	X(WRITE, px_ur_write, px_ur_write_cqe, px_ur_once_settled)                          \
	X(READV, px_ur_read, px_ur_read_cqe, px_ur_once_settled)                            \
	X(WRITEV, px_ur_write, px_ur_write_cqe, px_ur_once_settled)                         \
	X(FSYNC, px_ur_fsync, px_ur_fsync_cqe, px_ur_once_settled)

#define PX_UR_KIND_DECLARE(kind, submit_fn, cqe_fn, settled_fn) \
	void submit_fn(px_uring *, px_op *);                    \
	void cqe_fn(px_uring *, px_op *, const px_uring_cqe *); \
	void settled_fn(px_uring *, px_op *);
PX_UR_KINDS(PX_UR_KIND_DECLARE)
#undef PX_UR_KIND_DECLARE

#define PX_UR_KIND_OR(kind, submit_fn, cqe_fn, settled_fn) | PX_KIND_BIT(PX_##kind)
#define PX_UR_NATIVE                                       (UINT64_C(0) PX_UR_KINDS(PX_UR_KIND_OR))

extern const px_ur_kind px_ur_kinds[PX_KIND_COUNT];

/* The connection is at fault, not the listener. */
bool px_ur_accept_aborted(int res);
bool px_ur_accept_exhausted(int res);
/* The listener rests for a while. */
void px_ur_accept_rest(px_uring *u, px_op *op, int error);
/* Multishot: the next completion, and pausing. */
px_pulled px_ur_accept_many_pull(px_uring *u, px_op *op);
px_pulled px_ur_recv_many_pull(px_uring *u, px_op *op);
px_pulled px_ur_msg_many_pull(px_uring *u, px_op *op);
void px_ur_many_paused(px_uring *u, px_op *op, bool paused);

/* ---- uring_pool.c: free buffers, in a ring of the kernel's or a list ---- */

int px_ur_pool_open(px_core *core, px_pool *pool);
void px_ur_pool_close(px_core *core, px_pool *pool);
void px_ur_pool_give(px_core *core, px_pool *pool, uint32_t index);
/* A free buffer is there, or has been made. */
bool px_ur_pool_ready(px_pool *pool);
/* Before a wait: keeps the rings from running dry, and starts parked recvs for which there are
 * buffers. */
void px_ur_pools_tend(px_uring *u);
/* Pushes a recv into a buffer of the op's pool. False: there was none, nothing was pushed (lists
 * only: with a ring the kernel says so later). `flags`: PX_IORING_RECV_MULTISHOT or 0. */
bool px_ur_pool_recv(px_uring *u, px_op *op, uint16_t flags);
/* What its completion brought: a lent buffer, or NULL. */
void *px_ur_pool_received(px_op *op, const px_uring_cqe *cqe);
/* A queue of received buffers without memory of its own, in *own: 0 is empty. */
void px_ur_pool_queue(px_pool *pool, uint64_t *own, void *buf, int bytes);
void *px_ur_pool_unqueue(px_pool *pool, uint64_t *own, int *bytes);

#endif
