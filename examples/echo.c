/* Sends back what it receives, on so many connections, idle ones so long: by hand. */
/* SPDX-License-Identifier: MIT */
#include "echo.h"
#include <stdlib.h>

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
	proa_set_idle(&c->h, e->idle_ns);
	if (++e->n == e->max)
		proa_pause(op);
	proa_recv_pooled(&c->h, &c->op, NULL, on_recv);
}

int echo_start(struct echo *e, proa_loop *loop, const char *address, unsigned max, int64_t idle_ns)
{
	proa_addr a;
	int rc;

	*e = (struct echo){.max = max, .idle_ns = idle_ns};
	proa_handle_init(proa_root(loop), &e->h);
	if ((rc = proa_addr_parse(&a, address, 7)) < 0 || (rc = proa_listen(&e->h, &a, NULL)) < 0)
		return rc;
	proa_accept_many(&e->h, &e->accept, on_accept);
	return 0;
}
