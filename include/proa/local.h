/* What connects programs on one machine: pipes, local sockets, standard streams, terminals. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_LOCAL_H
#define PROA_LOCAL_H
#include "proa/net.h"
PROA_C_BEGIN

/* ---- pipes and pairs ---- */
/* Streams of bytes like any other: proa_recv, proa_send and their kin (proa/net.h), but no
 * proa_send_file. What is written to a pipe that nobody reads any more ends with ECONNRESET, and
 * raises no SIGPIPE. */

/* Opens two init handles as the ends of a new pipe, PROA_PIPE: what is sent on `writer` is received
 * on `reader`; the other way round is EBADF, and so is to shut the reader down. proa_shutdown of
 * the writer, or its close, is the end of the stream. Both are of one thread's loops. 0, or EMFILE,
 * ENFILE, EINVAL (a handle is not init), ENOTSUP (in a simulation). */
PROA_API int proa_pipe(proa_handle *reader, proa_handle *writer);

/* Opens two init handles as a pair of connected stream sockets, PROA_LOCAL (on Windows PROA_PIPE,
 * one that goes both ways): each receives what is sent on the other. Errors as of proa_pipe. */
PROA_API int proa_pair(proa_handle *a, proa_handle *b);

/* ---- local sockets ---- */
/* Streams with an address in the file system, "unix:/path", are proa_listen's and proa_connect's.
 * On Linux "unix:@name" is one that is in no file system, and gone with its last socket.
 *
 * So are Windows' pipes with names: "pipe:NAME" is \\.\pipe\NAME, at most 98 bytes of UTF-8 with
 * any characters, large and small letters being the same. Elsewhere it is EAFNOSUPPORT, as in a
 * simulation. What is connected, and what is accepted and adopted, is a PROA_PIPE that goes both
 * ways, with the bounds of such a one: proa_shutdown and proa_send_file are ENOTSUP, proa_finish
 * is the queued sends and the close. Both ends have its name as their address.
 * A listener makes its name, and is refused one that is there already (EADDRINUSE). Who may connect
 * or add to the pipe is who may use what the process makes, its user as a rule, and nobody on
 * another machine. It has 8 places for who has come and is not accepted yet (one before its first
 * accept; backlog is not looked at, and reuseport is ENOTSUP), and keeps them there when an accept
 * is cancelled. A client that
 * has left already is accepted, with what it sent. A proa_connect that finds no place free waits
 * for one, cancellable always; nobody who listens is ENOENT, and a pipe that goes one way is
 * EACCES. The listener learns who connects, but cannot act in that user's name. */

/* Opens an init handle as a local datagram socket, PROA_UDP: proa_recv_msg, proa_send_msg and
 * proa_udp_connect as for UDP, but nothing is lost: a send waits while its receiver has no room.
 * `own`: its address; NULL: none that others could know (on Linux one that answers find). 0, or
 * EADDRINUSE (also a path that is left from before: remove it), EAFNOSUPPORT (no local address, or
 * no such sockets here), EACCES, ENOENT, EMFILE, EINVAL (handle not init)... */
PROA_API int proa_local_gram(proa_handle *handle, const proa_addr *own);

/* Opens two init handles as a pair that keeps the bounds of messages, PROA_UDP too, each the
 * other's peer: proa_send_msg with no address. Where the system has them (SOCK_SEQPACKET), a
 * message of 0 bytes that nobody sent says that the other end has closed; else that is not told.
 * Errors as of proa_pipe. */
PROA_API int proa_pair_msg(proa_handle *a, proa_handle *b);

/* proa_listen and proa_connect with connections that keep the bounds of messages and their order
 * (SOCK_SEQPACKET): what is accepted and adopted, and what is connected, is a PROA_UDP handle as of
 * proa_pair_msg; a send to who has closed is EPIPE. The same errors, and EAFNOSUPPORT: no
 * local address, or no such sockets here (macOS, Windows, a simulation). */
PROA_API int proa_listen_msg(proa_handle *handle, const proa_addr *addr,
                             const proa_listen_options *options);
PROA_API void proa_connect_msg(proa_handle *handle, proa_op *op, const proa_addr *addr,
                               proa_done *done);

/* Who is at the other end of a connected local socket, or of a pipe with a name; of a pair: who
 * made it. */
typedef struct proa_cred {
	int64_t pid;       /* -1: the system does not tell it */
	uint32_t uid, gid; /* UINT32_MAX: it has no such numbers (Windows) */
} proa_cred;
/* 0, or ENOTCONN, ENOTSUP (no such handle, or the system does not tell). From the system,
 * not from the peer: it holds for the moment of its connect. */
PROA_API int proa_peer_cred(const proa_handle *handle, proa_cred *out);

/* ---- descriptors in messages ---- */

enum { PROA_FDS_MOST = 16 };

/* Lent until the final completion. */
typedef struct proa_fds {
	void *buf;  /* bytes that go along; only read by a send */
	size_t len; /* > 0: descriptors do not travel alone */
	proa_os_handle fd[PROA_FDS_MOST];
	unsigned n; /* send: how many of them; recv: out */
} proa_fds;

/* A proa_send of its bytes on a local stream, with copies of the descriptors at the first one.
 * Errors as of proa_send, and EINVAL (no bytes, too many), EBADF (one is not open), ENOTSUP (no
 * local socket, Windows, a simulation). */
PROA_API void proa_send_fds(proa_handle *handle, proa_op *op, const proa_fds *fds, proa_done *done);

/* A proa_recv, and with it the descriptors that came at these bytes: yours to adopt
 * (proa_adopt_os) or close, also if the result is not wanted; no child inherits them. PROA_TRUNC:
 * there were more than PROA_FDS_MOST, or than this process may open; those are closed. What another
 * recv receives comes without its descriptors: they are closed. Cancellable always; nothing is lost
 * by it. */
PROA_API void proa_recv_fds(proa_handle *handle, proa_op *op, proa_fds *fds, proa_done *done);

/* ---- standard streams and terminals ---- */

/* Opens an init handle as this process's standard input (0), output (1) or error (2), whatever it
 * is: PROA_TTY, PROA_PIPE, a socket; a file too is a stream here (PROA_PIPE), read and written at
 * its position. Returns that kind, or EBADF (there is none), EINVAL (handle not init, another
 * number), EMFILE, ENOTSUP (a simulation; Windows: it was opened for overlapped calls, as sockets
 * are). What this process has there stays open, and as far as the system allows is left as it is
 * for those who share it: the handle is another view of it (on Linux, of all but sockets), or the
 * state that it had comes back at exit. */
PROA_API int proa_stdio_open(proa_handle *handle, int number);

typedef enum proa_tty_how {
	PROA_TTY_AS_FOUND, /* as it was before the first change */
	PROA_TTY_KEYS,     /* each key at once and without echo; Ctrl-C and its like are signals */
	PROA_TTY_RAW       /* bytes as they are, both ways */
} proa_tty_how;

/* Sets what a terminal (PROA_TTY) does with keys. When the handle closes, and when the process
 * exits, it is as it was found; but not when a signal ends the process: listen to those that may
 * (proa_signal). On Windows a recv that waits for a line then goes on to wait for it. 0, ENOTSUP
 * (no terminal), EBUSY (more than 16 changed), EIO. */
PROA_API int proa_tty_set(proa_handle *tty, proa_tty_how how);

/* Its size in characters. 0, ENOTSUP (no terminal). */
PROA_API int proa_tty_size(const proa_handle *tty, unsigned *columns, unsigned *rows);

/* Multishot: the size of this process's terminal has changed; result: how often since last told.
 * Else as proa_signal. On Windows it is looked for four times a second. */
PROA_API void proa_tty_resized(proa_handle *owner, proa_op *op, proa_done *done);

PROA_C_END
#endif
