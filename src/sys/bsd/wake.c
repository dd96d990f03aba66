/* Waking by a pipe that holds a byte or none that matters. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <unistd.h>

int px_wake_open(px_wake *w)
{
	int fd[2] = {-1, -1};
	int32_t sys_error;
	int error = px_pipe_open(fd, true, true, &sys_error);

	w->rd = fd[0];
	w->wr = fd[1];
	return error;
}

void px_wake_close(px_wake *w)
{
	if (w->rd >= 0)
		close(w->rd);
	if (w->wr >= 0)
		close(w->wr);
	w->rd = w->wr = -1;
}

/* A pipe that is full (EAGAIN) has been rung. errno is kept, for signal handlers call this. */
void px_wake_ring(px_wake *w)
{
	int saved = errno;

	while (write(w->wr, "", 1) < 0 && errno == EINTR) {
		/* not written: again */
	}
	errno = saved;
}

void px_wake_drain(px_wake *w)
{
	char some[256];
	ssize_t n;

	do
		n = read(w->rd, some, sizeof some);
	while (n == (ssize_t)sizeof some || (n < 0 && errno == EINTR));
}
