/* Blocking, one at a time: the program every book begins with. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/list.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* recv and send each put the thread to sleep until they have done something. The code reads like
 * the protocol, and there is no state but the place in the program. That is why people love it. */
static bool all_sent(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
		}
	}
	return true;
}

void px_lab_serve_one(int fd)
{
	char chunk[16 * 1024];

	for (;;) {
		ssize_t n = recv(fd, chunk, sizeof chunk, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !all_sent(fd, chunk, (size_t)n))
			break;
	}
	close(fd);
}

/* While this one thinks, or sleeps, or has gone to lunch, all the others wait in the listener's
 * queue: the kernel has accepted them, the program has not. */
static void serve(const char *addr)
{
	int listener = px_lab_listen(addr, 0, false);

	px_lab_announce(listener);
	for (;;)
		px_lab_serve_one(px_lab_accept_fd(listener));
}

const px_lab_model px_lab_blocking = {
	.name = "blocking",
	.about = "blocking calls, one connection after the other",
	.wall = "the others wait until the first one leaves",
	.kib_each = 8,
	.serve = serve,
};
