/* Opening below a folder, component by component, with no way out. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>
#include <wchar.h>
#include <winternl.h>

/* ---- what is refused, and why ----
 *
 *   ..  \  :             another folder, another drive, another stream of the file
 *   a dot or blank last  Win32 drops it, so that "a." would be another name of "a"
 *   NUL, COM1.txt...     a device in any folder, for whoever opens it by Win32 afterwards
 *   GIT~1                a short name, when it stands for a longer one: another name again
 *   links, junctions     all of them, also those that stay inside
 *
 * The path is never given to the kernel as a whole: each step begins at an open folder, and opens a
 * link itself instead of following it, so that one which is swapped in meanwhile is no way out. */

enum { NAME_MAX_UNITS = 255, FINAL_UNITS = PX_WIN_PATH };

static bool is_digit_of_device(wchar_t c)
{
	return (c >= L'0' && c <= L'9') || c == 0xB9 || c == 0xB2 || c == 0xB3;
}

static bool same(const wchar_t *a, size_t a_len, const wchar_t *b, size_t b_len)
{
	return CompareStringOrdinal(a, (int)a_len, b, (int)b_len, TRUE) == CSTR_EQUAL;
}

/* Whatever extension it has. */
static bool is_device(const wchar_t *name, size_t len)
{
	static const wchar_t *const devices[] = {L"CON", L"PRN",    L"AUX",
	                                         L"NUL", L"CONIN$", L"CONOUT$"};
	size_t n = 0;

	while (n < len && name[n] != L'.')
		n++;
	while (n && name[n - 1] == L' ')
		n--;
	for (unsigned i = 0; i < PX_COUNT(devices); i++)
		if (same(name, n, devices[i], wcslen(devices[i])))
			return true;
	return n == 4 && is_digit_of_device(name[3]) &&
	       (same(name, 3, L"COM", 3) || same(name, 3, L"LPT", 3));
}

static bool has(const wchar_t *name, size_t len, wchar_t c)
{
	return wmemchr(name, c, len) != NULL;
}

/* "." is none. */
int px_win_name_check(const wchar_t *name, size_t len)
{
	if (len == 0)
		return 0;
	if (len > NAME_MAX_UNITS)
		return ERROR_FILENAME_EXCED_RANGE;
	if (has(name, len, L':') || has(name, len, L'\\') || name[len - 1] == L'.' ||
	    name[len - 1] == L' ' || is_device(name, len))
		return ERROR_ACCESS_DENIED;
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || wcschr(L"<>\"|?*", name[i]))
			return ERROR_INVALID_NAME;
	return 0;
}

enum { OBJECT_NAME = 1 };

/* Wine 8 crashes in GetFinalPathNameByHandle when the file is renamed meanwhile, and tells of no
 * path of more than 260 units. What its objects are called is the same, and resolved. */
static size_t object_path(HANDLE h, wchar_t *out)
{
	struct {
		UNICODE_STRING name;
		wchar_t text[FINAL_UNITS];
	} object;
	size_t n;

	if (NtQueryObject(h, (OBJECT_INFORMATION_CLASS)OBJECT_NAME, &object, sizeof object, NULL))
		return 0;
	n = object.name.Length / sizeof *out;
	if (n == 0 || n >= FINAL_UNITS)
		return 0;
	wmemcpy(out, object.name.Buffer, n);
	out[n] = 0;
	return n;
}

/* From the root of its volume, with long names only. */
static size_t final_path(HANDLE h, wchar_t *out)
{
	DWORD n;

	if (px_win_is_wine())
		return object_path(h, out);
	n = GetFinalPathNameByHandleW(h, out, FINAL_UNITS, VOLUME_NAME_NONE);
	return n < FINAL_UNITS ? n : 0;
}

/* Whether `h` is what is called so in the folder `at`, and by no other name. */
static bool is_itself(HANDLE at, HANDLE h, const wchar_t *name, size_t len)
{
	wchar_t folder[FINAL_UNITS], file[FINAL_UNITS];
	size_t n = final_path(at, folder), m = final_path(h, file);

	if (n == 0 || m == 0)
		return false;
	if (folder[n - 1] == L'\\')
		n--;
	if (len == 0)
		return same(folder, n, file, file[m - 1] == L'\\' ? m - 1 : m);
	return m == n + 1 + len && file[n] == L'\\' && same(folder, n, file, n) &&
	       same(name, len, file + n + 1, len);
}

/* Wine shows a link of the host as what it points at, so there the name decides. */
static bool name_may_lie(const wchar_t *name, size_t len)
{
	return has(name, len, L'~') || px_win_is_wine();
}

/* What a filter keeps as a reparse point (a compressed file, one in a cloud) is opened again for
 * what it stands for, and nothing else may have come in between. */
static int reopen(HANDLE at, const wchar_t *name, size_t len, const px_win_open *how, HANDLE *h)
{
	px_win_open again = *how;

	CloseHandle(*h);
	again.object |= OBJ_DONT_REPARSE;
	again.disposition = FILE_OPEN;
	return px_win_create(at, name, len, &again, h);
}

/* Which are refused is all that must be known, so where a file system does not tell a tag, every
 * reparse point is one of them. False: it does not say what it is. */
static bool tag_info(HANDLE h, FILE_ATTRIBUTE_TAG_INFO *out)
{
	BY_HANDLE_FILE_INFORMATION info;
	DWORD error;

	if (GetFileInformationByHandleEx(h, FileAttributeTagInfo, out, sizeof *out))
		return true;
	error = GetLastError();
	if ((error != ERROR_INVALID_PARAMETER && error != ERROR_INVALID_FUNCTION &&
	     error != ERROR_NOT_SUPPORTED) ||
	    !GetFileInformationByHandle(h, &info))
		return false;
	*out = (FILE_ATTRIBUTE_TAG_INFO){info.dwFileAttributes, IO_REPARSE_TAG_SYMLINK};
	return true;
}

/* One component. */
static int step(HANDLE at, const wchar_t *name, size_t len, const px_win_open *how, HANDLE *out)
{
	px_win_open itself = *how;
	FILE_ATTRIBUTE_TAG_INFO info;
	int error = px_win_name_check(name, len);

	itself.options |= FILE_OPEN_REPARSE_POINT;
	if (error || (error = px_win_create(at, name, len, &itself, out)))
		return error;
	if (!tag_info(*out, &info))
		error = ERROR_ACCESS_DENIED;
	else if (name_may_lie(name, len) && !is_itself(at, *out, name, len))
		error = ERROR_ACCESS_DENIED;
	else if (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT &&
	         IsReparseTagNameSurrogate(info.ReparseTag))
		error = ERROR_ACCESS_DENIED;
	else if (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
		return reopen(at, name, len, how, out);
	if (error)
		CloseHandle(*out);
	return error;
}

/* A component that others follow. */
static const px_win_open folder_how = {
	.access = FILE_TRAVERSE | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
	.options = FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT,
	.disposition = FILE_OPEN,
};

static int walk(HANDLE root, const wchar_t *path, const px_win_open *how, HANDLE *out)
{
	HANDLE at = root, next;

	for (;;) {
		size_t len = wcscspn(path, L"/");
		const wchar_t *rest = path + len + wcsspn(path + len, L"/");
		bool dot = len == 1 && *path == L'.';
		int error = step(at, path, dot ? 0 : len, *rest ? &folder_how : how, &next);

		if (at != root)
			CloseHandle(at);
		if (error || !*rest) {
			*out = next;
			return error;
		}
		at = next;
		path = rest;
	}
}

int px_win_open_beneath(HANDLE dir, const char *path, const px_win_open *how, HANDLE *out)
{
	wchar_t wide[PX_WIN_PATH];
	px_win_open last = *how;
	HANDLE root = dir;
	int n = px_win_wide(path, wide, PX_WIN_PATH), error;

	if (n <= 0)
		return ERROR_PATH_NOT_FOUND;
	if (wide[0] == L'/')
		return ERROR_ACCESS_DENIED;
	if (wide[n - 1] == L'/') {
		if (last.options & FILE_NON_DIRECTORY_FILE)
			return PX_WIN_IS_FOLDER;
		last.options |= FILE_DIRECTORY_FILE;
	}
	if (!dir && (error = px_win_open_path(NULL, ".", &folder_how, &root)))
		return error;
	error = walk(root, wide, &last, out);
	if (!dir)
		CloseHandle(root);
	return error;
}
