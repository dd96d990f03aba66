/* Intrusive circular lists: one node type, two kinds of head (a node, or one pointer). */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BASE_LIST_H
#define PX_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The struct of `type` whose `member` lies at `ptr`. */
#define PX_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A node outside every list has both pointers NULL, as all-zero memory has, so that "is it linked"
 * can be asked, and asserted, of any node. Inside a list, neither is ever NULL. */
typedef struct px_node {
	struct px_node *next;
	struct px_node *prev;
} px_node;

static inline bool px_node_linked(const px_node *node)
{
	return node->next != NULL;
}

/* Internal: makes before -> node -> after out of before -> after. */
static inline void px_node_insert(px_node *before, px_node *node, px_node *after)
{
	node->prev = before;
	node->next = after;
	before->next = node;
	after->prev = node;
}

/* ---- px_list: the head is a node, which never moves while the list is in use ----
 *
 * The head belongs to the circle. So a node can be removed without knowing its list, two whole
 * lists join in O(1), and an empty list is a head which points at itself: unlike a ring's head, a
 * list's must be initialised before use. */
typedef px_node px_list;

static inline void px_list_init(px_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool px_list_empty(const px_list *list)
{
	return list->next == list;
}

static inline void px_list_push_back(px_list *list, px_node *node)
{
	px_node_insert(list->prev, node, list);
}

static inline void px_list_push_front(px_list *list, px_node *node)
{
	px_node_insert(list, node, list->next);
}

/* From whichever px_list it is in; harmless on a node which is in none. */
static inline void px_list_remove(px_node *node)
{
	if (!node->next)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = NULL;
	node->prev = NULL;
}

/* NULL if the list is empty. */
static inline px_node *px_list_first(const px_list *list)
{
	return list->next == list ? NULL : list->next;
}

static inline px_node *px_list_last(const px_list *list)
{
	return list->prev == list ? NULL : list->prev;
}

/* The one after `node`, NULL at the end. */
static inline px_node *px_list_next(const px_list *list, const px_node *node)
{
	return node->next == list ? NULL : node->next;
}

static inline px_node *px_list_pop_front(px_list *list)
{
	px_node *node = px_list_first(list);

	if (node)
		px_list_remove(node);
	return node;
}

/* Moves all of `from`, in its order, behind the last of `to`; `from` is empty afterwards. */
static inline void px_list_splice_back(px_list *to, px_list *from)
{
	if (px_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	px_list_init(from);
}

static inline size_t px_list_count(const px_list *list)
{
	size_t n = 0;

	for (const px_node *node = list->next; node != list; node = node->next)
		n++;
	return n;
}

/* ---- a ring: the head is one pointer, NULL when empty ----
 *
 * For FIFOs inside structs which must stay small: 8 bytes, valid when all zero, and the owner may
 * be moved. The head points at the first node and the first node's prev is the last. The price is
 * that removal has to be told the head, because it may have to move it. */

static inline px_node *px_ring_first(px_node *head)
{
	return head;
}

static inline px_node *px_ring_last(px_node *head)
{
	return head ? head->prev : NULL;
}

/* The one after `node`, NULL at the end. */
static inline px_node *px_ring_next(const px_node *head, const px_node *node)
{
	return node->next == head ? NULL : node->next;
}

/* At the back. */
static inline void px_ring_push(px_node **head, px_node *node)
{
	if (*head) {
		px_node_insert((*head)->prev, node, *head);
		return;
	}
	node->next = node;
	node->prev = node;
	*head = node;
}

static inline void px_ring_push_front(px_node **head, px_node *node)
{
	px_ring_push(head, node);
	*head = node;
}

/* `node` must be in this ring or in none (then nothing happens). */
static inline void px_ring_remove(px_node **head, px_node *node)
{
	if (!node->next)
		return;
	if (*head == node)
		*head = node->next == node ? NULL : node->next;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = NULL;
	node->prev = NULL;
}

/* NULL if the ring is empty. */
static inline px_node *px_ring_pop(px_node **head)
{
	px_node *node = *head;

	if (node)
		px_ring_remove(head, node);
	return node;
}

/* Moves all of `from`, in its order, behind the last of `to`; `from` is empty afterwards. */
static inline void px_ring_splice_back(px_node **to, px_node **from)
{
	px_node *last;

	if (!*from)
		return;
	if (!*to) {
		*to = *from;
		*from = NULL;
		return;
	}
	last = (*from)->prev;
	(*to)->prev->next = *from;
	(*from)->prev = (*to)->prev;
	last->next = *to;
	(*to)->prev = last;
	*from = NULL;
}

#endif
