/* Stacks to switch between, for runtime.c: one implementation per platform. */
/* SPDX-License-Identifier: MIT */
#ifndef FIBER_H
#define FIBER_H

typedef struct fiber fiber;

/* The calling thread's own stack becomes one. */
fiber *fiber_here(void);
/* A new one that begins with fn(arg) when it is switched to; fn never returns. */
fiber *fiber_new(void (*fn)(void *), void *arg);
/* From the running one to another, until somebody switches back. */
void fiber_switch(fiber *from, fiber *to);
void fiber_free(fiber *f); /* not the running one */

#endif
