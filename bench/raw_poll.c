/* The reference for poll: an echo server by hand, one thread, everything right. */
/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "echo.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CHUNK = 64 * 1024, /* one buffer for all: only what could not be written is kept */
	ACCEPTS = 64,
	FIRST = 64, /* places; doubled when they are used up */
};

/* Two rows without gaps, the listener at 0: what the kernel reads at every wait, and beside it what
 * only a ready connection needs. */
static struct {
	struct pollfd *polls;
	px_echo *echoes;
	unsigned count, places;
	int spare;
	char chunk[CHUNK];
} server;

/* False: no memory. */
static bool places_grow(void)
{
	unsigned places = server.places ? server.places * 2 : FIRST;
	void *polls = realloc(server.polls, places * sizeof *server.polls);
	void *echoes;

	if (polls)
		server.polls = polls;
	echoes = polls ? realloc(server.echoes, places * sizeof *server.echoes) : NULL;
	if (!echoes)
		return false;
	server.echoes = echoes;
	server.places = places;
	return true;
}

/* False: no memory. */
static bool conn_add(int fd)
{
	if (server.count == server.places && !places_grow())
		return false;
	server.polls[server.count] = (struct pollfd){.fd = fd, .events = POLLIN};
	server.echoes[server.count++] = (px_echo){.fd = fd};
	return true;
}

/* The last one takes its place. */
static void conn_remove(unsigned i)
{
	px_echo_close(&server.echoes[i]);
	server.count--;
	server.polls[i] = server.polls[server.count];
	server.echoes[i] = server.echoes[server.count];
}

/* What is left unread makes the next wait return at once, after the others had their turn. */
static px_echo_state conn_turn(unsigned i)
{
	px_echo *e = &server.echoes[i];
	px_echo_state state = PX_ECHO_FULL;

	if (e->kept)
		state = px_echo_flush(e);
	if (state == PX_ECHO_FULL)
		state = px_echo_move(e, server.chunk, CHUNK);
	server.polls[i].events = state == PX_ECHO_KEPT ? POLLOUT : POLLIN;
	return state;
}

/* Out of descriptors: the one held back takes the connection and drops it, or the listener would
 * spin. */
static void listener_shed(void)
{
	close(server.spare);
	close(accept(server.polls[0].fd, NULL, NULL));
	server.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listener_accept(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(server.polls[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && !conn_add(fd))
			close(fd);
		else if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			listener_shed();
		else if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* From the end, so that the place of a connection that goes is taken by one already served; as far
 * as there are ready ones. */
static void ready_serve(int n)
{
	for (unsigned i = server.count; i-- > 1 && n > 0;) {
		if (!server.polls[i].revents)
			continue;
		n--;
		if (conn_turn(i) == PX_ECHO_GONE)
			conn_remove(i);
	}
	if (n > 0)
		listener_accept();
}

int main(int argc, char **argv)
{
	px_bench_prepare();
	server.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!conn_add(px_bench_listen(px_bench_listen_arg(argc, argv), SOCK_NONBLOCK)))
		px_bench_die("places", ENOMEM);
	for (;;)
		ready_serve(poll(server.polls, server.count, -1));
}
