/* An echo server on libev: a watcher a connection, read and written at once. */
/* SPDX-License-Identifier: MIT */
#include "../echo.h"
#include "peer.h"

#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCEPTS = 64 };

/* The watcher waits to read, or to write while something is kept. */
typedef struct conn {
	ev_io io;
	px_echo echo;
} conn;

static px_peer peer;

static void conn_close(struct ev_loop *loop, conn *c)
{
	ev_io_stop(loop, &c->io);
	px_echo_close(&c->echo);
	free(c);
}

static void conn_wait(struct ev_loop *loop, conn *c, int events)
{
	ev_io_stop(loop, &c->io);
	ev_io_modify(&c->io, events);
	ev_io_start(loop, &c->io);
}

static void conn_ready(struct ev_loop *loop, ev_io *io, int events)
{
	conn *c = io->data;

	if (events & EV_READ) {
		switch (px_echo_move(&c->echo, peer.chunk, peer.size)) {
		case PX_ECHO_KEPT: conn_wait(loop, c, EV_WRITE); break;
		case PX_ECHO_GONE: conn_close(loop, c); break;
		default: break; /* level-triggered: what is left makes the next event */
		}
		return;
	}
	switch (px_echo_flush(&c->echo)) {
	case PX_ECHO_FULL: conn_wait(loop, c, EV_READ); break;
	case PX_ECHO_GONE: conn_close(loop, c); break;
	default: break;
	}
}

static void conn_open(struct ev_loop *loop, int fd)
{
	conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return;
	}
	c->echo.fd = fd;
	c->io.data = c;
	ev_io_init(&c->io, conn_ready, fd, EV_READ);
	ev_io_start(loop, &c->io);
}

static void listener_ready(struct ev_loop *loop, ev_io *io, int events)
{
	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			conn_open(loop, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			usleep(1000); /* out of descriptors: a breath, the listener is
			                 level-triggered */
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

int main(int argc, char **argv)
{
	struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	ev_io listener;

	peer = px_peer_start(argc, argv);
	if (!loop)
		px_peer_die("ev_loop_new");
	ev_io_init(&listener, listener_ready, peer.listener, EV_READ);
	ev_io_start(loop, &listener);
	ev_run(loop, 0);
	return 0;
}
