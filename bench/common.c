/* What the references and the load generator share. */
/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

_Noreturn void px_bench_usage(const char *program, const char *text)
{
	fprintf(stderr, "usage: %s %s\n", program, text);
	exit(2);
}

_Noreturn void px_bench_die(const char *what, int sys_error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(sys_error));
	exit(2);
}

_Noreturn void px_bench_fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

int64_t px_bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

px_bench_addr px_bench_parse(const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t length = colon ? (size_t)(colon - text) : 0;
	char name[64];
	struct addrinfo *found;
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	                         .ai_socktype = SOCK_STREAM};
	px_bench_addr addr;

	if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (!length || length >= sizeof name)
		px_bench_die(text, EINVAL);
	memcpy(name, host, length);
	name[length] = 0;
	if (getaddrinfo(name, colon + 1, &hints, &found))
		px_bench_die(text, EINVAL);
	memset(&addr, 0, sizeof addr);
	memcpy(&addr.sa, found->ai_addr, found->ai_addrlen);
	addr.len = found->ai_addrlen;
	freeaddrinfo(found);
	return addr;
}

static void addr_announce(int fd)
{
	px_bench_addr addr = {.len = sizeof addr.sa};
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&addr.sa, &addr.len))
		px_bench_die("getsockname", errno);
	if (getnameinfo((struct sockaddr *)&addr.sa, addr.len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV))
		px_bench_die("getnameinfo", EINVAL);
	printf(addr.sa.ss_family == AF_INET6 ? "listening [%s]:%s\n" : "listening %s:%s\n", host,
	       port);
	fflush(stdout);
}

/* Nothing in a server needs an end of its own. */
static void server_end(int number)
{
	(void)number;
	_exit(0);
}

int px_bench_listen(const char *text, int flags)
{
	px_bench_addr addr = px_bench_parse(text);
	int fd = socket(addr.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	int on = 1;

	if (fd < 0)
		px_bench_die("socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&addr.sa, addr.len))
		px_bench_die(text, errno);
	if (listen(fd, 4096))
		px_bench_die("listen", errno);
	signal(SIGTERM, server_end);
	addr_announce(fd);
	return fd;
}

const char *px_bench_listen_arg(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--listen"))
		return argv[2];
	px_bench_usage(argv[0], "--listen ADDR:PORT");
}

void px_bench_prepare(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}
