/* proa copy: the bar on a terminal, drawn ten times a second. */
/* SPDX-License-Identifier: MIT */
#include "copy.h"
#include "host.h"

#include <inttypes.h>
#include <stdio.h>

#define BAR     30 /* characters */
#define TICK_NS (PROA_SEC / 10)

/* As long as the walk goes on nobody knows what is to come, so the bar may go back. */
static int bar_filled(const copy *c)
{
	double all = (double)c->bytes_found + (double)c->files_found * 4096;
	double done = (double)c->bytes + (double)c->files * 4096;

	return all > 0 && done < all ? (int)(done * BAR / all) : BAR;
}

static void bar_draw(const copy *c)
{
	int filled = bar_filled(c);

	fprintf(stderr, "\r[%.*s%.*s] %" PRIu64 " of %" PRIu64 " files, %.1f of %.1f MB ", filled,
	        "##############################", BAR - filled, "..............................",
	        c->files, c->files_found, (double)c->bytes / 1e6, (double)c->bytes_found / 1e6);
	fflush(stderr);
}

static void on_tick(proa_op *op)
{
	copy *c = PROA_OF(op, copy, tick);

	if (op->result < 0)
		return; /* the loop closes */
	bar_draw(c);
	proa_timer(proa_root(c->loop), op, proa_in(c->loop, TICK_NS), on_tick);
}

void copy_bar_begin(copy *c)
{
	c->bar = cli_host_is_terminal();
	if (!c->bar)
		return;
	c->tick.want = PROA_BACKGROUND;
	proa_timer(proa_root(c->loop), &c->tick, proa_in(c->loop, TICK_NS), on_tick);
}

void copy_bar_end(copy *c)
{
	if (!c->bar)
		return;
	bar_draw(c);
	fprintf(stderr, "\n");
}
