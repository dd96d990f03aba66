/* Names, and what a file is: the calls behind px_file_call. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>
#include <wchar.h>
#include <winioctl.h>

enum { FULL_UNITS = PX_WIN_PATH + 8, LINK_BYTES = 16 * 1024, OWNER_WRITES = 0200 };

/* Paths whole, as Win32 takes them at any length. */
typedef struct names {
	wchar_t path[FULL_UNITS], to[FULL_UNITS];
} names;

/* Each returns 0 or a Win32 code. */
typedef int call_fn(const px_call_args *a, const names *n);

static int win32(BOOL done)
{
	return done ? 0 : (int)GetLastError();
}

/* ---- through a handle ---- */

/* `itself`: not what a link leads to. */
static int open_for(const wchar_t *path, DWORD access, bool itself, HANDLE *out)
{
	DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (itself ? FILE_FLAG_OPEN_REPARSE_POINT : 0);

	*out = CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
	                   NULL, OPEN_EXISTING, flags, NULL);
	return win32(*out != INVALID_HANDLE_VALUE);
}

static int call_stat(const px_call_args *a, const names *n)
{
	FILE_ATTRIBUTE_TAG_INFO tag;
	proa_stat_info *info = a->out;
	int32_t sys_error;
	HANDLE h;
	int error = open_for(n->path, FILE_READ_ATTRIBUTES, a->call == PX_CALL_LSTAT, &h);

	if (error)
		return error;
	px_os_file_stat(px_win_file_fd(h), info, &sys_error);
	if (!sys_error && GetFileInformationByHandleEx(h, FileAttributeTagInfo, &tag, sizeof tag))
		info->type = px_win_type(tag.FileAttributes, tag.ReparseTag);
	CloseHandle(h);
	return sys_error;
}

/* Windows counts from 1601, in 100 ns; 0 leaves a time as it is. */
static FILETIME time_of(int64_t ns)
{
	uint64_t ticks = ns == PROA_TIME_KEEP ? 0
	                                      : (uint64_t)(ns / 100 + INT64_C(116444736000000000));

	return (FILETIME){(DWORD)ticks, (DWORD)(ticks >> 32)};
}

static int call_utime(const px_call_args *a, const names *n)
{
	FILETIME read = time_of(a->a), written = time_of(a->b);
	HANDLE h = px_win_handle(a->fd);
	int error = a->path ? open_for(n->path, FILE_WRITE_ATTRIBUTES, false, &h) : 0;

	if (error)
		return error;
	error = win32(SetFileTime(h, NULL, &read, &written));
	if (a->path)
		CloseHandle(h);
	return error;
}

static int end_set(HANDLE h, int64_t size)
{
	FILE_END_OF_FILE_INFO end = {{.QuadPart = size}};

	return win32(SetFileInformationByHandle(h, FileEndOfFileInfo, &end, sizeof end));
}

static int call_truncate(const px_call_args *a, const names *n)
{
	PX_UNUSED(n);
	return end_set(px_win_handle(a->fd), a->a);
}

/* A file that is not sparse has all the room of its size. */
static int call_allocate(const px_call_args *a, const names *n)
{
	HANDLE h = px_win_handle(a->fd);
	LARGE_INTEGER size;

	PX_UNUSED(n);
	if (!GetFileSizeEx(h, &size))
		return (int)GetLastError();
	return size.QuadPart >= a->a + a->b ? 0 : end_set(h, a->a + a->b);
}

/* ---- by name ---- */

/* All that there is of permissions is whether it may be written. */
static int call_access(const px_call_args *a, const names *n)
{
	DWORD attributes = GetFileAttributesW(n->path);

	if (attributes == INVALID_FILE_ATTRIBUTES)
		return (int)GetLastError();
	return a->mode & PROA_A_WRITE && attributes & FILE_ATTRIBUTE_READONLY &&
	                       !(attributes & FILE_ATTRIBUTE_DIRECTORY)
	               ? ERROR_ACCESS_DENIED
	               : 0;
}

static void attributes_mode(DWORD *attributes, unsigned mode)
{
	*attributes &= ~(DWORD)FILE_ATTRIBUTE_READONLY;
	*attributes |= mode & OWNER_WRITES ? 0u : FILE_ATTRIBUTE_READONLY;
}

static int mode_of_handle(HANDLE h, unsigned mode)
{
	FILE_BASIC_INFO info;

	if (!GetFileInformationByHandleEx(h, FileBasicInfo, &info, sizeof info))
		return (int)GetLastError();
	attributes_mode(&info.FileAttributes, mode);
	return win32(SetFileInformationByHandle(h, FileBasicInfo, &info, sizeof info));
}

static int call_chmod(const px_call_args *a, const names *n)
{
	DWORD attributes;

	if (!a->path)
		return mode_of_handle(px_win_handle(a->fd), a->mode);
	attributes = GetFileAttributesW(n->path);
	if (attributes == INVALID_FILE_ATTRIBUTES)
		return (int)GetLastError();
	attributes_mode(&attributes, a->mode);
	return win32(SetFileAttributesW(n->path, attributes));
}

static bool is_folder(const wchar_t *path)
{
	DWORD attributes = GetFileAttributesW(path);

	return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

/* "Denied" is all that Windows says of a folder in the place of a file and the other way round;
 * Wine does the latter. */
static int call_rename(const px_call_args *a, const names *n)
{
	bool folder = is_folder(n->path);
	int error;

	PX_UNUSED(a);
	if (folder && !is_folder(n->to) && GetFileAttributesW(n->to) != INVALID_FILE_ATTRIBUTES)
		return ERROR_DIRECTORY;
	error = win32(MoveFileExW(n->path, n->to, MOVEFILE_REPLACE_EXISTING));
	return error == ERROR_ACCESS_DENIED && !folder && is_folder(n->to) ? PX_WIN_IS_FOLDER
	                                                                   : error;
}

static int call_link(const px_call_args *a, const names *n)
{
	PX_UNUSED(a);
	return win32(CreateHardLinkW(n->to, n->path, NULL));
}

/* Windows keeps in a link what kind of thing it leads to. Relative to the folder that the link is
 * in, so what is not there yet is taken for a file. */
static int call_symlink(const px_call_args *a, const names *n)
{
	wchar_t target[PX_WIN_PATH], beside[FULL_UNITS];
	DWORD flags = 0x2; /* also who is no administrator, in developer mode */
	wchar_t *end;
	int len = px_win_wide(a->to, target, PX_WIN_PATH);

	if (len <= 0)
		return ERROR_PATH_NOT_FOUND;
	for (int i = 0; i < len; i++)
		if (target[i] == L'/')
			target[i] = L'\\';
	wmemcpy(beside, n->path, wcslen(n->path) + 1);
	end = wcsrchr(beside, L'\\');
	if (end && wcschr(target, L':') == NULL && target[0] != L'\\' &&
	    (size_t)(end + 1 - beside) + (size_t)len < FULL_UNITS)
		wmemcpy(end + 1, target, (size_t)len + 1);
	flags |= is_folder(beside) ? SYMBOLIC_LINK_FLAG_DIRECTORY : 0;
	return win32(CreateSymbolicLinkW(n->path, target, flags));
}

/* A link goes as what it is, a folder's is one too. */
static int call_unlink(const px_call_args *a, const names *n)
{
	DWORD attributes = GetFileAttributesW(n->path);

	PX_UNUSED(a);
	if (attributes == INVALID_FILE_ATTRIBUTES)
		return (int)GetLastError();
	if (!(attributes & FILE_ATTRIBUTE_DIRECTORY))
		return win32(DeleteFileW(n->path));
	return attributes & FILE_ATTRIBUTE_REPARSE_POINT ? win32(RemoveDirectoryW(n->path))
	                                                 : PX_WIN_IS_FOLDER;
}

static int call_mkdir(const px_call_args *a, const names *n)
{
	PX_UNUSED(a);
	return win32(CreateDirectoryW(n->path, NULL));
}

static int call_rmdir(const px_call_args *a, const names *n)
{
	DWORD attributes = GetFileAttributesW(n->path);

	PX_UNUSED(a);
	if (attributes == INVALID_FILE_ATTRIBUTES)
		return (int)GetLastError();
	return attributes & FILE_ATTRIBUTE_DIRECTORY ? win32(RemoveDirectoryW(n->path))
	                                             : ERROR_DIRECTORY;
}

/* ---- what a link leads to ---- */

/* What a link holds: [MS-FSCC] 2.1.2. Of a junction there are no flags, and the names begin there.
 */
typedef struct link_data {
	ULONG tag;
	USHORT bytes, reserved;
	USHORT name_at, name_bytes, print_at, print_bytes;
	ULONG flags;
} link_data;

static int link_text(const link_data *d, const px_call_args *a, int64_t *len)
{
	const char *text = (const char *)(d + 1);
	int n;

	if (d->tag != IO_REPARSE_TAG_SYMLINK && d->tag != IO_REPARSE_TAG_MOUNT_POINT)
		return ERROR_INVALID_PARAMETER;
	if (d->tag == IO_REPARSE_TAG_MOUNT_POINT)
		text -= sizeof d->flags;
	n = px_win_utf8((const wchar_t *)(const void *)(text + d->print_at),
	                d->print_bytes / (int)sizeof(wchar_t), a->out,
	                (int)PX_MIN(a->len, (size_t)INT32_MAX));
	*len = n < 0 ? -PROA_ETOOLONG : n;
	return 0;
}

static int64_t readlink_into(const px_call_args *a, const names *n, int32_t *sys_error)
{
	_Alignas(link_data) char raw[LINK_BYTES];
	int64_t len = 0;
	DWORD bytes;
	HANDLE h;
	int error = open_for(n->path, 0, true, &h);

	if (!error) {
		error = win32(DeviceIoControl(h, FSCTL_GET_REPARSE_POINT, NULL, 0, raw, sizeof raw,
		                              &bytes, NULL));
		CloseHandle(h);
	}
	if (!error)
		error = link_text((const link_data *)(const void *)raw, a, &len);
	*sys_error = error;
	if (error == ERROR_NOT_A_REPARSE_POINT || error == ERROR_INVALID_PARAMETER)
		return -PROA_EINVAL;
	return error ? px_sys_error(error) : len;
}

/* ---- all of them ---- */

static call_fn *const calls[PX_CALL_COUNT] = {
	[PX_CALL_STAT] = call_stat,         [PX_CALL_LSTAT] = call_stat,
	[PX_CALL_ACCESS] = call_access,     [PX_CALL_RENAME] = call_rename,
	[PX_CALL_LINK] = call_link,         [PX_CALL_SYMLINK] = call_symlink,
	[PX_CALL_UNLINK] = call_unlink,     [PX_CALL_MKDIR] = call_mkdir,
	[PX_CALL_RMDIR] = call_rmdir,       [PX_CALL_CHMOD] = call_chmod,
	[PX_CALL_UTIME] = call_utime,       [PX_CALL_TRUNCATE] = call_truncate,
	[PX_CALL_ALLOCATE] = call_allocate,
};

int64_t px_os_file_call(const px_call_args *a, int32_t *sys_error)
{
	HANDLE dir = a->fd < 0 ? NULL : px_win_handle(a->fd);
	names n;
	int error = a->path ? px_win_full_path(dir, a->path, n.path) : 0;

	if (!error && (a->call == PX_CALL_RENAME || a->call == PX_CALL_LINK))
		error = px_win_full_path(dir, a->to, n.to);
	*sys_error = 0;
	if (!error && a->call == PX_CALL_READLINK)
		return readlink_into(a, &n, sys_error);
	if (!error)
		error = calls[a->call](a, &n);
	*sys_error = error;
	if (!a->path && error == ERROR_ACCESS_DENIED) /* a handle without the right */
		return -PROA_EBADF;
	return error ? px_sys_error(error) : 0;
}
