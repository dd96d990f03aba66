/* Plain sockets of the system under the tests: the other ends of what proa is given. */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOST_NET_H
#define TEST_HOST_NET_H

#include "proa/net.h"

/* TCP, blocking unless said otherwise, not inherited by children. A socket is an int as everywhere
 * in proa's core; -1 is none. */

/* An address for tests to listen on, with port 0, as proa_addr_parse takes it: one of 127.0.0.0/8
 * that is this process's alone where the system has them all, so that neither tests that run beside
 * it nor the connections that they leave in TIME_WAIT take its ports. */
const char *host_loopback(void);
const char *host_loopback_udp(void); /* for datagrams */

/* The loopback interface as a zone behind '%': how it is written, and its number. */
const char *host_zone(void);
unsigned host_zone_number(void);

int host_sock(const proa_addr *, bool nonblock); /* for an address of this family */
/* A listener at `addr`, which becomes the address it has; -1: no such address here. */
int host_sock_listen(proa_addr *addr, int backlog);
/* One that is bound, but does not listen: who connects there is refused. */
int host_sock_bound(proa_addr *addr);
int host_sock_accept(int listener);
bool host_sock_connect(int fd, const proa_addr *); /* false: not, or not yet */
int host_sock_dup(int fd);

void host_sock_close(int fd);
void host_sock_reset(int fd); /* closes with RST */
bool host_sock_fin(int fd);   /* shuts the send side */
void host_sock_nodelay(int fd);
bool host_sock_is_nodelay(int fd);
void host_sock_buffers(int fd, int bytes);   /* of both directions */
void host_sock_timeout(int fd, int seconds); /* of host_sock_recv */

/* Bytes moved; 0 at the end; -1: it would block; -2: an error. */
long host_sock_send(int fd, const void *, size_t);     /* waits until all are gone */
long host_sock_recv(int fd, void *, size_t);           /* waits for some */
long host_sock_try_send(int fd, const void *, size_t); /* never waits */
long host_sock_try_recv(int fd, void *, size_t);

/* Waits until one of the n has something to read, its end included, but no longer than ms.
 * Descriptors of -1 are passed over. How many have, and which. */
int host_sock_wait(const int *fd, bool *ready, int n, int ms);

bool host_sock_pair(int fd[2]); /* HOST_PAIR */

bool host_is_inherited(int fd); /* by programs that this one starts */
/* One byte, and with it so many copies of `passed`: of a local socket (HOST_GRAMS). */
bool host_sock_pass(int fd, int passed, unsigned n);

#endif
