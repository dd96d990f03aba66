/* Time, threads, locks and signal masks, by POSIX threads. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"
#include "thread_np.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* macOS slews the one that POSIX names, and tells it by microseconds. Conditions there wait for
 * what is left, so they need not know it. */
#ifdef __APPLE__
#define CLOCK CLOCK_MONOTONIC_RAW
#else
#define CLOCK CLOCK_MONOTONIC
#endif

int64_t px_os_sys_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK, &t);
	return (int64_t)t.tv_sec * PROA_SEC + t.tv_nsec;
}

int64_t px_os_sys_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * PROA_SEC + t.tv_nsec;
}

void px_os_sys_yield(void)
{
	sched_yield();
}

int64_t px_sys_pid(void)
{
	return getpid();
}

/* ---- locks ---- */

typedef struct __attribute__((may_alias)) lock {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
} lock;
_Static_assert(sizeof(lock) <= offsetof(px_lock, system), "px_lock is large enough");
_Static_assert(_Alignof(lock) <= _Alignof(px_lock), "px_lock is aligned enough");

static lock *lock_of(px_lock *l)
{
	return (lock *)(void *)l;
}

/* Locks fail only when they are misused; then the program is wrong, and going on would race. */
static void lock_must(int error)
{
	px_assert(error == 0);
}

void px_os_lock_init(px_lock *l)
{
	lock_must(pthread_mutex_init(&lock_of(l)->mutex, NULL));
	lock_must(px_cond_init(&lock_of(l)->cond));
}

void px_os_lock_destroy(px_lock *l)
{
	lock_must(pthread_cond_destroy(&lock_of(l)->cond));
	lock_must(pthread_mutex_destroy(&lock_of(l)->mutex));
}

void px_os_lock_enter(px_lock *l)
{
	lock_must(pthread_mutex_lock(&lock_of(l)->mutex));
}

void px_os_lock_leave(px_lock *l)
{
	lock_must(pthread_mutex_unlock(&lock_of(l)->mutex));
}

void px_os_lock_wait(px_lock *l)
{
	lock_must(pthread_cond_wait(&lock_of(l)->cond, &lock_of(l)->mutex));
}

bool px_os_lock_wait_until(px_lock *l, int64_t deadline_ns)
{
	int error;

	if (deadline_ns == INT64_MAX) {
		px_os_lock_wait(l);
		return true;
	}
	error = px_cond_wait_until(&lock_of(l)->cond, &lock_of(l)->mutex, deadline_ns);
	px_assert(error == 0 || error == ETIMEDOUT);
	return error == 0;
}

void px_os_lock_wake_one(px_lock *l)
{
	lock_must(pthread_cond_signal(&lock_of(l)->cond));
}

void px_os_lock_wake_all(px_lock *l)
{
	lock_must(pthread_cond_broadcast(&lock_of(l)->cond));
}

/* ---- threads ---- */

enum { STACK_BYTES = 2 * 1024 * 1024 };

typedef struct __attribute__((may_alias)) thread {
	pthread_t id;
	void (*fn)(void *);
	void *arg;
	const char *name;
} thread;
_Static_assert(sizeof(thread) <= offsetof(px_thread, system), "px_thread is large enough");

static void *thread_main(void *p)
{
	thread *t = p;

	px_thread_name(t->name);
	t->fn(t->arg);
	return NULL;
}

/* What macOS and OpenBSD (512 KiB) or musl (128 KiB) give a thread is little for work that was
 * written elsewhere; memory that is not touched costs nothing. */
static int thread_create(thread *t)
{
	pthread_attr_t attr;
	size_t bytes;
	int error = pthread_attr_init(&attr);

	if (error)
		return error;
	if (!pthread_attr_getstacksize(&attr, &bytes) && bytes < STACK_BYTES)
		pthread_attr_setstacksize(&attr, STACK_BYTES);
	error = pthread_create(&t->id, &attr, thread_main, t);
	pthread_attr_destroy(&attr);
	return error;
}

/* The mask is inherited, so it is set here for the time of the creation: no signal ever finds the
 * new thread open. */
int px_os_thread_start(px_thread *pt, void (*fn)(void *), void *arg, const char *name)
{
	thread *t = (thread *)(void *)pt;
	sigset_t all, old;
	int error;

	t->fn = fn;
	t->arg = arg;
	t->name = name;
	sigfillset(&all);
	lock_must(pthread_sigmask(SIG_SETMASK, &all, &old));
	error = thread_create(t);
	lock_must(pthread_sigmask(SIG_SETMASK, &old, NULL));
	return error ? -PROA_ENOMEM : 0;
}

void px_os_thread_join(px_thread *pt)
{
	lock_must(pthread_join(((thread *)(void *)pt)->id, NULL));
}

/* ---- limits ---- */

static int64_t limit_soft(int error, const struct rlimit *r)
{
	if (error || r->rlim_cur == RLIM_INFINITY)
		return -1;
	return r->rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)r->rlim_cur;
}

int64_t px_sys_limit_files(void)
{
	struct rlimit r;
	int error = getrlimit(RLIMIT_NOFILE, &r);

	return limit_soft(error, &r);
}

int64_t px_sys_limit_memlock(void)
{
	struct rlimit r;
	int error = getrlimit(RLIMIT_MEMLOCK, &r);

	return limit_soft(error, &r);
}
