/* The reference for io_uring: an echo server by hand, one ring, one thread, everything right. */
/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	SQ_ENTRIES = 1024,
	CQ_ENTRIES = 16 * 1024,
	BUFFERS = 64,
	BUFFER_BYTES = 256 * 1024,
	HELD_MAX = BUFFER_BYTES, /* unsent bytes of a connection at which its recv is stopped */
	GATHER = 8,              /* pieces that go out at once */
};

/* What a completion is about, beside the pointer in user_data. */
enum { TAG_RECV = 1, TAG_SEND = 2, TAG_ACCEPT = 3, TAG_ACCEPT_LATER = 4 };

/* Received and not yet sent; a user of its buffer. */
typedef struct piece {
	struct piece *next;
	char *data;
	uint32_t bytes;
	uint16_t buffer;
} piece;

/* Freed when neither is in flight. dead: nothing more is received or sent, only awaited. ended: the
 * peer sends no more, what is queued still goes out. */
typedef struct conn {
	int fd;
	bool receiving, sending, stopping, ended, dead, parked;
	uint32_t held; /* unsent bytes */
	piece *first, *last;
	struct conn *next; /* of those that wait for buffers */
} conn;

static px_bench_ring ring;
static px_bench_pool pool;
static int listener;
static conn *waiting;
static piece *spare;

/* ---- a connection ---- */

/* POLL_FIRST: it is armed when data is unlikely, and an empty pool must not end it at once. */
static void conn_recv(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_RECV, c->fd, c, TAG_RECV);

	sqe->ioprio = PX_IORING_RECV_MULTISHOT | PX_IORING_RECVSEND_POLL_FIRST;
	sqe->flags = PX_IOSQE_BUFFER_SELECT;
	c->receiving = true;
}

/* The kernel reads a message's header and vector when it takes the entry: as many as there are
 * entries, used in the same turns. */
static struct msghdr *conn_gather(const conn *c)
{
	static struct {
		struct msghdr header;
		struct iovec parts[GATHER];
	} messages[SQ_ENTRIES];
	static unsigned turn;
	struct msghdr *header = &messages[turn % SQ_ENTRIES].header;
	struct iovec *parts = messages[turn++ % SQ_ENTRIES].parts;
	size_t n = 0;

	for (const piece *p = c->first; p && n < GATHER; p = p->next)
		parts[n++] = (struct iovec){.iov_base = p->data, .iov_len = p->bytes};
	*header = (struct msghdr){.msg_iov = parts, .msg_iovlen = n};
	return header;
}

static void conn_send(conn *c)
{
	bool many = c->first->next;
	px_uring_sqe *sqe = px_bench_ring_sqe(
		&ring, many ? PX_IORING_OP_SENDMSG : PX_IORING_OP_SEND, c->fd, c, TAG_SEND);

	sqe->addr = (uint64_t)(uintptr_t)(many ? (void *)conn_gather(c) : c->first->data);
	sqe->len = many ? 1 : c->first->bytes;
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

/* Pieces are never given back to the heap, only to the list. NULL: no memory. */
static piece *piece_get(void)
{
	piece *p = spare;

	if (!p)
		return malloc(sizeof *p);
	spare = p->next;
	return p;
}

static void conn_unqueue(conn *c)
{
	piece *p = c->first;

	c->first = p->next;
	c->held -= p->bytes;
	px_bench_pool_release(&pool, p->buffer);
	p->next = spare;
	spare = p;
}

/* What lies right behind the last piece becomes part of it. One that is being sent too: its send
 * was told its length, and what it leaves is the next one's. */
static void conn_queue(conn *c, char *data, uint32_t bytes, uint16_t buffer)
{
	piece *last = c->first ? c->last : NULL;
	piece *p;

	c->held += bytes;
	if (last && last->buffer == buffer && last->data + last->bytes == data) {
		last->bytes += bytes;
		px_bench_pool_release(&pool, buffer);
		return;
	}
	p = piece_get();
	if (!p)
		px_bench_die("piece", ENOMEM);
	*p = (piece){.data = data, .bytes = bytes, .buffer = buffer};
	if (last)
		last->next = p;
	else
		c->first = p;
	c->last = p;
}

/* So much is out. */
static void conn_advance(conn *c, uint32_t bytes)
{
	while (bytes && bytes >= c->first->bytes) {
		bytes -= c->first->bytes;
		conn_unqueue(c);
	}
	if (!bytes)
		return;
	c->first->data += bytes;
	c->first->bytes -= bytes;
	c->held -= bytes;
}

static void conn_park(conn *c)
{
	c->parked = true;
	c->next = waiting;
	waiting = c;
}

/* The one place that decides what comes next, whatever just completed. */
static void conn_step(conn *c)
{
	px_uring_sqe *sqe;

	if (c->dead) {
		conn_stop(c);
		while (!c->sending && c->first)
			conn_unqueue(c);
	}
	if (!c->sending && c->first)
		conn_send(c);
	if (!c->dead && !c->ended) {
		if (c->held >= HELD_MAX)
			conn_stop(c);
		if (!c->receiving && !c->parked && !c->held)
			conn_recv(c);
		return;
	}
	if (c->receiving || c->sending || c->parked || c->first)
		return;
	sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_CLOSE, c->fd, NULL, 0);
	sqe->flags = PX_IOSQE_CQE_SKIP_SUCCESS;
	free(c);
}

static void conn_received(conn *c, const px_uring_cqe *cqe)
{
	uint16_t buffer;
	char *data = px_bench_pool_take(&pool, cqe, &buffer);

	if (!(cqe->flags & PX_IORING_CQE_F_MORE))
		c->receiving = c->stopping = false;
	if (data)
		conn_queue(c, data, (uint32_t)cqe->res, buffer);
	if (cqe->res == 0)
		c->ended = true;
	else if (cqe->res == -ENOBUFS && !c->dead)
		conn_park(c);
	else if (cqe->res < 0 && cqe->res != -ECANCELED && cqe->res != -EINTR &&
	         cqe->res != -EAGAIN)
		c->dead = true;
	conn_step(c);
}

static void conn_sent(conn *c, const px_uring_cqe *cqe)
{
	c->sending = false;
	if (cqe->res > 0)
		conn_advance(c, (uint32_t)cqe->res);
	else if (cqe->res < 0 && cqe->res != -EINTR && cqe->res != -EAGAIN)
		c->dead = true;
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
	conn_recv(c);
}

/* ---- the listener ---- */

static void listener_arm(void)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_ACCEPT, listener, NULL,
	                                      TAG_ACCEPT);

	sqe->ioprio = PX_IORING_ACCEPT_MULTISHOT;
	sqe->accept_flags = SOCK_CLOEXEC;
}

/* Out of descriptors: again in 10 ms, those that wait in the backlog can. */
static void listener_pause(void)
{
	static px_uring_timespec breath = {.nsec = 10000000};
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_TIMEOUT, -1, NULL,
	                                      TAG_ACCEPT_LATER);

	sqe->addr = (uint64_t)(uintptr_t)&breath;
	sqe->len = 1;
}

static void listener_accepted(const px_uring_cqe *cqe)
{
	if (cqe->res >= 0)
		conn_open(cqe->res);
	if (cqe->flags & PX_IORING_CQE_F_MORE)
		return;
	if (cqe->res == -EMFILE || cqe->res == -ENFILE || cqe->res == -ENOMEM ||
	    cqe->res == -ENOBUFS)
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

/* Those without buffers go on when there are some. */
static void waiting_wake(void)
{
	conn *c = waiting;

	waiting = NULL;
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
		if (px_bench_pool_publish(&pool) && waiting)
			waiting_wake();
	}
}
