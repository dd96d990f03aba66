/* An echo server on libevent's plain events: persistent reads, written at once. */
/* SPDX-License-Identifier: MIT */
#include "../echo.h"
#include "peer.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stdlib.h>
#include <unistd.h>

/* One of the two events is added: read, or write while something is kept. */
typedef struct conn {
	struct event read, write;
	px_echo echo;
} conn;

static px_peer peer;

static void conn_close(conn *c)
{
	event_del(&c->read);
	event_del(&c->write);
	px_echo_close(&c->echo);
	free(c);
}

static void conn_readable(evutil_socket_t fd, short what, void *arg)
{
	conn *c = arg;

	(void)fd;
	(void)what;
	switch (px_echo_move(&c->echo, peer.chunk, peer.size)) {
	case PX_ECHO_KEPT:
		event_del(&c->read);
		event_add(&c->write, NULL);
		break;
	case PX_ECHO_GONE: conn_close(c); break;
	default: break; /* level-triggered: what is left makes the next event */
	}
}

static void conn_writable(evutil_socket_t fd, short what, void *arg)
{
	conn *c = arg;

	(void)fd;
	(void)what;
	switch (px_echo_flush(&c->echo)) {
	case PX_ECHO_FULL:
		event_del(&c->write);
		event_add(&c->read, NULL);
		break;
	case PX_ECHO_GONE: conn_close(c); break;
	default: break;
	}
}

static void conn_open(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
                      int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	conn *c = calloc(1, sizeof *c);

	(void)addr;
	(void)length;
	(void)arg;
	if (!c) {
		close(fd);
		return;
	}
	c->echo.fd = fd;
	event_assign(&c->read, base, fd, EV_READ | EV_PERSIST, conn_readable, c);
	event_assign(&c->write, base, fd, EV_WRITE | EV_PERSIST, conn_writable, c);
	if (event_add(&c->read, NULL))
		conn_close(c);
}

/* Out of descriptors: a breath, for the listener is level-triggered. */
static void accept_failed(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	(void)arg;
	usleep(1000);
}

int main(int argc, char **argv)
{
	struct event_config *config = event_config_new();
	struct evconnlistener *listener;
	struct event_base *base;

	peer = px_peer_start(argc, argv);
	event_config_set_flag(config,
	                      EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(config);
	listener = evconnlistener_new(base, conn_open, NULL, LEV_OPT_CLOSE_ON_FREE, 0,
	                              peer.listener);
	if (!listener)
		px_peer_die("evconnlistener_new");
	evconnlistener_set_error_cb(listener, accept_failed);
	return event_base_dispatch(base) < 0;
}
