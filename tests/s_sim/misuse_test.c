/* Worlds used as they must not be: refused, told, or stopped with a message. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

static bed s; /* of the child that dies */

static void submit_timer(proa_op *op, proa_done *done)
{
	static proa_op timer;

	(void)op;
	memset(&timer, 0, sizeof timer);
	proa_timer(proa_root(s.a), &timer, proa_clock(s.a) + 1, done);
	proa_world_run(s.w, PROA_SEC);
}

/* ---- from inside ---- */

static void run_inside(proa_op *op)
{
	(void)op;
	proa_world_run(s.w, PROA_SEC);
}

static void die_run_inside(void)
{
	bed_open(&s, NULL);
	submit_timer(NULL, run_inside);
}

static void close_inside(proa_op *op)
{
	(void)op;
	proa_world_close(&s.w);
}

static void die_close_inside(void)
{
	bed_open(&s, NULL);
	submit_timer(NULL, close_inside);
}

static void open_inside(proa_op *op)
{
	proa_loop *loop;

	(void)op;
	proa_node_open(proa_world_find(s.w, "a"), &loop, NULL);
}

static void die_open_inside(void)
{
	bed_open(&s, NULL);
	submit_timer(NULL, open_inside);
}

static void use_anothers(proa_op *op)
{
	memset(op, 0, sizeof *op);
	proa_timer(proa_root(s.b), op, 1, NULL);
}

static void die_use_anothers(void)
{
	bed_open(&s, NULL);
	submit_timer(NULL, use_anothers);
}

static proa_loop *real;

static void use_real(proa_op *op)
{
	memset(op, 0, sizeof *op);
	proa_timer(proa_root(real), op, 1, NULL);
}

static void die_use_real(void)
{
	proa_loop_open(&real, NULL);
	bed_open(&s, NULL);
	submit_timer(NULL, use_real);
}

static void run_at(void *user)
{
	(void)user;
	proa_world_run(s.w, PROA_SEC);
}

static void die_run_at(void)
{
	bed_open(&s, NULL);
	proa_world_at(s.w, 1, run_at, NULL);
	proa_world_run(s.w, PROA_SEC);
}

static void wait_at(void *user)
{
	proa_loop *loop = user;
	proa_op op = {0};

	proa_timer(proa_root(loop), &op, proa_in(loop, PROA_SEC), NULL);
	proa_await(loop, &op);
}

static void die_wait_at(void)
{
	proa_loop *loop;

	bed_open(&s, NULL);
	proa_node_open(proa_world_find(s.w, "a"), &loop, NULL);
	proa_world_at(s.w, 1, wait_at, loop);
	proa_world_run(s.w, PROA_SEC);
}

TEST(misuse_from_inside)
{
	CHECK_DIES(die_run_inside, "a world was run from inside of it");
	CHECK_DIES(die_close_inside, "a world was run from inside of it");
	CHECK_DIES(die_open_inside, "proa_node_open inside of a world");
	CHECK_DIES(die_use_anothers, "a simulated node used what belongs to another one");
	CHECK_DIES(die_use_real, "a loop of another system was used inside a simulation");
	CHECK_DIES(die_run_at, "a world was run from inside of it");
	CHECK_DIES(die_wait_at, "something waited inside an event of a simulated world");
}

/* ---- from outside ---- */

static void die_run_nodes_loop(void)
{
	bed_open(&s, NULL);
	proa_world_run(s.w, PROA_SEC);
	proa_run(s.a);
}

static void die_close_nodes_loop(void)
{
	bed_open(&s, NULL);
	proa_world_run(s.w, PROA_SEC);
	proa_loop_close(&s.a, 0);
}

static void die_await_for_ever(void)
{
	proa_op op = {0};
	char got[4];
	link3 l;

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_recv(&l.a, &op, got, 4, NULL);
	proa_world_await(s.w, &op);
}

static void die_wait_for_ever(void)
{
	proa_loop *loop;

	bed_open(&s, NULL);
	proa_node_open(proa_world_find(s.w, "a"), &loop, &(proa_loop_options){.stay = true});
	proa_run(loop);
}

static void die_no_node(void)
{
	bed_open(&s, NULL);
	proa_world_kill(s.w, "c", PROA_KILL_POWER);
}

/* A connection that b has accepted and nobody adopts yet; its listener is there for more. */
static proa_handle asked[2], listener;

static proa_socket socket_accepted(unsigned n)
{
	proa_addr addr = bed_addr("10.0.0.2:7");
	static proa_op op[2], accept[2];

	proa_handle_init(proa_root(s.a), &asked[n]);
	proa_connect(&asked[n], &op[n], &addr, NULL);
	proa_accept(&listener, &accept[n], NULL);
	proa_world_await(s.w, &accept[n]);
	return accept[n].socket;
}

static proa_socket socket_first(void)
{
	bed_open(&s, NULL);
	bed_listen(s.b, &listener, "*:7");
	return socket_accepted(0);
}

static void die_socket_twice(void)
{
	proa_socket socket = socket_first();

	proa_socket_close(socket);
	proa_socket_close(socket);
}

/* The same number, but another connection by now. */
static void die_socket_stale(void)
{
	proa_socket socket = socket_first();

	proa_socket_close(socket);
	socket_accepted(1);
	proa_socket_close(socket);
}

static void die_socket_of_another_node(void)
{
	proa_socket socket = socket_first();
	static proa_handle h;

	proa_handle_init(proa_root(s.a), &h);
	proa_adopt(&h, socket);
}

static void die_socket_of_no_world(void)
{
	proa_socket socket = socket_first();

	proa_world_close(&s.w);
	proa_socket_close(socket);
}

TEST(misuse_from_outside)
{
	CHECK_DIES(die_run_nodes_loop, "a loop was run that its node's program runs");
	CHECK_DIES(die_close_nodes_loop, "a loop was run that its node's program runs");
	CHECK_DIES(die_await_for_ever, "nothing is left that could end it");
	CHECK_DIES(die_wait_for_ever, "a simulated world has come to a stop");
	CHECK_DIES(die_no_node, "a world has no node of that name");
	CHECK_DIES(die_socket_twice, "a simulated socket was closed that is not open");
	CHECK_DIES(die_socket_stale, "a simulated socket was closed that is not open");
	CHECK_DIES(die_socket_of_another_node,
	           "a simulated socket was adopted that is not open on this node");
	CHECK_DIES(die_socket_of_no_world, "a simulated socket was closed that is not open");
}

/* ---- options ---- */

TEST(misuse_of_options)
{
	proa_world *w = (proa_world *)&s;
	proa_loop *loop;
	char machines[32];
	bed b;

	CHECK_EQ(proa_world_open(&w, &(proa_world_options){.size = 1}), -PROA_ESIZES);
	CHECK(!w);
	CHECK_EQ(proa_world_open(&w, NULL), 0);
	CHECK_EQ(proa_world_close(&w), 0);
	CHECK_EQ(proa_loop_open(&loop, &(proa_loop_options){.backend = "sim"}), -PROA_EINVAL);
	CHECK(!loop);
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	snprintf(machines, sizeof machines, "%s", proa_loop_backend(loop));
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	bed_open(&b, NULL);
	CHECK_EQ(proa_node_open(proa_world_find(b.w, "a"), &loop,
	                        &(proa_loop_options){.backend = machines}),
	         -PROA_ENOTSUP);
	CHECK(!loop);
	CHECK_EQ(proa_node_open(proa_world_find(b.w, "a"), &loop,
	                        &(proa_loop_options){.backend = "none"}),
	         -PROA_EINVAL);
	CHECK_EQ(proa_node_open(proa_world_find(b.w, "a"), &loop,
	                        &(proa_loop_options){.backend = "sim"}),
	         0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	bed_close(&b);
}

/* No other program's descriptors are in a world, and no other loop around its loops. */
TEST(world_has_nothing_foreign)
{
	proa_handle h = {.user = NULL};
	proa_op op = {.user = NULL};
	bed b;

	bed_open(&b, NULL);
	CHECK_EQ(proa_loop_fd(b.a), -PROA_ENOTSUP);
	proa_handle_init(proa_root(b.a), &h);
	proa_adopt_os(&h, 0, PROA_FOREIGN);
	proa_poll(&h, &op, PROA_READABLE, NULL);
	CHECK_EQ(proa_world_await(b.w, &op), -PROA_ENOTSUP);
	bed_end(&b, &h);
	bed_close(&b);
}

/* A loop of the machine beside a world, one after the other. */
TEST(outside_uses_the_machine_too)
{
	proa_op timer = {0}, other = {0};
	proa_loop *loop;
	bed b;

	bed_open(&b, NULL);
	proa_timer(proa_root(b.a), &timer, proa_clock(b.a) + PROA_SEC, NULL);
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK(strcmp(proa_loop_backend(loop), "sim") != 0);
	proa_timer(proa_root(loop), &other, proa_in(loop, PROA_MSEC), NULL);
	CHECK_EQ(proa_world_await(b.w, &timer), 0);
	CHECK_EQ(proa_await(loop, &other), 0);
	proa_cancel(&timer);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	bed_close(&b);
}

/* ---- the program's own fault, as the world tells it ---- */

TEST(violation_of_lent_bytes)
{
	static char bytes[100000];
	proa_op op = {0};
	link3 l;
	bed b;

	bed_open(&b, NULL);
	bed_link(&b, &l);
	proa_send(&l.a, &op, bytes, sizeof bytes, NULL);
	proa_world_run(b.w, PROA_SEC);
	CHECK(proa_in_flight(&op));
	bytes[99999]++;
	proa_cancel(&op);
	proa_world_await(b.w, &op);
	CHECK_EQ(b.violations, 1);
	CHECK(strstr(b.said, "the bytes of a send were changed while they were lent"));
	CHECK(strstr(b.said, "seed 1, "));
	b.violations = 0;
	bed_unlink(&b, &l);
	bed_close(&b);
}

static void die_of_a_violation(void)
{
	static char bytes[100000];
	proa_world_options o = {.seed = 77};
	proa_op op = {0};
	link3 l;

	proa_world_open(&s.w, &o); /* with nobody to tell it to */
	s.a = proa_world_node(s.w, "a", "10.0.0.1");
	s.b = proa_world_node(s.w, "b", "10.0.0.2");
	bed_link(&s, &l);
	proa_send(&l.a, &op, bytes, sizeof bytes, NULL);
	proa_world_run(s.w, PROA_SEC);
	bytes[99999]++;
	proa_cancel(&op);
	proa_world_await(s.w, &op);
}

TEST(violation_that_nobody_is_told_of)
{
	CHECK_DIES(die_of_a_violation, "seed 77, ");
}
