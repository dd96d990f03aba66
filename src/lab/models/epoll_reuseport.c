/* One epoll per thread, SO_REUSEPORT: several servers in one process that share nothing. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 256 };

/* A connection lives and dies on one thread: no lock, no shared queue, no line of the cache that
 * travels. But who got a busy one keeps it, also when the neighbour has nothing to do. */
static void conn_turn(int queue, px_lab_conn *c)
{
	bool kept = c->kept;
	px_lab_next next = px_lab_turn(c);
	struct epoll_event event = {.events = next == LAB_WRITE ? EPOLLOUT : EPOLLIN,
	                            .data.ptr = c};

	if (next == LAB_GONE ||
	    ((next == LAB_WRITE) != kept && epoll_ctl(queue, EPOLL_CTL_MOD, c->fd, &event)))
		px_lab_close(c);
}

static void accept_all(int queue, int listener)
{
	px_lab_conn *c;

	while ((c = px_lab_accept(listener, sizeof *c))) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		if (epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &event))
			px_lab_close(c);
	}
}

static void *thread_run(void *arg)
{
	int listener = (int)(intptr_t)arg, queue = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[BATCH], listening = {.events = EPOLLIN};

	if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &listening))
		px_lab_die("epoll", errno);
	for (;;) {
		int n = epoll_wait(queue, ready, BATCH, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr)
				conn_turn(queue, ready[i].data.ptr);
			else
				accept_all(queue, listener);
		}
	}
}

/* Each has a listener of its own at the same port, with a queue of its own. Which queue a
 * connection goes to, a hash of its addresses and ports decides: fair on average, and blind. */
static void serve(const char *addr)
{
	int first = px_lab_listen(addr, SOCK_NONBLOCK, true);
	char same[PX_LAB_ADDR];

	px_lab_name(first, same);
	for (int i = 1; i < LAB_THREADS; i++) {
		int listener = px_lab_listen(same, SOCK_NONBLOCK, true);
		int rc = px_lab_thread(thread_run, (void *)(intptr_t)listener);

		if (rc)
			px_lab_die("no thread", rc);
	}
	px_lab_announce(first);
	thread_run((void *)(intptr_t)first);
}

const px_lab_model px_lab_epoll_reuseport = {
	.name = "epoll-reuseport",
	.about = "4 threads with an epoll and a listener each, SO_REUSEPORT",
	.kib_each = 8,
	.serve = serve,
};
