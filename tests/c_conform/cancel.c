/* Cancel: asks in every state, ends nothing by itself, loses no byte. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

TEST(cancel_of_an_idle_op_is_nothing)
{
	rec r = {0};
	char buf[8];
	proa_handle a, b;
	LOOP(loop);

	proa_cancel(&r.op); /* never used */
	kit_pair(loop, &a, &b);
	SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	proa_cancel(&r.op); /* late */
	kit_settle(loop);
	CHECK_EQ(r.finals, 1);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(cancel_before_submit_reaches_the_kernel)
{
	rec recv = {0}, accept = {0};
	char buf[8];
	proa_handle a, b, l;
	proa_addr addr;
	LOOP(loop);

	kit_pair(loop, &a, &b);
	kit_listen(loop, &l, &addr);
	kit_once(loop, 0);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	proa_cancel(&recv.op);
	SUBMIT0(proa_accept, &l, &accept);
	proa_cancel(&accept.op);
	CHECK_EQ(recv.finals, 0); /* asks, does not end */
	CHECK(proa_in_flight(&recv.op));
	CHECK_EQ(kit_await(loop, &recv), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &accept), -PROA_ECANCELED);
	CHECK_EQ(accept.socket.id, 0);
	kit_close(&loop);
}

TEST(cancel_in_flight_and_twice)
{
	enum { KINDS = 6 };
	rec r[KINDS] = {{.submits = 0}};
	char buf[8];
	proa_handle a[4], b[4], l[2];
	proa_addr addr;
	LOOP(loop);

	for (int i = 0; i < 3; i++)
		kit_pair(loop, &a[i], &b[i]);
	kit_listen(loop, &l[0], &addr);
	kit_listen(loop, &l[1], &addr);
	SUBMIT(proa_recv, &a[0], &r[0], buf, sizeof buf);
	SUBMIT(proa_recv_pooled, &a[1], &r[1], NULL);
	SUBMIT(proa_recv_pooled_many, &a[2], &r[2], NULL, 3);
	SUBMIT0(proa_accept, &l[0], &r[3]);
	SUBMIT0(proa_accept_many, &l[1], &r[4]);
	SUBMIT(proa_timer, proa_root(loop), &r[5], proa_in(loop, 3600 * PROA_SEC));
	kit_settle(loop);
	for (int i = 0; i < KINDS; i++) {
		CHECK_EQ(r[i].finals + r[i].mores, 0);
		proa_cancel(&r[i].op);
		proa_cancel(&r[i].op);
	}
	kit_once(loop, 1);
	for (int i = 0; i < KINDS; i++) {
		proa_cancel(&r[i].op);
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_ECANCELED);
		CHECK_EQ(r[i].count, 0);
		CHECK_EQ(r[i].got & PROA_MORE, 0);
	}
	CHECK(r[1].buf == NULL);
	CHECK(r[2].buf == NULL);
	kit_close(&loop);
}

/* What is queued behind another ends at once; what is ahead is not touched. */
TEST(cancel_of_a_queued_recv_leaves_the_others)
{
	rec r[3] = {{.submits = 0}};
	char buf[3][4];
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < 3; i++)
		SUBMIT(proa_recv, &a, &r[i], buf[i], sizeof buf[i]);
	kit_settle(loop);
	proa_cancel(&r[1].op);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ECANCELED);
	kit_fd_write(fd, "abcdefgh", 8);
	CHECK_EQ(kit_await(loop, &r[2]), 4);
	CHECK_EQ(r[0].result, 4);
	CHECK_MEM(buf[0], "abcd", 4);
	CHECK_MEM(buf[2], "efgh", 4);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* The bytes are in the kernel already: either they came, or the cancel won and they are still
 * there. */
TEST(cancel_of_a_recv_whose_bytes_are_there)
{
	char buf[8], rest[8];
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < 50; i++) {
		rec r = {0}, again = {0};

		kit_fd_write(fd, "12345678", 8);
		if (i % 2)
			kit_settle(loop);
		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		if (i % 3)
			kit_once(loop, 0);
		if (proa_in_flight(&r.op))
			proa_cancel(&r.op);
		kit_await(loop, &r);
		CHECK(r.result == 8 || r.result == -PROA_ECANCELED);
		CHECK_EQ(r.count, r.result > 0 ? r.result : 0);
		if (r.result == 8)
			continue;
		SUBMIT(proa_recv, &a, &again, rest, sizeof rest);
		CHECK_EQ(kit_await(loop, &again), 8);
		CHECK_MEM(rest, "12345678", 8);
	}
	kit_fd_close(fd);
	kit_close(&loop);
}

/* ---- done but undelivered: two ops end in one iteration, the first's callback cancels the second
 * ---- */

static void then_cancel_other(rec *r)
{
	rec *other = r->ctx;

	proa_cancel(&other->op);
}

TEST(cancel_of_what_is_done_but_undelivered)
{
	rec r[2] = {{.submits = 0}};
	char buf[2][8];
	proa_handle a[2];
	int fd[2], canceled = 0;
	LOOP(loop);

	for (int i = 0; i < 2; i++)
		fd[i] = kit_half(loop, &a[i]);
	for (int n = 0; n < 20; n++) {
		for (int i = 0; i < 2; i++) {
			r[i] = (rec){.then = then_cancel_other, .ctx = &r[!i]};
			SUBMIT(proa_recv, &a[i], &r[i], buf[i], 8);
		}
		kit_once(loop, 1);
		kit_fd_write(fd[0], "abcdefgh", 8);
		kit_fd_write(fd[1], "abcdefgh", 8);
		for (int i = 0; i < 2; i++)
			kit_await(loop, &r[i]);
		CHECK(r[0].result == 8 || r[1].result == 8); /* the first cannot be cancelled */
		for (int i = 0; i < 2; i++) {
			CHECK(r[i].result == 8 || r[i].result == -PROA_ECANCELED);
			if (r[i].result == 8)
				continue;
			canceled++;
			SUBMIT(proa_recv, &a[i], &r[i], buf[i], 8);
			CHECK_EQ(kit_await(loop, &r[i]), 8);
		}
	}
	test_note("%d of 20 were still in the kernel", canceled);
	kit_fd_close(fd[0]);
	kit_fd_close(fd[1]);
	kit_close(&loop);
}

static void then_cancel_self(rec *r)
{
	proa_cancel(&r->op);
}

TEST(cancel_of_itself_in_its_callback)
{
	rec single = {.then = then_cancel_self}, multi = {.then = then_cancel_self};
	char buf[8];
	proa_handle a[2];
	int fd[2];
	LOOP(loop);

	for (int i = 0; i < 2; i++)
		fd[i] = kit_half(loop, &a[i]);
	SUBMIT(proa_recv, &a[0], &single, buf, sizeof buf);
	SUBMIT(proa_recv_pooled_many, &a[1], &multi, NULL, 0);
	kit_fd_write(fd[0], "x", 1);
	kit_fd_write(fd[1], "y", 1);
	CHECK_EQ(kit_await(loop, &single), 1); /* final: the cancel is late */
	UNTIL(loop, multi.mores == 1 || multi.finals);
	proa_buffer_return(loop, multi.mores ? multi.buf : NULL);
	CHECK_EQ(kit_await(loop, &multi), -PROA_ECANCELED);
	CHECK_EQ(multi.mores, 1);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	kit_close(&loop);
}

/* ---- the race: completed or cancelled, never both nor neither, no byte lost ---- */

typedef struct race {
	uint64_t sent, received;
	int completed, canceled;
	bool intact;
} race;

static void race_count(race *s, const rec *r, const unsigned char *buf)
{
	CHECK_EQ(r->submits, r->finals);
	CHECK(r->result > 0 || r->result == -PROA_ECANCELED);
	if (r->result <= 0) {
		s->canceled++;
		return;
	}
	s->completed++;
	s->intact &= kit_filled(buf, (size_t)r->result, s->received);
	s->received += (uint64_t)r->result;
}

static void race_round(proa_loop *loop, proa_handle *a, int fd, race *s, int i)
{
	unsigned char out[16], in[64] = {0};
	size_t len = 1 + (size_t)i % sizeof out;
	bool pooled = i & 1;
	rec r = {0};

	if (pooled)
		SUBMIT(proa_recv_pooled, a, &r, NULL);
	else
		SUBMIT(proa_recv, a, &r, in, sizeof in);
	if (i & 2)
		kit_once(loop, 0);
	kit_fill(out, len, s->sent);
	if (!(i & 16))
		kit_fd_write(fd, out, len), s->sent += len;
	if ((i & 12) == 4)
		kit_once(loop, 0);
	proa_cancel(&r.op);
	if (i & 16)
		kit_fd_write(fd, out, len), s->sent += len;
	while (proa_in_flight(&r.op))
		kit_once(loop, 100);
	race_count(s, &r, pooled ? r.buf : in);
	CHECK((r.result > 0 && pooled) == (r.buf != NULL));
	proa_buffer_return(loop, r.buf);
}

TEST(cancel_race_loses_no_byte)
{
	int n = (int)TEST_TIMES(10000);
	race s = {.intact = true};
	unsigned char in[4096];
	proa_handle a;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	for (int i = 0; i < n; i++)
		race_round(loop, &a, fd, &s, i);
	while (s.received < s.sent) {
		rec r = {0};

		SUBMIT(proa_recv, &a, &r, in, sizeof in);
		if (kit_await(loop, &r) <= 0)
			break;
		s.intact &= kit_filled(in, (size_t)r.result, s.received);
		s.received += (uint64_t)r.result;
	}
	CHECK_EQ(s.received, s.sent);
	CHECK(s.intact);
	CHECK_EQ(s.completed + s.canceled, n);
	test_note("%d completed, %d canceled", s.completed, s.canceled);
	kit_fd_close(fd);
	kit_close(&loop);
}

/* The same for a send against a full window: what `count` says is what the peer gets. */
TEST(cancel_race_of_sends)
{
	enum { LEN = 1 << 20 };
	unsigned char *out = malloc(LEN), *in = malloc(LEN);
	int torn = 0, none = 0;
	LOOP(loop);

	for (int i = 0; i < 40; i++) {
		rec r = {0};
		proa_handle a;
		int fd = kit_half(loop, &a);
		int64_t got = 0;
		long n;

		kit_fill(out, LEN, 0);
		proa_set_buffers(&a, 0, 8192);
		SUBMIT(proa_send, &a, &r, out, LEN);
		for (int k = 0; k < i % 5; k++) {
			kit_once(loop, 0);
			if ((n = kit_fd_read(fd, in + got, 5000)) > 0)
				got += n;
		}
		proa_cancel(&r.op);
		kit_await(loop, &r);
		CHECK(r.result == -PROA_ECANCELED || r.result == LEN);
		torn += r.count > 0 && r.count < LEN;
		none += r.count == 0;
		kit_end(loop, &a);
		while ((n = kit_fd_read(fd, in + got, (size_t)(LEN - got))) > 0)
			got += n;
		CHECK_EQ(got, r.count);
		CHECK(kit_filled(in, (size_t)got, 0));
		kit_fd_close(fd);
	}
	test_note("%d torn, %d not begun", torn, none);
	CHECK_GT(torn, 0);
	free(out);
	free(in);
	kit_close(&loop);
}

/* ---- connect and accept ---- */

TEST(cancel_of_a_connect)
{
	proa_addr addr;
	proa_handle l, h;
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	for (int i = 0; i < 50; i++) {
		rec r = {0};

		memset(&h, 0, sizeof h);
		proa_handle_init(proa_root(loop), &h);
		SUBMIT(proa_connect, &h, &r, &addr);
		if (i % 3)
			kit_once(loop, 0);
		proa_cancel(&r.op);
		kit_await(loop, &r);
		CHECK(r.result == 0 || r.result == -PROA_ECANCELED);
		CHECK_EQ(proa_is_open(&h), r.result == 0);
		CHECK_EQ(proa_os(&h) >= 0, r.result == 0); /* init again: no descriptor */
		kit_end(loop, &h);
	}
	kit_close(&loop);
}

TEST(cancel_of_an_accept_race_leaks_no_socket)
{
	proa_addr addr;
	proa_handle l;
	int accepted = 0, n = 200;
	int *fd = calloc((size_t)n, sizeof *fd);
	LOOP(loop);

	kit_listen(loop, &l, &addr);
	for (int i = 0; i < n; i++) {
		rec r = {0};

		SUBMIT0(proa_accept, &l, &r);
		if (i & 1)
			kit_once(loop, 0);
		fd[i] = kit_connect(&addr);
		if (i & 2)
			kit_once(loop, 0);
		proa_cancel(&r.op);
		kit_await(loop, &r);
		CHECK(r.result == 0 || r.result == -PROA_ECANCELED);
		CHECK_EQ(r.socket.id != 0, r.result == 0);
		proa_socket_close(r.socket);
		accepted += r.result == 0;
	}
	/* No connection is lost: the others are still in the backlog. */
	while (accepted < n) {
		rec r = {0};

		SUBMIT0(proa_accept, &l, &r);
		if (kit_await(loop, &r) != 0)
			break;
		proa_socket_close(r.socket);
		accepted++;
	}
	CHECK_EQ(accepted, n);
	for (int i = 0; i < n; i++)
		kit_fd_close(fd[i]);
	free(fd);
	kit_close(&loop);
}
