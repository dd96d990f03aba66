/* The reference for epoll: an echo server by hand, one thread, everything right. */
/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	BATCH = 512,
	CHUNK = 64 * 1024, /* one buffer for all: only what could not be written is kept */
	TURNS = 8,         /* chunks a connection may move before the others get their turn */
	ACCEPTS = 64,
};

/* readable: an edge came that no short read has answered yet. hung: it said the peer is gone, so a
 * short read is not the end, the next one tells. Nothing is read while something is kept. */
typedef struct conn {
	int fd;
	bool readable, hung, again;
	char *kept; /* what the peer was too slow for: bytes [from, to) */
	size_t from, to;
	struct conn *next; /* in the list of those whose turn was cut short */
} conn;

static struct {
	int epoll, listener, spare;
	conn *again;
	char chunk[CHUNK];
} server;

/* Never one on the again list: its events only leave marks until that list is walked. */
static void conn_close(conn *c)
{
	close(c->fd);
	free(c->kept);
	free(c);
}

static void conn_again(conn *c)
{
	if (c->again)
		return;
	c->again = true;
	c->next = server.again;
	server.again = c;
}

/* False: the connection is gone. */
static bool conn_keep(conn *c, const char *data, size_t bytes)
{
	c->kept = malloc(bytes);
	if (!c->kept)
		return false;
	memcpy(c->kept, data, bytes);
	c->from = 0;
	c->to = bytes;
	return true;
}

/* What was written, fewer than `bytes` if the peer is slow, -1 if it is gone. */
static ssize_t conn_write(conn *c, const char *data, size_t bytes)
{
	ssize_t n = send(c->fd, data, bytes, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* False: the connection is gone. */
static bool conn_flush(conn *c)
{
	ssize_t n = conn_write(c, c->kept + c->from, c->to - c->from);

	if (n < 0)
		return false;
	c->from += (size_t)n;
	if (c->from == c->to) {
		free(c->kept);
		c->kept = NULL;
	}
	return true;
}

/* False: the connection is gone. */
static bool conn_echo(conn *c)
{
	ssize_t n = recv(c->fd, server.chunk, CHUNK, 0);
	ssize_t written;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		c->readable = errno == EINTR;
		return true;
	}
	if (n <= 0)
		return false;
	if (n < CHUNK && !c->hung)
		c->readable = false;
	written = conn_write(c, server.chunk, (size_t)n);
	if (written < 0)
		return false;
	if (written < n)
		return conn_keep(c, server.chunk + written, (size_t)(n - written));
	return true;
}

static void conn_turn(conn *c)
{
	int turns = 0;

	if (c->kept && !conn_flush(c)) {
		conn_close(c);
		return;
	}
	while (c->readable && !c->kept) {
		if (turns++ == TURNS) {
			conn_again(c);
			return;
		}
		if (!conn_echo(c)) {
			conn_close(c);
			return;
		}
	}
}

static void conn_open(int fd)
{
	conn *c = calloc(1, sizeof *c);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	                            .data.ptr = c};

	if (c)
		c->fd = fd;
	if (!c || epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event)) {
		close(fd);
		free(c);
	}
}

/* Out of descriptors: the one held back takes the connection and drops it, or the
 * level-triggered listener would spin. */
static void listener_shed(void)
{
	close(server.spare);
	close(accept(server.listener, NULL, NULL));
	server.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listener_accept(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			conn_open(fd);
		else if (errno == EMFILE || errno == ENFILE)
			listener_shed();
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void again_run(void)
{
	conn *c = server.again;

	server.again = NULL;
	while (c) {
		conn *next = c->next;

		c->again = false;
		conn_turn(c);
		c = next;
	}
}

static void event_handle(const struct epoll_event *event)
{
	conn *c = event->data.ptr;

	if (!c) {
		listener_accept();
		return;
	}
	if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->hung = true;
	if (!c->again)
		conn_turn(c);
}

static void server_run(void)
{
	struct epoll_event events[BATCH];

	for (;;) {
		int n = epoll_wait(server.epoll, events, BATCH, server.again ? 0 : -1);

		for (int i = 0; i < n; i++)
			event_handle(&events[i]);
		again_run();
	}
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN};

	px_bench_prepare();
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	server.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	server.listener = px_bench_listen(px_bench_listen_arg(argc, argv), SOCK_NONBLOCK);
	if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event))
		px_bench_die("epoll_ctl", errno);
	server_run();
}
