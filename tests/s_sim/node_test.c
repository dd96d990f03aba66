/* Nodes: added, named, addressed, started, stopped, killed, restarted, paused. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

/* ---- names and addresses ---- */

TEST(node_names_and_addresses_clash)
{
	bed s;
	proa_node *node = (proa_node *)&s;
	proa_node_options o = {.name = "a", .addr = "10.0.0.9"};

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_add(s.w, &node, &o), -PROA_EINVAL);
	CHECK(!node);
	o = (proa_node_options){.name = "c", .addr = "10.0.0.3,10.0.0.2"};
	CHECK_EQ(proa_world_add(s.w, &node, &o), -PROA_EADDRINUSE);
	o.addr = "fd00::1";
	CHECK_EQ(proa_world_add(s.w, NULL, &o), -PROA_EADDRINUSE);
	o.addr = "10.0.0.3,";
	CHECK_EQ(proa_world_add(s.w, &node, &o), 0);
	CHECK(node && proa_world_find(s.w, "c") == node);
	CHECK(!proa_world_find(s.w, "d"));
	bed_close(&s);
}

TEST(node_options_that_are_bad)
{
	static const char *const bad[] = {"", "c", "10.0.0", "10.0.0.3:80", "unix:/x", "*", NULL};
	bed s;
	proa_node_options o = {.name = "c", .addr = "10.0.0.3", .size = 3};

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_add(s.w, NULL, &o), -PROA_ESIZES);
	o = (proa_node_options){.addr = "10.0.0.3"};
	CHECK_EQ(proa_world_add(s.w, NULL, &o), -PROA_EINVAL);
	o = (proa_node_options){.name = "", .addr = "10.0.0.3"};
	CHECK_EQ(proa_world_add(s.w, NULL, &o), -PROA_EINVAL);
	for (int i = 0; i < 7; i++) {
		o = (proa_node_options){.name = "c", .addr = bad[i]};
		CHECK_EQ(proa_world_add(s.w, NULL, &o), bad[i] ? -PROA_EADDRTEXT : -PROA_EINVAL);
	}
	CHECK(!proa_world_node(s.w, "c", "nowhere"));
	CHECK(!proa_world_find(s.w, "c"));
	bed_close(&s);
}

TEST(node_has_many_addresses)
{
	bed s;
	proa_handle listener, h, accepted;

	static const char *const at[] = {"10.0.0.2:7", "[fd00::2]:7"};

	bed_open(&s, NULL);
	bed_listen(s.b, &listener, "*:7");
	for (int i = 0; i < 2; i++) {
		char text[PROA_ADDR_TEXT];
		proa_addr peer;

		bed_connect(&s, s.a, &h, at[i], &listener, &accepted);
		CHECK_EQ(proa_local_addr(&h, &peer), 0);
		CHECK_GT(proa_addr_print(&peer, text, sizeof text), 0);
		CHECK(!strncmp(text, i ? "[fd00::1]:" : "10.0.0.1:", i ? 10 : 9));
		CHECK_EQ(proa_peer_addr(&h, &peer), 0);
		CHECK_GT(proa_addr_print(&peer, text, sizeof text), 0);
		CHECK_STR(text, at[i]);
		CHECK_EQ(proa_peer_addr(&accepted, &peer), 0);
		CHECK_GT(proa_addr_print(&peer, text, sizeof text), 0);
		CHECK(!strncmp(text, i ? "[fd00::1]:" : "[::ffff:10.0.0.1]:", i ? 10 : 18));
		CHECK_EQ(proa_local_addr(&accepted, &peer), 0);
		CHECK_GT(proa_addr_print(&peer, text, sizeof text), 0);
		CHECK_STR(text, i ? at[i] : "[::ffff:10.0.0.2]:7"); /* the listener is a v6 one */
		bed_end(&s, &h);
		bed_end(&s, &accepted);
	}
	bed_close(&s);
}

/* A machine's own addresses, 127.0.0.1 and ::1 lead to itself; what is nobody's, nowhere. */
TEST(node_reaches_itself_and_nobody)
{
	bed s;
	proa_handle listener, h = {0}, accepted;
	proa_op op = {0};
	proa_addr addr;

	static const char *const own[] = {"127.0.0.1:7", "[::1]:7", "10.0.0.2:7", "127.1.2.3:7"};

	bed_open(&s, NULL);
	bed_listen(s.b, &listener, "*:7");
	for (int i = 0; i < 4; i++) {
		bed_connect(&s, s.b, &h, own[i], &listener, &accepted);
		bed_end(&s, &h);
		bed_end(&s, &accepted);
	}
	memset(&h, 0, sizeof h);
	proa_handle_init(proa_root(s.a), &h);
	addr = bed_addr("127.0.0.1:7"); /* its own, where nobody listens */
	proa_connect(&h, &op, &addr, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ECONNREFUSED);
	addr = bed_addr("10.0.0.77:7");
	proa_connect(&h, &op, &addr, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_EHOSTUNREACH);
	bed_end(&s, &h);
	proa_handle_init(proa_root(s.a), &h);
	addr = bed_addr("10.0.0.2:80"); /* another's */
	CHECK_EQ(proa_listen(&h, &addr, NULL), -PROA_EADDRNOTAVAIL);
	bed_end(&s, &h);
	bed_close(&s);
}

/* ---- programs ---- */

typedef struct program {
	proa_world *w;
	int starts, downs, result, fails;
	int64_t wait_ns;
	proa_loop *loop;
} program;

static int program_start(proa_loop *loop, void *user)
{
	program *p = user;
	proa_op op = {0};

	p->starts++;
	p->loop = loop;
	if (p->wait_ns) {
		proa_timer(proa_root(loop), &op, proa_in(loop, p->wait_ns), NULL);
		CHECK_EQ(proa_await(loop, &op), 0);
	}
	return p->fails;
}

static int program_main(void *user)
{
	program *p = user;
	proa_op op = {0};
	proa_loop *loop;

	p->starts++;
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	CHECK_STR(proa_loop_backend(loop), "sim");
	proa_timer(proa_root(loop), &op, proa_in(loop, p->wait_ns), NULL);
	CHECK_EQ(proa_await(loop, &op), 0);
	CHECK_EQ(proa_run(loop), 0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	return p->fails;
}

static void program_down(int result, void *user)
{
	program *p = user;

	p->downs++;
	p->result = result;
}

static proa_node *program_add(bed *s, program *p, bool has_main)
{
	proa_node_options o = {.name = "p",
	                       .addr = "10.0.0.3",
	                       .start = has_main ? NULL : program_start,
	                       .main = has_main ? program_main : NULL,
	                       .down = program_down,
	                       .user = p};
	proa_node *node;

	p->w = s->w;
	CHECK_EQ(proa_world_add(s->w, &node, &o), 0);
	CHECK(!proa_world_is_up(s->w, "p") && !p->starts); /* in the next run */
	return node;
}

TEST(node_start_runs_until_stopped)
{
	bed s;
	program p = {.wait_ns = PROA_SEC};
	proa_node *node;

	bed_world(&s, NULL);
	node = program_add(&s, &p, false);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(proa_world_is_up(s.w, "p"));
	CHECK_EQ(p.starts, 1);
	CHECK(p.loop && proa_node_loop(node) == p.loop);
	proa_world_run(s.w, 10 * PROA_SEC);
	CHECK(proa_world_is_up(s.w, "p"));
	proa_stop(p.loop);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(!proa_world_is_up(s.w, "p"));
	CHECK(!proa_node_loop(node));
	CHECK_EQ(p.downs, 1);
	CHECK_EQ(p.result, 0);
	proa_world_restart(s.w, "p");
	proa_world_restart(s.w, "p"); /* once is enough */
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(p.starts, 2);
	proa_world_restart(s.w, "p"); /* it is up */
	proa_world_run(s.w, 2 * PROA_SEC);
	CHECK_EQ(p.starts, 2);
	bed_close(&s);
	CHECK_EQ(p.downs, 2);
}

TEST(node_start_that_fails_goes_down)
{
	bed s;
	program p = {.wait_ns = PROA_MSEC, .fails = -PROA_EACCES};

	bed_world(&s, NULL);
	program_add(&s, &p, false);
	proa_world_run(s.w, PROA_SEC);
	CHECK(!proa_world_is_up(s.w, "p"));
	CHECK_EQ(p.downs, 1);
	CHECK_EQ(p.result, -PROA_EACCES);
	bed_close(&s);
	CHECK_EQ(p.downs, 1);
}

TEST(node_main_goes_down_when_it_returns)
{
	bed s;
	program p = {.wait_ns = PROA_SEC, .fails = 7};
	proa_node *node;

	bed_world(&s, NULL);
	node = program_add(&s, &p, true);
	proa_world_run(s.w, PROA_SEC / 2);
	CHECK(proa_world_is_up(s.w, "p"));
	CHECK(!proa_node_loop(node));
	proa_world_run(s.w, PROA_SEC);
	CHECK(!proa_world_is_up(s.w, "p"));
	CHECK_EQ(p.result, 7);
	proa_world_restart(s.w, "p");
	proa_world_run(s.w, PROA_SEC / 2);
	proa_world_kill(s.w, "p", PROA_KILL_PROCESS);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(p.starts, 2);
	CHECK_EQ(p.downs, 2);
	CHECK_EQ(p.result, -PROA_ECANCELED);
	bed_close(&s);
}

/* A world that is closed at once ends programs that have never begun. */
TEST(node_of_a_world_closed_at_once)
{
	bed s;
	program p = {0}, q = {0};

	bed_open(&s, NULL);
	program_add(&s, &p, true);
	bed_close(&s);
	CHECK_EQ(p.starts + p.downs, 0);
	bed_world(&s, NULL);
	program_add(&s, &q, false);
	proa_world_kill(s.w, "p", PROA_KILL_PROCESS); /* before it began */
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(q.starts, 0);
	bed_close(&s);
}

/* Who starts nodes again when they go down must hear of this one, or it stays away for ever. */
TEST(node_killed_before_it_began_is_told_once)
{
	bed s;
	program p = {.wait_ns = PROA_SEC};

	bed_world(&s, NULL);
	program_add(&s, &p, true);
	proa_world_kill(s.w, "p", PROA_KILL_POWER);
	proa_world_run(s.w, PROA_SEC / 2);
	CHECK_EQ(p.starts, 0);
	CHECK_EQ(p.downs, 1);
	CHECK_EQ(p.result, -PROA_ECANCELED);
	proa_world_kill(s.w, "p", PROA_KILL_POWER); /* it is down */
	proa_world_run(s.w, PROA_SEC / 2);
	CHECK_EQ(p.downs, 1);
	proa_world_restart(s.w, "p");
	proa_world_run(s.w, PROA_SEC / 2);
	CHECK_EQ(p.starts, 1);
	CHECK_EQ(p.downs, 1);
	bed_close(&s);
}

static void kill_itself(proa_op *op)
{
	program *p = op->user;

	proa_world_kill(p->w, "p", PROA_KILL_PROCESS);
	proa_world_restart(p->w, "p");
	p->fails++;
	proa_close(proa_op_handle(op), NULL); /* the callback ends before the node does */
}

static int start_that_kills(proa_loop *loop, void *user)
{
	static proa_op op;
	static proa_handle h;
	program *p = user;

	memset(&op, 0, sizeof op);
	memset(&h, 0, sizeof h);
	p->starts++;
	op.user = p;
	proa_handle_init(proa_root(loop), &h);
	if (p->starts < 4)
		proa_timer(&h, &op, proa_in(loop, PROA_SEC), kill_itself);
	return 0;
}

/* In whatever order the events of one time come. */
TEST(node_kills_and_restarts_itself)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		bed s;
		program p = {0};
		proa_node_options o = {.name = "p",
		                       .addr = "10.0.0.3",
		                       .start = start_that_kills,
		                       .down = program_down,
		                       .user = &p};

		bed_world(&s, &(proa_world_options){.seed = seed, .reorder_ppm = 500000});
		CHECK_EQ(proa_world_add(s.w, NULL, &o), 0);
		p.w = s.w;
		proa_world_run(s.w, 10 * PROA_SEC);
		CHECK_EQ(p.starts, 4);
		CHECK_EQ(p.downs, 3);
		CHECK_EQ(p.fails, 3);
		CHECK(proa_world_is_up(s.w, "p"));
		bed_close(&s);
	}
}

/* ---- kills, as others see them ---- */

static void echo_node(bed *s, proa_server *server)
{
	proa_node_options o = {
		.name = "echo", .addr = "10.0.0.7", .start = bed_echo, .user = server};

	bed_open(s, NULL);
	CHECK_EQ(proa_world_add(s->w, NULL, &o), 0);
	proa_world_run(s->w, PROA_MSEC);
}

static int64_t echo_connect(bed *s, proa_handle *h)
{
	proa_addr addr = bed_addr("10.0.0.7:7");
	proa_op op = {0};

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(s->a), h);
	proa_connect(h, &op, &addr, NULL);
	return proa_world_await(s->w, &op);
}

/* Its system lives: it says the end, or resets what nobody read; and refuses. */
TEST(kill_of_a_process_is_told_to_peers)
{
	bed s;
	proa_server server;
	proa_handle h;
	char got[4];

	echo_node(&s, &server);
	CHECK_EQ(echo_connect(&s, &h), 0);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4);
	CHECK_EQ(bed_recv(&s, &h, got, 4), 4);
	CHECK_EQ(proa_serve_count(&server), 1);
	proa_world_kill(s.w, "echo", PROA_KILL_PROCESS);
	CHECK_EQ(bed_recv(&s, &h, got, 4), 0);
	CHECK(!proa_world_is_up(s.w, "echo"));
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4); /* into the system's buffer */
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), -PROA_ECONNRESET);
	bed_end(&s, &h);
	CHECK_EQ(echo_connect(&s, &h), -PROA_ECONNREFUSED);
	bed_end(&s, &h);
	proa_world_restart(s.w, "echo");
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(echo_connect(&s, &h), 0);
	bed_end(&s, &h);
	bed_close(&s);
}

/* Nobody says anything: connects and sends time out, or are reset by the machine that is back. */
TEST(kill_of_the_power_is_silence)
{
	bed s;
	proa_server server;
	proa_handle h, k;
	proa_op op = {0};
	char got[4];
	int64_t from;

	echo_node(&s, &server);
	CHECK_EQ(echo_connect(&s, &h), 0);
	CHECK_EQ(echo_connect(&s, &k), 0);
	proa_world_run(s.w, PROA_MSEC);
	proa_world_kill(s.w, "echo", PROA_KILL_POWER);
	op.deadline_ns = proa_clock(s.a) + 3600 * PROA_SEC;
	proa_recv(&h, &op, got, 4, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT); /* an hour: by its deadline only */
	CHECK_GE(proa_clock(s.a), op.deadline_ns);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4);
	from = proa_world_now(s.w);
	op.deadline_ns = 0;
	proa_recv(&h, &op, got, 4, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT); /* nobody acknowledges */
	CHECK_GE(proa_world_now(s.w), from + 100 * PROA_SEC);
	CHECK_LE(proa_world_now(s.w), from + 200 * PROA_SEC);
	bed_end(&s, &h);
	from = proa_world_now(s.w);
	CHECK_EQ(echo_connect(&s, &h), -PROA_ETIMEDOUT);
	CHECK_GE(proa_world_now(s.w), from + 100 * PROA_SEC);
	bed_end(&s, &h);
	proa_world_restart(s.w, "echo");
	CHECK_EQ(bed_send(&s, &k, "ping", 4), 4);
	CHECK_EQ(bed_recv(&s, &k, got, 4), -PROA_ECONNRESET); /* it knows of nothing */
	bed_end(&s, &k);
	bed_close(&s);
}

/* Also of connections that wait to be accepted. */
TEST(kill_of_the_power_with_a_backlog)
{
	bed s;
	proa_handle listener, h = {0};
	proa_addr addr = bed_addr("10.0.0.2:7");
	proa_op op = {0};
	char got[4];

	bed_open(&s, NULL);
	bed_listen(s.b, &listener, "*:7");
	proa_handle_init(proa_root(s.a), &h);
	proa_connect(&h, &op, &addr, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	proa_world_run(s.w, PROA_SEC);
	proa_world_kill(s.w, "b", PROA_KILL_POWER);
	op.deadline_ns = proa_clock(s.a) + 60 * PROA_SEC;
	proa_recv(&h, &op, got, 4, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT);
	bed_end(&s, &h);
	bed_close(&s);
}

/* While a connect is on its way, either side goes. */
TEST(kill_while_connecting)
{
	for (int i = 0; i < 40; i++) {
		bed s;
		proa_server server;
		proa_handle h = {0};
		proa_addr addr = bed_addr("10.0.0.7:7");
		proa_op op = {0};

		echo_node(&s, &server);
		proa_handle_init(proa_root(s.a), &h);
		proa_connect(&h, &op, &addr, NULL);
		proa_world_run(s.w, (i / 4) * 40 * PROA_USEC);
		proa_world_kill(s.w, i & 1 ? "a" : "echo",
		                i & 2 ? PROA_KILL_POWER : PROA_KILL_PROCESS);
		proa_world_run(s.w, 300 * PROA_SEC);
		if (!(i & 1)) {
			CHECK(!proa_in_flight(&op));
			bed_end(&s, &h);
		} else {
			CHECK_EQ(proa_serve_count(&server), 0);
		}
		bed_close(&s);
	}
}

/* ---- pauses ---- */

TEST(pause_and_resume)
{
	bed s;
	proa_server server;
	proa_handle h;
	proa_op op = {0};
	char got[4];

	echo_node(&s, &server);
	CHECK_EQ(echo_connect(&s, &h), 0);
	proa_world_pause(s.w, "echo", true);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4); /* its system takes the bytes */
	proa_recv(&h, &op, got, 4, NULL);
	proa_world_run(s.w, 3600 * PROA_SEC);
	CHECK(proa_in_flight(&op));
	proa_world_pause(s.w, "echo", true);
	proa_world_pause(s.w, "echo", false);
	proa_world_run(s.w, PROA_SEC);
	CHECK(!proa_in_flight(&op));
	CHECK_EQ(op.result, 4);
	CHECK_MEM(got, "ping", 4);
	bed_end(&s, &h);
	/* A paused one can be killed, and stays paused when it is back. */
	proa_world_pause(s.w, NULL, true);
	proa_world_kill(s.w, "echo", PROA_KILL_PROCESS);
	proa_world_restart(s.w, "echo");
	proa_world_run(s.w, PROA_SEC);
	proa_world_pause(s.w, NULL, false);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(echo_connect(&s, &h), 0);
	bed_end(&s, &h);
	bed_close(&s);
}

/* The time that it slept has passed for it. */
TEST(pause_of_a_program_that_waits)
{
	bed s;
	program p = {.wait_ns = PROA_SEC};

	bed_world(&s, NULL);
	program_add(&s, &p, true);
	proa_world_run(s.w, PROA_SEC / 2);
	proa_world_pause(s.w, "p", true);
	proa_world_run(s.w, 10 * PROA_SEC);
	CHECK_EQ(p.downs, 0);
	proa_world_pause(s.w, "p", false);
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(p.downs, 1);
	bed_close(&s);
}
