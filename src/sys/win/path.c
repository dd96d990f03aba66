/* Opening by name: from what people write to what the kernel takes. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>
#include <wchar.h>
#include <winternl.h>

/* What is opened here is opened by NtCreateFile: CreateFile knows no folder to begin at, stops at
 * 260 units, and hides what an error was. */

enum { PREFIX = 4 }; /* units of "\??\", "\\?\" and "\\.\" */

int px_win_create(HANDLE root, const wchar_t *name, size_t len, const px_win_open *how, HANDLE *out)
{
	USHORT bytes = (USHORT)(len * sizeof *name);
	UNICODE_STRING text = {bytes, bytes, (wchar_t *)(uintptr_t)name};
	OBJECT_ATTRIBUTES object;
	IO_STATUS_BLOCK status;

	if (len > UINT16_MAX / sizeof *name)
		return ERROR_FILENAME_EXCED_RANGE;
	InitializeObjectAttributes(&object, &text, OBJ_CASE_INSENSITIVE | how->object, root, NULL);
	return px_win_status(NtCreateFile(out, how->access, &object, &status, NULL, how->attributes,
	                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
	                                  how->disposition, how->options, NULL, 0));
}

static bool is_slash(wchar_t c)
{
	return c == L'/' || c == L'\\';
}

bool px_path_separates(char c)
{
	return c == ':' || is_slash((wchar_t)(unsigned char)c);
}

static bool is_absolute(const wchar_t *path)
{
	return is_slash(path[0]) || (path[0] && path[1] == L':');
}

static bool is_verbatim(const wchar_t *path)
{
	return !wcsncmp(path, L"\\\\?\\", PREFIX);
}

/* The folder's own path and a separator, as text that may be joined: units, or -1. */
static int folder_path(HANDLE dir, wchar_t *out, int max)
{
	DWORD n = GetFinalPathNameByHandleW(dir, out, (DWORD)max, 0);

	if (n == 0 || n + 2 > (DWORD)max)
		return -1;
	if (!wcsncmp(out, L"\\\\?\\UNC\\", PREFIX + 4)) {
		n -= PREFIX + 2; /* "\\?\UNC\server" is "\\server" */
		wmemmove(out + 1, out + PREFIX + 3, n);
	} else if (is_verbatim(out)) {
		n -= PREFIX;
		wmemmove(out, out + PREFIX, n + 1);
	}
	if (!is_slash(out[n - 1]))
		out[n++] = L'\\';
	out[n] = 0;
	return (int)n;
}

/* A full Win32 path as an NT one, in place; `full` has room for four units more. */
static size_t to_nt(wchar_t *full, size_t len)
{
	if (is_verbatim(full) || !wcsncmp(full, L"\\\\.\\", PREFIX)) {
		wmemcpy(full, L"\\??\\", PREFIX);
		return len;
	}
	if (is_slash(full[0])) { /* "\\server" */
		wmemmove(full + PREFIX + 3, full + 1, len);
		wmemcpy(full, L"\\??\\UNC", PREFIX + 3);
		return len + PREFIX + 2;
	}
	wmemmove(full + PREFIX, full, len + 1);
	wmemcpy(full, L"\\??\\", PREFIX);
	return len + PREFIX;
}

/* The current folder, "..", "/" and devices' names are the system's own business. */
static int nt_path(HANDLE dir, const wchar_t *path, wchar_t *out, size_t *len)
{
	wchar_t joined[PX_WIN_PATH] = L"";
	size_t at = 0, n = wcslen(path);
	DWORD full;

	if (dir && !is_absolute(path)) {
		int folder = folder_path(dir, joined, PX_WIN_PATH);

		if (folder < 0)
			return (int)GetLastError();
		at = (size_t)folder;
	}
	if (at + n >= PX_WIN_PATH)
		return ERROR_FILENAME_EXCED_RANGE;
	wmemcpy(joined + at, path, n + 1);
	full = is_verbatim(joined) ? (DWORD)(at + n)
	                           : GetFullPathNameW(joined, PX_WIN_PATH, out, NULL);
	if (is_verbatim(joined))
		wmemcpy(out, joined, at + n + 1);
	if (full == 0)
		return (int)GetLastError();
	if (full >= PX_WIN_PATH)
		return ERROR_FILENAME_EXCED_RANGE;
	*len = to_nt(out, full);
	return 0;
}

/* A slash at the end asks for a folder, and the kernel wants none but that of a root. */
static void slash_cut(wchar_t *path, size_t *len)
{
	while (*len > 1 && is_slash(path[*len - 1]) && path[*len - 2] != L':' &&
	       path[*len - 2] != L'}')
		path[--*len] = 0;
}

/* ---- from an open folder ----
 *
 * A plain name goes to the kernel as it is, relative to the folder's handle: not every volume has a
 * letter or tells the path of what is open, and the folder may be renamed meanwhile. Plain are
 * names that Win32 would not change. */

/* One component of a path, without what separates it from the next. */
static size_t component(const wchar_t *path)
{
	return wcscspn(path, L"/\\");
}

/* Into `out`, which has room for as much: false if not all of it is plain. */
static bool plain_path(const wchar_t *path, wchar_t *out, size_t *out_len)
{
	size_t at = 0;

	while (*path) {
		size_t len = component(path);
		bool dot = len == 1 && *path == L'.';

		if (!dot && px_win_name_check(path, len))
			return false;
		if (!dot && len && at)
			out[at++] = L'\\';
		if (!dot) {
			wmemcpy(out + at, path, len);
			at += len;
		}
		path += len;
		path += is_slash(*path);
	}
	*out_len = at;
	return true;
}

/* In the folder at *root if the name is plain, otherwise from nowhere. */
static int place_find(HANDLE *root, const wchar_t *path, wchar_t *out, size_t *len)
{
	HANDLE dir = *root;
	int error;

	if (dir && !is_absolute(path) && plain_path(path, out, len))
		return 0;
	*root = NULL;
	if ((error = nt_path(dir, path, out, len)))
		return error;
	slash_cut(out, len);
	return 0;
}

/* Units of the path; or < 0 and why not. */
static int path_wide(const char *path, wchar_t *out, int *error)
{
	int n = px_win_wide(path, out, PX_WIN_PATH);

	*error = 0;
	if (n < 0)
		*error = (int)GetLastError() == ERROR_INSUFFICIENT_BUFFER
		                 ? ERROR_FILENAME_EXCED_RANGE
		                 : ERROR_NO_UNICODE_TRANSLATION;
	else if (n == 0)
		*error = ERROR_PATH_NOT_FOUND;
	return *error ? -1 : n;
}

/* The two prefixes mean the same, to the kernel and to Win32. */
int px_win_full_path(HANDLE dir, const char *path, wchar_t *out)
{
	wchar_t wide[PX_WIN_PATH];
	size_t len;
	int error;

	if (path_wide(path, wide, &error) < 0 || (error = nt_path(dir, wide, out, &len)))
		return error;
	slash_cut(out, &len);
	out[len] = 0;
	out[1] = L'\\';
	return 0;
}

int px_win_open_path(HANDLE dir, const char *path, const px_win_open *how, HANDLE *out)
{
	wchar_t wide[PX_WIN_PATH], full[PX_WIN_PATH + 8];
	px_win_open h = *how;
	size_t len = 0;
	int error, n = path_wide(path, wide, &error);

	if (n < 0 || (error = place_find(&dir, wide, full, &len)))
		return error;
	if (is_slash(wide[n - 1]) && !(h.options & FILE_NON_DIRECTORY_FILE))
		h.options |= FILE_DIRECTORY_FILE;
	return px_win_create(dir, full, len, &h, out);
}
