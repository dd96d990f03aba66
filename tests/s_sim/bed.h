/* What the tests of the simulation stand on: a world of two nodes, and connections in it. */
/* SPDX-License-Identifier: MIT */
#ifndef S_SIM_BED_H
#define S_SIM_BED_H

#include "proa.h"
#include "test.h"

#include <string.h>

/* ---- a world with the nodes "a" (10.0.0.1, fd00::1) and "b" (10.0.0.2, fd00::2) ---- */

typedef struct bed {
	proa_world *w;
	proa_loop *a, *b;
	int violations;
	char said[256]; /* the last one */
} bed;

/* `options` may be NULL; its violation is replaced by one that counts. */
void bed_open(bed *s, const proa_world_options *options);
/* Closes the world: no violation, and nothing left. */
void bed_close(bed *s);
/* The same without nodes. */
void bed_world(bed *s, const proa_world_options *options);

uint64_t bed_faults(const bed *s, proa_fault fault); /* injected so far */

/* ---- connections ---- */

proa_addr bed_addr(const char *text);
/* A listener of the loop's root. */
void bed_listen(proa_loop *loop, proa_handle *h, const char *text);
/* Connects `from` a loop to `text`, where `listener` accepts: both ends. */
void bed_connect(bed *s, proa_loop *from, proa_handle *h, const char *text, proa_handle *listener,
                 proa_handle *accepted);
/* A connection from a to b, and its listener. */
typedef struct link3 {
	proa_handle a, b, listener;
} link3;
void bed_link(bed *s, link3 *l);
void bed_unlink(bed *s, link3 *l);

/* Submits and awaits. */
int64_t bed_send(bed *s, proa_handle *h, const void *bytes, size_t len);
int64_t bed_recv(bed *s, proa_handle *h, void *bytes, size_t len);
void bed_end(bed *s, proa_handle *h); /* closes, and waits for it */

/* A program that echoes what comes to "*:7" of its node. `user` is a proa_server. */
int bed_echo(proa_loop *loop, void *user);

#endif
