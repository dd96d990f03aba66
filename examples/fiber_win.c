/* Stacks to switch between, by Windows' fibers. */
/* SPDX-License-Identifier: MIT */
#include "fiber.h"
#include <windows.h>

#include <stdlib.h>

enum { STACK = 64 * 1024 };

struct fiber {
	void *os;
	void (*fn)(void *);
	void *arg;
};

static fiber *fiber_alloc(void)
{
	fiber *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	return f;
}

static fiber *fiber_ready(fiber *f)
{
	if (!f->os)
		abort();
	return f;
}

fiber *fiber_here(void)
{
	fiber *f = fiber_alloc();

	f->os = ConvertThreadToFiber(NULL);
	return fiber_ready(f);
}

static void WINAPI fiber_main(void *p)
{
	fiber *f = p;

	f->fn(f->arg);
	abort();
}

fiber *fiber_new(void (*fn)(void *), void *arg)
{
	fiber *f = fiber_alloc();

	f->fn = fn;
	f->arg = arg;
	f->os = CreateFiber(STACK, fiber_main, f);
	return fiber_ready(f);
}

void fiber_switch(fiber *from, fiber *to)
{
	(void)from; /* the thread knows it */
	SwitchToFiber(to->os);
}

void fiber_free(fiber *f)
{
	DeleteFiber(f->os);
	free(f);
}
