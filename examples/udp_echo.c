/* udp_echo [ADDRESS]: sends each datagram back to where it came from, 16 of them at a time. */
/* SPDX-License-Identifier: MIT */
#include "example.h"

enum { LANES = 16, ROOM = 2048 };

/* One datagram after another: received, sent back from the same memory, received... */
struct lane {
	proa_handle *h;
	proa_op op;
	proa_msg msg;
	char buf[ROOM];
};
struct echo {
	proa_handle h;
	struct lane lane[LANES];
};

static void on_recv(proa_op *);

static void lane_recv(struct lane *l)
{
	l->msg.buf = l->buf;
	l->msg.len = sizeof l->buf;
	proa_recv_msg(l->h, &l->op, &l->msg, on_recv);
}

/* What could not be sent back is lost, as datagrams may be. */
static void on_sent(proa_op *op)
{
	lane_recv(PROA_OF(op, struct lane, op));
}

static void on_recv(proa_op *op)
{
	struct lane *l = PROA_OF(op, struct lane, op);

	if (op->result < 0) {
		say_error("udp_echo", op->result);
		return;
	}
	if (op->got & PROA_TRUNC) { /* longer than our room: no answer is better than half of one */
		lane_recv(l);
		return;
	}
	l->msg.len = (size_t)op->result;
	proa_send_msg(l->h, op, &l->msg, on_sent);
}

static int echo_start(struct echo *e, proa_loop *loop, const char *address)
{
	proa_addr a;
	int rc;

	proa_handle_init(proa_root(loop), &e->h);
	if ((rc = proa_addr_parse(&a, address, 7)) < 0 || (rc = proa_udp_bind(&e->h, &a, NULL)) < 0)
		return rc;
	for (int i = 0; i < LANES; i++) {
		e->lane[i].h = &e->h;
		lane_recv(&e->lane[i]);
	}
	say_where(&e->h);
	return 0;
}

int main(int argc, char **argv)
{
	static struct echo e;
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0)
		return say_error("udp_echo", rc);
	rc = echo_start(&e, loop, argc > 1 ? argv[1] : "127.0.0.1:7777");
	if (rc == 0)
		proa_run(loop);
	proa_loop_close(&loop, 0);
	return rc < 0 ? say_error("udp_echo", rc) : 0;
}
