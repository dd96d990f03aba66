/* Datagram sockets: open, bind, connect. The datagrams themselves are the backend's. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>

/* Not in every header. Whether a report that nobody listens at some address, or that a datagram
 * died on its way there, ends a later recv. */
#ifndef SIO_UDP_CONNRESET
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#endif
#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif

static const struct sockaddr *addr_sockaddr(const proa_addr *addr)
{
	return (const struct sockaddr *)(const void *)addr->data;
}

/* Where the system does not know the question, there are no such reports. */
static void reports_set(SOCKET s, DWORD what, BOOL on)
{
	DWORD got;

	WSAIoctl(s, what, &on, sizeof on, NULL, 0, &got, NULL, NULL);
}

int64_t px_os_udp_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	SOCKET s = px_win_socket_new((int)addr->family, SOCK_DGRAM, nonblock);

	if (s == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && px_addr_is_any6(addr))
		s = px_win_socket_new(AF_INET, SOCK_DGRAM, nonblock);
	*sys_error = 0;
	if (s == INVALID_SOCKET)
		return px_win_error(sys_error);
	reports_set(s, SIO_UDP_CONNRESET, FALSE); /* of use only to who has one peer */
	reports_set(s, SIO_UDP_NETRESET, FALSE);  /* of use to nobody: it says of no host a thing */
	return px_win_fd(s);
}

static int option_on(SOCKET s, int level, int name, DWORD value)
{
	return setsockopt(s, level, name, (const char *)&value, sizeof value);
}

/* Nothing of a datagram socket outlives it, so that SO_EXCLUSIVEADDRUSE hinders no restart. */
static int udp_options(SOCKET s, const proa_addr *addr, const proa_udp_options *o)
{
	if (option_on(s, SOL_SOCKET, o->shared ? SO_REUSEADDR : SO_EXCLUSIVEADDRUSE, 1))
		return -1;
	if (o->broadcast && option_on(s, SOL_SOCKET, SO_BROADCAST, 1))
		return -1;
	return addr->family == AF_INET6 ? px_win_v6only(s, o->v6only) : 0;
}

int px_os_udp_bind(int fd, const proa_addr *addr, const proa_udp_options *o, int32_t *sys_error)
{
	SOCKET s = px_win_socket(fd);
	proa_addr a = *addr;
	int rc = px_os_sock_set_buffers(fd, o->recv_bytes, o->send_bytes);

	*sys_error = 0;
	if (rc < 0)
		return rc;
	if (o->reuseport || o->info)
		return -PROA_ENOTSUP; /* nothing here spreads datagrams over sockets */
	if (px_addr_is_any6(&a) && px_win_family(fd) == AF_INET)
		px_addr_any4(&a);
	if (udp_options(s, &a, o) || bind(s, addr_sockaddr(&a), (int)a.len))
		return (int)px_win_error(sys_error);
	return 0;
}

int px_os_udp_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	SOCKET s = px_win_socket(fd);

	*sys_error = 0;
	if (connect(s, addr_sockaddr(addr), (int)addr->len))
		return (int)px_win_error(sys_error);
	reports_set(s, SIO_UDP_CONNRESET, TRUE);
	return 0;
}

void px_addr_told(proa_addr *addr, size_t len)
{
	addr->len = (uint32_t)PX_MIN(len, sizeof addr->data);
	addr->family = len ? (uint32_t)addr_sockaddr(addr)->sa_family : 0;
	memset(addr->data + addr->len, 0, sizeof addr->data - addr->len);
}
