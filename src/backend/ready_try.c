/* The readiness engine's attempts: for each kind one small function around one system call. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready.h"
#include "op/pool.h"

/* What one op may do in a row while others wait. */
enum {
#ifdef PX_TORTURE
	SEND_TURN_BYTES = 3000,
	SEND_TURN_CALLS = 2,
	SEND_FILE_BYTES = 1000,
	ACCEPT_TURN = 2
#else
	SEND_TURN_BYTES = 1024 * 1024,
	SEND_TURN_CALLS = 16,
	SEND_FILE_BYTES = 256 * 1024, /* of a file, read from the disk perhaps */
	ACCEPT_TURN = 16              /* connections that were gone when accepted */
#endif
};

/* ---- connect ---- */

static bool try_connect(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	const proa_addr *addr = op->args.io.ptr;
	int32_t sys_error = 0;
	int64_t rc;

	px_count(&core->stat.system_calls);
	rc = op->flags & PX_F_PHASE2 ? px_sock_error(h->fd, &sys_error)
	                             : px_sock_connect(h->fd, addr, &sys_error);
	op->flags |= PX_F_PHASE2;
	if (rc == PX_AGAIN) {
		px_ready_clear(h, PX_HF_READABLE | PX_HF_WRITABLE | PX_HF_HANGUP);
		return true;
	}
	px_op_finish(op, rc, 0, sys_error);
	return false;
}

/* ---- accept ---- */

/* The connection's fault, not the listener's (accept(2) lists them): the next one may be whole. */
static bool accept_aborted(int64_t error)
{
	switch (error) {
	case -PROA_ECONNABORTED:
	case -PROA_ECONNRESET:
	case -PROA_EPROTO:
	case -PROA_ENOTSUP: /* EOPNOTSUPP, ENOPROTOOPT */
	case -PROA_ENETDOWN:
	case -PROA_ENETUNREACH:
	case -PROA_EHOSTUNREACH:
	case -PROA_ETIMEDOUT: return true;
	default: return false;
	}
}

static bool accept_exhausted(int64_t error)
{
	return error == -PROA_EMFILE || error == -PROA_ENFILE || error == -PROA_ENOBUFS ||
	       error == -PROA_ENOMEM;
}

bool px_try_rests(px_core *core, px_op *op, int64_t error)
{
	if ((op->kind != PX_ACCEPT && op->kind != PX_ACCEPT_MANY) || !accept_exhausted(error))
		return false;
	px_accept_pause(core, op, error);
	return true;
}

/* A descriptor, an error of the listener, or PX_AGAIN: then *waits says for what (true: a
 * connection; false: its back-off has it). */
static int64_t accept_one(px_core *core, px_op *op, bool *waits, int32_t *sys_error)
{
	px_handle *h = op->handle;
	int64_t fd;

	*waits = !op->args.own.c;
	if (op->args.own.c)
		return PX_AGAIN; /* paused: new connections do not end a back-off */
	for (unsigned i = 0; i < ACCEPT_TURN; i++) {
		px_count(&core->stat.system_calls);
		fd = px_sock_accept(h->fd, true, sys_error);
		if (fd >= 0) {
			px_accept_resumed(core, op);
			return fd;
		}
		if (fd == PX_AGAIN) {
			px_ready_clear(h, PX_HF_READABLE);
			return fd;
		}
		if (accept_exhausted(fd)) {
			px_accept_pause(core, op, fd);
			*waits = false;
			return PX_AGAIN;
		}
		if (!accept_aborted(fd))
			return fd;
		px_count(&core->stat.accept_aborted);
	}
	*waits = px_ready_turn_over(h, PX_HF_READABLE, PX_HF_AGAIN_IN);
	return PX_AGAIN;
}

static proa_socket accepted(const px_op *op, int64_t fd)
{
	return px_socket_pack((int)fd, (proa_kind)(op->handle->kind & ~PX_HANDLE_TAG), true);
}

static bool try_accept(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	bool waits;
	int64_t fd = accept_one(core, op, &waits, &sys_error);

	if (fd == PX_AGAIN)
		return waits;
	if (fd >= 0)
		op->socket = accepted(op, fd);
	px_op_finish(op, PX_MIN(fd, 0), 0, fd < 0 ? sys_error : 0);
	return false;
}

static px_pulled pull_accept(px_core *core, px_op *op, bool *waits)
{
	int32_t sys_error = 0;
	int64_t fd = accept_one(core, op, waits, &sys_error);

	if (fd == PX_AGAIN)
		return PX_PULL_NONE;
	op->got = 0;
	if (fd < 0) {
		px_op_finish_pulled(op, fd, 0, sys_error);
		return PX_PULL_FINAL;
	}
	op->result = 0;
	op->count = 0;
	op->sys_error = 0;
	op->socket = accepted(op, fd);
	op->got = PROA_MORE;
	return PX_PULL_MORE;
}

/* ---- recv ---- */

/* Has a recv of less than it could take emptied the socket? Not on a local socket: there a read
 * also stops where the sender passed descriptors, with more behind. */
static bool short_drains(px_core *core, const px_handle *h)
{
	const px_selector *sel = px_ready_of(core)->selector;

	return sel->short_drains && !(h->flags & PX_HF_HANGUP) &&
	       (sel->level || h->kind != (PX_HANDLE_TAG | PROA_LOCAL));
}

/* px_sock_recv, and what it says about readiness. The end and errors leave READABLE: the next recv
 * is told by its own call, for no event will come any more. */
static int64_t recv_some(px_core *core, px_handle *h, void *buf, size_t len, int32_t *sys_error)
{
	int64_t n;

	px_count(&core->stat.system_calls);
	n = px_sock_recv(h->fd, buf, len, sys_error);
	if (n == PX_AGAIN || (n > 0 && (size_t)n < len && short_drains(core, h)))
		px_ready_clear(h, PX_HF_READABLE);
	if (n > 0) {
		px_handle_moved(core, h);
		px_count_add(&core->stat.bytes_in, (uint64_t)n);
	} else if (n != PX_AGAIN) {
		px_ready_set(h, PX_HF_HANGUP);
	}
	return n;
}

static bool recv_end(px_op *op, int64_t n, int32_t sys_error)
{
	if (n == 0)
		op->got |= PROA_END;
	px_op_finish(op, n, PX_MAX(n, 0), n < 0 ? sys_error : 0);
	return false;
}

static bool try_recv(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = recv_some(core, op->handle, (void *)(uintptr_t)op->args.io.ptr, op->args.io.len,
	                      &sys_error);

	return n == PX_AGAIN || recv_end(op, n, sys_error);
}

/* Into a buffer of the op's pool, *buf, which is given back unless bytes came. PX_AGAIN with *waits
 * false: there was none, and the op is parked. */
static int64_t recv_buffer(px_core *core, px_op *op, void **buf, bool *waits, int32_t *sys_error)
{
	px_pool *pool = op->args.pooled.pool;
	int64_t n;

	*buf = px_pool_take(pool);
	*waits = *buf != NULL;
	if (!*buf && !pool->lent)
		return -PROA_ENOMEM; /* there was no memory for any, so none can come back */
	if (!*buf) {
		px_pool_park(pool, op);
		return PX_AGAIN;
	}
	n = recv_some(core, op->handle, *buf, pool->size_bytes, sys_error);
	if (n <= 0) {
		px_pool_give(pool, *buf);
		*buf = NULL;
	}
	return n;
}

static bool try_recv_pooled(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	void *buf;
	bool waits;
	int64_t n = recv_buffer(core, op, &buf, &waits, &sys_error);

	if (n == PX_AGAIN)
		return waits;
	op->buf = buf;
	return recv_end(op, n, sys_error);
}

static bool pool_is_empty(const px_pool *pool)
{
	return pool->free_head == PX_POOL_NONE && pool->total == pool->max;
}

/* PHASE2: it took a buffer the last time. */
static px_pulled pull_recv(px_core *core, px_op *op, bool *waits)
{
	int32_t sys_error = 0;
	void *buf;
	int64_t n;

	*waits = false;
	op->flags &= (uint16_t)~PX_F_QUOTA;
	if (px_quota_full(op->args.pooled.quota)) {
		op->flags |= PX_F_QUOTA; /* a returned buffer lists it again */
		return PX_PULL_NONE;
	}
	if ((op->flags & PX_F_PHASE2) && pool_is_empty(op->args.pooled.pool)) {
		op->flags &= (uint16_t)~PX_F_PHASE2;
		px_op_more(op); /* it has had one: those that got none now park before it */
		return PX_PULL_NONE;
	}
	op->flags &= (uint16_t)~PX_F_PHASE2;
	n = recv_buffer(core, op, &buf, waits, &sys_error);
	if (n == PX_AGAIN)
		return PX_PULL_NONE;
	op->got = n == 0 ? PROA_END : 0;
	if (n <= 0) {
		px_op_finish_pulled(op, n, 0, sys_error);
		return PX_PULL_FINAL;
	}
	px_pool_charge(op->args.pooled.pool, buf, op->args.pooled.quota);
	op->result = n;
	op->count = n;
	op->buf = buf;
	op->sys_error = 0;
	op->got = PROA_MORE;
	op->flags |= PX_F_PHASE2;
	return PX_PULL_MORE;
}

/* Multishot ops are pulled, one completion at a time, when the loop delivers. */
static bool try_multi(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	px_op_more(op);
	return false;
}

/* ---- send: op->count is how far it has come ---- */

/* What a dead peer is called depends on what was noticed first; here it has one name. */
static bool send_failed(px_op *op, int64_t error, int32_t sys_error)
{
	px_handle *h = op->handle;

	if (error == PX_AGAIN) {
		px_ready_clear(h, PX_HF_WRITABLE);
		return true;
	}
	if (error == -PROA_EPIPE || error == -PROA_ECONNRESET || error == -PROA_ECONNABORTED) {
		px_ready_set(h, PX_HF_DEAD);
		error = -PROA_ECONNRESET;
	}
	px_op_finish(op, error, op->count, sys_error);
	return false;
}

/* One call that sends some of the rest: bytes, or an error. */
typedef int64_t send_step(px_op *op, int64_t total, int32_t *sys_error);

static bool send_all(px_core *core, px_op *op, int64_t total, send_step *step)
{
	px_handle *h = op->handle;
	int64_t turn = 0;
	int32_t sys_error = 0;

	for (unsigned calls = 0; op->count < total; calls++) {
		int64_t n;

		if (turn >= SEND_TURN_BYTES || calls == SEND_TURN_CALLS)
			return px_ready_turn_over(h, PX_HF_WRITABLE, PX_HF_AGAIN_OUT);
		px_count(&core->stat.system_calls);
		n = step(op, total, &sys_error);
		if (n < 0)
			return send_failed(op, n, sys_error);
		if (n == 0) {
			op->got |= PROA_END; /* only of a file */
			break;
		}
		op->count += n;
		turn += n;
		px_handle_moved(core, h);
		px_count_add(&core->stat.bytes_out, (uint64_t)n);
	}
	px_op_finish(op, op->count, op->count, 0);
	return false;
}

static int64_t step_send(px_op *op, int64_t total, int32_t *sys_error)
{
	const unsigned char *bytes = op->args.io.ptr;

	return px_sock_send(op->handle->fd, bytes + op->count, (size_t)(total - op->count),
	                    sys_error);
}

static bool try_send(px_core *core, px_op *op)
{
	return send_all(core, op, (int64_t)op->args.io.len, step_send);
}

static int64_t step_sendv(px_op *op, int64_t total, int32_t *sys_error)
{
	PX_UNUSED(total);
	return px_sock_sendv(op->handle->fd, op->args.io.ptr, (unsigned)op->args.io.len,
	                     (size_t)op->count, sys_error);
}

static bool try_sendv(px_core *core, px_op *op)
{
	return send_all(core, op, op->args.io.off, step_sendv);
}

static int64_t step_send_file(px_op *op, int64_t total, int32_t *sys_error)
{
	return px_sock_send_file(op->handle->fd, op->args.file.file->fd,
	                         op->args.file.off + op->count,
	                         PX_MIN(total - op->count, (int64_t)SEND_FILE_BYTES), sys_error);
}

static bool try_send_file(px_core *core, px_op *op)
{
	/* sendfile has no MSG_NOSIGNAL. The run function that goes on undoes this. */
	if (!core->sigpipe_blocked)
		core->sigpipe_blocked = px_sys_sigpipe_block();
	return send_all(core, op, op->args.file.len, step_send_file);
}

static bool try_shutdown(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	int64_t rc;

	px_count(&core->stat.system_calls);
	rc = px_sock_shutdown(op->handle->fd, &sys_error);
	px_op_finish(op, rc, 0, sys_error);
	return false;
}

/* ---- which is which ---- */

#define LEAVES(X)                       \
	X(CONNECT, try_connect)         \
	X(ACCEPT, try_accept)           \
	X(ACCEPT_MANY, try_multi)       \
	X(RECV, try_recv)               \
	X(RECV_POOLED, try_recv_pooled) \
	X(RECV_MANY, try_multi)         \
	X(RECV_MSG, px_try_recv_msg)    \
	X(SEND, try_send)               \
	X(SENDV, try_sendv)             \
	X(SEND_POOLED, try_send)        \
	X(SEND_FILE, try_send_file)     \
	X(SEND_MSG, px_try_send_msg)    \
	X(SHUTDOWN, try_shutdown)

typedef bool leaf_fn(px_core *core, px_op *op);

#define LEAF(kind, fn) [PX_##kind] = (fn),
static leaf_fn *const leaves[PX_KIND_COUNT] = {LEAVES(LEAF)};
#define LEAF_BIT(kind, fn) | PX_KIND_BIT(PX_##kind)
_Static_assert((0 LEAVES(LEAF_BIT)) == PX_KINDS_SOCKET, "each native kind has its attempt");

bool px_try(px_core *core, px_op *op)
{
	return leaves[op->kind](core, op);
}

px_pulled px_try_pull(px_core *core, px_op *op, bool *waits)
{
	px_assert(op->kind == PX_ACCEPT_MANY || op->kind == PX_RECV_MANY);
	return op->kind == PX_ACCEPT_MANY ? pull_accept(core, op, waits)
	                                  : pull_recv(core, op, waits);
}

static int64_t vec_bytes(const proa_vec *vec, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = px_add_sat(sum, (int64_t)PX_MIN(vec[i].len, (size_t)PTRDIFF_MAX));
	return sum;
}

void px_try_prepare(px_op *op)
{
	px_assert(leaves[op->kind]);
	if (op->kind == PX_SENDV)
		op->args.io.off = vec_bytes(op->args.io.ptr, op->args.io.len);
	else if (op->kind == PX_CONNECT || op->kind == PX_SHUTDOWN)
		px_ready_set(op->handle, PX_HF_WRITABLE); /* neither needs room to be tried */
}
