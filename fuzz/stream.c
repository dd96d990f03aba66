/* The buffered stream over a socket pair: reads, cancels and puts in any order, against a model. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "host_net.h"
#include "proa.h"

enum { SENT_MAX = 4096, PUT_MAX = 16 * 1024, COMMANDS_MAX = 200, QUIET = 3 };

typedef enum mode { SOME, EXACT, UNTIL } mode;

/* One stream, its peer's end `fd`, and what must be true of them. */
typedef struct bed {
	proa_loop *loop;
	proa_handle h;
	proa_stream s;
	int fd;
	unsigned closed;
	size_t in_limit, out_limit;
	/* input: sent[0, len) went in, [0, at) was read */
	unsigned char sent[SENT_MAX];
	size_t len, at;
	bool fin;
	proa_op read;
	mode mode;
	size_t want;
	char delim[10];
	bool reading, cancelled;
	const void
		*last; /* what the last read was given is sent[at - last_len, at) until the next */
	size_t last_len;
	/* output: put bytes are 0, 1, 2 ... */
	size_t put, taken;
	proa_op drained;
	bool draining;
} bed;

/* ---- the model of a read ---- */

/* How many of the bytes that are there the read takes; 0: it cannot be served by them. */
static size_t model_take(const bed *b)
{
	size_t have = b->len - b->at, want = b->want, n = strlen(b->delim);

	if (b->mode == SOME)
		return PX_MIN(have, want);
	if (b->mode == EXACT)
		return have >= want ? want : 0;
	want = PX_MIN(PX_MIN(want, b->in_limit), have);
	for (size_t end = n; end <= want; end++)
		if (!memcmp(b->sent + b->at + end - n, b->delim, n))
			return end;
	return 0;
}

/* An argument that is refused before anything is looked at. */
static int64_t model_refusal(const bed *b)
{
	size_t n = strlen(b->delim);

	if (!b->want || (b->mode == UNTIL && (n < 1 || n > 8)))
		return -PROA_EINVAL;
	return b->mode == EXACT && b->want > b->in_limit ? -PROA_ETOOLONG : 0;
}

/* What it says if no byte is taken. 0: nothing, as long as the stream has not ended. */
static int64_t model_error(const bed *b)
{
	int64_t refusal = model_refusal(b);

	if (refusal)
		return refusal;
	if (b->mode == UNTIL && b->len - b->at >= PX_MIN(b->want, b->in_limit))
		return -PROA_ETOOLONG;
	return b->fin && b->len > b->at ? -PROA_EEND : 0;
}

static void last_holds(bed *b)
{
	if (b->last_len)
		px_assert(!memcmp(b->last, b->sent + b->at - b->last_len, b->last_len));
	b->last_len = 0;
}

static void on_read(proa_op *op)
{
	bed *b = op->user;
	size_t take = model_take(b);

	px_assert(b->reading && !(op->got & PROA_MORE));
	b->reading = false;
	if (op->result > 0) {
		px_assert(!model_refusal(b) && (b->mode == SOME || op->result == (int64_t)take));
		px_assert((size_t)op->result <= take && op->count == op->result);
		b->at += (size_t)op->result;
		b->last = op->buf;
		b->last_len = (size_t)op->result;
		px_assert(!memcmp(b->last, b->sent + b->at - b->last_len, b->last_len));
	} else if (op->result == -PROA_ECANCELED) {
		px_assert(b->cancelled);
	} else if (op->result == 0) {
		px_assert(b->fin && b->at == b->len && op->got & PROA_END);
	} else {
		px_assert(!take || model_refusal(b));
		px_assert(op->result == model_error(b));
		px_assert(op->result != -PROA_EEND || op->count == (int64_t)(b->len - b->at));
	}
}

/* ---- commands ---- */

/* Until nothing comes any more: what could be served has been. */
static void settle(bed *b)
{
	for (int quiet = 0; quiet < QUIET;)
		quiet = proa_run_once(b->loop, PROA_POLL) > 0 ? 0 : quiet + 1;
	if (b->reading)
		px_assert(!model_take(b) && !model_error(b) && !b->fin);
	if (b->draining)
		px_assert(proa_stream_queued(&b->s) > 0);
}

/* A second one is refused and changes nothing. */
static void read_refused(bed *b)
{
	proa_op second = {0};

	proa_stream_read_some(&b->s, &second, 1, NULL);
	px_assert(proa_await(b->loop, &second) == -PROA_EALREADY || !b->reading);
}

static void read_start(bed *b, fuzz_in *in, mode how)
{
	size_t delim = 0;

	if (b->reading) {
		if (!model_refusal(b)) /* else that is how the first one ends itself */
			read_refused(b);
		return;
	}
	last_holds(b);
	b->mode = how;
	b->want = fuzz_byte(in);
	if (how == UNTIL)
		for (size_t n = fuzz_byte(in) % sizeof b->delim; delim < n; delim++)
			b->delim[delim] = "ab\n"[fuzz_byte(in) % 3];
	b->delim[delim] = 0;
	b->reading = true;
	b->cancelled = false;
	b->read.user = b;
	if (how == SOME)
		proa_stream_read_some(&b->s, &b->read, b->want, on_read);
	else if (how == EXACT)
		proa_stream_read_exact(&b->s, &b->read, b->want, on_read);
	else
		proa_stream_read_until(&b->s, &b->read, b->delim, b->want, on_read);
	px_assert(b->reading); /* submitting never calls back */
}

static void peer_send(bed *b, fuzz_in *in)
{
	size_t n = PX_MIN(1u + fuzz_byte(in) % 64u, SENT_MAX - b->len);

	if (b->fin || !n)
		return;
	for (size_t i = 0; i < n; i++)
		b->sent[b->len + i] = (unsigned char)"ab\nc"[fuzz_byte(in) % 4];
	px_assert(host_sock_send(b->fd, b->sent + b->len, n) == (long)n);
	b->len += n;
}

static void on_drained(proa_op *op)
{
	bed *b = op->user;

	b->draining = false;
	px_assert(op->result == 0 || op->result == -PROA_ECANCELED);
}

static void stream_put(bed *b, fuzz_in *in)
{
	unsigned char bytes[1024];
	size_t n = fuzz_word(in, 2) % sizeof bytes, queued = proa_stream_queued(&b->s);
	int rc;

	if (b->put + n > PUT_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(b->put + i);
	rc = proa_stream_put(&b->s, bytes, n);
	px_assert(rc == (queued + n > b->out_limit ? -PROA_EFULL : 0));
	b->put += rc ? 0 : n;
	px_assert(proa_stream_queued(&b->s) == queued + (rc ? 0 : n));
	if (b->draining || fuzz_byte(in) & 1)
		return;
	b->draining = true;
	b->drained.user = b;
	proa_stream_drained(&b->s, &b->drained, fuzz_byte(in), on_drained);
}

static void peer_take(bed *b, size_t max)
{
	unsigned char bytes[1024];
	long n = host_sock_try_recv(b->fd, bytes, PX_MIN(max, sizeof bytes));

	for (long i = 0; i < n; i++)
		px_assert(bytes[i] == (unsigned char)(b->taken + (size_t)i));
	b->taken += n > 0 ? (size_t)n : 0;
	px_assert(b->taken <= b->put);
}

static void command(bed *b, fuzz_in *in)
{
	uint8_t what = fuzz_byte(in);

	switch (what % 10) {
	case 0: read_start(b, in, SOME); break;
	case 1: read_start(b, in, EXACT); break;
	case 2:
	case 3: read_start(b, in, UNTIL); break;
	case 4:
	case 5: peer_send(b, in); break;
	case 6: stream_put(b, in); break;
	case 7: peer_take(b, fuzz_byte(in)); break;
	case 8:
		b->cancelled = b->cancelled || b->reading;
		proa_cancel(&b->read);
		break;
	case 9:
		b->fin = b->fin || what > 200;
		if (b->fin)
			host_sock_fin(b->fd);
	}
	if (what & 0x40)
		proa_run_once(b->loop, PROA_POLL);
	else if (!(what & 0x80))
		settle(b);
}

/* ---- a whole life ---- */

static void on_closed(proa_handle *h)
{
	((bed *)h->user)->closed++;
}

static void bed_open(bed *b, fuzz_in *in)
{
	static const size_t sizes[] = {16, 64, 1024, 65536};
	proa_loop_options o = {.backend = "poll",
	                       .buffers_size_bytes = sizes[fuzz_byte(in) % PX_COUNT(sizes)],
	                       .buffers_count = 1u + fuzz_byte(in) % 4u};
	proa_stream_options so;
	int fd[2];

	memset(b, 0, sizeof *b);
	b->in_limit = 1u + fuzz_byte(in);
	b->out_limit = 1u + fuzz_word(in, 2) % 8192u;
	so = (proa_stream_options){.in_limit_bytes = b->in_limit, .out_limit_bytes = b->out_limit};
	px_assert(proa_loop_open(&b->loop, &o) == 0 && host_sock_pair(fd));
	host_sock_buffers(fd[0], 2048);
	b->fd = fd[1];
	proa_handle_init(proa_root(b->loop), &b->h);
	proa_adopt_os(&b->h, fd[0], PROA_LOCAL);
	proa_stream_init(&b->s, &b->h, &so);
}

/* Everything that was put arrives; then the close ends what is in flight. */
static void bed_close(bed *b)
{
	proa_stats stats = {0};

	for (int tries = 0; b->taken < b->put && tries < 1000; tries++) {
		peer_take(b, PUT_MAX);
		proa_run_once(b->loop, PROA_POLL);
	}
	px_assert(b->taken == b->put);
	b->cancelled = true;
	b->h.user = b;
	proa_close(&b->h, on_closed);
	proa_run(b->loop);
	px_assert(!b->reading && !b->draining && b->closed == 1);
	host_sock_close(b->fd);
	proa_loop_stats(b->loop, &stats);
	px_assert(!stats.in_flight && !stats.handles);
	px_assert(proa_loop_close(&b->loop, 0) == 0);
}

FUZZ(stream)
{
	static bed b;
	fuzz_in in = {data, size};

	bed_open(&b, &in);
	for (int n = 0; in.left && n < COMMANDS_MAX; n++)
		command(&b, &in);
	settle(&b);
	last_holds(&b);
	bed_close(&b);
}
