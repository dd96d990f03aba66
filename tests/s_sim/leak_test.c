/* What a program leaves when it ends, and worlds that are closed in the middle of things. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <stdlib.h>

/* ---- each kind of what may be left ---- */

static int leaves_nothing(void *user)
{
	(void)user;
	return 0;
}

static int leaves_a_loop(void *user)
{
	proa_loop *loop;

	(void)user;
	return proa_loop_open(&loop, NULL);
}

static int leaves_workers(void *user)
{
	proa_workers *workers;

	(void)user;
	return proa_workers_open(&workers, NULL);
}

static int leaves_an_op(void *user)
{
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc == 0) {
		memset(user, 0, sizeof(proa_op));
		proa_timer(proa_root(loop), user, proa_in(loop, PROA_SEC), NULL);
	}
	return rc;
}

/* Accepts a connection of its own, and nobody adopts it. */
static int leaves_a_socket(void *user)
{
	proa_handle listener = {0}, h = {0};
	proa_addr addr = bed_addr("127.0.0.1:7");
	proa_op accept = {0}, connect = {0};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return rc;
	proa_handle_init(proa_root(loop), &listener);
	proa_handle_init(proa_root(loop), &h);
	CHECK_EQ(proa_listen(&listener, &addr, NULL), 0);
	proa_connect(&h, &connect, &addr, NULL);
	proa_accept(&listener, &accept, NULL);
	CHECK_EQ(proa_await(loop, &connect), 0);
	CHECK_EQ(proa_await(loop, &accept), 0);
	if (!user)
		proa_socket_close(accept.socket);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	return 0;
}

static int leaves_a_group(void *user)
{
	proa_group *group;

	(void)user;
	return proa_group_open(&group, NULL);
}

static const struct {
	const char *what;
	int (*main)(void *user);
	bool with;
	int rc;
} kinds[] = {
	{"nothing", leaves_nothing, false, 0},
	{"a socket that was closed", leaves_a_socket, false, 0},
	{"a socket", leaves_a_socket, true, -PROA_ELEAK},
	{"a loop", leaves_a_loop, false, -PROA_ELEAK},
	{"an op", leaves_an_op, true, -PROA_ELEAK},
	{"workers", leaves_workers, false, -PROA_ELEAK},
	{"a group", leaves_a_group, false, -PROA_ELEAK},
};

TEST(leak_of_each_kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		proa_op op = {0};
		proa_node_options o = {.name = "x",
		                       .addr = "10.0.0.9",
		                       .main = kinds[i].main,
		                       .user = kinds[i].with ? &op : NULL};
		bed s;

		bed_world(&s, NULL);
		CHECK_EQ(proa_world_add(s.w, NULL, &o), 0);
		proa_world_run(s.w, PROA_SEC);
		CHECK(!proa_world_is_up(s.w, "x"));
		if (!CHECK_EQ(proa_world_close(&s.w), kinds[i].rc))
			test_note("%s", kinds[i].what);
		CHECK_EQ(s.violations, 0);
	}
}

/* Outside code closes what it opens. */
TEST(leak_of_outside)
{
	for (int i = 0; i < 2; i++) {
		proa_loop *loop;
		bed s;

		bed_open(&s, NULL);
		CHECK_EQ(proa_node_open(proa_world_find(s.w, "a"), &loop, NULL), 0);
		proa_world_run(s.w, PROA_SEC);
		if (i)
			CHECK_EQ(proa_loop_close(&loop, 0), 0);
		CHECK_EQ(proa_world_close(&s.w), i ? 0 : -PROA_ELEAK);
	}
}

/* ---- what does not end ---- */

static int64_t works_for_ever(proa_op *op)
{
	proa_loop *own;
	proa_op timer = {0};

	(void)op;
	CHECK_EQ(proa_loop_open(&own, NULL), 0);
	proa_timer(proa_root(own), &timer, INT64_MAX, NULL);
	return proa_await(own, &timer);
}

TEST(leak_of_what_never_ends)
{
	proa_op op = {0};
	bed s;

	bed_open(&s, NULL);
	proa_work(proa_root(s.a), &op, NULL, works_for_ever, NULL);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(proa_world_close(&s.w), -PROA_ELEAK); /* a virtual minute later */
	CHECK_EQ(s.violations, 0);
}

/* One that is killed takes everything with it, and leaves nothing. */
TEST(leak_not_of_a_kill)
{
	for (int i = 0; i < 4; i++) {
		proa_op op = {0};
		proa_server server;
		proa_handle h = {0};
		proa_addr addr = bed_addr("10.0.0.2:7");
		proa_op connect = {0};
		bed s;

		bed_open(&s, NULL);
		CHECK_EQ(bed_echo(s.b, &server), 0);
		proa_handle_init(proa_root(s.a), &h);
		proa_connect(&h, &connect, &addr, NULL);
		CHECK_EQ(proa_world_await(s.w, &connect), 0);
		proa_work(proa_root(s.b), &op, NULL, works_for_ever, NULL);
		proa_world_run(s.w, i & 1 ? PROA_SEC : 0);
		proa_world_kill(s.w, "b", i & 2 ? PROA_KILL_POWER : PROA_KILL_PROCESS);
		proa_world_run(s.w, PROA_SEC);
		bed_close(&s);
	}
}

/* A close in the middle of things runs the callbacks of all that was in flight. */
static void on_end(proa_op *op)
{
	++*(int *)op->user;
}

TEST(close_tells_everything)
{
	int n = 0;
	proa_op timer = {.user = &n}, recv = {.user = &n}, send = {.user = &n};
	static char bytes[200000], got[4];
	link3 l;
	bed s;

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_timer(proa_root(s.a), &timer, INT64_MAX, on_end);
	proa_recv(&l.a, &recv, got, 4, on_end);
	proa_send(&l.a, &send, bytes, sizeof bytes, on_end);
	proa_world_run(s.w, PROA_SEC);
	CHECK_EQ(n, 0);
	bed_close(&s);
	CHECK_EQ(n, 3);
	CHECK_EQ(timer.result, -PROA_ECANCELED);
	CHECK_EQ(recv.result, -PROA_ECANCELED);
	CHECK_EQ(send.result, -PROA_ECANCELED);
	CHECK_EQ(proa_world_close(&s.w), 0); /* once more is nothing */
}

/* Nodes that are paused, cut off, and full of faults are closed as well. */
TEST(close_of_a_world_in_trouble)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		proa_server server;
		link3 l;
		bed s;

		bed_open(&s, &(proa_world_options){.seed = seed});
		bed_link(&s, &l);
		memset(&server, 0, sizeof server);
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			CHECK_EQ(proa_world_fault(s.w, (proa_fault)f, NULL, 200000), 0);
		proa_world_partition(s.w, NULL, NULL, true);
		proa_world_run(s.w, PROA_SEC);
		proa_world_pause(s.w, NULL, true);
		bed_close(&s);
	}
}

/* ---- memory ---- */

static void *no_memory(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	int *left = user;

	(void)old_bytes;
	if (!new_bytes) {
		free(old);
		return NULL;
	}
	return --*left < 0 ? NULL : realloc(old, new_bytes);
}

TEST(memory_of_a_loop_runs_out)
{
	for (int most = 0, rc = -1; rc < 0; most++) {
		int left = most;
		proa_loop_options o = {.alloc = no_memory, .alloc_user = &left};
		proa_loop *loop;
		bed s;

		bed_open(&s, NULL);
		rc = proa_node_open(proa_world_find(s.w, "a"), &loop, &o);
		CHECK(rc == 0 || (rc == -PROA_ENOMEM && !loop));
		CHECK_LT(most, 20);
		CHECK_EQ(proa_loop_close(&loop, 0), 0);
		bed_close(&s);
	}
}
