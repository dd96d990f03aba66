/* Stacks to switch between, by the system's fibers. */
/* SPDX-License-Identifier: MIT */
/* GetCurrentFiber reads the thread's block at address 0 of a segment, which the compiler doubts. */
#pragma GCC diagnostic ignored "-Warray-bounds"

#include "win.h"

#include <stdlib.h>

struct px_fiber {
	void *fiber;
	void (*fn)(void *);
	void *arg;
	bool converted; /* the thread was none before */
	bool own;       /* a thread's own stack */
};

/* Of this thread, which became a fiber for them; it is none again behind the last. */
static _Thread_local unsigned owners;

static void CALLBACK fiber_main(void *p)
{
	px_fiber *f = p;

	f->fn(f->arg);
	PX_PANIC("a fiber's function returned");
}

px_fiber *px_fiber_open(size_t stack_bytes, void (*fn)(void *), void *arg)
{
	px_fiber *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->fn = fn;
	f->arg = arg;
	f->fiber = CreateFiberEx(0, stack_bytes, FIBER_FLAG_FLOAT_SWITCH, fiber_main, f);
	if (!f->fiber) {
		free(f);
		return NULL;
	}
	return f;
}

px_fiber *px_fiber_here(void)
{
	px_fiber *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->own = true;
	f->converted = owners || !IsThreadAFiber();
	f->fiber = f->converted && !owners ? ConvertThreadToFiberEx(NULL, FIBER_FLAG_FLOAT_SWITCH)
	                                   : GetCurrentFiber();
	if (!f->fiber) {
		free(f);
		return NULL;
	}
	owners += f->converted;
	return f;
}

void px_fiber_switch(px_fiber *from, px_fiber *to, bool ending)
{
	PX_UNUSED(from);
	PX_UNUSED(ending);
	SwitchToFiber(to->fiber);
}

void px_fiber_close(px_fiber *f)
{
	if (!f)
		return;
	if (!f->own)
		DeleteFiber(f->fiber);
	else if (f->converted && !--owners)
		ConvertFiberToThread();
	free(f);
}
