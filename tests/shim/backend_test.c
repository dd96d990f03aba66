/* The kqueue backend where the stand-in can show more than a system: refusals, and what is left. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/wait.h>

#ifdef PX_TORTURE
static const int torture_build = 1;
#else
static const int torture_build = 0;
#endif

static bool kqueue_open(bed *b)
{
	kqueue_shim_refuse(0, 0);
	return bed_open(b, "kqueue");
}

static void told(proa_op *op)
{
	++*(int *)op->user;
}

/* Every way in which one of the two filters can be refused, noted or (behind many) at once. */
TEST(kqueue_a_refused_filter_ends_the_recv)
{
	enum { MANY = 200 };
	static pair p[MANY];

	for (int nth = 1; nth <= 2; nth++) {
		bed b;
		int ended = 0;

		REQUIRE(kqueue_open(&b));
		for (int i = 0; i < MANY; i++)
			REQUIRE(pair_open(&b, &p[i]));
		kqueue_shim_refuse(nth, ENOMEM);
		for (int i = 0; i < MANY; i++) {
			p[i].in.user = &ended;
			proa_recv(&p[i].ours, &p[i].in, p[i].buf, sizeof p[i].buf, told);
		}
		BED_UNTIL(&b, ended >= MANY);
		kqueue_shim_refuse(0, 0);
		CHECK_EQ(ended, MANY);
		for (int i = 0; i < MANY; i++) {
			CHECK_EQ(p[i].in.result, -PROA_ENOMEM);
			CHECK_EQ(p[i].in.sys_error, ENOMEM);
		}
		/* Nothing of it is left: the next recv registers anew. */
		for (int i = 0; i < MANY; i++) {
			p[i].in.user = &p[i];
			pair_receive(&p[i]);
			CHECK_EQ(send(p[i].peer, "abc", 3, 0), 3);
		}
		for (int i = 0; i < MANY; i++) {
			BED_UNTIL(&b, p[i].got == 3);
			pair_close(&b, &p[i]);
		}
		bed_close(&b);
	}
}

TEST(kqueue_a_refused_filter_ends_the_connect)
{
	for (int nth = 1; nth <= 2; nth++) {
		proa_handle h = {0};
		proa_op op = {0};
		proa_addr to = {.len = sizeof(struct sockaddr_in), .family = AF_INET};
		bed b;

		REQUIRE(kqueue_open(&b));
		memcpy(to.data, &b.addr, sizeof b.addr);
		proa_handle_init(proa_root(b.loop), &h);
		proa_connect(&h, &op, &to, NULL);
		kqueue_shim_refuse(nth, ENOMEM);
		CHECK_EQ(proa_await(b.loop, &op), -PROA_ENOMEM);
		kqueue_shim_refuse(0, 0);
		CHECK(!proa_is_open(&h));
		proa_connect(&h, &op, &to, NULL);
		CHECK_EQ(proa_await(b.loop, &op), 0);
		proa_close(&h, NULL);
		bed_close(&b);
	}
}

typedef struct door {
	proa_handle h;
	proa_op op;
	int accepted, noticed;
} door;

static void door_accepted(proa_op *op)
{
	door *d = PROA_OF(op, door, op);

	if (op->result == 0) {
		d->accepted++;
		proa_socket_close(op->socket);
	}
}

static void door_noticed(proa_loop *loop, int64_t error, const char *what, void *user)
{
	door *d = user;

	(void)loop;
	(void)what;
	CHECK_EQ(error, -PROA_ENOMEM);
	d->noticed++;
}

/* Want of memory is no end of an accept: it rests, and comes back by itself. */
TEST(kqueue_a_refused_accept_rests)
{
	door d = {0};
	proa_loop_options o = {.backend = "kqueue", .notice = door_noticed, .notice_user = &d};
	proa_addr addr;
	bed b = {0};
	int peer;

	REQUIRE(proa_loop_open(&b.loop, &o) == 0);
	proa_addr_parse(&addr, "127.0.0.1:0", 0);
	proa_handle_init(proa_root(b.loop), &d.h);
	CHECK_EQ(proa_listen(&d.h, &addr, NULL), 0);
	CHECK_EQ(proa_local_addr(&d.h, &addr), 0);
	kqueue_shim_refuse(1, ENOMEM);
	proa_accept_many(&d.h, &d.op, door_accepted);
	BED_UNTIL(&b, d.noticed);
	bed_spin(&b, 40);
	CHECK_EQ(d.noticed, 1);
	kqueue_shim_refuse(0, 0);
	peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(peer, (struct sockaddr *)(void *)addr.data, addr.len), 0);
	BED_UNTIL(&b, d.accepted);
	CHECK_EQ(d.accepted, 1);
	close(peer);
	CHECK_EQ(proa_loop_close(&b.loop, 0), 0);
}

/* Registering costs nothing of its own while there is room in the notes. */
TEST(kqueue_registers_with_the_wait)
{
#ifdef PX_TORTURE
	enum { FEW = 20, CALLS = 2 + 20 }; /* there is room for one */
#else
	enum { FEW = 20, CALLS = 2 };
#endif
	static pair p[FEW];
	uint64_t before;
	int ended = 0;
	bed b;

	REQUIRE(kqueue_open(&b));
	for (int i = 0; i < FEW; i++)
		REQUIRE(pair_open(&b, &p[i]));
	bed_spin(&b, 1);
	before = bed_calls(&b);
	for (int i = 0; i < FEW; i++) {
		p[i].in.user = &ended;
		proa_recv(&p[i].ours, &p[i].in, p[i].buf, sizeof p[i].buf, told);
	}
	proa_run_once(b.loop, PROA_POLL);
	CHECK_LE(bed_calls(&b) - before, CALLS);
	for (int i = 0; i < FEW; i++)
		pair_close(&b, &p[i]); /* of those that were noted and never handed in, too */
	bed_close(&b);
}

/* EV_DELETE comes before the close, also of what was registered and armed in every way. */
TEST(kqueue_closes_no_descriptor_with_filters)
{
	unsigned long before = kqueue_shim_left();
	static pair p[40];
	bed b;

	REQUIRE(kqueue_open(&b));
	for (int i = 0; i < 40; i++) {
		REQUIRE(pair_open(&b, &p[i]));
		pair_receive(&p[i]);
		if (i % 2)
			bed_spin(&b, 1);
		if (i % 3 == 0)
			peer_reset(&p[i]);
		if (i % 4 == 0)
			bed_spin(&b, 1);
		pair_close(&b, &p[i]);
	}
	bed_close(&b);
	CHECK_EQ(kqueue_shim_left(), before);
}

/* What was passed with such a wait is done all the same. */
TEST(shim_waits_that_end_early_have_made_their_changes)
{
	static const struct timespec second = {.tv_sec = 1}, at_once;
	int kq = kqueue(), fd[2], interrupted = 0, early = 0, told = 0;
	struct kevent add, gone, got;

	REQUIRE(kq >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	EV_SET(&add, fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
	EV_SET(&gone, fd[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
	kqueue_shim_torture(1);
	for (int i = 0; i < 20; i++) {
		int n = kevent(kq, &add, 1, &got, 1, &second);

		CHECK(n >= 0 || errno == EINTR);
		interrupted += n < 0;
		early += n == 0;
		told += n == 1;
		if (n <= 0)
			CHECK_EQ(kevent(kq, NULL, 0, &got, 1, &at_once), 1);
		CHECK_EQ(kevent(kq, &gone, 1, NULL, 0, NULL), 0);
	}
	kqueue_shim_torture(torture_build);
	CHECK_EQ(interrupted, 4);
	CHECK_EQ(early, 4);
	CHECK_EQ(told, 12);
	close(fd[0]);
	close(fd[1]);
	close(kq);
}

/* Waits that end with nothing told lose no registration, no arming and no byte. */
TEST(kqueue_waits_that_end_early_lose_nothing)
{
	enum { MANY = 50, ROUNDS = 20 };
	static pair p[MANY];
	bed b;

	REQUIRE(kqueue_open(&b));
	kqueue_shim_torture(1);
	for (int i = 0; i < MANY; i++) {
		REQUIRE(pair_open(&b, &p[i]));
		pair_receive(&p[i]);
	}
	for (int round = 1; round <= ROUNDS; round++) {
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(send(p[i].peer, "abc", 3, 0), 3);
		for (int i = 0; i < MANY; i++) {
			BED_UNTIL(&b, p[i].got >= round * 3);
			CHECK_EQ(p[i].got, round * 3);
		}
	}
	for (int i = 0; i < MANY; i++)
		pair_close(&b, &p[i]);
	bed_close(&b);
	kqueue_shim_torture(torture_build);
}

/* ---- waking, and forks ---- */

static void posted(proa_op *op)
{
	++*(int *)op->user;
}

typedef struct sender {
	proa_loop *loop;
	proa_op op;
} sender;

static void *post_soon(void *arg)
{
	sender *s = arg;

	usleep(20000);
	proa_post(s->loop, &s->op, posted);
	return NULL;
}

/* A post from another thread wakes the one that sleeps, by the filter or, without it, by a pipe. */
TEST(kqueue_wakes_with_and_without_its_filter)
{
	for (int unknown = 0; unknown < 2; unknown++) {
		proa_loop_options o = {.backend = "kqueue"};
		sender s = {0};
		int n = 0;
		pthread_t thread;

		kqueue_shim_no_user(unknown);
		CHECK_EQ(proa_loop_open(&s.loop, &o), 0);
		kqueue_shim_no_user(0);
		s.op.user = &n;
		for (int round = 1; round <= 3; round++) {
			REQUIRE(pthread_create(&thread, NULL, post_soon, &s) == 0);
			while (n < round)
				proa_run_once(s.loop, proa_clock(s.loop) + 10 * PROA_SEC);
			pthread_join(thread, NULL);
		}
		CHECK_EQ(proa_loop_close(&s.loop, 0), 0);
	}
}

static void waits_on_a_closed_queue(void)
{
	bed b;

	if (!kqueue_open(&b))
		abort();
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	proa_run_once(b.loop, proa_clock(b.loop) + 10 * PROA_SEC);
}

/* A wait that fails fails for ever: no loop spins in it. */
TEST(kqueue_that_is_gone_stops_the_program)
{
	CHECK_DIES(waits_on_a_closed_queue, "kevent failed");
}

/* In a child the queue's number may be another file's by now. */
TEST(kqueue_a_forked_child_closes_nobody_else_s_file)
{
	int status = -1;
	pid_t child;
	bed b;

	REQUIRE(kqueue_open(&b));
	child = fork();
	if (child == 0) {
		int first = open("/dev/null", O_RDONLY), second = open("/dev/null", O_RDONLY);
		int rc = proa_loop_close(&b.loop, 0);

		_exit(rc || fcntl(first, F_GETFD) < 0 || fcntl(second, F_GETFD) < 0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	bed_close(&b);
}
