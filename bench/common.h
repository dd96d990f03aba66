/* What the references and the load generator share: addresses, listening, the clock, dying. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct px_bench_addr {
	struct sockaddr_storage sa;
	socklen_t len;
} px_bench_addr;

/* One line on stderr, exit status 2 (usage, set-up) or 1 (what was measured is wrong). */
_Noreturn void px_bench_usage(const char *program, const char *text);
_Noreturn void px_bench_die(const char *what, int sys_error);
_Noreturn void px_bench_fail(const char *what);

int64_t px_bench_now_ns(void);

/* "127.0.0.1:80" or "[::1]:80"; numeric only. Dies on anything else. */
px_bench_addr px_bench_parse(const char *text);

/* A listening socket, and "listening ADDR:PORT" on stdout once it listens. TCP_NODELAY is set on
 * it, because accepted sockets inherit it on Linux: no system call a connection. `flags` of
 * socket(2). From here on SIGTERM ends the program with status 0. */
int px_bench_listen(const char *text, int flags);

/* Reads --listen (and nothing else) from the command line of a server. */
const char *px_bench_listen_arg(int argc, char **argv);

/* As many descriptors as the system lets us have; SIGPIPE ignored. */
void px_bench_prepare(void);

#endif
