/* Child processes: a command line made of arguments, three handles, a job for a group. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>

enum { LINE_UNITS = 32768, STDIO = 3 };

/* Signals that end a process, by the numbers that everybody knows. */
enum { INTERRUPT = 2, TERMINATE = 15 };

/* A process's number here is the system's, with its job (0: none) in the upper half. */
static HANDLE job_of(int64_t pid)
{
	return px_win_handle((int)(pid >> 32));
}

int64_t px_child_number(int64_t pid)
{
	return (int64_t)(uint32_t)pid;
}

/* ---- the command line: CommandLineToArgvW read backwards ---- */

typedef struct line {
	wchar_t *at, *end;
	bool full;
} line;

static void line_put(line *l, wchar_t c)
{
	if (l->at == l->end)
		l->full = true;
	else
		*l->at++ = c;
}

static void line_fill(line *l, size_t n, wchar_t c)
{
	while (n--)
		line_put(l, c);
}

/* Backslashes are themselves but in front of a quote, where each needs another. */
static void line_quoted(line *l, const wchar_t *w)
{
	size_t slashes = 0;

	line_put(l, L'"');
	for (; *w; w++) {
		if (*w == L'"')
			line_fill(l, slashes + 1, L'\\');
		slashes = *w == L'\\' ? slashes + 1 : 0;
		line_put(l, *w);
	}
	line_fill(l, slashes, L'\\');
	line_put(l, L'"');
}

static bool line_word(line *l, const char *word, wchar_t *scratch)
{
	int n = px_win_wide(word, scratch, LINE_UNITS);

	if (n < 0)
		return false;
	if (n && !wcspbrk(scratch, L" \t\n\v\""))
		for (const wchar_t *w = scratch; *w; w++)
			line_put(l, *w);
	else
		line_quoted(l, scratch);
	return true;
}

static bool line_make(const px_spawn *s, wchar_t *out, wchar_t *scratch)
{
	line l = {out, out + LINE_UNITS - 1, false};

	for (char *const *word = s->argv; *word; word++) {
		if (word != s->argv)
			line_put(&l, L' ');
		if (!line_word(&l, *word, scratch))
			return false;
	}
	*l.at = 0;
	return !l.full;
}

/* ---- program and environment ---- */

static bool has_separator(const char *file)
{
	return strpbrk(file, "/\\:") != NULL;
}

/* A path: as it is, relative to where this process is. A name: where the system looks for it. */
static int program_find(const px_spawn *s, wchar_t *out, wchar_t *scratch)
{
	if (px_win_wide(s->file, scratch, PX_WIN_PATH) < 0)
		return ERROR_INVALID_NAME;
	if (!has_separator(s->file))
		return SearchPathW(NULL, scratch, L".exe", PX_WIN_PATH, out, NULL)
		               ? 0
		               : ERROR_FILE_NOT_FOUND;
	return GetFullPathNameW(scratch, PX_WIN_PATH, out, NULL) ? 0 : (int)GetLastError();
}

/* Words with their ends behind each other, and one end more. NULL: this process's. */
static int environment_make(char *const *env, wchar_t **out)
{
	size_t units = 2;
	wchar_t *at;

	*out = NULL;
	if (!env)
		return 0;
	for (char *const *e = env; *e; e++)
		units += strlen(*e) + 1;
	if (!(at = *out = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, units * sizeof **out)))
		return ERROR_NOT_ENOUGH_MEMORY;
	for (; *env; env++) {
		int n = px_win_wide(*env, at, (int)strlen(*env) + 1);

		if (n < 0)
			return ERROR_INVALID_PARAMETER;
		at += n + 1;
	}
	return 0;
}

/* ---- handles ---- */

static HANDLE nothing_open(void)
{
	return CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
	                   NULL, OPEN_EXISTING, 0, NULL);
}

static int stdio_make(const px_spawn *s, HANDLE *io, HANDLE *null)
{
	for (unsigned i = STDIO; i < s->n; i++)
		if (s->fds[i] >= 0)
			return ERROR_NOT_SUPPORTED;
	if ((*null = nothing_open()) == INVALID_HANDLE_VALUE)
		return (int)GetLastError();
	for (unsigned i = 0; i < STDIO; i++) {
		io[i] = s->fds[i] >= 0 ? px_win_handle(s->fds[i]) : *null;
		if (!SetHandleInformation(io[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT))
			return (int)GetLastError();
	}
	return 0;
}

/* The list names each handle once. */
static size_t distinct(HANDLE *list, const HANDLE *io)
{
	size_t n = 0;

	for (unsigned i = 0; i < STDIO; i++) {
		bool there = false;

		for (size_t k = 0; k < n; k++)
			there |= list[k] == io[i];
		if (!there)
			list[n++] = io[i];
	}
	return n;
}

/* ---- starting ---- */

typedef struct launch {
	wchar_t line[LINE_UNITS], scratch[LINE_UNITS];
	wchar_t program[PX_WIN_PATH], folder[PX_WIN_PATH];
	wchar_t *env;
	HANDLE io[STDIO], list[STDIO], null;
	union {
		LPPROC_THREAD_ATTRIBUTE_LIST attributes;
		char room[256];
	};
	PROCESS_INFORMATION info;
} launch;

static int launch_prepare(const px_spawn *s, launch *l)
{
	int error = program_find(s, l->program, l->scratch);

	if (!error)
		error = environment_make(s->env, &l->env);
	if (!error && s->folder && px_win_wide(s->folder, l->folder, PX_WIN_PATH) < 0)
		error = ERROR_INVALID_NAME;
	if (!error && !line_make(s, l->line, l->scratch))
		error = ERROR_FILENAME_EXCED_RANGE;
	return error ? error : stdio_make(s, l->io, &l->null);
}

static DWORD launch_flags(const px_spawn *s)
{
	DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;

	if (s->flags & (PX_SPAWN_GROUP | PX_SPAWN_SESSION))
		flags |= CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED;
	return s->flags & PX_SPAWN_SESSION ? flags | DETACHED_PROCESS : flags;
}

/* Of this process's handles it gets those three, whatever others are inheritable. */
static int launch_run(const px_spawn *s, launch *l)
{
	STARTUPINFOEXW start = {
		.StartupInfo = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES}};
	LPPROC_THREAD_ATTRIBUTE_LIST list = (void *)l->room;
	SIZE_T room = sizeof l->room;
	size_t n = distinct(l->list, l->io);
	int error = 0;

	if (!InitializeProcThreadAttributeList(list, 1, 0, &room))
		return (int)GetLastError();
	start.lpAttributeList = list;
	start.StartupInfo.hStdInput = l->io[0];
	start.StartupInfo.hStdOutput = l->io[1];
	start.StartupInfo.hStdError = l->io[2];
	if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, l->list,
	                               n * sizeof *l->list, NULL, NULL) ||
	    !CreateProcessW(l->program, l->line, NULL, NULL, TRUE, launch_flags(s), l->env,
	                    s->folder ? l->folder : NULL, &start.StartupInfo, &l->info))
		error = (int)GetLastError();
	DeleteProcThreadAttributeList(list);
	return error;
}

/* It was started asleep, so that none of its own children is outside of the job. */
static HANDLE job_begin(const PROCESS_INFORMATION *info)
{
	HANDLE job = CreateJobObjectW(NULL, NULL);

	if (job && !AssignProcessToJobObject(job, info->hProcess)) {
		CloseHandle(job);
		job = NULL;
	}
	ResumeThread(info->hThread);
	return job;
}

static int64_t launched(const px_spawn *s, const launch *l, int *watch)
{
	HANDLE job = NULL;

	if (s->flags & (PX_SPAWN_GROUP | PX_SPAWN_SESSION))
		job = job_begin(&l->info);
	CloseHandle(l->info.hThread);
	*watch = px_win_file_fd(l->info.hProcess);
	return (int64_t)((uint64_t)(uint32_t)px_win_file_fd(job) << 32 | l->info.dwProcessId);
}

static void launch_close(launch *l)
{
	if (l->null != INVALID_HANDLE_VALUE)
		CloseHandle(l->null);
	if (l->env)
		HeapFree(GetProcessHeap(), 0, l->env);
	HeapFree(GetProcessHeap(), 0, l);
}

int64_t px_child_spawn(const px_spawn *s, int *watch, int32_t *sys_error)
{
	launch *l;
	int64_t rc;

	*sys_error = 0;
	if (s->flags & (PX_SPAWN_UID | PX_SPAWN_GID))
		return -PROA_ENOTSUP;
	if (!(l = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *l)))
		return -PROA_ENOMEM;
	l->null = INVALID_HANDLE_VALUE;
	*sys_error = launch_prepare(s, l);
	if (!*sys_error)
		*sys_error = launch_run(s, l);
	rc = *sys_error ? px_sys_error(*sys_error) : launched(s, l, watch);
	launch_close(l);
	return rc;
}

/* ---- its end ---- */

int64_t px_child_reap(int64_t pid, int watch, int *signo, int32_t *sys_error)
{
	HANDLE process = px_win_handle(watch);
	DWORD status;

	*sys_error = 0;
	*signo = 0;
	if (WaitForSingleObject(process, 0) == WAIT_TIMEOUT)
		return PX_AGAIN;
	if (job_of(pid))
		CloseHandle(job_of(pid));
	if (!GetExitCodeProcess(process, &status))
		return px_win_error(sys_error);
	return (int64_t)status;
}

void px_child_bury(int64_t pid, int watch)
{
	WaitForSingleObject(px_win_handle(watch), INFINITE);
	if (job_of(pid))
		CloseHandle(job_of(pid));
}

int px_child_kill(int64_t pid, int watch, bool group, int signo)
{
	UINT status = 128u + (unsigned)signo;
	int32_t sys_error;
	BOOL done;

	if (signo && signo != INTERRUPT && signo != TERMINATE && signo != PX_SIGNAL_KILL)
		return -PROA_EINVAL;
	if (WaitForSingleObject(px_win_handle(watch), 0) != WAIT_TIMEOUT)
		return -PROA_ECHILD; /* it is about to be told */
	if (!signo)
		return 0;
	done = group && job_of(pid) ? TerminateJobObject(job_of(pid), status)
	                            : TerminateProcess(px_win_handle(watch), status);
	return done ? 0 : (int)px_win_error(&sys_error);
}

/* ---- what it is given ---- */

int64_t px_fd_copy(int fd, int32_t *sys_error)
{
	HANDLE self = GetCurrentProcess(), copy;

	*sys_error = 0;
	if (!DuplicateHandle(self, px_win_handle(fd), self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
		return px_win_error(sys_error);
	return px_win_file_fd(copy);
}

int64_t px_stdio_copy(int number, int32_t *sys_error)
{
	static const DWORD names[STDIO] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
	HANDLE h = number < STDIO ? GetStdHandle(names[number]) : NULL;

	*sys_error = 0;
	if (!h || h == INVALID_HANDLE_VALUE)
		return -PROA_EBADF;
	return px_fd_copy(px_win_file_fd(h), sys_error);
}

/* The system copies it by itself. */
char *const *px_sys_environ(void)
{
	return NULL;
}
