/* echo [ADDRESS]: sends back what it receives, on up to 1000 connections, idle ones for 30 s. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

struct echo {
	proa_handle h;
	proa_op accept;
	unsigned n, max;
};
struct conn {
	proa_handle h;
	proa_op op;
};

static void on_sent(proa_op *);

static void on_closed(proa_handle *h)
{
	struct echo *e = h->user;

	free(PROA_OF(h, struct conn, h));
	if (e->n-- == e->max)
		proa_resume(&e->accept);
}

static void on_recv(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result <= 0)
		proa_close(&c->h, on_closed);
	else
		proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void on_sent(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0)
		proa_close(&c->h, on_closed);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void on_accept(proa_op *op)
{
	struct echo *e = PROA_OF(op, struct echo, accept);
	struct conn *c;

	if (op->result < 0)
		return;
	if (!(c = calloc(1, sizeof *c))) {
		proa_socket_close(op->socket);
		return;
	}
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, op->socket);
	c->h.user = e;
	proa_set_idle(&c->h, 30 * PROA_SEC);
	if (++e->n == e->max)
		proa_pause(op);
	proa_recv_pooled(&c->h, &c->op, NULL, on_recv);
}

static int echo_start(struct echo *e, proa_loop *loop, const char *address)
{
	proa_addr a;
	int rc;

	proa_handle_init(proa_root(loop), &e->h);
	if ((rc = proa_addr_parse(&a, address, 7)) < 0 || (rc = proa_listen(&e->h, &a, NULL)) < 0)
		return rc;
	proa_accept_many(&e->h, &e->accept, on_accept);
	say_where(&e->h);
	return 0;
}

int main(int argc, char **argv)
{
	struct echo e = {.max = 1000};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("echo", rc);
	rc = echo_start(&e, loop, argc > 1 ? argv[1] : "127.0.0.1:7777");
	if (rc == 0)
		proa_run(loop);
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("echo", rc) : 0;
}
