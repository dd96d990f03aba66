/* A lock-free intrusive queue: any thread pushes, one takes everything. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_MPSC_H
#define PX_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct px_mpsc_node {
	struct px_mpsc_node *next;
} px_mpsc_node;

/* Valid when all zero. A stack, because one compare-and-swap then does, and because nothing is
 * ever taken from it but the whole: a node cannot leave and return between a pusher's load and
 * its exchange while the rest stays, so the ABA problem has no place. */
typedef struct px_mpsc {
	_Atomic(px_mpsc_node *) head;
} px_mpsc;

/* Any thread. The node belongs to the queue until it is taken; what the pusher wrote before
 * happens before the taker reads. True if the queue was empty: exactly one push after each take
 * sees that, and it is the one that has to wake the taker. Afterwards the node may be gone. */
static inline bool px_mpsc_push(px_mpsc *q, px_mpsc_node *node)
{
	px_mpsc_node *head = atomic_load_explicit(&q->head, memory_order_relaxed);

	do
		node->next = head;
	while (!atomic_compare_exchange_weak_explicit(&q->head, &head, node, memory_order_release,
	                                              memory_order_relaxed));
	return head == NULL;
}

/* Any thread; out of date as soon as it is known. */
static inline bool px_mpsc_empty(px_mpsc *q)
{
	return atomic_load_explicit(&q->head, memory_order_acquire) == NULL;
}

/* One thread. All nodes, chained by `next`, NULL if there are none. Turned round, so each thread's
 * nodes come in the order in which it pushed them. */
static inline px_mpsc_node *px_mpsc_take_all(px_mpsc *q)
{
	px_mpsc_node *node = atomic_exchange_explicit(&q->head, NULL, memory_order_acquire);
	px_mpsc_node *first = NULL, *next;

	for (; node; node = next) {
		next = node->next;
		node->next = first;
		first = node;
	}
	return first;
}

#endif
