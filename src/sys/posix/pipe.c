/* Pipes and terminals: what moves bytes by read(2) and write(2). */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- open ---- */

static void fd_quiet(int fd)
{
#ifdef F_SETNOSIGPIPE
	fcntl(fd, F_SETNOSIGPIPE, 1);
#else
	PX_UNUSED(fd);
#endif
}

int px_pipe_new(int fd[2])
{
#ifdef __APPLE__ /* no pipe2: a fork in between inherits them, and an exec behind it */
	if (pipe(fd))
		return -1;
	for (int i = 0; i < 2; i++)
		fcntl(fd[i], F_SETFD, FD_CLOEXEC);
#else
	if (pipe2(fd, O_CLOEXEC))
		return -1;
#endif
	fd_quiet(fd[1]);
	return 0;
}

int px_fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	int want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;

	return flags < 0 || (want != flags && fcntl(fd, F_SETFL, want)) ? -1 : 0;
}

static void pair_prepare(const int *fd, bool a_nonblock, bool b_nonblock)
{
	if (a_nonblock)
		px_fd_nonblock(fd[0], true);
	if (b_nonblock)
		px_fd_nonblock(fd[1], true);
}

int px_pipe_open(int fd[2], bool rd_nonblock, bool wr_nonblock, int32_t *sys_error)
{
	*sys_error = 0;
	if (px_pipe_new(fd))
		return (int)px_errno(sys_error);
	pair_prepare(fd, rd_nonblock, wr_nonblock);
	return 0;
}

int64_t px_sock_pair(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error)
{
	*sys_error = 0;
	if (px_sock_pair_new(SOCK_STREAM, fd))
		return px_errno(sys_error);
	pair_prepare(fd, a_nonblock, b_nonblock);
	return PROA_LOCAL;
}

void px_pipe_prepare(int fd, bool blocking)
{
	bool only_read = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;

	fd_quiet(fd);
	px_fd_nonblock(fd, !blocking || !only_read);
}

/* FIFOs are files: they are opened, and nobody connects. */
int64_t px_pipe_listen(const proa_addr *addr, const proa_listen_options *options,
                       int32_t *sys_error)
{
	PX_UNUSED(addr);
	PX_UNUSED(options);
	*sys_error = EAFNOSUPPORT;
	return -PROA_EAFNOSUPPORT;
}

/* ---- moving bytes ---- */

int64_t px_pipe_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	ssize_t n;

	do
		n = read(fd, buf, PX_MIN(len, PX_IO_MOST));
	while (n < 0 && errno == EINTR);
	return px_moved(n, sys_error);
}

int64_t px_pipe_writev(int fd, const proa_vec *vec, unsigned n, size_t skip, int32_t *sys_error)
{
	struct iovec iov[PX_VECS_AT_ONCE];
	int filled = px_vec_fill(iov, vec, n, skip);
	ssize_t gone;

	do
		gone = writev(fd, iov, filled);
	while (gone < 0 && errno == EINTR);
	return px_moved(gone, sys_error);
}

/* Something that nobody waits for takes the descriptor's place, which it keeps until it is closed.
 * It is written to as well, so that to end a pipe twice is to end it. */
int64_t px_pipe_shutdown(int fd, int32_t *sys_error)
{
	int64_t rc = 0;
	int null;

	*sys_error = 0;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return -PROA_EBADF; /* the reading end */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return px_errno(sys_error);
	if (dup2(null, fd) < 0)
		rc = px_errno(sys_error);
	else
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	close(null);
	return rc;
}
