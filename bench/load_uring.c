/* The load generator on io_uring. */
/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "ring.h"

enum {
	SQ_ENTRIES = 1024,
	CQ_ENTRIES = 32 * 1024,
	BUFFERS = 64,
	BUFFER_BYTES = 256 * 1024,
};

enum { TAG_RECV = 1, TAG_SEND = 2 };

static px_bench_ring ring;
static px_bench_pool pool;

static void uring_open(void)
{
	px_bench_ring_open(&ring, SQ_ENTRIES, CQ_ENTRIES);
	px_bench_pool_open(&pool, &ring, BUFFERS, BUFFER_BYTES);
}

static void uring_add(px_load_conn *c)
{
	px_uring_sqe *sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_RECV, c->fd, c, TAG_RECV);

	sqe->ioprio = PX_IORING_RECV_MULTISHOT | PX_IORING_RECVSEND_POLL_FIRST;
	sqe->flags = PX_IOSQE_BUFFER_SELECT;
}

static void uring_flush(px_load_conn *c)
{
	uint64_t bytes = c->wanted - c->sent;
	const char *data;
	px_uring_sqe *sqe;

	if (c->sending || !bytes)
		return;
	data = load.protocol->out(c, c->sent, &bytes);
	sqe = px_bench_ring_sqe(&ring, PX_IORING_OP_SEND, c->fd, c, TAG_SEND);
	sqe->addr = (uint64_t)(uintptr_t)data;
	sqe->len = (uint32_t)bytes;
	sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
	c->sending = true;
}

static void conn_sent(px_load_conn *c, const px_uring_cqe *cqe)
{
	c->sending = false;
	if (cqe->res > 0)
		c->sent += (uint64_t)cqe->res;
	if (cqe->res >= 0 || cqe->res == -EINTR || cqe->res == -EAGAIN)
		uring_flush(c);
}

/* All buffers may be full when one batch is large: again once they are back, after the batch. */
static void conn_received(px_load_conn *c, const px_uring_cqe *cqe)
{
	uint16_t buffer;
	const char *data = px_bench_pool_take(&pool, cqe, &buffer);

	if (data) {
		px_load_received(c, data, (uint64_t)cqe->res);
		px_bench_pool_release(&pool, buffer);
	} else if (cqe->res != -ENOBUFS && cqe->res != -EINTR && cqe->res != -EAGAIN) {
		px_load_ended(c, -cqe->res);
		return;
	}
	if (!(cqe->flags & PX_IORING_CQE_F_MORE))
		uring_add(c);
}

static bool uring_wait(int64_t timeout_ns)
{
	px_uring_cqe cqe;
	bool any = false;

	px_bench_ring_enter(&ring, timeout_ns ? 1 : 0, timeout_ns ? timeout_ns : -1);
	while (px_bench_ring_next(&ring, &cqe)) {
		any = true;
		if ((cqe.user_data & PX_BENCH_TAG_MASK) == TAG_RECV)
			conn_received(px_bench_cqe_about(&cqe), &cqe);
		else
			conn_sent(px_bench_cqe_about(&cqe), &cqe);
	}
	px_bench_pool_publish(&pool);
	return any;
}

const px_load_engine px_load_uring = {
	.name = "io_uring",
	.open = uring_open,
	.add = uring_add,
	.flush = uring_flush,
	.remove = NULL,
	.wait = uring_wait,
};
