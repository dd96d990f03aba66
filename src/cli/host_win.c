/* What the command asks of the system, on Windows: its text is UTF-16, its consoles have pages. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>

/* Both allocate; NULL: no memory, or it is no text. */
static char *utf8_of(const wchar_t *wide)
{
	int n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
	char *text = n > 0 ? malloc((size_t)n) : NULL;

	if (text)
		WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, n, NULL, NULL);
	return text;
}

static wchar_t *wide_of(const char *text)
{
	int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
	wchar_t *wide = n > 0 ? malloc((size_t)n * sizeof *wide) : NULL;

	if (wide)
		MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, n);
	return wide;
}

/* ---- the beginning ---- */

static UINT page_before;

static void page_restore(void)
{
	SetConsoleOutputCP(page_before);
}

/* A console shows UTF-8 while we run; the page belongs to the console, not to us. */
static void output_prepare(void)
{
	_setmode(_fileno(stdout), _O_BINARY);
	_setmode(_fileno(stderr), _O_BINARY);
	page_before = GetConsoleOutputCP();
	if (page_before && page_before != CP_UTF8 && SetConsoleOutputCP(CP_UTF8))
		atexit(page_restore);
}

/* They live as long as the program. */
char **cli_host_start(int *argc, char **argv)
{
	wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), argc);
	char **out = wide ? calloc((size_t)*argc + 1, sizeof *out) : NULL;

	(void)argv;
	output_prepare();
	for (int i = 0; out && i < *argc; i++)
		if (!(out[i] = utf8_of(wide[i])))
			return NULL;
	LocalFree(wide);
	return out;
}

void cli_host_ignore_lost_readers(void)
{
	/* there is no signal for it */
}

/* ---- paths ---- */

char *cli_host_full_path(const char *path)
{
	wchar_t *wide = wide_of(path), *full = NULL;
	DWORD n = wide ? GetFullPathNameW(wide, 0, NULL, NULL) : 0;
	char *out = NULL;

	if (n && (full = malloc(n * sizeof *full)) && GetFullPathNameW(wide, n, full, NULL) < n)
		out = utf8_of(full);
	free(wide);
	free(full);
	return out;
}

void cli_host_remove(const char *path)
{
	wchar_t *wide = wide_of(path);

	if (wide)
		DeleteFileW(wide);
	free(wide);
}

bool cli_host_separates(char c)
{
	return c == '/' || c == '\\' || c == ':';
}

bool cli_host_is_terminal(void)
{
	return _isatty(_fileno(stderr));
}
