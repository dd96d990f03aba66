/* Watching by ReadDirectoryChangesW, which follows trees by itself. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include "proa/watch.h"
#include "sys/changes.h"

#include <stdlib.h>
#include <string.h>
#include <winternl.h>

/* ---- how it works ----
 *
 * The call is an overlapped one: the port begins it (px_win_watch_begin) where other systems poll,
 * and a worker reads what it has brought. From the first one on the system keeps what happens
 * between two. Of a file its folder is watched, and of what comes only that name is told. */

enum { IN_BYTES = 64 * 1024, NAME = 3 * PX_WIN_PATH };
enum {
	SEEN = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME |
	       FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_SIZE |
	       FILE_NOTIFY_CHANGE_LAST_WRITE
};

struct px_fswatch {
	HANDLE folder;
	bool tree, ended, overflow;
	DWORD got;     /* bytes in `in` */
	uint32_t pair; /* of the last move */
	px_changes out;
	wchar_t only[PX_WIN_PATH]; /* the file, if it is one */
	_Alignas(DWORD) char in[IN_BYTES];
};

static int folder_open(const char *path, HANDLE *out)
{
	px_win_open how = {.access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
	                   .options = FILE_DIRECTORY_FILE,
	                   .disposition = FILE_OPEN};

	return px_win_open_path(NULL, path, &how, out);
}

/* The file, and then its folder. */
static int file_folder_open(px_fswatch *w, const char *path)
{
	px_win_open how = {.access = FILE_READ_ATTRIBUTES | SYNCHRONIZE, .disposition = FILE_OPEN};
	size_t len = strlen(path), at = len;
	char dir[NAME] = ".";
	HANDLE file;
	int error = px_win_open_path(NULL, path, &how, &file);

	if (error)
		return error;
	CloseHandle(file);
	while (at && path[at - 1] != '/' && path[at - 1] != '\\')
		at--;
	if (at >= sizeof dir || px_win_wide(path + at, w->only, PX_WIN_PATH) < 0)
		return ERROR_FILENAME_EXCED_RANGE;
	if (at) {
		memcpy(dir, path, at);
		dir[at] = 0;
	}
	return folder_open(dir, &w->folder);
}

int64_t px_fswatch_open(px_fswatch **out, const char *path, bool tree, int32_t *sys_error)
{
	px_fswatch *w = calloc(1, sizeof *w);
	int error;

	*out = NULL;
	if (!w)
		return -PROA_ENOMEM;
	error = *path ? folder_open(path, &w->folder) : ERROR_FILE_NOT_FOUND;
	if (error == ERROR_DIRECTORY)
		error = file_folder_open(w, path);
	w->tree = tree && !w->only[0];
	if (!error) {
		*out = w;
		return 0;
	}
	free(w);
	*sys_error = error;
	return px_sys_error(error);
}

int px_fswatch_fd(const px_fswatch *w)
{
	return px_win_file_fd(w->folder);
}

bool px_fswatch_ended(const px_fswatch *w)
{
	return w->ended;
}

void px_fswatch_close(px_fswatch *w)
{
	if (!w)
		return;
	CloseHandle(w->folder);
	px_changes_free(&w->out);
	free(w);
}

/* ---- the port's side ---- */

int px_win_watch_begin(px_fswatch *w, OVERLAPPED *o)
{
	return ReadDirectoryChangesW(w->folder, w->in, sizeof w->in, w->tree, SEEN, NULL, o, NULL)
	               ? 0
	               : (int)GetLastError();
}

/* Who holds a folder open is told so when it is removed. */
static bool is_gone(int error)
{
	return error == ERROR_ACCESS_DENIED || error == ERROR_DELETE_PENDING ||
	       error == ERROR_FILE_NOT_FOUND;
}

/* No bytes is "too many". */
bool px_win_watch_done(px_fswatch *w, int error, int64_t bytes)
{
	w->got = error ? 0 : (DWORD)bytes;
	w->overflow = error == ERROR_NOTIFY_ENUM_DIR || (!error && !bytes);
	w->ended = is_gone(error);
	return !error || w->overflow || w->ended;
}

/* ---- the worker's ---- */

static bool is_folder(const px_fswatch *w, const char *name)
{
	px_win_open how = {.access = FILE_READ_ATTRIBUTES | SYNCHRONIZE,
	                   .options = FILE_DIRECTORY_FILE,
	                   .disposition = FILE_OPEN};
	HANDLE h;

	if (px_win_open_path(w->folder, name, &how, &h))
		return false;
	CloseHandle(h);
	return true;
}

static uint32_t what_of(DWORD action)
{
	switch (action) {
	case FILE_ACTION_ADDED: return PROA_W_CREATED;
	case FILE_ACTION_REMOVED: return PROA_W_REMOVED;
	case FILE_ACTION_RENAMED_OLD_NAME: return PROA_W_REMOVED | PROA_W_MOVED;
	case FILE_ACTION_RENAMED_NEW_NAME: return PROA_W_CREATED | PROA_W_MOVED;
	default: return PROA_W_CHANGED;
	}
}

static int name_units(const FILE_NOTIFY_INFORMATION *info)
{
	return (int)(info->FileNameLength / sizeof(wchar_t));
}

/* Of the one file that is watched: its folder tells of all that are there. */
static void only_take(px_fswatch *w, const FILE_NOTIFY_INFORMATION *info)
{
	uint32_t what = what_of(info->Action);

	if (CompareStringOrdinal(info->FileName, name_units(info), w->only, -1, TRUE) != CSTR_EQUAL)
		return;
	px_changes_tell(&w->out, what, 0, "", "");
	w->ended |= (what & PROA_W_REMOVED) != 0;
}

/* That something in a folder has changed is told of what it was, and of the folder, which is none
 * of its bytes. What is gone does not say any more whether it was one. */
static void change_take(px_fswatch *w, const FILE_NOTIFY_INFORMATION *info)
{
	uint32_t what = what_of(info->Action);
	char name[NAME];

	if (px_win_utf8(info->FileName, name_units(info), name, sizeof name) < 0) {
		px_changes_tell(&w->out, PROA_W_OVERFLOW, 0, "", "");
		return;
	}
	for (char *at = name; *at; at++)
		if (*at == '\\')
			*at = '/';
	if (!(what & PROA_W_REMOVED) && is_folder(w, name)) {
		if (what == PROA_W_CHANGED)
			return;
		what |= PROA_W_DIR;
	}
	w->pair += info->Action == FILE_ACTION_RENAMED_OLD_NAME;
	px_changes_tell(&w->out, what, what & PROA_W_MOVED ? w->pair : 0, "", name);
}

int64_t px_fswatch_read(px_fswatch *w, const void **changes)
{
	const char *at = w->in;
	const FILE_NOTIFY_INFORMATION *info;

	px_changes_begin(&w->out);
	if (w->overflow)
		px_changes_tell(&w->out, PROA_W_OVERFLOW, 0, "", "");
	if (w->ended)
		px_changes_tell(&w->out, PROA_W_REMOVED, 0, "", "");
	while (w->got && !w->ended) {
		info = (const FILE_NOTIFY_INFORMATION *)(const void *)at;
		if (w->only[0])
			only_take(w, info);
		else
			change_take(w, info);
		at += info->NextEntryOffset;
		w->got = info->NextEntryOffset ? w->got : 0;
	}
	*changes = w->out.bytes;
	return (int64_t)w->out.used;
}
