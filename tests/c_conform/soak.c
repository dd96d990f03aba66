/* Soak: connections under random submits, cancels, deadlines, pauses, closes; from a seed. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* Each connection is two handles, A and B, and two streams of counted bytes. What is checked is
 * what must hold whatever happens: one final each (kit_op), bytes in order without gap or
 * duplicate, and nobody receives what was not sent. Buffers live on the heap and go in their final,
 * so that a sanitizer sees who still uses them. */

enum { PAIRS = 12, SEND_MAX = 60000, OPS_MAX = 6 };

typedef struct side side;

typedef struct item {
	rec r;
	side *s;
	struct item *next;
	unsigned char *buf; /* of its own */
	size_t len;
	uint64_t at; /* a send's place in its stream */
	bool pooled, many;
} item;

struct side {
	proa_handle h;
	side *peer;
	item *sends, *recvs; /* in flight */
	unsigned n_sends, n_recvs;
	uint64_t submitted; /* bytes of this stream handed to sends */
	uint64_t sent;      /* and counted by finals */
	uint64_t received;  /* from the peer's stream */
	bool broken;        /* no more sends: torn, reset, shut */
	bool gap;           /* a send that ended short of its length came before later ones */
	bool open;
};

static uint64_t seed;
static side sides[PAIRS][2];
static proa_buffers *pool;
static proa_loop *loop_;
static uint64_t total_bytes, total_pairs;

static uint64_t random_64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static size_t random_below(size_t n)
{
	return (size_t)(random_64() % n);
}

static void unlink_item(item **list, unsigned *n, item *it)
{
	while (*list != it)
		list = &(*list)->next;
	*list = it->next;
	--*n;
}

/* ---- sends: the stream's bytes in order, so a send that did not move at all leaves a gap to be
 * filled by nobody; then the direction counts as broken for this test, which sends no more. ---- */

static void send_final(rec *r)
{
	item *it = (item *)(void *)r;
	side *s = it->s;

	CHECK(r->result == (int64_t)it->len || r->result < 0);
	CHECK_GE(r->count, 0);
	CHECK_LE(r->count, it->len);
	if (s->gap)
		CHECK_EQ(r->count, 0); /* nothing goes out behind a torn one */
	s->sent += (uint64_t)r->count;
	if (r->result < 0)
		s->broken = true;
	if (r->count > 0 && r->count < (int64_t)it->len)
		s->gap = true;
	unlink_item(&s->sends, &s->n_sends, it);
	if (it->buf)
		memset(it->buf, 0xdd, it->len);
	free(it->buf);
	free(r->ctx); /* a sendv's pieces */
	free(it);
}

static void some_deadline(item *it)
{
	if (random_below(20) == 0)
		it->r.op.deadline_ns = proa_clock(loop_) + (int64_t)random_below(3000) * PROA_USEC;
}

static void send_start(side *s)
{
	item *it = calloc(1, sizeof *it);
	proa_vec *vec;

	it->s = s;
	it->len = 1 + random_below(random_below(4) ? 500 : SEND_MAX);
	it->buf = malloc(it->len);
	it->at = s->submitted;
	it->r.then = send_final;
	it->next = s->sends;
	s->sends = it;
	s->n_sends++;
	kit_fill(it->buf, it->len, it->at);
	s->submitted += it->len;
	if (random_below(3)) {
		SUBMIT(proa_send, &s->h, &it->r, it->buf, it->len);
		return;
	}
	vec = malloc(2 * sizeof *vec);
	vec[0] = (proa_vec){it->buf, it->len / 2};
	vec[1] = (proa_vec){it->buf + it->len / 2, it->len - it->len / 2};
	it->r.ctx = vec;
	SUBMIT(proa_sendv, &s->h, &it->r, vec, 2);
}

/* ---- recvs ---- */

static void recv_final(rec *r)
{
	item *it = (item *)(void *)r;
	side *s = it->s;
	const unsigned char *bytes = it->pooled ? r->buf : it->buf;

	if (r->result > 0) {
		CHECK(kit_filled(bytes, (size_t)r->result, s->received));
		s->received += (uint64_t)r->result;
		total_bytes += (uint64_t)r->result;
		CHECK_LE(s->received, s->peer->submitted);
		if (it->pooled)
			proa_buffer_return(loop_, r->buf);
	} else if (it->pooled) {
		CHECK(r->buf == NULL);
	}
	if (r->got & PROA_MORE)
		return;
	unlink_item(&s->recvs, &s->n_recvs, it);
	free(it->buf);
	free(it);
}

static void recv_start(side *s)
{
	item *it = calloc(1, sizeof *it);
	size_t how = random_below(4);

	it->s = s;
	it->r.then = recv_final;
	it->next = s->recvs;
	s->recvs = it;
	s->n_recvs++;
	some_deadline(it);
	it->pooled = how > 1;
	it->many = how == 3;
	if (it->many) {
		SUBMIT(proa_recv_pooled_many, &s->h, &it->r, pool, (unsigned)random_below(3));
	} else if (it->pooled) {
		SUBMIT(proa_recv_pooled, &s->h, &it->r, pool);
	} else {
		it->len = 1 + random_below(20000);
		it->buf = malloc(it->len);
		SUBMIT(proa_recv, &s->h, &it->r, it->buf, it->len);
	}
}

/* ---- connections ---- */

static void side_closed(proa_handle *h)
{
	side *s = PROA_OF(h, side, h);

	CHECK(!s->sends && !s->recvs);
	s->open = false;
}

static void pair_open(side *s)
{
	side *p = s < s->peer ? s : s->peer;

	if (p[0].open || p[1].open)
		return;
	for (int i = 0; i < 2; i++) {
		p[i] = (side){.peer = &p[!i], .open = true};
		total_pairs++;
	}
	kit_pair(loop_, &p[0].h, &p[1].h);
}

static item *random_item(item *list, unsigned n)
{
	for (size_t i = n ? random_below(n) : 0; i; i--)
		list = list->next;
	return list;
}

static void side_cancel(side *s)
{
	item *it = random_item(s->recvs, s->n_recvs);

	if (it)
		proa_cancel(&it->r.op);
	/* The last one, and none after it: what stands behind an untorn one would go out, with a
	 * gap. */
	if (s->sends && random_below(4) == 0) {
		proa_cancel(&s->sends->r.op);
		s->broken = true;
	}
}

static void side_pause(side *s)
{
	item *it = random_item(s->recvs, s->n_recvs);

	if (!it || !it->many)
		return;
	if (random_below(2))
		proa_pause(&it->r.op);
	else
		proa_resume(&it->r.op);
}

static void side_end(side *s)
{
	switch (random_below(4)) {
	case 0: proa_close(&s->h, side_closed); break;
	case 1: proa_close_abort(&s->h, side_closed); break;
	case 2:
		proa_finish(&s->h, proa_clock(loop_) + (int64_t)random_below(5) * PROA_MSEC + 1,
		            side_closed);
		break;
	default:
		proa_close(&s->h, side_closed);
		if (s->peer->open && !proa_is_closing(&s->peer->h))
			proa_close(&s->peer->h, side_closed);
		break;
	}
}

static void side_act(side *s)
{
	size_t dice = random_below(200);

	if (!s->open) {
		if (!s->peer->open)
			pair_open(s);
		else if (!proa_is_closing(&s->peer->h) && random_below(4) == 0)
			side_end(s->peer);
		return;
	}
	if (proa_is_closing(&s->h))
		return;
	if (dice < 70 && s->n_sends < OPS_MAX && !s->broken)
		send_start(s);
	else if (dice < 150 && s->n_recvs < OPS_MAX)
		recv_start(s);
	else if (dice < 170)
		side_cancel(s);
	else if (dice < 190)
		side_pause(s);
	else if (dice == 199)
		side_end(s);
}

static void soak(uint64_t from, int turns)
{
	proa_buffers_options o = {.count = 24, .size_bytes = 2000};
	LOOP(loop);

	seed = from;
	loop_ = loop;
	total_bytes = total_pairs = 0;
	memset(sides, 0, sizeof sides);
	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	for (int i = 0; i < PAIRS; i++) {
		sides[i][0].peer = &sides[i][1];
		sides[i][1].peer = &sides[i][0];
	}
	for (int t = 0; t < turns; t++) {
		for (size_t n = random_below(8); n; n--)
			side_act(&sides[random_below(PAIRS)][random_below(2)]);
		kit_once(loop, (int)random_below(50) == 0);
	}
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < 2; k++)
			if (sides[i][k].open && !proa_is_closing(&sides[i][k].h))
				proa_close(&sides[i][k].h, side_closed);
	for (int i = 0; i < PAIRS; i++)
		UNTIL(loop, !sides[i][0].open && !sides[i][1].open);
	CHECK_EQ(proa_buffers_free(pool), 24);
	proa_buffers_close(&pool);
	test_note("seed %llu: %llu bytes over %llu connections", (unsigned long long)from,
	          (unsigned long long)total_bytes, (unsigned long long)total_pairs / 2);
	kit_close(&loop);
}

TEST(soak_from_fixed_seeds)
{
	for (uint64_t s = 1; s <= 10; s++)
		soak(s * 0x9e3779b97f4a7c15u, (int)TEST_TIMES(6000));
}

/* By default the same one each time: what a change is tested by is no matter of chance. */
TEST(soak_from_a_given_seed)
{
	const char *given = getenv("PROA_SEED");

	soak(given ? strtoull(given, NULL, 0) | 1 : 20261129, (int)TEST_TIMES(10000));
}
