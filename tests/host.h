/* What the test frame asks of the system: one implementation per platform (host_posix.c). */
/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Monotonic. */
long long host_now_ns(void);

/* Open descriptors of this process; -1 if the system does not tell. */
long host_descriptors(void);

/* Ends the program with `text` on stderr once `seconds` are over; 0 disarms. `text` lives on. */
void host_watchdog(int seconds, const char *text);

/* Runs fn in a child and keeps what it wrote to stderr, as text, cut to fit. 1: it aborted, 0: it
 * ended in another way, -1: there are no children here. */
int host_dies(void (*fn)(void), char *said, size_t bytes);

/* An address for tests to listen on, with port 0, as proa_addr_parse takes it: one of 127.0.0.0/8
 * that is this process's alone, so that neither tests that run beside it nor the connections that
 * they leave in TIME_WAIT take its ports. `host_loopback_ip` is the same as a number. */
const char *test_loopback(void);
unsigned long host_loopback_ip(void);

#endif
