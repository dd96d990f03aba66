/* The one process-wide table of watched signals. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { SLOTS = 64 };

/* ---- states of a slot ----
 *
 *   FREE (0) --watch--> the signal's number --unwatch--> LEAVING --no handler inside--> FREE
 *
 * A handler enters a slot in two steps: it counts itself in, then looks at the number again.
 * Unwatch takes the number away, then looks at the count. Both orders are sequentially consistent,
 * so one of the two sees the other: either the handler does not ring, or unwatch waits for it. */
enum { FREE = 0, LEAVING = -1 };

typedef struct slot {
	_Atomic int signo;
	_Atomic unsigned inside;
	void (*ring)(void *); /* written while FREE or LEAVING, read behind `signo` */
	void *arg;
} slot;

static slot slots[SLOTS];
/* Guards what follows, and FREE -> number. */
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before[NSIG]; /* the disposition that comes back */
static unsigned watchers[NSIG];

/* Signal context. */
static void signal_came(int signo)
{
	int saved = errno;

	for (unsigned i = 0; i < SLOTS; i++) {
		slot *s = &slots[i];

		if (atomic_load(&s->signo) != signo)
			continue;
		atomic_fetch_add(&s->inside, 1);
		if (atomic_load(&s->signo) == signo)
			s->ring(s->arg);
		atomic_fetch_sub(&s->inside, 1);
	}
	errno = saved;
}

static slot *slot_free(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (atomic_load(&slots[i].signo) == FREE)
			return &slots[i];
	return NULL;
}

static int signal_take(int signo)
{
	struct sigaction ours = {.sa_handler = signal_came, .sa_flags = SA_RESTART};

	sigemptyset(&ours.sa_mask);
	if (watchers[signo] == 0 && sigaction(signo, &ours, &before[signo]))
		return -PROA_EINVAL;
	watchers[signo]++;
	return 0;
}

static int slot_watch(int signo, void (*ring)(void *), void *arg)
{
	slot *s = slot_free();
	int error;

	if (!s)
		return -PROA_EBUSY;
	s->ring = ring;
	s->arg = arg;
	atomic_store(&s->signo, signo);
	error = signal_take(signo);
	if (!error)
		return (int)(s - slots);
	atomic_store(&s->signo, FREE);
	return error;
}

int px_os_signal_watch(int signo, void (*ring)(void *), void *arg)
{
	int slot_or_error;

	if (signo < 1 || signo >= NSIG)
		return -PROA_EINVAL;
	pthread_mutex_lock(&table);
	slot_or_error = slot_watch(signo, ring, arg);
	pthread_mutex_unlock(&table);
	return slot_or_error;
}

/* A handler that this thread's own signal runs is over when we go on, so waiting here cannot wait
 * for ourselves. */
void px_os_signal_unwatch(int index)
{
	slot *s = &slots[index];
	int signo;

	pthread_mutex_lock(&table);
	signo = atomic_exchange(&s->signo, LEAVING);
	px_assert(signo > 0);
	if (--watchers[signo] == 0)
		sigaction(signo, &before[signo], NULL);
	pthread_mutex_unlock(&table);
	while (atomic_load(&s->inside))
		px_os_sys_yield();
	atomic_store(&s->signo, FREE);
}
