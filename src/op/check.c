/* The checker: an account of ops and handles, kept apart from the library's own. */
/* SPDX-License-Identifier: MIT */
#include "op/check.h"

#include "op/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TABLE_FIRST = 64, TEXT = 200 };

/* ---- tables: open addressing, at most half full ---- */

static size_t slot_home(const px_check_table *t, const void *key)
{
	return (size_t)px_mix((uint64_t)(uintptr_t)key) & (t->size - 1);
}

static px_checked *table_find(const px_check_table *t, const void *key)
{
	size_t i;

	if (!t->size)
		return NULL;
	for (i = slot_home(t, key); t->slots[i].key; i = (i + 1) & (t->size - 1))
		if (t->slots[i].key == key)
			return &t->slots[i];
	return NULL;
}

static px_checked *table_place(px_check_table *t, const void *key)
{
	size_t i = slot_home(t, key);

	while (t->slots[i].key)
		i = (i + 1) & (t->size - 1);
	t->slots[i] = (px_checked){.key = key};
	t->n++;
	return &t->slots[i];
}

static bool table_room(px_allocator *a, px_check_table *t)
{
	px_check_table old = *t;
	size_t size = old.size ? 2 * old.size : TABLE_FIRST;

	if (2 * (t->n + 1) <= t->size)
		return true;
	*t = (px_check_table){.slots = px_zalloc_array(a, size, sizeof *t->slots), .size = size};
	if (!t->slots) {
		*t = old;
		return false;
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].key)
			*table_place(t, old.slots[i].key) = old.slots[i];
	px_free(a, old.slots, old.size * sizeof *old.slots);
	return true;
}

/* Those behind it move up, so that no search ends at the gap. */
static void table_remove(px_check_table *t, px_checked *entry)
{
	size_t gap = (size_t)(entry - t->slots), i = gap;

	t->n--;
	for (;;) {
		size_t home;

		i = (i + 1) & (t->size - 1);
		if (!t->slots[i].key)
			break;
		home = slot_home(t, t->slots[i].key);
		if (((i - home) & (t->size - 1)) < ((i - gap) & (t->size - 1)))
			continue;
		t->slots[gap] = t->slots[i];
		gap = i;
	}
	t->slots[gap].key = NULL;
}

static px_checked *table_add(proa_checker *c, px_check_table *t, const void *key)
{
	if (!table_room(&c->alloc, t))
		PX_PANIC("the checker is out of memory");
	return table_place(t, key);
}

/* ---- saying it ---- */

__attribute__((format(printf, 3, 4))) static void violation(proa_checker *c, const px_op *op,
                                                            const char *format, ...)
{
	char text[TEXT];
	va_list args;
	int n = 0;

	if (op)
		n = snprintf(text, sizeof text, "%s (result %s, count %lld): ",
		             op->kind < PX_KIND_COUNT ? px_kind_name[op->kind] : "?",
		             proa_err_name(op->result), (long long)op->count);
	va_start(args, format);
	vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	c->violations++;
	if (!c->o.violation)
		px_panic(text, __FILE__, __LINE__);
	c->o.violation(text, c->o.user);
}

/* ---- what is told ---- */

static proa_checker *checker_of(px_tracer *t)
{
	return (proa_checker *)(void *)t;
}

static px_checked *entry_of(proa_checker *c, const px_core *core, const void *key)
{
	px_checked *e = table_find(&c->handles, key);

	if (!e) {
		e = table_add(c, &c->handles, key);
		e->core = core;
	}
	return e;
}

/* The same table knows loops: `seq` of one is how many of its ops are in flight. */
static void counts_compare(proa_checker *c, const px_core *core, const px_op *op, int change)
{
	px_checked *e = entry_of(c, core, core);
	uint64_t here = e->seq += (uint64_t)(int64_t)change, said;

	said = px_in_flight(core);
	if (here != said)
		violation(c, op, "%llu ops are in flight, the loop says %llu",
		          (unsigned long long)here, (unsigned long long)said);
}

/* Who watched the loop before. */
static px_tracer *under(proa_checker *c, const px_core *core)
{
	const px_checked *e = table_find(&c->handles, core);

	return e ? e->under : NULL;
}

static void submitted_here(px_tracer *t, px_core *core, const px_op *op)
{
	proa_checker *c = checker_of(t);
	px_checked *e = table_find(&c->ops, op);

	if (e) {
		violation(c, op, "submitted while it is in flight");
		return;
	}
	e = table_add(c, &c->ops, op);
	e->core = core;
	e->handle = op->handle;
	e->kind = op->kind;
	e->deadline_ns = op->deadline_ns;
	e->seq = ++c->seq;
	entry_of(c, core, op->handle)->seq++;
	counts_compare(c, core, op, 1);
}

/* Of what moves bytes the handle's idle time may have been the reason, which may be off again by
 * now; and a deadline that was moved is not looked at. */
static bool timed_out_early(const px_core *core, const px_op *op, const px_checked *e)
{
	if (!(op->flags & PX_F_TIMEOUT) || px_kind_dir[op->kind] != PX_DIR_NONE)
		return false;
	return op->deadline_ns == e->deadline_ns &&
	       op->deadline_ns > px_system_clock(core->system, core->place);
}

static void error_check(proa_checker *c, const px_core *core, const px_op *op, const px_checked *e)
{
	if (!strcmp(proa_err_name(op->result), "EUNKNOWN"))
		violation(c, op, "an error without a name: %lld", (long long)op->result);
	if (op->result == -PROA_ESYS && !op->sys_error)
		violation(c, op, "an error of the system without its code");
	if (op->result == -PROA_EABORTED && core->system) /* a kernel may do so, a world does not */
		violation(c, op, "ended though nobody asked");
	if (op->result == -PROA_ETIMEDOUT && timed_out_early(core, op, e))
		violation(c, op, "timed out before its deadline");
}

static void success_check(proa_checker *c, const px_core *core, const px_op *op,
                          const px_checked *e)
{
	px_checked *h = table_find(&c->handles, e->handle);
	int dir = px_kind_dir[op->kind];

	if (op->kind == PX_TIMER &&
	    op->args.timer.at_ns > px_system_clock(core->system, core->place))
		violation(c, op, "a timer fired early");
	if (dir == PX_DIR_NONE || !h)
		return;
	if (e->seq < h->last[dir])
		violation(c, op, "overtook an op of the same direction");
	h->last[dir] = e->seq;
}

static void completed_here(px_tracer *t, px_core *core, const px_op *op)
{
	proa_checker *c = checker_of(t);
	px_checked *e = table_find(&c->ops, op), *h;
	bool more = (op->got & PROA_MORE) != 0;

	if (!e) {
		violation(c, op, "completed, but it is not in flight");
		return;
	}
	if (e->kind != op->kind || e->handle != op->handle)
		violation(c, op, "is not what was submitted");
	if (more && !(op->flags & PX_F_MULTI))
		violation(c, op, "MORE of an op that completes once");
	if (op->result < 0)
		error_check(c, core, op, e);
	else
		success_check(c, core, op, e);
	if (more)
		return;
	h = table_find(&c->handles, e->handle);
	if (!h || !h->seq)
		violation(c, op, "an op of a handle that has none");
	else
		h->seq--;
	table_remove(&c->ops, e);
	counts_compare(c, core, op, -1);
}

static void closed_here(px_tracer *t, px_core *core, const px_handle *h)
{
	proa_checker *c = checker_of(t);
	px_checked *e = table_find(&c->handles, h);

	PX_UNUSED(core);
	if (!e)
		return;
	if (e->seq)
		violation(c, NULL, "a close was told with %llu ops in flight on the handle",
		          (unsigned long long)e->seq);
	table_remove(&c->handles, e);
}

static void on_submitted(px_tracer *t, px_core *core, const px_op *op)
{
	px_tracer *u = under(checker_of(t), core);

	submitted_here(t, core, op);
	if (u)
		u->submitted(u, core, op);
}

static void on_completed(px_tracer *t, px_core *core, const px_op *op)
{
	px_tracer *u = under(checker_of(t), core);

	completed_here(t, core, op);
	if (u)
		u->completed(u, core, op);
}

static void on_closed(px_tracer *t, px_core *core, const px_handle *h)
{
	px_tracer *u = under(checker_of(t), core);

	closed_here(t, core, h);
	if (u)
		u->closed(u, core, h);
}

static void on_gone(px_tracer *t, px_core *core)
{
	px_tracer *u = under(checker_of(t), core);

	px_checker_forget(checker_of(t), core);
	if (u)
		u->gone(u, core);
}

/* ---- being there ---- */

int px_checker_init(proa_checker *c, const proa_checker_options *o, const px_allocator *a)
{
	*c = (proa_checker){.o = *o};
	c->tracer = (px_tracer){.submitted = on_submitted,
	                        .completed = on_completed,
	                        .closed = on_closed,
	                        .gone = on_gone};
	c->alloc = *a;
	return table_room(&c->alloc, &c->ops) && table_room(&c->alloc, &c->handles) ? 0
	                                                                            : -PROA_ENOMEM;
}

void px_checker_free(proa_checker *c)
{
	px_free(&c->alloc, c->ops.slots, c->ops.size * sizeof *c->ops.slots);
	px_free(&c->alloc, c->handles.slots, c->handles.size * sizeof *c->handles.slots);
}

static void table_forget(px_check_table *t, const px_core *core)
{
	for (size_t i = 0; i < t->size;)
		if (t->slots[i].key && t->slots[i].core == core)
			table_remove(t, &t->slots[i]); /* another one may be there now */
		else
			i++;
}

bool px_checker_knows(const proa_checker *c, const proa_op *op)
{
	return px_op_of(op)->kind == PX_POST || table_find(&c->ops, op) != NULL;
}

void px_checker_forget(proa_checker *c, const px_core *core)
{
	/* Twice: what moves up may come from behind the end. */
	for (int i = 0; i < 2; i++) {
		table_forget(&c->ops, core);
		table_forget(&c->handles, core);
	}
}

/* One that stands alone. */
static void checker_free(proa_checker *c)
{
	px_allocator a;

	px_checker_free(c);
	a = c->alloc;
	px_free(&a, c, sizeof *c);
}

int proa_checker_open(proa_checker **out, const proa_checker_options *options)
{
	static const proa_checker_options none;
	const proa_checker_options *o = options ? options : &none;
	px_allocator a;
	proa_checker *c;

	*out = NULL;
	if (o->size && o->size != sizeof *o)
		return -PROA_ESIZES;
	px_allocator_init(&a, NULL, NULL);
	if (!(c = px_alloc(&a, sizeof *c)))
		return -PROA_ENOMEM;
	if (px_checker_init(c, o, &a) < 0) {
		checker_free(c);
		return -PROA_ENOMEM;
	}
	*out = c;
	return 0;
}

void proa_checker_watch(proa_checker *c, proa_loop *loop)
{
	px_core *core = px_core_of(loop);
	px_checked *e;

	if (px_in_flight(core))
		PX_PANIC("proa_checker_watch of a loop that has ops in flight");
	px_checker_forget(c, core);
	e = entry_of(c, core, core);
	e->loop = core;
	e->under = core->tracer;
	core->tracer = &c->tracer;
}

uint64_t proa_checker_in_flight(const proa_checker *c)
{
	return c->ops.n;
}

int64_t proa_checker_close(proa_checker **checker)
{
	proa_checker *c = *checker;
	int64_t n;

	if (!c)
		return 0;
	if (c->ops.n)
		violation(c, NULL, "%llu ops never ended", (unsigned long long)c->ops.n);
	n = (int64_t)c->violations;
	for (size_t i = 0; i < c->handles.size; i++) {
		px_checked *e = &c->handles.slots[i];

		if (e->key && e->loop && e->loop->tracer == &c->tracer)
			e->loop->tracer = e->under; /* it goes on without */
	}
	checker_free(c);
	*checker = NULL;
	return n;
}
