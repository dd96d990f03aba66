/* Posts of proa. */
/* SPDX-License-Identifier: MIT */
#include "post.h"
#include "proa.h"

#include <string.h>

const char px_post_name[] = "post_proa";

static struct side {
	proa_loop *loop;
	proa_op messages[PX_POST_MESSAGES];
	proa_op busy;
} sides[2];

bool px_post_open(unsigned side, const px_micro_args *args, int64_t spin_ns)
{
	proa_loop_options options = {
		.backend = args->backend, .stay = true, .spin_ns = (uint32_t)spin_ns};

	memset(&sides[side], 0, sizeof sides[side]);
	if (proa_loop_open(&sides[side].loop, &options) < 0)
		px_bench_fail("proa_loop_open");
	proa_loop_set_user(sides[side].loop, &sides[side]);
	return true;
}

void px_post_run(unsigned side)
{
	proa_run(sides[side].loop);
}

void px_post_stop(unsigned side)
{
	proa_stop(sides[side].loop);
}

void px_post_close(unsigned side)
{
	proa_loop_close(&sides[side].loop, 0);
}

static void message_done(proa_op *op)
{
	struct side *s = proa_loop_user(proa_op_loop(op));

	if (op->result == 0)
		px_post_came((unsigned)(s - sides), (unsigned)(op - s->messages));
}

void px_post_send(unsigned side, unsigned i)
{
	proa_post(sides[side].loop, &sides[side].messages[i], message_done);
}

static void busy_done(proa_op *op)
{
	if (op->result == 0)
		proa_timer(proa_op_handle(op), op, 0, busy_done);
}

void px_post_keep_awake(unsigned side)
{
	proa_timer(proa_root(sides[side].loop), &sides[side].busy, 0, busy_done);
}
