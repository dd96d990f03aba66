/* Reading a folder: the position is the handle's own, so nothing is kept here. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <string.h>
#include <wchar.h>
#include <winternl.h>

NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE file, HANDLE event, void *apc, void *apc_context,
                                    IO_STATUS_BLOCK *status, void *out, ULONG bytes, int what,
                                    BOOLEAN single, UNICODE_STRING *mask, BOOLEAN restart);

/* How the kernel's answers end, and how it says that a file system has no records of a kind. */
enum {
	STATUS_WAITING = 0x103,
	STATUS_NO_MORE = (int32_t)0x80000006,
	STATUS_NONE_AT_ALL = (int32_t)0xC000000F, /* an empty root has not even its dots */
	STATUS_NO_SUCH_CLASS = (int32_t)0xC0000003,
	STATUS_PARAMETER = (int32_t)0xC000000D,
	STATUS_DEVICE_REQUEST = (int32_t)0xC0000010,
	STATUS_UNSUPPORTED = (int32_t)0xC00000BB
};

/* ---- how much to ask for ----
 *
 * The position cannot be put back, so that all that is asked for must fit when it is packed. A
 * unit of a name is 2 bytes of the system's record and up to 3 of ours, so that ours is never
 * larger than 3/2 of theirs: 56 + 3n against 104 + 2n, or 68 + 2n. */
enum {
	RAW_BYTES = 8192,
	LOOK_AGAIN_MS = 10,
	NAME_UNITS = 255,
	RAW_LEAST = offsetof(FILE_ID_BOTH_DIR_INFO, FileName) + NAME_UNITS * sizeof(wchar_t)
};
_Static_assert(offsetof(proa_dirent, name) + 8 <= 56, "our record's head is as stated");
_Static_assert(offsetof(FILE_ID_BOTH_DIR_INFO, FileName) == 104, "theirs too");
_Static_assert(offsetof(FILE_FULL_DIR_INFO, FileName) == 68, "and the other kind");
_Static_assert(offsetof(FILE_ID_BOTH_DIR_INFO, EaSize) == offsetof(FILE_FULL_DIR_INFO, EaSize),
               "they begin alike");

typedef struct packer {
	char *out;
	size_t len, used;
	uint64_t dev;
	int kind; /* of the system's records: PX_WIN_DIR_... */
} packer;

static ULONG packer_room(const packer *p)
{
	size_t raw = (p->len - p->used) / 3 * 2;

	return raw < RAW_LEAST ? 0 : (ULONG)PX_MIN(raw, RAW_BYTES);
}

static bool is_dots(const wchar_t *name, size_t len)
{
	return name[0] == L'.' && (len == 1 || (len == 2 && name[1] == L'.'));
}

/* EaSize is the tag of a reparse point: [MS-FSCC] 2.4.19. */
static void entry_pack(packer *p, const FILE_FULL_DIR_INFO *e, const wchar_t *name, uint64_t ino)
{
	proa_dirent *d = (proa_dirent *)(void *)(p->out + p->used);
	size_t units = e->FileNameLength / sizeof(wchar_t);
	size_t head = offsetof(proa_dirent, name);
	int n;

	if (is_dots(name, units))
		return;
	px_assert(p->len - p->used > head);
	memset(d, 0, head);
	n = px_win_utf8(name, (int)units, d->name, (int)(p->len - p->used - head));
	px_assert(n > 0);
	d->name_len = (uint32_t)n;
	d->stat.type = px_win_type(e->FileAttributes, e->EaSize);
	d->stat.mode = px_win_mode(e->FileAttributes);
	d->stat.size_bytes = d->stat.type == PROA_S_DIR ? 0 : e->EndOfFile.QuadPart;
	d->stat.mtime_ns = px_win_time_ns(e->LastWriteTime.QuadPart);
	d->stat.ino = ino;
	d->stat.dev = p->dev;
	d->bytes = (uint32_t)px_align_up(head + (size_t)n + 1, _Alignof(proa_dirent));
	p->used += d->bytes;
}

static void raw_pack(packer *p, const char *raw)
{
	const FILE_FULL_DIR_INFO *e;

	do {
		const FILE_ID_BOTH_DIR_INFO *more =
			(const FILE_ID_BOTH_DIR_INFO *)(const void *)raw;

		e = (const FILE_FULL_DIR_INFO *)(const void *)raw;
		if (p->kind == PX_WIN_DIR_FULL)
			entry_pack(p, e, e->FileName, 0);
		else
			entry_pack(p, e, more->FileName, (uint64_t)more->FileId.QuadPart);
		raw += e->NextEntryOffset;
	} while (e->NextEntryOffset);
}

/* 0, or an NTSTATUS. What was opened as a folder is read by calls that wait (file.c). A folder that
 * was opened as a file is not, and its handle, which others may use too, is all that there is to
 * wait for, so the block decides; Wine takes no event here. Without an APC's context no packet goes
 * to a port. */
static int32_t raw_query(HANDLE dir, int kind, void *raw, ULONG bytes)
{
	volatile IO_STATUS_BLOCK io = {.Status = STATUS_WAITING};
	int32_t status = NtQueryDirectoryFile(dir, NULL, NULL, NULL, (IO_STATUS_BLOCK *)&io, raw,
	                                      bytes, kind, FALSE, NULL, FALSE);

	if (status != STATUS_WAITING)
		return status;
	while (io.Status == STATUS_WAITING)
		WaitForSingleObject(dir, LOOK_AGAIN_MS);
	return io.Status;
}

static bool is_no_such_kind(int32_t status)
{
	return status == STATUS_NO_SUCH_CLASS || status == STATUS_PARAMETER ||
	       status == STATUS_DEVICE_REQUEST || status == STATUS_UNSUPPORTED;
}

/* The plain records, without a file's number, are what every file system has. */
static int32_t raw_read(packer *p, HANDLE dir, void *raw, ULONG bytes)
{
	int32_t status = raw_query(dir, p->kind, raw, bytes);

	if (p->kind == PX_WIN_DIR_FULL || !is_no_such_kind(status))
		return status;
	p->kind = PX_WIN_DIR_FULL;
	return raw_query(dir, p->kind, raw, bytes);
}

static int64_t dir_pack(packer *p, HANDLE dir, int32_t *sys_error)
{
	_Alignas(FILE_ID_BOTH_DIR_INFO) char raw[RAW_BYTES];
	int32_t status = 0;
	ULONG room;

	while ((room = packer_room(p)) && !(status = raw_read(p, dir, raw, room)))
		raw_pack(p, raw);
	if (p->used || !status || status == STATUS_NO_MORE || status == STATUS_NONE_AT_ALL)
		return (int64_t)p->used;
	*sys_error = px_win_status(status);
	return px_sys_error(*sys_error);
}

int64_t px_win_dir_read(int fd, int kind, void *buf, size_t len, int32_t *sys_error)
{
	packer p = {buf, PX_MIN(len, INT32_MAX), 0, 0, kind};
	BY_HANDLE_FILE_INFORMATION info;
	HANDLE dir = px_win_handle(fd);

	*sys_error = 0;
	if (!GetFileInformationByHandle(dir, &info))
		return px_win_error(sys_error);
	if (!(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
		return -PROA_ENOTDIR;
	p.dev = info.dwVolumeSerialNumber;
	return dir_pack(&p, dir, sys_error);
}

int64_t px_os_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	return px_win_dir_read(fd, PX_WIN_DIR_ID_BOTH, buf, len, sys_error);
}
