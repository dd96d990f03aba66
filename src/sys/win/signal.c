/* The one process-wide table of watched signals: what Windows has of them. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <process.h>
#include <signal.h>

/* Another size of the console is one too, with the number that it has elsewhere.
 *
 * SIGINT is Ctrl-C, SIGBREAK Ctrl-Break, SIGTERM that the console closes, the user logs off or the
 * system shuts down; raise() makes each of them too. The console calls us on a thread of its own
 * and raise() on the caller's, so a lock is enough. */

enum { SLOTS = 64, RESIZED = 28, NUMBERS = RESIZED + 1, LOOK_MS = 250 };

typedef struct slot {
	int signo; /* 0: free */
	void (*ring)(void *);
	void *arg;
} slot;

typedef void handler(int);

/* What follows is guarded by `table`; rings are called inside it, so none is under way when
 * unwatch has been there. */
static SRWLOCK table = SRWLOCK_INIT;
static slot slots[SLOTS];
static unsigned watchers[NUMBERS];
static handler *before[NUMBERS]; /* the disposition that comes back */

static unsigned ring_all(int signo)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].signo == signo) {
			slots[i].ring(slots[i].arg);
			n++;
		}
	return n;
}

/* The runtime has put the default back before it calls. */
static void signal_came(int signo)
{
	AcquireSRWLockExclusive(&table);
	if (watchers[signo])
		signal(signo, signal_came);
	ring_all(signo);
	ReleaseSRWLockExclusive(&table);
}

/* ---- the console ----
 *
 * Windows holds a lock of the process while it asks its handlers, and SetConsoleCtrlHandler waits
 * for that lock. So ours is hung in once, outside of `table`, and stays: who would take it away
 * inside of `table` while it waits for `table` there would wait for ever. */

/* That somebody logs off is told to every service, and means none of them; only in session 0 are
 * they. (What asks a window station instead would have to load user32, and a program that has done
 * that is never told of a shutdown.) */
static bool means_another(DWORD event)
{
	DWORD session = 1;

	return event == CTRL_LOGOFF_EVENT &&
	       ProcessIdToSessionId(GetCurrentProcessId(), &session) && session == 0;
}

static int event_signal(DWORD event)
{
	switch (event) {
	case CTRL_C_EVENT: return SIGINT;
	case CTRL_BREAK_EVENT: return watchers[SIGBREAK] ? SIGBREAK : SIGTERM;
	default: return SIGTERM;
	}
}

/* When a console closes, the process ends as soon as we return: so we do not, and the program ends
 * by itself or when the system's patience does. What rings nobody is for the next handler. */
static BOOL WINAPI console_came(DWORD event)
{
	unsigned rung;

	if (means_another(event))
		return FALSE;
	AcquireSRWLockExclusive(&table);
	rung = ring_all(event_signal(event));
	ReleaseSRWLockExclusive(&table);
	if (rung && event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
		Sleep(INFINITE);
	return rung > 0;
}

/* The runtime hangs itself into the console at the first signal() for SIGINT or SIGBREAK: that is
 * done here, so that we come after it and are asked first. And if we are part of a DLL, that stays
 * now, as the handler does. */
static BOOL CALLBACK console_hook(INIT_ONCE *once, void *arg, void **out)
{
	handler *old = signal(SIGINT, SIG_IGN);

	PX_UNUSED(once);
	PX_UNUSED(arg);
	PX_UNUSED(out);
	if (old != SIG_ERR)
		signal(SIGINT, old);
	return px_win_stay() && SetConsoleCtrlHandler(console_came, TRUE);
}

/* ---- the console's size ----
 *
 * Windows tells it only to who reads the console's records instead of its text. So as long as
 * somebody listens, a thread looks from time to time. */

static bool looking; /* guarded by `table` */

static unsigned size_now(void)
{
	unsigned columns = 0, rows = 0;

	px_tty_size(-1, &columns, &rows);
	return columns << 16 | rows;
}

static unsigned __stdcall sizes_look(void *arg)
{
	unsigned last = (unsigned)(uintptr_t)arg, now;
	bool go_on;

	do {
		Sleep(LOOK_MS);
		now = size_now();
		AcquireSRWLockExclusive(&table);
		go_on = looking = watchers[RESIZED] > 0;
		if (now != last)
			ring_all(RESIZED);
		ReleaseSRWLockExclusive(&table);
		last = now;
	} while (go_on);
	return 0;
}

static int looking_begin(void)
{
	HANDLE h;

	if (looking)
		return 0;
	h = (HANDLE)_beginthreadex(NULL, 0, sizes_look, (void *)(uintptr_t)size_now(), 0, NULL);
	if (!h)
		return -PROA_ENOMEM;
	CloseHandle(h);
	looking = true;
	return 0;
}

int px_tty_signal(void)
{
	return RESIZED;
}

/* ---- watching ---- */

static int signal_take(int signo)
{
	handler *old;

	if (signo == RESIZED) {
		int rc = looking_begin();

		watchers[signo] += rc == 0;
		return rc;
	}
	old = watchers[signo] ? NULL : signal(signo, signal_came);
	if (old == SIG_ERR)
		return -PROA_EINVAL;
	if (!watchers[signo]++)
		before[signo] = old;
	return 0;
}

static slot *slot_free(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (!slots[i].signo)
			return &slots[i];
	return NULL;
}

static int slot_watch(int signo, void (*ring)(void *), void *arg)
{
	slot *s = slot_free();
	int error;

	if (!s)
		return -PROA_EBUSY;
	if ((error = signal_take(signo)) < 0)
		return error;
	*s = (slot){signo, ring, arg};
	return (int)(s - slots);
}

int px_os_signal_watch(int signo, void (*ring)(void *), void *arg)
{
	static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
	int slot_or_error;

	if (signo != SIGINT && signo != SIGTERM && signo != SIGBREAK && signo != RESIZED)
		return -PROA_EINVAL; /* the others are faults of the program, not signals to it */
	if (!InitOnceExecuteOnce(&once, console_hook, NULL, NULL))
		return -PROA_ENOMEM;
	AcquireSRWLockExclusive(&table);
	slot_or_error = slot_watch(signo, ring, arg);
	ReleaseSRWLockExclusive(&table);
	return slot_or_error;
}

void px_os_signal_unwatch(int index)
{
	slot *s = &slots[index];

	AcquireSRWLockExclusive(&table);
	px_assert(s->signo > 0);
	if (--watchers[s->signo] == 0 && s->signo != RESIZED)
		signal(s->signo, before[s->signo]);
	s->signo = 0;
	ReleaseSRWLockExclusive(&table);
}
