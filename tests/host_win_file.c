/* Files and folders under the tests, on Windows. */
/* SPDX-License-Identifier: MIT */
#include "host_file.h"

#include "host.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { ZEROS = 1 << 20 };

static HANDLE of(int fd)
{
	return (HANDLE)(intptr_t)fd;
}

static void temp_name(char *path)
{
	char folder[MAX_PATH + 1];

	*path = '\0';
	if (GetTempPathA(sizeof folder, folder))
		GetTempFileNameA(folder, "proa", 0, path); /* makes it */
}

int host_file_temp(void)
{
	char path[MAX_PATH + 1];
	HANDLE h;

	temp_name(path);
	h = CreateFileA(path, GENERIC_READ | GENERIC_WRITE | DELETE,
	                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
	                FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
	return h == INVALID_HANDLE_VALUE ? -1 : (int)(intptr_t)h;
}

int host_file_again(int fd)
{
	HANDLE h = ReOpenFile(of(fd), GENERIC_READ | GENERIC_WRITE,
	                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, 0);

	return h == INVALID_HANDLE_VALUE ? -1 : (int)(intptr_t)h;
}

void host_file_close(int fd)
{
	CloseHandle(of(fd));
}

bool host_pipe(int fd[2])
{
	HANDLE rd, wr;

	if (!CreatePipe(&rd, &wr, NULL, 0))
		return false;
	fd[0] = (int)(intptr_t)rd;
	fd[1] = (int)(intptr_t)wr;
	return true;
}

/* The event's lowest bit keeps the packet from the port of a loop that has the file already. */
bool host_file_write(int fd, const void *bytes, size_t len, long long at)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
	DWORD n = 0;
	bool good;

	ov.hEvent = (HANDLE)((uintptr_t)event | 1);
	good = WriteFile(of(fd), bytes, (DWORD)len, NULL, &ov) ||
	       GetLastError() == ERROR_IO_PENDING;
	good = good && GetOverlappedResult(of(fd), &ov, &n, TRUE) && n == len;
	CloseHandle(event);
	return good;
}

bool host_file_truncate(int fd, long long size)
{
	FILE_END_OF_FILE_INFO info = {.EndOfFile = {.QuadPart = size}};

	return SetFileInformationByHandle(of(fd), FileEndOfFileInfo, &info, sizeof info);
}

/* ---- files that are there ---- */

static char empty[MAX_PATH + 1], zeros[MAX_PATH + 1];

static void made_away(void)
{
	if (*empty)
		DeleteFileA(empty);
	if (*zeros)
		DeleteFileA(zeros);
}

static const char *made(char *path, long long size)
{
	HANDLE h;

	if (*path)
		return path;
	if (!*empty && !*zeros)
		atexit(made_away);
	temp_name(path);
	h = CreateFileA(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
	SetFilePointerEx(h, (LARGE_INTEGER){.QuadPart = size}, NULL, FILE_BEGIN);
	SetEndOfFile(h);
	CloseHandle(h);
	return path;
}

const char *host_path_empty(void)
{
	return made(empty, 0);
}

const char *host_path_zeros(void)
{
	return made(zeros, ZEROS);
}

const char *host_path_full_disk(void)
{
	return NULL;
}

const char *host_path_outside(void)
{
	return "C:\\";
}

const char *const *host_path_escapes(void)
{
	static const char *const paths[] = {"..\\x", "in\\..\\..\\x", "C:\\x",        "C:x",
	                                    "\\x",   "\\\\?\\C:\\x",  "in/..\\..\\x", NULL};

	return paths;
}

/* ---- making and removing ---- */

bool host_make_file(const char *path)
{
	HANDLE h = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);

	return h != INVALID_HANDLE_VALUE && CloseHandle(h);
}

bool host_make_dir(const char *path)
{
	return CreateDirectoryA(path, NULL);
}

bool host_make_link(const char *path, const char *to)
{
	return CreateSymbolicLinkA(path, to, SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE);
}

/* Pipes have a folder of their own here. */
bool host_make_fifo(const char *path)
{
	(void)path;
	return false;
}

bool host_remove(const char *path)
{
	return DeleteFileA(path) || RemoveDirectoryA(path);
}

bool host_swap(const char *a, const char *b)
{
	(void)a;
	(void)b;
	return false;
}

bool host_temp_dir(char *path, size_t bytes)
{
	char name[MAX_PATH + 1];

	temp_name(name);
	if (!*name || !DeleteFileA(name) || !CreateDirectoryA(name, NULL))
		return false;
	return snprintf(path, bytes, "%s", name) < (int)bytes;
}
