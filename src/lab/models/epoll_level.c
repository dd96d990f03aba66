/* epoll, level-triggered, 2002: the kernel keeps the list, and returns who is ready. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 256 };

static int queue;

/* Registered once; each later change is a system call. Who only reads never changes. */
typedef struct conn {
	px_lab_conn c;
	uint32_t events;
} conn;

static bool registered(int how, int fd, uint32_t events, void *about)
{
	struct epoll_event event = {.events = events, .data.ptr = about};

	return epoll_ctl(queue, how, fd, &event) == 0;
}

static void accept_all(int listener)
{
	conn *c;

	while ((c = px_lab_accept(listener, sizeof *c))) {
		c->events = EPOLLIN;
		if (!registered(EPOLL_CTL_ADD, c->c.fd, EPOLLIN, c))
			px_lab_close(&c->c);
	}
}

/* "Level": as long as there are bytes the connection is ready, however often one asks. So a turn
 * may stop anywhere; what is left is reported again. Nothing can be forgotten. */
static void conn_turn(conn *c)
{
	px_lab_next next = px_lab_turn(&c->c);
	uint32_t events = next == LAB_WRITE ? EPOLLOUT : EPOLLIN;

	if (next == LAB_GONE) {
		px_lab_close(&c->c); /* closing is what removes it */
		return;
	}
	if (events != c->events && registered(EPOLL_CTL_MOD, c->c.fd, events, c))
		c->events = events;
}

static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	struct epoll_event ready[BATCH];

	queue = epoll_create1(EPOLL_CLOEXEC);
	if (queue < 0 || !registered(EPOLL_CTL_ADD, listener, EPOLLIN, NULL))
		px_lab_die("epoll", errno);
	px_lab_announce(listener);
	for (;;) {
		int n = epoll_wait(queue, ready, BATCH, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr)
				conn_turn(ready[i].data.ptr);
			else
				accept_all(listener);
		}
	}
}

const px_lab_model px_lab_epoll_level = {
	.name = "epoll-level",
	.about = "one thread, epoll, level-triggered: the kernel keeps the list",
	.kib_each = 8,
	.serve = serve,
};
