/* A process per connection: how Unix served before threads, and how some databases still do. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The child is the blocking program again. Nothing it does can hurt its neighbours: it may crash,
 * leak, block. The price is an address space each: page tables, a kernel stack, copied pages. */
static void child_run(int listener, int fd)
{
	px_lab_end_with_parent();
	close(listener);
	px_lab_serve_one(fd);
	_exit(0);
}

static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, 0, false);

	signal(SIGCHLD, SIG_IGN); /* nobody asks how they ended: no zombies */
	px_lab_announce(listener);
	for (;;) {
		int fd = px_lab_accept_fd(listener);
		pid_t pid = fork();

		if (pid == 0)
			child_run(listener, fd);
		if (pid < 0)
			px_lab_say("fork: %s", strerror(errno));
		close(fd); /* the child has its own; without it the connection is dropped */
	}
}

const px_lab_model px_lab_process = {
	.name = "process",
	.about = "fork: a process for each connection",
	.kib_each = 350,
	.serve = serve,
};
