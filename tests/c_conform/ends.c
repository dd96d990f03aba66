/* Ends of a stream: FIN, half close and RST at each point, and what the results may be. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* What a peer does before or while a recv is in flight. */
typedef enum peer { DATA = 1, FIN = 2, RESET = 4, CLOSE = 8 } peer;

static void peer_does(int *fd, unsigned what)
{
	if (what & DATA)
		kit_fd_write(*fd, "data", 4);
	if (what & FIN)
		kit_fd_fin(*fd);
	if (what & RESET)
		kit_fd_reset(*fd);
	else if (what & CLOSE)
		kit_fd_close(*fd);
	else
		return;
	*fd = -1;
}

/* The stated sets: the bytes before the end, always, but after a reset they may be lost. */
static void check_ends(proa_loop *loop, proa_handle *a, unsigned what, rec *r, char *buf)
{
	bool reset = (what & RESET) != 0;

	if (r->result == 4) {
		CHECK(what & DATA);
		CHECK_MEM(buf, "data", 4);
		SUBMIT(proa_recv, a, r, buf, 64);
		kit_await(loop, r);
	} else if (what & DATA) {
		CHECK(reset);
	}
	if (reset) {
		CHECK(kit_was_reset(r->result));
		CHECK_EQ(r->sys_error != 0, r->result != 0);
	} else {
		CHECK_EQ(r->result, 0);
		CHECK(r->got & PROA_END);
		CHECK_EQ(r->sys_error, 0);
	}
	/* And so it stays: an end is told to each recv. */
	for (int i = 0; i < 3; i++) {
		SUBMIT(proa_recv, a, r, buf, 64);
		kit_await(loop, r);
		CHECK(r->result == 0 || (reset && r->result == -PROA_ECONNRESET));
	}
}

TEST(end_at_each_point)
{
	static const unsigned scripts[] = {
		FIN,          CLOSE,        RESET,       DATA | FIN,
		DATA | CLOSE, DATA | RESET, FIN | CLOSE, DATA | FIN | CLOSE};
	char buf[64];
	LOOP(loop);

	for (size_t s = 0; s < sizeof scripts / sizeof *scripts; s++) {
		for (int before = 0; before < 3; before++) {
			rec r = {0};
			proa_handle a;
			int fd = kit_half(loop, &a);

			if (before == 0)
				peer_does(&fd, scripts[s]);
			if (before == 0)
				kit_settle(loop);
			SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
			if (before == 2)
				kit_settle(loop);
			if (before)
				peer_does(&fd, scripts[s]);
			kit_await(loop, &r);
			check_ends(loop, &a, scripts[s], &r, buf);
			kit_end(loop, &a);
			if (fd >= 0)
				kit_fd_close(fd);
		}
	}
	kit_close(&loop);
}

static void then_give_back(rec *r)
{
	if (r->buf)
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

TEST(end_of_a_multishot_at_each_point)
{
	static const unsigned scripts[] = {FIN,        CLOSE,        RESET,
	                                   DATA | FIN, DATA | CLOSE, DATA | RESET};
	LOOP(loop);

	for (size_t s = 0; s < sizeof scripts / sizeof *scripts; s++) {
		for (int before = 0; before < 3; before++) {
			rec r = {.then = then_give_back};
			proa_handle a;
			int fd = kit_half(loop, &a);

			if (before == 0)
				peer_does(&fd, scripts[s]);
			SUBMIT(proa_recv_pooled_many, &a, &r, NULL, 0);
			if (before == 2)
				kit_settle(loop);
			if (before)
				peer_does(&fd, scripts[s]);
			kit_await(loop, &r);
			CHECK(scripts[s] & RESET ? kit_was_reset(r.result) : r.result == 0);
			CHECK_EQ(!!(r.got & PROA_END), r.result == 0);
			CHECK(r.buf == NULL);
			CHECK(r.bytes == (scripts[s] & DATA ? 4 : 0) || (scripts[s] & RESET));
			kit_end(loop, &a);
			if (fd >= 0)
				kit_fd_close(fd);
		}
	}
	kit_close(&loop);
}

/* The FIN stands in the same event as the data, and the recv takes exactly the data. */
TEST(end_behind_data_of_exact_length)
{
	rec r = {0};
	char buf[4];
	LOOP(loop);

	for (int i = 0; i < 20; i++) {
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv, &a, &r, buf, 4);
		if (i % 2)
			kit_once(loop, 0);
		kit_fd_write(fd, "data", 4);
		kit_fd_fin(fd);
		CHECK_EQ(kit_await(loop, &r), 4);
		CHECK_EQ(r.got & PROA_END, 0);
		SUBMIT(proa_recv, &a, &r, buf, 4);
		CHECK_EQ(kit_await(loop, &r), 0);
		CHECK(r.got & PROA_END);
		kit_end(loop, &a);
		kit_fd_close(fd);
	}
	kit_close(&loop);
}

/* A short read has emptied the socket; the FIN comes later, on its own. */
TEST(end_after_a_short_read)
{
	rec r = {0};
	char buf[64];
	LOOP(loop);

	for (int i = 0; i < 10; i++) {
		proa_handle a;
		int fd = kit_half(loop, &a);

		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		kit_fd_write(fd, "short", 5);
		CHECK_EQ(kit_await(loop, &r), 5);
		SUBMIT(proa_recv, &a, &r, buf, sizeof buf);
		kit_settle(loop);
		CHECK_EQ(r.submits, r.finals + 1);
		kit_fd_fin(fd);
		CHECK_EQ(kit_await(loop, &r), 0);
		kit_end(loop, &a);
		kit_fd_close(fd);
	}
	kit_close(&loop);
}

/* Half close both ways round: the other direction goes on. */
TEST(half_close_other_direction_goes_on)
{
	enum { LEN = 1 << 20 };
	unsigned char *out = malloc(LEN), *in = malloc(LEN);
	rec recv = {0}, send = {0};
	int64_t got = 0;
	proa_handle a;
	int fd;
	LOOP(loop);

	kit_fill(out, LEN, 0);
	fd = kit_half(loop, &a);
	kit_fd_fin(fd);
	SUBMIT(proa_recv, &a, &recv, in, 64);
	CHECK_EQ(kit_await(loop, &recv), 0);
	SUBMIT(proa_send, &a, &send, out, LEN);
	while (got < LEN) {
		long n = kit_fd_read(fd, in + got, (size_t)(LEN - got));

		if (n == 0 || n < -1)
			break;
		got += n > 0 ? n : 0;
		kit_once(loop, 1);
	}
	CHECK_EQ(got, LEN);
	CHECK(kit_filled(in, LEN, 0));
	CHECK_EQ(kit_await(loop, &send), LEN);
	kit_fd_close(fd);
	free(out);
	free(in);
	kit_close(&loop);
}

/* Both directions in flight when the reset comes: one final each. */
TEST(reset_with_both_directions_in_flight)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	char buf[8];
	LOOP(loop);

	for (int i = 0; i < 10; i++) {
		rec recv = {0}, send = {0};
		proa_handle a;
		int fd = kit_half_small(loop, &a);

		SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
		SUBMIT(proa_send, &a, &send, big, LEN);
		kit_settle(loop);
		kit_fd_reset(fd);
		CHECK_EQ(kit_await(loop, &send), -PROA_ECONNRESET);
		kit_await(loop, &recv);
		/* The system tells its error once: whoever came second sees an end. */
		CHECK(recv.result == -PROA_ECONNRESET || recv.result == 0);
		kit_end(loop, &a);
	}
	free(big);
	kit_close(&loop);
}

/* ---- finish and abort ---- */

TEST(finish_sends_shuts_and_drains)
{
	enum { LEN = 2 << 20 };
	unsigned char *out = malloc(LEN), *in = malloc(LEN + 1);
	rec send = {0}, late = {0}, recv = {0};
	proa_handle a;
	int fd, before = kit_n_closed;
	int64_t got = 0;
	char buf[8];
	long n = -1;
	LOOP(loop);

	kit_fill(out, LEN, 0);
	fd = kit_half(loop, &a);
	SUBMIT(proa_recv, &a, &recv, buf, sizeof buf);
	SUBMIT(proa_send, &a, &send, out, LEN);
	proa_finish(&a, 0, kit_closed);
	CHECK(proa_is_closing(&a));
	SUBMIT(proa_send, &a, &late, "late", 4);
	while (n != 0 && n != -2 && got <= LEN) {
		if ((n = kit_fd_read(fd, in + got, (size_t)(LEN + 1 - got))) > 0)
			got += n;
		kit_once(loop, 1);
	}
	CHECK_EQ(got, LEN);
	CHECK(kit_filled(in, LEN, 0));
	CHECK_EQ(n, 0); /* a FIN */
	CHECK_EQ(kit_await(loop, &send), LEN);
	CHECK_EQ(kit_await(loop, &late), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &recv), -PROA_ECANCELED);
	kit_settle(loop);
	CHECK_EQ(kit_n_closed, before); /* the peer's side is open yet */
	kit_fd_write(fd, "some that are dropped", 21);
	kit_fd_close(fd);
	UNTIL(loop, kit_n_closed == before + 1);
	free(out);
	free(in);
	kit_close(&loop);
}

TEST(finish_deadline_is_a_plain_close)
{
	enum { LEN = 8 << 20 };
	unsigned char *big = calloc(1, LEN);
	rec send = {0};
	int before = kit_n_closed;
	proa_handle a[2];
	int64_t at;
	int fd[2];
	LOOP(loop);

	for (int i = 0; i < 2; i++)
		fd[i] = kit_half_small(loop, &a[i]);
	SUBMIT(proa_send, &a[0], &send, big, LEN); /* a reader that never reads */
	at = proa_clock(loop) + 20 * PROA_MSEC;
	proa_finish(&a[0], at, kit_closed);
	proa_finish(&a[1], at, kit_closed); /* one that never closes */
	UNTIL(loop, kit_n_closed > before);
	CHECK_GE(proa_clock(loop), at); /* and not at once */
	UNTIL(loop, kit_n_closed == before + 2);
	CHECK_EQ(send.finals, 1);
	CHECK(send.result < 0);
	for (int i = 0; i < 2; i++)
		kit_fd_close(fd[i]);
	free(big);
	kit_close(&loop);
}

TEST(finish_then_close_is_a_close)
{
	proa_handle a, h = {0};
	int before = kit_n_closed;
	int fd;
	LOOP(loop);

	fd = kit_half(loop, &a);
	proa_finish(&a, 0, kit_closed);
	kit_settle(loop);
	proa_close(&a, kit_closed);
	UNTIL(loop, kit_n_closed > before);
	kit_settle(loop);
	CHECK_EQ(kit_n_closed, before + 1);
	proa_handle_init(proa_root(loop), &h); /* not open: the same as close */
	proa_finish(&h, 0, kit_closed);
	UNTIL(loop, kit_n_closed == before + 2);
	kit_fd_close(fd);
	kit_close(&loop);
}

TEST(close_abort_resets)
{
	proa_handle a;
	rec send = {0};
	char buf[8];
	long n = -1;
	int fd, before = kit_n_closed;
	LOOP(loop);

	fd = kit_half(loop, &a);
	SUBMIT(proa_send, &a, &send, "x", 1);
	kit_await(loop, &send);
	proa_close_abort(&a, kit_closed);
	UNTIL(loop, kit_n_closed == before + 1);
	for (int i = 0; i < 100 && (n == -1 || n > 0); i++) {
		n = kit_fd_read(fd, buf, sizeof buf);
		kit_once(loop, 1);
	}
	if (n == 0 && host_lacks(HOST_RESETS)) /* behind a mere FIN this would work */
		n = host_sock_send(fd, "x", 1);
	CHECK_EQ(n, -2);
	kit_fd_close(fd);
	kit_close(&loop);
}
