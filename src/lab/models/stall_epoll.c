/* An epoll loop that blocks when a message says so: everybody waits for it. */
/* SPDX-License-Identifier: MIT */
#include "lab/load.h"
#include "lab/models/list.h"
#include "lab/stall.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 256 };

/* The base's descriptor is all that is used of it: messages have a fixed length here, and who does
 * not take an answer of 64 bytes is dropped. */
typedef struct conn {
	px_lab_conn c;
	size_t have;
	char message[LAB_MESSAGE];
} conn;

static bool conn_turn(conn *c)
{
	ssize_t n = recv(c->c.fd, c->message + c->have, LAB_MESSAGE - c->have, 0);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	c->have += (size_t)n;
	if (c->have < LAB_MESSAGE)
		return true;
	c->have = 0;
	px_lab_stall(*c->message); /* here the loop stands still, and all it serves with it */
	return send(c->c.fd, c->message, LAB_MESSAGE, MSG_NOSIGNAL) == LAB_MESSAGE;
}

static void accept_all(int queue, int listener)
{
	conn *c;

	while ((c = px_lab_accept(listener, sizeof *c))) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		if (epoll_ctl(queue, EPOLL_CTL_ADD, c->c.fd, &event))
			px_lab_close(&c->c);
	}
}

static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	int queue = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[BATCH], listening = {.events = EPOLLIN};

	px_lab_stall_open(NULL);
	if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &listening))
		px_lab_die("epoll", errno);
	px_lab_announce(listener);
	for (;;) {
		int n = epoll_wait(queue, ready, BATCH, -1);

		for (int i = 0; i < n; i++) {
			conn *c = ready[i].data.ptr;

			if (!c)
				accept_all(queue, listener);
			else if (!conn_turn(c))
				px_lab_close(&c->c);
		}
	}
}

const px_lab_model px_lab_stall_epoll = {
	.name = "stall-epoll",
	.about = "an epoll loop that blocks itself (messages of 64 bytes; 'd': disk, 'n': name)",
	.kib_each = 8,
	.serve = serve,
};
