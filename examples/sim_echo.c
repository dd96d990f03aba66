/* sim_echo: echo.c in a thousand worlds, with a partition in each. */
/* SPDX-License-Identifier: MIT */
#undef NDEBUG
#include "echo.h"
#include <assert.h>

static void seed_run(uint64_t seed)
{
	proa_world_options o = {.seed = seed, .short_io_ppm = 100000};
	proa_handle h = {0};
	proa_op op = {0};
	struct echo e;
	proa_addr a;
	proa_world *w;
	proa_loop *server, *client;
	char got[4];

	assert(proa_world_open(&w, &o) == 0);
	server = proa_world_node(w, "server", "10.0.0.1");
	client = proa_world_node(w, "client", "10.0.0.2");
	assert(echo_start(&e, server, "10.0.0.1:7", 2, 30 * PROA_SEC) == 0);
	assert(proa_addr_parse(&a, "10.0.0.1:7", 0) == 0);
	proa_handle_init(proa_root(client), &h);
	proa_connect(&h, &op, &a, NULL);
	assert(proa_world_await(w, &op) == 0);
	proa_send(&h, &op, "ping", 4, NULL);
	assert(proa_world_await(w, &op) == 4);
	proa_recv(&h, &op, got, 1, NULL);
	assert(proa_world_await(w, &op) == 1 && got[0] == 'p' && e.n == 1);
	proa_world_partition(w, "server", "client", true);
	proa_world_run(w, 31 * PROA_SEC);
	assert(e.n == 0);                  /* the idle time freed the server's side */
	assert(proa_world_close(&w) == 0); /* PROA_ELEAK would say what was left */
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 1000; seed++)
		seed_run(seed);
	return 0;
}
