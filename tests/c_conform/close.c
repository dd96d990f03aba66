/* Close: anything in flight, inside callbacks, twice, trees of owners, descriptors reused. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- with k ops in flight, of all kinds ---- */

enum { KINDS = 10 };

static void submit_kind(proa_handle *h, rec *r, int kind, void *buf, size_t len)
{
	static proa_vec vec;
	static char into[65536]; /* not what the sends lend */
	proa_loop *loop = proa_handle_loop(h);

	vec = (proa_vec){buf, len};
	switch (kind) {
	case 0: SUBMIT(proa_recv, h, r, into, sizeof into); break;
	case 1: SUBMIT(proa_recv_pooled, h, r, NULL); break;
	case 2: SUBMIT(proa_recv_pooled_many, h, r, NULL, 2); break;
	case 3: SUBMIT(proa_send, h, r, buf, len); break;
	case 4: SUBMIT(proa_sendv, h, r, &vec, 1); break;
	case 5: SUBMIT(proa_timer, h, r, proa_in(loop, 3600 * PROA_SEC)); break;
	case 6: SUBMIT_BELL(h, r); break;
	case 7: SUBMIT0(proa_shutdown, h, r); break;
	case 8: SUBMIT(proa_recv, h, r, into, 1); break;
	default: SUBMIT(proa_timer, h, r, 1); break;
	}
}

static rec in_flight[64];
static int finals_at_close;

static void closed_counts_finals(proa_handle *h)
{
	(void)h;
	finals_at_close = 0;
	for (int i = 0; i < 64; i++)
		finals_at_close += in_flight[i].finals == in_flight[i].submits;
	kit_n_closed++;
}

/* Ends k ops of mixed kinds by a close; `iterations` run between submit and close. */
static void close_k(proa_loop *loop, int k, int iterations, unsigned char *big, size_t len)
{
	proa_handle a;
	int fd = kit_half(loop, &a), before = kit_n_closed;
	unsigned seed = (unsigned)(k * 7 + iterations);

	memset(in_flight, 0, sizeof in_flight);
	proa_set_buffers(&a, 0, 8192);
	for (int i = 0; i < k; i++)
		submit_kind(&a, &in_flight[i], (int)((seed + (unsigned)i * 3) % KINDS), big, len);
	for (int i = 0; i < iterations; i++)
		kit_once(loop, 0);
	if (k % 2)
		kit_fd_write(fd, "some bytes", 10);
	proa_close(&a, closed_counts_finals);
	CHECK(proa_is_closing(&a));
	UNTIL(loop, kit_n_closed == before + 1);
	CHECK_EQ(finals_at_close, 64); /* every final before the closed callback */
	for (int i = 0; i < k; i++) {
		CHECK_EQ(in_flight[i].finals, 1);
		if (in_flight[i].buf && in_flight[i].result > 0)
			proa_buffer_return(loop, in_flight[i].buf);
	}
	kit_fd_close(fd);
}

TEST(close_with_k_ops_in_flight)
{
	size_t len = 4 << 20;
	unsigned char *big = calloc(1, len);
	LOOP(loop);

	for (int k = 0; k <= 20; k++)
		for (int iterations = 0; iterations < 4; iterations++)
			close_k(loop, k, iterations, big, len);
	close_k(loop, 64, 1, big, len);
	CHECK_EQ(proa_buffers_free(proa_loop_buffers(loop)), 4096);
	free(big);
	kit_close(&loop);
}

TEST(close_results_are_canceled_and_count_is_told)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	char buf[8];
	rec send[2] = {{.submits = 0}}, recv = {0}, timer = {0};
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half_small(loop, &a);
	SUBMIT(proa_send, &a, &send[0], big, LEN);
	SUBMIT(proa_send, &a, &send[1], big, LEN);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	SUBMIT(proa_timer, &a, &timer, proa_in(loop, PROA_SEC * 60));
	kit_settle(loop);
	kit_end(loop, &a);
	CHECK_EQ(send[0].result, -PROA_ECANCELED);
	CHECK_GT(send[0].count, 0);
	CHECK_LT(send[0].count, LEN);
	CHECK_EQ(send[1].result, -PROA_ECANCELED); /* dropped */
	CHECK_EQ(send[1].count, 0);
	CHECK_EQ(recv.result, -PROA_ECANCELED);
	CHECK_EQ(timer.result, -PROA_ECANCELED);
	kit_fd_close(fd);
	free(big);
	kit_close(&loop);
}

TEST(close_twice_is_once)
{
	proa_handle a, b;
	int before = kit_n_closed;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	proa_close(&a, kit_closed);
	proa_close(&a, kit_closed);
	proa_close_abort(&a, NULL);
	proa_finish(&a, 0, NULL);
	UNTIL(loop, kit_n_closed == before + 1);
	kit_settle(loop);
	CHECK_EQ(kit_n_closed, before + 1);
	kit_end(loop, &b);
	kit_close(&loop);
}

TEST(close_leaves_the_handle_zero_but_for_user)
{
	proa_handle h, zero = {0};
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &h);
	h.user = &fd;
	kit_end(loop, &h);
	CHECK(h.user == &fd);
	h.user = NULL;
	CHECK_MEM(&h, &zero, sizeof h);
	CHECK_EQ(proa_os(&h), -1);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- ops on a closing handle ---- */

TEST(close_then_op_submitted)
{
	rec r[5] = {{.submits = 0}}, on_child = {0};
	proa_handle a, b, child = {0};
	char buf[8];
	int before = kit_n_closed;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	proa_close(&a, kit_closed);
	SUBMIT(proa_recv, &a, &r[0], buf, sizeof buf);
	SUBMIT(proa_send, &a, &r[1], "x", 1);
	SUBMIT(proa_timer, &a, &r[2], 1);
	SUBMIT(proa_recv_pooled_many, &a, &r[3], NULL, 4);
	SUBMIT0(proa_shutdown, &a, &r[4]);
	proa_handle_init(&a, &child); /* born closing */
	CHECK(proa_is_closing(&child));
	SUBMIT(proa_timer, &child, &on_child, 1);
	CHECK_EQ(kit_n_closed, before);
	UNTIL(loop, kit_n_closed == before + 1);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(r[i].finals, 1);
		CHECK_EQ(r[i].result, -PROA_ECANCELED);
	}
	CHECK_EQ(on_child.result, -PROA_ECANCELED);
	kit_close(&loop);
}

static char again_buf[8];

static void then_submit_again(rec *r)
{
	if (r->finals < 5)
		SUBMIT(proa_recv, proa_op_handle(&r->op), r, again_buf, sizeof again_buf);
}

TEST(close_awaits_what_callbacks_submit_meanwhile)
{
	rec r = {.then = then_submit_again};
	proa_handle a, b;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	SUBMIT(proa_recv, &a, &r, again_buf, sizeof again_buf);
	kit_once(loop, 1);
	kit_end(loop, &a);
	CHECK_EQ(r.finals, 5);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_close(&loop);
}

/* ---- inside callbacks ---- */

static void then_close(rec *r)
{
	proa_close(proa_op_handle(&r->op), kit_closed);
}

TEST(close_inside_a_recvs_callback)
{
	char buf[8];
	int before = kit_n_closed;
	LOOP(loop);

	for (int i = 0; i < 20; i++) {
		rec r = {.then = then_close}, other = {0}, timer = {0};
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		SUBMIT(proa_recv, &a, &other, buf, sizeof buf);
		SUBMIT(proa_timer, &a, &timer, proa_in(loop, PROA_SEC));
		kit_fd_write(fd, "x", 1);
		UNTIL(loop, kit_n_closed == before + i + 1);
		CHECK_EQ(r.result, 1);
		CHECK_EQ(other.result, -PROA_ECANCELED);
		CHECK_EQ(timer.result, -PROA_ECANCELED);
		kit_fd_close(fd);
	}
	kit_close(&loop);
}

static void then_close_multi(rec *r)
{
	if (!(r->got & PROA_MORE))
		return;
	CHECK(!proa_is_closing(proa_op_handle(&r->op))); /* from the call on no MORE arrives */
	proa_buffer_return(proa_op_loop(&r->op), r->buf);
	proa_close(proa_op_handle(&r->op), kit_closed);
}

TEST(close_inside_a_multishot_recvs_callback)
{
	proa_buffers_options o = {.size_bytes = 4, .count = 64};
	proa_buffers *pool;
	int before = kit_n_closed;
	LOOP(loop);

	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	for (int i = 0; i < 20; i++) {
		rec r = {.then = then_close_multi};
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv_pooled_many, &a, &r, pool, 0);
		kit_fd_write(fd, "many buffers full of bytes", 26);
		UNTIL(loop, kit_n_closed == before + i + 1);
		CHECK_EQ(r.mores, 1);
		CHECK_EQ(r.result, -PROA_ECANCELED);
		kit_fd_close(fd);
	}
	CHECK_EQ(proa_buffers_free(pool), 64); /* undelivered buffers went back */
	proa_buffers_close(&pool);
	kit_close(&loop);
}

/* The close of one handle in the callback of another, in the same event batch. */
static void then_close_peer(rec *r)
{
	proa_close(r->ctx, kit_closed);
}

TEST(close_of_another_with_events_pending)
{
	char buf[2][8];
	int before = kit_n_closed;
	LOOP(loop);

	for (int n = 0; n < 20; n++) {
		proa_handle h[2];
		rec r[2] = {{.submits = 0}};
		int fd[2];

		for (int i = 0; i < 2; i++) {
			fd[i] = kit_half(loop, &h[i]);
			r[i] = (rec){.then = then_close_peer, .ctx = &h[!i]};
		}
		for (int i = 0; i < 2; i++)
			SUBMIT(proa_recv, &h[i], &r[i], buf[i], 8);
		kit_once(loop, 1);
		kit_fd_write(fd[0], "x", 1);
		kit_fd_write(fd[1], "y", 1);
		UNTIL(loop, kit_n_closed >= before + 1 && r[0].finals && r[1].finals);
		CHECK(r[0].result == 1 || r[1].result == 1);
		for (int i = 0; i < 2; i++)
			if (proa_os(&h[i]) >= 0 && !proa_is_closing(&h[i]))
				proa_close(&h[i], kit_closed);
		UNTIL(loop, kit_n_closed == before + 2);
		before = kit_n_closed;
		kit_fd_close(fd[0]);
		kit_fd_close(fd[1]);
	}
	kit_close(&loop);
}

/* ---- the descriptor's number is used again at once ---- */

typedef struct reuse {
	rec recv;
	proa_loop *loop;
	proa_handle *h;
	char buf[8];
	int rounds, fd, highest;
} reuse;

static void reuse_closed(proa_handle *h);

static void reuse_open(reuse *u)
{
	u->fd = kit_half(u->loop, u->h);
	u->h->user = u;
	if (proa_os(u->h) > u->highest)
		u->highest = (int)proa_os(u->h);
	SUBMIT(proa_recv, u->h, &u->recv, u->buf, sizeof u->buf);
}

static void reuse_then(rec *r)
{
	reuse *u = r->ctx;

	/* A stale event of the number's former life would end this recv without bytes. */
	CHECK_EQ(r->result, 1);
	CHECK_EQ(u->buf[0], 'a' + u->rounds % 26);
	proa_close(u->h, reuse_closed);
}

static void reuse_closed(proa_handle *h)
{
	reuse *u = h->user;

	kit_n_closed++;
	kit_fd_reset(u->fd); /* an event for the old connection, if anybody still listens */
	if (++u->rounds < 200)
		reuse_open(u);
}

TEST(close_and_reopen_in_one_callback)
{
	enum { N = 4 };
	static reuse u[N];
	proa_handle h[N];
	char c;
	LOOP(loop);

	for (int i = 0; i < N; i++) {
		u[i] = (reuse){.recv = {.then = reuse_then}, .loop = loop, .h = &h[i]};
		u[i].recv.ctx = &u[i];
		reuse_open(&u[i]);
	}
	for (int n = 0; n < 200; n++) {
		for (int i = 0; i < N; i++) {
			UNTIL(loop, u[i].rounds == n);
			c = (char)('a' + n % 26);
			kit_fd_write(u[i].fd, &c, 1);
		}
	}
	for (int i = 0; i < N; i++) {
		UNTIL(loop, u[i].rounds == 200);
		CHECK_LT(u[i].highest,
		         100); /* the numbers were used again, or this tests nothing */
	}
	kit_close(&loop);
}

/* A dup of the descriptor on another handle lives on. */
TEST(close_does_not_touch_a_dup)
{
	rec ra = {0}, rb = {0};
	proa_handle a, b = {0}, zero = {0};
	char buf[8];
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_handle_init(proa_root(loop), &b);
	proa_adopt_os(&b, host_sock_dup((int)proa_os(&a)), PROA_TCP);
	SUBMIT(proa_recv, &b, &rb, buf, sizeof buf);
	kit_once(loop, 1);
	SUBMIT(proa_recv, &a, &ra, buf, sizeof buf);
	kit_once(loop, 1);
	kit_end(loop, &a);
	CHECK_EQ(ra.result, -PROA_ECANCELED);
	kit_settle(loop);
	CHECK_EQ(rb.finals, 0);
	kit_fd_write(fd, "still", 5);
	CHECK_EQ(kit_await(loop, &rb), 5);
	/* Whoever still watches the other number, touches nothing. */
	CHECK_MEM(&a, &zero, sizeof a);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* What is adopted by a closing handle is taken all the same: the descriptor baseline tells. */
TEST(adopt_on_a_closing_handle)
{
	rec r = {0};
	proa_handle l, h[2] = {{.user = NULL}};
	proa_addr addr;
	int fd, pair[2], before = kit_n_closed;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	fd = kit_connect(&addr);
	SUBMIT0(proa_accept, &l, &r);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(kit_tcp(pair, false));
	for (int i = 0; i < 2; i++) {
		proa_handle_init(proa_root(loop), &h[i]);
		proa_close(&h[i], kit_closed);
	}
	proa_adopt(&h[0], r.socket);
	proa_adopt_os(&h[1], pair[0], PROA_TCP);
	CHECK(!proa_is_open(&h[0]) && !proa_is_open(&h[1]));
	UNTIL(loop, kit_n_closed == before + 2);
	kit_fd_close(fd);
	kit_fd_close(pair[1]);
	kit_close(&loop);
}
