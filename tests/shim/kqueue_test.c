/* The rules of kqueue(2) that the stand-in keeps, one test each. */
/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 8 };

static const struct timespec at_once;
static struct kevent got[ROOM];
/* The rules are those of a system that is kind. */
__attribute__((constructor)) static void without_torture(void)
{
	kqueue_shim_torture(0);
}

/* Applies one change, and nothing else: 0 or -1 and errno. */
static int change(int kq, int ident, short filter, int flags, void *udata)
{
	struct kevent c;

	EV_SET(&c, ident, filter, (unsigned short)flags, 0, 0, udata);
	return kevent(kq, &c, 1, NULL, 0, NULL);
}

static int look(int kq)
{
	return kevent(kq, NULL, 0, got, ROOM, &at_once);
}

static int user(int kq, int ident, int flags, unsigned fflags)
{
	struct kevent c;

	EV_SET(&c, ident, EVFILT_USER, (unsigned short)flags, fflags, 0, NULL);
	return kevent(kq, &c, 1, NULL, 0, NULL);
}

static int bound_open(struct sockaddr_in *at, int backlog) /* 0: no listener */
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)at, len), 0);
	CHECK_EQ(backlog ? listen(fd, backlog) : 0, 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

static void tcp_pair(int fd[2])
{
	struct sockaddr_in at;
	int listener = bound_open(&at, 8);

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(fd[0], (struct sockaddr *)&at, sizeof at), 0);
	fd[1] = accept(listener, NULL, NULL);
	CHECK(fd[1] >= 0);
	close(listener);
}

static void pair_close(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

/* ---- READ and WRITE ---- */

TEST(clear_tells_each_change_once)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(write(fd[1], "abc", 3), 3);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].ident, (unsigned)fd[0]);
	CHECK_EQ(got[0].filter, EVFILT_READ);
	CHECK_EQ(got[0].data, 3);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(write(fd[1], "d", 1), 1);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].data, 4);
	pair_close(fd);
	close(kq);
}

TEST(without_clear_it_is_told_again)
{
	int kq = kqueue(), fd[2];
	char c;

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD, NULL), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(look(kq), 0);
	pair_close(fd);
	close(kq);
}

/* What was so when it happened, and is so no more, is not told. */
TEST(what_is_so_is_looked_at_when_it_is_told)
{
	int kq = kqueue(), fd[2];
	char c;

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(look(kq), 0);
	pair_close(fd);
	close(kq);
}

TEST(one_filter_s_change_is_not_the_other_s)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].filter, EVFILT_WRITE);
	CHECK_GT(got[0].data, 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].filter, EVFILT_READ);
	pair_close(fd);
	close(kq);
}

TEST(adding_again_changes_udata_and_looks_anew)
{
	int kq = kqueue(), fd[2], first, second;

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, &first), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(look(kq), 1);
	CHECK(got[0].udata == &first);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, &second), 0);
	CHECK_EQ(look(kq), 1); /* once: the filter is there once */
	CHECK(got[0].udata == &second);
	CHECK_EQ(look(kq), 0);
	pair_close(fd);
	close(kq);
}

TEST(a_full_buffer_that_empties_is_told)
{
	int kq = kqueue(), fd[2];
	static char many[65536];

	tcp_pair(fd);
	CHECK_EQ(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	for (int i = 0; i < 3; i++) { /* what was on its way takes the room that came */
		while (write(fd[0], many, sizeof many) > 0)
			continue;
		usleep(1000);
	}
	look(kq);
	while (write(fd[0], many, sizeof many) > 0)
		continue;
	CHECK_EQ(look(kq), 0);
	for (int i = 0; i < 100 && look(kq) == 0; i++) {
		while (read(fd[1], many, sizeof many) > 0)
			continue;
		usleep(1000);
	}
	CHECK_EQ(got[0].filter, EVFILT_WRITE);
	CHECK_GT(write(fd[0], many, 1), 0);
	pair_close(fd);
	close(kq);
}

TEST(a_listener_s_data_is_its_backlog)
{
	int kq = kqueue(), client[2], listener;
	struct sockaddr_in at;

	listener = bound_open(&at, 8);
	CHECK_EQ(change(kq, listener, EVFILT_READ, EV_ADD, NULL), 0);
	CHECK_EQ(change(kq, listener, EVFILT_WRITE, EV_ADD, NULL), 0);
	CHECK_EQ(look(kq), 0);
	for (int i = 0; i < 2; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_EQ(connect(client[i], (struct sockaddr *)&at, sizeof at), 0);
	}
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].filter, EVFILT_READ);
	CHECK_EQ(got[0].data, 2);
	pair_close(client);
	close(listener);
	close(kq);
}

/* ---- ends ---- */

TEST(the_end_comes_with_what_is_left)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(write(fd[1], "last", 4), 4);
	shutdown(fd[1], SHUT_WR);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	CHECK_EQ(got[0].data, 4);
	CHECK_EQ(got[0].fflags, 0);
	/* The other direction is whole. */
	CHECK_EQ(change(kq, fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, 0);
	pair_close(fd);
	close(kq);
}

TEST(a_shutdown_of_one_s_own_ends_the_write_side)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	shutdown(fd[0], SHUT_WR);
	CHECK_EQ(change(kq, fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	pair_close(fd);
	close(kq);
}

TEST(a_reset_says_its_error_and_keeps_it)
{
	int kq = kqueue(), fd[2], error = 0;
	struct linger none = {.l_onoff = 1};
	socklen_t len = sizeof error;

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 0);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(fd[1]);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	CHECK_EQ(got[0].fflags, ECONNRESET);
	CHECK_EQ(getsockopt(fd[0], SOL_SOCKET, SO_ERROR, &error, &len), 0);
	CHECK_EQ(error, ECONNRESET);
	close(fd[0]);
	close(kq);
}

TEST(a_refused_connect_ends_the_write_side)
{
	struct timespec second = {.tv_sec = 1};
	struct sockaddr_in at;
	int kq = kqueue(), refusing = bound_open(&at, 0), fd, error = 0;
	socklen_t len = sizeof error;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK_EQ(change(kq, fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&at, sizeof at), -1);
	CHECK_EQ(kevent(kq, NULL, 0, got, ROOM, &second), 1);
	CHECK_EQ(got[0].filter, EVFILT_WRITE);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	CHECK_EQ(got[0].fflags, ECONNREFUSED);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	CHECK_EQ(error, ECONNREFUSED);
	close(refusing);
	close(fd);
	close(kq);
}

TEST(a_socket_that_was_never_connected_is_not_ready)
{
	int kq = kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_EQ(change(kq, fd, EVFILT_READ, EV_ADD, NULL), 0);
	CHECK_EQ(change(kq, fd, EVFILT_WRITE, EV_ADD, NULL), 0);
	CHECK_EQ(look(kq), 0);
	close(fd);
	close(kq);
}

TEST(a_pipe_has_an_end_on_either_side)
{
	int kq = kqueue(), in[2], out[2];

	REQUIRE(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	CHECK_EQ(change(kq, in[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 0);
	close(in[1]);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	CHECK_EQ(change(kq, out[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, 0);
	close(out[0]);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].flags & EV_EOF, EV_EOF);
	close(in[0]);
	close(out[1]);
	close(kq);
}

/* ---- flags ---- */

TEST(oneshot_deletes_and_dispatch_disables)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_ONESHOT, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_DELETE, NULL), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_DISPATCH, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(write(fd[1], "b", 1), 1);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ENABLE, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(look(kq), 0);
	pair_close(fd);
	close(kq);
}

TEST(disabled_is_not_told_until_enabled)
{
	int kq = kqueue(), fd[2];

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR | EV_DISABLE, NULL), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ENABLE, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_DISABLE, NULL), 0);
	CHECK_EQ(write(fd[1], "b", 1), 1);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
	CHECK_EQ(look(kq), 1);
	pair_close(fd);
	close(kq);
}

TEST(no_more_than_there_is_room_for_and_nobody_starves)
{
	enum { PAIRS = 5 };
	int kq = kqueue(), fd[PAIRS][2];
	unsigned seen = 0;

	for (int i = 0; i < PAIRS; i++) {
		tcp_pair(fd[i]);
		CHECK_EQ(write(fd[i][1], "a", 1), 1);
		CHECK_EQ(change(kq, fd[i][0], EVFILT_READ, EV_ADD, &fd[i]), 0);
	}
	for (int round = 0; round < PAIRS; round++) {
		CHECK_EQ(kevent(kq, NULL, 0, got, 2, &at_once), 2);
		for (int i = 0; i < 2; i++)
			seen |= 1u << ((int(*)[2])got[i].udata - fd);
	}
	CHECK_EQ(seen, (1u << PAIRS) - 1);
	for (int i = 0; i < PAIRS; i++)
		pair_close(fd[i]);
	close(kq);
}

/* ---- errors of changes ---- */

TEST(an_error_takes_the_place_of_events)
{
	int kq = kqueue(), fd[2];
	struct kevent c[3];

	tcp_pair(fd);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	EV_SET(&c[0], fd[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
	EV_SET(&c[1], fd[0], EVFILT_WRITE, EV_DELETE, 0, 0, &c);
	EV_SET(&c[2], fd[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
	CHECK_EQ(kevent(kq, c, 3, got, ROOM, NULL), 1); /* it does not wait, nor look */
	CHECK_EQ(got[0].flags, EV_DELETE | EV_ERROR);
	CHECK_EQ(got[0].data, ENOENT);
	CHECK_EQ(got[0].ident, (unsigned)fd[0]);
	CHECK(got[0].udata == &c);
	CHECK_EQ(look(kq), 2); /* those before and behind it were made */
	pair_close(fd);
	close(kq);
}

TEST(without_room_an_error_ends_the_call)
{
	int kq = kqueue(), fd[2];
	struct kevent c[2];

	tcp_pair(fd);
	EV_SET(&c[0], fd[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
	EV_SET(&c[1], fd[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
	CHECK_EQ(kevent(kq, c, 2, NULL, 0, NULL), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(look(kq), 0); /* the second was not made */
	pair_close(fd);
	close(kq);
}

TEST(receipts)
{
	int kq = kqueue(), fd[2];
	struct kevent c[2];

	tcp_pair(fd);
	EV_SET(&c[0], fd[0], EVFILT_WRITE, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, NULL);
	EV_SET(&c[1], fd[0], EVFILT_READ, EV_DELETE | EV_RECEIPT, 0, 0, NULL);
	CHECK_EQ(kevent(kq, c, 2, got, 2, NULL), 2);
	CHECK_EQ(got[0].flags, c[0].flags | EV_ERROR);
	CHECK_EQ(got[0].data, 0);
	CHECK_EQ(got[1].flags, c[1].flags | EV_ERROR);
	CHECK_EQ(got[1].data, ENOENT);
	CHECK_EQ(look(kq), 1);
	pair_close(fd);
	close(kq);
}

TEST(what_cannot_be)
{
	int kq = kqueue(), fd[2];
	struct timespec bad = {.tv_nsec = 1000000000}, far = {.tv_sec = 1000001};

	tcp_pair(fd);
	close(fd[1]);
	CHECK_EQ(change(kq, fd[1], EVFILT_READ, EV_ADD, NULL), -1);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(change(kq, fd[0], -9, EV_ADD, NULL), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(kevent(kq, NULL, 0, got, ROOM, &bad), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(kevent(kq, NULL, 0, got, ROOM, &far), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(kevent(fd[0], NULL, 0, got, ROOM, &at_once), -1);
	CHECK_EQ(errno, EBADF);
	close(fd[0]);
	close(kq);
}

/* ---- EVFILT_USER ---- */

TEST(user_events)
{
	int kq = kqueue();

	CHECK_EQ(user(kq, 7, EV_ADD | EV_CLEAR, NOTE_TRIGGER), 0);
	CHECK_EQ(look(kq), 0); /* the first does not fire */
	CHECK_EQ(user(kq, 7, 0, NOTE_TRIGGER), 0);
	CHECK_EQ(user(kq, 7, 0, NOTE_TRIGGER), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].filter, EVFILT_USER);
	CHECK_EQ(got[0].ident, 7);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(user(kq, 8, EV_ADD, 0), 0); /* without EV_CLEAR it stays */
	CHECK_EQ(user(kq, 8, 0, NOTE_TRIGGER | NOTE_FFCOPY | 5), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(got[0].ident, 8);
	CHECK_EQ(got[0].fflags, 5);
	CHECK_EQ(user(kq, 8, EV_DELETE, 0), 0);
	CHECK_EQ(user(kq, 8, 0, NOTE_TRIGGER), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(look(kq), 0);
	close(kq);
}

static void *ring_soon(void *kq)
{
	usleep(20000);
	CHECK_EQ(user(*(int *)kq, 1, 0, NOTE_TRIGGER), 0);
	return NULL;
}

TEST(another_thread_wakes_the_one_that_waits)
{
	int kq = kqueue();
	pthread_t thread;

	CHECK_EQ(user(kq, 1, EV_ADD | EV_CLEAR, 0), 0);
	REQUIRE(pthread_create(&thread, NULL, ring_soon, &kq) == 0);
	CHECK_EQ(kevent(kq, NULL, 0, got, ROOM, NULL), 1);
	pthread_join(thread, NULL);
	close(kq);
}

static int kq_of_handler;

static void on_alarm(int signo)
{
	(void)signo;
	user(kq_of_handler, 1, 0, NOTE_TRIGGER);
}

TEST(a_signal_interrupts_and_its_handler_may_trigger)
{
	struct sigaction ours = {.sa_handler = on_alarm}, before;
	int kq = kq_of_handler = kqueue(), n;

	CHECK_EQ(user(kq, 1, EV_ADD | EV_CLEAR, 0), 0);
	sigaction(SIGUSR1, &ours, &before);
	raise(SIGUSR1);
	CHECK_EQ(look(kq), 1);
	ualarm(0, 0);
	sigaction(SIGALRM, &ours, NULL);
	ualarm(20000, 0);
	n = kevent(kq, NULL, 0, got, ROOM, NULL);
	CHECK(n == 1 || (n == -1 && errno == EINTR));
	if (n == -1)
		CHECK_EQ(look(kq), 1);
	signal(SIGALRM, SIG_DFL);
	sigaction(SIGUSR1, &before, NULL);
	close(kq);
}

/* ---- time, close, fork ---- */

TEST(time_outs_are_never_early)
{
	int kq = kqueue();

	for (long ns = 1; ns < 10000000; ns *= 11) {
		struct timespec t = {.tv_nsec = ns};
		long long begin = test_now_ns();

		CHECK_EQ(kevent(kq, NULL, 0, got, ROOM, &t), 0);
		CHECK_GE(test_now_ns() - begin, ns);
	}
	close(kq);
}

TEST(a_close_deletes_the_filters)
{
	int kq = kqueue(), fd[2], again;
	unsigned long before = kqueue_shim_left();

	tcp_pair(fd);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD, NULL), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	again = dup(fd[0]); /* keeps the connection, not the filter */
	close(fd[0]);
	CHECK_EQ(look(kq), 0);
	CHECK_EQ(kqueue_shim_left() - before, 1);
	CHECK_EQ(dup2(again, fd[0]), fd[0]); /* the number again, without a filter */
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_DELETE, NULL), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_ADD, NULL), 0);
	CHECK_EQ(look(kq), 1);
	CHECK_EQ(change(kq, fd[0], EVFILT_READ, EV_DELETE, NULL), 0);
	close(again);
	pair_close(fd);
	close(kq);
}

TEST(no_child_inherits_a_queue)
{
	int kq = kqueue(), status = -1;
	pid_t child = fork();

	if (child == 0) {
		bool gone = look(kq) == -1 && errno == EBADF && fcntl(kq, F_GETFD) == -1;
		int own = kqueue();

		_exit(gone && own >= 0 && user(own, 1, EV_ADD, 0) == 0 ? 0 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(user(kq, 1, EV_ADD, 0), 0);
	CHECK_EQ(user(kq, 1, 0, NOTE_TRIGGER), 0);
	CHECK_EQ(look(kq), 1);
	close(kq);
}
