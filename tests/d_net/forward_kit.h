/* What the tests of proa_forward stand on: two connections and a forward between them. */
/* SPDX-License-Identifier: MIT */
#ifndef D_NET_FORWARD_KIT_H
#define D_NET_FORWARD_KIT_H

#include "c_conform/kit.h"

enum {
	BIG = 3 << 20,
	STALL = 16 * BIG,  /* more than two connections hold by themselves */
	PIECE = 256 * 1024 /* that the far end receives at once */
};

/* src ---> from ==forward==> to ---> dst */
typedef struct way {
	proa_handle src, from, to, dst;
	rec fwd, out, in;
	proa_forwarding state;
	unsigned char *sent, *got; /* BIG or STALL, PIECE */
	uint64_t at;               /* received so far */
	bool stop;                 /* receiving */
} way;

void way_open(proa_loop *, way *);
/* With connections of another sort. */
void way_open_of(proa_loop *, way *, void (*pair)(proa_loop *, proa_handle *, proa_handle *));
void way_open_more(proa_loop *, way *); /* with STALL bytes to send */
void way_close(proa_loop *, way *);
void way_free(way *); /* its handles are closed */
void way_start(way *, int64_t limit);
void way_receive(way *);      /* all that comes, until `stop` */
void way_send(way *, size_t); /* from the first byte on */
/* Opened and started, and full: nobody receives, and it has bytes in its hands. */
void way_stall(proa_loop *, way *);
/* Another one from its beginning to its end. */
void way_whole(proa_loop *);

#endif
