/* Child processes under the tests, on Windows. */
/* SPDX-License-Identifier: MIT */
#include "host_child.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

bool host_beside(const char *name, char *path, size_t bytes)
{
	DWORD n = GetModuleFileNameA(NULL, path, (DWORD)bytes);
	char *slash = n ? strrchr(path, '\\') : NULL;

	if (!slash)
		return false;
	snprintf(slash + 1, bytes - (size_t)(slash + 1 - path), "%s.exe", name);
	return true;
}

static CALLBACK void nothing(void *arg, BOOLEAN timed_out)
{
	(void)arg;
	(void)timed_out;
}

/* The system's thread that waits for handles, and what it needs: for good, as it would end, and
 * close that, when it has had nothing to wait for in some seconds. */
void host_children_begin(void)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL), wait;

	if (event)
		RegisterWaitForSingleObject(&wait, event, nothing, NULL, INFINITE,
		                            WT_EXECUTEONLYONCE);
}

bool host_childless(void)
{
	return true;
}

void host_bytes(void)
{
	_setmode(0, _O_BINARY);
	_setmode(1, _O_BINARY);
	_setmode(2, _O_BINARY);
}

bool host_folder(char *path, size_t bytes)
{
	return GetCurrentDirectoryA((DWORD)bytes, path) > 0;
}

int host_deaf(void)
{
	return 0;
}

bool host_is_leader(void)
{
	return false;
}

unsigned host_user(void)
{
	return 0;
}
