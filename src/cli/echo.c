/* proa echo: what comes is sent back; as plain as it can be, for it is what we measure. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
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

typedef struct echo {
	const cli_args *args;
	proa_loop *loop;   /* one worker */
	proa_group *group; /* several */
	proa_server server;
	bool ended; /* the server has */
	cli_signals signals;
	proa_stats stats;
	char backend[32];
} echo;

/* ---- connections ---- */

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

static const proa_serve_options serve_options = {
	.conn_bytes = sizeof(conn), .start = conn_start, .drain = conn_drain};

/* ---- one worker: a loop on this thread ---- */

static void on_ended(proa_handle *server)
{
	echo *e = PROA_OF(server, echo, server);

	e->ended = true;
}

static void loop_stop(unsigned again, void *user)
{
	echo *e = user;

	if (!e->ended)
		proa_serve_end(&e->server,
		               again ? PROA_POLL : proa_in(e->loop, CLI_DRAIN_SEC * PROA_SEC),
		               on_ended);
}

static int run_loop(echo *e)
{
	proa_loop_options o = {.backend = e->args->backend, .buffers_count = e->args->buffers};
	proa_addr addr;
	int rc = proa_loop_open(&e->loop, &o);

	if (rc < 0)
		return cli_fail_backend(e->args, rc);
	if ((rc = proa_serve(proa_root(e->loop), &e->server, e->args->listen, &serve_options)) <
	    0) {
		proa_loop_close(&e->loop, 0);
		return cli_fail_listen(e->args, rc);
	}
	e->signals.stop = loop_stop;
	e->signals.user = e;
	cli_signals_watch(&e->signals, e->loop);
	if (proa_serve_addr(&e->server, &addr) == 0)
		cli_print_listening(&addr);
	proa_run(e->loop);
	snprintf(e->backend, sizeof e->backend, "%s", proa_loop_backend(e->loop));
	proa_loop_stats(e->loop, &e->stats);
	proa_loop_close(&e->loop, 0);
	return CLI_OK;
}

/* ---- several: a group ---- */

static void group_stop(unsigned again, void *user)
{
	echo *e = user;

	proa_group_stop(e->group, again ? 0 : CLI_DRAIN_SEC * PROA_SEC);
}

static int group_loop_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	echo *e = user;

	if (index)
		return 0;
	e->group = group;
	snprintf(e->backend, sizeof e->backend, "%s", proa_loop_backend(loop));
	cli_signals_watch(&e->signals, loop);
	return 0;
}

/* The counters may be read on any thread, and here the loops are still there. */
static void group_loop_drain(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	echo *e = user;

	(void)loop;
	for (unsigned i = 0; index == 0 && i < proa_group_size(group); i++) {
		proa_stats stats = {0};

		proa_loop_stats(proa_group_loop(group, i), &stats);
		cli_stats_add(&e->stats, &stats);
	}
}

static int run_group(echo *e)
{
	proa_loop_options loop = {
		.backend = e->args->backend, .stay = true, .buffers_count = e->args->buffers};
	proa_group_options o = {.loops = e->args->workers,
	                        .loop = &loop,
	                        .start = group_loop_start,
	                        .drain = group_loop_drain,
	                        .user = e};
	proa_group *group;
	proa_addr addr;
	int rc;

	e->signals.stop = group_stop;
	e->signals.user = e;
	if ((rc = proa_group_open(&group, &o)) < 0)
		return cli_fail_backend(e->args, rc);
	if ((rc = proa_group_serve(group, e->args->listen, &serve_options, &addr)) < 0) {
		proa_group_stop(group, 0);
		proa_group_wait(&group);
		return cli_fail_listen(e->args, rc);
	}
	cli_print_listening(&addr);
	rc = proa_group_wait(&group);
	return rc < 0 ? cli_fail("%s", proa_err_text(rc)) : CLI_OK;
}

static int echo_run(const cli_args *args)
{
	echo e = {.args = args};
	int status;

	if (!args->listen)
		return cli_fail("echo needs --listen ADDR:PORT");
	cli_signals_prepare();
	status = args->workers > 1 ? run_group(&e) : run_loop(&e);
	if (status == CLI_OK)
		cli_unlisten(args);
	if (status == CLI_OK && args->stats)
		cli_print_stats(e.backend, &e.stats);
	return status;
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
