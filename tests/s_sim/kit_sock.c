/* Plain sockets and files of the conformance tests, in a world; and what has no place there. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "s_sim/kit_sim.h"

#define PATIENCE_NS (20 * PROA_SEC)

/* ---- opening and connecting ---- */

static bool blocking[1 << 12]; /* by descriptor */

static px_simsock *sock_of(int fd)
{
	return px_sim_sock(sim_world(), fd);
}

int __wrap_host_sock(const proa_addr *addr, bool nonblock)
{
	px_simvisit from = px_sim_visit(sim_node());
	int32_t sys_error;
	int64_t fd = px_sock_open(addr, nonblock, &sys_error);

	px_sim_return(from);
	if (fd < 0)
		return -1;
	if (fd < (int64_t)(sizeof blocking / sizeof *blocking))
		blocking[fd] = !nonblock;
	return (int)fd;
}

int __wrap_host_sock_listen(proa_addr *addr, int backlog)
{
	proa_listen_options o = {.backlog = backlog};
	px_simvisit from;
	int32_t sys_error;
	int fd = __wrap_host_sock(addr, false), rc;

	if (fd < 0)
		return -1;
	from = px_sim_visit(sim_node());
	rc = px_sock_listen(fd, addr, &o, &sys_error);
	if (rc < 0)
		px_sock_close(fd, false);
	else
		px_sock_local(fd, addr);
	if (rc == 0 && backlog <= 0)
		sock_of(fd)->backlog_max = 1; /* a system's least */
	px_sim_return(from);
	return rc < 0 ? -1 : fd;
}

int __wrap_host_sock_bound(proa_addr *addr)
{
	int fd = __wrap_host_sock_listen(addr, 1);

	if (fd >= 0)
		sock_of(fd)->type = PX_SIM_STREAM; /* it has the address, and nobody hears there */
	return fd;
}

static bool has_backlog(void *user)
{
	return ((px_simsock *)user)->waiting > 0;
}

int __wrap_host_sock_accept(int listener)
{
	px_simsock *s = sock_of(listener);
	int32_t sys_error;
	int64_t fd;

	if (!sim_until(has_backlog, s, PATIENCE_NS))
		return -1;
	fd = px_sim_sock_fd(px_sim_backlog_pop(s), PX_ACCEPT, &sys_error);
	return fd < 0 ? -1 : (int)fd;
}

static bool has_answer(void *user)
{
	return !((px_simsock *)user)->connecting;
}

bool __wrap_host_sock_connect(int fd, const proa_addr *addr)
{
	px_simsock *s = sock_of(fd);

	if (px_sim_connect_begin(s, addr) < 0)
		return false;
	sim_pass(PROA_USEC);
	if (blocking[fd])
		sim_until(has_answer, s, PATIENCE_NS);
	return s->connected;
}

static void sock_end(int fd, bool reset)
{
	px_simvisit from = px_sim_visit(sim_node());

	if (fd >= 0)
		px_sock_close(fd, reset);
	px_sim_return(from);
}

void __wrap_host_sock_close(int fd)
{
	if (fd >= 0 && !sock_of(fd)) { /* a file */
		px_simvisit from = px_sim_visit(sim_node());

		px_file_close(fd);
		px_sim_return(from);
		return;
	}
	sock_end(fd, false);
}

void __wrap_host_sock_reset(int fd)
{
	sock_end(fd, true);
}

bool __wrap_host_sock_fin(int fd)
{
	return px_sim_stream_shut(sock_of(fd)) == 0;
}

void __wrap_host_sock_nodelay(int fd)
{
	CHECK(sock_of(fd));
}

void __wrap_host_sock_buffers(int fd, int bytes)
{
	(void)bytes; /* a world's windows are all of one size */
	CHECK(sock_of(fd));
}

void __wrap_host_sock_timeout(int fd, int seconds)
{
	(void)seconds;
	CHECK(sock_of(fd));
}

/* ---- bytes ---- */

static long told(int64_t n)
{
	return n >= 0 ? (long)n : n == PX_AGAIN ? -1 : -2;
}

long __wrap_host_sock_try_send(int fd, const void *bytes, size_t len)
{
	int32_t sys_error;

	sim_pass(100);
	return told(px_sim_stream_send(sock_of(fd), PX_SEND, bytes, len, &sys_error));
}

long __wrap_host_sock_try_recv(int fd, void *bytes, size_t len)
{
	int32_t sys_error;

	sim_pass(100); /* what was sent is there at once */
	return told(px_sim_stream_recv(sock_of(fd), PX_RECV, bytes, len, &sys_error));
}

long __wrap_host_sock_send(int fd, const void *bytes, size_t len)
{
	int64_t until = sim_world()->now_ns + PATIENCE_NS;
	size_t at = 0;

	while (at < len && sim_world()->now_ns < until) {
		long n = __wrap_host_sock_try_send(fd, (const char *)bytes + at, len - at);

		if (n == -2)
			return n;
		if (n > 0)
			at += (size_t)n;
		else
			sim_pass(PROA_USEC);
	}
	sim_pass(100);
	return (long)at;
}

static bool is_readable(void *user)
{
	return px_sim_stream_readable(user);
}

long __wrap_host_sock_recv(int fd, void *bytes, size_t len)
{
	sim_until(is_readable, sock_of(fd), PATIENCE_NS);
	return __wrap_host_sock_try_recv(fd, bytes, len);
}

int __wrap_host_sock_wait(const int *fd, bool *ready, int n, int ms)
{
	int64_t until = sim_world()->now_ns + ms * PROA_MSEC;
	int found = 0;

	for (;;) {
		for (int i = 0; i < n; i++) {
			ready[i] = fd[i] >= 0 && px_sim_stream_readable(sock_of(fd[i]));
			found += ready[i];
		}
		if (found || sim_world()->now_ns >= until)
			return found;
		sim_pass(10 * PROA_USEC);
	}
}

/* ---- files ---- */

int __wrap_host_file_temp(void)
{
	static unsigned n;
	unsigned flags = PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE;
	px_simvisit from = px_sim_visit(sim_node());
	char path[32];
	int32_t sys_error;
	int64_t fd;

	snprintf(path, sizeof path, "/temp-%u", ++n);
	fd = px_file_open(-1, path, flags, 0600, &sys_error);
	px_sim_return(from);
	return fd < 0 ? -1 : (int)fd;
}

/* On the node's disk; the real one too, for what is no file of proa's. */
bool __wrap_host_temp_dir(char *path, size_t bytes)
{
	px_simnode *node = sim_node();
	char made[200];

	if (!__real_host_temp_dir(path, bytes))
		return false;
	snprintf(made, sizeof made, "%s/made", path);
	return proa_world_file_put(node->world, node->name, made, NULL, 0) == 0;
}

bool __wrap_host_file_write(int fd, const void *bytes, size_t len, long long at)
{
	px_simvisit from = px_sim_visit(sim_node());
	int32_t sys_error;
	int64_t n = px_file_write(fd, bytes, len, at, &sys_error);

	px_sim_return(from);
	return n == (int64_t)len;
}

/* ---- what has no place in a world ---- */

const char *__wrap_host_lacks(host_feature feature)
{
	switch (feature) {
	case HOST_FORK: return "a world is not forked";
	case HOST_SIGNALS: return "a signal interrupts nothing in a world";
	case HOST_PAIR: return "a world has no socketpair";
	case HOST_FULL_DISK: return "a world has no file of that kind";
	case HOST_LINKS: return "the tests' links are the host's";
	case HOST_WATCH:
	case HOST_WATCH_SELF: return "a world's folders are not watched";
	case HOST_FOREIGN: return "nothing foreign is in a world";
	default: return NULL;
	}
}

static const struct {
	const char *test, *why;
} lacks[] = {
	{"close_does_not_touch_a_dup", "a world's descriptors are not copied"},
	{"datagram_socket_adopted", "the socket that it adopts is the host's"},
	{"open_backend_from_environment", "a world's nodes have no environment"},
	{"open_uses_the_allocator_only", "a world puts a word of its own before each block"},
	{"open_lends_its_allocator", "a world puts a word of its own before each block"},
	{"timer_million_armed_cancelled_fired", "an account of a million takes seconds"},
	{"work_lanes_apart", "its pipe with a name is the host's"},
	{"signal_disposition_comes_back", "a world's processes have no other handlers"},
	{"send_file_that_shrinks", "a world's files are cut by their own programs only"},
	{"local_sockets", "a local socket leaves no file in a world"},
	{"accepted_socket_handed_to_another_loop", "a world has one backend"},
	{"stats_count", "a world's loops make no system calls"},
	{"idle_ten_thousand_then_all_active", "its peers are other processes"},
	{"checker_*", "a world has a checker by itself"},
	{"send_file_of_one_opened_for_writing", "the folder of its file is the host's"},
};

const char *sim_lacks(const char *test)
{
	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		if (test_glob(lacks[i].test, test))
			return lacks[i].why;
	return NULL;
}
