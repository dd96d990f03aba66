/* What the group tests stand on: plain clients, and a server that does what its clients say. */
/* SPDX-License-Identifier: MIT */
#ifndef D_NET_GROUP_KIT_H
#define D_NET_GROUP_KIT_H

#include "host_net.h"
#include "proa.h"
#include "test.h"

#include <stdatomic.h>

/* ---- clients: plain blocking sockets ---- */

int dial(const proa_addr *addr); /* -1: refused */
int dial_socket(const proa_addr *addr, int fd);
void say(int fd, char what);
int hear(int fd); /* the next byte; 0 at the end, -1 on an error */
bool echo_works(int fd);
void hang_up(int *fd, int n);
void nap(int ms);

/* ---- the server: echoes; 'B' blocks its loop until it is let go, 'S' stops the group ---- */

extern struct group_state {
	proa_group *group;
	_Atomic int started, drained, open, peak, starts, drains, notices;
	_Atomic unsigned used; /* a bit for each loop */
	_Atomic int held;      /* loops that were blocked, ever... */
	_Atomic int let_go;    /* ...and how many of them are no more, in that order */
	int fail_start;        /* loop that fails; -1 none */
	bool close_in_drain;
} g;

extern const proa_serve_options plain;

int group_open(unsigned loops); /* g.fail_start must be set */
bool group_up(unsigned loops, const proa_serve_options *o, proa_addr *addr);
void group_down(int64_t drain_ns);
void wait_for(_Atomic int *what, int value);

#endif
