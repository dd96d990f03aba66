/* What a server by readiness does with a ready descriptor: read, write at once, keep the rest. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* A connection's descriptor, and what its peer was too slow for: bytes [from, to) of `kept`.
 * Nothing is read while something is kept, so a slow peer costs one chunk at most. */
typedef struct px_echo {
	int fd;
	char *kept;
	size_t from, to;
} px_echo;

typedef enum px_echo_state {
	PX_ECHO_FULL,  /* the chunk was filled: there may be more */
	PX_ECHO_SHORT, /* there was less than that, so this was all, unless the peer is closing */
	PX_ECHO_EMPTY, /* nothing to read */
	PX_ECHO_KEPT,  /* the peer takes no more now: wait until it can be written, then flush */
	PX_ECHO_GONE,  /* end or error: close */
} px_echo_state;

/* Keeps a copy of data[0, bytes). */
px_echo_state px_echo_keep(px_echo *e, const char *data, size_t bytes);

/* PX_ECHO_FULL: nothing is kept any more, read again. */
px_echo_state px_echo_flush(px_echo *e);

/* Closes the descriptor and frees what is kept; the px_echo itself is its owner's. */
void px_echo_close(px_echo *e);

/* One read into the chunk that all share, and one write of what came. */
static inline px_echo_state px_echo_move(px_echo *e, char *chunk, size_t size)
{
	ssize_t got = recv(e->fd, chunk, size, 0);
	ssize_t put;

	if (got <= 0) {
		if (!got || (errno != EAGAIN && errno != EINTR))
			return PX_ECHO_GONE;
		return errno == EINTR ? PX_ECHO_FULL : PX_ECHO_EMPTY;
	}
	put = send(e->fd, chunk, (size_t)got, MSG_NOSIGNAL);
	if (put != got) {
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return PX_ECHO_GONE;
		put = put < 0 ? 0 : put;
		return px_echo_keep(e, chunk + put, (size_t)(got - put));
	}
	return (size_t)got < size ? PX_ECHO_SHORT : PX_ECHO_FULL;
}

#endif
