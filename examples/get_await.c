/* get_await HOST PATH [PORT]: as get, one step after another with proa_await. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <signal.h>

/* Lives until its handle is closed, so not on the stack of get(). */
struct conn {
	proa_handle h;
	proa_stream s;
	proa_op op, intr;
};

static void on_intr(proa_op *op)
{
	if (op->result >= 0)
		proa_close(proa_op_handle(op), NULL);
}

static int64_t get(proa_loop *loop, struct conn *c, const char *host, const char *path,
                   const char *port)
{
	char req[512];
	int64_t rc;
	int n = snprintf(req, sizeof req,
	                 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);

	if (n >= (int)sizeof req)
		return -PROA_ETOOLONG;
	proa_connect_name(&c->h, &c->op, host, port, NULL);
	if ((rc = proa_await(loop, &c->op)) < 0)
		return rc;
	proa_send(&c->h, &c->op, req, (size_t)n, NULL);
	if ((rc = proa_await(loop, &c->op)) < 0)
		return rc;
	proa_stream_read_until(&c->s, &c->op, "\r\n\r\n", 16384, NULL);
	if ((rc = proa_await(loop, &c->op)) > 0)
		fwrite(c->op.buf, 1, (size_t)rc, stdout);
	return rc ? rc : -PROA_EEND;
}

int main(int argc, char **argv)
{
	struct conn c = {0};
	proa_loop *loop;
	int64_t rc;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: get_await HOST PATH [PORT]\n");
		return 2;
	}
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("get_await", rc);
	proa_handle_init(proa_root(loop), &c.h);
	proa_stream_init(&c.s, &c.h, NULL);
	proa_signal(&c.h, &c.intr, SIGINT, on_intr);
	c.op.deadline_ns = proa_in(loop, 5 * PROA_SEC);
	rc = get(loop, &c, argv[1], argv[2], argc > 3 ? argv[3] : "80");
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("get_await", rc) : 0;
}
