/* Plain sockets under the tests, on Windows. */
/* SPDX-License-Identifier: MIT */
#include "host_net.h"

#include "host.h"

#include <winsock2.h>

#include <stdio.h>
#include <windows.h>
#include <ws2tcpip.h>

enum { WAIT_MAX = 256 };

/* Process numbers are small and soon used again: the time is mixed in. */
const char *host_loopback(void)
{
	static char text[32];

	if (!*text) {
		unsigned long long n = host_pid() * 2654435761U + (unsigned long long)host_now_ns();

		n %= 250 * 250;
		snprintf(text, sizeof text, "127.%u.%u.1:0", (unsigned)(1 + n % 250),
		         (unsigned)(n / 250));
	}
	return text;
}

/* Wine binds such a socket to every address: one that is connected sends from the first, whatever
 * its own is, and its peer does not hear it. */
const char *host_loopback_udp(void)
{
	return "127.0.0.1:0";
}

/* Zones are numbers here, and 1 is the loopback's. */
const char *host_zone(void)
{
	return "1";
}

unsigned host_zone_number(void)
{
	return 1;
}

static SOCKET of(int fd)
{
	return (SOCKET)(uint32_t)fd;
}

static int fd_of(SOCKET s)
{
	return s == INVALID_SOCKET ? -1 : (int)s;
}

static const struct sockaddr *sa(const proa_addr *a)
{
	return (const struct sockaddr *)(const void *)a->data;
}

static void nonblock_set(SOCKET s, bool on)
{
	u_long value = on;

	ioctlsocket(s, (long)FIONBIO, &value);
}

int host_sock(const proa_addr *addr, bool nonblock)
{
	SOCKET s = WSASocketW((int)addr->family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
	                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

	if (s != INVALID_SOCKET && nonblock)
		nonblock_set(s, true);
	return fd_of(s);
}

int host_sock_bound(proa_addr *addr)
{
	int fd = host_sock(addr, false), len = sizeof addr->data;

	if (fd < 0)
		return -1;
	if (bind(of(fd), sa(addr), (int)addr->len) ||
	    getsockname(of(fd), (struct sockaddr *)(void *)addr->data, &len)) {
		closesocket(of(fd));
		return -1;
	}
	return fd;
}

int host_sock_listen(proa_addr *addr, int backlog)
{
	int fd = host_sock_bound(addr);

	if (fd >= 0 && listen(of(fd), backlog)) {
		closesocket(of(fd));
		return -1;
	}
	return fd;
}

int host_sock_accept(int listener)
{
	SOCKET s = accept(of(listener), NULL, NULL);

	if (s != INVALID_SOCKET)
		SetHandleInformation((HANDLE)s, HANDLE_FLAG_INHERIT, 0);
	return fd_of(s);
}

bool host_sock_connect(int fd, const proa_addr *addr)
{
	return connect(of(fd), sa(addr), (int)addr->len) == 0;
}

int host_sock_dup(int fd)
{
	WSAPROTOCOL_INFOW info;

	if (WSADuplicateSocketW(of(fd), GetCurrentProcessId(), &info))
		return -1;
	return fd_of(WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info,
	                        0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

void host_sock_close(int fd)
{
	closesocket(of(fd));
}

void host_sock_reset(int fd)
{
	struct linger l = {.l_onoff = 1};

	setsockopt(of(fd), SOL_SOCKET, SO_LINGER, (const char *)&l, sizeof l);
	closesocket(of(fd));
}

bool host_sock_fin(int fd)
{
	return shutdown(of(fd), SD_SEND) == 0;
}

void host_sock_nodelay(int fd)
{
	BOOL on = TRUE;

	setsockopt(of(fd), IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
}

bool host_sock_is_nodelay(int fd)
{
	BOOL on = FALSE;
	int len = sizeof on;

	return getsockopt(of(fd), IPPROTO_TCP, TCP_NODELAY, (char *)&on, &len) == 0 && on;
}

void host_sock_buffers(int fd, int bytes)
{
	setsockopt(of(fd), SOL_SOCKET, SO_SNDBUF, (const char *)&bytes, sizeof bytes);
	setsockopt(of(fd), SOL_SOCKET, SO_RCVBUF, (const char *)&bytes, sizeof bytes);
}

void host_sock_timeout(int fd, int seconds)
{
	DWORD ms = (DWORD)seconds * 1000;

	setsockopt(of(fd), SOL_SOCKET, SO_RCVTIMEO, (const char *)&ms, sizeof ms);
}

static long moved(int n)
{
	int e = n >= 0 ? 0 : WSAGetLastError();

	if (n >= 0)
		return n;
	return e == WSAEWOULDBLOCK || e == WSAETIMEDOUT ? -1 : -2;
}

long host_sock_send(int fd, const void *bytes, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		int n = send(of(fd), (const char *)bytes + sent, (int)(len - sent), 0);

		if (n < 0)
			return moved(n);
		sent += (size_t)n;
	}
	return (long)sent;
}

long host_sock_recv(int fd, void *bytes, size_t len)
{
	return moved(recv(of(fd), bytes, (int)len, 0));
}

/* There is no MSG_DONTWAIT. */
long host_sock_try_send(int fd, const void *bytes, size_t len)
{
	long n;

	nonblock_set(of(fd), true);
	n = moved(send(of(fd), bytes, (int)len, 0));
	nonblock_set(of(fd), false);
	return n;
}

long host_sock_try_recv(int fd, void *bytes, size_t len)
{
	long n;

	nonblock_set(of(fd), true);
	n = moved(recv(of(fd), bytes, (int)len, 0));
	nonblock_set(of(fd), false);
	return n;
}

int host_sock_wait(const int *fd, bool *ready, int n, int ms)
{
	WSAPOLLFD p[WAIT_MAX];
	ULONG asked = 0;
	int found;

	if (n > WAIT_MAX)
		return -1;
	for (int i = 0; i < n; i++)
		if (fd[i] >= 0)
			p[asked++] = (WSAPOLLFD){.fd = of(fd[i]), .events = POLLRDNORM};
	found = WSAPoll(p, asked, ms);
	for (int i = 0, k = 0; i < n; i++)
		ready[i] = fd[i] >= 0 && p[k++].revents && found > 0;
	return found;
}

/* HOST_PAIR is lacking. */
bool host_sock_pair(int fd[2])
{
	(void)fd;
	return false;
}

bool host_is_inherited(int fd)
{
	DWORD flags = 0;

	GetHandleInformation((HANDLE)(intptr_t)fd, &flags);
	return flags & HANDLE_FLAG_INHERIT;
}

bool host_sock_pass(int fd, int passed, unsigned n)
{
	(void)fd;
	(void)passed;
	(void)n;
	return false;
}
