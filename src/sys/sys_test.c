/* The platform: errors, locks, threads, sockets, files, folders, signals. */
/* SPDX-License-Identifier: MIT */
#include "posix/posix.h"

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(errors)
{
	CHECK_EQ(px_sys_error(ECONNRESET), -PROA_ECONNRESET);
	CHECK_EQ(px_sys_error(ENOSPC), -PROA_ENOSPC);
	CHECK_EQ(px_sys_error(ESPIPE), -PROA_ESEEK);
	CHECK_EQ(px_sys_error(12345), -PROA_ESYS);
	CHECK_EQ(px_sys_error(EAGAIN), -PROA_ESYS);
}

/* ---- threads ---- */

typedef struct shared {
	px_lock lock;
	int turn, sum;
	bool masked;
} shared;

static void take_turns(void *arg)
{
	shared *s = arg;
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	px_lock_enter(&s->lock);
	s->masked = sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGPIPE);
	for (int i = 0; i < 100; i++) {
		while (s->turn != 1)
			px_lock_wait(&s->lock);
		s->sum++;
		s->turn = 0;
		px_lock_wake_all(&s->lock);
	}
	px_lock_leave(&s->lock);
}

TEST(lock_and_thread)
{
	shared s = {.turn = 0};
	px_thread t;

	px_lock_init(&s.lock);
	REQUIRE(px_thread_start(&t, take_turns, &s, "turns") == 0);
	px_lock_enter(&s.lock);
	for (int i = 0; i < 100; i++) {
		s.turn = 1;
		px_lock_wake_one(&s.lock);
		while (s.turn != 0)
			px_lock_wait_until(&s.lock, INT64_MAX);
	}
	px_lock_leave(&s.lock);
	px_thread_join(&t);
	CHECK_EQ(s.sum, 100);
	CHECK(s.masked);
	px_lock_destroy(&s.lock);
}

TEST(lock_times_out)
{
	px_lock l;
	int64_t before = px_sys_now_ns(), until = before + 5 * PROA_MSEC;

	px_lock_init(&l);
	px_lock_enter(&l);
	CHECK(!px_lock_wait_until(&l, 0));
	while (px_lock_wait_until(&l, until)) {
		/* spurious */
	}
	CHECK_GE(px_sys_now_ns(), until);
	px_lock_leave(&l);
	px_lock_destroy(&l);
}

TEST(sigpipe_is_swallowed)
{
	int fd[2];
	int32_t sys;
	bool blocked = px_sys_sigpipe_block();

	CHECK(blocked);
	CHECK(!px_sys_sigpipe_block());
	REQUIRE(pipe(fd) == 0);
	close(fd[0]);
	CHECK_EQ(write(fd[1], "x", 1), -1);
	CHECK_EQ(errno, EPIPE);
	close(fd[1]);
	px_sys_sigpipe_restore();
	CHECK(px_sys_cpus() >= 1);
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

/* ---- sockets ---- */

TEST(socket_pack)
{
	proa_socket none = {0}, s = px_socket_pack(0, PROA_LOCAL, false);

	CHECK_NE(s.id, 0);
	CHECK_EQ(px_socket_fd(s), 0);
	CHECK_EQ(px_socket_kind(s), PROA_LOCAL);
	CHECK_EQ(px_socket_fd(none), -1);
	CHECK(!px_socket_nonblock(s));
	s = px_socket_pack(0, PROA_LOCAL, true);
	CHECK(px_socket_nonblock(s));
	CHECK_EQ(px_socket_fd(s), 0);
	CHECK_EQ(px_socket_kind(s), PROA_LOCAL);
}

/* A connected pair over TCP: [0] the connecting end, non-blocking both. */
static bool tcp_pair(const char *at, int fd[2])
{
	proa_addr a;
	int32_t sys;
	int64_t n;
	int ls;

	if (px_addr_parse(&a, at, 0))
		return false;
	ls = (int)px_sock_open(&a, true, &sys);
	if (!CHECK(ls >= 0) || !CHECK_EQ(px_sock_listen(ls, &a, NULL, &sys), 0))
		return false;
	CHECK_EQ(px_sock_accept(ls, true, &sys), PX_AGAIN);
	CHECK_EQ(px_sock_local(ls, &a), 0);
	fd[0] = (int)px_sock_open(&a, true, &sys);
	n = px_sock_connect(fd[0], &a, &sys);
	CHECK(n == 0 || n == PX_AGAIN);
	for (int i = 0; (fd[1] = (int)px_sock_accept(ls, true, &sys)) == PX_AGAIN && i < 1000; i++)
		usleep(1000);
	px_sock_close(ls, false);
	return CHECK(fd[1] >= 0) && CHECK_EQ(px_sock_error(fd[0], &sys), 0);
}

TEST(socket_bytes)
{
	proa_vec vec[3] = {{"abc", 3}, {"", 0}, {"defg", 4}};
	char buf[16];
	int fd[2] = {-1, -1}, on;
	socklen_t len = sizeof on;
	int32_t sys;

	REQUIRE(tcp_pair("127.0.0.1:0", fd));
	CHECK_EQ(getsockopt(fd[1], 6, 1, &on, &len), 0);
	CHECK_EQ(on, 1); /* TCP_NODELAY, inherited */
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), PX_AGAIN);
	CHECK_EQ(px_sock_sendv(fd[0], vec, 3, 1, &sys), 6);
	CHECK_EQ(px_sock_sendv(fd[0], vec, 3, 3, &sys), 4);
	usleep(2000);
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), 10);
	CHECK_MEM(buf, "bcdefgdefg", 10);
	CHECK_EQ(px_sock_set_keepalive(fd[0], 10, 2, 3), 0);
	CHECK_EQ(px_sock_set_keepalive(fd[0], 0, 0, 0), 0);
	CHECK_EQ(px_sock_set_buffers(fd[0], 65536, 0), 0);
	CHECK_EQ(px_sock_set_nonblock(fd[0], false), 0);
	CHECK_EQ(px_sock_shutdown(fd[0], &sys), 0);
	usleep(2000);
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), 0);
	px_sock_close(fd[1], true);
	usleep(2000);
	CHECK_EQ(px_sock_recv(fd[0], buf, sizeof buf, &sys), -PROA_ECONNRESET);
	px_sock_close(fd[0], false);
}

TEST(socket_everywhere)
{
	proa_addr a;
	int32_t sys;
	int fd;

	REQUIRE(px_addr_parse(&a, ":0", 0) == 0);
	fd = (int)px_sock_open(&a, true, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_sock_listen(fd, &a, NULL, &sys), 0);
	px_sock_close(fd, false);
}

/* ---- files ---- */

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

TEST(file_bytes)
{
	proa_stat_info st;
	char buf[8];
	int32_t sys;
	int fd;

	REQUIRE(dir_make());
	CHECK_EQ(px_file_open(dir_fd, "f", PROA_O_READ, 0, &sys), -PROA_ENOENT);
	CHECK_EQ(sys, ENOENT);
	CHECK_EQ(px_file_open(dir_fd, "f", 0, 0, &sys), -PROA_EINVAL);
	fd = (int)px_file_open(dir_fd, "f", PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE, 0640, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_write(fd, "hello", 5, 2, &sys), 5);
	CHECK_EQ(px_file_read(fd, buf, 8, 3, &sys), 4);
	CHECK_MEM(buf, "ello", 4);
	CHECK_EQ(px_file_sync(fd, &sys), 0);
	CHECK_EQ(px_file_stat(fd, &st, &sys), 0);
	CHECK_EQ(st.size_bytes, 7);
	CHECK_EQ(st.type, PROA_S_FILE);
	CHECK_EQ(st.mode & 0600, 0600);
	px_file_close(fd);
	fd = (int)px_file_open(-1, "/dev/full", PROA_O_WRITE, 0, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_write(fd, "x", 1, 0, &sys), -PROA_ENOSPC);
	px_file_close(fd);
	unlinkat(dir_fd, "f", 0);
	dir_drop();
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

enum { ENTRIES = 300 };

static void entries_make(bool make)
{
	char name[64];

	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof name, "entry-with-a-longer-name-%d", i);
		if (make)
			close(openat(dir_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		else
			unlinkat(dir_fd, name, 0);
	}
}

/* Each entry once, whatever the room is, so that the position is put back right. */
static void entries_read(size_t room)
{
	_Alignas(proa_dirent) char buf[8192];
	unsigned char seen[ENTRIES] = {0};
	int64_t n;
	int32_t sys;
	int index, total = 0;

	lseek(dir_fd, 0, SEEK_SET);
	while ((n = px_dir_read(dir_fd, buf, room, &sys)) > 0) {
		for (int64_t at = 0; at < n;) {
			const proa_dirent *d = (const proa_dirent *)(const void *)(buf + at);

			if (CHECK_EQ(sscanf(d->name, "entry-with-a-longer-name-%d", &index), 1))
				CHECK(!seen[index]++);
			CHECK_EQ(d->stat.type, PROA_S_FILE);
			CHECK_EQ(strlen(d->name), d->name_len);
			total++;
			at += d->bytes;
		}
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(total, ENTRIES);
}

TEST(dir_read)
{
	REQUIRE(dir_make());
	entries_make(true);
	entries_read(1024);
	entries_read(1500);
	entries_read(8192);
	entries_make(false);
	dir_drop();
}

/* ---- signals ---- */

static atomic_int rung[3];

static void ring_count(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void handler_before(int signo)
{
	PX_UNUSED(signo);
	atomic_fetch_add(&rung[2], 1);
}

TEST(signal_shared)
{
	int a, b;

	signal(SIGUSR1, handler_before);
	for (unsigned i = 0; i < 3; i++)
		atomic_store(&rung[i], 0);
	a = px_signal_watch(SIGUSR1, ring_count, &rung[0]);
	b = px_signal_watch(SIGUSR1, ring_count, &rung[1]);
	REQUIRE(a >= 0 && b >= 0 && a != b);
	raise(SIGUSR1);
	px_signal_unwatch(a);
	raise(SIGUSR1);
	px_signal_unwatch(b);
	raise(SIGUSR1);
	CHECK_EQ(rung[0], 1);
	CHECK_EQ(rung[1], 2);
	CHECK_EQ(rung[2], 1);
	signal(SIGUSR1, SIG_DFL);
}

TEST(signal_refused)
{
	int slot[64];

	CHECK_EQ(px_signal_watch(0, ring_count, &rung[0]), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(1000, ring_count, &rung[0]), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(SIGKILL, ring_count, &rung[0]), -PROA_EINVAL);
	for (int i = 0; i < 64; i++)
		CHECK_GE(slot[i] = px_signal_watch(SIGUSR2, ring_count, &rung[0]), 0);
	CHECK_EQ(px_signal_watch(SIGUSR2, ring_count, &rung[0]), -PROA_EBUSY);
	for (int i = 0; i < 64; i++)
		px_signal_unwatch(slot[i]);
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
	int keep = px_signal_watch(SIGUSR1, ring_count, &rung[2]);
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
