/* The end of a program that misused the library: one line on stderr, then abort. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* write(2) and a stack buffer: the heap and stdio's locks may be what is broken. The result is of
 * no use: there is nobody left to tell. */
_Noreturn void px_panic(const char *message, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof text, "proa: %s (%s:%d)\n", message, file, line);
	size_t bytes = n < 0 ? 0 : (size_t)n;
	ssize_t written;

	if (bytes >= sizeof text) {
		bytes = sizeof text - 1;
		text[bytes - 1] = '\n';
	}
	written = write(STDERR_FILENO, text, bytes);
	PX_UNUSED(written);
	abort();
}
