/* proa, and what blocks: in the loop, which is wrong, or on its workers, which is right. */
/* SPDX-License-Identifier: MIT */
#include "lab/load.h"
#include "lab/models/list.h"
#include "lab/models/proa_serve.h"
#include "lab/stall.h"

enum { WORKERS = 16 };

typedef struct conn {
	proa_handle h;
	proa_op op;
	size_t have;
	char message[LAB_MESSAGE];
} conn;

static bool on_workers;

static void on_recv(proa_op *op);

static void conn_next(conn *c)
{
	proa_recv(&c->h, &c->op, c->message + c->have, LAB_MESSAGE - c->have, on_recv);
}

static void on_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0) {
		proa_close(&c->h, NULL);
		return;
	}
	c->have = 0;
	conn_next(c);
}

static void on_worked(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0)
		proa_close(&c->h, NULL);
	else
		proa_send(&c->h, op, c->message, LAB_MESSAGE, on_sent);
}

static int64_t work(proa_op *op)
{
	px_lab_stall(*PROA_OF(op, conn, op)->message);
	return 0;
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0) {
		proa_close(&c->h, NULL);
		return;
	}
	c->have += (size_t)op->result;
	if (c->have < LAB_MESSAGE) {
		conn_next(c);
	} else if (on_workers && px_lab_stalls_for(*c->message)) {
		proa_work(&c->h, op, NULL, work, on_worked); /* the loop goes on meanwhile */
	} else {
		px_lab_stall(*c->message);
		proa_send(&c->h, op, c->message, LAB_MESSAGE, on_sent);
	}
}

static void conn_start(proa_handle *h, void *user)
{
	(void)user;
	conn_next(PROA_OF(h, conn, h));
}

static void serve(const char *addr)
{
	proa_serve_options o = {.conn_bytes = sizeof(conn), .start = conn_start};
	proa_workers_options many = {.threads = {WORKERS}};
	proa_loop_options loop = {0};

	px_lab_stall_open(NULL);
	if (proa_workers_open(&loop.workers, &many) < 0)
		px_lab_die("workers", 0);
	px_lab_proa_serve(addr, &loop, &o);
}

static void serve_on_workers(const char *addr)
{
	on_workers = true;
	serve(addr);
}

const px_lab_model px_lab_stall_proa = {
	.name = "stall-proa",
	.about = "the same in proa's loop",
	.kib_each = 8,
	.serve = serve,
};

const px_lab_model px_lab_stall_workers = {
	.name = "stall-workers",
	.about = "the same on 16 of proa's workers, so that the loop does not block",
	.kib_each = 8,
	.serve = serve_on_workers,
};
