/* The reference for epoll: an echo server by hand, one thread, everything right. */
/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "echo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	BATCH = 512,
	CHUNK = 64 * 1024, /* one buffer for all: only what could not be written is kept */
	TURNS = 8,         /* chunks a connection may move before the others get their turn */
	ACCEPTS = 64,
};

/* readable: an edge came that no short read has answered yet. hung: it said the peer is gone, so a
 * short read is not the end, the next one tells. */
typedef struct conn {
	px_echo echo;
	bool readable, hung, again;
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
	px_echo_close(&c->echo);
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

static px_echo_state conn_echo(conn *c)
{
	px_echo_state state = px_echo_move(&c->echo, server.chunk, CHUNK);

	if (state == PX_ECHO_EMPTY || (state == PX_ECHO_SHORT && !c->hung))
		c->readable = false;
	return state;
}

static void conn_turn(conn *c)
{
	px_echo_state state = PX_ECHO_FULL;
	int turns = 0;

	if (c->echo.kept)
		state = px_echo_flush(&c->echo);
	while (state < PX_ECHO_KEPT && c->readable) {
		if (turns++ == TURNS) {
			conn_again(c);
			return;
		}
		state = conn_echo(c);
	}
	if (state == PX_ECHO_GONE)
		conn_close(c);
}

static void conn_open(int fd)
{
	conn *c = calloc(1, sizeof *c);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	                            .data.ptr = c};

	if (c)
		c->echo.fd = fd;
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
