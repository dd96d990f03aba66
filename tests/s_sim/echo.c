/* An echo server in a world: the same on every seed, whatever happens to it. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

#include <string.h>

/* ---- one seed ---- */

static void world_echo(uint64_t seed, proa_world_options *o, uint64_t *hash)
{
	proa_server server = {{0}};
	proa_handle h = {0};
	proa_op op = {0};
	proa_addr a;
	proa_world *w;
	proa_loop *serving, *client;
	char got[4];

	o->seed = seed;
	REQUIRE(proa_world_open(&w, o) == 0);
	serving = proa_world_node(w, "server", "10.0.0.1");
	client = proa_world_node(w, "client", "10.0.0.2");
	REQUIRE(serving && client);
	CHECK_EQ(bed_echo(serving, &server), 0);
	CHECK_EQ(proa_addr_parse(&a, "10.0.0.1:7", 0), 0);
	proa_handle_init(proa_root(client), &h);
	proa_connect(&h, &op, &a, NULL);
	CHECK_EQ(proa_world_await(w, &op), 0);
	proa_send(&h, &op, "ping", 4, NULL);
	CHECK_EQ(proa_world_await(w, &op), 4);
	proa_recv(&h, &op, got, 1, NULL);
	CHECK_EQ(proa_world_await(w, &op), 1);
	CHECK(got[0] == 'p' && proa_serve_count(&server) == 1);
	proa_world_partition(w, "server", "client", true);
	proa_world_run(w, 31 * PROA_SEC);
	CHECK_EQ(proa_serve_count(&server), 0);
	*hash = proa_world_trace_hash(w);
	CHECK_EQ(proa_world_close(&w), 0);
	CHECK(!w);
}

TEST(echo_in_a_partition)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t a, b;

		world_echo(seed, &(proa_world_options){.short_io_ppm = 100000}, &a);
		world_echo(seed, &(proa_world_options){.short_io_ppm = 100000}, &b);
		CHECK(a == b);
	}
}
