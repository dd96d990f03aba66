/* A thread per connection: the same program again, in one address space. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

static void *thread_run(void *arg)
{
	px_lab_serve_one((int)(intptr_t)arg);
	return NULL;
}

/* The scheduler is the event loop here: it keeps a stack for everyone who waits, and wakes the one
 * whose bytes came. Each message costs a switch of threads, and each idle connection a stack. */
static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, 0, false);

	px_lab_announce(listener);
	for (;;) {
		int fd = px_lab_accept_fd(listener);
		int rc = px_lab_thread(thread_run, (void *)(intptr_t)fd);

		if (rc) {
			px_lab_say("no thread: %s", strerror(rc));
			close(fd);
		}
	}
}

const px_lab_model px_lab_thread_each = {
	.name = "thread",
	.about = "a thread for each connection",
	.kib_each = 48,
	.serve = serve,
};
