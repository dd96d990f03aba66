/* Plain sockets under the tests, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "host_net.h"

#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { WAIT_MAX = 256 };

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE instead */
#endif

const char *host_loopback(void)
{
#ifdef __linux__
	static char text[32];
	unsigned pid = host_pid();

	snprintf(text, sizeof text, "127.%u.%u.1:0", 1 + pid % 250, pid / 250 % 250);
	return text;
#else
	return "127.0.0.1:0"; /* the only one there is */
#endif
}

const char *host_loopback_udp(void)
{
	return host_loopback();
}

const char *host_zone(void)
{
	return if_nametoindex("lo") ? "lo" : "lo0";
}

unsigned host_zone_number(void)
{
	return if_nametoindex(host_zone());
}

static const struct sockaddr *sa(const proa_addr *a)
{
	return (const struct sockaddr *)(const void *)a->data;
}

/* One call after another: not every system takes flags, and tests fork from one thread only. */
static int sock_set_up(int fd, bool nonblock)
{
	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (nonblock)
		fcntl(fd, F_SETFL, O_NONBLOCK);
#ifdef SO_NOSIGPIPE
	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
	return fd;
}

int host_sock(const proa_addr *addr, bool nonblock)
{
	return sock_set_up(socket((int)addr->family, SOCK_STREAM, 0), nonblock);
}

int host_sock_bound(proa_addr *addr)
{
	socklen_t len = sizeof addr->data;
	int fd = host_sock(addr, false);

	if (fd < 0)
		return -1;
	if (bind(fd, sa(addr), addr->len) < 0 ||
	    getsockname(fd, (struct sockaddr *)(void *)addr->data, &len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int host_sock_listen(proa_addr *addr, int backlog)
{
	int fd = host_sock_bound(addr);

	if (fd >= 0 && listen(fd, backlog) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int host_sock_accept(int listener)
{
	return sock_set_up(accept(listener, NULL, NULL), false);
}

bool host_sock_connect(int fd, const proa_addr *addr)
{
	return connect(fd, sa(addr), addr->len) == 0;
}

int host_sock_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void host_sock_close(int fd)
{
	close(fd);
}

void host_sock_reset(int fd)
{
	struct linger l = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(fd);
}

bool host_sock_fin(int fd)
{
	return shutdown(fd, SHUT_WR) == 0;
}

void host_sock_nodelay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool host_sock_is_nodelay(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0 && on;
}

void host_sock_buffers(int fd, int bytes)
{
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void host_sock_timeout(int fd, int seconds)
{
	struct timeval t = {.tv_sec = seconds};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

static long moved(ssize_t n)
{
	if (n >= 0)
		return (long)n;
	return errno == EAGAIN ? -1 : -2;
}

long host_sock_send(int fd, const void *bytes, size_t len)
{
	return moved(send(fd, bytes, len, MSG_NOSIGNAL));
}

long host_sock_recv(int fd, void *bytes, size_t len)
{
	return moved(recv(fd, bytes, len, 0));
}

long host_sock_try_send(int fd, const void *bytes, size_t len)
{
	return moved(send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT));
}

long host_sock_try_recv(int fd, void *bytes, size_t len)
{
	return moved(recv(fd, bytes, len, MSG_DONTWAIT));
}

int host_sock_wait(const int *fd, bool *ready, int n, int ms)
{
	struct pollfd p[WAIT_MAX];
	int found;

	if (n > WAIT_MAX)
		return -1;
	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	found = poll(p, (nfds_t)n, ms);
	for (int i = 0; i < n; i++)
		ready[i] = found > 0 && p[i].revents;
	return found;
}

bool host_sock_pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return false;
	sock_set_up(fd[0], false);
	sock_set_up(fd[1], false);
	return true;
}

bool host_is_inherited(int fd)
{
	return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

bool host_sock_pass(int fd, int passed, unsigned n)
{
	enum { MOST = 200 };
	union {
		char room[CMSG_SPACE(MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {(char[]){"!"}, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room};
	struct cmsghdr *head;

	memset(&control, 0, sizeof control);
	m.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int)); /* as macOS has it */
	head = CMSG_FIRSTHDR(&m);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (unsigned i = 0; i < n && i < MOST; i++)
		memcpy(CMSG_DATA(head) + i * sizeof(int), &passed, sizeof(int));
	return n <= MOST && sendmsg(fd, &m, 0) == 1;
}
