/* How every peer's echo server starts. */
/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "../common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BYTES = 64 * 1024, BUFFER_MAX = 64 * 1024 * 1024 };

px_peer px_peer_start(int argc, char **argv)
{
	px_peer peer = {.size = DEFAULT_BYTES};
	const char *listen = NULL;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && !strcmp(argv[i], "--listen"))
			listen = argv[i + 1];
		else if (i + 1 < argc && !strcmp(argv[i], "--buffer"))
			peer.size = strtoul(argv[i + 1], NULL, 10);
		else
			px_bench_usage(argv[0], "--listen ADDR:PORT [--buffer BYTES]");
	}
	if (!listen || !peer.size || peer.size > BUFFER_MAX)
		px_bench_usage(argv[0], "--listen ADDR:PORT [--buffer BYTES]");
	px_bench_prepare();
	peer.chunk = malloc(peer.size);
	if (!peer.chunk)
		px_bench_die("buffer", ENOMEM);
	peer.listener = px_bench_listen(listen, SOCK_NONBLOCK);
	return peer;
}

void px_peer_die(const char *what)
{
	px_bench_fail(what);
}
