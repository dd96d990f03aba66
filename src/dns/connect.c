/* Connecting to a name: resolve, then race the addresses, as RFC 8305 (happy eyeballs) has it. */
/* SPDX-License-Identifier: MIT */
#include "dns/race.h"
#include "op/core.h"
#include "proa/dns.h"
#include "sys/sys.h"

#include <string.h>

enum { ADDRS = PX_COUNT(((proa_resolve_request *)0)->addr) };
#define APART_NS (250 * PROA_MSEC) /* RFC 8305, section 8: the recommended delay of attempts */

typedef struct race race;

typedef struct attempt {
	px_handle h; /* owned by race.owner */
	proa_op op;
	race *race;
} attempt;

/* A race under way, from the loop's allocator. Its own handle is owned by the user's, and owns
 * everything else here; when that close is told, nothing can come any more and the memory goes
 * back. */
struct race {
	px_handle owner;
	px_core *core;
	px_op *op; /* the user's; NULL: it has ended, what still comes is ignored */
	proa_op resolve, timer;
	int64_t next_at_ns; /* when the next attempt is due; the timer may be armed for earlier */
	unsigned next, running;
	proa_resolve_request request;
	attempt attempts[ADDRS];
};

/* Neighbours of one family move apart, as far as there are others; otherwise the resolver's order
 * stays. */
void px_addrs_interleave(proa_addr *a, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		unsigned j = i;
		proa_addr other;

		while (j < n && a[j].family == a[i - 1].family)
			j++;
		if (j == n)
			return;
		other = a[j];
		memmove(&a[i + 1], &a[i], (j - i) * sizeof *a);
		a[i] = other;
	}
}

/* ---- the end ---- */

static void race_closed(proa_handle *owner)
{
	race *r = PX_OF(owner, race, owner);

	px_free(&r->core->alloc, r, sizeof *r);
}

/* What was submitted meanwhile goes on, or ends as the connect did. */
static void handle_settle(px_handle *h, px_handle *winner, int64_t result, int32_t sys_error)
{
	if (h->state != PX_H_CONNECTING)
		return; /* closing: the close deals with the rest */
	px_handle_unopen(h);
	if (winner) {
		px_handle_move(winner, h);
		px_queue_advance(h, PX_DIR_IN);
		px_queue_advance(h, PX_DIR_OUT);
	} else {
		px_queue_fail(h, PX_DIR_IN, result, sys_error);
		px_queue_fail(h, PX_DIR_OUT, result, sys_error);
	}
}

static void race_end(race *r, px_handle *winner, int64_t result, int32_t sys_error)
{
	px_op *op = r->op;

	r->op = NULL;
	px_op_finish(op, result, 0, sys_error);
	handle_settle(op->handle, winner, op->result, sys_error);
	px_handle_close(&r->owner, NULL);
}

static void race_cancel(px_core *core, px_op *op)
{
	PX_UNUSED(core);
	race_end(op->args.engine.a, NULL, -PROA_ECANCELED, 0);
}

/* ---- attempts ---- */

static void attempt_start(race *r);

/* A failure does not wait for the next one's time. The last one's error is told: the others have
 * failed before it. */
static void attempt_done(proa_op *op)
{
	attempt *a = PX_OF(op, attempt, op);
	race *r = a->race;

	r->running--;
	if (!r->op)
		return;
	if (op->result == 0)
		race_end(r, &a->h, 0, 0);
	else if (r->next < r->request.n)
		attempt_start(r);
	else if (r->running == 0)
		race_end(r, NULL, op->result, op->sys_error);
}

static void timer_done(proa_op *op)
{
	race *r = PX_OF(op, race, timer);

	if (!r->op || r->next == r->request.n)
		return;
	if (r->next_at_ns > r->core->now_ns)
		proa_timer(px_handle_pub(&r->owner), &r->timer, r->next_at_ns, timer_done);
	else
		attempt_start(r);
}

static void attempt_start(race *r)
{
	attempt *a = &r->attempts[r->next];

	a->race = r;
	r->running++;
	a->op.want = r->resolve.want;
	px_handle_bind(&r->owner, &a->h);
	proa_connect(px_handle_pub(&a->h), &a->op, &r->request.addr[r->next], attempt_done);
	r->next++;
	/* From this very moment: core->now_ns may be as old as a long callback. */
	r->next_at_ns = px_add_sat(px_system_clock(r->core->system, r->core->place), APART_NS);
	if (r->next < r->request.n && !proa_in_flight(&r->timer))
		proa_timer(px_handle_pub(&r->owner), &r->timer, r->next_at_ns, timer_done);
}

static void resolve_done(proa_op *op)
{
	race *r = PX_OF(op, race, resolve);

	if (!r->op)
		return;
	if (op->result < 0) {
		race_end(r, NULL, op->result, op->sys_error);
		return;
	}
	px_addrs_interleave(r->request.addr, r->request.n);
	attempt_start(r);
}

/* ---- submit ---- */

static race *race_new(px_core *core, px_op *op)
{
	race *r = px_zalloc(&core->alloc, sizeof *r);

	if (!r)
		return NULL;
	r->core = core;
	r->op = op;
	r->resolve.want = r->timer.want = op->want; /* in the background, if it is */
	px_handle_bind(op->handle, &r->owner);
	r->owner.flags |= PX_HF_PRESET;
	r->owner.closed = race_closed;
	return r;
}

/* The op under way, with nothing asked yet; NULL: it has ended. */
static race *race_begin(proa_handle *handle, proa_op *pub, proa_done *done)
{
	static const px_engine engine = {.cancel = race_cancel};
	px_op *op = px_op_begin(handle, pub, PX_CONNECT_NAME, done);
	px_handle *h = op->handle;
	race *r;

	if (px_op_refused(op))
		return NULL;
	if (h->state != PX_H_INIT) {
		px_op_finish(op, h->state == PX_H_OPEN ? -PROA_EISCONN : -PROA_EALREADY, 0, 0);
		return NULL;
	}
	if (!(r = race_new(px_handle_core(h), op))) {
		px_op_finish(op, -PROA_ENOMEM, 0, 0);
		return NULL;
	}
	px_op_engine(op, &engine, r, NULL);
	h->state = PX_H_CONNECTING;
	return r;
}

void proa_connect_name(proa_handle *handle, proa_op *op, const char *name, const char *service,
                       proa_done *done)
{
	race *r = race_begin(handle, op, done);

	if (!r)
		return;
	r->request.name = name;
	r->request.service = service;
	proa_resolve(px_handle_pub(&r->owner), &r->resolve, &r->request, resolve_done);
}

void px_connect_addrs(proa_handle *handle, proa_op *op, const proa_addr *addrs, unsigned n,
                      proa_done *done)
{
	race *r = race_begin(handle, op, done);

	px_assert(n >= 1 && n <= ADDRS);
	if (!r)
		return;
	memcpy(r->request.addr, addrs, n * sizeof *addrs);
	r->request.n = n;
	attempt_start(r);
}
