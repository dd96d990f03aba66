/* The plain baseline: an echo server with a thread per connection. */
/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

enum {
	CHUNK = 64 * 1024,
	STACK = 128 * 1024, /* of it a connection touches what its messages fill */
	BREATH_US = 1000,
};

static int chunk_write(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

static void *conn_run(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char chunk[CHUNK];

	for (;;) {
		ssize_t n = recv(fd, chunk, sizeof chunk, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || chunk_write(fd, chunk, (size_t)n))
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t attr;
	int listener;

	px_bench_prepare();
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	listener = px_bench_listen(px_bench_listen_arg(argc, argv), 0);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0) {
			usleep(BREATH_US); /* of descriptors or memory, or a connection lost in the
			                      queue */
			continue;
		}
		if (pthread_create(&thread, &attr, conn_run, (void *)(intptr_t)fd))
			close(fd);
	}
}
