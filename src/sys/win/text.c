/* UTF-8, as the library speaks, and UTF-16, as Windows does. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

int px_win_wide(const char *text, wchar_t *out, int max)
{
	int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, max);

	return n > 0 ? n - 1 : -1;
}

int px_win_utf8(const wchar_t *text, int len, char *out, int max)
{
	int n = len ? WideCharToMultiByte(CP_UTF8, 0, text, len, out, max - 1, NULL, NULL) : 0;

	if (len && n <= 0)
		return -1;
	out[n] = 0;
	return n;
}
