/* Processors, and the byte that tells a forked child, on Linux. */
/* SPDX-License-Identifier: MIT */
#include "sys/os.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum { MARK_BYTES = 4096 };

/* What the process may use, not what the machine has: containers and taskset say so by affinity. */
unsigned px_os_sys_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

/* MADV_WIPEONFORK, since Linux 4.14: madvise(2). */
const volatile unsigned char *px_os_sys_fork_mark(void)
{
	unsigned char *p = mmap(NULL, MARK_BYTES, PROT_READ | PROT_WRITE,
	                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, MARK_BYTES, MADV_WIPEONFORK)) {
		munmap(p, MARK_BYTES);
		return NULL;
	}
	*p = 1;
	return p;
}

void px_os_sys_fork_unmark(const volatile unsigned char *mark)
{
	if (mark)
		munmap((void *)(uintptr_t)mark, MARK_BYTES);
}

int px_sys_name(char *out, size_t size)
{
	struct utsname u;

	if (uname(&u))
		return snprintf(out, size, "Linux");
	return snprintf(out, size, "%s %s %s", u.sysname, u.release, u.machine);
}
