/* Stacks to switch between, by ucontext. */
/* SPDX-License-Identifier: MIT */
#include "fiber.h"
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

enum { STACK = 64 * 1024 };

struct fiber {
	ucontext_t ctx;
	void (*fn)(void *);
	void *arg;
	char stack[];
};

static fiber *fiber_alloc(size_t stack)
{
	fiber *f = calloc(1, sizeof *f + stack);

	if (!f)
		abort();
	return f;
}

fiber *fiber_here(void)
{
	return fiber_alloc(0);
}

/* makecontext passes ints only: the pointer comes in halves. */
static void fiber_main(unsigned high, unsigned low)
{
	fiber *f = (fiber *)(uintptr_t)((uint64_t)high << 32 | low);

	f->fn(f->arg);
	abort();
}

fiber *fiber_new(void (*fn)(void *), void *arg)
{
	fiber *f = fiber_alloc(STACK);
	uint64_t self = (uintptr_t)f;

	f->fn = fn;
	f->arg = arg;
	getcontext(&f->ctx);
	f->ctx.uc_stack.ss_sp = f->stack;
	f->ctx.uc_stack.ss_size = STACK;
	makecontext(&f->ctx, (void (*)(void))fiber_main, 2, (unsigned)(self >> 32), (unsigned)self);
	return f;
}

void fiber_switch(fiber *from, fiber *to)
{
	swapcontext(&from->ctx, &to->ctx);
}

void fiber_free(fiber *f)
{
	free(f);
}
