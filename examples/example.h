/* What the example programs share: how they say where they listen, and what went wrong. */
/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_H
#define EXAMPLE_H
#include "proa.h"
#include <stdio.h>

/* "listening on 127.0.0.1:7777", with the port the system chose if the address said 0. */
static inline void say_listening(const proa_addr *addr)
{
	char text[PROA_ADDR_TEXT];

	if (proa_addr_print(addr, text, sizeof text) < 0)
		return;
	printf("listening on %s\n", text);
	fflush(stdout);
}

static inline void say_where(const proa_handle *listener)
{
	proa_addr addr;

	if (proa_local_addr(listener, &addr) == 0)
		say_listening(&addr);
}

/* The exit status. */
static inline int say_error(const char *program, int64_t rc)
{
	fprintf(stderr, "%s: %s\n", program, proa_err_text(rc));
	return 2;
}
#endif
