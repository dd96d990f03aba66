/* The operation and the handle from the inside: layout, states, and the calls that move them. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_OP_OP_H
#define PX_OP_OP_H

#include "base/list.h"
#include "base/mpsc.h"
#include "base/util.h"
#include "proa/loop.h"

/* ---- states of an operation ----
 *
 *              submit              start                 finish               retire
 *   PX_IDLE ----------> PX_WAITING -------> PX_INFLIGHT ---------> PX_DONE ---------> PX_IDLE
 *                            |                                        ^
 *                            +------------- finish -------------------+
 *
 *   state      who holds it                            cancel                     where its link is
 *   IDLE       the caller                              nothing                    nowhere
 *   WAITING    its handle's FIFO, behind another       ends it at once            FIFO or owned
 * ring op or behind a connect INFLIGHT   the backend, a worker, an engine        asks that one FIFO
 * or owned ring DONE       the loop; the result stands             nothing: it came first
 * core->done
 *
 * A timer of a root is in the wheel alone, and the link of it nowhere while it is INFLIGHT.
 *
 * Every edge is a function of op.c and asserts the state it leaves. Only px_op_retire's caller, the
 * loop, runs user code.
 *
 * A multishot op completes many times while it stays INFLIGHT: its engine calls px_op_more when it
 * may have something, the loop later pulls completions one by one (ops->pull) and runs the callback
 * for each. So nothing is stored per completion here, and pausing is not pulling. */
typedef enum px_state { PX_IDLE, PX_WAITING, PX_INFLIGHT, PX_DONE } px_state;

/* Kinds: name, text, direction (0 unordered, in the owned ring; 1 the receive FIFO; 2 the send
 * FIFO). The order is that of proa_stats.submitted. */
#define PX_KINDS(X)                            \
	X(POST, "post", 0)                     \
	X(TIMER, "timer", 0)                   \
	X(DOORBELL, "doorbell", 0)             \
	X(SIGNAL, "signal", 0)                 \
	X(WORK, "work", 0)                     \
	X(RESOLVE, "resolve", 0)               \
	X(CONNECT_NAME, "connect_name", 0)     \
	X(CONNECT, "connect", 0)               \
	X(ACCEPT, "accept", 1)                 \
	X(ACCEPT_MANY, "accept_many", 1)       \
	X(RECV, "recv", 1)                     \
	X(RECV_POOLED, "recv_pooled", 1)       \
	X(RECV_MANY, "recv_pooled_many", 1)    \
	X(RECV_MSG, "recv_msg", 1)             \
	X(SEND, "send", 2)                     \
	X(SENDV, "sendv", 2)                   \
	X(SEND_POOLED, "send_pooled", 2)       \
	X(SEND_FILE, "send_file", 2)           \
	X(SEND_MSG, "send_msg", 2)             \
	X(SHUTDOWN, "shutdown", 2)             \
	X(STREAM_READ, "stream_read", 0)       \
	X(STREAM_DRAINED, "stream_drained", 0) \
	X(FILE_OPEN, "file_open", 0)           \
	X(FSTAT, "fstat", 0)                   \
	X(READ, "read", 0)                     \
	X(WRITE, "write", 0)                   \
	X(FSYNC, "fsync", 0)                   \
	X(DIR_READ, "dir_read", 0)             \
	X(POLL, "poll", 0)                     \
	X(READV, "readv", 0)                   \
	X(WRITEV, "writev", 0)                 \
	X(FILE_CALL, "file_call", 0)           \
	X(RECV_MSGS, "recv_msgs", 1)           \
	X(RECV_MSG_MANY, "recv_msg_many", 1)   \
	X(SEND_MSGS, "send_msgs", 2)           \
	X(WATCH, "watch", 0)                   \
	X(SPAWN, "spawn", 0)                   \
	X(CHILD, "child", 0)                   \
	X(REAP, "reap", 1)                     \
	X(EXITED, "exited", 0)                 \
	X(WALK, "walk", 0)                     \
	X(RECV_FDS, "recv_fds", 1)             \
	X(SEND_FDS, "send_fds", 2)             \
	X(FORWARD, "forward", 0)               \
	X(SPLICE_IN, "splice_in", 1)           \
	X(SPLICE_OUT, "splice_out", 2)

typedef enum px_kind {
#define PX_KIND_ENUM(name, text, dir) PX_##name,
	PX_KINDS(PX_KIND_ENUM)
#undef PX_KIND_ENUM
		PX_KIND_COUNT
} px_kind;
_Static_assert(PX_KIND_COUNT <= 64, "proa_stats.submitted and the backends' kind masks");

#define PX_KIND_BIT(kind) (UINT64_C(1) << (kind))
#define PX_KINDS_FILE                                                               \
	(PX_KIND_BIT(PX_FILE_OPEN) | PX_KIND_BIT(PX_FSTAT) | PX_KIND_BIT(PX_READ) | \
	 PX_KIND_BIT(PX_WRITE) | PX_KIND_BIT(PX_FSYNC) | PX_KIND_BIT(PX_DIR_READ) | \
	 PX_KIND_BIT(PX_READV) | PX_KIND_BIT(PX_WRITEV) | PX_KIND_BIT(PX_FILE_CALL))
#define PX_KINDS_MSG                                                                            \
	(PX_KIND_BIT(PX_RECV_MSG) | PX_KIND_BIT(PX_RECV_MSGS) | PX_KIND_BIT(PX_RECV_MSG_MANY) | \
	 PX_KIND_BIT(PX_SEND_MSG) | PX_KIND_BIT(PX_SEND_MSGS))
#define PX_KINDS_SOCKET                                                                   \
	(PX_KIND_BIT(PX_CONNECT) | PX_KIND_BIT(PX_ACCEPT) | PX_KIND_BIT(PX_ACCEPT_MANY) | \
	 PX_KIND_BIT(PX_RECV) | PX_KIND_BIT(PX_RECV_POOLED) | PX_KIND_BIT(PX_RECV_MANY) | \
	 PX_KIND_BIT(PX_SEND) | PX_KIND_BIT(PX_SENDV) | PX_KIND_BIT(PX_SEND_POOLED) |     \
	 PX_KIND_BIT(PX_SEND_FILE) | PX_KIND_BIT(PX_SHUTDOWN) | PX_KINDS_MSG)

/* What every backend of a real system takes. */
#define PX_KINDS_READY (PX_KINDS_SOCKET | PX_KIND_BIT(PX_POLL) | PX_KIND_BIT(PX_REAP))

/* And those of POSIX. */
#define PX_KINDS_FDS                                                                       \
	(PX_KIND_BIT(PX_RECV_FDS) | PX_KIND_BIT(PX_SEND_FDS) | PX_KIND_BIT(PX_SPLICE_IN) | \
	 PX_KIND_BIT(PX_SPLICE_OUT))

enum { PX_DIR_NONE, PX_DIR_IN, PX_DIR_OUT };

/* Flags of an op. */
enum {
	PX_F_CANCEL = 1 << 0,     /* the caller, or a close, asked for its end */
	PX_F_TIMEOUT = 1 << 1,    /* a deadline or the idle time asked first */
	PX_F_MULTI = 1 << 2,      /* multishot */
	PX_F_PAUSED = 1 << 3,     /* by proa_pause */
	PX_F_LISTED = 1 << 4,     /* on core->more: may have a completion to pull */
	PX_F_PARKED = 1 << 5,     /* on its pool's list: waits for a buffer */
	PX_F_BACKGROUND = 1 << 6, /* as `want` said at submit */
	PX_F_QUOTA = 1 << 7,      /* holds back: the caller has as many buffers as it may */
	PX_F_KERNEL = 1 << 8,   /* io_uring: the main entry is in the ring, its last CQE not seen */
	PX_F_KCANCEL = 1 << 9,  /* io_uring: a cancel entry is in the ring, its CQE not seen */
	PX_F_PHASE2 = 1 << 10,  /* a backend's own: second step of a two-step op */
	PX_F_CALLING = 1 << 11, /* a MORE callback of it is running */
	PX_F_STARTED = 1 << 13, /* a connect that has made its handle CONNECTING */
	PX_F_HOOKED = 1 << 13,  /* the same bit with an engine, which is told of the retirement */
	PX_F_CHAIN = 1 << 13,   /* ... and with a send: as `want` said at submit */
	PX_F_SAVED = 1 << 12    /* finished during that: the outputs wait in args.own */
				/* bits 14 and 15: a backend's own, uring.h */
};

typedef enum px_pulled { PX_PULL_NONE, PX_PULL_MORE, PX_PULL_FINAL } px_pulled;

typedef struct px_handle px_handle;
typedef struct px_op px_op;
typedef struct px_core px_core;
typedef struct px_pool px_pool;
typedef struct px_quota px_quota;

/* What a kind that no backend knows is cancelled through: timers apart, everything with PX_ENGINE
 * args. */
typedef struct px_engine {
	void (*cancel)(px_core *,
	               px_op *);  /* asks; the engine ends it with px_op_finish, perhaps at once */
	void (*retired)(px_op *); /* its callback comes now; may be NULL. Not of a multishot */
	px_pulled (*pull)(px_core *, px_op *); /* of a multishot: as px_backend_ops.pull */
} px_engine;

typedef union px_args {
	struct {
		const void *ptr;
		size_t len;
		int64_t off;
	} io; /* recv, send, sendv (vec, n), read, write, connect, recv_msg and send_msg (the
	         proa_msg), recv_msgs and send_msgs (the first, how many), splice_in and splice_out
	         (the px_duct, how many bytes at most, and all) */
	struct {
		const void *ptr;
		size_t len;
		px_pool *pool;
	} lent; /* send_pooled, as io; aux: which buffer of the pool */
	struct {
		px_handle *file;
		int64_t off, len;
	} file; /* send_file */
	struct {
		px_pool *pool;
		px_quota *quota;
		uint64_t own;
	} pooled; /* own: the backend's */
	struct {
		const px_engine *engine;
		void *a, *b;
	} engine; /* a bell: own.b is its count; a reap: b is the process's number */
	struct {
		int64_t (*fn)(proa_op *);
		struct px_strand *strand;
	} work;
	struct {
		const struct px_file_task *task;
		void *request;
		int64_t count; /* bytes that moved, as a worker tells it */
	} call;                /* file_call: op/file.h */
	struct {
		int64_t at_ns;
	} timer;
	struct {
		uint64_t a, b, c;
	} own; /* accept: the backend's; poll: a is what is asked for */
} px_args;

/* proa_op with its hidden part named. may_alias, because the caller's code knows the same bytes as
 * a proa_op. */
struct __attribute__((may_alias)) px_op {
	void *user;
	int64_t deadline_ns;
	int64_t result;
	union {
		struct {
			int64_t count;
			union {
				void *buf;
				proa_socket socket;
			};
		};
		px_node more; /* while LISTED or PARKED: both outputs are scratch then */
		px_mpsc_node
			inbox; /* on its way between threads: posts, doorbells, workers' returns */
	};
	int32_t sys_error;
	uint16_t want;
	uint16_t got;
	/* px_ begins here; the first three words are shared in shape with px_handle, see px_item */
	px_node link;
	uint8_t kind;      /* px_kind */
	uint8_t state;     /* px_state */
	uint16_t flags;    /* PX_F_... */
	uint32_t aux;      /* the engine's: a buffer's index, a record... */
	px_handle *handle; /* whose op it is: also for owned ones */
	proa_done *done;
	px_node timer; /* in core->deadlines */
	px_args args;
};
_Static_assert(sizeof(px_op) == 128 && sizeof(px_op) <= sizeof(proa_op), "px_op is proa_op; behind "
                                                                         "it, a backend's own");
_Static_assert(sizeof(void *) != 8 || offsetof(px_op, link) == offsetof(proa_op, px_), "px_ fits");

/* ---- states of a handle ----
 *
 *   FREE --init--> INIT --listen/adopt/connected--> OPEN --close--> CLOSING --all ended--> CLOSED
 * --told--> FREE | \--connect--> CONNECTING --/  (failed: back to INIT)     ^
 *                   +----------------- close ---------------------------------+
 *
 * CLOSING waits until in_flight is 0 and `owned` empty. CLOSED is on core->closed, out of its
 * owner's ring, and still counts in the owner's in_flight: so an owner's close is told last. */
enum { PX_H_FREE, PX_H_INIT, PX_H_CONNECTING, PX_H_OPEN, PX_H_CLOSING, PX_H_CLOSED };

/* Flags of a handle. The readiness engine's: READABLE and WRITABLE say "try before waiting"; HANGUP
 * that the peer has ended or failed, so a short read does not mean drained. */
enum {
	PX_HF_BUSY_IN = 1 << 0, /* px_queue_advance is at work on that side */
	PX_HF_BUSY_OUT = 1 << 1,
	PX_HF_BROKEN = 1 << 2, /* a torn send: the send side is finished */
	PX_HF_SHUT = 1 << 3,   /* proa_shutdown has been submitted */
	PX_HF_INFO =
		1 << 3, /* the same bit of a datagram socket: they come with more than from whom */
	PX_HF_ABORT = 1 << 4, /* close resets */
	PX_HF_LISTENER = 1 << 5,
	PX_HF_FINISHING = 1 << 6,  /* proa_finish is at work */
	PX_HF_REGISTERED = 1 << 7, /* with the selector */
	PX_HF_READABLE = 1 << 8,
	PX_HF_NEAR = 1 << 8, /* the same bit of a file: px_file_near */
	PX_HF_WRITABLE = 1 << 9,
	PX_HF_HANGUP = 1 << 10,
	PX_HF_AGAIN_IN = 1 << 11, /* a backend's own */
	PX_HF_AGAIN_OUT = 1 << 12,
	PX_HF_DEAD = 1 << 13,    /* a send found the peer gone */
	PX_HF_PEER = 1 << 13,    /* the same bit of a datagram socket: connected to its one peer */
	PX_HF_WATCHED = 1 << 14, /* its owner's `user` is a px_watch, told after the handle's own
	                            closed callback */
	PX_HF_PRESET = 1 << 15   /* internal: `closed` was set at init and no close replaces it; so
	                            no idle time, and none of a socket's ops */
};

/* What an internal owner of handles that others close is told by, with `h` FREE already. The first
 * member of something, or not; such a handle is never handed out as an event. */
typedef struct px_watch {
	void (*told)(struct px_handle *owner, struct px_handle *h);
} px_watch;

/* `kind` of a handle has the top bit set, to tell the two members of an owned ring apart. */
enum { PX_HANDLE_TAG = 0x80 };

struct __attribute__((may_alias)) px_handle {
	void *user;
	px_node link;       /* in owner->owned; on core->closed */
	uint8_t kind;       /* PX_HANDLE_TAG | proa_kind */
	uint8_t state;      /* PX_H_... */
	uint16_t flags;     /* PX_HF_... */
	uint32_t in_flight; /* its ops not yet retired + owned handles CLOSED and not yet told */
	px_core *core;
	px_handle *owner; /* NULL: the root */
	union {
		struct {
			px_node *owned;    /* ring: unordered ops and handles */
			px_node *in, *out; /* rings: the FIFO of each direction */
		};
		px_node *queues[3]; /* the same by direction */
	};
	px_node idle; /* in core->idles while an idle time is set */
	union {
		proa_closed *closed; /* CLOSING on */
		struct {
			uint32_t idle_ms;  /* 0 off */
			uint32_t moved_ms; /* when a byte last moved, on px_ms; wraps */
		};
	};
	int32_t fd;    /* -1 not open */
	uint32_t slot; /* the backend's */
};
_Static_assert(sizeof(px_handle) == sizeof(proa_handle), "px_handle is proa_handle");

/* What an owned ring holds: an op from `link` on, or a handle from `link` on. */
typedef struct __attribute__((may_alias)) px_item {
	px_node link;
	uint8_t tag;
} px_item;
_Static_assert(offsetof(px_op, kind) - offsetof(px_op, link) == sizeof(px_node), "px_item");
_Static_assert(offsetof(px_handle, kind) - offsetof(px_handle, link) == sizeof(px_node), "px_item");

static inline px_op *px_op_of(const proa_op *op)
{
	return (px_op *)(uintptr_t)op;
}

static inline proa_op *px_op_pub(const px_op *op)
{
	return (proa_op *)(uintptr_t)op;
}

static inline px_handle *px_handle_of(const proa_handle *h)
{
	return (px_handle *)(uintptr_t)h;
}

static inline proa_handle *px_handle_pub(const px_handle *h)
{
	return (proa_handle *)(uintptr_t)h;
}

static inline px_op *px_op_linked(px_node *node)
{
	return node ? PX_OF(node, px_op, link) : NULL;
}

/* Somebody has asked for its end: a cancel, a close, a deadline, an idle time. */
static inline bool px_op_asked(const px_op *op)
{
	return (op->flags & (PX_F_CANCEL | PX_F_TIMEOUT)) != 0;
}

extern const uint8_t px_kind_dir[PX_KIND_COUNT];
extern const char *const px_kind_name[PX_KIND_COUNT];

static inline px_node **px_queue(px_handle *h, int dir)
{
	return &h->queues[dir];
}

/* The op at the head of a direction, NULL if there is none. */
static inline px_op *px_queue_head(px_handle *h, int dir)
{
	return px_op_linked(px_ring_first(*px_queue(h, dir)));
}

static inline px_core *px_handle_core(const px_handle *h)
{
	return h->core;
}

static inline proa_kind px_handle_kind(const px_handle *h)
{
	return (proa_kind)(h->kind & ~PX_HANDLE_TAG);
}

/* Of a socket? Else the system has read(2) and write(2) for it. */
#define PX_HANDLES_SOCKET (1u << PROA_TCP | 1u << PROA_UDP | 1u << PROA_LOCAL)
static inline bool px_handle_is_socket(const px_handle *h)
{
	return (PX_HANDLES_SOCKET >> px_handle_kind(h) & 1) != 0;
}

static inline bool px_handle_closing(const px_handle *h)
{
	return h->state >= PX_H_CLOSING;
}

/* ---- the edges, op.c; all on the loop's thread ---- */

/* IDLE -> WAITING: checks misuse, links the op into its handle, counts it, arms its deadline. The
 * caller then fills op->args and calls px_op_go. */
px_op *px_op_begin(proa_handle *handle, proa_op *op, px_kind kind, proa_done *done);
/* Starts it if nothing stands before it; ends it at once if it cannot be (closing, past deadline,
 * broken, not open). */
void px_op_go(px_op *op);
/* WAITING -> INFLIGHT for kinds with an engine of their own (never passed to a backend). Call
 * between begin and the engine's work, after px_op_refused said no. */
void px_op_engine(px_op *op, const px_engine *engine, void *a, void *b);
bool px_op_has_engine(const px_op *op);
/* Ends an op that may not even be tried (closing handle, past deadline): true if it did. */
bool px_op_refused(px_op *op);

/* WAITING or INFLIGHT -> DONE. `result` -PROA_ECANCELED becomes ETIMEDOUT or EABORTED by who asked.
 * `count`: bytes that moved. Starts what stood behind it. Never calls back. */
void px_op_finish(px_op *op, int64_t result, int64_t count, int32_t sys_error);
/* INFLIGHT multishot: there may be something to pull. Does nothing if paused, listed or ended. */
void px_op_more(px_op *op);
/* Of a multishot that is WAITING or INFLIGHT; nothing else has a pause. */
void px_op_pause(px_op *op);
void px_op_resume(px_op *op);
/* Final completion pulled from a multishot: INFLIGHT -> DONE without the done list; the loop
 * retires it at once. */
void px_op_finish_pulled(px_op *op, int64_t result, int64_t count, int32_t sys_error);
/* DONE -> IDLE; the loop calls `done` next. */
void px_op_retire(px_op *op);
void px_op_cancel(px_op *op, unsigned why); /* PX_F_CANCEL or PX_F_TIMEOUT */
/* After the caller changed op->deadline_ns of an op in flight. */
void px_op_rearm(px_op *op);
/* The op's wheel node came out at `now`, the time of its slot, which may lie behind core->now_ns:
 * fires, or arms again if its own time is later, so that ops fire in the order of their ticks. */
void px_op_due(px_op *op, int64_t now);
/* When the op with this wheel node has to come out. */
uint64_t px_op_tick(const px_node *timer);
/* WAITING -> INFLIGHT, and back: a backend takes it along with the head of its direction, or has
 * done nothing of it after all. Whoever asked for its end meanwhile was told so by ops->cancel, so
 * the backend ends it. */
void px_op_join(px_op *op);
void px_op_part(px_op *op);
/* Starts what stands at the head of a direction, as far as it ends at once. */
void px_queue_advance(px_handle *h, int dir);
/* Ends every op of the handle's FIFOs that waits (not the one with the backend). */
void px_queue_fail(px_handle *h, int dir, int64_t result, int32_t sys_error);

/* ---- handles, handle.c ---- */

void px_handle_bind(px_handle *owner, px_handle *h); /* FREE -> INIT */
void px_handle_open(px_handle *h, int fd,
                    proa_kind kind); /* INIT or CONNECTING -> OPEN; takes fd */
void px_handle_unopen(px_handle *h); /* CONNECTING -> INIT: a connect failed; closes fd */
void px_handle_move(px_handle *from, px_handle *to); /* OPEN -> INIT, INIT -> OPEN */
void px_handle_close(px_handle *h, proa_closed *closed);
void px_handle_check(px_handle *h);    /* CLOSING -> CLOSED if all has ended */
void px_handle_told(px_handle *h);     /* CLOSED -> FREE; the loop calls `closed` next */
void px_handle_idle_due(px_handle *h); /* its idle node came due */

/* A byte moved on this handle: two stores. */
void px_handle_moved(px_core *core, px_handle *h);
/* Idle time is counted from here: from this very moment, for core->now_ns may be as old as a long
 * callback. */
void px_handle_idle_begins(px_handle *h);
/* Something of it waits for its peer, so that idle time counts. */
bool px_handle_waits(px_handle *h);

#endif
