/* The lines that a world tells of itself. */
/* SPDX-License-Identifier: MIT */
#include "bed.h"

#include <stdio.h>

typedef struct lines {
	char text[4096];
	size_t len;
} lines;

static void on_line(const char *text, void *user)
{
	lines *l = user;
	int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s\n", text);

	REQUIRE(n > 0 && l->len + (size_t)n < sizeof l->text);
	l->len += (size_t)n;
}

static int program(proa_loop *loop, void *user)
{
	static proa_handle h; /* the loop is closed when we are gone */
	proa_addr to = bed_addr("10.0.0.9:1");
	proa_op op = {0};

	(void)user;
	memset(&h, 0, sizeof h);
	proa_timer(proa_root(loop), &op, proa_in(loop, PROA_SEC), NULL);
	CHECK_EQ(proa_await(loop, &op), 0);
	proa_handle_init(proa_root(loop), &h);
	proa_connect(&h, &op, &to, NULL);
	CHECK_EQ(proa_await(loop, &op), -PROA_ECONNREFUSED);
	return -PROA_EINVAL;
}

/* With it and without it the run is the same. */
TEST(trace_tells_what_happens_and_changes_nothing)
{
	uint64_t hash[2];
	lines l = {.len = 0};

	for (int i = 0; i < 2; i++) {
		proa_world_options o = {
			.seed = 3, .refused_ppm = 1000000, .trace = i ? on_line : NULL, .user = &l};
		proa_node_options node = {.name = "n", .addr = "10.0.0.9", .start = program};
		proa_world *w;

		REQUIRE(proa_world_open(&w, &o) == 0);
		CHECK_EQ(proa_world_add(w, NULL, &node), 0);
		proa_world_run(w, 10 * PROA_SEC);
		proa_world_restart(w, "n");
		proa_world_run(w, PROA_SEC / 2);
		proa_world_kill(w, "n", PROA_KILL_POWER);
		proa_world_run(w, PROA_SEC);
		hash[i] = proa_world_trace_hash(w);
		CHECK_EQ(proa_world_close(&w), 0);
	}
	CHECK(hash[0] == hash[1]);
	CHECK(strstr(l.text, "0.000000000 n starts\n") == l.text);
	CHECK(strstr(l.text, " n #-1 timer: 0\n"));
	CHECK(strstr(l.text, " - fault REFUSED of connect\n"));
	CHECK(strstr(l.text, " connect: ECONNREFUSED\n"));
	CHECK(strstr(l.text, " n is down\n"));
	CHECK(strstr(l.text, "10.000000000 n starts\n"));
	CHECK(strstr(l.text, "10.500000000 n loses its power\n"));
}
