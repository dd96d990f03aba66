/* The edges of a handle's life: bind, open, idle, close, told. */
/* SPDX-License-Identifier: MIT */
#include "op/backend.h"
#include "op/op.h"
#include "op/pool.h"
#include "sys/sys.h"

void px_handle_bind(px_handle *owner, px_handle *h)
{
	if (h->state != PX_H_FREE)
		PX_PANIC("proa_handle_init of a handle that is in use (or was not all zero)");
	if (owner->state == PX_H_FREE)
		PX_PANIC("proa_handle_init with an owner that is not initialised, or is closed");
	px_core_enter(px_handle_core(owner));
	h->kind = PX_HANDLE_TAG | PROA_NONE;
	h->state = PX_H_INIT;
	h->core = owner->core;
	h->owner = owner;
	h->fd = -1;
	px_ring_push(&owner->owned, &h->link);
	if (px_handle_closing(owner))
		px_handle_close(h, NULL);
}

void px_handle_open(px_handle *h, int fd, proa_kind kind)
{
	px_core *core = px_handle_core(h);

	px_assert(h->state == PX_H_INIT && h->fd < 0);
	h->kind = (uint8_t)(PX_HANDLE_TAG | kind);
	h->state = PX_H_OPEN;
	h->fd = fd;
	px_count(&core->stat.handles);
	if (core->ops->attach)
		core->ops->attach(core, h);
}

static void tty_close(int fd)
{
	px_tty_forget(fd);
	px_file_close(fd);
}

static void fd_close(px_core *core, const px_handle *h)
{
	if (px_handle_kind(h) == PROA_FOREIGN)
		return; /* its library does */
	if (px_handle_is_socket(h))
		px_sock_close(h->fd, (h->flags & PX_HF_ABORT) != 0);
	else if (px_handle_kind(h) == PROA_TTY)
		tty_close(h->fd);
	else
		px_file_close(h->fd);
	px_count(&core->stat.system_calls);
}

/* The descriptor goes; what the handle owns stays. */
static void handle_release_fd(px_core *core, px_handle *h)
{
	if (h->fd < 0)
		return;
	if (core->ops->detach)
		core->ops->detach(core, h);
	fd_close(core, h);
	px_count_add(&core->stat.handles, UINT64_MAX); /* minus one */
	h->fd = -1;
}

void px_handle_unopen(px_handle *h)
{
	px_assert(h->state == PX_H_CONNECTING);
	handle_release_fd(px_handle_core(h), h);
	h->kind = PX_HANDLE_TAG | PROA_NONE;
	h->state = PX_H_INIT;
	h->flags &= PX_HF_WATCHED | PX_HF_PRESET;
}

/* The descriptor changes hands, with nothing of it in flight. */
void px_handle_move(px_handle *from, px_handle *to)
{
	px_core *core = px_handle_core(from);
	int fd = from->fd;
	proa_kind kind = (proa_kind)(from->kind & ~PX_HANDLE_TAG);

	px_assert(from->state == PX_H_OPEN && !from->in && !from->out);
	if (core->ops->detach)
		core->ops->detach(core, from);
	px_count_add(&core->stat.handles, UINT64_MAX); /* minus one */
	from->fd = -1;
	from->kind = PX_HANDLE_TAG | PROA_NONE;
	from->state = PX_H_INIT;
	from->flags &= PX_HF_WATCHED | PX_HF_PRESET;
	px_handle_open(to, fd, kind);
}

/* ---- idle ---- */

void px_handle_moved(px_core *core, px_handle *h)
{
	if (h->state != PX_H_CLOSING)
		h->moved_ms = px_ms(core);
}

void px_handle_idle_begins(px_handle *h)
{
	if (h->state != PX_H_CLOSING)
		h->moved_ms = (uint32_t)((uint64_t)px_sys_now_ns() / 1000000u);
}

/* Something waits for the peer: not for a buffer, and not for a look at what has come already. */
static bool waits_for_peer(px_handle *h, int dir)
{
	px_op *op = px_queue_head(h, dir);

	if (!op || op->state != PX_INFLIGHT)
		return false;
	if (op->kind == PX_RECV_MANY && px_quota_full(op->args.pooled.quota))
		return false; /* whether or not its engine has found out */
	return !(op->flags & (PX_F_PARKED | PX_F_PAUSED | PX_F_QUOTA | PX_F_LISTED));
}

bool px_handle_waits(px_handle *h)
{
	return waits_for_peer(h, PX_DIR_IN) || waits_for_peer(h, PX_DIR_OUT);
}

static void queue_time_out(px_handle *h, int dir)
{
	px_op *op = px_queue_head(h, dir);
	px_node **ring = px_queue(h, dir);

	/* Those with the backend last: their end starts the next. Of several, none ends here. */
	if (!op)
		return;
	for (px_op *last = px_op_linked(px_ring_last(*ring));
	     last != op && last->state == PX_WAITING; last = px_op_linked(px_ring_last(*ring)))
		px_op_cancel(last, PX_F_TIMEOUT);
	for (px_node *node = px_ring_last(*ring); node != &op->link; node = node->prev)
		px_op_cancel(px_op_linked(node), PX_F_TIMEOUT);
	px_op_cancel(op, PX_F_TIMEOUT);
}

void px_handle_idle_due(px_handle *h)
{
	px_core *core = px_handle_core(h);
	int32_t still = (int32_t)(px_ms(core) - h->moved_ms); /* < 0: begun after now was read */
	bool waits = px_handle_waits(h);
	uint32_t left = h->idle_ms;

	px_assert(!px_handle_closing(h));
	if (still < (int32_t)h->idle_ms) {
		left = (uint32_t)((int32_t)h->idle_ms - still);
	} else if (waits) {
		queue_time_out(h, PX_DIR_IN);
		queue_time_out(h, PX_DIR_OUT);
	} else {
		h->moved_ms = px_ms(core);
	}
	px_wheel_add(&core->idles, &h->idle,
	             ((uint64_t)core->now_ns + ((uint64_t)left + 1) * 1000000u) >> PX_TICK_SHIFT);
}

/* ---- close ---- */

static void item_ask(px_node *node)
{
	px_item *item = PX_OF(node, px_item, link);

	if (item->tag & PX_HANDLE_TAG)
		px_handle_close(PX_OF(node, px_handle, link), NULL);
	else
		px_op_cancel(px_op_linked(node), PX_F_CANCEL);
}

/* Asks each member once to end. Asking one may remove it, and others with it: so the ring is
 * turned, and only its head, which is always true, is looked at. Asking twice is harmless. */
static void ring_ask(px_node **ring)
{
	size_t n = 0;

	for (px_node *node = px_ring_first(*ring); node; node = px_ring_next(*ring, node))
		n++;
	for (; n && *ring; n--) {
		px_node *node = *ring;

		*ring = node->next;
		item_ask(node);
	}
}

/* A root's timers, which the wheel has and no ring: there may be a million, in no order of their
 * memory, and two neighbours more to be fetched for each would be half of what one costs. */
static void timer_ask(px_node *node, void *root)
{
	px_op *op = PX_OF(node, px_op, timer);

	if (op->kind == PX_TIMER && op->handle == root)
		px_op_cancel(op, PX_F_CANCEL);
}

void px_handle_close(px_handle *h, proa_closed *closed)
{
	px_core *core;

	if (h->state == PX_H_FREE)
		PX_PANIC("a handle was closed that is not initialised, or is closed already");
	core = px_handle_core(h);
	px_core_enter(core);
	if (px_handle_closing(h)) {
		if (!h->closed) /* closed by its owner before: whom to tell is still open */
			h->closed = closed;
		return;
	}
	px_wheel_del(&core->idles, &h->idle);
	h->state = PX_H_CLOSING;
	if (!(h->flags & PX_HF_PRESET))
		h->closed = closed;
	core->active++;
	ring_ask(&h->in);
	ring_ask(&h->out);
	ring_ask(&h->owned);
	if (!h->owner)
		px_wheel_each(&core->deadlines, timer_ask, h);
	if (px_handle_kind(h) == PROA_FOREIGN)
		handle_release_fd(core, h); /* its library may close it as soon as we return */
	px_handle_check(h);
}

void px_handle_check(px_handle *h)
{
	px_core *core;

	if (h->state != PX_H_CLOSING || h->in_flight || h->owned)
		return;
	core = px_handle_core(h);
	px_assert(!h->in && !h->out);
	handle_release_fd(core, h);
	h->state = PX_H_CLOSED;
	if (h->owner) {
		px_ring_remove(&h->owner->owned, &h->link);
		h->owner->in_flight++;
	}
	px_list_push_back(&core->closed, &h->link);
}

void px_handle_told(px_handle *h)
{
	px_core *core = px_handle_core(h);
	void *user = h->user;

	px_assert(h->state == PX_H_CLOSED && !h->in_flight && !h->owned);
	px_list_remove(&h->link);
	core->active--;
	if (h->owner)
		h->owner->in_flight--;
	*h = (px_handle){.user = user};
}
