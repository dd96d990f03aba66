/* Resets that happen in the middle of a node's own call: at its own op, and at another node's. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "test.h"

enum { BYTES = 4 };

typedef struct pair {
	int64_t sent, told, woke; /* at the sender, at the receiver, of the sender's next op */
	unsigned finals;          /* of the receiver's first recv */
} pair;

static void on_recv(proa_op *op)
{
	((pair *)op->user)->finals++;
}

/* One connection; its first recv waits when the sender begins. */
static int receiver_main(void *user)
{
	pair *p = user;
	proa_handle listener = {0}, h = {0};
	proa_op op = {.user = user};
	char bytes[BYTES];
	proa_loop *loop;
	proa_addr a;

	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK_EQ(proa_addr_parse(&a, "*:7", 0), 0);
	proa_handle_init(proa_root(loop), &listener);
	CHECK_EQ(proa_listen(&listener, &a, NULL), 0);
	proa_accept(&listener, &op, NULL);
	CHECK_EQ(proa_await(loop, &op), 0);
	proa_handle_init(proa_root(loop), &h);
	proa_adopt(&h, op.socket);
	proa_recv(&h, &op, bytes, sizeof bytes, on_recv);
	while (proa_in_flight(&op))
		proa_run_once(loop, 0);
	p->told = op.result;
	proa_loop_close(&loop, 0);
	return 0;
}

static int sender_main(void *user)
{
	pair *p = user;
	proa_handle h = {0};
	proa_op op = {0};
	proa_loop *loop;
	proa_addr a;

	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK_EQ(proa_addr_parse(&a, "10.0.0.1:7", 0), 0);
	proa_timer(proa_root(loop), &op, proa_in(loop, PROA_SEC), NULL); /* behind the listen */
	CHECK_EQ(proa_await(loop, &op), 0);
	proa_handle_init(proa_root(loop), &h);
	proa_connect(&h, &op, &a, NULL);
	CHECK_EQ(proa_await(loop, &op), 0);
	proa_timer(proa_root(loop), &op, proa_in(loop, PROA_SEC), NULL);
	CHECK_EQ(proa_await(loop, &op), 0);
	proa_send(&h, &op, "ping", BYTES, NULL);
	p->sent = proa_await(loop, &op);
	proa_timer(proa_root(loop), &op, proa_in(loop, PROA_MSEC), NULL);
	p->woke = proa_await(loop, &op);
	proa_loop_close(&loop, 0);
	return 0;
}

static pair pair_run(const proa_world_options *o)
{
	pair p = {.woke = -1};
	proa_world *w;

	if (!CHECK(proa_world_open(&w, o) == 0))
		return p;
	CHECK_EQ(proa_world_add(w, NULL,
	                        &(proa_node_options){.name = "receiver",
	                                             .addr = "10.0.0.1",
	                                             .main = receiver_main,
	                                             .user = &p}),
	         0);
	CHECK_EQ(proa_world_add(w, NULL,
	                        &(proa_node_options){.name = "sender",
	                                             .addr = "10.0.0.2",
	                                             .main = sender_main,
	                                             .user = &p}),
	         0);
	proa_world_run(w, 10 * PROA_SEC);
	CHECK_EQ(proa_world_close(&w), 0);
	return p;
}

TEST(reset_in_a_send_leaves_the_sender_where_it_is)
{
	pair p = pair_run(&(proa_world_options){.seed = 1, .reset_ppm = 1000000});

	CHECK_EQ(p.sent, -PROA_ECONNRESET);
	CHECK_EQ(p.told, -PROA_ECONNRESET);
	CHECK_EQ(p.finals, 1);
	CHECK_EQ(p.woke, 0);
}

TEST(reset_behind_the_bytes_of_a_recv_ends_it_once)
{
	proa_world_options o = {.seed = 1, .error_after_ppm = 1000000};
	pair p = pair_run(&o);

	CHECK_EQ(p.sent, BYTES);
	CHECK_EQ(p.told, BYTES);
	CHECK_EQ(p.finals, 1);
	CHECK_EQ(p.woke, 0);
}
