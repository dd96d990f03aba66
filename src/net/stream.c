/* proa_stream: a buffered reader and writer on a handle, made of its own recvs and sends. */
/* SPDX-License-Identifier: MIT */
#include "op/core.h"
#include "proa/net.h"

#include <string.h>

/* ---- input ----
 *
 * Unread bytes are [at, end) of `in`, which is either `lent`, the pooled buffer that the last recv
 * brought, or `area`, memory of our own. A read is served from where the bytes lie, so what comes
 * whole is never copied. When a read needs more than is there, the rest moves to the area, the
 * buffer goes back, and further bytes are received into the area directly: an idle stream holds no
 * buffer, and one in the middle of a line as much as the line.
 *
 * All of this is changed by input_recv alone, while no recv is in flight: so what a read was given
 * stays where it is until the next one wants more.
 *
 * ---- output ----
 *
 * A chunk is a send operation with its bytes behind it. Chunks stand in the handle's own queue,
 * among whatever else is sent there, so order, proa_shutdown and proa_finish hold for them. As long
 * as the last one only waits, puts are added to it.
 *
 * ---- lifetime ----
 *
 * `guard` is owned by the handle and closes with it. The memory goes when the guard, the recv and
 * every chunk have ended, all of which the handle's close waits for. */

#ifdef PX_TORTURE
enum { AREA_MIN = 2, CHUNK_MIN = 16, CHUNK_MAX = 64 };
#else
enum { AREA_MIN = 1024, CHUNK_MIN = 1024, CHUNK_MAX = 65536 };
#endif
enum { DELIM_MAX = 8 };

typedef enum read_mode { READ_SOME, READ_EXACT, READ_UNTIL } read_mode;

typedef struct stream stream;

typedef struct chunk {
	proa_op op; /* on some systems longer than px_op: see PROA_OP_WORDS */
	stream *s;
	size_t len, cap;
	unsigned char bytes[];
} chunk;

struct __attribute__((may_alias)) stream {
	px_handle guard;
	proa_op recv;
	px_handle *h;
	proa_buffers *pool;
	unsigned char *in, *lent, *area;
	size_t at, end, area_bytes, in_limit;
	px_op *read;    /* the user's, in flight */
	size_t want;    /* its max, n or limit */
	size_t scanned; /* READ_UNTIL: so many bytes from `at` hold no delimiter's begin */
	char delim[DELIM_MAX];
	uint8_t delim_len;
	uint8_t mode;
	bool dropped; /* the recv was cancelled because its read was */
	bool untold;  /* the last read has ended, its callback has not come: what it was given stays
	               */
	int32_t in_error, in_sys; /* the connection's: the system tells it once */
	int32_t out_sys;
	int64_t out_error; /* what ended the output; 0 it has not */
	px_op *drained;    /* the user's, in flight */
	size_t below;
	size_t queued, out_limit, out_low;
	chunk *tail;   /* the last one submitted, if it has not ended */
	chunk *spare;  /* CHUNK_MIN of it, so that small talk does not allocate */
	uint32_t held; /* the guard, the recv, chunks: what has not ended */
};
_Static_assert(sizeof(stream) <= sizeof(proa_stream), "px_ is large enough");
_Static_assert(sizeof(stream) + 64 >= sizeof(proa_stream), "px_ is not much too large");

static stream *stream_of(const proa_stream *pub)
{
	return (stream *)(uintptr_t)pub;
}

static px_allocator *stream_alloc(const stream *s)
{
	return &px_handle_core(s->h)->alloc;
}

static void input_give_back(stream *s)
{
	proa_buffer_return(proa_handle_loop(px_handle_pub(s->h)), s->lent);
	s->lent = NULL;
}

static void chunk_free(stream *s, chunk *c)
{
	if (c)
		px_free(stream_alloc(s), c, sizeof *c + c->cap);
}

/* One of what `held` counts has ended. */
static void stream_release(stream *s)
{
	px_assert(s->held > 0);
	if (--s->held)
		return;
	input_give_back(s);
	px_free(stream_alloc(s), s->area, s->area_bytes);
	chunk_free(s, s->spare);
	s->in = s->area = NULL;
	s->spare = NULL;
}

static void on_guard_closed(proa_handle *guard)
{
	stream_release(PX_OF(guard, stream, guard));
}

void proa_stream_init(proa_stream *pub, proa_handle *handle, const proa_stream_options *options)
{
	static const proa_stream_options none;
	const proa_stream_options *o = options ? options : &none;
	stream *s = stream_of(pub);

	if (o->size && o->size != sizeof *o)
		PX_PANIC("proa_stream_init: options of another version");
	memset(pub, 0, sizeof *pub);
	s->h = px_handle_of(handle);
	s->pool = o->pool;
	s->in_limit = o->in_limit_bytes ? o->in_limit_bytes : 65536;
	s->out_limit = o->out_limit_bytes ? o->out_limit_bytes : 262144;
	s->out_low = o->out_low_bytes ? o->out_low_bytes : s->out_limit / 4;
	s->held = 1;
	px_handle_bind(s->h, &s->guard);
	s->guard.flags |= PX_HF_PRESET;
	s->guard.closed = on_guard_closed;
}

/* ---- reading ---- */

static void read_end(stream *s, int64_t result, int64_t count, int32_t sys_error)
{
	px_op *op = s->read;

	s->read = NULL;
	s->untold = true;
	s->guard.in_flight++; /* its bytes stay until it is told, also when all is closed */
	px_op_finish(op, result, count, sys_error);
}

static void read_retired(px_op *op)
{
	stream *s = op->args.engine.a;

	s->untold = false;
	s->guard.in_flight--;
	px_handle_check(&s->guard); /* told of behind this read's callback */
}

static void read_deliver(stream *s, size_t n)
{
	s->read->buf = s->in + s->at;
	s->at += n;
	read_end(s, (int64_t)n, (int64_t)n, 0);
}

/* The length up to and with the delimiter among the first `have` bytes, 0 if it is not there. */
static size_t find_delim(stream *s, size_t have)
{
	const unsigned char *begin = s->in + s->at, *p, *last;

	if (have < s->delim_len)
		return 0;
	last = begin + have - s->delim_len; /* where it could begin at the latest */
	for (p = begin + s->scanned; p <= last; p++) {
		p = memchr(p, (unsigned char)s->delim[0], (size_t)(last - p) + 1);
		if (!p)
			break;
		if (!memcmp(p, s->delim, s->delim_len))
			return (size_t)(p - begin) + s->delim_len;
	}
	s->scanned = have - s->delim_len + 1;
	return 0;
}

/* How many bytes the read can be given, 0: not yet. */
static size_t read_ready(stream *s, size_t have)
{
	switch ((read_mode)s->mode) {
	case READ_SOME: return PX_MIN(have, s->want);
	case READ_EXACT: return have >= s->want ? s->want : 0;
	case READ_UNTIL: return find_delim(s, PX_MIN(have, s->want));
	}
	return 0;
}

static void on_recv(proa_op *op);

/* Room in the area behind the unread bytes, which are moved there: as much as the read can want, in
 * steps. */
static bool input_room(stream *s)
{
	size_t have = s->end - s->at;
	size_t bytes = s->mode == READ_EXACT ? s->want : PX_MAX(px_pow2_up(2 * have), AREA_MIN);
	unsigned char *area = s->area;

	bytes = PX_MIN(bytes, s->want);
	if (bytes > s->area_bytes) {
		area = px_alloc(stream_alloc(s), bytes);
		if (!area)
			return false;
	}
	memmove(area, s->in + s->at, have);
	if (area != s->area) {
		px_free(stream_alloc(s), s->area, s->area_bytes);
		s->area_bytes = bytes;
	}
	input_give_back(s);
	s->in = s->area = area;
	s->at = 0;
	s->end = have;
	return true;
}

/* Nothing is unread: what is left of the input's memory goes, but for a little. */
static void input_empty(stream *s)
{
	input_give_back(s);
	if (s->area_bytes > AREA_MIN) {
		px_free(stream_alloc(s), s->area, s->area_bytes);
		s->area = NULL;
		s->area_bytes = 0;
	}
	s->in = NULL;
	s->at = s->end = 0;
}

static void input_recv(stream *s)
{
	proa_handle *h = px_handle_pub(s->h);
	proa_op *op = &s->recv;

	if (s->at == s->end) {
		input_empty(s);
		proa_recv_pooled(h, op, s->pool, on_recv);
	} else if (input_room(s)) {
		size_t to = s->mode == READ_EXACT ? s->want : s->area_bytes;

		proa_recv(h, op, s->area + s->end, to - s->end, on_recv);
	} else {
		read_end(s, -PROA_ENOMEM, 0, 0);
		return;
	}
	s->held++;
}

/* There is a read, and perhaps news for it. */
static void read_advance(stream *s)
{
	size_t have = s->end - s->at, n = have ? read_ready(s, have) : 0;

	if (n)
		read_deliver(s, n);
	else if (s->mode == READ_UNTIL && have >= s->want)
		read_end(s, -PROA_ETOOLONG, 0, 0);
	else if (s->in_error)
		read_end(s, s->in_error, (int64_t)have, s->in_sys);
	else if (px_op_of(&s->recv)->state == PX_IDLE)
		input_recv(s);
}

/* The stream ended under the read. */
static void read_eof(stream *s)
{
	size_t have = s->end - s->at;

	s->read->got |= PROA_END;
	read_end(s, have ? -PROA_EEND : 0, (int64_t)have, 0);
}

/* A cancel of the recv that was not ours (proa_finish) is one of the read, too. */
static void read_fail(stream *s, const proa_op *op)
{
	if (op->result == -PROA_ECANCELED)
		s->read->flags |= PX_F_CANCEL;
	read_end(s, op->result, (int64_t)(s->end - s->at), op->sys_error);
}

/* It is met again, if it is met again at all, as an end in good order. */
static void error_keep(stream *s, const proa_op *op)
{
	bool passes = op->result == -PROA_ECANCELED || op->result == -PROA_ENOMEM ||
	              (op->result == -PROA_ETIMEDOUT && !op->sys_error); /* the idle time */

	if (op->result >= 0 || passes)
		return;
	s->in_error = (int32_t)op->result;
	s->in_sys = op->sys_error;
}

static void on_recv(proa_op *op)
{
	stream *s = PX_OF(op, stream, recv);
	bool dropped = s->dropped;

	s->dropped = false;
	if (op->result > 0 && s->at == s->end && !s->in) {
		s->in = s->lent = op->buf;
		s->at = 0;
		s->end = (size_t)op->result;
	} else if (op->result > 0) {
		s->end += (size_t)op->result;
	}
	error_keep(s, op);
	if (!s->read)
		; /* it was cancelled: what came waits for the next one, an end will be met again */
	else if (op->result > 0 || (op->result == -PROA_ECANCELED && dropped))
		read_advance(s);
	else if (op->result == 0)
		read_eof(s);
	else
		read_fail(s, op);
	stream_release(s);
}

static void read_cancel(px_core *core, px_op *op)
{
	stream *s = op->args.engine.a;

	PX_UNUSED(core);
	px_assert(s->read == op);
	if (px_op_of(&s->recv)->state != PX_IDLE) {
		s->dropped = true;
		px_op_cancel(px_op_of(&s->recv), PX_F_CANCEL);
	}
	read_end(s, -PROA_ECANCELED, (int64_t)(s->end - s->at), 0);
}

static const px_engine read_engine = {.cancel = read_cancel, .retired = read_retired};

/* NULL: it ended already. The caller sets the delimiter, if any, and calls read_advance. */
static stream *read_begin(proa_stream *pub, proa_op *pub_op, read_mode mode, size_t want,
                          proa_done *done)
{
	stream *s = stream_of(pub);
	px_op *op = px_op_begin(px_handle_pub(s->h), pub_op, PX_STREAM_READ, done);
	int64_t rc = s->read || s->untold ? -PROA_EALREADY : !want ? -PROA_EINVAL : 0;

	if (!rc && mode == READ_EXACT && want > s->in_limit)
		rc = -PROA_ETOOLONG;
	if (px_op_refused(op))
		return NULL;
	if (rc) {
		px_op_finish(op, rc, 0, 0);
		return NULL;
	}
	px_op_engine(op, &read_engine, s, NULL);
	s->read = op;
	s->mode = (uint8_t)mode;
	s->want = mode == READ_UNTIL ? PX_MIN(want, s->in_limit) : want;
	s->scanned = 0;
	return s;
}

void proa_stream_read_some(proa_stream *pub, proa_op *op, size_t max, proa_done *done)
{
	stream *s = read_begin(pub, op, READ_SOME, max, done);

	if (s)
		read_advance(s);
}

void proa_stream_read_exact(proa_stream *pub, proa_op *op, size_t n, proa_done *done)
{
	stream *s = read_begin(pub, op, READ_EXACT, n, done);

	if (s)
		read_advance(s);
}

void proa_stream_read_until(proa_stream *pub, proa_op *op, const char *delim, size_t limit,
                            proa_done *done)
{
	size_t len = strlen(delim);
	bool valid = len >= 1 && len <= DELIM_MAX;
	stream *s = read_begin(pub, op, READ_UNTIL, valid ? limit : 0, done);

	if (!s)
		return;
	memcpy(s->delim, delim, len);
	s->delim_len = (uint8_t)len;
	read_advance(s);
}

/* ---- writing ---- */

static void drained_end(stream *s, int64_t result, int32_t sys_error)
{
	px_op *op = s->drained;

	s->drained = NULL;
	px_op_finish(op, result, 0, sys_error);
}

static void drained_check(stream *s)
{
	if (s->out_error == -PROA_ECANCELED) /* what it waited for was cancelled, and so is it */
		s->drained->flags |= PX_F_CANCEL;
	if (s->out_error)
		drained_end(s, s->out_error, s->out_sys);
	else if (s->queued <= s->below)
		drained_end(s, 0, 0);
}

static void on_sent(proa_op *op)
{
	chunk *c = PX_OF(op, chunk, op);
	stream *s = c->s;

	if (op->result < 0 && !s->out_error) {
		s->out_error = op->result;
		s->out_sys = op->sys_error;
	}
	s->queued -= c->len;
	if (s->tail == c)
		s->tail = NULL;
	if (!s->spare && c->cap == CHUNK_MIN)
		s->spare = c;
	else
		chunk_free(s, c);
	if (s->drained)
		drained_check(s);
	stream_release(s);
}

/* With room for `len`, and for more the more is queued: so a long queue has few chunks. */
static chunk *chunk_new(stream *s, size_t len)
{
	size_t cap = PX_MAX(len, PX_MIN(PX_MAX(s->queued, CHUNK_MIN), CHUNK_MAX));
	chunk *c = s->spare;

	if (c && cap <= CHUNK_MIN) {
		s->spare = NULL;
	} else {
		c = px_alloc(stream_alloc(s), sizeof *c + cap);
		if (!c)
			return NULL;
		c->cap = cap;
	}
	memset(&c->op, 0, sizeof c->op);
	c->op.want = PROA_CHAIN; /* there may be others behind it already when it fails */
	c->s = s;
	c->len = 0;
	return c;
}

/* How much can be added to the last chunk: while it waits, and nobody else's send stands behind it.
 */
static size_t tail_room(const stream *s)
{
	const chunk *c = s->tail;

	if (!c || px_op_of(&c->op)->state != PX_WAITING ||
	    px_ring_last(s->h->out) != &px_op_of(&c->op)->link)
		return 0;
	return c->cap - c->len;
}

static void chunk_add(stream *s, chunk *c, const void *bytes, size_t len)
{
	memcpy(c->bytes + c->len, bytes, len);
	c->len += len;
	s->queued += len;
}

int proa_stream_put(proa_stream *pub, const void *bytes, size_t len)
{
	stream *s = stream_of(pub);
	size_t room = PX_MIN(tail_room(s), len);
	chunk *c = NULL;

	if (s->out_error)
		return (int)s->out_error;
	if (proa_is_closing(px_handle_pub(s->h)))
		return -PROA_ECANCELED;
	if (len > s->out_limit - s->queued)
		return -PROA_EFULL;
	if (len > room && !(c = chunk_new(s, len - room)))
		return -PROA_ENOMEM;
	if (room) {
		chunk_add(s, s->tail, bytes, room);
		px_op_of(&s->tail->op)->args.io.len = s->tail->len;
	}
	if (!c)
		return 0;
	chunk_add(s, c, (const unsigned char *)bytes + room, len - room);
	s->tail = c;
	s->held++;
	proa_send(px_handle_pub(s->h), &c->op, c->bytes, c->len, on_sent);
	return 0;
}

static void drained_cancel(px_core *core, px_op *op)
{
	stream *s = op->args.engine.a;

	PX_UNUSED(core);
	px_assert(s->drained == op);
	drained_end(s, -PROA_ECANCELED, 0);
}

static const px_engine drained_engine = {.cancel = drained_cancel};

void proa_stream_drained(proa_stream *pub, proa_op *pub_op, size_t below_bytes, proa_done *done)
{
	stream *s = stream_of(pub);
	px_op *op = px_op_begin(px_handle_pub(s->h), pub_op, PX_STREAM_DRAINED, done);

	if (px_op_refused(op))
		return;
	if (s->drained) {
		px_op_finish(op, -PROA_EALREADY, 0, 0);
		return;
	}
	px_op_engine(op, &drained_engine, s, NULL);
	s->drained = op;
	s->below = below_bytes ? below_bytes : s->out_low;
	drained_check(s);
}

size_t proa_stream_queued(const proa_stream *pub)
{
	return stream_of(pub)->queued;
}
