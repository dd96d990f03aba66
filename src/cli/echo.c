/* proa echo: what comes is sent back; as plain as it can be, for it is what we measure. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdlib.h>

/* One recv that goes on by itself, and a send for what is on its way back. What comes before that
 * is out gets a send of its own, which queues behind it and lives until its end; a client that is
 * so far ahead has to wait. So a connection that is silent, or asks and waits, is this struct
 * alone. */
enum { QUEUED_MAX = 4 };

typedef struct conn {
	proa_handle h;
	proa_op recv, send;
	unsigned queued; /* sends in flight */
} conn;

static void on_sent(proa_op *op)
{
	conn *c = op->user;
	int64_t result = op->result;

	if (op != &c->send)
		free(op);
	c->queued--;
	if (result < 0 || (!c->queued && !proa_in_flight(&c->recv)))
		proa_close(&c->h, NULL);
	else if (c->queued < QUEUED_MAX)
		proa_resume(&c->recv);
}

static void conn_send(conn *c, void *buf, size_t len)
{
	proa_op *op = proa_in_flight(&c->send) ? calloc(1, sizeof *op) : &c->send;

	if (!op) {
		proa_buffer_return(proa_handle_loop(&c->h), buf);
		proa_close(&c->h, NULL);
		return;
	}
	op->user = c;
	c->queued++;
	proa_send_pooled(&c->h, op, buf, len, on_sent);
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, recv);

	if (op->got & PROA_MORE) {
		conn_send(c, op->buf, (size_t)op->result);
		if (c->queued >= QUEUED_MAX)
			proa_pause(op);
	} else if (!proa_is_closing(&c->h) && (op->result < 0 || !c->queued)) {
		/* the end, or an error; what was received before goes back first */
		proa_close(&c->h, NULL);
	}
}

static void conn_start(proa_handle *h, void *user)
{
	conn *c = PROA_OF(h, conn, h);

	(void)user;
	proa_recv_pooled_many(h, &c->recv, NULL, 0, on_recv);
}

/* What has come is sent back, then the connection ends. */
static void conn_drain(proa_handle *h, void *user)
{
	(void)user;
	proa_finish(h, proa_in(proa_handle_loop(h), PROA_SEC), NULL);
}

static int echo_run(const cli_args *args)
{
	cli_tcp t = {.args = args, .listen = args->listen};

	t.serve = (proa_serve_options){
		.conn_bytes = sizeof(conn), .start = conn_start, .drain = conn_drain};
	return args->listen ? cli_tcp_run(&t) : cli_fail("echo needs --listen ADDR:PORT");
}

const cli_command cli_echo = {
	.name = "echo",
	.usage = "--listen ADDR:PORT [--workers N] [--backend NAME] [--buffers N] [--stats]",
	.about = "Sends back what it is sent, over TCP.",
	.help = "  --listen ADDR:PORT   127.0.0.1:7777, [::1]:7777, :7777; port 0: any,\n"
		"                       it is printed\n"
		"  --workers N          loops, each on a thread of its own (default 1)\n"
		"  --backend NAME       one of 'proa doctor', or it fails (default: the best)\n"
		"  --buffers N          of 64 KiB, for what is received, at most (default 4096)\n"
		"  --stats              at the end, one line of counters\n\n"
		"SIGTERM or SIGINT ends it within 10 seconds, a second one at once.\n",
	.takes = CLI_LISTEN | CLI_WORKERS | CLI_BACKEND | CLI_BUFFERS | CLI_STATS,
	.run = echo_run,
};
