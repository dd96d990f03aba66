/* The load generator on epoll: edge-triggered, registered once. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum {
	BATCH = 512,
	CHUNK = 256 * 1024,
};

static int queue;
static char chunk[CHUNK];

static void epoll_open(void)
{
	queue = epoll_create1(EPOLL_CLOEXEC);
	if (queue < 0)
		px_bench_die("epoll_create1", errno);
}

static void epoll_add(px_load_conn *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	                            .data.ptr = c};

	if (epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &event))
		px_bench_die("epoll_ctl", errno);
}

/* Closing the descriptor is what removes it. */
static void epoll_remove(px_load_conn *c)
{
	(void)c;
}

/* Errors of a send are left to the receiving side, which has the last word on what arrived. */
static void epoll_flush(px_load_conn *c)
{
	while (c->sent < c->wanted) {
		uint64_t bytes = c->wanted - c->sent;
		const char *data = load.protocol->out(c, c->sent, &bytes);
		ssize_t n = send(c->fd, data, (size_t)bytes, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		c->sent += (uint64_t)n;
	}
}

static void conn_read(px_load_conn *c, bool hung)
{
	for (;;) {
		ssize_t n = recv(c->fd, chunk, CHUNK, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			px_load_ended(c, n ? errno : 0);
			return;
		}
		if (!px_load_received(c, chunk, (uint64_t)n) || (n < CHUNK && !hung))
			return;
	}
}

static bool epoll_wait_for(int64_t timeout_ns)
{
	struct timespec ts = {.tv_sec = timeout_ns / 1000000000,
	                      .tv_nsec = timeout_ns % 1000000000};
	struct epoll_event events[BATCH];
	int n = epoll_pwait2(queue, events, BATCH, timeout_ns < 0 ? NULL : &ts, NULL);

	if (n < 0 && errno != EINTR)
		px_bench_die("epoll_pwait2", errno);
	for (int i = 0; i < n; i++) {
		px_load_conn *c = events[i].data.ptr;
		uint32_t got = events[i].events;

		if (got & EPOLLOUT && c->sent < c->wanted)
			epoll_flush(c);
		if (got & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			conn_read(c, got & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	}
	return n > 0;
}

const px_load_engine px_load_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.add = epoll_add,
	.flush = epoll_flush,
	.remove = epoll_remove,
	.wait = epoll_wait_for,
};
