/* Waking by a pipe that holds a byte or none that matters. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <unistd.h>

static int pipe_open(int fd[2])
{
#ifdef __APPLE__ /* no pipe2: a fork in between inherits them, and an exec behind it */
	if (pipe(fd))
		return -1;
	for (int i = 0; i < 2; i++) {
		fcntl(fd[i], F_SETFD, FD_CLOEXEC);
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
#else
	return pipe2(fd, O_CLOEXEC | O_NONBLOCK);
#endif
}

int px_wake_open(px_wake *w)
{
	int fd[2] = {-1, -1};
	int error = pipe_open(fd) ? (int)px_sys_error(errno) : 0;

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
