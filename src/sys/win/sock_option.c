/* What can be set on a socket and asked of it. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <mstcpip.h>
#include <string.h>

static int option_set(int fd, int level, int name, int value)
{
	if (!setsockopt(px_win_socket(fd), level, name, (const char *)&value, sizeof value))
		return 0;
	return (int)px_sys_error(WSAGetLastError());
}

int px_os_sock_set_nonblock(int fd, bool on)
{
	u_long value = on;

	if (!ioctlsocket(px_win_socket(fd), (long)FIONBIO, &value))
		return 0;
	return (int)px_sys_error(WSAGetLastError());
}

int px_os_sock_set_nodelay(int fd, bool on)
{
	return option_set(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

int px_win_v6only(SOCKET s, bool on)
{
	DWORD value = on;
	int rc = setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&value, sizeof value);

	return on ? rc : 0;
}

bool px_win_nodelay(int fd)
{
	BOOL on = FALSE; /* what is asked may be written as one byte */
	int len = sizeof on;

	return !getsockopt(px_win_socket(fd), IPPROTO_TCP, TCP_NODELAY, (char *)&on, &len) && on;
}

/* ---- keep-alive ---- */

/* They came one by one up to Windows 10, version 1709, so that each may be unknown; mingw has no
 * names for them. */
enum { KEEP_IDLE = 3, KEEP_PROBES = 16, KEEP_INTERVAL = 17 };
enum { INTERVAL_DEFAULT_S = 1, MS_PER_S = 1000 };

/* The older way knows no number of probes: it is 10. */
static int keepalive_old(int fd, int idle_s, int interval_s)
{
	struct tcp_keepalive k = {
		.onoff = 1,
		.keepalivetime = (u_long)idle_s * MS_PER_S,
		.keepaliveinterval = (u_long)(interval_s > 0 ? interval_s : INTERVAL_DEFAULT_S) *
	                             MS_PER_S,
	};
	DWORD got;

	if (!WSAIoctl(px_win_socket(fd), SIO_KEEPALIVE_VALS, &k, sizeof k, NULL, 0, &got, NULL,
	              NULL))
		return 0;
	return (int)px_sys_error(WSAGetLastError());
}

int px_os_sock_set_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	int error;

	if (idle_s <= 0)
		return option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	error = option_set(fd, IPPROTO_TCP, KEEP_IDLE, idle_s);
	if (!error && interval_s > 0)
		error = option_set(fd, IPPROTO_TCP, KEEP_INTERVAL, interval_s);
	if (!error && probes > 0)
		error = option_set(fd, IPPROTO_TCP, KEEP_PROBES, probes);
	if (error == -PROA_ENOTSUP)
		return keepalive_old(fd, idle_s, interval_s);
	return error ? error : option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int px_os_sock_set_buffers(int fd, int recv_bytes, int send_bytes)
{
	int error = recv_bytes > 0 ? option_set(fd, SOL_SOCKET, SO_RCVBUF, recv_bytes) : 0;

	if (error || send_bytes <= 0)
		return error;
	return option_set(fd, SOL_SOCKET, SO_SNDBUF, send_bytes);
}

/* ---- names ---- */

int px_win_family(int fd)
{
	WSAPROTOCOL_INFOW info;
	int len = sizeof info;

	if (getsockopt(px_win_socket(fd), SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len))
		return 0;
	return info.iAddressFamily;
}

typedef int WSAAPI name_fn(SOCKET, struct sockaddr *, int *);

static int sock_name(int fd, proa_addr *out, name_fn *ask)
{
	struct sockaddr_storage at;
	int len = sizeof at;

	memset(&at, 0, sizeof at);
	memset(out, 0, sizeof *out);
	if (ask(px_win_socket(fd), (struct sockaddr *)&at, &len))
		return (int)px_sys_error(WSAGetLastError());
	out->len = PX_MIN((uint32_t)len, (uint32_t)sizeof out->data);
	out->family = (uint32_t)at.ss_family;
	memcpy(out->data, &at, out->len);
	return 0;
}

/* Both ends of a pipe have its name. */
static int name_of(int fd, proa_addr *out, name_fn *ask)
{
	int rc = sock_name(fd, out, ask);

	return rc < 0 && px_win_is_pipe(fd) ? px_win_pipe_addr(fd, out) : rc;
}

int px_os_sock_local(int fd, proa_addr *out)
{
	return name_of(fd, out, getsockname);
}

int px_os_sock_peer(int fd, proa_addr *out)
{
	return name_of(fd, out, getpeername);
}
