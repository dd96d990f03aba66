/* poll, 1986: select without the wall, and with the same walk over everybody. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* An array as long as it needs to be; entry 0 is the listener. The questions (`events`) stay, only
 * the answers (`revents`) are written. Still the whole array goes through the kernel at each call:
 * its cost is the number of connections, not the number of those who said something. */
static struct {
	struct pollfd *fds;
	px_lab_conn **conns;
	nfds_t count, room;
} loop;

static void grow(void)
{
	loop.room = loop.room ? 2 * loop.room : 64;
	loop.fds = realloc(loop.fds, loop.room * sizeof *loop.fds);
	loop.conns = realloc(loop.conns, loop.room * sizeof *loop.conns);
	if (!loop.fds || !loop.conns)
		px_lab_die("poll", ENOMEM);
}

static void add(int fd, px_lab_conn *c)
{
	if (loop.count == loop.room)
		grow();
	loop.fds[loop.count] = (struct pollfd){.fd = fd, .events = POLLIN};
	loop.conns[loop.count++] = c;
}

/* The last one takes the place of the one that goes, so the array has no holes. */
static void removed(nfds_t at)
{
	px_lab_close(loop.conns[at]);
	loop.count--;
	loop.fds[at] = loop.fds[loop.count];
	loop.conns[at] = loop.conns[loop.count];
}

static void turn(nfds_t at)
{
	px_lab_next next = px_lab_turn(loop.conns[at]);

	if (next == LAB_GONE)
		removed(at);
	else
		loop.fds[at].events = next == LAB_WRITE ? POLLOUT : POLLIN;
}

/* From the end, so that what a removal moves has had its turn. And no further than there are
 * answers: poll says how many. */
static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	px_lab_conn *c;

	add(listener, NULL);
	px_lab_announce(listener);
	for (;;) {
		int ready = poll(loop.fds, loop.count, -1);

		for (nfds_t at = loop.count - 1; at > 0 && ready > 0; at--)
			if (loop.fds[at].revents) {
				ready--;
				turn(at);
			}
		if (ready > 0)
			while ((c = px_lab_accept(listener, sizeof *c)))
				add(c->fd, c);
	}
}

const px_lab_model px_lab_poll = {
	.name = "poll",
	.about = "one thread, poll: an array of everybody at each call",
	.kib_each = 8,
	.serve = serve,
};
