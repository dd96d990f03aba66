/* Datagram sockets: open, bind, connect, and one datagram at a time. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const struct sockaddr *addr_sockaddr(const proa_addr *addr)
{
	return (const struct sockaddr *)(const void *)addr->data;
}

/* ---- open, bind, connect ---- */

int64_t px_os_udp_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	return px_sock_open_type(addr, SOCK_DGRAM, nonblock, sys_error);
}

static int option_on(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* No SO_REUSEADDR unless asked: for datagrams it would let two programs share a port, not free an
 * old one. */
static int udp_options(int fd, const proa_addr *addr, const proa_udp_options *o)
{
	if (o->shared && option_on(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return -1;
	if (o->gro)
		px_udp_gro(fd);
	if (o->info && px_udp_info(fd, addr->family))
		return -1;
	if (o->reuseport && option_on(fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return -1;
	if (o->broadcast && option_on(fd, SOL_SOCKET, SO_BROADCAST, 1))
		return -1;
	return addr->family == AF_INET6 ? px_sock_v6only(fd, o->v6only) : 0;
}

int px_os_udp_bind(int fd, const proa_addr *addr, const proa_udp_options *o, int32_t *sys_error)
{
	proa_addr a = *addr;
	int rc = px_os_sock_set_buffers(fd, o->recv_bytes, o->send_bytes);

	*sys_error = 0;
	if (rc < 0)
		return rc;
	px_addr_for_socket(fd, &a);
	if (udp_options(fd, &a, o) || bind(fd, addr_sockaddr(&a), a.len))
		return (int)px_errno(sys_error);
	return 0;
}

int px_os_udp_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	int rc;

	do
		rc = connect(fd, addr_sockaddr(addr), addr->len);
	while (rc && errno == EINTR);
	*sys_error = 0;
	if (!rc)
		return 0;
	if (errno != EAGAIN)
		return (int)px_errno(sys_error);
	*sys_error = EAGAIN; /* no port is free */
	return -PROA_EADDRNOTAVAIL;
}

/* ---- datagrams ---- */

void px_addr_told(proa_addr *addr, size_t len)
{
	addr->len = (uint32_t)PX_MIN(len, sizeof addr->data);
	addr->family = len ? addr_sockaddr(addr)->sa_family : 0;
	memset(addr->data + addr->len, 0, sizeof addr->data - addr->len);
}

int64_t px_udp_result(ssize_t n, int32_t *sys_error)
{
	*sys_error = 0;
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? PX_AGAIN : px_errno(sys_error);
}

void px_udp_told(struct msghdr *m, proa_msg *msg, size_t n)
{
	px_addr_told(&msg->addr, m->msg_namelen);
	px_udp_control_get(m, msg);
	msg->got = m->msg_flags & MSG_TRUNC ? PROA_TRUNC : 0;
	msg->count = n;
}

int64_t px_udp_recv(int fd, proa_msg *msg, bool info, int32_t *sys_error)
{
	struct iovec iov = {msg->buf, PX_MIN(msg->len, PX_IO_MOST)};
	px_udp_control control;
	struct msghdr m = {.msg_name = msg->addr.data, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		m.msg_namelen = sizeof msg->addr.data;
		m.msg_control = info ? &control : NULL;
		m.msg_controllen = info ? sizeof control : 0;
		n = recvmsg(fd, &m, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		px_udp_told(&m, msg, (size_t)n);
	return px_udp_result(n, sys_error);
}

/* What is cut to PX_IO_MOST is still too long for any datagram: EMSGSIZE, as without. */
static ssize_t send_part(int fd, const proa_msg *msg, size_t skip, size_t part)
{
	struct iovec iov = {px_msg_at(msg, skip), PX_MIN(part, PX_IO_MOST)};
	px_udp_control control;
	size_t n = px_udp_control_put(&control, msg, part);
	const struct sockaddr *to = msg->addr.len ? addr_sockaddr(&msg->addr) : NULL;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!n)
		return sendto(fd, iov.iov_base, iov.iov_len, PX_MSG_QUIET | MSG_DONTWAIT, to,
		              msg->addr.len);
	m.msg_name = (void *)(uintptr_t)to;
	m.msg_namelen = msg->addr.len;
	m.msg_control = &control;
	m.msg_controllen = (socklen_t)n;
	return sendmsg(fd, &m, PX_MSG_QUIET | MSG_DONTWAIT);
}

/* A device without checksums, or segments that are longer than the way takes: alone they may go. */
int64_t px_udp_send(int fd, const proa_msg *msg, size_t skip, int32_t *sys_error)
{
	size_t part = px_udp_part(msg, skip, false), alone = px_udp_part(msg, skip, true);
	ssize_t n;

	do {
		n = send_part(fd, msg, skip, part);
		if (n < 0 && part > alone && (errno == EIO || errno == EINVAL))
			n = send_part(fd, msg, skip, part = alone);
	} while (n < 0 && errno == EINTR);
	return px_udp_result(n, sys_error);
}

/* What has begun is not begun again: where there is no room for its rest, that is lost. */
int64_t px_udp_send_whole(int fd, const proa_msg *msg, int32_t *sys_error)
{
	size_t skip = 0;

	do {
		int64_t n = px_udp_send(fd, msg, skip, sys_error);

		if (n < 0)
			return n == PX_AGAIN && skip ? 1 : n;
		skip += (size_t)n;
	} while (skip < msg->len);
	return 1;
}
