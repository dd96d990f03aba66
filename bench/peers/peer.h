/* How every peer's echo server starts, so that nothing but the library differs. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct px_peer {
	int listener; /* nonblocking, listening, announced; TCP_NODELAY is inherited from it */
	size_t size;  /* of a read buffer, and the buffer for libraries that can share one */
	char *chunk;
} px_peer;

/* Reads "--listen ADDR:PORT [--buffer BYTES]". Dies with a message on anything else. */
px_peer px_peer_start(int argc, char **argv);

/* A line on stderr and exit status 2. */
void px_peer_die(const char *what);

#ifdef __cplusplus
}
#endif

#endif
