/* epoll, one-shot, several threads on one queue: any thread serves any connection. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* With plain level or edge triggering two threads would be told of the same connection, and their
 * halves of a message would be mixed. EPOLLONESHOT takes it off the list when it is reported; the
 * thread that has it puts it back when it is done. `busy` proves that. */
typedef struct conn {
	px_lab_conn c;
	atomic_bool busy;
} conn;

static int queue, listener;

static bool armed(int how, int fd, uint32_t events, void *about)
{
	struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = about};

	return epoll_ctl(queue, how, fd, &event) == 0;
}

static void conn_turn(conn *c)
{
	px_lab_next next;

	if (atomic_exchange(&c->busy, true))
		px_lab_die("one connection on two threads", EBUSY);
	next = px_lab_turn(&c->c);
	atomic_store(&c->busy, false); /* from the next line on another thread may have it */
	if (next == LAB_GONE ||
	    !armed(EPOLL_CTL_MOD, c->c.fd, next == LAB_WRITE ? EPOLLOUT : EPOLLIN, c))
		px_lab_close(&c->c);
}

static void accept_all(void)
{
	conn *c;

	while ((c = px_lab_accept(listener, sizeof *c)))
		if (!armed(EPOLL_CTL_ADD, c->c.fd, EPOLLIN, c))
			px_lab_close(&c->c);
	armed(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
}

/* One event at a time: a thread that took eight would keep seven waiting behind a slow one, while
 * others have nothing to do. So a message costs four calls: wait, recv, send, and the re-arming. */
static void *thread_run(void *arg)
{
	for (;;) {
		struct epoll_event ready;

		if (epoll_wait(queue, &ready, 1, -1) != 1)
			continue;
		if (ready.data.ptr)
			conn_turn(ready.data.ptr);
		else
			accept_all();
	}
	return arg;
}

static void serve(const char *addr)
{
	listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	queue = epoll_create1(EPOLL_CLOEXEC);
	if (queue < 0 || !armed(EPOLL_CTL_ADD, listener, EPOLLIN, NULL))
		px_lab_die("epoll", errno);
	for (int i = 1; i < LAB_THREADS; i++) {
		int rc = px_lab_thread(thread_run, NULL);

		if (rc)
			px_lab_die("no thread", rc);
	}
	px_lab_announce(listener);
	thread_run(NULL);
}

const px_lab_model px_lab_epoll_oneshot = {
	.name = "epoll-oneshot",
	.about = "4 threads on one epoll, one-shot: any thread serves any connection",
	.kib_each = 8,
	.serve = serve,
};
