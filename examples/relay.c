/* relay ADDRESS TARGET: passes connections on, half-close too, one buffer a direction. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

struct half {
	proa_op op;
	proa_handle *from, *to;
};
struct relay {
	proa_handle down, up;
	struct half out, in;
	int open;
};
struct server {
	proa_handle h;
	proa_op accept;
	proa_addr target;
};

static void on_sent(proa_op *);

static void on_closed(proa_handle *h)
{
	free(PROA_OF(h, struct relay, down));
}

static void on_shut(proa_op *op)
{
	struct relay *r = op->user;

	if (op->result < 0 || --r->open == 0)
		proa_close(&r->down, on_closed);
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
		proa_close(&r->down, on_closed);
}

static void on_sent(proa_op *op)
{
	struct half *x = PROA_OF(op, struct half, op);
	struct relay *r = op->user;

	if (op->result < 0 || proa_is_closing(&r->down))
		proa_close(&r->down, on_closed);
	else
		proa_recv_pooled(x->from, op, NULL, on_recv);
}

static void on_connect(proa_op *op)
{
	struct relay *r = op->user;

	if (op->result < 0) {
		proa_close(&r->down, on_closed);
		return;
	}
	proa_recv_pooled(&r->down, &r->out.op, NULL, on_recv);
	proa_recv_pooled(&r->up, &r->in.op, NULL, on_recv);
}

static void on_accept(proa_op *op)
{
	struct server *s = PROA_OF(op, struct server, accept);
	struct relay *r;

	if (op->result < 0)
		return;
	if (!(r = calloc(1, sizeof *r))) {
		proa_socket_close(op->socket);
		return;
	}
	r->open = 2;
	r->out = (struct half){.op.user = r, .from = &r->down, .to = &r->up};
	r->in = (struct half){.op.user = r, .from = &r->up, .to = &r->down};
	proa_handle_init(proa_root(proa_op_loop(op)), &r->down);
	proa_adopt(&r->down, op->socket);
	proa_handle_init(&r->down, &r->up); /* closing the one below closes both */
	proa_connect(&r->up, &r->out.op, &s->target, on_connect);
}

static int relay_start(struct server *s, proa_loop *loop, const char *address, const char *target)
{
	proa_addr a;
	int rc;

	proa_handle_init(proa_root(loop), &s->h);
	if ((rc = proa_addr_parse(&a, address, 0)) < 0 ||
	    (rc = proa_addr_parse(&s->target, target, 0)) < 0 ||
	    (rc = proa_listen(&s->h, &a, NULL)) < 0)
		return rc;
	proa_accept_many(&s->h, &s->accept, on_accept);
	say_where(&s->h);
	return 0;
}

int main(int argc, char **argv)
{
	struct server s = {0};
	proa_loop *loop;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: relay ADDRESS TARGET\n");
		return 2;
	}
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("relay", rc);
	if ((rc = relay_start(&s, loop, argv[1], argv[2])) == 0)
		proa_run(loop);
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("relay", rc) : 0;
}
