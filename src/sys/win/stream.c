/* Streams that wait in their calls: a thread makes them, of a pipe, a file or a console. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <process.h>
#include <string.h>

/* ---- how it works ----
 *
 *   begin -> the thread's call -> done, and a packet of the port that says "look"
 *
 * The thread has a duplicate of the handle, and memory of its own: so who asked may give up at any
 * time, and the descriptor may be closed, while it waits. At its close the call is asked to end
 * until it does; one that cannot be (a pipe of another system beneath Wine) is left to itself, and
 * its thread gives everything back when it returns.
 *
 * A console has UTF-16 inside and UTF-8 outside, as its own code page need not have every letter.
 * What a call leaves of a letter is kept for the next. */

enum { UNITS = 4096, TORN = 4, CLOSE_TRIES = 20, CTRL_Z = 26 };

struct px_win_stream {
	SRWLOCK lock; /* guards from here to `error` */
	CONDITION_VARIABLE asked_for;
	bool asked, done;
	bool stop; /* nobody asks any more */
	bool over; /* the thread has left, or is about to */
	bool left; /* and frees it then */
	DWORD n;   /* asked: at most so many; done: so many */
	int error;
	/* the thread's */
	HANDLE handle, thread, port;
	ULONG_PTR key;
	bool reads, console, pipe;
	DWORD torn; /* bytes in, or units in front of what is read next */
	char torn_bytes[TORN];
	wchar_t torn_unit;
	/* who asks has it while nothing is asked for */
	char bytes[PX_WIN_STREAM_BYTES];
};

/* ---- the calls: 0 or a Win32 code, and the bytes ---- */

static int file_read(px_win_stream *s, DWORD n, DWORD *got)
{
	int error = 0;

	do
		error = ReadFile(s->handle, s->bytes, n, got, NULL) ? 0 : (int)GetLastError();
	while (!error && !*got && s->pipe); /* somebody wrote nothing */
	if (error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF)
		*got = 0;
	else if (error && error != ERROR_MORE_DATA)
		return error;
	return 0;
}

static int file_write(px_win_stream *s, DWORD n, DWORD *gone)
{
	return WriteFile(s->handle, s->bytes, n, gone, NULL) ? 0 : (int)GetLastError();
}

static bool reads_lines(HANDLE console)
{
	DWORD mode;

	return GetConsoleMode(console, &mode) && (mode & ENABLE_LINE_INPUT);
}

/* Ctrl-C ends a call with nothing and no failure; a line that begins with Ctrl-Z is the end. */
static int console_read(px_win_stream *s, DWORD n, DWORD *got)
{
	wchar_t text[UNITS];
	DWORD units = 0, kept = s->torn;

	text[0] = s->torn_unit;
	SetLastError(0);
	if (!ReadConsoleW(s->handle, text + kept, UNITS - kept, &units, NULL))
		return (int)GetLastError();
	if (!units)
		return GetLastError() == ERROR_OPERATION_ABORTED ? ERROR_OPERATION_ABORTED : 0;
	if (text[kept] == CTRL_Z && reads_lines(s->handle))
		return 0;
	units += kept;
	s->torn = IS_HIGH_SURROGATE(text[units - 1]) && units > 1;
	s->torn_unit = text[units - 1];
	*got = (DWORD)px_win_utf8(text, (int)(units - s->torn), s->bytes, (int)n);
	return 0;
}

/* How many bytes at the end begin a letter that goes on behind it. */
static DWORD torn_of(const char *text, DWORD len)
{
	for (DWORD back = 1; back < TORN && back <= len; back++) {
		unsigned char c = (unsigned char)text[len - back];
		DWORD whole = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;

		if (c >= 0xC0)
			return back < whole ? back : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

static int units_write(HANDLE console, const wchar_t *text, DWORD units)
{
	DWORD n;

	for (; units; text += n, units -= n)
		if (!WriteConsoleW(console, text, units, &n, NULL))
			return (int)GetLastError();
	return 0;
}

static int console_write(px_win_stream *s, DWORD n, DWORD *gone)
{
	DWORD part = PX_MIN(n, (DWORD)UNITS), len = s->torn + part;
	char text[UNITS + TORN];
	wchar_t units[UNITS + TORN];
	int count = 0;

	memcpy(text, s->torn_bytes, s->torn);
	memcpy(text + s->torn, s->bytes, part);
	s->torn = torn_of(text, len);
	len -= s->torn;
	memcpy(s->torn_bytes, text + len, s->torn);
	if (len &&
	    !(count = MultiByteToWideChar(CP_UTF8, 0, text, (int)len, units, (int)PX_COUNT(units))))
		return (int)GetLastError();
	*gone = part;
	return units_write(s->handle, units, (DWORD)count);
}

static int stream_call(px_win_stream *s, DWORD n, DWORD *moved)
{
	if (s->console)
		return s->reads ? console_read(s, n, moved) : console_write(s, n, moved);
	return s->reads ? file_read(s, n, moved) : file_write(s, n, moved);
}

/* ---- the thread ---- */

static void stream_free(px_win_stream *s)
{
	if (s->thread)
		CloseHandle(s->thread);
	if (s->handle)
		CloseHandle(s->handle);
	HeapFree(GetProcessHeap(), 0, s);
}

/* Under the lock. Without memory for a packet it is tried until there is some. */
static void stream_tell(px_win_stream *s, int error, DWORD n)
{
	s->asked = false;
	s->done = true;
	s->error = error;
	s->n = n;
	while (!s->stop && !PostQueuedCompletionStatus(s->port, 0, s->key, NULL))
		Sleep(1);
}

static unsigned __stdcall stream_main(void *arg)
{
	px_win_stream *s = arg;
	bool left;

	AcquireSRWLockExclusive(&s->lock);
	while (!s->stop) {
		DWORD n = s->n, moved = 0;
		int error;

		if (!s->asked) {
			SleepConditionVariableSRW(&s->asked_for, &s->lock, INFINITE, 0);
			continue;
		}
		ReleaseSRWLockExclusive(&s->lock);
		error = stream_call(s, n, &moved);
		AcquireSRWLockExclusive(&s->lock);
		stream_tell(s, error, moved);
	}
	s->over = true;
	left = s->left;
	ReleaseSRWLockExclusive(&s->lock);
	if (left)
		stream_free(s);
	return 0;
}

/* ---- for who asks ---- */

px_win_stream *px_win_stream_open(int fd, bool reads, HANDLE port, ULONG_PTR key)
{
	px_win_stream *s = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *s);
	HANDLE self = GetCurrentProcess();
	DWORD mode;

	if (!s)
		return NULL;
	s->reads = reads;
	s->port = port;
	s->key = key;
	if (DuplicateHandle(self, px_win_handle(fd), self, &s->handle, 0, FALSE,
	                    DUPLICATE_SAME_ACCESS)) {
		s->console = GetConsoleMode(s->handle, &mode) != 0;
		s->pipe = GetFileType(s->handle) == FILE_TYPE_PIPE;
		s->thread = (HANDLE)_beginthreadex(NULL, 0, stream_main, s, 0, NULL);
	}
	if (s->thread)
		return s;
	stream_free(s);
	return NULL;
}

void px_win_stream_close(px_win_stream *s)
{
	bool left;

	AcquireSRWLockExclusive(&s->lock);
	s->stop = true;
	WakeConditionVariable(&s->asked_for);
	ReleaseSRWLockExclusive(&s->lock);
	for (unsigned i = 0; i < CLOSE_TRIES && WaitForSingleObject(s->thread, 1) == WAIT_TIMEOUT;
	     i++)
		CancelSynchronousIo(s->thread);
	AcquireSRWLockExclusive(&s->lock);
	left = s->left = !s->over;
	ReleaseSRWLockExclusive(&s->lock);
	if (left) {
		px_win_stay(); /* its code must be there when it returns */
		return;
	}
	WaitForSingleObject(s->thread, INFINITE);
	stream_free(s);
}

char *px_win_stream_bytes(px_win_stream *s)
{
	return s->bytes;
}

void px_win_stream_begin(px_win_stream *s, DWORD n)
{
	AcquireSRWLockExclusive(&s->lock);
	px_assert(!s->asked && !s->done && n <= PX_WIN_STREAM_BYTES);
	s->asked = true;
	s->n = n;
	WakeConditionVariable(&s->asked_for);
	ReleaseSRWLockExclusive(&s->lock);
}

bool px_win_stream_done(px_win_stream *s, int *error, DWORD *n)
{
	bool done;

	AcquireSRWLockExclusive(&s->lock);
	done = s->done;
	s->done = false;
	*error = s->error;
	*n = s->n;
	ReleaseSRWLockExclusive(&s->lock);
	return done;
}
