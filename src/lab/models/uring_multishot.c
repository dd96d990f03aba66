/* io_uring, multishot with a buffer ring: asked once, answered for every message. */
/* SPDX-License-Identifier: MIT */
#include "bench/ring.h"
#include "lab/models/list.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SQ_ENTRIES = 1024, CQ_ENTRIES = 16 * 1024, BUFFERS = 64, BUFFER = 16 * 1024 };
enum { PIECES_MAX = 16 }; /* received and not yet sent: who does not read is not read from */
enum { TAG_ACCEPT, TAG_RECV, TAG_SEND, TAG_NONE };

/* A multishot recv stays armed: no new request for each message. And the buffers are the ring's,
 * picked by the kernel when bytes come, so one that waits lends nothing. What is new is that
 * messages come whether or not we are done with the last one: they queue here. */
typedef struct piece {
	struct piece *next;
	char *data;
	uint32_t bytes;
	uint16_t buffer;
} piece;

typedef struct conn {
	struct conn *next; /* of those that found no buffer */
	int fd;
	bool receiving, sending, ended;
	unsigned pieces;
	piece *first, **last;
} conn;

static px_bench_ring ring;
static px_bench_pool pool;
static int listener;
static conn *hungry;

static void conn_recv(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_RECV, c->fd, c, TAG_RECV);

	/* POLL_FIRST: no first look, for there is seldom anything yet, and an empty ring of buffers
	 * would end it at once. */
	sqe->ioprio = PX_IORING_RECV_MULTISHOT | PX_IORING_RECVSEND_POLL_FIRST;
	sqe->flags = PX_IOSQE_BUFFER_SELECT;
	c->receiving = true;
}

/* One at a time: two sends in flight on a socket may change their order. */
static void conn_send(conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_SEND, c->fd, c, TAG_SEND);

	sqe->addr = (uint64_t)(uintptr_t)c->first->data;
	sqe->len = c->first->bytes;
	sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
	c->sending = true;
}

static void piece_add(conn *c, char *data, uint32_t bytes, uint16_t buffer)
{
	piece *p = malloc(sizeof *p);

	if (!p)
		px_lab_die("piece", ENOMEM);
	*p = (piece){.data = data, .bytes = bytes, .buffer = buffer};
	*c->last = p;
	c->last = &p->next;
	/* Too much: ask the recv to end. What comes until it has is still taken. */
	if (++c->pieces == PIECES_MAX)
		px_bench_ring_sqe(&ring, PX_IORING_OP_ASYNC_CANCEL, -1, NULL, TAG_NONE)->addr =
			(uint64_t)(uintptr_t)c | TAG_RECV;
}

static void piece_drop(conn *c)
{
	piece *p = c->first;

	if (!(c->first = p->next))
		c->last = &c->first;
	c->pieces--;
	px_bench_pool_release(&pool, p->buffer);
	free(p);
}

/* The one place that decides what is next. It is freed when nothing of it is in flight. */
static void conn_step(conn *c)
{
	if (c->first && !c->sending)
		conn_send(c);
	if (!c->receiving && !c->ended && !c->first)
		conn_recv(c);
	if (c->receiving || c->sending || !c->ended)
		return;
	close(c->fd);
	free(c);
}

static void received(conn *c, const px_uring_cqe *cqe)
{
	uint16_t buffer;
	char *data = px_bench_pool_take(&pool, cqe, &buffer);

	if (data)
		piece_add(c, data, (uint32_t)cqe->res, buffer);
	if (cqe->res == -ENOBUFS) { /* again when buffers have come back */
		c->next = hungry;
		hungry = c;
		return;
	}
	if (!(cqe->flags & PX_IORING_CQE_F_MORE)) /* this was its last completion */
		c->receiving = false;
	if (cqe->res == 0 || (cqe->res < 0 && cqe->res != -ECANCELED && cqe->res != -EINTR))
		c->ended = true;
	conn_step(c);
}

static void sent(conn *c, int32_t result)
{
	c->sending = false;
	if (result > 0 && (uint32_t)result < c->first->bytes) {
		c->first->data += result;
		c->first->bytes -= (uint32_t)result;
	} else if (result > 0) {
		piece_drop(c);
	} else if (result != -EINTR && result != -EAGAIN) {
		shutdown(c->fd, SHUT_RDWR); /* so that the recv ends too */
		c->ended = true;
		while (c->first)
			piece_drop(c);
	}
	conn_step(c);
}

static void accept_arm(void)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_ACCEPT, listener, NULL,
	                                      TAG_ACCEPT);

	sqe->ioprio = PX_IORING_ACCEPT_MULTISHOT;
	sqe->accept_flags = SOCK_CLOEXEC;
}

static void accepted(const px_uring_cqe *cqe)
{
	conn *c = cqe->res >= 0 ? calloc(1, sizeof *c) : NULL;

	if (c) {
		c->fd = cqe->res;
		c->last = &c->first;
		conn_recv(c);
	} else if (cqe->res >= 0) {
		close(cqe->res);
	} else if (cqe->res == -EMFILE || cqe->res == -ENFILE) {
		px_lab_say("cannot accept: no descriptor");
		usleep(1000);
	}
	if (!(cqe->flags & PX_IORING_CQE_F_MORE))
		accept_arm();
}

static void completed(const px_uring_cqe *cqe)
{
	conn *c = px_bench_cqe_about(cqe);

	switch (cqe->user_data & PX_BENCH_TAG_MASK) {
	case TAG_ACCEPT: accepted(cqe); break;
	case TAG_RECV: received(c, cqe); break;
	case TAG_SEND: sent(c, cqe->res); break;
	default: break;
	}
}

static void hungry_wake(void)
{
	conn *c = hungry, *next;

	for (hungry = NULL; c; c = next) {
		next = c->next;
		c->receiving = false;
		conn_step(c);
	}
}

static void serve(const char *addr)
{
	px_uring_cqe cqe;

	px_bench_ring_open(&ring, SQ_ENTRIES, CQ_ENTRIES);
	px_bench_pool_open(&pool, &ring, BUFFERS, BUFFER);
	listener = px_lab_listen(addr, 0, false);
	accept_arm();
	px_lab_announce(listener);
	for (;;) {
		px_bench_ring_enter(&ring, 1, -1);
		while (px_bench_ring_next(&ring, &cqe))
			completed(&cqe);
		if (px_bench_pool_publish(&pool)) /* once a batch, not once a buffer */
			hungry_wake();
	}
}

const px_lab_model px_lab_uring_multishot = {
	.name = "uring-multishot",
	.about = "one thread, io_uring: multishot accept and recv, buffers picked by the kernel",
	.kib_each = 10,
	.serve = serve,
};
