/* Addresses, TCP and local stream sockets, datagrams, the buffered stream, and serving. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_NET_H
#define PROA_NET_H
#include "proa/loop.h"
PROA_C_BEGIN

/* ---- addresses ---- */

/* A socket address: the system's own sockaddr in `data`, `len` bytes of it. A value. */
typedef struct proa_addr {
	uint32_t len;
	uint32_t family; /* the system's AF_... */
	unsigned char data[120];
} proa_addr;

#define PROA_ADDR_TEXT 128 /* bytes that any printed address fits into, with its 0 */

/* "127.0.0.1:80", "[::1]:80", ":80" and "*:80" (every address), "127.0.0.1", "::1" (default_port),
 * "[fe80::1%eth0]:80", "unix:/path" ("unix:@name": see proa/local.h). No names: those are
 * proa_resolve's. 0 or -PROA_EADDRTEXT. */
PROA_API int proa_addr_parse(proa_addr *out, const char *text, uint16_t default_port);
/* The same text back, 0-terminated: its length, or -PROA_ETOOLONG. */
PROA_API int proa_addr_print(const proa_addr *addr, char *out, size_t size);
PROA_API uint16_t proa_addr_port(const proa_addr *addr); /* 0 if it has none */
PROA_API int proa_local_addr(const proa_handle *handle,
                             proa_addr *out); /* 0, -PROA_ENOTCONN, ... */
PROA_API int proa_peer_addr(const proa_handle *handle, proa_addr *out);

/* ---- listening and connecting ---- */

typedef struct proa_listen_options {
	size_t size;
	int backlog;      /* 0: 4096 (the system caps it) */
	bool reuseport;   /* several listeners on one address, the system spreads connections over
	                     them */
	bool v6only;      /* a v6 wildcard does not take v4 as well */
	bool nodelay_off; /* accepted TCP connections keep Nagle's algorithm; default: they start
	                     with TCP_NODELAY */
} proa_listen_options;

/* Opens an init handle as a listener. 0, or EADDRINUSE, EADDRNOTAVAIL, EACCES, EMFILE, EINVAL
 * (handle not init)... */
PROA_API int proa_listen(proa_handle *handle, const proa_addr *addr,
                         const proa_listen_options *options);

/* One connection: op->socket, yours to adopt or close. Aborted connections are swallowed and
 * counted; exhaustion (EMFILE and its kin) pauses the listener, goes to the loop's notice and
 * resumes by itself. Cancellable always. */
PROA_API void proa_accept(proa_handle *listener, proa_op *op, proa_done *done);
PROA_API void proa_accept_many(proa_handle *listener, proa_op *op, proa_done *done); /* multishot */

/* Opens an init handle by connecting it. 0 on success; on failure the handle is init again, not
 * open. Ops submitted on the handle meanwhile wait for it and end with its error if it fails.
 * `addr` is copied. TCP_NODELAY is set. Errors: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH,
 * EADDRNOTAVAIL, ETIMEDOUT, ECANCELED, EMFILE... Cancellable always. */
PROA_API void proa_connect(proa_handle *handle, proa_op *op, const proa_addr *addr,
                           proa_done *done);

PROA_API int proa_set_nodelay(proa_handle *handle, bool on); /* TCP_NODELAY; 0 or an error */
PROA_API int proa_set_keepalive(proa_handle *handle, int idle_s, int interval_s,
                                int probes); /* idle_s 0: off */
PROA_API int proa_set_buffers(proa_handle *handle, int recv_bytes,
                              int send_bytes); /* SO_RCVBUF, SO_SNDBUF; 0: leave */

/* ---- receiving and sending on a stream ---- */
/* Each direction is a FIFO of its own: ops complete in submission order. None of these allocates.
 * On a UDP handle they end with ENOTSUP: see proa_recv_msg. */

/* Up to len bytes into buf, lent until the final completion. result: bytes; 0 with PROA_END at the
 * end of the stream (len must be > 0: else -PROA_EINVAL). Errors: ECONNRESET, ETIMEDOUT...
 * Cancellable always. */
PROA_API void proa_recv(proa_handle *handle, proa_op *op, void *buf, size_t len, proa_done *done);

/* The same into a buffer of the pool (NULL: the loop's), taken when bytes are there: op->buf, yours
 * until proa_buffer_return or proa_send_pooled. No buffer comes with result <= 0. An empty pool
 * parks the recv; ENOMEM only if there was no memory for a single buffer. */
PROA_API void proa_recv_pooled(proa_handle *handle, proa_op *op, proa_buffers *pool,
                               proa_done *done);

/* Multishot: at most max_held buffers (0: any number) are out with the caller at a time, then it
 * waits for returns. Ends with result 0 and PROA_END, or an error. Starting it may allocate
 * (ENOMEM). */
PROA_API void proa_recv_pooled_many(proa_handle *handle, proa_op *op, proa_buffers *pool,
                                    unsigned max_held, proa_done *done);

/* All len bytes: result is len, or an error with op->count told; never short without one. A cancel,
 * deadline or error with 0 < count < len breaks the direction: queued and later sends end with
 * -PROA_EBROKEN; with PROA_CHAIN count 0 does, too. Dead peer: ECONNRESET. Behind proa_shutdown:
 * EPIPE. `buf` is lent until the final. Cancellable always. */
PROA_API void proa_send(proa_handle *handle, proa_op *op, const void *buf, size_t len,
                        proa_done *done);

/* proa_send of a pooled buffer (or a part of one, `buf` pointing anywhere into it), which goes back
 * to its pool at the final, on every path. */
PROA_API void proa_send_pooled(proa_handle *handle, proa_op *op, void *buf, size_t len,
                               proa_done *done);

typedef struct proa_vec {
	const void *base;
	size_t len;
} proa_vec;
/* proa_send of n pieces (at most 1024: else EINVAL); vec and pieces are lent until the final. */
PROA_API void proa_sendv(proa_handle *handle, proa_op *op, const proa_vec *vec, unsigned n,
                         proa_done *done);

/* count bytes of an open file from offset. result: bytes; fewer than count only with PROA_END, when
 * the file ended first. The file must stay open (its close waits for the send). Cancellable always;
 * a torn one breaks the direction. */
PROA_API void proa_send_file(proa_handle *handle, proa_op *op, proa_handle *file, int64_t offset,
                             int64_t count, proa_done *done);

/* Shuts the send side down, behind queued sends. Result 0, or ENOTCONN, ECONNRESET, EBROKEN (behind
 * a torn send)... */
PROA_API void proa_shutdown(proa_handle *handle, proa_op *op, proa_done *done);

/* ---- from one stream to another ---- */

/* What a proa_forward needs: lent to it until its final completion. Need not be zero before. */
typedef struct proa_forwarding {
	uint64_t px_[28 + 2 * PROA_OP_WORDS];
} proa_forwarding;

/* Moves what `from` receives to `to`, until the end of `from` (result with PROA_END; `to` is not
 * shut down: do it, or go on sending) or until `limit` bytes have gone (0: no limit), of which none
 * more is taken. result and count: the bytes that moved; count is told with an error, too, and
 * PROA_FAR if it was `to` that failed or closed: ECONNRESET, EPIPE... as of a send, else as of a
 * recv; EINVAL (a limit below 0, handles of two loops). The op belongs to `from`, but a close of
 * `to` also cancels and awaits it. One piece is on its way at a time (a buffer of the loop's pool,
 * or on Linux, between sockets that have much to say, a pipe of the kernel's, and no byte is
 * copied): so the pace is the slower one's. That `to` has died is found when the next bytes are to
 * go. Meanwhile nobody else receives on `from`; what others send on `to` goes between two pieces.
 * Cancellable always. If bytes had been taken from `from` that then did not go, by a cancel, a
 * deadline or an error, they are lost, and the send side of `to` is broken as by a torn send. */
PROA_API void proa_forward(proa_handle *from, proa_handle *to, proa_op *op, proa_forwarding *state,
                           int64_t limit, proa_done *done);

/* ---- datagrams: UDP over IPv4 and IPv6 ---- */

typedef struct proa_udp_options {
	size_t size;
	bool reuseport; /* several sockets on one address, the system spreads datagrams over
	                   them; ENOTSUP where it cannot */
	bool v6only;    /* a v6 wildcard does not take v4 as well */
	bool broadcast; /* may send to broadcast addresses (else EACCES) */
	bool info;      /* each datagram tells where it was sent to, on which interface it came, and
	                   its TTL: proa_msg.local, if_index, ttl; ENOTSUP where it cannot */
	bool gro;    /* datagrams of one sender may come joined, see proa_msg.segment_bytes: UDP_GRO
	                of Linux; where there is none they come one by one */
	bool shared; /* several programs listen on the port, each hears what is sent to a group:
	                SO_REUSEADDR */
	int recv_bytes; /* SO_RCVBUF, what may wait to be received; 0: leave */
	int send_bytes; /* SO_SNDBUF; 0: leave */
} proa_udp_options;

/* One datagram and its other end. Lent, with its buffer, until the final completion: a kernel keeps
 * its header in the hidden part meanwhile. Any number may be used again and again, for either
 * direction: an echo sends back the proa_msg that it received, with `len` set. */
typedef struct proa_msg {
	void *buf;  /* only read by a send */
	size_t len; /* recv: room, > 0; send: bytes, 0 is an empty datagram */
	/* recv: out, where it came from, told with every result >= 0. send: in, where it goes.
	 * Always of the socket's own family: on a v6 socket that takes v4, ::ffff:127.0.0.1. */
	proa_addr addr;
	/* recv, with proa_udp_options.info: out, where it was sent to, with the port 0; len 0
	 * without. send: in, the address it comes from, one of this machine's (EADDRNOTAVAIL,
	 * EINVAL, ENETUNREACH else; ENOTSUP where it cannot be chosen); len 0: the system
	 * chooses. */
	proa_addr local;
	/* Several datagrams in one: each of so many bytes, the last one may be shorter; 0: it is
	 * one. send: in, `buf` is cut into them, in as few calls as the system allows (UDP_SEGMENT
	 * of Linux), and `len` may then be of any size. recv, with options.gro: out. */
	uint32_t segment_bytes;
	uint32_t if_index; /* recv, with info: out, the interface it came on; 0: not told */
	int32_t ttl;       /* recv, with info: out, what is left of its TTL; -1: not told */
	uint32_t got;      /* of proa_recv_msgs: out, PROA_TRUNC as of an op */
	size_t count;      /* of proa_recv_msgs: out, its bytes */
	uint64_t px_[26];  /* the library's */
} proa_msg;

/* Opens an init handle as PROA_UDP on that address; port 0 picks one (proa_local_addr tells it). 0,
 * or EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT (no IP address), EMFILE, EINVAL (handle not
 * init)... */
PROA_API int proa_udp_bind(proa_handle *handle, const proa_addr *addr,
                           const proa_udp_options *options);

/* Fixes the peer, at once, without a word to it: from now on only its datagrams arrive (those of
 * others that were there before still do), sends go to it alone, and that nobody listens there is
 * told. Opens an init handle, on an address that the system chooses; or changes one that is bound,
 * or connected already. 0, or EINVAL (no UDP handle), EAFNOSUPPORT, ENETUNREACH, EADDRNOTAVAIL...
 */
PROA_API int proa_udp_connect(proa_handle *handle, const proa_addr *addr);

/* One datagram. result: its bytes, 0 if it was empty (no PROA_END: there is no end); PROA_TRUNC
 * when it was longer than len, result is len then and the rest is lost. Ops complete in submission
 * order, one datagram each. Errors: EINVAL (len 0), ENOTSUP (not a UDP handle); on a connected one
 * ECONNREFUSED, EHOSTUNREACH...: an answer to something sent earlier, after which the handle goes
 * on. One that is not connected is told no such thing. Cancellable always; no datagram is lost by
 * it. */
PROA_API void proa_recv_msg(proa_handle *handle, proa_op *op, proa_msg *msg, proa_done *done);

/* One datagram to msg->addr, or with addr.len 0 to the connected peer. result: len, as soon as the
 * system has taken it; whether it arrives, nobody tells. All or nothing, and it breaks no
 * direction: the next one may succeed. Errors: EMSGSIZE (too long for the system or the way; 65507
 * bytes is the most that v4 carries, some systems take 9216 only), ENOTCONN (no address, and not
 * connected), EISCONN (an address, though connected), ENOTSUP (not a UDP handle), EACCES,
 * ENETUNREACH, ENOBUFS (the system has dropped it)...; on a connected handle also what recv_msg
 * tells, and then nothing was sent. Cancellable always. */
PROA_API void proa_send_msg(proa_handle *handle, proa_op *op, proa_msg *msg, proa_done *done);

/* Multishot: each completion is one datagram (with options.gro: one run of them) in a buffer of the
 * pool, op->buf its bytes, op->result how many (0 is an empty one; PROA_TRUNC with PROA_MORE: it
 * was longer than the room). proa_msg_of tells the rest. The buffer goes back by
 * proa_buffer_return. `pool` is one that was opened with `datagrams` (EINVAL else); NULL: the
 * loop's own for datagrams, at most 256 buffers of 64 KiB. A pool without buffers parks the op, and
 * the system drops what it has no room for. Several datagrams are taken in one call where the
 * system can. Has no end of its own but an error, as of recv_msg; ENOMEM if there was no memory for
 * a single buffer. Cancellable always, and what has been taken is delivered before the final. */
PROA_API void proa_recv_msg_many(proa_handle *handle, proa_op *op, proa_buffers *pool,
                                 proa_done *done);

/* Everything about the datagram that such a completion brought: buf, len, addr... Ready to be sent
 * back as it is; so to say an answer to one that went to a group, set local.len 0 first. In the
 * callback, or later with an event's buf and result, while the buffer is yours. */
PROA_API void proa_msg_of(const void *buf, int64_t result, proa_msg *msg);

/* One to n datagrams, as many as are there: result: how many (>= 1). Of each, `count` is its bytes,
 * `got` PROA_TRUNC or 0, the rest as of recv_msg; `len` is its room (> 0). n: 1 to 1024. Errors and
 * cancel: as of recv_msg. */
PROA_API void proa_recv_msgs(proa_handle *handle, proa_op *op, proa_msg *msgs, unsigned n,
                             proa_done *done);

/* n datagrams in order, in as few calls as the system allows: result: n, or the error of one that
 * could not go, op->count being how many went before it. n: 1 to 1024. Cut into segments, one takes
 * 64 of them and 65507 bytes at most (EINVAL). Errors: as of send_msg. */
PROA_API void proa_send_msgs(proa_handle *handle, proa_op *op, proa_msg *msgs, unsigned n,
                             proa_done *done);

/* The handle receives what is sent to a group (v4 or v6), on that interface (a number; 0: the
 * system chooses), from `source` only if not NULL. The port is the handle's. 0, or EINVAL (no
 * group, or joined already by the system's words: EADDRINUSE, EADDRNOTAVAIL), ENODEV, ENOTSUP (a
 * source where the system knows none; in a simulation)... */
PROA_API int proa_udp_join(proa_handle *handle, const proa_addr *group, const proa_addr *source,
                           uint32_t if_index);
PROA_API int proa_udp_leave(proa_handle *handle, const proa_addr *group, const proa_addr *source,
                            uint32_t if_index);
PROA_API uint32_t proa_if_index(const char *name); /* its number; 0: there is none */

typedef enum proa_udp_option {
	PROA_UDP_TTL,                /* of datagrams to one host: 1 to 255 */
	PROA_UDP_MULTICAST_TTL,      /* to groups: 0 to 255; 1 by default: this network only */
	PROA_UDP_MULTICAST_LOOP,     /* 0 or 1 (default): groups joined here hear it too */
	PROA_UDP_MULTICAST_INTERFACE /* where datagrams to groups leave: its number */
} proa_udp_option;
/* 0, or EINVAL (value, no UDP handle), ENODEV, ENOTSUP (in a simulation)... */
PROA_API int proa_udp_set(proa_handle *handle, proa_udp_option option, int value);

/* ---- stream: a buffered reader and writer on a handle ---- */
/* Zero-initialised by proa_stream_init, on an init or open handle; lives until the handle's close
 * completes and is freed with it. While a stream reads, nobody else receives on its handle. */

typedef struct proa_stream {
	uint64_t px_[46 + PROA_OP_WORDS];
} proa_stream;

typedef struct proa_stream_options {
	size_t size;
	size_t in_limit_bytes;  /* the longest read, and unread input kept at most, beyond what
	                           one buffer of the pool brings (0: 64 KiB) */
	size_t out_limit_bytes; /* unsent output kept at most (0: 256 KiB) */
	size_t out_low_bytes; /* the low water mark: what proa_stream_drained(…, 0) waits for (0: a
	                         quarter) */
	proa_buffers *pool;   /* NULL: the loop's */
} proa_stream_options;

PROA_API void proa_stream_init(proa_stream *stream, proa_handle *handle,
                               const proa_stream_options *options);

/* Reads, one at a time: op->buf and result are the bytes, valid until the next read or the close,
 * and writable. result 0 with PROA_END: the stream ended before the first byte. Ended inside an
 * exact or until: EEND (count: bytes there). Over the limit: ETOOLONG, nothing consumed. A second
 * read while one is in flight: EALREADY. Cancellable always; what came is kept for the next read,
 * and so is an error of the connection. */
PROA_API void proa_stream_read_some(proa_stream *stream, proa_op *op, size_t max,
                                    proa_done *done); /* 1..max bytes */
PROA_API void proa_stream_read_exact(proa_stream *stream, proa_op *op, size_t n, proa_done *done);
PROA_API void proa_stream_read_until(
	proa_stream *stream, proa_op *op, const char *delim, size_t limit,
	proa_done *done); /* the bytes up to and with delim; delim: 1 to 8 bytes, copied */

/* Copies into the output, which goes out by itself: in order with other sends on the handle, and
 * before a later proa_shutdown or proa_finish. 0; -PROA_EFULL: over the limit, nothing taken;
 * -PROA_ENOMEM; -PROA_ECANCELED: closing; or the error that ended the output earlier. */
PROA_API int proa_stream_put(proa_stream *stream, const void *bytes, size_t len);

/* Completes with 0 when at most below_bytes (0: the low water mark) are unsent; or the output's
 * error. One at a time. */
PROA_API void proa_stream_drained(proa_stream *stream, proa_op *op, size_t below_bytes,
                                  proa_done *done);
PROA_API size_t proa_stream_queued(const proa_stream *stream); /* bytes put and not yet sent */

/* ---- serving: listen, accept, a slab of connections, limits, drain ---- */

typedef struct proa_server {
	uint64_t px_[68 + 2 * PROA_OP_WORDS];
} proa_server;

typedef struct proa_serve_options {
	size_t size;
	size_t conn_bytes; /* the connection's struct; it begins with its proa_handle */
	unsigned conn_max; /* then accepting pauses (0: no limit) */
	int64_t idle_ns;   /* proa_set_idle of each (0: off) */
	/* A new connection: its struct is zero but for the open handle. Its memory goes back after
	 * its close (after that close's own callback). On the loop's thread. */
	void (*start)(proa_handle *conn, void *user);
	/* Called once for each open connection when a drain begins, and at once for one that
	 * arrives after: finish early if idle. May be NULL. */
	void (*drain)(proa_handle *conn, void *user);
	void *user;
	const proa_listen_options *listen;
} proa_serve_options;

/* Serves `addr` (text as for proa_addr_parse) on the owner's loop; options are copied. The server
 * struct lives until its end. 0 or an error of proa_listen. It also ends when its owner closes. */
PROA_API int proa_serve(proa_handle *owner, proa_server *server, const char *addr,
                        const proa_serve_options *options);
PROA_API int proa_serve_addr(const proa_server *server, proa_addr *out); /* the bound address */
PROA_API unsigned proa_serve_count(const proa_server *server);           /* open connections */
PROA_API bool proa_serve_draining(const proa_server *server);
/* Stops accepting, calls `drain` for each connection (in the next iteration), waits until all are
 * closed or the deadline (0: none), closes the rest, then calls `closed` (may be NULL) with the
 * server's handle, whose address is the server's and whose `user` that of the options. PROA_POLL:
 * at once, without `drain`. Another call can only bring the deadline nearer. */
PROA_API void proa_serve_end(proa_server *server, int64_t drain_deadline_ns, proa_closed *closed);
/* The server of a connection made by it (its handle's owner). */
PROA_API proa_server *proa_serve_of(const proa_handle *conn);

PROA_C_END
#endif
