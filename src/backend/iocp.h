/* The IOCP backend from the inside: one completion port a loop, and what each kind does with it. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_IOCP_H
#define PX_BACKEND_IOCP_H

#include "backend/scratch.h"
#include "base/slab.h"
#include "op/backend.h"
#include "sys/sys.h"
#include "sys/win/win.h"

/* ---- how it works ----
 *
 * Submitting is the overlapped call itself. "Pending" is its normal answer; the packet that the
 * port gives later names the call by the address of its OVERLAPPED, which is a part of the op
 * (iocp_op): so nothing is allocated, and the op ends only when the packet has come. Sockets that
 * allow it queue no packet for a call that succeeded at once (PX_IO_HF_SKIP); then its outcome is
 * used on the spot.
 *
 * An op has at most one call in the system at a time (PX_F_KERNEL). CancelIoEx names that call and
 * no other; the packet comes in any case, with what the call achieved or with "cancelled". When it
 * answers "not found", the call is over and its packet on the way; or, on Wine, the call was just
 * being woken and goes back to waiting. So it is asked again until the packet is there. Closing a
 * socket is the last thing that happens to it: by then every packet has come.
 *
 * A pooled recv is a recv of no bytes, which completes when there are some, and then a plain
 * non-blocking recv into a buffer taken that moment: an idle connection pins none. That is the
 * shape of readiness, so pooled.c does the second half for both.
 *
 * A multishot accept keeps several AcceptEx calls outstanding; each has a record of its own, with
 * the socket that it is to fill.
 *
 * How much of a send had gone when it was cancelled, the system does not promise to say. So a send
 * that was cancelled while the system had it breaks its direction, whatever its count. */

enum {
#ifdef PX_TORTURE
	PX_IO_ENTRIES = 2,       /* packets taken at once */
	PX_IO_ACCEPTS = 2,       /* calls behind a multishot accept */
	PX_IO_SEND_BYTES = 3000, /* in one call */
	PX_IO_SEND_CALLS = 2,    /* in a row that succeed at once */
	PX_IO_FILE_BYTES = 1000,
	PX_IO_RECV_BYTES = 2000
#else
	PX_IO_ENTRIES = 128,
	PX_IO_ACCEPTS = 8,
	PX_IO_SEND_BYTES = 1024 * 1024,
	PX_IO_SEND_CALLS = 16,
	/* What a call is given at most. Of a file: Windows does much of it inside the call (what
	 * extends a file always), with the loop waiting. Of a recv: the memory is pinned
	 * meanwhile. */
	PX_IO_FILE_BYTES = 256 * 1024,
	PX_IO_RECV_BYTES = 1024 * 1024
#endif
};

/* What a packet is: the port's key. */
enum {
	PX_IO_KEY_OP,
	PX_IO_KEY_ACCEPT,
	PX_IO_KEY_AGAIN,
	PX_IO_KEY_WAKE,
	PX_IO_KEY_TIMER,
	PX_IO_KEY_STREAM,
	PX_IO_KEY_NAMED
};

/* Flags of a handle: those that op.h leaves to the backends. */
enum {
	PX_IO_HF_PORT = PX_HF_REGISTERED, /* it belongs to the port */
	PX_IO_HF_SKIP = PX_HF_AGAIN_IN,   /* no packet for what succeeds at once */
	PX_IO_HF_MORE = PX_HF_READABLE,   /* there may be bytes: try before asking to be told */
	PX_IO_HF_WAITS = PX_HF_AGAIN_OUT  /* its calls wait: a thread makes them; with SKIP */
};

/* An op with what the system writes to behind it. */
typedef struct __attribute__((may_alias)) iocp_op {
	px_op op;
	OVERLAPPED overlapped;
} iocp_op;
_Static_assert(sizeof(iocp_op) == sizeof(proa_op), "PROA_OP_WORDS");

typedef struct px_io_stream px_io_stream;
typedef struct px_io_named px_io_named;

#define PX_IOCP_MAGIC PX_MAGIC('i', 'o', 'c', 'p')

/* What ends a wait in time, iocp_timer.c. */
typedef struct px_io_timer {
	HANDLE timer;                      /* NULL: there is none */
	HANDLE packet;                     /* NULL: the timer calls back */
	px_win_any_fn *associate, *cancel; /* ntdll's, for packets */
	int64_t due_ns;                    /* the deadline that it is set to; 0: not set */
	bool associated;                   /* its signal is to become a packet */
} px_io_timer;

typedef struct px_iocp {
	uint32_t magic;
	px_core *core;
	HANDLE port;
	px_io_timer timer;
	OVERLAPPED *missed;    /* calls whose cancel found nothing */
	px_slab accepts;       /* px_io_accept */
	px_slab polls;         /* px_io_poll */
	px_io_stream *streams; /* a list */
	px_io_named *named;    /* a list */
	HANDLE afd;            /* what polls are asked of; NULL until the first */
	const px_win_extensions *winsock;
	bool transmit;        /* send_file by TransmitFile; else read and send */
	px_scratches scratch; /* for that */
	OVERLAPPED_ENTRY entries[PX_IO_ENTRIES];
	CHAR overflow[64 * 1024]; /* what of a datagram does not fit; written, never read */
} px_iocp;

static inline px_iocp *px_iocp_of(const px_core *core)
{
	px_iocp *io = core->backend;

	PX_MAGIC_CHECK(io, PX_IOCP_MAGIC);
	return io;
}

static inline OVERLAPPED *px_io_overlapped(px_op *op)
{
	return &((iocp_op *)(void *)op)->overlapped;
}

/* ---- for the kinds, iocp.c ---- */

/* All zero but for the file position: the op's next call is about to be made. */
OVERLAPPED *px_io_begin(px_op *op, int64_t offset);
/* The call was made; `error` is 0 or what it said. Pending (or successful, but a packet comes all
 * the same): PX_F_KERNEL, true. False: it is over, with `error`. */
bool px_io_pending(px_op *op, int error);
/* How many bytes a call moved that was over at once. */
int64_t px_io_moved(px_op *op);
/* Asks that a call of this descriptor end; once is enough. */
void px_io_cancel(px_iocp *io, int fd, OVERLAPPED *o);
/* A packet comes by itself, and the op's submit is called again, behind the others. False: there is
 * no memory for one; then it goes on at once. */
bool px_io_again(px_iocp *io, px_op *op);
/* Any thread: a packet. Without memory for one it is tried until there is some, for one that is
 * lost is a loop that sleeps for ever. */
void px_io_post(px_iocp *io, ULONG_PTR key, OVERLAPPED *o);
/* One call of the op is over, and is its kind's now. */
void px_io_packet(px_iocp *io, px_op *op, int error, int64_t bytes);
/* The error's name for this op. */
int64_t px_io_error(const px_op *op, int error);
/* Ends a one-shot that failed with a system error; `count` bytes had moved. */
void px_io_fail(px_op *op, int error, int64_t count);
/* A call was cancelled that nobody asked for: a thread's end, another program's doing. */
bool px_io_lost(const px_op *op, int error);

/* What a kind does. `error`: 0 or a system code. */
typedef struct px_io_kind {
	void (*submit)(px_iocp *, px_op *);                           /* starts, or goes on */
	void (*packet)(px_iocp *, px_op *, int error, int64_t bytes); /* not of accepts */
} px_io_kind;

#define PX_IO_KINDS(X)                                         \
	/* iocp_accept.c */                                    \
	X(ACCEPT, px_io_accept_once, px_io_no_packet)          \
	X(ACCEPT_MANY, px_io_accept_many, px_io_no_packet)     \
	/* iocp_recv.c */                                      \
	X(CONNECT, px_io_connect, px_io_connect_packet)        \
	X(RECV, px_io_recv, px_io_recv_packet)                 \
	X(RECV_POOLED, px_io_pooled, px_io_pooled_packet)      \
	X(RECV_MANY, px_io_many, px_io_many_packet)            \
	/* iocp_send.c */                                      \
	X(SEND, px_io_send, px_io_send_packet)                 \
	X(SENDV, px_io_send, px_io_send_packet)                \
	X(SEND_POOLED, px_io_send, px_io_send_packet)          \
	X(SEND_FILE, px_io_send_file, px_io_send_file_packet)  \
	X(SHUTDOWN, px_io_shutdown, px_io_no_packet)           \
	/* iocp_msg.c */                                       \
	X(RECV_MSG, px_io_recv_msg, px_io_recv_msg_packet)     \
	X(RECV_MSGS, px_io_recv_msg, px_io_recv_msg_packet)    \
	X(SEND_MSG, px_io_send_msg, px_io_send_msg_packet)     \
	X(SEND_MSGS, px_io_send_msg, px_io_send_msg_packet)    \
	/* iocp_grams.c */                                     \
	X(RECV_MSG_MANY, px_io_grams, px_io_grams_packet)      \
	/* iocp_poll.c */                                      \
	X(POLL, px_io_poll_foreign, px_io_poll_foreign_packet) \
	/* iocp_child.c */                                     \
	X(REAP, px_io_reap, px_io_reap_packet)                 \
	/* iocp_file.c */                                      \
	X(READ, px_io_read, px_io_read_packet)                 \
	X(WRITE, px_io_write, px_io_write_packet)

#define PX_IO_KIND_DECLARE(kind, submit_fn, packet_fn) \
	void submit_fn(px_iocp *, px_op *);            \
	void packet_fn(px_iocp *, px_op *, int error, int64_t bytes);
PX_IO_KINDS(PX_IO_KIND_DECLARE)
#undef PX_IO_KIND_DECLARE

#define PX_IO_KIND_OR(kind, submit_fn, packet_fn) | PX_KIND_BIT(PX_##kind)
#define PX_IO_NATIVE                              (UINT64_C(0) PX_IO_KINDS(PX_IO_KIND_OR))

/* ---- iocp_msg.c, iocp_grams.c ---- */

/* What the system writes to until the packet. */
typedef struct __attribute__((may_alias)) px_io_msg {
	int name_len; /* in: the room */
	DWORD flags;
} px_io_msg;
/* One call for a datagram: 0 or what it said. */
int px_io_msg_recv(px_iocp *io, px_op *op, void *buf, size_t room, struct sockaddr *name,
                   px_io_msg *header);
/* n bytes have come, perhaps more than its room: the message's outputs but for whom it is from. */
void px_io_msg_received(px_iocp *io, px_op *op, proa_msg *m, int64_t n);
/* True: nothing of ours has happened, and it is to be tried again. */
bool px_io_msg_again(const px_op *op, int error);
px_pulled px_io_grams_pull(px_iocp *io, px_op *op);

/* ---- iocp_accept.c ---- */

typedef struct px_io_accept px_io_accept;
void px_io_accept_packet(px_iocp *io, px_io_accept *a, int error);
void px_io_accept_cancel(px_iocp *io, px_op *op);
px_pulled px_io_accept_pull(px_iocp *io, px_op *op);
void px_io_accept_paused(px_iocp *io, px_op *op, bool paused);
px_io_accept *px_io_accept_of(OVERLAPPED *overlapped);
extern const size_t px_io_accept_bytes; /* of a px_io_accept, for the slab */

/* ---- iocp_named.c: accepts at a pipe's name, and connects to it ---- */

/* It listens at one. */
static inline bool px_io_is_named(const px_handle *h)
{
	return px_handle_kind(h) == PROA_PIPE && (h->flags & PX_HF_LISTENER);
}
void px_io_named_accept(px_iocp *io, px_op *op);
void px_io_named_cancel(px_op *op);
px_pulled px_io_named_pull(px_iocp *io, px_op *op);
void px_io_named_resume(px_iocp *io, px_op *op);
void px_io_named_look(px_iocp *io);                /* the packet has come */
void px_io_named_close(px_iocp *io, px_handle *h); /* no accept is in flight */
void px_io_named_connect(px_op *op);
void px_io_named_connect_packet(px_op *op, int error);

/* ---- iocp_poll.c ---- */

typedef struct px_io_poll px_io_poll;
void px_io_poll_close(px_iocp *io);
int px_io_poll_fd(const px_op *op); /* what its call was made on */
extern const size_t px_io_poll_bytes;

/* ---- iocp_send.c ---- */

/* So many bytes more of a send have gone. */
void px_io_sent(px_iocp *io, px_op *op, int64_t n);
/* Ends a send that failed. `sending`: the system had some of it. */
void px_io_send_failed(px_op *op, int error, bool sending);
/* Ends one whose call on a file failed. */
void px_io_file_failed(px_op *op, int error, int64_t count);
/* What the next call of a send may take at most, of `left` bytes. */
int64_t px_io_send_part(const px_op *op, int64_t left);

/* ---- iocp_sendfile.c ---- */

/* What the op's call was made on: of a send_file perhaps its file, of a poll the driver. */
int px_io_call_fd(const px_op *op);

/* ---- iocp_stream.c: handles with PX_IO_HF_WAITS ---- */

/* As ReadFile and WriteFile, all or part of it: 0, with what was read as in a call that was over at
 * once; a Win32 code, which is mostly "pending". No len: to be told of bytes. */
int px_io_stream_read(px_op *op, void *buf, size_t len);
int px_io_stream_write(px_op *op, const void *bytes, size_t len);
/* What has been read already: bytes, 0 at the end, PX_AGAIN, an error. */
int64_t px_io_stream_take(px_handle *h, void *buf, size_t len, int32_t *sys_error);
bool px_io_stream_reads(const px_handle *h); /* somebody has received from it */
void px_io_stream_cancel(px_iocp *io, px_op *op);
void px_io_stream_close(px_handle *h, int dir); /* of what has none in flight */
void px_io_streams_look(px_iocp *io);           /* the packet has come */

/* ---- iocp_timer.c ---- */

void px_io_timer_open(px_iocp *io);
void px_io_timer_close(px_iocp *io);
/* The next wait is to end at deadline_ns, left_ns from now. True: it has to be alertable. */
bool px_io_timer_set(px_iocp *io, int64_t deadline_ns, int64_t left_ns);
/* Its packet has come; or a wait has ended without any: it is not to be relied on. */
void px_io_timer_over(px_iocp *io, bool fired);

/* ---- iocp_recv.c ---- */

px_pulled px_io_many_pull(px_iocp *io, px_op *op);

#endif
