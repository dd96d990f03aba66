/* Pipes with names: the instances of who listens, and the ends of who connects. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <winternl.h>

/* ---- how it works ----
 *
 * A pipe's name is all that its instances have in common: each is a connection, or waits to be one.
 * It is there while an instance is, and who makes the first may say that it must be the first
 * (FILE_FLAG_FIRST_PIPE_INSTANCE), so that nobody joins a pipe of somebody else. Wine 8 takes no
 * notice of that, so before it is made the name is looked for, too.
 *
 * Paths begin with "\\?\", behind which nothing of them has a meaning: in "\\.\", ".." leads out of
 * the pipes. */

enum { PIPE_BYTES = 64 * 1024, PATH_UNITS = 320, WAIT_MS = 50, TICKS_PER_MS = 10000 };
enum { FS_PIPE_WAIT = 0x110018 }; /* FSCTL_PIPE_WAIT */

#define PREFIX L"\\\\?\\pipe\\"
#define ROOT   L"\\??\\pipe\\"

/* ---- names ---- */

static wchar_t *name_in(wchar_t *path)
{
	return path + wcslen(PREFIX);
}

/* 0 or a Win32 code. */
static int path_make(const proa_addr *addr, wchar_t *path)
{
	char name[PX_PIPE_TEXT];

	wcscpy(path, PREFIX);
	return px_addr_pipe(addr, name) && px_win_wide(name, name_in(path), PX_PIPE_TEXT) > 0
	               ? 0
	               : ERROR_INVALID_NAME;
}

/* What the system calls it begins with a backslash. */
static int path_of(int fd, wchar_t *path)
{
	struct {
		ULONG bytes;
		wchar_t text[PATH_UNITS];
	} name;
	size_t units;

	if (!GetFileInformationByHandleEx(px_win_handle(fd), FileNameInfo, &name, sizeof name))
		return (int)GetLastError();
	units = name.bytes / sizeof *path;
	if (units < 2 || units >= PATH_UNITS - wcslen(PREFIX))
		return ERROR_INVALID_NAME;
	wcscpy(path, PREFIX);
	wmemcpy(name_in(path), name.text + 1, units - 1);
	name_in(path)[units - 1] = 0;
	return 0;
}

bool px_win_is_pipe(int fd)
{
	DWORD flags;

	return GetNamedPipeInfo(px_win_handle(fd), &flags, NULL, NULL, NULL);
}

int px_win_pipe_addr(int fd, proa_addr *out)
{
	enum { SCHEME = 5 };
	wchar_t path[PATH_UNITS];
	char text[SCHEME + PX_PIPE_TEXT] = "pipe:";

	int error = path_of(fd, path);

	if (error)
		return (int)px_sys_error(error);
	if (px_win_utf8(name_in(path), (int)wcslen(name_in(path)), text + SCHEME, PX_PIPE_TEXT) < 0)
		return -PROA_ENAMETOOLONG;
	return px_addr_parse(out, text, 0);
}

/* ---- all pipes ---- */

static int root_open(uint32_t options, HANDLE *out)
{
	px_win_open how = {.access = FILE_READ_ATTRIBUTES | SYNCHRONIZE,
	                   .options = options,
	                   .disposition = FILE_OPEN};

	return px_win_create(NULL, ROOT, wcslen(ROOT), &how, out);
}

int64_t px_win_pipe_root(int32_t *sys_error)
{
	HANDLE root;

	*sys_error = root_open(0, &root);
	return *sys_error ? px_sys_error(*sys_error) : px_win_file_fd(root);
}

/* The request is copied by the call. */
static int root_wait(HANDLE root, const wchar_t *name, int ms, OVERLAPPED *o)
{
	struct {
		LARGE_INTEGER timeout;
		ULONG name_bytes;
		BOOLEAN timed;
		wchar_t name[PATH_UNITS];
	} wait = {.timeout.QuadPart = -(int64_t)ms * TICKS_PER_MS,
	          .name_bytes = (ULONG)(wcslen(name) * sizeof *name),
	          .timed = TRUE};

	wmemcpy(wait.name, name, wcslen(name));
	return px_win_status(NtFsControlFile(
		root, NULL, NULL, o, (IO_STATUS_BLOCK *)(void *)o, FS_PIPE_WAIT, &wait,
		(ULONG)((char *)wait.name - (char *)&wait) + wait.name_bytes, NULL, 0));
}

/* ---- listening ---- */

static bool name_taken(const wchar_t *name)
{
	OVERLAPPED o = {0};
	HANDLE root;
	int error = root_open(FILE_SYNCHRONOUS_IO_NONALERT, &root);

	if (error)
		return false;
	error = root_wait(root, name, 1, &o);
	CloseHandle(root);
	return error != ERROR_FILE_NOT_FOUND;
}

/* Who may do what is as for anything else that the process makes. What pipes have by themselves
 * lets everybody read. */
typedef struct rights {
	TOKEN_DEFAULT_DACL dacl;
	char room[4096];
} rights;

static bool rights_ask(rights *r)
{
	HANDLE token;
	DWORD len;
	BOOL told;

	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
		return false;
	told = GetTokenInformation(token, TokenDefaultDacl, r, sizeof *r, &len);
	CloseHandle(token);
	return told && r->dacl.DefaultDacl;
}

static int64_t instance_make(const wchar_t *path, DWORD first, int32_t *sys_error)
{
	SECURITY_DESCRIPTOR sd;
	SECURITY_ATTRIBUTES sa = {sizeof sa, &sd, FALSE};
	rights r;
	HANDLE h;

	*sys_error = 0;
	if (!rights_ask(&r) || !InitializeSecurityDescriptor(&sd, SECURITY_DESCRIPTOR_REVISION) ||
	    !SetSecurityDescriptorDacl(&sd, TRUE, r.dacl.DefaultDacl, FALSE))
		return px_win_error(sys_error);
	h = CreateNamedPipeW(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
	                     PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, PIPE_UNLIMITED_INSTANCES,
	                     PIPE_BYTES, PIPE_BYTES, 0, &sa);
	return h == INVALID_HANDLE_VALUE ? px_win_error(sys_error) : px_win_file_fd(h);
}

int64_t px_pipe_listen(const proa_addr *addr, const proa_listen_options *options,
                       int32_t *sys_error)
{
	wchar_t path[PATH_UNITS];
	int64_t fd = -PROA_EADDRINUSE;

	if (options && options->reuseport)
		return -PROA_ENOTSUP;
	if ((*sys_error = path_make(addr, path)))
		return px_sys_error(*sys_error);
	if (!name_taken(name_in(path)))
		fd = instance_make(path, FILE_FLAG_FIRST_PIPE_INSTANCE, sys_error);
	if (fd == -PROA_EACCES && name_taken(name_in(path)))
		return -PROA_EADDRINUSE; /* which is how the system says it */
	return fd;
}

int64_t px_win_pipe_more(int fd, int32_t *sys_error)
{
	wchar_t path[PATH_UNITS];

	*sys_error = path_of(fd, path);
	return *sys_error ? px_sys_error(*sys_error) : instance_make(path, 0, sys_error);
}

/* A client that has left already may have written something. */
int px_win_pipe_await(int fd, OVERLAPPED *o)
{
	int error = ConnectNamedPipe(px_win_handle(fd), o) ? 0 : (int)GetLastError();

	return error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA ? 0 : error;
}

/* ---- connecting ---- */

/* Who listens learns who we are, and cannot do things in our name. */
int64_t px_win_pipe_connect(const proa_addr *addr, int32_t *sys_error)
{
	wchar_t path[PATH_UNITS];
	HANDLE h;

	if ((*sys_error = path_make(addr, path)))
		return px_sys_error(*sys_error);
	h = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
	                FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
	                NULL);
	if (h != INVALID_HANDLE_VALUE)
		return px_win_file_fd(h);
	return GetLastError() == ERROR_PIPE_BUSY ? PX_AGAIN : px_win_error(sys_error);
}

/* Not for long: Wine 8 does not let go of such a call before its time, and what was waited for may
 * be gone. */
int px_win_pipe_wait(int root, const proa_addr *addr, OVERLAPPED *o)
{
	wchar_t path[PATH_UNITS];
	int error = path_make(addr, path);

	return error ? error : root_wait(px_win_handle(root), name_in(path), WAIT_MS, o);
}
