/* echo_serve [ADDRESS]: as echo, with proa_serve, which keeps the connections and their limit. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

struct conn {
	proa_handle h;
	proa_op op;
};

static void on_sent(proa_op *);

static void on_recv(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result <= 0)
		proa_close(&c->h, NULL);
	else
		proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void on_sent(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0)
		proa_close(&c->h, NULL);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void conn_start(proa_handle *h, void *user)
{
	(void)user;
	proa_recv_pooled(h, &PROA_OF(h, struct conn, h)->op, NULL, on_recv);
}

int main(int argc, char **argv)
{
	proa_serve_options o = {.conn_bytes = sizeof(struct conn),
	                        .conn_max = 1000,
	                        .idle_ns = 30 * PROA_SEC,
	                        .start = conn_start};
	proa_server s;
	proa_addr addr;
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("echo_serve", rc);
	rc = proa_serve(proa_root(loop), &s, argc > 1 ? argv[1] : "127.0.0.1:7777", &o);
	if (rc == 0 && (rc = proa_serve_addr(&s, &addr)) == 0) {
		say_listening(&addr);
		proa_run(loop);
	}
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("echo_serve", rc) : 0;
}
