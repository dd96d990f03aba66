/* What of threads differs between POSIX systems: clocks, names, and whether sends raise SIGPIPE. */
/* SPDX-License-Identifier: MIT */
#include "thread_np.h"

#include <time.h>
#ifdef __OpenBSD__
#include <pthread_np.h>
#endif

static struct timespec time_of(int64_t ns)
{
	ns = PX_MAX(ns, 0);
	return (struct timespec){.tv_sec = (time_t)(ns / PROA_SEC),
	                         .tv_nsec = (long)(ns % PROA_SEC)};
}

/* ---- a condition waits by the monotonic clock; macOS cannot be told so, but takes what is left
 * ---- */

#ifdef __APPLE__
int px_cond_init(pthread_cond_t *cond)
{
	return pthread_cond_init(cond, NULL);
}

int px_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns)
{
	struct timespec left = time_of(deadline_ns - px_os_sys_now_ns());

	return pthread_cond_timedwait_relative_np(cond, mutex, &left);
}
#else
int px_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int error = pthread_condattr_init(&attr);

	if (error)
		return error;
	error = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!error)
		error = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return error;
}

int px_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns)
{
	struct timespec t = time_of(deadline_ns);

	return pthread_cond_timedwait(cond, mutex, &t);
}
#endif

/* ---- names ---- */

void px_thread_name(const char *name)
{
#if defined(__APPLE__)
	pthread_setname_np(name);
#elif defined(__NetBSD__)
	pthread_setname_np(pthread_self(), "%s", (void *)(uintptr_t)name);
#elif defined(__OpenBSD__)
	pthread_set_name_np(pthread_self(), name);
#else
	pthread_setname_np(pthread_self(), name);
#endif
}

/* ---- SIGPIPE ---- */

#ifdef PX_SIGPIPE_COMES
static sigset_t sigpipe_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return set;
}

bool px_sys_sigpipe_block(void)
{
	sigset_t set = sigpipe_set(), old;
	int error = pthread_sigmask(SIG_BLOCK, &set, &old);

	px_assert(!error);
	return !sigismember(&old, SIGPIPE);
}

/* OpenBSD has no sigtimedwait; what is pending there, sigwait takes at once. */
static void sigpipe_swallow(const sigset_t *set)
{
#ifdef __OpenBSD__
	sigset_t pending;
	int signo;

	if (!sigpending(&pending) && sigismember(&pending, SIGPIPE))
		sigwait(set, &signo);
#else
	static const struct timespec at_once;

	while (sigtimedwait(set, NULL, &at_once) == -1 && errno == EINTR) {
		/* another signal came first: look again */
	}
#endif
}

/* It was not blocked before, so what is pending on this thread came from what ran in between. */
void px_sys_sigpipe_restore(void)
{
	sigset_t set = sigpipe_set();
	int error;

	sigpipe_swallow(&set);
	error = pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	px_assert(!error);
}
#else
bool px_sys_sigpipe_block(void)
{
	return false;
}

void px_sys_sigpipe_restore(void)
{
}
#endif
