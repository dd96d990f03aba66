/* Time, threads and locks. There are no signals to keep from threads, and no SIGPIPE. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <process.h>

enum { NS_PER_SEC = 1000000000, NS_PER_MS = 1000000, WAIT_MAX_MS = 60000 };

/* The counter's seconds and its rest apart: together they would overflow after half an hour at
 * 10 MHz. */
int64_t px_os_sys_now_ns(void)
{
	static _Atomic int64_t known; /* per second; the same for as long as the system runs */
	LARGE_INTEGER count, frequency;
	int64_t hz = known;

	if (!hz) {
		QueryPerformanceFrequency(&frequency);
		known = hz = frequency.QuadPart;
	}
	QueryPerformanceCounter(&count);
	return count.QuadPart / hz * NS_PER_SEC + count.QuadPart % hz * NS_PER_SEC / hz;
}

/* In steps of 100 ns since 1601. */
int64_t px_os_sys_wall_ns(void)
{
	const int64_t epoch = INT64_C(116444736000000000);
	FILETIME t;

	GetSystemTimePreciseAsFileTime(&t);
	return (((int64_t)t.dwHighDateTime << 32 | t.dwLowDateTime) - epoch) * 100;
}

void px_os_sys_yield(void)
{
	SwitchToThread();
}

int64_t px_sys_pid(void)
{
	return GetCurrentProcessId();
}

/* ---- locks ---- */

typedef struct __attribute__((may_alias)) lock {
	SRWLOCK mutex;
	CONDITION_VARIABLE cond;
} lock;
_Static_assert(sizeof(lock) <= offsetof(px_lock, system), "px_lock is large enough");
_Static_assert(_Alignof(lock) <= _Alignof(px_lock), "px_lock is aligned enough");

static lock *lock_of(px_lock *l)
{
	return (lock *)(void *)l;
}

void px_os_lock_init(px_lock *l)
{
	InitializeSRWLock(&lock_of(l)->mutex);
	InitializeConditionVariable(&lock_of(l)->cond);
}

void px_os_lock_destroy(px_lock *l)
{
	PX_UNUSED(l); /* they hold nothing but the struct */
}

void px_os_lock_enter(px_lock *l)
{
	AcquireSRWLockExclusive(&lock_of(l)->mutex);
}

void px_os_lock_leave(px_lock *l)
{
	ReleaseSRWLockExclusive(&lock_of(l)->mutex);
}

void px_os_lock_wait(px_lock *l)
{
	SleepConditionVariableSRW(&lock_of(l)->cond, &lock_of(l)->mutex, INFINITE, 0);
}

/* Milliseconds, rounded up, so that the time is over when it is said to be. Our clock goes on while
 * the machine sleeps, and the wait's does not: so no wait is long, and what it ends with before the
 * deadline is one more spurious wake-up. */
bool px_os_lock_wait_until(px_lock *l, int64_t deadline_ns)
{
	int64_t left_ms = px_sub_sat(deadline_ns, px_os_sys_now_ns());

	left_ms = left_ms > 0 ? (left_ms - 1) / NS_PER_MS + 1 : 0;
	left_ms = deadline_ns == INT64_MAX ? INFINITE : PX_MIN(left_ms, WAIT_MAX_MS);
	if (SleepConditionVariableSRW(&lock_of(l)->cond, &lock_of(l)->mutex, (DWORD)left_ms, 0))
		return true;
	return px_os_sys_now_ns() < deadline_ns;
}

void px_os_lock_wake_one(px_lock *l)
{
	WakeConditionVariable(&lock_of(l)->cond);
}

void px_os_lock_wake_all(px_lock *l)
{
	WakeAllConditionVariable(&lock_of(l)->cond);
}

/* ---- threads ---- */

typedef struct __attribute__((may_alias)) thread {
	uintptr_t handle;
	void (*fn)(void *);
	void *arg;
	const char *name;
} thread;
_Static_assert(sizeof(thread) <= offsetof(px_thread, system), "px_thread is large enough");

typedef HRESULT WINAPI describe_fn(HANDLE thread, const wchar_t *name);

/* Since Windows 10, version 1607. */
static void thread_name(const char *name)
{
	describe_fn *describe = (describe_fn *)px_win_find(L"kernelbase.dll",
	                                                   "SetThreadDescription");
	wchar_t wide[32];

	if (describe && px_win_wide(name, wide, (int)PX_COUNT(wide)) > 0)
		describe(GetCurrentThread(), wide);
}

static unsigned __stdcall thread_main(void *p)
{
	thread *t = p;

	thread_name(t->name);
	t->fn(t->arg);
	return 0;
}

int px_os_thread_start(px_thread *pt, void (*fn)(void *), void *arg, const char *name)
{
	thread *t = (thread *)(void *)pt;

	t->fn = fn;
	t->arg = arg;
	t->name = name;
	t->handle = _beginthreadex(NULL, 0, thread_main, t, 0, NULL);
	return t->handle ? 0 : -PROA_ENOMEM;
}

void px_os_thread_join(px_thread *pt)
{
	HANDLE h = (HANDLE)((thread *)(void *)pt)->handle;

	px_assert(WaitForSingleObject(h, INFINITE) == WAIT_OBJECT_0);
	CloseHandle(h);
}

/* ---- what there is not ---- */

bool px_sys_sigpipe_block(void)
{
	return false;
}

void px_sys_sigpipe_restore(void)
{
	/* nothing was blocked */
}

const volatile unsigned char *px_os_sys_fork_mark(void)
{
	return NULL;
}

void px_os_sys_fork_unmark(const volatile unsigned char *mark)
{
	PX_UNUSED(mark);
}
