/* chat [ADDRESS]: each line goes to everybody else; who is LIMIT bytes behind is dropped. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

enum { LIMIT = 64 * 1024, LINE = 1024 }; /* so a client costs 2 * LIMIT and a constant at most */

static struct client {
	proa_handle h;
	proa_op read;
	proa_stream s;
	struct client *next, **at;
} * all;

static void on_closed(proa_handle *h)
{
	struct client *c = PROA_OF(h, struct client, h);

	if ((*c->at = c->next))
		c->next->at = c->at;
	free(c);
}

static void broadcast(const struct client *from, const void *line, size_t len)
{
	for (struct client *c = all; c; c = c->next)
		if (c != from && !proa_is_closing(&c->h) && proa_stream_put(&c->s, line, len) < 0)
			proa_close(&c->h, on_closed);
}

static void on_line(proa_op *op)
{
	struct client *c = PROA_OF(op, struct client, read);

	if (op->result > 0) {
		broadcast(c, op->buf, (size_t)op->result);
		proa_stream_read_until(&c->s, op, "\n", LINE, on_line);
	} else
		proa_close(&c->h, on_closed);
}

static void on_accept(proa_op *op)
{
	proa_stream_options limits = {.in_limit_bytes = LINE, .out_limit_bytes = LIMIT};
	struct client *c;

	if (op->result < 0 || !(c = calloc(1, sizeof *c))) {
		proa_socket_close(op->result < 0 ? (proa_socket){0} : op->socket);
		return;
	}
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, op->socket);
	proa_stream_init(&c->s, &c->h, &limits);
	c->at = &all;
	if ((c->next = all))
		all->at = &c->next;
	all = c;
	proa_stream_read_until(&c->s, &c->read, "\n", LINE, on_line);
}

int main(int argc, char **argv)
{
	proa_handle listener = {0};
	proa_op accept = {0};
	proa_loop *loop;
	proa_addr a;
	int rc = proa_addr_parse(&a, argc > 1 ? argv[1] : "127.0.0.1:6667", 6667);

	if (rc < 0 || (rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("chat", rc);
	proa_handle_init(proa_root(loop), &listener);
	if ((rc = proa_listen(&listener, &a, NULL)) == 0) {
		say_where(&listener);
		proa_accept_many(&listener, &accept, on_accept);
		proa_run(loop);
	}
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("chat", rc) : 0;
}
