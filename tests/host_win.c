/* What the tests ask of the system, on Windows: what there is, time, this process. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <winsock2.h>

#include <afunix.h>
#include <io.h>
#include <mswsock.h>
#include <process.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2
#endif

static bool is_wine(void)
{
	return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

/* ---- what there is ---- */

static bool have_local(void)
{
	SOCKET s = socket(AF_UNIX, SOCK_STREAM, 0);

	if (s != INVALID_SOCKET)
		closesocket(s);
	return s != INVALID_SOCKET;
}

/* Wine's call says that it made one and did not. */
static bool have_links(void)
{
	char name[32];
	bool there;

	snprintf(name, sizeof name, "proa-link-%u", host_pid());
	there = CreateSymbolicLinkA(name, "nowhere", SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE);
	there = there && GetFileAttributesA(name) != INVALID_FILE_ATTRIBUTES;
	DeleteFileA(name);
	return there;
}

const char *host_lacks(host_feature feature)
{
	switch (feature) {
	case HOST_FORK: return "Windows has no fork";
	case HOST_MSG:
	case HOST_GRAMS: return "Windows' local sockets are streams, and pass no descriptors";
	case HOST_ABSTRACT: return "names of local sockets are paths here";
	case HOST_LIMIT: return "Windows has no limit of descriptors that a process can lower";
	case HOST_SIGNALS: return "Windows has no signals between threads, and no SIGPIPE";
	case HOST_PAIR: return "Windows has no socketpair";
	case HOST_REFUSALS:
		return is_wine() ? "Wine tells of refused datagrams at the next send only" : NULL;
	case HOST_GROUPS:
		return is_wine() ? "Wine does not know the calls that join a group" : NULL;
	case HOST_FULL_DISK: return "no file that is always full";
	case HOST_REUSEPORT: return "Windows does not spread over the listeners of a port";
	case HOST_RESETS: return is_wine() ? "Wine forgets a reset for which nobody waited" : NULL;
	case HOST_SILENT:
		return is_wine() ? NULL
		                 : "Windows refuses whom a listener's queue has no place for";
	case HOST_LOCAL: return have_local() ? NULL : "no local sockets here (Wine has none)";
	case HOST_LINKS: return have_links() ? NULL : "no symbolic links here";
	case HOST_SWAP: return "no two names change places by one call";
	case HOST_FOREIGN: return NULL;
	case HOST_WATCH:
	case HOST_WATCH_LOG: return NULL;
	case HOST_WATCH_SELF:
		return is_wine() ? "Wine tells no end of a watched folder, and what is below one "
		                   "that was moved by its old name"
		                 : NULL;
	}
	return NULL;
}

int host_slowness(void)
{
	return is_wine() ? 4 : 1;
}

/* ---- time ---- */

long long host_now_ns(void)
{
	LARGE_INTEGER now, each_sec;

	QueryPerformanceFrequency(&each_sec);
	QueryPerformanceCounter(&now);
	return now.QuadPart / each_sec.QuadPart * 1000000000LL +
	       now.QuadPart % each_sec.QuadPart * 1000000000LL / each_sec.QuadPart;
}

/* Sleep's grain is 16 ms unless somebody asked for less. */
void host_sleep_us(unsigned long us)
{
	HANDLE timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
	                                      TIMER_ALL_ACCESS);
	LARGE_INTEGER due = {.QuadPart = -(LONGLONG)us * 10};

	if (!timer) {
		Sleep((DWORD)(us + 999) / 1000);
		return;
	}
	SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
	WaitForSingleObject(timer, INFINITE);
	CloseHandle(timer);
}

void host_yield(void)
{
	SwitchToThread();
}

/* ---- this process ---- */

unsigned host_pid(void)
{
	return (unsigned)GetCurrentProcessId();
}

enum { HANDLE_STEP = 4, HANDLE_GAP = 512 };

/* Wine does not count them, and its server may crash when it is asked for everybody's while a
 * process ends (SystemExtendedHandleInformation). But it gives the lowest number that is free, so
 * that behind a long gap there are no more. */
static long handles_probe(void)
{
	long n = 0;
	int gap = 0;
	DWORD flags;

	for (ULONG_PTR h = HANDLE_STEP; gap < HANDLE_GAP; h += HANDLE_STEP) {
		bool there = GetHandleInformation((HANDLE)h, &flags);

		n += there;
		gap = there ? 0 : gap + 1;
	}
	return n;
}

long host_descriptors(void)
{
	DWORD n = 0;

	if (is_wine())
		return handles_probe();
	return GetProcessHandleCount(GetCurrentProcess(), &n) ? (long)n : -1;
}

void host_setenv(const char *name, const char *value)
{
	_putenv_s(name, value ? value : "");
}

unsigned long host_descriptors_max(void)
{
	return 1000000;
}

/* HOST_LIMIT is lacking. */
void host_limit_low(unsigned spare)
{
	(void)spare;
	abort();
}

void host_limit_back(void)
{
	abort();
}

void host_exhaust(void)
{
	abort();
}

void host_relieve(void)
{
	abort();
}

/* ---- the watchdog: a thread, which is there before anybody counts ---- */

static struct {
	SRWLOCK lock;
	CONDITION_VARIABLE changed;
	long long at_ns; /* 0: none */
	const char *text;
} dog = {.lock = SRWLOCK_INIT, .changed = CONDITION_VARIABLE_INIT};

static unsigned __stdcall dog_run(void *unused)
{
	(void)unused;
	AcquireSRWLockExclusive(&dog.lock);
	for (;;) {
		long long left_ns = dog.at_ns - host_now_ns();

		if (dog.at_ns && left_ns <= 0) {
			fputs(dog.text, stderr);
			_exit(1);
		}
		SleepConditionVariableSRW(&dog.changed, &dog.lock,
		                          dog.at_ns ? (DWORD)(left_ns / 1000000 + 1) : INFINITE, 0);
	}
	return 0;
}

void host_watchdog(int seconds, const char *text)
{
	AcquireSRWLockExclusive(&dog.lock);
	dog.at_ns = seconds ? host_now_ns() + seconds * 1000000000LL : 0;
	dog.text = text;
	ReleaseSRWLockExclusive(&dog.lock);
	WakeAllConditionVariable(&dog.changed);
}

/* A process' first use of such a variable costs a handle: the lock of the compiler's library. */
static _Thread_local volatile int own;

__attribute__((constructor)) static void host_begin(void)
{
	WSADATA data;
	GUID connect_ex = WSAID_CONNECTEX;
	DWORD bytes;
	SOCKET s;
	void *fn;

	own = 1;
	SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
	WSAStartup(MAKEWORD(2, 2), &data);
	/* Wine gives each thread an event at its first call of this kind. */
	s = socket(AF_INET, SOCK_STREAM, 0);
	WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &connect_ex, sizeof connect_ex, &fn,
	         sizeof fn, &bytes, NULL, NULL);
	closesocket(s);
	_beginthreadex(NULL, 0, dog_run, NULL, 0, NULL);
}

/* ---- signals: those of C ---- */

int host_signo(host_signal name)
{
	return name == HOST_SIG_A ? SIGINT : name == HOST_SIG_B ? SIGBREAK : -1;
}

void host_raise(int signo)
{
	raise(signo);
}

/* HOST_SIGNALS is lacking. */
void host_storm_start(int signo, bool handled, unsigned pause_us)
{
	(void)signo;
	(void)handled;
	(void)pause_us;
	abort();
}

long host_storm_sent(void)
{
	abort();
}

long host_storm_stop(void)
{
	abort();
}

host_sigpipe host_sigpipe_now(void)
{
	abort();
}
