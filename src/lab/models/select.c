/* select, 1983: one thread asks about all its descriptors at once. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* An fd_set is an array of FD_SETSIZE bits, 1,024, fixed when the C library was built. Descriptor
 * 1,024 would be written behind its end: FD_SET does not look. */
static struct {
	fd_set read, write; /* what each connection waits for */
	int top;
	px_lab_conn *conns[FD_SETSIZE];
} loop;

static void conn_await(px_lab_conn *c, px_lab_next next)
{
	FD_CLR(c->fd, &loop.read);
	FD_CLR(c->fd, &loop.write);
	if (next == LAB_GONE) {
		loop.conns[c->fd] = NULL;
		px_lab_close(c);
		return;
	}
	FD_SET(c->fd, next == LAB_WRITE ? &loop.write : &loop.read);
}

static void conn_open(px_lab_conn *c)
{
	if (c->fd >= FD_SETSIZE) {
		px_lab_say("select: descriptor %d does not fit into an fd_set of %d", c->fd,
		           FD_SETSIZE);
		px_lab_close(c);
		return;
	}
	loop.conns[c->fd] = c;
	if (c->fd > loop.top)
		loop.top = c->fd;
	conn_await(c, LAB_READ);
}

/* The sets go in as questions and come out as answers, so each call needs fresh copies; the kernel
 * asks every descriptor in them, and then we look at every bit. All of that for every call, however
 * few have something to say. */
static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	px_lab_conn *c;

	FD_SET(listener, &loop.read);
	loop.top = listener;
	px_lab_announce(listener);
	for (;;) {
		fd_set readable = loop.read, writable = loop.write;
		int top = loop.top;

		if (select(top + 1, &readable, &writable, NULL, NULL) < 0)
			continue;
		for (int fd = 0; fd <= top; fd++)
			if ((c = loop.conns[fd]) &&
			    (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable)))
				conn_await(c, px_lab_turn(c));
		if (FD_ISSET(listener, &readable))
			while ((c = px_lab_accept(listener, sizeof *c)))
				conn_open(c);
	}
}

const px_lab_model px_lab_select = {
	.name = "select",
	.about = "one thread, select: a bit for each descriptor, at most 1,024",
	.kib_each = 8,
	.serve = serve,
};
