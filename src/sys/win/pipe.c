/* Pipes: named ones with a name that nobody knows, since the unnamed cannot be overlapped. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdatomic.h>
#include <wchar.h>

enum { PIPE_BYTES = 64 * 1024, NAME_MAX_UNITS = 64, NAMES_TRIED = 16 };

/* ---- open ---- */

/* Overlapped, or for a program that waits in its calls, as most do. */
static DWORD end_flags(bool overlapped)
{
	return overlapped ? FILE_FLAG_OVERLAPPED : 0;
}

/* The first end, which makes the pipe: what comes in, or both ways. */
static HANDLE pipe_make(wchar_t *name, bool both, bool overlapped)
{
	static _Atomic unsigned made;
	DWORD access = both ? PIPE_ACCESS_DUPLEX : PIPE_ACCESS_INBOUND;
	HANDLE h = INVALID_HANDLE_VALUE;

	for (unsigned i = 0; i < NAMES_TRIED && h == INVALID_HANDLE_VALUE; i++) {
		LARGE_INTEGER ticks;

		QueryPerformanceCounter(&ticks);
		swprintf(name, NAME_MAX_UNITS, L"\\\\.\\pipe\\proa-%lx-%x-%llx",
		         (unsigned long)GetCurrentProcessId(), atomic_fetch_add(&made, 1),
		         (unsigned long long)ticks.QuadPart);
		h = CreateNamedPipeW(name,
		                     access | end_flags(overlapped) | FILE_FLAG_FIRST_PIPE_INSTANCE,
		                     PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_BYTES,
		                     PIPE_BYTES, 0, NULL);
	}
	return h;
}

static int pipe_open(int fd[2], bool both, const bool overlapped[2], int32_t *sys_error)
{
	DWORD access = both ? GENERIC_READ | GENERIC_WRITE : GENERIC_WRITE | FILE_READ_ATTRIBUTES;
	wchar_t name[NAME_MAX_UNITS];
	HANDLE a = pipe_make(name, both, overlapped[0]), b;
	int rc;

	*sys_error = 0;
	if (a == INVALID_HANDLE_VALUE)
		return (int)px_win_error(sys_error);
	b = CreateFileW(name, access, 0, NULL, OPEN_EXISTING, end_flags(overlapped[1]), NULL);
	if (b == INVALID_HANDLE_VALUE) {
		rc = (int)px_win_error(sys_error);
		CloseHandle(a);
		return rc;
	}
	fd[0] = px_win_file_fd(a);
	fd[1] = px_win_file_fd(b);
	return 0;
}

/* "Non-blocking" is what a port takes. */
int px_pipe_open(int fd[2], bool rd_nonblock, bool wr_nonblock, int32_t *sys_error)
{
	return pipe_open(fd, false, (bool[2]){rd_nonblock, wr_nonblock}, sys_error);
}

/* There is no socketpair, but a pipe that goes both ways is the same. */
int64_t px_sock_pair(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error)
{
	int rc = pipe_open(fd, true, (bool[2]){a_nonblock, b_nonblock}, sys_error);

	return rc < 0 ? rc : PROA_PIPE;
}

void px_pipe_prepare(int fd, bool blocking)
{
	PX_UNUSED(fd);
	PX_UNUSED(blocking);
}

/* ---- reading what is there ---- */

/* With the event's lowest bit set, no packet comes to the port. */
static int64_t read_now(HANDLE h, void *buf, DWORD len, int32_t *sys_error)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
	OVERLAPPED o = {.hEvent = (HANDLE)((uintptr_t)event | 1)};
	int64_t rc = 0;
	DWORD n = 0;

	if (!event)
		return px_win_error(sys_error);
	if ((!ReadFile(h, buf, len, NULL, &o) && GetLastError() != ERROR_IO_PENDING) ||
	    !GetOverlappedResult(h, &o, &n, TRUE))
		rc = GetLastError() == ERROR_BROKEN_PIPE ? 0 : px_win_error(sys_error);
	CloseHandle(event);
	return rc < 0 ? rc : (int64_t)n;
}

int64_t px_pipe_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	HANDLE h = px_win_handle(fd);
	DWORD there = 0;

	*sys_error = 0;
	if (!PeekNamedPipe(h, NULL, 0, NULL, &there, NULL))
		return GetLastError() == ERROR_BROKEN_PIPE ? 0 : px_win_error(sys_error);
	if (!there)
		return PX_AGAIN;
	return read_now(h, buf, (DWORD)PX_MIN(len, (size_t)there), sys_error);
}
