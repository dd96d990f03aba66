/* io_uring for completion: "receive into this", and it is done when we hear of it. */
/* SPDX-License-Identifier: MIT */
#include "bench/ring.h"
#include "lab/models/list.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SQ_ENTRIES = 1024, CQ_ENTRIES = 16 * 1024, BUFFER = 4096 };
enum { TAG_RECV = 1, TAG_SEND = 2 };

/* The kernel writes into the buffer whenever bytes come, so a connection must lend it one for as
 * long as it waits: 4 KiB each, also for those that sleep. Readiness needs none until there is
 * something to read. And nothing may be freed while an operation is in flight: here there is
 * exactly one for each connection, in turn, so its end is the moment to free. */
typedef struct conn {
	int fd;
	uint32_t bytes, sent;
	char buffer[BUFFER];
} conn;

static px_bench_ring ring;
static int listener;

static void conn_recv(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_RECV, c->fd, c, TAG_RECV);

	sqe->addr = (uint64_t)(uintptr_t)c->buffer;
	sqe->len = BUFFER;
}

static void conn_send(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_SEND, c->fd, c, TAG_SEND);

	sqe->addr = (uint64_t)(uintptr_t)(c->buffer + c->sent);
	sqe->len = c->bytes - c->sent;
	sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
}

static void conn_done(conn *c, unsigned tag, int32_t result)
{
	if (result <= 0 && result != -EINTR && result != -EAGAIN) {
		close(c->fd);
		free(c);
		return;
	}
	if (result < 0) /* did nothing: once more */
		result = 0;
	else if (tag == TAG_RECV)
		c->bytes = (uint32_t)result, c->sent = 0;
	else
		c->sent += (uint32_t)result;
	if (tag == TAG_RECV ? result > 0 : c->sent < c->bytes)
		conn_send(c);
	else
		conn_recv(c);
}

static void accept_next(void)
{
	px_bench_ring_sqe(&ring, PX_IORING_OP_ACCEPT, listener, NULL, 0)->accept_flags =
		SOCK_CLOEXEC;
}

static void accepted(int32_t result)
{
	conn *c = result >= 0 ? calloc(1, sizeof *c) : NULL;

	if (c) {
		c->fd = result;
		conn_recv(c);
	} else if (result >= 0) {
		close(result);
	} else if (result == -EMFILE || result == -ENFILE) {
		px_lab_say("cannot accept: no descriptor");
		usleep(1000);
	}
	accept_next();
}

static void serve(const char *addr)
{
	px_uring_cqe cqe;

	px_bench_ring_open(&ring, SQ_ENTRIES, CQ_ENTRIES);
	listener = px_lab_listen(addr, 0, false);
	accept_next();
	px_lab_announce(listener);
	for (;;) {
		px_bench_ring_enter(&ring, 1, -1); /* all that was asked for goes in; waits */
		while (px_bench_ring_next(&ring, &cqe)) {
			conn *c = px_bench_cqe_about(&cqe);

			if (c)
				conn_done(c, cqe.user_data & PX_BENCH_TAG_MASK, cqe.res);
			else
				accepted(cqe.res);
		}
	}
}

const px_lab_model px_lab_uring_complete = {
	.name = "uring-complete",
	.about = "one thread, io_uring: recv and send complete, each with its own buffer",
	.kib_each = 16,
	.serve = serve,
};
