/* A server from the inside: also one without a listener, which a group hands connections to. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_NET_SERVE_H
#define PX_NET_SERVE_H

#include "base/slab.h"
#include "op/core.h"
#include "proa/net.h"

/* How many connections there may be: of one server, or of several on different loops. */
typedef struct px_gate px_gate;
struct px_gate {
	_Atomic unsigned open;
	unsigned max; /* 0: any number */
	/* The gate was full and is not any more: whoever paused may go on. On the thread of the
	 * connection that went. */
	void (*freed)(px_gate *);
};

bool px_gate_enter(px_gate *gate); /* false: full */
bool px_gate_full(px_gate *gate);
void px_gate_leave(px_gate *gate);

/* Connections are handles that `h` owns, so no list of them is kept: PX_HF_WATCHED tells them from
 * the rest. Each one's memory goes back to the slab when it has been told of its end; the slab goes
 * when `h` has, which waits for all of them. */
typedef struct __attribute__((may_alias)) px_server {
	px_handle h;        /* first: what the user's `closed` is called with */
	px_handle listener; /* init, if connections are handed over; also marks where the walk of a
	                       drain turns round */
	proa_op accept;
	proa_op turn;   /* a timer: first the walk of a drain, then its deadline */
	px_watch watch; /* h.user points here */
	px_slab slab;
	px_gate own_gate, *gate;
	proa_serve_options o;
	proa_closed *closed;
	proa_socket held; /* accepted, when a shared gate had become full: waits for it */
	int64_t deadline_ns;
	unsigned n;
	bool draining, walked, ending, starved;
} px_server;
_Static_assert(sizeof(px_server) <= sizeof(proa_server), "px_ is large enough");
_Static_assert(sizeof(px_server) + 64 >= sizeof(proa_server), "px_ is not much too large");

/* Binds a server to the owner's loop, without a listener. 0, or EINVAL, ECANCELED (closing owner):
 * then nothing is bound. `gate` NULL: its own. */
int px_server_open(proa_handle *owner, px_server *, const proa_serve_options *, px_gate *gate);
/* Undoes px_server_open, if nothing has happened since. */
void px_server_unopen(px_server *);
/* Listens and accepts. 0 or an error of proa_listen. */
int px_server_listen(px_server *, const proa_addr *, const proa_listen_options *);
/* A connection for it, for which the gate has been entered; takes the socket, always. */
void px_server_take(px_server *, proa_socket);
/* The gate has room again. */
void px_server_resume(px_server *);
/* No more accepts; `drain` is called for each connection in the next iteration. Ends nothing. */
void px_server_drain(px_server *);

#endif
