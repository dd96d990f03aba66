/* The readiness engine with thousands of connections, without buffers and without descriptors. */
/* SPDX-License-Identifier: MIT */
#include "backend/ready_bed.h"

#include <stdlib.h>
#include <sys/resource.h>

static bool files_allowed(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur >= n;
}

TEST(ready_thousands_of_connections)
{
	enum { MANY = 5000 };
	pair *pairs;

	if (!files_allowed(2 * MANY + 100))
		SKIP("too few descriptors allowed");
	REQUIRE((pairs = calloc(MANY, sizeof *pairs)));
	EACH_SELECTOR(b)
	{
		for (int i = 0; i < MANY; i++) {
			REQUIRE(pair_open(&b, &pairs[i]));
			pair_receive(&pairs[i]);
		}
		bed_spin(&b, 1);
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(send(pairs[i].peer, "hello", 5, 0), 5);
		for (int i = 0; i < MANY; i++)
			BED_UNTIL(&b, pairs[i].got == 5);
		for (int i = 0; i < MANY; i++)
			peer_reset(&pairs[i]);
		for (int i = 0; i < MANY; i++)
			pair_close(&b, &pairs[i]);
	}
	free(pairs);
}

/* ---- without buffers ---- */

typedef struct parked {
	pair pair;
	proa_buffers *pool;
	void *held;
	int *ended;
} parked;

static void parked_received(proa_op *op)
{
	parked *p = op->user;

	if (op->result > 0) {
		p->held = op->buf;
		proa_recv_pooled(&p->pair.ours, &p->pair.in, p->pool, parked_received);
		return;
	}
	++*p->ended;
}

static uint64_t parks(const bed *b)
{
	proa_stats s = {.size = sizeof s};

	proa_loop_stats(b->loop, &s);
	return s.pool_parks;
}

/* All are parked on an empty pool when their peers reset them; each is woken in turn by the one
 * buffer, finds an error and gives it back: in a loop, not each from within the one before. */
TEST(ready_parked_recvs_woken_in_a_row)
{
	enum { MANY = 2000 };
	proa_buffers_options one = {.count = 1, .size_bytes = 16};
	struct rlimit old, small;
	parked *all = calloc(MANY, sizeof *all);

	REQUIRE(all);
	if (!files_allowed(2 * MANY + 100))
		SKIP("too few descriptors allowed");
	getrlimit(RLIMIT_STACK, &old);
	small = old;
	small.rlim_cur = 256 * 1024;
	EACH_SELECTOR(b)
	{
		proa_buffers *pool = NULL;
		int ended = 0;

		CHECK_EQ(proa_buffers_open(b.loop, &pool, &one), 0);
		for (int i = 0; i < MANY; i++) {
			parked *p = &all[i];

			REQUIRE(pair_open(&b, &p->pair));
			p->pool = pool;
			p->ended = &ended;
			p->held = NULL;
			p->pair.in.user = p;
			proa_recv_pooled(&p->pair.ours, &p->pair.in, pool, parked_received);
		}
		CHECK_EQ(send(all[0].pair.peer, "x", 1, 0), 1);
		BED_UNTIL(&b, all[0].held);
		for (int i = 1; i < MANY; i++)
			peer_reset(&all[i].pair);
		BED_UNTIL(&b, parks(&b) >= MANY - 1);
		CHECK_EQ(ended, 0);
		setrlimit(RLIMIT_STACK, &small);
		proa_buffer_return(b.loop, all[0].held);
		setrlimit(RLIMIT_STACK, &old);
		BED_UNTIL(&b, ended >= MANY - 1);
		CHECK_EQ(ended, MANY - 1);
		for (int i = 0; i < MANY; i++)
			pair_close(&b, &all[i].pair);
		proa_buffers_close(&pool);
	}
	free(all);
}

static void told_when(proa_op *op)
{
	*(int64_t *)op->user = op->result == -PROA_ETIMEDOUT ? proa_clock(proa_op_loop(op)) : -1;
}

/* Parked though there is nothing to read: the recv before it took exactly what was there. When a
 * buffer comes back it waits for its peer, and its idle time begins. */
TEST(ready_parked_time_is_not_idle)
{
	proa_buffers_options one = {.count = 1, .size_bytes = 16};

	EACH_SELECTOR(b)
	{
		proa_buffers *pool = NULL;
		proa_op first = {0}, second = {0};
		int64_t ended = 0, woken;
		pair p;

		REQUIRE(pair_open(&b, &p));
		CHECK_EQ(proa_buffers_open(b.loop, &pool, &one), 0);
		CHECK_EQ(send(p.peer, "0123456789abcdef", 16, 0), 16);
		proa_recv_pooled(&p.ours, &first, pool, NULL);
		CHECK_EQ(proa_await(b.loop, &first), 16);
		proa_set_idle(&p.ours, 200 * PROA_MSEC);
		second.user = &ended;
		proa_recv_pooled(&p.ours, &second, pool, told_when);
		bed_spin(&b, 350); /* in the middle of the second 200 ms since it began */
		CHECK_EQ(ended, 0);
		woken = proa_clock(b.loop);
		proa_buffer_return(b.loop, first.buf);
		BED_UNTIL(&b, ended);
		CHECK_GE(ended - woken, 190 * PROA_MSEC);
		pair_close(&b, &p);
		proa_buffers_close(&pool);
	}
}

/* ---- without descriptors ---- */

typedef struct door {
	proa_handle listener;
	proa_op op;
	int accepted, told;
} door;

static void door_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	door *d = user;

	(void)loop;
	(void)what;
	CHECK_EQ(error, -PROA_EMFILE);
	d->told++;
}

static void door_accepted(proa_op *op)
{
	door *d = PROA_OF(op, door, op);

	if (op->result < 0)
		return;
	d->accepted++;
	proa_socket_close(op->socket);
}

static int peer_connect(const proa_addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0)
		(void)!connect(fd, (const struct sockaddr *)(const void *)addr->data, addr->len);
	return fd;
}

/* Connections that arrive during a back-off do not shorten it, and are all there after it. */
TEST(ready_accept_out_of_descriptors)
{
	enum { PEERS = 8 };

	for (int how = 0; how < SELECTORS; how++) {
		door d = {0};
		proa_loop_options o = {.notice = door_notice, .notice_user = &d};
		proa_loop *loop;
		proa_addr addr;
		struct rlimit old, none;
		uint64_t calls;
		int peers[PEERS];
		bed b = {0};

		o.backend = selectors[how];
		if (!selector_is_here(o.backend))
			continue;
		REQUIRE(proa_loop_open(&loop, &o) == 0);
		b.loop = loop;
		proa_addr_parse(&addr, "127.0.0.1:0", 0);
		proa_handle_init(proa_root(loop), &d.listener);
		CHECK_EQ(proa_listen(&d.listener, &addr, NULL), 0);
		CHECK_EQ(proa_local_addr(&d.listener, &addr), 0);
		proa_accept_many(&d.listener, &d.op, door_accepted);
		bed_spin(&b, 1);
		for (int i = 0; i < PEERS; i++)
			peers[i] = peer_connect(&addr);
		getrlimit(RLIMIT_NOFILE, &old);
		none = old;
		none.rlim_cur = 3;
		setrlimit(RLIMIT_NOFILE, &none);
		calls = bed_calls(&b);
		BED_UNTIL(&b, d.told);
		bed_spin(&b, 25);
		setrlimit(RLIMIT_NOFILE, &old);
		CHECK_EQ(d.accepted, 0);
		CHECK_EQ(d.told, 1);
		CHECK_LE(bed_calls(&b) - calls, 12);
		BED_UNTIL(&b, d.accepted == PEERS);
		for (int i = 0; i < PEERS; i++)
			close(peers[i]);
		CHECK_EQ(proa_loop_close(&loop, 0), 0);
	}
}
