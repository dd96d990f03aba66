/* What the tests ask of the system, on Windows: children, threads, locks. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <process.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* ---- other processes ----
 *
 * The program once more, with the same arguments, and behind them which function to run: its
 * distance from the program's own begin, for that is elsewhere each time. */

enum { ABORTED = 3, COMMAND_CHARS = 4096 };

static uintptr_t image(void)
{
	return (uintptr_t)GetModuleHandleW(NULL);
}

/* Inheritable, for the child alone. */
static HANDLE inheritable(HANDLE h)
{
	HANDLE out = NULL;

	DuplicateHandle(GetCurrentProcess(), h, GetCurrentProcess(), &out, 0, TRUE,
	                DUPLICATE_SAME_ACCESS);
	return out;
}

/* `kind`: what host_child_main finds before the distance. NULL: it did not start. */
static HANDLE program_start(char kind, uintptr_t fn, const char *arg, HANDLE out)
{
	static wchar_t command[COMMAND_CHARS];
	STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
	PROCESS_INFORMATION process;
	BOOL started;

	_snwprintf(command, COMMAND_CHARS - 1, L"%ls --child %c%llx --child-arg \"%hs\"",
	           GetCommandLineW(), kind, (unsigned long long)(fn - image()), arg);
	start.hStdOutput = start.hStdError = inheritable(out);
	fflush(NULL);
	started = CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process);
	CloseHandle(start.hStdOutput);
	if (!started)
		return NULL;
	CloseHandle(process.hThread);
	return process.hProcess;
}

static int program_wait(HANDLE process)
{
	DWORD status = 0;

	WaitForSingleObject(process, INFINITE);
	GetExitCodeProcess(process, &status);
	CloseHandle(process);
	return (int)status;
}

bool host_child_start(host_child *child, int (*fn)(const char *arg), const char *arg)
{
	HANDLE h = program_start('c', (uintptr_t)fn, arg, GetStdHandle(STD_OUTPUT_HANDLE));

	child->opaque[0] = (uintptr_t)h;
	return h != NULL;
}

int host_child_wait(host_child *child)
{
	return program_wait((HANDLE)(uintptr_t)child->opaque[0]);
}

int host_child_main(const char *which, const char *arg)
{
	uintptr_t fn = image() + (uintptr_t)strtoull(which + 1, NULL, 16);

	if (*which == 'c') {
		host_watchdog(120, "the child took too long\n");
		return ((int (*)(const char *))fn)(arg);
	}
	host_watchdog(30, "the child took too long\n");
	((void (*)(void))fn)();
	return 0;
}

int host_dies(void (*fn)(void), char *said, size_t bytes)
{
	HANDLE rd, wr, process;
	size_t have = 0;
	DWORD n;

	*said = '\0';
	if (!CreatePipe(&rd, &wr, NULL, 0))
		return -1;
	process = program_start('d', (uintptr_t)fn, "", wr);
	CloseHandle(wr);
	while (process && have + 1 < bytes &&
	       ReadFile(rd, said + have, (DWORD)(bytes - 1 - have), &n, NULL) && n)
		have += n;
	said[have] = '\0';
	CloseHandle(rd);
	return process ? program_wait(process) == ABORTED : -1;
}

/* ---- threads ---- */

typedef struct job {
	void *(*fn)(void *);
	void *arg;
} job;

static unsigned __stdcall job_run(void *arg)
{
	job j = *(job *)arg;

	free(arg);
	j.fn(j.arg);
	return 0;
}

bool host_thread_start(host_thread *t, void *(*fn)(void *), void *arg)
{
	job *j = malloc(sizeof *j);

	if (!j)
		return false;
	*j = (job){fn, arg};
	t->opaque[0] = _beginthreadex(NULL, 0, job_run, j, 0, NULL);
	if (!t->opaque[0])
		free(j);
	return t->opaque[0] != 0;
}

void host_thread_join(host_thread *t)
{
	HANDLE h = (HANDLE)(uintptr_t)t->opaque[0];

	WaitForSingleObject(h, INFINITE);
	CloseHandle(h);
}

unsigned long long host_thread_id(void)
{
	return GetCurrentThreadId();
}

typedef struct lock {
	SRWLOCK mutex;
	CONDITION_VARIABLE cond;
} lock;
_Static_assert(sizeof(lock) <= sizeof(host_lock), "a lock fits");

static lock *of(host_lock *l)
{
	return (lock *)(void *)l;
}

void host_lock_init(host_lock *l)
{
	InitializeSRWLock(&of(l)->mutex);
	InitializeConditionVariable(&of(l)->cond);
}

void host_lock_destroy(host_lock *l)
{
	(void)l;
}

void host_lock_enter(host_lock *l)
{
	AcquireSRWLockExclusive(&of(l)->mutex);
}

void host_lock_leave(host_lock *l)
{
	ReleaseSRWLockExclusive(&of(l)->mutex);
}

void host_lock_wait(host_lock *l)
{
	SleepConditionVariableSRW(&of(l)->cond, &of(l)->mutex, INFINITE, 0);
}

void host_lock_wake(host_lock *l)
{
	WakeAllConditionVariable(&of(l)->cond);
}
