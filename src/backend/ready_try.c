/* The readiness engine's attempts: for each kind one small function around one system call. */
/* SPDX-License-Identifier: MIT */
#include "backend/gather.h"
#include "backend/grams.h"
#include "backend/pipe.h"
#include "backend/pooled.h"
#include "backend/ready.h"
#include "backend/splice.h"

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

bool px_try_rests(px_core *core, px_op *op, int64_t error)
{
	if ((op->kind != PX_ACCEPT && op->kind != PX_ACCEPT_MANY) || !px_accept_exhausted(error))
		return false;
	px_accept_pause(core, op, error);
	return true;
}

/* The first accept that finds no descriptor costs a connection on some systems; those that follow
 * before the want is over look first. */
static int64_t accept_step(int fd, bool in_want, int32_t *sys_error)
{
	int64_t rc = in_want ? px_sock_accept_probe(fd, sys_error) : 0;

	return rc < 0 ? rc : px_sock_accept(fd, true, sys_error);
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
		fd = accept_step(h->fd, op->aux != 0, sys_error);
		if (fd >= 0) {
			px_accept_resumed(core, op);
			return fd;
		}
		if (fd == PX_AGAIN) {
			px_ready_clear(h, PX_HF_READABLE);
			return fd;
		}
		if (px_accept_exhausted(fd)) {
			px_accept_pause(core, op, fd);
			*waits = false;
			return PX_AGAIN;
		}
		if (!px_accept_aborted(fd))
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

/* Has a recv of less than it could take emptied the socket? Not on a local socket, where a read
 * also stops where the sender passed descriptors, with more behind; nor on a terminal, which gives
 * a line at a time. */
static bool short_drains(px_core *core, const px_handle *h)
{
	const px_selector *sel = px_ready_of(core)->selector;

	return sel->short_drains && !(h->flags & PX_HF_HANGUP) &&
	       (sel->level || h->kind == (PX_HANDLE_TAG | PROA_TCP));
}

/* px_sock_recv, and what it says about readiness. The end and errors leave READABLE: the next recv
 * is told by its own call, for no event will come any more. */
static int64_t recv_some(px_core *core, px_handle *h, void *buf, size_t len, int32_t *sys_error)
{
	int64_t n;

	px_count(&core->stat.system_calls);
	n = px_handle_is_socket(h) ? px_sock_recv(h->fd, buf, len, sys_error)
	                           : px_pipe_read(h->fd, buf, len, sys_error);
	if (n == PX_AGAIN ||
	    (n > 0 && (size_t)n < PX_MIN(len, PX_IO_MOST) && short_drains(core, h)))
		px_ready_clear(h, PX_HF_READABLE);
	if (n > 0) {
		px_handle_moved(core, h);
		px_count_add(&core->stat.bytes_in, (uint64_t)n);
	} else if (n != PX_AGAIN) {
		px_ready_set(h, PX_HF_HANGUP);
	}
	return n;
}

static bool try_recv(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = recv_some(core, op->handle, (void *)(uintptr_t)op->args.io.ptr, op->args.io.len,
	                      &sys_error);

	if (n == PX_AGAIN)
		return true;
	px_recv_end(op, n, sys_error);
	return false;
}

static bool try_recv_pooled(px_core *core, px_op *op)
{
	return px_pooled_try(core, op, recv_some);
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

static void send_moved(px_core *core, px_handle *h, int64_t n)
{
	px_handle_moved(core, h);
	px_count_add(&core->stat.bytes_out, (uint64_t)n);
}

static int64_t vec_send(px_core *core, const px_handle *h, const proa_vec *vec, unsigned n,
                        size_t skip, int32_t *sys_error)
{
	return px_handle_is_socket(h) ? px_sock_sendv(h->fd, vec, n, skip, sys_error)
	                              : px_pipe_write(core, h, vec, n, skip, sys_error);
}

/* This send and those that wait behind it, in one call. False: it is still there, and goes on
 * alone. */
static bool send_together(px_core *core, px_op *op, bool *waits)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;
	px_gather g;
	int64_t n;

	if (px_gather_alone(op) || !px_gather_fill(&g, op))
		return false;
	px_count(&core->stat.system_calls);
	n = vec_send(core, h, g.vec, g.pieces, 0, &sys_error);
	*waits = n < 0 && send_failed(op, n, sys_error);
	if (n < 0)
		return true;
	send_moved(core, h, n);
	if (px_gather_sent(op, g.ops, n) == op)
		return false;
	px_queue_advance(h, PX_DIR_OUT);
	return true;
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
		send_moved(core, h, n);
	}
	px_op_finish(op, op->count, op->count, 0);
	return false;
}

static int64_t step_send(px_op *op, int64_t total, int32_t *sys_error)
{
	const unsigned char *bytes = op->args.io.ptr;

	if (!px_handle_is_socket(op->handle))
		return px_pipe_send(px_handle_core(op->handle), op, sys_error);
	return px_sock_send_first(op->handle->fd, bytes + op->count, (size_t)(total - op->count),
	                          (op->want & PROA_FOLLOWED) != 0, sys_error);
}

static bool try_send(px_core *core, px_op *op)
{
	bool waits;

	if (send_together(core, op, &waits))
		return waits;
	return send_all(core, op, (int64_t)op->args.io.len, step_send);
}

static int64_t step_sendv(px_op *op, int64_t total, int32_t *sys_error)
{
	PX_UNUSED(total);
	return vec_send(px_handle_core(op->handle), op->handle, op->args.io.ptr,
	                (unsigned)op->args.io.len, (size_t)op->count, sys_error);
}

static bool try_sendv(px_core *core, px_op *op)
{
	bool waits;

	if (send_together(core, op, &waits))
		return waits;
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
	rc = px_handle_is_socket(op->handle) ? px_sock_shutdown(op->handle->fd, &sys_error)
	                                     : px_pipe_end(op->handle, &sys_error);
	px_op_finish(op, rc, 0, sys_error);
	return false;
}

/* ---- descriptors in messages ---- */

static bool try_recv_fds(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;
	bool cut;
	int64_t n;

	px_count(&core->stat.system_calls);
	n = px_local_recv_fds(h->fd, (proa_fds *)(uintptr_t)op->args.io.ptr, &cut, &sys_error);
	if (n == PX_AGAIN) {
		px_ready_clear(h, PX_HF_READABLE);
		return true;
	}
	px_fds_received(core, op, n, cut, sys_error);
	return false;
}

static int64_t step_send_fds(px_op *op, int64_t total, int32_t *sys_error)
{
	PX_UNUSED(total);
	return px_local_send_fds(op->handle->fd, op->args.io.ptr, (size_t)op->count, sys_error);
}

static bool try_send_fds(px_core *core, px_op *op)
{
	return send_all(core, op, (int64_t)op->args.io.len, step_send_fds);
}

/* ---- into a duct, out of it ---- */

/* A duct has so many places, whatever is in each: getting less than asked for says nothing. */
static bool try_splice_in(px_core *core, px_op *op)
{
	int32_t sys_error = 0;
	int64_t n = px_splice_in(core, op, &sys_error);

	if (n == PX_AGAIN) {
		px_ready_clear(op->handle, PX_HF_READABLE);
		return true;
	}
	px_recv_end(op, n, sys_error);
	return false;
}

static int64_t step_splice_out(px_op *op, int64_t total, int32_t *sys_error)
{
	PX_UNUSED(total);
	return px_splice_out(px_handle_core(op->handle), op, sys_error);
}

static bool try_splice_out(px_core *core, px_op *op)
{
	return send_all(core, op, (int64_t)op->args.io.len, step_splice_out);
}

/* ---- the end of a child process ---- */

/* Told of it a moment before it is there to be reaped, on some systems: then it is asked again. */
static bool try_reap(px_core *core, px_op *op)
{
	px_handle *h = op->handle;
	int32_t sys_error = 0;
	int signo;
	int64_t rc;

	px_count(&core->stat.system_calls);
	rc = px_child_reap((int64_t)(intptr_t)op->args.engine.b, h->fd, &signo, &sys_error);
	if (rc == PX_AGAIN)
		return px_ready_turn_over(h, PX_HF_READABLE, PX_HF_AGAIN_IN);
	px_op_finish(op, rc, signo, sys_error);
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
	X(RECV_MSGS, px_try_recv_msgs)  \
	X(RECV_MSG_MANY, try_multi)     \
	X(SEND, try_send)               \
	X(SENDV, try_sendv)             \
	X(SEND_POOLED, try_send)        \
	X(SEND_FILE, try_send_file)     \
	X(SEND_MSG, px_try_send_msg)    \
	X(SEND_MSGS, px_try_send_msgs)  \
	X(SHUTDOWN, try_shutdown)       \
	X(POLL, px_try_poll)            \
	X(REAP, try_reap)               \
	X(RECV_FDS, try_recv_fds)       \
	X(SEND_FDS, try_send_fds)       \
	X(SPLICE_IN, try_splice_in)     \
	X(SPLICE_OUT, try_splice_out)

typedef bool leaf_fn(px_core *core, px_op *op);

#define LEAF(kind, fn) [PX_##kind] = (fn),
static leaf_fn *const leaves[PX_KIND_COUNT] = {LEAVES(LEAF)};
#define LEAF_BIT(kind, fn) | PX_KIND_BIT(PX_##kind)
_Static_assert((0 LEAVES(LEAF_BIT)) == (PX_KINDS_READY | PX_KINDS_FDS),
               "each native kind has its attempt");

bool px_try(px_core *core, px_op *op)
{
	return leaves[op->kind](core, op);
}

px_pulled px_try_pull(px_core *core, px_op *op, bool *waits)
{
	px_pulled pulled;

	switch (op->kind) {
	case PX_ACCEPT_MANY: return pull_accept(core, op, waits);
	case PX_RECV_MANY: return px_pooled_pull(core, op, recv_some, waits);
	default:
		px_assert(op->kind == PX_RECV_MSG_MANY);
		pulled = px_grams_pull(core, op, waits);
		if (*waits)
			px_ready_clear(op->handle, PX_HF_READABLE);
		return pulled;
	}
}

void px_try_prepare(px_op *op)
{
	px_assert(leaves[op->kind]);
	if (op->kind == PX_SENDV)
		op->args.io.off = px_vec_bytes(op->args.io.ptr, op->args.io.len);
	else if (op->kind == PX_CONNECT || op->kind == PX_SHUTDOWN)
		px_ready_set(op->handle, PX_HF_WRITABLE); /* neither needs room to be tried */
	else if (op->kind == PX_POLL)
		px_ready_set(op->handle, px_ready_flags((unsigned)op->args.own.a));
}
