/* The platform's contract, on each: locks, threads, sockets, files, folders, signals. */
/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

#include "host_file.h"
#include "host_net.h"
#include "test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- threads ---- */

typedef struct shared {
	px_lock lock;
	int turn, sum;
} shared;

static void take_turns(void *arg)
{
	shared *s = arg;

	px_lock_enter(&s->lock);
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
	px_lock_destroy(&s.lock);
}

TEST(cpus)
{
	CHECK_GE(px_sys_cpus(), 1);
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
		host_sleep_us(1000);
	px_sock_close(ls, false);
	return CHECK(fd[1] >= 0) && CHECK_EQ(px_sock_error(fd[0], &sys), 0);
}

TEST(socket_bytes)
{
	proa_vec vec[3] = {{"abc", 3}, {"", 0}, {"defg", 4}};
	char buf[16];
	int fd[2] = {-1, -1};
	int64_t got;
	int32_t sys;

	REQUIRE(tcp_pair("127.0.0.1:0", fd));
	CHECK(host_sock_is_nodelay(fd[1])); /* inherited */
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), PX_AGAIN);
	CHECK_EQ(px_sock_sendv(fd[0], vec, 3, 1, &sys), 6);
	CHECK_EQ(px_sock_sendv(fd[0], vec, 3, 3, &sys), 4);
	host_sleep_us(2000);
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), 10);
	CHECK_MEM(buf, "bcdefgdefg", 10);
	CHECK_EQ(px_sock_set_keepalive(fd[0], 10, 2, 3), 0);
	CHECK_EQ(px_sock_set_keepalive(fd[0], 0, 0, 0), 0);
	CHECK_EQ(px_sock_set_buffers(fd[0], 65536, 0), 0);
	CHECK_EQ(px_sock_set_nonblock(fd[0], false), 0);
	CHECK_EQ(px_sock_shutdown(fd[0], &sys), 0);
	host_sleep_us(2000);
	CHECK_EQ(px_sock_recv(fd[1], buf, sizeof buf, &sys), 0);
	px_sock_close(fd[1], true);
	host_sleep_us(2000);
	got = px_sock_recv(fd[0], buf, sizeof buf, &sys);
	CHECK(got == -PROA_ECONNRESET || (got == 0 && host_lacks(HOST_RESETS)));
	px_sock_close(fd[0], false);
}

/* What is parsed and what the system tells are the same bytes. */
static void told_as_parsed(const char *text)
{
	char printed[PROA_ADDR_TEXT];
	proa_addr told, parsed;
	int32_t sys;
	int fd;

	REQUIRE(px_addr_parse(&parsed, text, 0) == 0);
	fd = (int)px_sock_open(&parsed, true, &sys);
	if (fd < 0)
		return; /* no v6 here; of that others tell */
	CHECK_EQ(px_sock_listen(fd, &parsed, NULL, &sys), 0);
	CHECK_EQ(px_sock_local(fd, &told), 0);
	CHECK(px_addr_print(&told, printed, sizeof printed) > 0);
	CHECK_EQ(px_addr_parse(&parsed, printed, 0), 0);
	CHECK_EQ(parsed.len, told.len);
	CHECK_MEM(parsed.data, told.data, sizeof told.data);
	px_sock_close(fd, false);
}

TEST(socket_address_is_told_as_parsed)
{
	told_as_parsed("127.0.0.1:0");
	told_as_parsed("[::1]:0");
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

static int dir_open(void)
{
	int32_t sys;

	return (int)px_file_open(-1, dir_name, PROA_O_READ | PROA_O_DIR, 0, &sys);
}

static bool dir_make(void)
{
	snprintf(dir_name, sizeof dir_name, "proa-sys-%u", host_pid());
	return CHECK(host_make_dir(dir_name));
}

static const char *in_dir(const char *name)
{
	static char path[160];

	snprintf(path, sizeof path, "%s/%s", dir_name, name);
	return path;
}

TEST(file_bytes)
{
	proa_stat_info st;
	char buf[8];
	int32_t sys;
	int fd, dir_fd;

	REQUIRE(dir_make());
	REQUIRE((dir_fd = dir_open()) >= 0);
	CHECK_EQ(px_file_open(dir_fd, "f", PROA_O_READ, 0, &sys), -PROA_ENOENT);
	CHECK_NE(sys, 0);
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
	px_file_close(dir_fd);
	CHECK(host_remove(in_dir("f")));
	CHECK(host_remove(dir_name));
}

TEST(file_full)
{
	int32_t sys;
	int fd;

	NEED(HOST_FULL_DISK);
	fd = (int)px_file_open(-1, host_path_full_disk(), PROA_O_WRITE, 0, &sys);
	REQUIRE(fd >= 0);
	CHECK_EQ(px_file_write(fd, "x", 1, 0, &sys), -PROA_ENOSPC);
	px_file_close(fd);
}

enum { ENTRIES = 300 };

static void entries_make(bool make)
{
	char name[64];

	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof name, "entry-with-a-longer-name-%d", i);
		CHECK(make ? host_make_file(in_dir(name)) : host_remove(in_dir(name)));
	}
}

/* Each entry once, whatever the room is, so that the position is put back right. */
static void entries_read(size_t room)
{
	_Alignas(proa_dirent) char buf[8192];
	unsigned char seen[ENTRIES] = {0};
	int64_t n;
	int32_t sys;
	int index, total = 0, dir_fd;

	REQUIRE((dir_fd = dir_open()) >= 0);
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
	px_file_close(dir_fd);
}

TEST(dir_read)
{
	REQUIRE(dir_make());
	entries_make(true);
	entries_read(1024);
	entries_read(1500);
	entries_read(8192);
	entries_make(false);
	CHECK(host_remove(dir_name));
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

	signal(host_signo(HOST_SIG_A), handler_before);
	for (unsigned i = 0; i < 3; i++)
		atomic_store(&rung[i], 0);
	a = px_signal_watch(host_signo(HOST_SIG_A), ring_count, &rung[0]);
	b = px_signal_watch(host_signo(HOST_SIG_A), ring_count, &rung[1]);
	REQUIRE(a >= 0 && b >= 0 && a != b);
	host_raise(host_signo(HOST_SIG_A));
	px_signal_unwatch(a);
	host_raise(host_signo(HOST_SIG_A));
	px_signal_unwatch(b);
	host_raise(host_signo(HOST_SIG_A));
	CHECK_EQ(rung[0], 1);
	CHECK_EQ(rung[1], 2);
	CHECK_EQ(rung[2], 1);
	signal(host_signo(HOST_SIG_A), SIG_DFL);
}

TEST(signal_refused)
{
	int slot[64];

	CHECK_EQ(px_signal_watch(0, ring_count, &rung[0]), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(1000, ring_count, &rung[0]), -PROA_EINVAL);
	CHECK_EQ(px_signal_watch(host_signo(HOST_SIG_KILL), ring_count, &rung[0]), -PROA_EINVAL);
	for (int i = 0; i < 64; i++)
		CHECK_GE(slot[i] = px_signal_watch(host_signo(HOST_SIG_B), ring_count, &rung[0]),
		         0);
	CHECK_EQ(px_signal_watch(host_signo(HOST_SIG_B), ring_count, &rung[0]), -PROA_EBUSY);
	for (int i = 0; i < 64; i++)
		px_signal_unwatch(slot[i]);
}
