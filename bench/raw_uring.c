/* The reference for io_uring: an echo server by hand, one ring, one thread, everything right. */
/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "ring.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SQ_ENTRIES = 1024,
	CQ_ENTRIES = 16 * 1024,
	BUFFERS = 1024, /* a power of two */
	BUFFER_BYTES = 16 * 1024,
	HELD_MAX = 16,  /* buffers a connection may hold until its recv is stopped */
	NONE = 0xffff, /* no buffer */
};

/* What a completion is about, beside the pointer in user_data. */
enum { TAG_RECV = 1, TAG_SEND = 2, TAG_ACCEPT = 3, TAG_ACCEPT_LATER = 4 };

/* Freed when neither is in flight. dead: nothing more is received or sent, only awaited. ended: the
 * peer sends no more, what is queued still goes out. */
typedef struct conn {
	int fd;
	bool receiving, sending, stopping, ended, dead, parked;
	uint16_t first, last; /* buffers to send, in order; NONE */
	uint32_t sent;        /* bytes of the first */
	uint32_t held;
	struct conn *next;    /* of those that wait for buffers */
} conn;

static px_bench_ring ring;
static int listener;

static px_bench_pool pool;
static conn *pool_waiting;
static struct {
	uint16_t next;
	uint32_t bytes;
} filled[BUFFERS];

/* ---- a connection ---- */

/* POLL_FIRST: it is armed when data is unlikely, and an empty pool must not end it at once. */
static void conn_recv(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_RECV, c->fd, c, TAG_RECV);

	sqe->ioprio = PX_IORING_RECV_MULTISHOT | PX_IORING_RECVSEND_POLL_FIRST;
	sqe->flags = PX_IOSQE_BUFFER_SELECT;
	c->receiving = true;
}

static void conn_send(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_SEND, c->fd, c, TAG_SEND);

	sqe->addr = (uint64_t)(uintptr_t)(px_bench_pool_at(&pool, c->first) + c->sent);
	sqe->len = filled[c->first].bytes - c->sent;
	sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
	c->sending = true;
}

/* Its last completion comes in its own time. */
static void conn_stop(conn *c)
{
	px_uring_sqe *sqe;

	if (!c->receiving || c->stopping)
		return;
	sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_ASYNC_CANCEL, -1, NULL, 0);
	sqe->addr = (uint64_t)(uintptr_t)c | TAG_RECV;
	c->stopping = true;
}

static void conn_queue(conn *c, uint16_t buffer, uint32_t bytes)
{
	filled[buffer].bytes = bytes;
	filled[buffer].next = NONE;
	if (c->first == NONE)
		c->first = buffer;
	else
		filled[c->last].next = buffer;
	c->last = buffer;
	c->held++;
}

static void conn_unqueue(conn *c)
{
	uint16_t buffer = c->first;

	c->first = filled[buffer].next;
	c->sent = 0;
	c->held--;
	px_bench_pool_give(&pool, buffer);
}

static void conn_park(conn *c)
{
	c->parked = true;
	c->next = pool_waiting;
	pool_waiting = c;
}

/* The one place that decides what comes next, whatever just completed. */
static void conn_step(conn *c)
{
	px_uring_sqe *sqe;

	if (c->dead) {
		conn_stop(c);
		while (!c->sending && c->first != NONE)
			conn_unqueue(c);
	}
	if (!c->sending && c->first != NONE)
		conn_send(c);
	if (!c->dead && !c->ended) {
		if (c->held >= HELD_MAX)
			conn_stop(c);
		if (!c->receiving && !c->parked && !c->held)
			conn_recv(c);
		return;
	}
	if (c->receiving || c->sending || c->parked || c->first != NONE)
		return;
	sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_CLOSE, c->fd, NULL, 0);
	sqe->flags = PX_IOSQE_CQE_SKIP_SUCCESS;
	free(c);
}

static void conn_received(conn *c, const px_uring_cqe *cqe)
{
	if (!(cqe->flags & PX_IORING_CQE_F_MORE))
		c->receiving = c->stopping = false;
	if (cqe->res > 0)
		conn_queue(c, px_bench_cqe_buffer(cqe), (uint32_t)cqe->res);
	else if (cqe->flags & PX_IORING_CQE_F_BUFFER)
		px_bench_pool_give(&pool, px_bench_cqe_buffer(cqe));
	if (cqe->res == 0)
		c->ended = true;
	else if (cqe->res == -ENOBUFS && !c->dead)
		conn_park(c);
	else if (cqe->res < 0 && cqe->res != -ECANCELED && cqe->res != -EINTR && cqe->res != -EAGAIN)
		c->dead = true;
	conn_step(c);
}

static void conn_sent(conn *c, const px_uring_cqe *cqe)
{
	c->sending = false;
	if (cqe->res < 0 && cqe->res != -EINTR && cqe->res != -EAGAIN)
		c->dead = true;
	else if (cqe->res > 0)
		c->sent += (uint32_t)cqe->res;
	if (c->sent == filled[c->first].bytes)
		conn_unqueue(c);
	conn_step(c);
}

static void conn_open(int fd)
{
	conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->first = NONE;
	conn_recv(c);
}

/* ---- the listener ---- */

static void listener_arm(void)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_ACCEPT, listener, NULL, TAG_ACCEPT);

	sqe->ioprio = PX_IORING_ACCEPT_MULTISHOT;
	sqe->accept_flags = SOCK_CLOEXEC;
}

/* Out of descriptors: again in 10 ms, those that wait in the backlog can. */
static void listener_pause(void)
{
	static px_uring_timespec breath = {.nsec = 10000000};
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_TIMEOUT, -1, NULL, TAG_ACCEPT_LATER);

	sqe->addr = (uint64_t)(uintptr_t)&breath;
	sqe->len = 1;
}

static void listener_accepted(const px_uring_cqe *cqe)
{
	if (cqe->res >= 0)
		conn_open(cqe->res);
	if (cqe->flags & PX_IORING_CQE_F_MORE)
		return;
	if (cqe->res == -EMFILE || cqe->res == -ENFILE || cqe->res == -ENOMEM || cqe->res == -ENOBUFS)
		listener_pause();
	else
		listener_arm();
}

/* ---- the loop ---- */

static void cqe_handle(const px_uring_cqe *cqe)
{
	void *about = px_bench_cqe_about(cqe);

	switch (cqe->user_data & PX_BENCH_TAG_MASK) {
	case TAG_RECV: conn_received(about, cqe); break;
	case TAG_SEND: conn_sent(about, cqe); break;
	case TAG_ACCEPT: listener_accepted(cqe); break;
	case TAG_ACCEPT_LATER: listener_arm(); break;
	default: break;
	}
}

/* Those without buffers go on when some came back. */
static void waiting_wake(void)
{
	conn *c = pool_waiting;

	pool_waiting = NULL;
	while (c) {
		conn *next = c->next;

		c->parked = false;
		conn_step(c);
		c = next;
	}
}

int main(int argc, char **argv)
{
	const char *addr = px_bench_listen_arg(argc, argv);
	px_uring_cqe cqe;

	px_bench_prepare();
	px_bench_ring_open(&ring, SQ_ENTRIES, CQ_ENTRIES);
	px_bench_pool_open(&pool, &ring, BUFFERS, BUFFER_BYTES);
	listener = px_bench_listen(addr, 0);
	listener_arm();
	for (;;) {
		px_bench_ring_enter(&ring, 1, -1);
		while (px_bench_ring_next(&ring, &cqe))
			cqe_handle(&cqe);
		if (px_bench_pool_publish(&pool))
			waiting_wake();
	}
}
