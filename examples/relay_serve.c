/* relay_serve ADDRESS TARGET: as relay, with proa_serve. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

struct half {
	proa_op op;
	proa_handle *from, *to;
};
struct relay {
	proa_handle down, up;
	struct half out, in;
	int open;
};

static void on_sent(proa_op *);

static void on_shut(proa_op *op)
{
	struct relay *r = op->user;

	if (op->result < 0 || --r->open == 0)
		proa_close(&r->down, NULL);
}

static void on_recv(proa_op *op)
{
	struct half *x = PROA_OF(op, struct half, op);
	struct relay *r = op->user;

	if (op->result >= 0 && proa_is_closing(&r->down)) /* x->to may have ended already */
		proa_buffer_return(proa_op_loop(op), op->buf);
	else if (op->result > 0)
		proa_send_pooled(x->to, op, op->buf, (size_t)op->result, on_sent);
	else if (op->result == 0)
		proa_shutdown(x->to, op, on_shut);
	else
		proa_close(&r->down, NULL);
}

static void on_sent(proa_op *op)
{
	struct half *x = PROA_OF(op, struct half, op);
	struct relay *r = op->user;

	if (op->result < 0 || proa_is_closing(&r->down))
		proa_close(&r->down, NULL);
	else
		proa_recv_pooled(x->from, op, NULL, on_recv);
}

static void on_connect(proa_op *op)
{
	struct relay *r = op->user;

	if (op->result < 0) {
		proa_close(&r->down, NULL);
		return;
	}
	proa_recv_pooled(&r->down, &r->out.op, NULL, on_recv);
	proa_recv_pooled(&r->up, &r->in.op, NULL, on_recv);
}

static void conn_start(proa_handle *h, void *user)
{
	struct relay *r = PROA_OF(h, struct relay, down);

	r->open = 2;
	r->out = (struct half){.op.user = r, .from = h, .to = &r->up};
	r->in = (struct half){.op.user = r, .from = &r->up, .to = h};
	proa_handle_init(h, &r->up);
	proa_connect(&r->up, &r->out.op, user, on_connect);
}

int main(int argc, char **argv)
{
	proa_addr target, addr;
	proa_serve_options o = {
		.conn_bytes = sizeof(struct relay), .start = conn_start, .user = &target};
	proa_server s;
	proa_loop *loop;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: relay_serve ADDRESS TARGET\n");
		return 2;
	}
	if ((rc = proa_addr_parse(&target, argv[2], 0)) < 0 ||
	    (rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("relay_serve", rc);
	if ((rc = proa_serve(proa_root(loop), &s, argv[1], &o)) == 0 &&
	    (rc = proa_serve_addr(&s, &addr)) == 0) {
		say_listening(&addr);
		proa_run(loop);
	}
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("relay_serve", rc) : 0;
}
