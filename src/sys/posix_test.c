/* What only POSIX has, and what its files share: errno, masks, SIGPIPE, forks, waking, paths. */
/* SPDX-License-Identifier: MIT */
#include "posix/child.h"
#include "posix/posix.h"

#include "test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(errors)
{
	CHECK_EQ(px_sys_error(ECONNRESET), -PROA_ECONNRESET);
	CHECK_EQ(px_sys_error(ENOSPC), -PROA_ENOSPC);
	CHECK_EQ(px_sys_error(ESPIPE), -PROA_ESEEK);
	CHECK_EQ(px_sys_error(E2BIG), -PROA_ETOOLONG);
	CHECK_EQ(px_sys_error(12345), -PROA_ESYS);
	CHECK_EQ(px_sys_error(EAGAIN), -PROA_ESYS);
}

/* ---- threads ---- */

static void look_at_mask(void *arg)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	*(bool *)arg = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGPIPE) == 1;
}

TEST(thread_blocks_every_signal)
{
	bool masked = false;
	px_thread t;

	REQUIRE(px_thread_start(&t, look_at_mask, &masked, "mask") == 0);
	px_thread_join(&t);
	CHECK(masked);
}

enum { STACK_WALK = 1536 * 1024 };

static void walk_the_stack(void *arg)
{
	volatile char room[STACK_WALK];

	for (size_t i = 0; i < sizeof room; i += 1024)
		room[i] = 1;
	*(char *)arg = room[0];
}

TEST(thread_has_a_stack)
{
	char walked = 0;
	px_thread t;

	REQUIRE(px_thread_start(&t, walk_the_stack, &walked, "stack") == 0);
	px_thread_join(&t);
	CHECK_EQ(walked, 1);
}

TEST(sigpipe_is_swallowed)
{
	int fd[2];
	int32_t sys;
	bool blocked = px_sys_sigpipe_block();

#ifndef PX_SIGPIPE_COMES
	CHECK(!blocked);
	SKIP("no call here raises it");
#endif
	CHECK(blocked);
	CHECK(!px_sys_sigpipe_block());
	REQUIRE(pipe(fd) == 0);
	close(fd[0]);
	CHECK_EQ(write(fd[1], "x", 1), -1);
	CHECK_EQ(errno, EPIPE);
	close(fd[1]);
	px_sys_sigpipe_restore();
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	close(fd[0]);
	CHECK_EQ(px_sock_send(fd[1], "x", 1, &sys), -PROA_EPIPE);
	CHECK_EQ(sys, EPIPE);
	close(fd[1]);
}

TEST(fork_mark)
{
	const volatile unsigned char *mark = px_sys_fork_mark();
	int status;
	pid_t child;

	if (!mark)
		SKIP("no memory that a fork wipes");
	CHECK_EQ(*mark, 1);
	child = fork();
	if (child == 0)
		_exit(*mark);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_EQ(*mark, 1);
	px_sys_fork_unmark(mark);
}

TEST(wake)
{
	px_wake w;
	uint64_t n;

	REQUIRE(px_wake_open(&w) == 0);
	px_wake_drain(&w);
	px_wake_ring(&w);
	px_wake_ring(&w);
	px_wake_drain(&w);
	CHECK_EQ(read(w.rd, &n, sizeof n), -1);
	CHECK_EQ(errno, EAGAIN);
	px_wake_close(&w);
	px_wake_close(&w);
}

/* Cut to PX_IO_MOST, and whole to what is not asked for the memory behind it. */
TEST(one_call_moves_so_much_at_most)
{
	size_t len = PX_IO_MOST + 4096;
	char *many = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int32_t sys;

	REQUIRE(many != MAP_FAILED && fd >= 0);
	CHECK_EQ(px_file_write(fd, many, len, 0, &sys), (int64_t)PX_IO_MOST);
	CHECK_EQ(px_file_write(fd, many, 4096, 0, &sys), 4096);
	close(fd);
	munmap(many, len);
}

/* ---- sockets ---- */

TEST(shutdown_of_a_local_socket_whose_peer_has_closed)
{
	int fd[2], unconnected = px_sock_new(AF_INET, SOCK_STREAM, true);
	int32_t sys;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 && unconnected >= 0);
	close(fd[0]);
	CHECK_EQ(px_sock_shutdown(fd[1], &sys), 0);
	CHECK_EQ(sys, 0);
	close(fd[1]);
	CHECK_EQ(px_sock_shutdown(unconnected, &sys), -PROA_ENOTCONN);
	CHECK_EQ(sys, ENOTCONN);
	close(unconnected);
}

/* However they are made: no exec inherits one, and O_NONBLOCK is as wished. */
TEST(socket_flags)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		int ls = px_sock_new(AF_INET, SOCK_STREAM, !nonblock);
		int out = px_sock_new(AF_INET, SOCK_STREAM, false);
		int32_t sys;
		int in;

		REQUIRE(ls >= 0 && out >= 0);
		at.sin_port = 0;
		CHECK_EQ(bind(ls, (struct sockaddr *)&at, sizeof at), 0);
		CHECK_EQ(listen(ls, 1), 0);
		CHECK_EQ(getsockname(ls, (struct sockaddr *)&at, &len), 0);
		CHECK_EQ(connect(out, (struct sockaddr *)&at, sizeof at), 0);
		CHECK_EQ(px_sock_accept_probe(ls, &sys), 0);
		in = px_sock_accept_new(ls, nonblock);
		REQUIRE(in >= 0);
		CHECK_EQ(fcntl(ls, F_GETFD) & fcntl(in, F_GETFD), FD_CLOEXEC);
		CHECK_EQ(!!(fcntl(ls, F_GETFL) & O_NONBLOCK), !nonblock);
		CHECK_EQ(!!(fcntl(in, F_GETFL) & O_NONBLOCK), nonblock);
		close(in);
		close(out);
		close(ls);
	}
}

/* ---- paths ---- */

static char dir_name[64];
static int dir_fd = -1;

static bool dir_make(void)
{
	snprintf(dir_name, sizeof dir_name, "proa-sys-XXXXXX");
	if (!CHECK(mkdtemp(dir_name) != NULL))
		return false;
	dir_fd = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return CHECK(dir_fd >= 0);
}

static void dir_drop(void)
{
	close(dir_fd);
	CHECK_EQ(rmdir(dir_name), 0);
}

typedef int opener(int dir, const char *path, int oflags, unsigned mode);

static int try_open(opener *fn, const char *path, int oflags)
{
	int fd = fn(dir_fd, path, oflags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* What both ways must refuse and allow. */
static void beneath_common(opener *fn)
{
	CHECK_EQ(try_open(fn, "in/f", O_RDONLY), 0);
	CHECK_EQ(try_open(fn, "./in//f", O_RDONLY), 0);
	CHECK_EQ(try_open(fn, "in/", O_RDONLY), 0);
	CHECK_EQ(try_open(fn, "in/f/", O_RDONLY), ENOTDIR);
	CHECK_EQ(try_open(fn, "in/none", O_RDONLY), ENOENT);
	CHECK_EQ(try_open(fn, "", O_RDONLY), ENOENT);
	CHECK_EQ(try_open(fn, "..", O_RDONLY), EACCES);
	CHECK_EQ(try_open(fn, "../x", O_RDONLY | O_CREAT), EACCES);
	CHECK_EQ(try_open(fn, "in/../../x", O_RDONLY), EACCES);
	CHECK_EQ(try_open(fn, "/etc/passwd", O_RDONLY), EACCES);
	CHECK_EQ(try_open(fn, "out", O_RDONLY), EACCES);
	CHECK_EQ(try_open(fn, "out/passwd", O_RDONLY), EACCES);
	CHECK_EQ(try_open(fn, "out", O_RDONLY | O_DIRECTORY), EACCES);
	CHECK_EQ(try_open(fn, "up/x", O_RDONLY), EACCES);
}

TEST(beneath)
{
	REQUIRE(dir_make());
	REQUIRE(mkdirat(dir_fd, "in", 0700) == 0);
	close(openat(dir_fd, "in/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK_EQ(symlinkat("/etc", dir_fd, "out"), 0);
	CHECK_EQ(symlinkat("..", dir_fd, "up"), 0);
	CHECK_EQ(symlinkat("in/f", dir_fd, "stays"), 0);
	beneath_common(px_open_beneath);
	beneath_common(px_open_walk);
	CHECK_EQ(try_open(px_open_walk, "stays", O_RDONLY), EACCES);
	unlinkat(dir_fd, "out", 0);
	unlinkat(dir_fd, "up", 0);
	unlinkat(dir_fd, "stays", 0);
	unlinkat(dir_fd, "in/f", 0);
	unlinkat(dir_fd, "in", AT_REMOVEDIR);
	dir_drop();
}

/* ---- signals ---- */

static atomic_int rung;

static void ring_count(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static atomic_bool storm_over;

static void storm(void *arg)
{
	while (!atomic_load(&storm_over))
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

/* Watched and unwatched under fire: the argument is poisoned the moment unwatch is back. */
TEST(signal_storm)
{
	pthread_t self = pthread_self();
	int keep = px_signal_watch(SIGUSR1, ring_count, &rung);
	px_thread t;

	atomic_store(&storm_over, false);
	REQUIRE(keep >= 0 && px_thread_start(&t, storm, &self, "storm") == 0);
	for (int i = 0; i < TEST_TIMES(5000); i++) {
		atomic_int *count = calloc(1, sizeof *count);
		int slot = px_signal_watch(SIGUSR1, ring_count, count);

		if (!CHECK(slot >= 0))
			break;
		px_signal_unwatch(slot);
		free(count);
	}
	atomic_store(&storm_over, true);
	px_thread_join(&t);
	px_signal_unwatch(keep);
}

/* It ended, and another has waited for it, before anybody could begin to watch it. */
TEST(child_gone_before_it_is_watched)
{
	struct pollfd p = {.events = POLLIN};
	pid_t pid = fork();
	int32_t sys_error;
	int signo;

	if (pid == 0)
		_exit(0);
	REQUIRE(pid > 0 && waitpid(pid, NULL, 0) == pid);
	p.fd = px_child_watch(pid);
	REQUIRE(p.fd >= 0);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK_EQ(px_child_reap(pid, p.fd, &signo, &sys_error), -PROA_ECHILD);
	close(p.fd);
}
