/* get HOST PATH [PORT]: prints the headers of an answer; all steps under one deadline. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <signal.h>

struct get {
	proa_handle h;
	proa_op op, intr;
	proa_stream s;
	proa_resolve_request names;
	unsigned next;
	int64_t rc;
	int len;
	char req[512];
};

static void get_end(struct get *g, int64_t rc)
{
	if (!proa_is_closing(&g->h))
		g->rc = rc;
	proa_close(&g->h, NULL);
}

static void on_intr(proa_op *op)
{
	if (op->result >= 0)
		get_end(PROA_OF(op, struct get, intr), -PROA_ECANCELED);
}

static void on_headers(proa_op *op)
{
	struct get *g = PROA_OF(op, struct get, op);

	if (op->result > 0)
		fwrite(op->buf, 1, (size_t)op->result, stdout);
	get_end(g, op->result ? op->result : -PROA_EEND);
}

static void on_written(proa_op *op)
{
	struct get *g = PROA_OF(op, struct get, op);

	if (op->result < 0)
		get_end(g, op->result);
	else
		proa_stream_read_until(&g->s, op, "\r\n\r\n", 16384, on_headers);
}

static void on_connect(proa_op *op)
{
	struct get *g = PROA_OF(op, struct get, op);

	if (op->result >= 0)
		proa_send(&g->h, op, g->req, (size_t)g->len, on_written);
	else if (op->result == -PROA_ETIMEDOUT || proa_is_closing(&g->h) || g->next == g->names.n)
		get_end(g, op->result);
	else
		proa_connect(&g->h, op, &g->names.addr[g->next++], on_connect);
}

static void on_names(proa_op *op)
{
	struct get *g = PROA_OF(op, struct get, op);

	if (op->result < 0)
		get_end(g, op->result);
	else
		proa_connect(&g->h, op, &g->names.addr[g->next++], on_connect);
}

static void get_start(struct get *g, proa_loop *loop)
{
	g->op.deadline_ns = proa_in(loop, 5 * PROA_SEC);
	proa_handle_init(proa_root(loop), &g->h);
	proa_stream_init(&g->s, &g->h, NULL);
	g->intr.want = PROA_BACKGROUND;
	proa_signal(&g->h, &g->intr, SIGINT, on_intr);
	proa_resolve(&g->h, &g->op, &g->names, on_names);
}

int main(int argc, char **argv)
{
	struct get g = {0};
	proa_loop *loop;
	int rc;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: get HOST PATH [PORT]\n");
		return 2;
	}
	g.names.name = argv[1];
	g.names.service = argc > 3 ? argv[3] : "80";
	g.len = snprintf(g.req, sizeof g.req,
	                 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[2],
	                 argv[1]);
	if (g.len >= (int)sizeof g.req)
		return say_error("get", -PROA_ETOOLONG);
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("get", rc);
	get_start(&g, loop);
	proa_run(loop);
	proa_loop_close(&loop, 0);
	return g.rc < 0 ? say_error("get", g.rc) : 0;
}
