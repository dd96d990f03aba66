/* io_uring for readiness: a poll that is asked for in batches, then recv and send as ever. */
/* SPDX-License-Identifier: MIT */
#include "bench/ring.h"
#include "lab/models/list.h"

#include <poll.h>
#include <sys/socket.h>

enum { SQ_ENTRIES = 1024, CQ_ENTRIES = 16 * 1024 };

static px_bench_ring ring;

/* POLL_ADD is poll for one descriptor that answers later, in the completion queue. It is one-shot:
 * asked again after each answer. That is an entry in memory, not a system call; all of them go into
 * the kernel with the one call that waits. So epoll's registration is not needed, but each message
 * still costs its recv and its send. */
static void await(int fd, void *about, short events)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_POLL_ADD, fd, about, 0);

	sqe->poll32_events = (uint32_t)events;
}

static void conn_turn(px_lab_conn *c)
{
	px_lab_next next = px_lab_turn(c);

	if (next == LAB_GONE)
		px_lab_close(c);
	else
		await(c->fd, c, next == LAB_WRITE ? POLLOUT : POLLIN);
}

static void accept_all(int listener)
{
	px_lab_conn *c;

	while ((c = px_lab_accept(listener, sizeof *c)))
		await(c->fd, c, POLLIN);
	await(listener, NULL, POLLIN);
}

static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, SOCK_NONBLOCK, false);
	px_uring_cqe cqe;

	px_bench_ring_open(&ring, SQ_ENTRIES, CQ_ENTRIES);
	await(listener, NULL, POLLIN);
	px_lab_announce(listener);
	for (;;) {
		px_bench_ring_enter(&ring, 1, -1);
		while (px_bench_ring_next(&ring, &cqe)) {
			px_lab_conn *c = px_bench_cqe_about(&cqe);

			if (c)
				conn_turn(c);
			else
				accept_all(listener);
		}
	}
}

const px_lab_model px_lab_uring_ready = {
	.name = "uring-ready",
	.about = "one thread, io_uring used for readiness: POLL_ADD, then recv and send",
	.kib_each = 10,
	.serve = serve,
};
