/* Scratch memory for send_file: a few are kept. */
/* SPDX-License-Identifier: MIT */
#include "backend/scratch.h"

enum { KEEP = 16 };

px_scratch *px_scratch_take(px_core *core, px_scratches *all, px_op *op)
{
	px_scratch *s = op->buf;

	if (s)
		return s;
	s = all->free;
	if (s) {
		all->free = s->next;
		all->n--;
	} else if (!(s = px_alloc(&core->alloc, sizeof *s))) {
		return NULL;
	}
	s->filled = s->sent = 0;
	op->buf = s;
	return s;
}

void px_scratch_give(px_core *core, px_scratches *all, px_op *op)
{
	px_scratch *s = op->buf;

	op->buf = NULL;
	if (!s)
		return;
	if (all->n == KEEP) {
		px_free(&core->alloc, s, sizeof *s);
		return;
	}
	s->next = all->free;
	all->free = s;
	all->n++;
}

void px_scratch_close(px_core *core, px_scratches *all)
{
	px_scratch *s, *next;

	for (s = all->free; s; s = next) {
		next = s->next;
		px_free(&core->alloc, s, sizeof *s);
	}
	*all = (px_scratches){0};
}
