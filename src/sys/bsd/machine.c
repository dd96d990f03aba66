/* Processors, and the byte that tells a forked child, on the BSDs and macOS. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MARK_BYTES = 4096 };

unsigned px_os_sys_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

#if !defined(INHERIT_ZERO) && defined(MAP_INHERIT_ZERO)
#define INHERIT_ZERO MAP_INHERIT_ZERO
#endif

/* minherit(2). macOS can take pages from a child, but not wipe them. */
const volatile unsigned char *px_os_sys_fork_mark(void)
{
#ifdef INHERIT_ZERO
	unsigned char *p = mmap(NULL, MARK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON,
	                        -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (minherit(p, MARK_BYTES, INHERIT_ZERO)) {
		munmap(p, MARK_BYTES);
		return NULL;
	}
	*p = 1;
	return p;
#else
	return NULL;
#endif
}

void px_os_sys_fork_unmark(const volatile unsigned char *mark)
{
	if (mark)
		munmap((void *)(uintptr_t)mark, MARK_BYTES);
}

int px_sys_name(char *out, size_t size)
{
	struct utsname u;

	if (uname(&u) < 0)
		return snprintf(out, size, "BSD");
	return snprintf(out, size, "%s %s %s", u.sysname, u.release, u.machine);
}
