/* Waking by an event counter: one descriptor, and any number of rings is one. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <sys/eventfd.h>
#include <unistd.h>

int px_wake_open(px_wake *w)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	w->rd = w->wr = fd;
	return fd < 0 ? (int)px_sys_error(errno) : 0;
}

void px_wake_close(px_wake *w)
{
	if (w->rd >= 0)
		close(w->rd);
	w->rd = w->wr = -1;
}

/* A counter that is full (EAGAIN) has been rung. errno is kept, for signal handlers call this. */
void px_wake_ring(px_wake *w)
{
	static const uint64_t one = 1;
	int saved = errno;

	while (write(w->wr, &one, sizeof one) < 0 && errno == EINTR) {
		/* not written: again */
	}
	errno = saved;
}

void px_wake_drain(px_wake *w)
{
	uint64_t n;

	while (read(w->rd, &n, sizeof n) < 0 && errno == EINTR) {
		/* not read: again */
	}
}
