/* The queue's order and its wake-up promise, on one thread; on many, see the post tests. */
/* SPDX-License-Identifier: MIT */
#include "base/mpsc.h"

#include "test.h"

TEST(mpsc_order_and_first)
{
	px_mpsc q = {NULL};
	px_mpsc_node n[3];
	px_mpsc_node *node;

	CHECK(px_mpsc_empty(&q) && px_mpsc_take_all(&q) == NULL);
	CHECK(px_mpsc_push(&q, &n[0]));
	CHECK(!px_mpsc_push(&q, &n[1]));
	CHECK(!px_mpsc_push(&q, &n[2]));
	CHECK(!px_mpsc_empty(&q));
	node = px_mpsc_take_all(&q);
	for (unsigned i = 0; i < 3; i++, node = node->next)
		CHECK(node == &n[i]);
	CHECK(node == NULL && px_mpsc_empty(&q));
	CHECK(px_mpsc_push(&q, &n[1]));
	CHECK(px_mpsc_take_all(&q) == &n[1] && n[1].next == NULL);
}
