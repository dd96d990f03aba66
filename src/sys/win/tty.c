/* The console and the standard streams; what comes back at exit. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdlib.h>

enum { CONSOLES = 16 };

/* Not in every header of Windows. */
#ifndef ENABLE_VIRTUAL_TERMINAL_INPUT
#define ENABLE_VIRTUAL_TERMINAL_INPUT 0x0200
#endif
#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif
#ifndef DISABLE_NEWLINE_AUTO_RETURN
#define DISABLE_NEWLINE_AUTO_RETURN 0x0008
#endif

/* ---- what comes back at exit ---- */

typedef struct console {
	HANDLE handle; /* NULL: free */
	DWORD before;
} console;

static SRWLOCK lock = SRWLOCK_INIT; /* guards what follows */
static console consoles[CONSOLES];
static bool at_exit;

static void restore_all(void)
{
	for (unsigned i = 0; i < CONSOLES; i++)
		if (consoles[i].handle)
			SetConsoleMode(consoles[i].handle, consoles[i].before);
}

static console *console_of(HANDLE handle)
{
	for (unsigned i = 0; i < CONSOLES; i++)
		if (consoles[i].handle == handle)
			return &consoles[i];
	return NULL;
}

/* Its mode from now on comes back. */
static int console_keep(HANDLE h, console **out)
{
	console *c = console_of(h);
	DWORD mode;

	if (!c) {
		if (!GetConsoleMode(h, &mode))
			return -PROA_ENOTSUP;
		if (!(c = console_of(NULL)))
			return -PROA_EBUSY;
		*c = (console){h, mode};
		at_exit = at_exit || atexit(restore_all) == 0;
	}
	*out = c;
	return 0;
}

/* ---- modes ---- */

enum {
	LINES = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT,
	SEQUENCES_IN = ENABLE_VIRTUAL_TERMINAL_INPUT,
	SEQUENCES_OUT = ENABLE_VIRTUAL_TERMINAL_PROCESSING | DISABLE_NEWLINE_AUTO_RETURN
};

static bool is_input(HANDLE h)
{
	DWORD n;

	return GetNumberOfConsoleInputEvents(h, &n) != 0;
}

/* Keys that are no letters come, and what is written may hold, the sequences of other systems. */
static DWORD mode_of(bool input, DWORD before, proa_tty_how how)
{
	DWORD raw = how == PROA_TTY_RAW;

	if (!input)
		return before | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING |
		       raw * DISABLE_NEWLINE_AUTO_RETURN;
	return (before & ~(DWORD)LINES & ~(raw * ENABLE_PROCESSED_INPUT)) | SEQUENCES_IN;
}

/* Before Windows 10 there are no sequences. */
static int mode_set(HANDLE h, DWORD before, proa_tty_how how)
{
	bool input = is_input(h);
	DWORD mode = mode_of(input, before, how);
	int32_t sys_error;

	if (SetConsoleMode(h, mode) ||
	    SetConsoleMode(h, mode & ~(DWORD)(input ? SEQUENCES_IN : SEQUENCES_OUT)))
		return 0;
	return (int)px_win_error(&sys_error);
}

static int tty_set(HANDLE h, proa_tty_how how)
{
	console *c = console_of(h);
	int rc;

	if (how == PROA_TTY_AS_FOUND)
		return !c || SetConsoleMode(h, c->before) ? 0 : -PROA_EIO;
	rc = console_keep(h, &c);
	return rc < 0 ? rc : mode_set(h, c->before, how);
}

int px_tty_set(int fd, proa_tty_how how)
{
	int rc;

	AcquireSRWLockExclusive(&lock);
	rc = tty_set(px_win_handle(fd), how);
	ReleaseSRWLockExclusive(&lock);
	return rc;
}

void px_tty_forget(int fd)
{
	console *c;

	AcquireSRWLockExclusive(&lock);
	if ((c = console_of(px_win_handle(fd)))) {
		SetConsoleMode(c->handle, c->before);
		c->handle = NULL;
	}
	ReleaseSRWLockExclusive(&lock);
}

/* ---- size ---- */

/* Only what is written to has one. */
static bool info_of(HANDLE h, CONSOLE_SCREEN_BUFFER_INFO *info)
{
	HANDLE out;
	bool known;

	if (GetConsoleScreenBufferInfo(h, info))
		return true;
	out = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE,
	                  FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
	if (out == INVALID_HANDLE_VALUE)
		return false;
	known = GetConsoleScreenBufferInfo(out, info);
	CloseHandle(out);
	return known;
}

int px_tty_size(int fd, unsigned *columns, unsigned *rows)
{
	CONSOLE_SCREEN_BUFFER_INFO info;

	if (!info_of(px_win_handle(fd), &info))
		return -PROA_ENOTSUP;
	*columns = (unsigned)(info.srWindow.Right - info.srWindow.Left + 1);
	*rows = (unsigned)(info.srWindow.Bottom - info.srWindow.Top + 1);
	return 0;
}

/* ---- standard streams ---- */

/* What was opened for overlapped calls may be in the port of who has opened it. */
int64_t px_stdio_open(int number, bool nonblock, proa_kind *kind, int32_t *sys_error)
{
	int64_t fd = px_stdio_copy(number, sys_error);
	DWORD mode;

	PX_UNUSED(nonblock);
	if (fd < 0)
		return fd;
	*kind = GetConsoleMode(px_win_handle((int)fd), &mode) ? PROA_TTY : PROA_PIPE;
	if (*kind == PROA_TTY || px_win_is_synchronous((int)fd))
		return fd;
	CloseHandle(px_win_handle((int)fd));
	return -PROA_ENOTSUP;
}
