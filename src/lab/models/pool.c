/* A thread pool: so many threads and no more, each serves one connection at a time to its end. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <stdint.h>
#include <string.h>

/* They all wait in accept; the kernel wakes one for each connection. */
static void *thread_run(void *arg)
{
	for (;;)
		px_lab_serve_one(px_lab_accept_fd((int)(intptr_t)arg));
	return NULL;
}

/* Memory is bounded now. So is service: a connection that is kept open keeps a thread, whether it
 * asks for something or not, and the next one has to wait for somebody to hang up. */
static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, 0, false);

	for (int i = 1; i < LAB_POOL; i++) {
		int rc = px_lab_thread(thread_run, (void *)(intptr_t)listener);

		if (rc)
			px_lab_die("no thread", rc);
	}
	px_lab_announce(listener);
	thread_run((void *)(intptr_t)listener);
}

const px_lab_model px_lab_pool = {
	.name = "pool",
	.about = "a pool of 64 threads, each serves a connection to its end",
	.wall = "there are 64 threads, and none is free until somebody leaves",
	.kib_each = 8,
	.serve = serve,
};
