/* proa relay: passes connections on, both ways, each direction at the pace of its reader. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A direction holds one piece at most, and receives no more before that has gone: so a slow reader
 * is felt by its writer, and a silent connection is this struct alone. */
enum { CONNECT_SEC = 10, BUFFERS_LEAST = 4096 };

typedef struct conn conn;

typedef struct half {
	conn *conn;
	proa_handle *to;
	proa_op op; /* all that comes, and at last the shutdown */
	proa_forwarding forwarding;
} half;

struct conn {
	proa_handle down, up; /* down owns up, so one close is both */
	half out, in;
	proa_op end;   /* told when the connection closes, before its sockets do */
	unsigned open; /* directions */
	bool whole;    /* its close may look like an end */
};

typedef struct relay {
	cli_tcp tcp;
	proa_addr target; /* or, of length 0, a name: */
	char name[256];
	const char *service;
	int64_t idle_ns;
} relay;

/* ---- a direction ---- */

/* What has gone wrong at one end is a reset for the other: it must not take what it has for all. */
static void conn_fail(conn *c, int64_t why)
{
	if (proa_is_closing(&c->down))
		return;
	c->whole = why == -PROA_ETIMEDOUT;
	proa_close(&c->down, NULL);
}

/* The same where the relay itself ends before the connection has. */
static void on_end(proa_op *op)
{
	conn *c = PROA_OF(op, conn, end);

	if (c->whole)
		return;
	proa_close_abort(&c->up, NULL);
	proa_close_abort(&c->down, NULL);
}

static void conn_end(conn *c)
{
	c->whole = true;
	proa_close(&c->down, NULL);
}

static void on_shut(proa_op *op)
{
	half *x = PROA_OF(op, half, op);

	if (op->result == -PROA_ENOTSUP) /* a pipe's end is that of both directions */
		conn_end(x->conn);
	else if (op->result < 0)
		conn_fail(x->conn, op->result);
	else if (--x->conn->open == 0)
		conn_end(x->conn);
}

static void on_forwarded(proa_op *op)
{
	half *x = PROA_OF(op, half, op);

	if (op->result < 0)
		conn_fail(x->conn, op->result);
	else if (!proa_is_closing(&x->conn->down)) /* else `to` may have ended already */
		proa_shutdown(x->to, op, on_shut);
}

static void half_start(conn *c, half *x, proa_handle *from, proa_handle *to)
{
	x->conn = c;
	x->to = to;
	x->op = (proa_op){0};
	c->open++;
	proa_forward(from, to, &x->op, &x->forwarding, 0, on_forwarded);
}

/* ---- a connection ---- */

static void on_connect(proa_op *op)
{
	conn *c = PROA_OF(op, conn, out.op);
	const relay *r = op->user;

	if (op->result < 0) {
		conn_fail(c, -PROA_ECONNRESET); /* a time-out, too: nobody is there */
		return;
	}
	if (proa_is_closing(&c->down))
		return;
	proa_set_idle(&c->down, r->idle_ns);
	proa_set_idle(&c->up, r->idle_ns);
	half_start(c, &c->out, &c->down, &c->up);
	half_start(c, &c->in, &c->up, &c->down);
}

static void conn_start(proa_handle *h, void *user)
{
	conn *c = PROA_OF(h, conn, down);
	relay *r = user;

	proa_handle_init(h, &c->up);
	proa_timer(&c->up, &c->end, INT64_MAX, on_end);
	c->out.op.user = r;
	c->out.op.deadline_ns = proa_in(proa_handle_loop(h), CONNECT_SEC * PROA_SEC);
	if (r->target.len)
		proa_connect(&c->up, &c->out.op, &r->target, on_connect);
	else
		proa_connect_name(&c->up, &c->out.op, r->name, r->service, on_connect);
}

/* ---- the command ---- */

/* HOST:PORT with a name for a host. */
static bool name_take(relay *r, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || len >= sizeof r->name || !colon[1] || memchr(text, ':', len))
		return false;
	memcpy(r->name, text, len);
	r->service = colon + 1;
	return true;
}

/* True for "99999" and "0", which no look-up could answer. */
static bool is_no_port(const char *service)
{
	return !service[strspn(service, "0123456789")] &&
	       (strlen(service) > 5 || strtoul(service, NULL, 10) - 1 >= UINT16_MAX);
}

/* Whom to connect: an address, or a name for each connection. */
static int target_take(relay *r, const char *text)
{
	int rc = proa_addr_parse(&r->target, text, 0);

	if (rc == -PROA_EAFNOSUPPORT)
		return cli_fail("cannot connect to %s: %s", text, proa_err_text(rc));
	if (rc < 0) {
		r->target.len = 0;
		if (!name_take(r, text) || is_no_port(r->service))
			return cli_fail("'%s' is neither an address nor NAME:PORT", text);
	} else if (strncmp(text, "unix:", 5) && strncmp(text, "pipe:", 5) &&
	           !proa_addr_port(&r->target)) {
		return cli_fail("'%s' names no port to connect to", text);
	}
	return CLI_OK;
}

/* A reader that stalls keeps the buffer of its direction: there are as many as all connections
 * could keep, or others would wait for those. */
static unsigned buffers_needed(const cli_args *args)
{
	unsigned both = args->limit > CLI_BUFFERS_MAX / 2 ? CLI_BUFFERS_MAX : 2 * args->limit;

	if (args->buffers)
		return args->buffers;
	return both < BUFFERS_LEAST ? BUFFERS_LEAST : both;
}

static int relay_run(const cli_args *args)
{
	cli_args given = *args;
	relay r = {.tcp = {.args = &given, .listen = args->dir}};
	proa_addr addr;
	int rc;

	if (!args->dir || !args->to)
		return cli_fail("relay needs two addresses: where to listen, and whom to connect");
	rc = proa_addr_parse(&addr, args->dir, 0);
	if (rc == -PROA_EAFNOSUPPORT)
		return cli_fail_listen(args->dir, rc);
	if (rc < 0)
		return cli_fail("'%s' is not an address to listen on", args->dir);
	if ((rc = target_take(&r, args->to)) != CLI_OK)
		return rc;
	given.buffers = buffers_needed(args);
	r.idle_ns = (int64_t)(args->idle * (double)PROA_SEC);
	r.tcp.serve = (proa_serve_options){.conn_bytes = sizeof(conn),
	                                   .conn_max = args->limit,
	                                   .start = conn_start,
	                                   .user = &r};
	return cli_tcp_run(&r.tcp);
}

const cli_command cli_relay = {
	.name = "relay",
	.usage = "LISTEN CONNECT [--idle SECONDS] [--limit N] [--workers N] ...",
	.about = "Passes connections on to another address, TCP or local.",
	.help = "  LISTEN               127.0.0.1:8080, [::1]:8080, :8080, unix:/path, on Windows\n"
		"                       pipe:NAME; port 0: any, it is printed\n"
		"  CONNECT              the same, or NAME:PORT, resolved for each connection\n"
		"  --idle SECONDS       ends connections on which so long no byte has moved\n"
		"  --limit N            connections at a time; more wait to be accepted\n"
		"  --workers N          loops, each on a thread of its own (default 1)\n"
		"  --backend NAME       one of 'proa doctor', or it fails (default: the best)\n"
		"  --buffers N          of 64 KiB, for what is on its way, at most (default: two\n"
		"                       for each of --limit, and at least 4096)\n"
		"  --stats              at the end, one line of counters\n\n"
		"The end of one direction is passed on, and the other one lives. SIGTERM or\n"
		"SIGINT ends it within 10 seconds, a second one at once.\n",
	.takes = CLI_DIR | CLI_TO | CLI_RELAY | CLI_WORKERS | CLI_BACKEND | CLI_BUFFERS | CLI_STATS,
	.run = relay_run,
};
