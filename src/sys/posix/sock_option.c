/* What can be set on a socket and asked of it. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) ? (int)px_sys_error(errno) : 0;
}

int px_os_sock_set_nonblock(int fd, bool on)
{
	px_sock_quiet(fd); /* every socket that was made elsewhere comes by here */
	return px_fd_nonblock(fd, on) ? (int)px_sys_error(errno) : 0;
}

int px_sock_v6only(int fd, bool only)
{
	int value = only;

#ifdef __OpenBSD__
	if (!only)
		return 0;
#endif
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value);
}

int px_os_sock_set_nodelay(int fd, bool on)
{
	return option_set(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

/* macOS has another name for it; OpenBSD has no times of a socket's own (sysctl sets all). */
#if defined(TCP_KEEPALIVE) && !defined(TCP_KEEPIDLE)
#define TCP_KEEPIDLE TCP_KEEPALIVE
#endif

static int keepalive_times(int fd, int idle_s, int interval_s, int probes)
{
#ifdef TCP_KEEPIDLE
	int error = option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);

	if (!error && interval_s > 0)
		error = option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
	if (!error && probes > 0)
		error = option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
	return error;
#else
	PX_UNUSED(fd);
	PX_UNUSED(idle_s);
	PX_UNUSED(interval_s);
	PX_UNUSED(probes);
	return 0;
#endif
}

int px_os_sock_set_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	int error;

	if (idle_s <= 0)
		return option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	error = keepalive_times(fd, idle_s, interval_s, probes);
	return error ? error : option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* Above its limit Linux takes what it may; the BSDs say ENOBUFS, and are asked for half until they
 * take it. */
static int buffer_set(int fd, int name, int bytes)
{
	int error = 0;

	for (; bytes > 0; bytes /= 2) {
		error = option_set(fd, SOL_SOCKET, name, bytes);
		if (error != -PROA_ENOBUFS)
			return error;
	}
	return error;
}

int px_os_sock_set_buffers(int fd, int recv_bytes, int send_bytes)
{
	int error = buffer_set(fd, SO_RCVBUF, recv_bytes);

	return error ? error : buffer_set(fd, SO_SNDBUF, send_bytes);
}

typedef int name_fn(int, struct sockaddr *, socklen_t *);

static int sock_name(int fd, proa_addr *out, name_fn *ask)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	memset(&at, 0, sizeof at);
	memset(out, 0, sizeof *out);
	if (ask(fd, (struct sockaddr *)&at, &len))
		return (int)px_sys_error(errno);
	out->len = PX_MIN((uint32_t)len, (uint32_t)sizeof out->data);
	out->family = at.ss_family;
	memcpy(out->data, &at, out->len);
	return 0;
}

int px_os_sock_local(int fd, proa_addr *out)
{
	return sock_name(fd, out, getsockname);
}

int px_os_sock_peer(int fd, proa_addr *out)
{
	return sock_name(fd, out, getpeername);
}
