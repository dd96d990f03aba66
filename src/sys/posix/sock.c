/* Sockets: open, listen, accept, connect, and moving bytes. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"
#include "sys/inet.h"

#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BACKLOG = 4096, SHUTTING_TRIES = 16 };

static const struct sockaddr *addr_sockaddr(const proa_addr *addr)
{
	return (const struct sockaddr *)(const void *)addr->data;
}

/* A call that moves bytes: how many, PX_AGAIN or an error. */
static int64_t sock_result(ssize_t n, int32_t *sys_error)
{
	*sys_error = 0;
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return PX_AGAIN;
	return px_errno(sys_error);
}

/* ---- open and listen ---- */

int64_t px_sock_open_type(const proa_addr *addr, int type, bool nonblock, int32_t *sys_error)
{
	int fd = px_sock_new((int)addr->family, type, nonblock);

	/* EPROTONOSUPPORT: a jail of FreeBSD without v6. */
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT) && px_addr_is_any6(addr))
		fd = px_sock_new(AF_INET, type, nonblock);
	*sys_error = 0;
	return fd < 0 ? px_errno(sys_error) : fd;
}

int64_t px_os_sock_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	return px_sock_open_type(addr, SOCK_STREAM, nonblock, sys_error);
}

void px_addr_for_socket(int fd, proa_addr *addr)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;

	if (px_addr_is_any6(addr) && !getsockname(fd, (struct sockaddr *)&bound, &len) &&
	    bound.ss_family == AF_INET)
		px_addr_any4(addr);
}

static int sock_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* What spreads connections over the listeners of a port: FreeBSD calls it so; by the plain name it
 * means that the last one gets them all. */
#ifndef SO_REUSEPORT_LB
#define SO_REUSEPORT_LB SO_REUSEPORT
#endif

/* Accepted sockets inherit TCP_NODELAY from their listener, so it costs no call for each. */
static int listen_options(int fd, const proa_addr *addr, const proa_listen_options *o)
{
	if (addr->family == AF_UNIX)
		return 0;
	if (sock_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return -1;
	if (o->reuseport && sock_option(fd, SOL_SOCKET, SO_REUSEPORT_LB, 1))
		return -1;
	if (addr->family == AF_INET6 && px_sock_v6only(fd, o->v6only))
		return -1;
	return o->nodelay_off ? 0 : sock_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

int px_os_sock_listen(int fd, const proa_addr *addr, const proa_listen_options *options,
                      int32_t *sys_error)
{
	static const proa_listen_options none;
	const proa_listen_options *o = options ? options : &none;
	proa_addr a = *addr;

	*sys_error = 0;
	px_addr_for_socket(fd, &a);
	if (listen_options(fd, &a, o) || bind(fd, addr_sockaddr(&a), a.len) ||
	    listen(fd, o->backlog > 0 ? o->backlog : BACKLOG))
		return (int)px_errno(sys_error);
	return 0;
}

/* ---- accept and connect ---- */

int64_t px_sock_accept(int fd, bool nonblock, int32_t *sys_error)
{
	return sock_result(px_sock_accept_new(fd, nonblock), sys_error);
}

/* Interrupted, a connect goes on in the background: connect(2). EAGAIN is no "in progress" but a
 * listener's full queue (local sockets) or no free port, and waiting for it would end as
 * connected. */
int64_t px_sock_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	*sys_error = 0;
	if (!connect(fd, addr_sockaddr(addr), addr->len))
		return 0;
	if (errno == EINPROGRESS || errno == EINTR)
		return PX_AGAIN;
	if (errno != EAGAIN)
		return px_errno(sys_error);
	*sys_error = EAGAIN;
	return addr->family == AF_UNIX ? -PROA_ECONNREFUSED : -PROA_EADDRNOTAVAIL;
}

int64_t px_sock_error(int fd, int32_t *sys_error)
{
	int error = 0;
	socklen_t len = sizeof error;

	*sys_error = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return px_errno(sys_error);
	*sys_error = error;
	return error ? px_sys_error(error) : 0;
}

/* ---- moving bytes ---- */

/* After a signal a send is tried again. So it is when macOS says EPROTOTYPE: somebody shuts the
 * socket down at this moment, and soon it will say what it is then. */
static bool send_again(ssize_t n, unsigned *tries)
{
	if (n >= 0)
		return false;
	if (errno != EPROTOTYPE)
		return errno == EINTR;
	if (++*tries < SHUTTING_TRIES) {
		px_os_sys_yield();
		return true;
	}
	errno = EPIPE;
	return false;
}

int64_t px_sock_recv(int fd, void *buf, size_t len, int32_t *sys_error)
{
	ssize_t n;

	do
		n = recv(fd, buf, PX_MIN(len, PX_IO_MOST), 0);
	while (n < 0 && errno == EINTR);
	return sock_result(n, sys_error);
}

int64_t px_sock_send_first(int fd, const void *buf, size_t len, bool followed, int32_t *sys_error)
{
	int flags = PX_MSG_QUIET | (followed ? PX_MSG_FOLLOWED : 0);
	unsigned tries = 0;
	ssize_t n;

	do
		n = send(fd, buf, PX_MIN(len, PX_IO_MOST), flags);
	while (send_again(n, &tries));
	return sock_result(n, sys_error);
}

int64_t px_sock_send(int fd, const void *buf, size_t len, int32_t *sys_error)
{
	return px_sock_send_first(fd, buf, len, false, sys_error);
}

uint16_t px_vec_fill(struct iovec out[PX_VECS_AT_ONCE], const proa_vec *vec, unsigned n,
                     size_t skip)
{
	size_t room = PX_IO_MOST;
	uint16_t filled = 0;

	for (unsigned i = 0; i < n && filled < PX_VECS_AT_ONCE && room; i++) {
		size_t gone = PX_MIN(skip, vec[i].len);

		skip -= gone;
		if (gone == vec[i].len)
			continue;
		out[filled].iov_base = (char *)(uintptr_t)vec[i].base + gone;
		out[filled].iov_len = PX_MIN(vec[i].len - gone, room);
		room -= out[filled++].iov_len;
	}
	return filled;
}

int64_t px_sock_sendv(int fd, const proa_vec *vec, unsigned n, size_t skip, int32_t *sys_error)
{
	struct iovec iov[PX_VECS_AT_ONCE];
	struct msghdr msg = {.msg_iov = iov};
	unsigned tries = 0;
	ssize_t sent;

	msg.msg_iovlen = px_vec_fill(iov, vec, n, skip);
	do
		sent = sendmsg(fd, &msg, PX_MSG_QUIET);
	while (send_again(sent, &tries));
	return sock_result(sent, sys_error);
}

/* ---- ends ---- */

static bool is_local(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	return !getsockname(fd, (struct sockaddr *)&at, &len) && at.ss_family == AF_UNIX;
}

/* On the BSDs a local socket whose peer has closed is connected no more; on Linux its send side can
 * be shut all the same, and so it is everywhere. */
int64_t px_sock_shutdown(int fd, int32_t *sys_error)
{
	*sys_error = 0;
	if (!shutdown(fd, SHUT_WR))
		return 0;
	*sys_error = errno;
	if (errno == ENOTCONN && is_local(fd))
		*sys_error = 0;
	return *sys_error ? px_sys_error(*sys_error) : 0;
}

/* Never twice: after EINTR the descriptor is gone, and its number may be somebody else's. */
void px_os_sock_close(int fd, bool reset)
{
	struct linger none = {.l_onoff = 1};

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(fd);
}
