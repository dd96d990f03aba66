/* What the tests ask of the system, on POSIX: children, threads, locks, signals. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- other processes ---- */

bool host_child_start(host_child *child, int (*fn)(const char *arg), const char *arg)
{
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		alarm(120);
		_exit(fn(arg));
	}
	child->opaque[0] = (unsigned long long)pid;
	return pid > 0;
}

int host_child_wait(host_child *child)
{
	pid_t pid = (pid_t)child->opaque[0];
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int host_child_main(const char *which, const char *arg)
{
	fprintf(stderr, "children are forks here: --child %s %s\n", which, arg ? arg : "");
	return 2;
}

static void child_run(void (*fn)(void), int err)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	dup2(err, STDERR_FILENO);
	alarm(10);
	fn();
	fflush(NULL);
	_exit(0);
}

int host_dies(void (*fn)(void), char *said, size_t bytes)
{
	int pipe_fds[2], status;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	fflush(NULL);
	if (pipe(pipe_fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child_run(fn, pipe_fds[1]);
	close(pipe_fds[1]);
	while (have + 1 < bytes && (n = read(pipe_fds[0], said + have, bytes - 1 - have)) > 0)
		have += (size_t)n;
	said[have] = '\0';
	close(pipe_fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- threads ---- */

_Static_assert(sizeof(pthread_t) <= sizeof(host_thread), "a thread fits");

bool host_thread_start(host_thread *t, void *(*fn)(void *), void *arg)
{
	return pthread_create((pthread_t *)(void *)t, NULL, fn, arg) == 0;
}

void host_thread_join(host_thread *t)
{
	pthread_join(*(pthread_t *)(void *)t, NULL);
}

unsigned long long host_thread_id(void)
{
	return (unsigned long long)(uintptr_t)pthread_self();
}

typedef struct lock {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
} lock;
_Static_assert(sizeof(lock) <= sizeof(host_lock), "a lock fits");

static lock *of(host_lock *l)
{
	return (lock *)(void *)l;
}

void host_lock_init(host_lock *l)
{
	pthread_mutex_init(&of(l)->mutex, NULL);
	pthread_cond_init(&of(l)->cond, NULL);
}

void host_lock_destroy(host_lock *l)
{
	pthread_cond_destroy(&of(l)->cond);
	pthread_mutex_destroy(&of(l)->mutex);
}

void host_lock_enter(host_lock *l)
{
	pthread_mutex_lock(&of(l)->mutex);
}

void host_lock_leave(host_lock *l)
{
	pthread_mutex_unlock(&of(l)->mutex);
}

void host_lock_wait(host_lock *l)
{
	pthread_cond_wait(&of(l)->cond, &of(l)->mutex);
}

void host_lock_wake(host_lock *l)
{
	pthread_cond_broadcast(&of(l)->cond);
}

/* ---- signals ---- */

int host_signo(host_signal name)
{
	static const int numbers[] = {SIGUSR1, SIGUSR2, SIGKILL, SIGSTOP};

	return numbers[name];
}

void host_raise(int signo)
{
	raise(signo);
}

static struct {
	pthread_t thread, target;
	struct sigaction before;
	atomic_bool over;
	atomic_long sent;
	bool handled;
	int signo;
	unsigned pause_us;
} storm;

static void storm_handler(int signo)
{
	(void)signo;
}

static void *storm_run(void *unused)
{
	while (!atomic_load(&storm.over)) {
		pthread_kill(storm.target, storm.signo);
		atomic_fetch_add(&storm.sent, 1);
		if (storm.pause_us)
			host_sleep_us(storm.pause_us);
	}
	return unused;
}

void host_storm_start(int signo, bool handled, unsigned pause_us)
{
	struct sigaction on = {.sa_handler = storm_handler}; /* no SA_RESTART */

	storm.target = pthread_self();
	storm.signo = signo;
	storm.handled = handled;
	storm.pause_us = pause_us;
	atomic_store(&storm.over, false);
	atomic_store(&storm.sent, 0);
	if (handled)
		sigaction(signo, &on, &storm.before);
	if (pthread_create(&storm.thread, NULL, storm_run, NULL))
		abort();
}

long host_storm_sent(void)
{
	return atomic_load(&storm.sent);
}

long host_storm_stop(void)
{
	atomic_store(&storm.over, true);
	pthread_join(storm.thread, NULL);
	if (storm.handled)
		sigaction(storm.signo, &storm.before, NULL);
	return atomic_load(&storm.sent);
}

host_sigpipe host_sigpipe_now(void)
{
	struct sigaction action;
	sigset_t mask, pending;

	sigaction(SIGPIPE, NULL, &action);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	sigpending(&pending);
	return (host_sigpipe){.handler = (unsigned long long)(uintptr_t)action.sa_handler,
	                      .blocked = sigismember(&mask, SIGPIPE) == 1,
	                      .pending = sigismember(&pending, SIGPIPE) == 1};
}
