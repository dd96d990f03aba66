/* spawn COMMAND [ARGUMENT...]: runs it, numbers the lines that it writes, and ends as it does. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

enum { LINE_MOST = 1 << 20 };

struct run {
	proa_handle child, out;
	proa_op spawn, exited, line;
	proa_stream lines;
	unsigned long n;
	int status;
};

static void on_line(proa_op *);

static void line_read(struct run *r)
{
	proa_stream_read_until(&r->lines, &r->line, "\n", LINE_MOST, on_line);
}

/* The last one may lack its end; one that is too long comes in pieces. */
static void on_line(proa_op *op)
{
	struct run *r = PROA_OF(op, struct run, line);

	if (op->result > 0) {
		printf("%6lu  %.*s", ++r->n, (int)op->result, (const char *)op->buf);
		fflush(stdout);
		line_read(r);
	} else if (op->result == -PROA_EEND || op->result == -PROA_ETOOLONG) {
		proa_stream_read_some(&r->lines, op, LINE_MOST, on_line);
	}
}

static void on_exited(proa_op *op)
{
	struct run *r = PROA_OF(op, struct run, exited);

	r->status = op->result < 0 ? 2 : (int)op->result;
	if (op->count)
		fprintf(stderr, "spawn: killed by signal %d\n", (int)op->count);
}

static void on_spawned(proa_op *op)
{
	struct run *r = PROA_OF(op, struct run, spawn);

	if (op->result < 0) {
		r->status = say_error("spawn", op->result);
		return;
	}
	proa_exited(&r->child, &r->exited, on_exited);
	line_read(r);
}

int main(int argc, char **argv)
{
	static struct run r;
	proa_stdio io[] = {{.how = PROA_STDIO_INHERIT},
	                   {.how = PROA_STDIO_PIPE, .handle = &r.out},
	                   {.how = PROA_STDIO_INHERIT}};
	proa_spawn_options o = {
		.argv = (const char **)(void *)(argv + 1), .stdio = io, .stdio_n = 3};
	proa_loop *loop;
	int rc;

	if (argc < 2)
		return say_error("spawn", -PROA_EINVAL);
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("spawn", rc);
	proa_handle_init(proa_root(loop), &r.child);
	proa_handle_init(proa_root(loop), &r.out);
	proa_stream_init(&r.lines, &r.out, NULL);
	proa_spawn(&r.child, &r.spawn, &o, on_spawned);
	proa_run(loop); /* until it has ended, and its last line was read */
	proa_loop_close(&loop, 0);
	return r.status;
}
