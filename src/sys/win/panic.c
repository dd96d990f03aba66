/* The end of a program that misused the library: one line on stderr, then abort. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdio.h>
#include <stdlib.h>

/* Straight to the handle and from a stack buffer: the heap and stdio's locks may be what is broken.
 */
_Noreturn void px_panic(const char *message, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof text, "proa: %s (%s:%d)\n", message, file, line);
	size_t bytes = n < 0 ? 0 : (size_t)n;
	DWORD written;

	if (bytes >= sizeof text) {
		bytes = sizeof text - 1;
		text[bytes - 1] = '\n';
	}
	WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD)bytes, &written, NULL);
	abort();
}
