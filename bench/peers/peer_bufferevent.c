/* An echo server on libevent's bufferevents: what came in is moved to what goes out, uncopied. */
/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <unistd.h>

enum { UNSENT_MAX = 256 * 1024 }; /* nothing is read while so much waits for a slow peer */

static px_peer peer;

static size_t unsent(struct bufferevent *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn));
}

static void conn_event(struct bufferevent *conn, short what, void *arg);
static void conn_read(struct bufferevent *conn, void *arg);

/* All is out. Reading goes on, or the connection's end was only waiting for this. */
static void conn_written(struct bufferevent *conn, void *ended)
{
	if (ended) {
		bufferevent_free(conn);
		return;
	}
	bufferevent_setcb(conn, conn_read, NULL, conn_event, NULL);
	bufferevent_enable(conn, EV_READ);
}

static void conn_read(struct bufferevent *conn, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(conn, bufferevent_get_input(conn));
	if (unsent(conn) < UNSENT_MAX)
		return;
	bufferevent_disable(conn, EV_READ);
	bufferevent_setcb(conn, conn_read, conn_written, conn_event, NULL);
}

static void conn_event(struct bufferevent *conn, short what, void *arg)
{
	(void)arg;
	if ((what & BEV_EVENT_EOF) && unsent(conn)) {
		bufferevent_disable(conn, EV_READ);
		bufferevent_setcb(conn, NULL, conn_written, conn_event, conn);
	} else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		bufferevent_free(conn);
	}
}

static void conn_open(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
                      int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *conn = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)addr;
	(void)length;
	(void)arg;
	if (!conn) {
		close(fd);
		return;
	}
	bufferevent_set_max_single_read(conn, peer.size);
	bufferevent_set_max_single_write(conn, UNSENT_MAX + peer.size);
	bufferevent_setcb(conn, conn_read, NULL, conn_event, NULL);
	bufferevent_enable(conn, EV_READ | EV_WRITE);
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
