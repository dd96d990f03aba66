/* proa itself, by its public interface: one program, and the backend is a name. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"
#include "lab/models/proa_serve.h"

/* Completion as it is meant: a recv that is given its buffer when bytes are there, a send that
 * gives it back on every path. Partial sends, EAGAIN and what is in flight at the end are the
 * library's; below it waits as the models before this one do. */
typedef struct conn {
	proa_handle h;
	proa_op op;
} conn;

static void on_recv(proa_op *op);

static void on_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0)
		proa_close(&c->h, NULL);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0)
		proa_close(&c->h, NULL);
	else
		proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void conn_start(proa_handle *h, void *user)
{
	conn *c = PROA_OF(h, conn, h);

	(void)user;
	proa_recv_pooled(h, &c->op, NULL, on_recv);
}

static void serve(const char *addr, const char *backend)
{
	proa_serve_options o = {.conn_bytes = sizeof(conn), .start = conn_start};
	proa_loop_options loop = {.backend = backend};

	px_lab_proa_serve(addr, &loop, &o);
}

static void serve_uring(const char *addr)
{
	serve(addr, "io_uring");
}

static void serve_epoll(const char *addr)
{
	serve(addr, "epoll");
}

static void serve_poll(const char *addr)
{
	serve(addr, "poll");
}

const px_lab_model px_lab_proa_uring = {
	.name = "proa-io_uring",
	.about = "proa on io_uring",
	.kib_each = 10,
	.serve = serve_uring,
};

const px_lab_model px_lab_proa_epoll = {
	.name = "proa-epoll",
	.about = "proa on epoll",
	.kib_each = 8,
	.serve = serve_epoll,
};

const px_lab_model px_lab_proa_poll = {
	.name = "proa-poll",
	.about = "proa on poll",
	.kib_each = 8,
	.serve = serve_poll,
};
