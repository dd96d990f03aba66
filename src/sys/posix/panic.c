/* The end of a program that misused the library: one line on stderr, then abort. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A failure is of no use to anybody: there is nobody left to tell. */
static void say(const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(STDERR_FILENO, text, bytes);

		if (n < 0 && errno != EINTR)
			return;
		text += PX_MAX(n, 0);
		bytes -= (size_t)PX_MAX(n, 0);
	}
}

/* write(2) and a stack buffer: the heap and stdio's locks may be what is broken. */
_Noreturn void px_panic(const char *message, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof text, "proa: %s (%s:%d)\n", message, file, line);
	size_t bytes = n < 0 ? 0 : (size_t)n;

	if (bytes >= sizeof text) {
		bytes = sizeof text - 1;
		text[bytes - 1] = '\n';
	}
	say(text, bytes);
	abort();
}
