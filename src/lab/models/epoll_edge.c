/* epoll, edge-triggered: told once when something comes, and not again until more comes. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 256 };

/* An edge says "something changed". Who stops reading before the bytes are at an end will not hear
 * of them again: the classic way to lose a connection. So a turn goes on until the socket is
 * drained; a recv that did not fill its buffer has drained it, which saves the second recv that
 * would only say EAGAIN. But when the peer is gone as well (RDHUP, HUP, ERR), that end lies behind
 * the bytes and no edge will tell of it: then go on until it is met.
 *
 * In return both directions are registered once and never changed: no epoll_ctl for a slow reader.
 * One connection that always has more could keep the others waiting for ever. A real server counts
 * and comes back to it later; here the peer's own window is the limit. */
static void conn_turn(px_lab_conn *c, uint32_t events)
{
	bool hung = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	px_lab_next next;

	do
		next = px_lab_turn(c);
	while (next == LAB_AGAIN || (next == LAB_READ && hung));
	if (next == LAB_GONE)
		px_lab_close(c);
}

static void accept_all(int queue, int listener)
{
	px_lab_conn *c;

	while ((c = px_lab_accept(listener, sizeof *c))) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		                            .data.ptr = c};

		if (epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &event))
			px_lab_close(c);
	}
}

static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	int queue = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[BATCH], listening = {.events = EPOLLIN};

	if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &listening))
		px_lab_die("epoll", errno);
	px_lab_announce(listener);
	for (;;) {
		int n = epoll_wait(queue, ready, BATCH, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr)
				conn_turn(ready[i].data.ptr, ready[i].events);
			else
				accept_all(queue, listener);
		}
	}
}

const px_lab_model px_lab_epoll_edge = {
	.name = "epoll-edge",
	.about = "one thread, epoll, edge-triggered: told once, read until drained",
	.kib_each = 8,
	.serve = serve,
};
