/* dns NAME...: the addresses of each, all asked for at once; and what the first calls itself. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

enum { MOST = 16 };

struct asked {
	proa_op op;
	proa_resolve_request names;
	proa_reverse_request back;
};

static int unanswered;

static void on_name(proa_op *op)
{
	struct asked *a = PROA_OF(op, struct asked, op);

	if (op->result > 0)
		printf("%s: calls itself %s\n", a->names.name, a->back.name);
}

static void on_addresses(proa_op *op)
{
	struct asked *a = PROA_OF(op, struct asked, op);
	char text[PROA_ADDR_TEXT];

	if (op->result < 0) {
		printf("%s: %s\n", a->names.name, proa_err_text((int)op->result));
		unanswered++;
		return;
	}
	for (unsigned i = 0; i < a->names.n; i++)
		if (proa_addr_print(&a->names.addr[i], text, sizeof text) > 0)
			printf("%s: %s\n", a->names.name, text);
	a->back.addr = a->names.addr[0];
	proa_reverse(proa_op_handle(op), op, &a->back, on_name);
}

int main(int argc, char **argv)
{
	static struct asked asked[MOST];
	proa_loop *loop;
	int rc;

	if (argc < 2 || argc > MOST + 1) {
		fprintf(stderr, "usage: dns NAME... (%d at most)\n", MOST);
		return 2;
	}
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return say_error("dns", rc);
	for (int i = 1; i < argc; i++) {
		struct asked *a = &asked[i - 1];

		a->names.name = argv[i];
		a->op.deadline_ns = proa_in(loop, 5 * PROA_SEC);
		proa_resolve(proa_root(loop), &a->op, &a->names, on_addresses);
	}
	proa_run(loop); /* until nothing is asked any more */
	proa_loop_close(&loop, proa_in(loop, PROA_SEC));
	return unanswered > 0;
}
