/* Who is woken by a new connection, and who gets it: several threads, three ways to listen. */
/* SPDX-License-Identifier: MIT */
#include "lab/accepts.h"

#include "lab/cell.h"
#include "proa/net.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GAP_US = 200 }; /* time enough for whoever was woken for nothing to lie down again */

typedef struct acceptor {
	px_lab_accepts *found;
	int index, listener;
	uint32_t events;
} acceptor;

static atomic_uint woken;

/* Takes what it can get, says hello so that the client knows, and sleeps again. */
static void *acceptor_run(void *arg)
{
	acceptor *a = arg;
	struct epoll_event event = {.events = a->events};
	int queue = epoll_create1(EPOLL_CLOEXEC);

	if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, a->listener, &event))
		px_lab_die("epoll", errno);
	for (;;) {
		int fd;

		if (epoll_wait(queue, &event, 1, -1) != 1)
			continue;
		atomic_fetch_add(&woken, 1);
		if ((fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
			continue;
		a->found->taken[a->index]++;
		send(fd, "h", 1, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void connect_once(const proa_addr *addr)
{
	int fd = socket((int)addr->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	if (fd < 0 || connect(fd, (const struct sockaddr *)(const void *)addr->data, addr->len) ||
	    recv(fd, &byte, 1, 0) != 1)
		px_lab_die("connecting", errno);
	close(fd);
	usleep(GAP_US);
}

/* The threads stay asleep when their way is done; the process ends them. */
static void way_run(px_lab_accepts *found, uint32_t events, bool share, uint32_t connections)
{
	static acceptor acceptors[ACCEPT_WAYS * LAB_THREADS];
	static acceptor *next = acceptors;
	int listener = px_lab_listen("127.0.0.1:0", SOCK_NONBLOCK, share);
	char name[PX_LAB_ADDR];
	proa_addr addr;

	px_lab_name(listener, name);
	if (proa_addr_parse(&addr, name, 0) < 0)
		px_lab_die(name, EINVAL);
	for (int i = 0; i < LAB_THREADS; i++, next++) {
		bool own = share && i;

		*next = (acceptor){.found = found,
		                   .index = i,
		                   .events = events,
		                   .listener = own ? px_lab_listen(name, SOCK_NONBLOCK, true)
		                                   : listener};
		if (px_lab_thread(acceptor_run, next))
			px_lab_die("no thread", EAGAIN);
	}
	usleep(20 * 1000);
	atomic_store(&woken, 0);
	for (uint32_t i = 0; i < connections; i++)
		connect_once(&addr);
	found->woken = atomic_load(&woken);
}

static _Noreturn void ways_run(px_lab_accepts *found, uint32_t connections)
{
	px_lab_end_with_parent();
	way_run(&found[0], EPOLLIN, false, connections);
	way_run(&found[1], EPOLLIN | EPOLLEXCLUSIVE, false, connections);
	way_run(&found[2], EPOLLIN, true, connections);
	_exit(0);
}

bool px_lab_accepts_run(px_lab_accepts out[ACCEPT_WAYS], uint32_t connections)
{
	size_t bytes = ACCEPT_WAYS * sizeof *out;
	px_lab_accepts *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t pid;

	if (found == MAP_FAILED || (pid = fork()) < 0)
		px_lab_die("a process", errno);
	if (pid == 0)
		ways_run(found, connections);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (px_lab_stopped)
			kill(pid, SIGKILL);
	memcpy(out, found, bytes);
	munmap(found, bytes);
	out[0].way = "one listener in every epoll";
	out[1].way = "the same, EPOLLEXCLUSIVE";
	out[2].way = "a listener each, SO_REUSEPORT";
	return status == 0;
}
