/* Listening, accepting, and one turn of a connection that is echoed without blocking. */
/* SPDX-License-Identifier: MIT */
#include "lab/model.h"
#include "proa/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16 * 1024, BACKLOG = 4096, BREATH_US = 10 * 1000 };

static atomic_int spare = -1; /* a descriptor, see shed() */

int px_lab_listen(const char *text, int flags, bool share)
{
	proa_addr addr;
	int fd, on = 1;

	if (proa_addr_parse(&addr, text, 0) < 0)
		px_lab_die(text, EINVAL);
	fd = socket((int)addr.family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		px_lab_die("socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on))
		px_lab_die("SO_REUSEPORT", errno);
	if (bind(fd, (struct sockaddr *)(void *)addr.data, addr.len) || listen(fd, BACKLOG))
		px_lab_die(text, errno);
	if (flags & SOCK_NONBLOCK && spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd;
}

void px_lab_name(int listener, char text[PX_LAB_ADDR])
{
	proa_addr addr = {.len = sizeof addr.data};
	struct sockaddr *sa = (struct sockaddr *)(void *)addr.data;

	if (getsockname(listener, sa, &addr.len))
		px_lab_die("getsockname", errno);
	addr.family = sa->sa_family;
	if (proa_addr_print(&addr, text, PX_LAB_ADDR) < 0)
		px_lab_die("getsockname", EINVAL);
}

void px_lab_announce(int listener)
{
	char text[PX_LAB_ADDR];

	px_lab_name(listener, text);
	printf("listening %s\n", text);
	fflush(stdout);
}

int px_lab_accept_fd(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno == ECONNABORTED || errno == EINTR)
			continue; /* it left while it was waiting in the queue */
		px_lab_say("cannot accept: %s", strerror(errno));
		usleep(BREATH_US);
	}
}

/* Out of descriptors, a listener that says "ready" until somebody takes the connection would keep
 * the loop busy for nothing. One descriptor is held back to take it and drop it; by one thread at a
 * time. */
static void shed(int listener)
{
	int fd = atomic_exchange(&spare, -1);

	px_lab_say("cannot accept: %s", strerror(errno));
	if (fd < 0)
		return;
	close(fd);
	close(accept(listener, NULL, NULL));
	atomic_store(&spare, open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void *px_lab_accept(int listener, size_t bytes)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		px_lab_conn *c;

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				shed(listener);
			return NULL;
		}
		if (!(c = calloc(1, bytes))) {
			close(fd);
			return NULL;
		}
		c->fd = fd;
		return c;
	}
}

void px_lab_close(px_lab_conn *c)
{
	close(c->fd);
	free(c->kept);
	free(c);
}

/* Bytes that went out, fewer if the peer does not take them; -1: it is gone. */
static ssize_t bytes_send(int fd, const char *data, size_t bytes)
{
	ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n;
}

static px_lab_next kept_send(px_lab_conn *c)
{
	ssize_t n = bytes_send(c->fd, c->kept + c->from, c->to - c->from);

	if (n < 0)
		return LAB_GONE;
	c->from += (uint32_t)n;
	if (c->from < c->to)
		return LAB_WRITE;
	free(c->kept);
	c->kept = NULL;
	return LAB_AGAIN; /* what came meanwhile was not read */
}

static px_lab_next keep(px_lab_conn *c, const char *data, size_t bytes)
{
	if (!(c->kept = malloc(bytes)))
		return LAB_GONE;
	memcpy(c->kept, data, bytes);
	c->from = 0;
	c->to = (uint32_t)bytes;
	return LAB_WRITE;
}

px_lab_next px_lab_turn(px_lab_conn *c)
{
	char chunk[CHUNK]; /* the thread's, not the connection's: one that is idle holds none */
	ssize_t n, sent;

	if (c->kept)
		return kept_send(c);
	n = recv(c->fd, chunk, CHUNK, 0);
	if (n < 0 && errno == EAGAIN)
		return LAB_READ;
	if (n <= 0)
		return n < 0 && errno == EINTR ? LAB_AGAIN : LAB_GONE;
	sent = bytes_send(c->fd, chunk, (size_t)n);
	if (sent < 0)
		return LAB_GONE;
	if (sent < n)
		return keep(c, chunk + sent, (size_t)(n - sent));
	return n == CHUNK ? LAB_AGAIN : LAB_READ;
}
