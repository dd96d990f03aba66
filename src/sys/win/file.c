/* Files: the calls that may block, for workers. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>
#include <winternl.h>

enum { BYTES_AT_ONCE = 0x7ffff000, OWNER_MAY_WRITE = 0200 };

/* ---- opening ---- */

/* What is appended goes to the end, whatever offset is given, because the handle may do no other
 * writing. */
static uint32_t open_access(unsigned flags)
{
	uint32_t access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;

	if (flags & (PROA_O_READ | PROA_O_DIR))
		access |= FILE_GENERIC_READ;
	if (flags & PROA_O_WRITE)
		access |= FILE_GENERIC_WRITE;
	if (flags & PROA_O_APPEND)
		access &= ~(uint32_t)FILE_WRITE_DATA;
	return access;
}

/* A folder is only ever read by calls that wait, and what they wait for is the kernel's business;
 * everything else is overlapped. Emptying is done afterwards, through the handle: of a link it
 * would empty what it points at. */
static int64_t open_how(px_win_open *how, unsigned flags, unsigned mode)
{
	bool writes = flags & PROA_O_WRITE;

	if (!(flags & (PROA_O_READ | PROA_O_WRITE | PROA_O_DIR)) ||
	    (flags & PROA_O_DIR && flags & PROA_O_CREATE) || (flags & PROA_O_TRUNC && !writes))
		return -PROA_EINVAL;
	if (flags & PROA_O_DIR && writes)
		return -PROA_EISDIR;
	how->access = open_access(flags) | (flags & PROA_O_TRUNC ? FILE_WRITE_DATA : 0u);
	how->options = flags & PROA_O_DIR ? FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT : 0u;
	if (writes || flags & PROA_O_CREATE)
		how->options = FILE_NON_DIRECTORY_FILE;
	how->disposition = !(flags & PROA_O_CREATE) ? FILE_OPEN
	                   : flags & PROA_O_EXCL    ? FILE_CREATE
	                                            : FILE_OPEN_IF;
	how->attributes = mode & OWNER_MAY_WRITE ? FILE_ATTRIBUTE_NORMAL : FILE_ATTRIBUTE_READONLY;
	return 0;
}

static int file_truncate(HANDLE *h, unsigned flags)
{
	FILE_END_OF_FILE_INFO end = {{.QuadPart = 0}};
	HANDLE less, self = GetCurrentProcess();

	if (!SetFileInformationByHandle(*h, FileEndOfFileInfo, &end, sizeof end))
		return (int)GetLastError();
	if (!(flags & PROA_O_APPEND))
		return 0;
	if (!DuplicateHandle(self, *h, self, &less, open_access(flags), FALSE, 0))
		return (int)GetLastError();
	CloseHandle(*h);
	*h = less;
	return 0;
}

int64_t px_os_file_open(int dir_fd, const char *path, unsigned flags, unsigned mode,
                        int32_t *sys_error)
{
	HANDLE dir = dir_fd < 0 ? NULL : px_win_handle(dir_fd), h;
	px_win_open how = {0};
	int64_t rc = open_how(&how, flags, mode);
	int error;

	*sys_error = 0;
	if (rc < 0)
		return rc;
	error = flags & PROA_O_BENEATH ? px_win_open_beneath(dir, path, &how, &h)
	                               : px_win_open_path(dir, path, &how, &h);
	if (!error && flags & PROA_O_TRUNC && (error = file_truncate(&h, flags)))
		CloseHandle(h);
	*sys_error = error;
	return error ? px_sys_error(error) : px_win_file_fd(h);
}

/* ---- what it is ---- */

uint32_t px_win_type(DWORD attributes, DWORD reparse_tag)
{
	if (attributes & FILE_ATTRIBUTE_REPARSE_POINT && IsReparseTagNameSurrogate(reparse_tag))
		return PROA_S_LINK;
	return attributes & FILE_ATTRIBUTE_DIRECTORY ? PROA_S_DIR : PROA_S_FILE;
}

uint32_t px_win_mode(DWORD attributes)
{
	uint32_t mode = attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666;

	return attributes & FILE_ATTRIBUTE_DIRECTORY ? 0777 : mode;
}

/* Windows counts from 1601, in 100 ns. */
int64_t px_win_time_ns(int64_t filetime)
{
	return (filetime - INT64_C(116444736000000000)) * 100;
}

static int64_t joined(DWORD high, DWORD low)
{
	return (int64_t)((uint64_t)high << 32 | low);
}

/* A device or a pipe has nothing more to tell. */
int64_t px_os_file_stat(int fd, proa_stat_info *out, int32_t *sys_error)
{
	BY_HANDLE_FILE_INFORMATION i;
	HANDLE h = px_win_handle(fd);
	DWORD type;

	*sys_error = 0;
	SetLastError(0);
	type = GetFileType(h);
	memset(out, 0, sizeof *out);
	if (type == FILE_TYPE_UNKNOWN && GetLastError())
		return px_win_error(sys_error);
	if (type != FILE_TYPE_DISK)
		return 0; /* PROA_S_OTHER */
	if (!GetFileInformationByHandle(h, &i))
		return px_win_error(sys_error);
	out->size_bytes = i.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY
	                          ? 0
	                          : joined(i.nFileSizeHigh, i.nFileSizeLow);
	out->mtime_ns = px_win_time_ns(
		joined(i.ftLastWriteTime.dwHighDateTime, i.ftLastWriteTime.dwLowDateTime));
	out->mode = px_win_mode(i.dwFileAttributes);
	out->type = px_win_type(i.dwFileAttributes, 0);
	out->ino = (uint64_t)joined(i.nFileIndexHigh, i.nFileIndexLow);
	out->dev = i.dwVolumeSerialNumber;
	return 0;
}

/* ---- bytes ---- */

/* A handle without the right says "denied", a folder "no such function": both are names for a thing
 * that has another one elsewhere. */
int64_t px_win_file_failed(int error, int32_t *sys_error)
{
	*sys_error = error;
	switch (error) {
	case ERROR_HANDLE_EOF: *sys_error = 0; return 0;
	case ERROR_ACCESS_DENIED: return -PROA_EBADF;
	case ERROR_INVALID_FUNCTION: return -PROA_EISDIR;
	default: return px_sys_error(error);
	}
}

/* An event with its low bit set tells the system that no packet shall go to a port:
 * GetQueuedCompletionStatus. */
static bool blocking_begin(OVERLAPPED *o, int64_t offset)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

	memset(o, 0, sizeof *o);
	o->Offset = (DWORD)offset;
	o->OffsetHigh = (DWORD)(offset >> 32);
	o->hEvent = (HANDLE)((uintptr_t)event | 1);
	return event != NULL;
}

static int64_t blocking_end(OVERLAPPED *o, HANDLE h, BOOL started, int32_t *sys_error)
{
	DWORD n = 0;
	int error = 0;

	*sys_error = 0;
	if ((!started && GetLastError() != ERROR_IO_PENDING) ||
	    !GetOverlappedResult(h, o, &n, TRUE))
		error = (int)GetLastError();
	CloseHandle((HANDLE)((uintptr_t)o->hEvent & ~(uintptr_t)1));
	return error ? px_win_file_failed(error, sys_error) : n;
}

int64_t px_os_file_read(int fd, void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	HANDLE h = px_win_handle(fd);
	OVERLAPPED o;

	if (!blocking_begin(&o, offset))
		return px_win_error(sys_error);
	return blocking_end(&o, h, ReadFile(h, buf, (DWORD)PX_MIN(len, BYTES_AT_ONCE), NULL, &o),
	                    sys_error);
}

int64_t px_os_file_write(int fd, const void *buf, size_t len, int64_t offset, int32_t *sys_error)
{
	HANDLE h = px_win_handle(fd);
	OVERLAPPED o;

	if (!blocking_begin(&o, offset))
		return px_win_error(sys_error);
	return blocking_end(&o, h, WriteFile(h, buf, (DWORD)PX_MIN(len, BYTES_AT_ONCE), NULL, &o),
	                    sys_error);
}

/* Gathering wants pages, aligned, and no buffering: so one piece a call. */
int64_t px_os_file_readv(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                         int32_t *sys_error)
{
	return px_hand_readv(fd, vec, n, skip, offset, sys_error);
}

int64_t px_os_file_writev(int fd, const proa_vec *vec, unsigned n, size_t skip, int64_t offset,
                          int32_t *sys_error)
{
	return px_hand_writev(fd, vec, n, skip, offset, sys_error);
}

/* Only a handle that may write may flush, but what others wrote can be flushed through another. */
int64_t px_os_file_sync(int fd, int32_t *sys_error)
{
	HANDLE h = px_win_handle(fd), other;
	BOOL done;

	*sys_error = 0;
	if (FlushFileBuffers(h))
		return 0;
	if (GetLastError() != ERROR_ACCESS_DENIED)
		return px_win_error(sys_error);
	other = ReOpenFile(h, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
	                   FILE_FLAG_BACKUP_SEMANTICS);
	if (other == INVALID_HANDLE_VALUE)
		return px_win_error(sys_error);
	done = FlushFileBuffers(other);
	if (!done)
		px_win_error(sys_error);
	CloseHandle(other);
	return done ? 0 : px_sys_error(*sys_error);
}

int64_t px_os_file_datasync(int fd, int32_t *sys_error)
{
	return px_os_file_sync(fd, sys_error);
}

void px_os_file_close(int fd)
{
	CloseHandle(px_win_handle(fd));
}

/* ---- how a handle was opened ---- */

bool px_win_is_synchronous(int fd)
{
	enum { FILE_MODE = 16, WAITS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT };
	IO_STATUS_BLOCK io;
	ULONG mode = 0;
	NTSTATUS status = NtQueryInformationFile(px_win_handle(fd), &io, &mode, sizeof mode,
	                                         (FILE_INFORMATION_CLASS)FILE_MODE);

	return status >= 0 && (mode & WAITS);
}
