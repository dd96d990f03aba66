/* copy FROM TO: a file in pieces into a new one, several under way, in the same memory always. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

enum { PIECES = 8, PIECE_BYTES = 128 * 1024 };
struct piece {
	proa_op op;
	struct copy *c;
	int64_t at;
	char bytes[PIECE_BYTES];
};
struct copy {
	proa_handle from, to;
	int64_t next, rc; /* the offset that nobody reads yet; what went wrong */
	struct piece pieces[PIECES];
};

static void on_read(proa_op *op);

static void piece_next(struct piece *p)
{
	p->at = p->c->next;
	p->c->next += PIECE_BYTES;
	proa_read(&p->c->from, &p->op, p->bytes, PIECE_BYTES, p->at, on_read);
}

static void on_written(proa_op *op)
{
	struct piece *p = PROA_OF(op, struct piece, op);

	if (op->result < 0)
		p->c->rc = op->result;
	else if (p->c->rc == 0)
		piece_next(p);
}

static void on_read(proa_op *op)
{
	struct piece *p = PROA_OF(op, struct piece, op);

	if (op->result < 0)
		p->c->rc = op->result;
	else if (op->result > 0 && p->c->rc == 0) /* 0: behind the end, where this piece rests */
		proa_write(&p->c->to, op, p->bytes, (size_t)op->result, p->at, on_written);
}

static int64_t copy_open(struct copy *c, proa_loop *loop, const char *from, const char *to)
{
	unsigned flags = PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL;
	proa_op *op = &c->pieces[0].op;

	proa_handle_init(proa_root(loop), &c->from);
	proa_handle_init(proa_root(loop), &c->to);
	proa_file_open(&c->from, op, from, PROA_O_READ, 0, NULL);
	if (proa_await(loop, op) == 0)
		proa_file_open(&c->to, op, to, flags, 0644, NULL);
	return proa_await(loop, op);
}

int main(int argc, char **argv)
{
	static struct copy c;
	proa_loop *loop;

	if (argc != 3) {
		fprintf(stderr, "usage: copy FROM TO\n");
		return 2;
	}
	if ((c.rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("copy", c.rc);
	c.rc = copy_open(&c, loop, argv[1], argv[2]);
	for (int i = 0; i < PIECES && c.rc == 0; i++) {
		c.pieces[i].c = &c;
		piece_next(&c.pieces[i]);
	}
	proa_run(loop);
	proa_loop_close(&loop, 0);
	return c.rc < 0 ? say_error("copy", c.rc) : 0;
}
