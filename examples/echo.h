/* An echo server by hand: echo.c is its parts, echo_main.c the program, sim_echo.c its test. */
/* SPDX-License-Identifier: MIT */
#ifndef ECHO_H
#define ECHO_H
#include "proa.h"

struct echo {
	proa_handle h;
	proa_op accept;
	int64_t idle_ns;
	unsigned n, max; /* connections */
};

/* 0 or an error; it ends with the loop. */
int echo_start(struct echo *e, proa_loop *loop, const char *address, unsigned max, int64_t idle_ns);
#endif
