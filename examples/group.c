/* group [ADDRESS]: accepts on one loop, serves on the least loaded of 4; a signal drains. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <signal.h>
#include <stdlib.h>

struct conn {
	proa_handle h;
	proa_op op;
	proa_socket socket;
};
struct front {
	proa_handle h;
	proa_op accept, term, interrupt;
	proa_group *group;
	const char *address;
};

static void on_sent(proa_op *);

static void on_closed(proa_handle *h)
{
	free(PROA_OF(h, struct conn, h));
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

static void conn_arrive(proa_op *op) /* on its loop */
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0) { /* that loop is ending */
		proa_socket_close(c->socket);
		free(c);
		return;
	}
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, c->socket);
	proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void on_accept(proa_op *op)
{
	struct front *f = PROA_OF(op, struct front, accept);
	struct conn *c;

	if (op->result < 0)
		return;
	if (!(c = calloc(1, sizeof *c))) {
		proa_socket_close(op->socket);
		return;
	}
	c->socket = op->socket;
	proa_post(proa_group_least_loaded(f->group), &c->op, conn_arrive);
}

static void on_term(proa_op *op)
{
	struct front *f = op->user;

	if (op->result >= 0)
		proa_group_stop(f->group, 10 * PROA_SEC);
}

static int loop_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	struct front *f = user;
	proa_addr a;
	int rc;

	if (index)
		return 0;
	f->group = group;
	proa_handle_init(proa_root(loop), &f->h);
	if ((rc = proa_addr_parse(&a, f->address, 7777)) < 0 ||
	    (rc = proa_listen(&f->h, &a, NULL)) < 0)
		return rc;
	say_where(&f->h);
	f->term.user = f->interrupt.user = f;
	proa_signal(&f->h, &f->term, SIGTERM, on_term);
	proa_signal(&f->h, &f->interrupt, SIGINT, on_term);
	proa_accept_many(&f->h, &f->accept, on_accept);
	return 0;
}

static void loop_drain(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	struct front *f = user;

	(void)group;
	(void)loop;
	if (index == 0)
		proa_close(&f->h, NULL);
}

int main(int argc, char **argv)
{
	struct front f = {.address = argc > 1 ? argv[1] : "127.0.0.1:7777"};
	proa_group_options o = {.loops = 4, .start = loop_start, .drain = loop_drain, .user = &f};
	proa_group *group;
	int rc = proa_group_open(&group, &o);

	if (rc == 0)
		rc = proa_group_wait(&group);
	return rc < 0 ? say_error("group", rc) : 0;
}
