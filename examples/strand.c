/* strand [ADDRESS]: answers with a digest of all bytes so far, made by CPU jobs in order. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

enum { JOBS = 4 };
struct conn;
struct job {
	proa_op op;
	struct conn *c;
	void *buf;
	size_t len;
	bool busy;
	uint64_t answer;
};
struct conn {
	proa_handle h;
	proa_op recv;
	proa_strand strand;
	uint64_t digest; /* the strand's alone */
	struct job job[JOBS];
};
struct server {
	proa_handle h;
	proa_op accept;
};

static void on_recv(proa_op *);

static void on_closed(proa_handle *h)
{
	free(PROA_OF(h, struct conn, h));
}

static void conn_recv(struct conn *c)
{
	if (proa_in_flight(&c->recv))
		return;
	for (int i = 0; i < JOBS; i++)
		if (!c->job[i].busy) {
			proa_recv_pooled(&c->h, &c->recv, NULL, on_recv);
			return;
		}
}

static void on_sent(proa_op *op)
{
	struct job *j = PROA_OF(op, struct job, op);

	j->busy = false;
	if (op->result < 0)
		proa_close(&j->c->h, on_closed);
	else
		conn_recv(j->c);
}

static void on_worked(proa_op *op)
{
	struct job *j = PROA_OF(op, struct job, op);

	proa_buffer_return(proa_op_loop(op), j->buf);
	if (op->result < 0) {
		j->busy = false;
		proa_close(&j->c->h, on_closed);
	} else {
		proa_send(&j->c->h, op, &j->answer, sizeof j->answer, on_sent);
	}
}

static int64_t digest(proa_op *op) /* on a worker */
{
	struct job *j = PROA_OF(op, struct job, op);
	const unsigned char *p = j->buf;

	for (size_t i = 0; i < j->len && !proa_work_cancelled(op); i++)
		j->c->digest = (j->c->digest ^ p[i]) * UINT64_C(1099511628211);
	j->answer = j->c->digest;
	return 0;
}

static void on_recv(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, recv);
	struct job *j = c->job;

	if (op->result <= 0) {
		proa_close(&c->h, on_closed); /* with the answers on their way: a client waits for
		                                 its last one */
		return;
	}
	while (j->busy)
		j++;
	j->busy = true;
	j->buf = op->buf;
	j->len = (size_t)op->result;
	proa_work(&c->h, &j->op, &c->strand, digest, on_worked);
	conn_recv(c);
}

static void on_accept(proa_op *op)
{
	struct conn *c;

	if (op->result < 0)
		return;
	if (!(c = calloc(1, sizeof *c))) {
		proa_socket_close(op->socket);
		return;
	}
	for (int i = 0; i < JOBS; i++)
		c->job[i].c = c;
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, op->socket);
	conn_recv(c);
}

int main(int argc, char **argv)
{
	struct server s = {0};
	proa_loop *loop;
	proa_addr a;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("strand", rc);
	proa_handle_init(proa_root(loop), &s.h);
	if ((rc = proa_addr_parse(&a, argc > 1 ? argv[1] : "127.0.0.1:7778", 7778)) == 0 &&
	    (rc = proa_listen(&s.h, &a, NULL)) == 0) {
		say_where(&s.h);
		proa_accept_many(&s.h, &s.accept, on_accept);
		proa_run(loop);
	}
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("strand", rc) : 0;
}
