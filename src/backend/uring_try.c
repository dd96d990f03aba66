/* What only a try can tell of this kernel's io_uring: on a small ring, opened and closed here. */
/* SPDX-License-Identifier: MIT */
#include "backend/uring.h"

#include <sys/mman.h>
#include <sys/socket.h>

enum { TRY_GROUP = UINT16_MAX, TRY_RING_BYTES = 4096, TRY_BUFFERS = 8 };
enum { TRY_ACCEPT, TRY_RECV, TRY_FIRST, TRY_END };

#define TRIED (PX_UR_BIT(ACCEPT_MULTI) | PX_UR_BIT(RECV_MULTI) | PX_UR_BIT(POLL_FIRST))

/* ---- buffer rings ---- */

static void *buffer_ring_open(px_uring *u, px_uring_buf_reg *reg)
{
	void *ring = mmap(NULL, TRY_RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                  -1, 0);

	if (ring == MAP_FAILED)
		return NULL;
	reg->ring_addr = px_ur_addr(ring);
	if (px_ur_register(u, PX_IORING_REGISTER_PBUF_RING, reg, 1) >= 0)
		return ring;
	munmap(ring, TRY_RING_BYTES);
	return NULL;
}

static void buffer_ring_close(px_uring *u, void *ring)
{
	px_uring_buf_reg gone = {.bgid = TRY_GROUP};

	px_ur_register(u, PX_IORING_UNREGISTER_PBUF_RING, &gone, 1);
	munmap(ring, TRY_RING_BYTES);
}

bool px_ur_try_buffer_ring(px_uring *u, uint16_t flags)
{
	px_uring_buf_reg reg = {.ring_entries = TRY_BUFFERS, .bgid = TRY_GROUP, .flags = flags};
	void *ring = buffer_ring_open(u, &reg);

	if (ring)
		buffer_ring_close(u, ring);
	return ring != NULL;
}

/* ---- flags of entries ---- */

static px_uring_sqe *try_push(px_uring *t, unsigned opcode, int fd, unsigned ioprio, uint64_t what)
{
	px_uring_sqe *sqe = px_ur_sqe(t, opcode, fd, what);

	sqe->ioprio = (uint16_t)ioprio;
	if (ioprio == PX_IORING_RECV_MULTISHOT && opcode == PX_IORING_OP_RECV) {
		sqe->flags = PX_IOSQE_BUFFER_SELECT;
		sqe->buf_group = TRY_GROUP;
	}
	return sqe;
}

static void try_reap(px_uring *t)
{
	static const uint32_t bit[] = {PX_UR_BIT(ACCEPT_MULTI), PX_UR_BIT(RECV_MULTI),
	                               PX_UR_BIT(POLL_FIRST)};

	px_ur_enter(t, false, 0);
	for (uint32_t tail = px_uring_load(t->cq_ktail); t->cq_head != tail; t->cq_head++) {
		const px_uring_cqe *cqe = &t->cqes[t->cq_head & t->cq_mask];

		if (cqe->user_data < TRY_END && cqe->res == -EINVAL)
			t->has &= ~bit[cqe->user_data];
		else if (cqe->user_data == TRY_END && cqe->res == 0)
			t->has |= PX_UR_BIT(RECV_MULTI);
	}
}

/* On a descriptor that is no socket: a kernel that knows the flag says so (or that it will not
 * wait, the descriptor being non-blocking); one that does not, calls the entry invalid. Neither
 * takes time. */
static void try_flags(px_uring *t)
{
	int fd = t->wake.rd;

	try_push(t, PX_IORING_OP_ACCEPT, fd, PX_IORING_ACCEPT_MULTISHOT, TRY_ACCEPT);
	try_push(t, PX_IORING_OP_RECV, fd, PX_IORING_RECV_MULTISHOT, TRY_RECV);
	try_push(t, PX_IORING_OP_RECV, fd, PX_IORING_RECVSEND_POLL_FIRST, TRY_FIRST);
	try_reap(t);
}

/* ---- the end of a stream, close behind bytes ---- */

/* Some kernels take both for one event, of which a multishot recv sees the bytes and never the
 * end. The two come before the ring looks, as it puts its work off until it is entered. */
static void try_end(px_uring *t, void *ring, const int *pair)
{
	unsigned char bytes[TRY_BUFFERS];

	for (uint16_t i = 0; i < TRY_BUFFERS; i++)
		px_uring_buf_set(ring, i, &bytes[i], 1, i);
	px_uring_buf_publish(ring, TRY_BUFFERS);
	try_push(t, PX_IORING_OP_RECV, pair[0], PX_IORING_RECV_MULTISHOT, TRY_END);
	try_reap(t);
	if (send(pair[1], "", 1, MSG_NOSIGNAL) == 1 && shutdown(pair[1], SHUT_WR) == 0)
		try_reap(t);
}

static void try_multishot(px_uring *t)
{
	px_uring_buf_reg reg = {.ring_entries = TRY_BUFFERS, .bgid = TRY_GROUP};
	bool known = px_ur_has(t, PX_UR_RECV_MULTI) && px_ur_has(t, PX_UR_DEFER_TASKRUN);
	void *ring;
	int pair[2];

	t->has &= ~PX_UR_BIT(RECV_MULTI); /* until the end has been seen */
	if (!known || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return;
	if ((ring = buffer_ring_open(t, &reg))) {
		try_end(t, ring, pair);
		buffer_ring_close(t, ring);
	}
	close(pair[0]);
	close(pair[1]);
}

/* A ring that the loop's thread cannot enable later is none; a filter may forbid just that. */
static bool try_enable(px_uring *t)
{
	return !(t->setup_flags & PX_IORING_SETUP_R_DISABLED) ||
	       px_ur_register(t, PX_IORING_REGISTER_ENABLE_RINGS, NULL, 0) >= 0;
}

/* Before the loop's ring is used, and not on it: that is disabled until its thread comes, and by
 * then a descriptor that is open for a moment may be the one that somebody lacks. */
bool px_ur_try(px_uring *u)
{
	px_uring t = {.magic = PX_UR_MAGIC, .core = u->core, .fd = -1, .enter_fd = -1};
	bool enabled = true;
	char why[160];

	t.trial = true;
	t.has = UINT32_MAX & (u->has | ~PX_UR_BIT(R_DISABLED));
	t.wake = u->wake;
	if (px_ur_ring_open(&t, why) < 0) {
		u->has &= ~TRIED;
	} else if ((enabled = try_enable(&t))) {
		try_flags(&t);
		try_multishot(&t);
		u->has &= t.has | ~TRIED;
	}
	px_ur_ring_close(&t, false); /* and what is still in it, with it */
	return enabled;
}
