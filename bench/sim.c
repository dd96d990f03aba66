/* Operations a second in a world: an echo between two nodes, without faults and with them. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"

#include <stdio.h>
#include <time.h>

enum { CLIENTS = 64, BYTES = 64 };
#define RUN_NS (2 * PROA_SEC)

typedef struct side {
	proa_handle h;
	proa_op in, out;
	char bytes[BYTES];
} side;

static side client[CLIENTS];
static proa_loop *here;
static proa_addr server_addr;

static void on_connect(proa_op *op);

static void on_closed(proa_handle *h)
{
	side *s = PROA_OF(h, side, h);

	if (s < client || s >= client + CLIENTS)
		return; /* the server's, whose memory proa_serve has */
	proa_handle_init(proa_root(here), &s->h);
	proa_connect(&s->h, &s->in, &server_addr, on_connect);
}

static void on_recv(proa_op *op);

static void on_sent(proa_op *op)
{
	side *s = PROA_OF(op, side, out);

	if (op->result < 0)
		proa_close(&s->h, on_closed);
	else
		proa_recv(&s->h, &s->in, s->bytes, BYTES, on_recv);
}

static void on_recv(proa_op *op)
{
	side *s = PROA_OF(op, side, in);

	if (op->result <= 0)
		proa_close(&s->h, on_closed);
	else
		proa_send(&s->h, &s->out, s->bytes, (size_t)op->result, on_sent);
}

static void on_connect(proa_op *op)
{
	side *s = PROA_OF(op, side, in);

	if (op->result < 0)
		proa_close(&s->h, on_closed);
	else
		proa_send(&s->h, &s->out, s->bytes, BYTES, on_sent);
}

static void on_start(proa_handle *h, void *user)
{
	side *s = PROA_OF(h, side, h);

	(void)user;
	proa_recv(h, &s->in, s->bytes, BYTES, on_recv);
}

/* Windows' clock() is the time on the wall, which is the same to one that never waits. */
static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static int measure(const char *what, uint32_t ppm)
{
	proa_world_options o = {.seed = 1, .latency_min_ns = 50 * PROA_USEC};
	proa_serve_options so = {.conn_bytes = sizeof(side), .start = on_start};
	proa_server server = {{0}};
	proa_world_stats stats;
	proa_loop *there;
	proa_world *w;
	double begun;

	o.latency_max_ns = 150 * PROA_USEC;
	o.late_ppm = o.short_io_ppm = o.reset_ppm = o.cancel_late_ppm = o.reorder_ppm = ppm;
	if (proa_world_open(&w, &o) < 0)
		return 1;
	there = proa_world_node(w, "server", "10.0.0.1");
	here = proa_world_node(w, "client", "10.0.0.2");
	proa_addr_parse(&server_addr, "10.0.0.1:7", 0);
	if (proa_serve(proa_root(there), &server, "*:7", &so) < 0)
		return 1;
	for (int i = 0; i < CLIENTS; i++) {
		client[i] = (side){.bytes = "ping"};
		proa_handle_init(proa_root(here), &client[i].h);
		proa_connect(&client[i].h, &client[i].in, &server_addr, on_connect);
	}
	begun = cpu_seconds();
	proa_world_run(w, RUN_NS);
	begun = cpu_seconds() - begun;
	proa_world_get_stats(w, &stats);
	printf("%-16s %10llu operations, %10.0f a second of CPU\n", what,
	       (unsigned long long)stats.operations, (double)stats.operations / begun);
	/* Its clients never end by themselves: what is in flight goes with the nodes. */
	proa_world_kill(w, "client", PROA_KILL_PROCESS);
	proa_world_kill(w, "server", PROA_KILL_PROCESS);
	proa_world_run(w, PROA_SEC);
	proa_world_close(&w);
	return (double)stats.operations / begun < 500000;
}

/* Exit status 1: fewer than 500,000. */
int main(void)
{
	int slow = measure("echo, no faults", 0);

	return slow | measure("echo, 1 % faults", 10000);
}
