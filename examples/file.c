/* file ADDRESS FOLDER: "NAME\n" in, that file out; a client that stalls ends by idle time. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

enum { NAME = 512 };
struct conn {
	proa_handle h, file;
	proa_op op;
	proa_stream s;
	proa_stat_info st;
};
struct server {
	proa_handle h, folder;
	proa_op accept, op;
};

static void on_closed(proa_handle *h)
{
	free(PROA_OF(h, struct conn, h));
}

static void on_file_sent(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0) /* the client is gone; op->count went out */
		proa_close(&c->h, on_closed);
	else if (op->got & PROA_END) /* the file shrank: it must not look whole */
		proa_close_abort(&c->h, on_closed);
	else
		proa_finish(&c->h, proa_in(proa_op_loop(op), 5 * PROA_SEC), on_closed);
}

static void on_stat(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0)
		proa_close(&c->h, on_closed);
	else
		proa_send_file(&c->h, op, &c->file, 0, c->st.size_bytes, on_file_sent);
}

static void on_open(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);

	if (op->result < 0)
		proa_close(&c->h, on_closed);
	else
		proa_fstat(&c->file, op, &c->st, on_stat);
}

static void on_name(proa_op *op)
{
	struct conn *c = PROA_OF(op, struct conn, op);
	struct server *s = c->h.user;
	char *name = op->buf;

	if (op->result <= 0) {
		proa_close(&c->h, on_closed);
		return;
	}
	name[op->result - 1] = 0;
	proa_file_open_in(&c->file, op, &s->folder, name, PROA_O_READ | PROA_O_BENEATH, 0, on_open);
}

static void on_accept(proa_op *op)
{
	struct server *s = PROA_OF(op, struct server, accept);
	struct conn *c;

	if (op->result < 0)
		return;
	if (!(c = calloc(1, sizeof *c))) {
		proa_socket_close(op->socket);
		return;
	}
	proa_handle_init(proa_root(proa_op_loop(op)), &c->h);
	proa_adopt(&c->h, op->socket);
	c->h.user = s;
	proa_handle_init(&c->h, &c->file);
	proa_set_idle(&c->h, 30 * PROA_SEC);
	proa_stream_init(&c->s, &c->h, NULL);
	proa_stream_read_until(&c->s, &c->op, "\n", NAME, on_name);
}

static int64_t server_start(struct server *s, proa_loop *loop, const char *address,
                            const char *folder)
{
	proa_addr a;
	int64_t rc;

	proa_handle_init(proa_root(loop), &s->h);
	proa_handle_init(&s->h, &s->folder);
	proa_file_open(&s->folder, &s->op, folder, PROA_O_READ | PROA_O_DIR, 0, NULL);
	if ((rc = proa_await(loop, &s->op)) < 0 || (rc = proa_addr_parse(&a, address, 0)) < 0 ||
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
	int64_t rc;

	if (argc != 3) {
		fprintf(stderr, "usage: file ADDRESS FOLDER\n");
		return 2;
	}
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("file", rc);
	if ((rc = server_start(&s, loop, argv[1], argv[2])) == 0)
		proa_run(loop);
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("file", rc) : 0;
}
