/* watch FOLDER COMMAND: runs a command when something below it has changed and is calm again. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include <stdlib.h>

struct watch {
	proa_op op, calm;
	const char *command;
	int runs; /* the test ends after so many; 0: never */
};

#define CALM_NS (100 * PROA_MSEC) /* an editor, or a compiler, writes more than one file */

static void on_calm(proa_op *op)
{
	struct watch *w = PROA_OF(op, struct watch, calm);

	if (op->result != -PROA_ETIMEDOUT)
		return;
	if (system(w->command) != 0)
		fprintf(stderr, "watch: the command failed\n");
	if (w->runs && --w->runs == 0)
		proa_cancel(&w->op);
}

/* Each change puts the end of the calm off. */
static void calm_later(struct watch *w)
{
	proa_loop *loop = proa_op_loop(&w->op);

	proa_deadline(&w->calm, proa_in(loop, CALM_NS));
	if (!proa_in_flight(&w->calm))
		proa_timer(proa_root(loop), &w->calm, INT64_MAX, on_calm);
}

static void on_change(proa_op *op)
{
	struct watch *w = PROA_OF(op, struct watch, op);
	bool news = false;

	if (!(op->got & PROA_MORE)) {
		if (op->result < 0 && op->result != -PROA_ECANCELED)
			say_error("watch", op->result);
		return;
	}
	for (int64_t at = 0; at < op->result;) {
		const proa_change *c = (const void *)((char *)op->buf + at);

		news |= !(c->what & PROA_W_ATTRIBUTES);
		at += c->bytes;
	}
	if (news)
		calm_later(w);
	else if (!op->result)
		puts("watching");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct watch w = {.command = argc > 2 ? argv[2] : "echo something has changed",
	                  .runs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("watch", rc);
	proa_watch(proa_root(loop), &w.op, argc > 1 ? argv[1] : ".", PROA_WATCH_TREE, on_change);
	proa_run(loop);
	rc = w.op.result < 0 && w.op.result != -PROA_ECANCELED;
	return proa_loop_close(&loop, 0) < 0 || rc;
}
