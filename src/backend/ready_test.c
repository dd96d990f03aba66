/* The readiness engine on each selector: what it costs, and what edges, hang-ups and stalls do. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready_bed.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

/* ---- what it costs ---- */

#ifdef PX_TORTURE
enum { BATCHES_MORE = 64 }; /* as a batch is two events there, and some waits end without any */
#else
enum { BATCHES_MORE = 0 };
#endif
enum { ECHO_PAIRS = 64, ECHO_BYTES = 64 };

static void echo_received(proa_op *op)
{
	pair *p = op->user;

	if (op->result <= 0)
		return;
	p->got += op->result;
	memcpy(p->buf, op->buf, (size_t)op->result);
	proa_send(&p->ours, &p->out, p->buf, (size_t)op->result, NULL);
	proa_buffer_return(proa_handle_loop(&p->ours), op->buf);
	proa_recv_pooled(&p->ours, &p->in, NULL, echo_received);
}

static void echo_round(bed *b, pair *pairs)
{
	char bytes[ECHO_BYTES] = {0};
	int64_t want = pairs[0].got + ECHO_BYTES;

	for (int i = 0; i < ECHO_PAIRS; i++)
		CHECK_EQ(send(pairs[i].peer, bytes, sizeof bytes, 0), ECHO_BYTES);
	for (int i = 0; i < ECHO_PAIRS; i++)
		while (pairs[i].got < want || proa_in_flight(&pairs[i].out))
			proa_run_once(b->loop, 0);
	for (int i = 0; i < ECHO_PAIRS; i++)
		CHECK_EQ(recv(pairs[i].peer, bytes, sizeof bytes, MSG_WAITALL), ECHO_BYTES);
}

/* On kqueue one more: no short recv counts as drained there. */
TEST(ready_echo_costs_two_calls_and_one_a_batch)
{
	enum { ROUNDS = 50 };
	pair *pairs = calloc(ECHO_PAIRS, sizeof *pairs);

	EACH_SELECTOR(b)
	{
		uint64_t calls = strcmp(selectors[each_], "kqueue") ? 2 : 3;
		uint64_t before;

		for (int i = 0; i < ECHO_PAIRS; i++) {
			REQUIRE(pair_open(&b, &pairs[i]));
			proa_recv_pooled(&pairs[i].ours, &pairs[i].in, NULL, echo_received);
		}
		echo_round(&b, pairs);
		before = bed_calls(&b);
		for (int i = 0; i < ROUNDS; i++)
			echo_round(&b, pairs);
		before = bed_calls(&b) - before;
		test_note("%s: %.3f calls an echo", selectors[each_],
		          (double)before / (ROUNDS * ECHO_PAIRS));
		CHECK_LE(before, ROUNDS * (calls * ECHO_PAIRS + 2 + BATCHES_MORE));
		for (int i = 0; i < ECHO_PAIRS; i++)
			pair_close(&b, &pairs[i]);
	}
	free(pairs);
}

/* Level-triggered selectors report a hang-up for ever, and data that nobody wants. */
TEST(ready_sleeps_when_nobody_waits)
{
	EACH_SELECTOR(b)
	{
		pair with_data, reset;
		uint64_t before;
		int64_t slept;

		REQUIRE(pair_open(&b, &with_data) && pair_open(&b, &reset));
		pair_receive(&with_data);
		pair_receive(&reset);
		bed_spin(&b, 1);
		proa_cancel(&with_data.in);
		proa_cancel(&reset.in);
		bed_spin(&b, 1);
		CHECK_EQ(send(with_data.peer, "x", 1, 0), 1);
		peer_reset(&reset);
		before = bed_calls(&b);
		slept = proa_clock(b.loop);
		bed_spin(&b, 30);
		CHECK_GE(proa_clock(b.loop) - slept, 30 * PROA_MSEC);
		CHECK_LE(bed_calls(&b) - before, 6);
		reset.ended = with_data.ended = false;
		pair_receive(&with_data);
		pair_receive(&reset);
		run_until(&b, &reset.ended);
		CHECK_EQ(reset.error, PROA_ECONNRESET);
		CHECK_EQ(with_data.got, 1);
		pair_close(&b, &with_data);
		pair_close(&b, &reset);
	}
}

/* ---- edges ---- */

TEST(ready_bytes_and_end_in_one_event)
{
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		pair_receive(&p);
		CHECK_EQ(send(p.peer, "hundred", 7, 0), 7);
		shutdown(p.peer, SHUT_WR);
		run_until(&b, &p.ended);
		CHECK_EQ(p.got, 7);
		CHECK_EQ(p.error, 0);
		p.ended = false;
		pair_receive(&p); /* the end is told as often as it is asked for */
		run_until(&b, &p.ended);
		CHECK_EQ(p.error, 0);
		pair_close(&b, &p);
	}
}

TEST(ready_end_after_a_short_recv)
{
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		pair_receive(&p);
		CHECK_EQ(send(p.peer, "seven", 5, 0), 5);
		BED_UNTIL(&b, p.got == 5);
		bed_spin(&b, 2);
		CHECK(!p.ended);
		shutdown(p.peer, SHUT_WR);
		run_until(&b, &p.ended);
		CHECK_EQ(p.error, 0);
		pair_close(&b, &p);
	}
}

TEST(ready_recvs_of_exactly_what_is_there)
{
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		memset(p.buf, 'x', sizeof p.buf);
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(send(p.peer, p.buf, 100, 0), 100);
			for (int part = 0; part < 4; part++) {
				proa_recv(&p.ours, &p.in, p.buf, 25, NULL);
				CHECK_EQ(proa_await(b.loop, &p.in), 25);
			}
		}
		proa_recv(&p.ours, &p.in, p.buf, 25, NULL);
		bed_spin(&b, 2);
		CHECK(proa_in_flight(&p.in));
		pair_close(&b, &p);
	}
}

/* A recv stops short at an urgent byte, with more behind it that made no event of its own. */
TEST(ready_urgent_byte_in_the_middle)
{
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		CHECK_EQ(send(p.peer, "before!", 7, MSG_OOB), 7);
		CHECK_EQ(send(p.peer, "behind", 6, 0), 6);
		bed_spin(&b, 1);
		pair_receive(&p);
		BED_UNTIL(&b, p.got >= 12);
		CHECK_EQ(p.got, 12); /* the urgent byte itself is not in the stream */
		pair_close(&b, &p);
	}
}

static void send_with_descriptor(int sock, const char *text, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof control.bytes};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	CHECK_EQ(sendmsg(sock, &msg, 0), (ssize_t)strlen(text));
}

/* On a local socket a recv stops short where descriptors were passed. */
TEST(ready_local_socket_with_passed_descriptors)
{
	EACH_SELECTOR(b)
	{
		pair p = {.peer = -1};
		int fd[2];

		REQUIRE(CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0));
		p.peer = fd[0];
		p.in.user = &p;
		proa_handle_init(proa_root(b.loop), &p.ours);
		proa_adopt_os(&p.ours, fd[1], PROA_LOCAL);
		send_with_descriptor(p.peer, "one", p.peer);
		CHECK_EQ(send(p.peer, "two", 3, 0), 3);
		pair_receive(&p);
		BED_UNTIL(&b, p.got >= 6);
		CHECK_EQ(p.got, 6);
		close(p.peer);
		p.peer = -1;
		run_until(&b, &p.ended);
		pair_close(&b, &p);
	}
}

/* ---- resets and dead peers ---- */

TEST(ready_reset_with_bytes_queued)
{
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		pair_receive(&p);
		CHECK_EQ(send(p.peer, "lost?", 5, 0), 5);
		peer_reset(&p);
		run_until(&b, &p.ended);
		CHECK_EQ(p.error, PROA_ECONNRESET);
		CHECK(p.got == 0 || p.got == 5);
		pair_close(&b, &p);
	}
}

TEST(ready_send_to_the_dead)
{
	EACH_SELECTOR(b)
	{
		pair p;
		proa_handle file = {0};

		REQUIRE(pair_open(&b, &p));
		peer_reset(&p);
		pair_receive(&p); /* has the error, so that the send gets EPIPE */
		run_until(&b, &p.ended);
		proa_handle_init(proa_root(b.loop), &file);
		proa_adopt_os(&file, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), PROA_FILE);
		proa_send_file(&p.ours, &p.out, &file, 0, 100, NULL); /* nor SIGPIPE */
		CHECK_EQ(proa_await(b.loop, &p.out), -PROA_ECONNRESET);
		proa_send(&p.ours, &p.out, "x", 1, NULL);
		CHECK_EQ(proa_await(b.loop, &p.out), -PROA_ECONNRESET);
		proa_close(&file, NULL);
		pair_close(&b, &p);
	}
}

/* ---- stalls ---- */

enum { BIG = 8 * 1024 * 1024 };

static void send_told(proa_op *op)
{
	pair *p = op->user;

	p->ended = true;
}

static unsigned char *big_bytes(void)
{
	unsigned char *bytes = malloc(BIG);
	uint32_t x = 1;

	for (size_t i = 0; bytes && i < BIG; i++) {
		x = x * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)(x >> 24);
	}
	return bytes;
}

/* Or a kernel that lets windows grow to 32 MiB may take all of it before anybody reads. */
static void peer_small(const pair *p)
{
	int bytes = 65536;

	CHECK_EQ(setsockopt(p->peer, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

/* The peer takes what is there, and the loop runs between: so both sides stall by turns. */
static size_t peer_take(bed *b, pair *p, unsigned char *into, size_t room)
{
	struct pollfd wait = {.fd = p->peer, .events = POLLIN};
	size_t taken = 0;

	while (taken < room) {
		ssize_t n = recv(p->peer, into + taken, room - taken, MSG_DONTWAIT);

		if (n > 0)
			taken += (size_t)n;
		else if (n == 0)
			break;
		else if (!proa_in_flight(&p->out) && poll(&wait, 1, 5000) <= 0)
			break; /* all has gone; loopback takes a moment, too */
		else if (proa_in_flight(&p->out))
			proa_run_once(b->loop, proa_clock(b->loop) + 10 * PROA_MSEC);
	}
	return taken;
}

TEST(ready_big_send_to_a_peer_that_stalls)
{
	unsigned char *bytes = big_bytes(), *back = malloc(BIG);
	proa_vec vec[3] = {{bytes, 1}, {bytes + 1, 0}, {bytes + 1, BIG - 1}};

	REQUIRE(bytes && back);
	EACH_SELECTOR(b)
	{
		pair p;

		REQUIRE(pair_open(&b, &p));
		peer_small(&p);
		for (int how = 0; how < 2; how++) {
			p.ended = false;
			if (how == 0)
				proa_send(&p.ours, &p.out, bytes, BIG, send_told);
			else
				proa_sendv(&p.ours, &p.out, vec, 3, send_told);
			bed_spin(&b, 5);
			CHECK(!p.ended);
			CHECK_EQ(peer_take(&b, &p, back, BIG), BIG);
			run_until(&b, &p.ended);
			CHECK_EQ(p.out.result, BIG);
			CHECK_MEM(bytes, back, BIG);
			memset(back, 0, BIG);
		}
		pair_close(&b, &p);
	}
	free(bytes);
	free(back);
}

TEST(ready_cancelled_send_tells_how_far_it_came)
{
	unsigned char *bytes = big_bytes(), *back = malloc(BIG);

	REQUIRE(bytes && back);
	EACH_SELECTOR(b)
	{
		pair p;
		proa_op next = {0};

		REQUIRE(pair_open(&b, &p));
		peer_small(&p);
		proa_send(&p.ours, &p.out, bytes, BIG, send_told);
		bed_spin(&b, 5);
		proa_cancel(&p.out);
		run_until(&b, &p.ended);
		CHECK_EQ(p.out.result, -PROA_ECANCELED);
		CHECK_GT(p.out.count, 0);
		CHECK_LT(p.out.count, BIG);
		proa_send(&p.ours, &next, bytes, 1, NULL);
		CHECK_EQ(proa_await(b.loop, &next), -PROA_EBROKEN);
		proa_shutdown(&p.ours, &next, NULL); /* an end here would look like a whole send */
		CHECK_EQ(proa_await(b.loop, &next), -PROA_EBROKEN);
		CHECK_EQ(recv(p.peer, back, (size_t)p.out.count, MSG_WAITALL), p.out.count);
		CHECK_EQ(recv(p.peer, back, 1, MSG_DONTWAIT), -1);
		pair_close(&b, &p);
	}
	free(bytes);
	free(back);
}

/* ---- descriptors that come and go ---- */

/* In one batch: `first` has bytes, `second` a reset, which nobody waits for. The callback of first
 * closes second, and a new connection takes its number. */
typedef struct reuse {
	pair first, second, third;
	bool told;
} reuse;

static void reuse_first(proa_op *op)
{
	reuse *r = PROA_OF(op, reuse, first.in);

	r->told = true;
	proa_close(&r->second.ours, NULL);
}

TEST(ready_number_used_again_within_a_batch)
{
	EACH_SELECTOR(b)
	{
		reuse r = {0};
		int old;

		REQUIRE(pair_open(&b, &r.first) && pair_open(&b, &r.second));
		pair_receive(&r.second);
		bed_spin(&b, 1);
		proa_cancel(&r.second.in);
		bed_spin(&b, 1);
		old = (int)proa_os(&r.second.ours);
		proa_recv(&r.first.ours, &r.first.in, r.first.buf, 10, reuse_first);
		proa_run_once(b.loop, PROA_POLL);
		CHECK_EQ(send(r.second.peer, "stale", 5, 0), 5);
		CHECK_EQ(send(r.first.peer, "x", 1, 0), 1);
		run_until(&b, &r.told);
		while (proa_is_closing(&r.second.ours))
			proa_run_once(b.loop, 0);
		close(r.second.peer);
		r.second.peer = -1;
		REQUIRE(pair_open(&b, &r.third));
		CHECK(old == proa_os(&r.third.ours) || old == r.third.peer);
		pair_receive(&r.third);
		bed_spin(&b, 2);
		CHECK(!r.third.ended && r.third.got == 0);
		CHECK_EQ(send(r.third.peer, "new", 3, 0), 3);
		BED_UNTIL(&b, r.third.got == 3);
		pair_close(&b, &r.first);
		pair_close(&b, &r.third);
	}
}

/* A duplicate keeps the connection in an epoll set for ever, unless it is taken out before the
 * close. */
TEST(ready_duplicate_outlives_its_handle)
{
	EACH_SELECTOR(b)
	{
		pair p;
		int twin, peer;

		REQUIRE(pair_open(&b, &p));
		pair_receive(&p);
		bed_spin(&b, 1);
		twin = dup((int)proa_os(&p.ours));
		peer = p.peer;
		p.peer = -1;
		pair_close(&b, &p);
		memset(&p, 0x5a, sizeof p);
		CHECK_EQ(send(peer, "x", 1, 0), 1);
		bed_spin(&b, 3);
		close(twin);
		close(peer);
	}
}

/* A failed connect loses its descriptor amidst a batch, which moves others in poll's array. */
TEST(ready_refused_connects_among_others)
{
	enum { N = 40 };

	EACH_SELECTOR(b)
	{
		proa_handle h[N] = {{0}};
		proa_op ops[N] = {{0}};
		struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1)};
		proa_addr good = {.len = sizeof b.addr, .family = AF_INET};
		proa_addr bad = good;

		nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(good.data, &b.addr, sizeof b.addr);
		memcpy(bad.data, &nobody, sizeof nobody);
		for (int i = 0; i < N; i++) {
			proa_handle_init(proa_root(b.loop), &h[i]);
			proa_connect(&h[i], &ops[i], i % 3 ? &bad : &good, NULL);
		}
		for (int i = 0; i < N; i++) {
			CHECK_EQ(proa_await(b.loop, &ops[i]), i % 3 ? -PROA_ECONNREFUSED : 0);
			CHECK_EQ(proa_is_open(&h[i]), i % 3 == 0);
			proa_close(&h[i], NULL);
		}
		bed_spin(&b, 1);
	}
}

/* ---- reports of earlier datagrams ---- */

TEST(stray_reports)
{
	static const int64_t of_a_peer[] = {-PROA_ECONNREFUSED, -PROA_ECONNRESET};
	static const int64_t of_a_recv[] = {-PROA_EHOSTUNREACH, -PROA_ENETUNREACH, -PROA_EMSGSIZE};
	px_handle h = {0};
	px_op recv_op = {.kind = PX_RECV_MSG, .handle = &h};
	px_op send_op = {.kind = PX_SEND_MSG, .handle = &h};

	for (unsigned i = 0; i < PX_COUNT(of_a_peer); i++)
		CHECK(px_msg_stray(&recv_op, of_a_peer[i]) && px_msg_stray(&send_op, of_a_peer[i]));
	for (unsigned i = 0; i < PX_COUNT(of_a_recv); i++)
		CHECK(px_msg_stray(&recv_op, of_a_recv[i]) &&
		      !px_msg_stray(&send_op, of_a_recv[i]));
	CHECK(px_msg_stray(&recv_op, -PROA_ETIMEDOUT));
	CHECK(!px_msg_stray(&recv_op, -PROA_ENOMEM));
	h.flags |= PX_HF_PEER;
	CHECK(px_msg_stray(&recv_op, -PROA_ETIMEDOUT)); /* no word of the peer */
	CHECK(!px_msg_stray(&recv_op, -PROA_ECONNREFUSED));
	CHECK(!px_msg_stray(&recv_op, -PROA_EHOSTUNREACH));
}

/* ---- a system that refuses ---- */

/* With the limit below the number of watched descriptors poll(2) refuses them together: what comes
 * still arrives, in time though not at once, and the processor is not burnt meanwhile. */
TEST(poll_goes_on_below_a_lowered_limit)
{
	enum { MANY = 100, LIMIT = 40 };
	static pair p[MANY];
	struct rlimit was, low;
	uint64_t calls;
	bed b;

	REQUIRE(bed_open(&b, "poll"));
	for (int i = 0; i < MANY; i++) {
		REQUIRE(pair_open(&b, &p[i]));
		pair_receive(&p[i]);
	}
	REQUIRE(getrlimit(RLIMIT_NOFILE, &was) == 0);
	low = was;
	low.rlim_cur = LIMIT;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
	calls = bed_calls(&b);
	bed_spin(&b, 100);
	CHECK_LE(bed_calls(&b) - calls, 12 * (MANY / 16 + 3));
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(send(p[i].peer, "abc", 3, 0), 3);
	for (int i = 0; i < MANY; i++)
		BED_UNTIL(&b, p[i].got == 3);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
	for (int i = 0; i < MANY; i++)
		pair_close(&b, &p[i]);
	bed_close(&b);
}
