/* A stand-in for kqueue(2) over epoll, so that the kqueue backend runs the suite on Linux. */
/* SPDX-License-Identifier: MIT */
#include "shim.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- what it is ----
 *
 * An emulation, for tests. It keeps these rules of the BSDs (kqueue(2)), of which kqueue_test.c has
 * a test each: a filter of a descriptor is there once, and adding it again changes its udata and
 * looks anew; EV_CLEAR tells each change once; what is so is looked at again when it is told;
 * EV_ONESHOT deletes, EV_DISPATCH disables; a change's error takes the place of events, EV_RECEIPT
 * makes one of success too, and a call that has either does not wait; without room for it an error
 * ends the call; EV_EOF comes with the bytes that are left and with the socket's error; a socket
 * that was never connected is neither readable nor writable; closing a descriptor deletes its
 * filters; a kqueue is not there in a forked child.
 *
 * Where the systems differ it is the stricter one: a first EV_ADD with NOTE_TRIGGER does not fire,
 * EVFILT_WRITE tells only of room where there was none, flags stay what they were when added, a
 * time-out above a million seconds is none, an error's event keeps the change's flags.
 *
 * ---- what it cannot show ----
 *
 * The sockets are Linux's: what a shutdown, a reset or a full buffer do is not what a BSD does, and
 * accepted sockets inherit no flags. The socket's error in `fflags` is guessed (look.c). Only
 * close(2) is seen, called by what is linked with --wrap=close; dup2 and fclose are not. There are
 * EVFILT_READ, EVFILT_WRITE, EVFILT_USER, EVFILT_VNODE (vnode.c) and EVFILT_TIMER (in milliseconds)
 * only, no regular files but for their VNODE, and a kqueue closed under a thread that waits in it
 * is not supported. One inside of another is an epoll inside of another. It takes three descriptors
 * or more instead of one, and several system calls, so no measurement means anything. */

/* All state of this file. Held with every signal blocked: handlers call kevent too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static shim_queue *queues;
static sigset_t mask_before_fork;
static unsigned long left;

/* What --wrap=close makes of calls, and calls. */
int __wrap_close(int fd);
int __real_close(int fd);

static void lock_enter(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, mask);
	pthread_mutex_lock(&lock);
}

static void lock_leave(const sigset_t *mask)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

/* ---- queues ---- */

static shim_queue *queue_find(int fd)
{
	shim_queue *q = queues;

	while (q && q->fd != fd)
		q = q->next;
	return q;
}

static void descriptors_close(const shim_queue *q)
{
	if (q->writes >= 0)
		__real_close(q->writes);
	if (q->bell >= 0)
		__real_close(q->bell);
	if (q->names >= 0)
		__real_close(q->names);
}

static void queue_close(shim_queue **at)
{
	shim_queue *q = *at;

	*at = q->next;
	while (q->users)
		shim_note_free(q, &q->users);
	for (size_t i = 0; i < q->n_files * SHIM_FILTERS; i++)
		if (q->files[i])
			shim_note_free(q, &q->files[i]);
	free(q->files);
	descriptors_close(q);
	free(q);
}

static void fork_before(void)
{
	lock_enter(&mask_before_fork);
}

static void fork_after(void)
{
	lock_leave(&mask_before_fork);
}

/* Nothing is taken out of the epolls: they are the parent's as well. */
static void fork_child(void)
{
	while (queues) {
		shim_queue *q = queues;

		queues = q->next;
		__real_close(q->fd);
		descriptors_close(q);
		for (size_t i = 0; i < q->n_files * SHIM_FILTERS; i++)
			free(q->files[i]);
		while (q->users) {
			shim_note *n = q->users;

			q->users = n->sibling;
			if (n->timer >= 0)
				shim_close(n->timer);
			free(n);
		}
		free(q->files);
		free(q);
	}
	lock_leave(&mask_before_fork);
}

__attribute__((constructor)) static void shim_begin(void)
{
	pthread_atfork(fork_before, fork_after, fork_child);
}

static int descriptors_open(shim_queue *q)
{
	struct epoll_event writes = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	struct epoll_event ring = {.events = EPOLLET, .data.u64 = UINT64_MAX};
	int error;

	q->names = -1;
	q->fd = epoll_create1(0);
	q->writes = epoll_create1(EPOLL_CLOEXEC);
	q->bell = eventfd(1, EFD_CLOEXEC);
	if (q->fd >= 0 && q->writes >= 0 && q->bell >= 0 &&
	    !epoll_ctl(q->fd, EPOLL_CTL_ADD, q->writes, &writes) &&
	    !epoll_ctl(q->fd, EPOLL_CTL_ADD, q->bell, &ring))
		return 0;
	error = errno;
	if (q->fd >= 0)
		__real_close(q->fd);
	descriptors_close(q);
	return error;
}

int kqueue(void)
{
	shim_queue *q = calloc(1, sizeof *q);
	sigset_t mask;
	int error;

	if (!q) {
		errno = ENOMEM;
		return -1;
	}
	q->end = &q->first;
	if ((error = descriptors_open(q))) {
		free(q);
		errno = error;
		return -1;
	}
	lock_enter(&mask);
	q->next = queues;
	queues = q;
	lock_leave(&mask);
	return q->fd;
}

/* ---- kevent and close ---- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sleeps until something may have happened; nothing is taken from the epolls by looking so. */
static int queue_sleep(int fd, int64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t ns = deadline_ns < 0 ? 0 : deadline_ns - now_ns();
	struct timespec t = {.tv_sec = ns > 0 ? ns / 1000000000 : 0,
	                     .tv_nsec = ns > 0 ? ns % 1000000000 : 0};

	return ppoll(&p, 1, deadline_ns < 0 ? NULL : &t, NULL);
}

/* With the lock held, but for the sleep. The time over once, it has still looked once. */
static int events_await(int fd, struct kevent *out, int room, int64_t deadline_ns, sigset_t *mask)
{
	for (;;) {
		shim_queue *q = queue_find(fd);
		int told = q ? shim_events_take(q, out, room) : -1;
		int slept;

		if (!q)
			errno = EBADF;
		if (told || (deadline_ns >= 0 && now_ns() >= deadline_ns))
			return told;
		q->waiting++;
		lock_leave(mask);
		slept = queue_sleep(fd, deadline_ns);
		lock_enter(mask);
		if ((q = queue_find(fd)))
			q->waiting--;
		if (slept < 0)
			return -1;
	}
}

enum { TIME_MOST_SEC = 1000000, TORTURE_CYCLE = 5, TORTURE_EINTR = 1, TORTURE_EARLY = 3 };

static bool time_is_bad(const struct timespec *t)
{
	return t && (t->tv_sec < 0 || t->tv_sec > TIME_MOST_SEC || t->tv_nsec < 0 ||
	             t->tv_nsec >= 1000000000);
}

/* Is this wait one of those that end at once? Then *n is what it returns. A mere look is none. */
static bool wait_tortured(const struct timespec *t, int *n)
{
	static unsigned waits;
	unsigned turn;

	if (!shim_torture || (t && !t->tv_sec && !t->tv_nsec))
		return false;
	turn = waits++ % TORTURE_CYCLE;
	if (turn == TORTURE_EINTR) {
		errno = EINTR;
		*n = -1;
	}
	return turn == TORTURE_EINTR || (turn == TORTURE_EARLY && t);
}

static int64_t deadline_of(const struct timespec *t)
{
	return t ? now_ns() + (int64_t)t->tv_sec * 1000000000 + t->tv_nsec : -1;
}

int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
           const struct timespec *timeout)
{
	bool bad_time = time_is_bad(timeout);
	sigset_t mask;
	shim_queue *q;
	int n = -1, saved;

	lock_enter(&mask);
	q = queue_find(kq);
	if (!q || bad_time)
		errno = q ? EINVAL : EBADF;
	else
		n = shim_changes_apply(q, changes, nchanges, events, nevents);
	if (n == 0 && nevents > 0 && !wait_tortured(timeout, &n))
		n = events_await(kq, events, nevents, deadline_of(timeout), &mask);
	saved = errno;
	lock_leave(&mask);
	errno = saved;
	return n;
}

static void descriptor_closed(shim_queue *q, int fd)
{
	for (size_t i = 0; i < SHIM_FILTERS; i++) {
		shim_note **place = (size_t)fd < q->n_files
		                            ? &q->files[(size_t)fd * SHIM_FILTERS + i]
		                            : NULL;

		if (!place || !*place)
			continue;
		left += i != SHIM_VNODE; /* closing is how that one is taken away */
		shim_note_free(q, place);
	}
}

int __wrap_close(int fd)
{
	sigset_t mask;

	lock_enter(&mask);
	for (shim_queue **at = &queues; fd >= 0 && *at;) {
		if ((*at)->fd == fd) {
			queue_close(at);
			continue;
		}
		descriptor_closed(*at, fd);
		at = &(*at)->next;
	}
	lock_leave(&mask);
	return __real_close(fd);
}

void shim_close(int fd)
{
	__real_close(fd);
}

/* ---- for tests ---- */

void kqueue_shim_refuse(int nth, int error)
{
	sigset_t mask;

	lock_enter(&mask);
	shim_refuse_in = nth;
	shim_refuse_error = error;
	lock_leave(&mask);
}

void kqueue_shim_no_user(int unknown)
{
	sigset_t mask;

	lock_enter(&mask);
	shim_no_user = unknown;
	lock_leave(&mask);
}

void kqueue_shim_torture(int on)
{
	sigset_t mask;

	lock_enter(&mask);
	shim_torture = on;
	lock_leave(&mask);
}

unsigned long kqueue_shim_left(void)
{
	sigset_t mask;
	unsigned long n;

	lock_enter(&mask);
	n = left;
	lock_leave(&mask);
	return n;
}
