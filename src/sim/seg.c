/* Bytes on their way, in pieces of a few sizes that are used again and again. */
/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

static const size_t class_bytes[PX_SEG_CLASSES] = {64, 256, 1024, 4096, 16384, PX_SEG_ROOM};

static unsigned class_of(size_t len)
{
	unsigned c = 0;

	while (c < PX_SEG_CLASSES && class_bytes[c] < len)
		c++;
	px_assert(c < PX_SEG_CLASSES);
	return c;
}

void px_sim_segs_init(px_world *w)
{
	for (unsigned c = 0; c < PX_SEG_CLASSES; c++)
		px_slab_init(&w->slab_seg[c], &w->alloc, sizeof(px_simseg) + class_bytes[c], 0);
}

px_simseg *px_sim_seg_new(px_world *w, unsigned what, size_t len)
{
	unsigned c = class_of(len);
	px_simseg *seg = px_slab_alloc(&w->slab_seg[c]);

	if (!seg)
		return NULL;
	seg->next = NULL;
	seg->arrives_ns = 0;
	seg->len = (uint32_t)len;
	seg->at = 0;
	seg->what = (uint8_t)what;
	seg->class = (uint8_t)c;
	return seg;
}

void px_sim_seg_free(px_world *w, px_simseg *seg)
{
	px_slab_free(&w->slab_seg[seg->class], seg);
}

void px_sim_segs_push(px_simsegs *q, px_simseg *seg)
{
	seg->next = NULL;
	if (q->tail)
		q->tail->next = seg;
	else
		q->head = seg;
	q->tail = seg;
	q->bytes += seg->len - seg->at;
}

px_simseg *px_sim_segs_pop(px_simsegs *q)
{
	px_simseg *seg = q->head;

	if (!seg)
		return NULL;
	q->head = seg->next;
	if (!q->head)
		q->tail = NULL;
	q->bytes -= seg->len - seg->at;
	return seg;
}

void px_sim_segs_free(px_world *w, px_simsegs *q)
{
	px_simseg *seg;

	while ((seg = px_sim_segs_pop(q)))
		px_sim_seg_free(w, seg);
}
