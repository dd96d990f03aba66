/* An echo server on libuv: one read buffer for all, uv_try_write first, a request for the rest. */
/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* What the peer was too slow for; nothing is read until it is written. */
typedef struct rest {
	uv_write_t request;
	char data[];
} rest;

static px_peer peer;

static void conn_closed(uv_handle_t *handle)
{
	free(handle);
}

static void conn_close(uv_stream_t *conn)
{
	if (!uv_is_closing((uv_handle_t *)conn))
		uv_close((uv_handle_t *)conn, conn_closed);
}

static void buffer_lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle;
	(void)suggested;
	buffer->base = peer.chunk;
	buffer->len = peer.size;
}

static void conn_read(uv_stream_t *conn, ssize_t got, const uv_buf_t *buffer);

static void rest_written(uv_write_t *request, int status)
{
	uv_stream_t *conn = request->handle;

	free(request->data);
	if (status < 0 || uv_read_start(conn, buffer_lend, conn_read))
		conn_close(conn);
}

static void rest_write(uv_stream_t *conn, const char *data, size_t bytes)
{
	rest *r = malloc(sizeof *r + bytes);
	uv_buf_t buffer;

	if (!r) {
		conn_close(conn);
		return;
	}
	memcpy(r->data, data, bytes);
	r->request.data = r;
	buffer = uv_buf_init(r->data, (unsigned)bytes);
	uv_read_stop(conn);
	if (uv_write(&r->request, conn, &buffer, 1, rest_written)) {
		free(r);
		conn_close(conn);
	}
}

static void conn_read(uv_stream_t *conn, ssize_t got, const uv_buf_t *buffer)
{
	uv_buf_t out;
	int put;

	if (got <= 0) {
		if (got < 0)
			conn_close(conn);
		return;
	}
	out = uv_buf_init(buffer->base, (unsigned)got);
	put = uv_try_write(conn, &out, 1);
	if (put == got)
		return;
	if (put < 0 && put != UV_EAGAIN)
		conn_close(conn);
	else
		rest_write(conn, buffer->base + (put < 0 ? 0 : put),
		           (size_t)(got - (put < 0 ? 0 : put)));
}

static void conn_accept(uv_stream_t *listener, int status)
{
	uv_tcp_t *conn;

	if (status < 0)
		return;
	conn = malloc(sizeof *conn);
	if (!conn)
		return;
	uv_tcp_init(listener->loop, conn);
	if (uv_accept(listener, (uv_stream_t *)conn) ||
	    uv_read_start((uv_stream_t *)conn, buffer_lend, conn_read))
		conn_close((uv_stream_t *)conn);
}

int main(int argc, char **argv)
{
	uv_tcp_t listener;
	uv_loop_t loop;

	peer = px_peer_start(argc, argv);
	if (uv_loop_init(&loop) || uv_tcp_init(&loop, &listener) ||
	    uv_tcp_open(&listener, peer.listener) ||
	    uv_listen((uv_stream_t *)&listener, 4096, conn_accept))
		px_peer_die("uv_listen");
	return uv_run(&loop, UV_RUN_DEFAULT);
}
