/* Both kinds of list, each against what an array would say. */
/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "base/rng.h"
#include "base/util.h"
#include "test.h"

#include <string.h>

enum { ITEMS = 12, STEPS = 20000 };

TEST(list_order)
{
	px_node n[4] = {{0}};
	px_list list;

	px_list_init(&list);
	CHECK(px_list_empty(&list) && !px_list_first(&list) && !px_list_last(&list));
	CHECK(px_list_pop_front(&list) == NULL);
	px_list_push_back(&list, &n[1]);
	px_list_push_back(&list, &n[2]);
	px_list_push_front(&list, &n[0]);
	CHECK(px_list_first(&list) == &n[0] && px_list_last(&list) == &n[2]);
	CHECK(px_list_next(&list, &n[0]) == &n[1]);
	CHECK(px_list_next(&list, &n[2]) == NULL);
	CHECK(px_list_count(&list) == 3);
	px_list_remove(&n[1]);
	px_list_remove(&n[1]); /* twice is harmless */
	CHECK(!px_node_linked(&n[1]) && px_node_linked(&n[0]));
	CHECK(px_list_pop_front(&list) == &n[0]);
	CHECK(px_list_pop_front(&list) == &n[2]);
	CHECK(px_list_empty(&list));
}

TEST(list_splice)
{
	px_node n[4] = {{0}};
	px_list a, b;

	px_list_init(&a);
	px_list_init(&b);
	px_list_splice_back(&a, &b);
	CHECK(px_list_empty(&a));
	px_list_push_back(&b, &n[0]);
	px_list_push_back(&b, &n[1]);
	px_list_splice_back(&a, &b);
	CHECK(px_list_empty(&b) && px_list_count(&a) == 2);
	px_list_push_back(&b, &n[2]);
	px_list_push_back(&b, &n[3]);
	px_list_splice_back(&a, &b);
	for (unsigned i = 0; i < 4; i++)
		CHECK(px_list_pop_front(&a) == &n[i]);
	CHECK(px_list_empty(&a));
}

TEST(ring_order)
{
	px_node n[3] = {{0}};
	px_node *ring = NULL;

	CHECK(!px_ring_first(ring) && !px_ring_last(ring) && !px_ring_pop(&ring));
	px_ring_push(&ring, &n[1]);
	CHECK(px_ring_first(ring) == &n[1] && px_ring_last(ring) == &n[1]);
	CHECK(px_node_linked(&n[1]) && px_ring_next(ring, &n[1]) == NULL);
	px_ring_push(&ring, &n[2]);
	px_ring_push_front(&ring, &n[0]);
	CHECK(px_ring_first(ring) == &n[0] && px_ring_last(ring) == &n[2]);
	CHECK(px_ring_next(ring, &n[0]) == &n[1] && px_ring_next(ring, &n[2]) == NULL);
	px_ring_remove(&ring, &n[0]);
	CHECK(px_ring_first(ring) == &n[1]);
	px_ring_remove(&ring, &n[2]);
	CHECK(px_ring_last(ring) == &n[1]);
	px_ring_remove(&ring, &n[1]);
	CHECK(ring == NULL && !px_node_linked(&n[1]));
}

TEST(ring_splice)
{
	px_node n[4] = {{0}};
	px_node *a = NULL, *b = NULL;

	px_ring_splice_back(&a, &b);
	CHECK(!a);
	px_ring_push(&b, &n[0]);
	px_ring_push(&b, &n[1]);
	px_ring_splice_back(&a, &b);
	CHECK(!b && px_ring_first(a) == &n[0]);
	px_ring_push(&b, &n[2]);
	px_ring_push(&b, &n[3]);
	px_ring_splice_back(&a, &b);
	CHECK(!b && px_ring_last(a) == &n[3]);
	for (unsigned i = 0; i < 4; i++)
		CHECK(px_ring_pop(&a) == &n[i]);
	CHECK(!a);
}

/* What the ring should hold, in order. */
typedef struct model {
	px_node nodes[ITEMS];
	px_node *order[ITEMS];
	unsigned count;
	px_node *ring;
} model;

static bool model_agrees(const model *m)
{
	unsigned i = 0;

	for (px_node *n = px_ring_first(m->ring); n; n = px_ring_next(m->ring, n))
		if (i == m->count || m->order[i++] != n)
			return false;
	return i == m->count;
}

static void model_remove(model *m, px_node *node)
{
	unsigned i = 0;

	while (m->order[i] != node)
		i++;
	m->count--;
	memmove(&m->order[i], &m->order[i + 1], (m->count - i) * sizeof m->order[0]);
	px_ring_remove(&m->ring, node);
}

TEST(ring_agrees_with_a_model)
{
	model m = {.count = 0};
	px_rng rng;

	px_rng_init(&rng, 3);
	for (unsigned i = 0; i < STEPS; i++) {
		px_node *node = &m.nodes[px_rng_below(&rng, ITEMS)];

		if (px_node_linked(node)) {
			model_remove(&m, node);
		} else {
			m.order[m.count++] = node;
			px_ring_push(&m.ring, node);
		}
		CHECK(model_agrees(&m));
	}
}
