/* Files. Names are UTF-8, copied at submit; results and errors arrive in the completion. */
/* SPDX-License-Identifier: MIT */
#ifndef PROA_FS_H
#define PROA_FS_H
#include "proa/loop.h"
#include "proa/net.h"
PROA_C_BEGIN

enum {
	PROA_O_READ = 1,
	PROA_O_WRITE = 2,
	PROA_O_CREATE = 4,
	PROA_O_TRUNC = 8,
	PROA_O_APPEND = 16,
	PROA_O_EXCL = 32,
	PROA_O_DIR = 64,     /* a folder, for proa_file_open_in and proa_dir_read */
	PROA_O_BENEATH = 128 /* with proa_file_open_in: no way out of the folder, by "..", "/" or a
	                        link: EACCES */
};

enum { PROA_S_OTHER, PROA_S_FILE, PROA_S_DIR, PROA_S_LINK };

typedef struct proa_stat_info {
	int64_t size_bytes, mtime_ns; /* mtime: since 1970, UTC */
	uint32_t mode;                /* permission bits, as POSIX has them */
	uint32_t type;                /* PROA_S_... */
	uint64_t ino, dev;
} proa_stat_info;

/* Cancellable until started: on io_uring until the kernel has begun, elsewhere until a worker has.
 * All may allocate. */

/* Opens an init handle as a file. 0, or ENOENT, EACCES, EISDIR, EMFILE, EINVAL (flags)... */
PROA_API void proa_file_open(proa_handle *handle, proa_op *op, const char *path, unsigned flags,
                             unsigned mode, proa_done *done);
/* The same, relative to an open folder (NULL: the current one). */
PROA_API void proa_file_open_in(proa_handle *handle, proa_op *op, proa_handle *dir,
                                const char *path, unsigned flags, unsigned mode, proa_done *done);
enum { PROA_NOW_WAITS, PROA_NOW_OPENED, PROA_NOW_READ };
/* No op, and never waits for a disk or another machine: what memory holds of a file below an open
 * folder (as with READ and BENEATH), for servers of files. WAITS: it would have to wait, or cannot
 * be known not to, and nothing was done: proa_file_open_in does it. READ: *info is told, and the
 * whole file, for it is a regular one of at most len bytes, is in buf; the init handle stays init.
 * OPENED: it is anything else, or its bytes are not there; *info is told, and the handle is open.
 * Or an error, as of proa_file_open_in. */
PROA_API int proa_file_open_now(proa_handle *handle, proa_handle *dir, const char *path,
                                proa_stat_info *info, void *buf, size_t len);
/* What an open file is, into *info, lent until the final. 0 or an error. */
PROA_API void proa_fstat(proa_handle *file, proa_op *op, proa_stat_info *info, proa_done *done);

/* Up to len bytes at offset. result: bytes, short only at the end of the file (then with PROA_END)
 * or with an error told by the next one. Unordered among each other. */
PROA_API void proa_read(proa_handle *file, proa_op *op, void *buf, size_t len, int64_t offset,
                        proa_done *done);
/* All len bytes at offset (ignored when opened with APPEND); result short only when the disk is
 * full or failed: then ENOSPC, EIO... with count told. */
PROA_API void proa_write(proa_handle *file, proa_op *op, const void *buf, size_t len,
                         int64_t offset, proa_done *done);
/* Writes completed before its submit are on the disk after it. An error is not retried: bytes may
 * be lost. */
PROA_API void proa_fsync(proa_handle *file, proa_op *op, proa_done *done);

/* The same of n pieces (at most 1024: else EINVAL); vec and pieces are lent until the final. Those
 * of a read are written to. */
PROA_API void proa_readv(proa_handle *file, proa_op *op, const proa_vec *vec, unsigned n,
                         int64_t offset, proa_done *done);
PROA_API void proa_writev(proa_handle *file, proa_op *op, const proa_vec *vec, unsigned n,
                          int64_t offset, proa_done *done);
/* As proa_fsync, but of what is not needed to read the bytes again (times) it may leave out. */
PROA_API void proa_datasync(proa_handle *file, proa_op *op, proa_done *done);
/* Makes an open file so long: what is behind goes, what is new reads as zeros. */
PROA_API void proa_truncate(proa_handle *file, proa_op *op, int64_t size, proa_done *done);
/* Takes room for len bytes (> 0) at offset, so that writing there finds the disk not full; a file
 * that ends before has them as zeros. OpenBSD has no call for that: PROA_ENOTSUP. */
PROA_API void proa_allocate(proa_handle *file, proa_op *op, int64_t offset, int64_t len,
                            proa_done *done);

/* ---- names ----
 *
 * `owner`: if it is an open folder, relative paths begin there; if it is any other handle, at the
 * current folder; while it is being opened, EBADF. Result 0 unless said otherwise, or ENOENT,
 * ENOTDIR, EACCES, EEXIST, EROFS... Texts are copied; memory that results go to is lent until the
 * final. Symbolic links are followed, but where the name itself is meant. stat(2), rename(2)... */

/* What is there, into *info; proa_lstat: a link itself. */
PROA_API void proa_stat(proa_handle *owner, proa_op *op, const char *path, proa_stat_info *info,
                        proa_done *done);
PROA_API void proa_lstat(proa_handle *owner, proa_op *op, const char *path, proa_stat_info *info,
                         proa_done *done);
/* May this process do so? Of use for a message only: it may be otherwise at once. `how`: 0 asks
 * whether it is there. */
enum { PROA_A_READ = 1, PROA_A_WRITE = 2, PROA_A_EXEC = 4 };
PROA_API void proa_access(proa_handle *owner, proa_op *op, const char *path, unsigned how,
                          proa_done *done);
/* `to` is replaced, if it is there and of the same kind (a folder: empty, and not on Windows). */
PROA_API void proa_rename(proa_handle *owner, proa_op *op, const char *from, const char *to,
                          proa_done *done);
/* A second name of a file; a link that says `target`, whatever that is; and what one says: text,
 * result its length, ETOOLONG if it does not fit together with the 0 behind it. */
PROA_API void proa_link(proa_handle *owner, proa_op *op, const char *file, const char *path,
                        proa_done *done);
PROA_API void proa_symlink(proa_handle *owner, proa_op *op, const char *target, const char *path,
                           proa_done *done);
PROA_API void proa_readlink(proa_handle *owner, proa_op *op, const char *path, char *buf,
                            size_t len, proa_done *done);
/* Removes a name that is no folder's (EISDIR); an empty folder (ENOTEMPTY, ENOTDIR). */
PROA_API void proa_unlink(proa_handle *owner, proa_op *op, const char *path, proa_done *done);
PROA_API void proa_rmdir(proa_handle *owner, proa_op *op, const char *path, proa_done *done);
PROA_API void proa_mkdir(proa_handle *owner, proa_op *op, const char *path, unsigned mode,
                         proa_done *done);
/* A NULL path: of the owner itself, an open file. On Windows a mode says only whether the file may
 * be written. Times are ns since 1970, UTC; PROA_TIME_KEEP: as it is. */
#define PROA_TIME_KEEP INT64_MIN
PROA_API void proa_chmod(proa_handle *owner, proa_op *op, const char *path, unsigned mode,
                         proa_done *done);
PROA_API void proa_utime(proa_handle *owner, proa_op *op, const char *path, int64_t accessed_ns,
                         int64_t written_ns, proa_done *done);

/* ---- files as wholes: each is one task of a worker, with all that it takes ----
 *
 * Paths begin where those of names do. Cancelled or timed out while it runs, it ends soon and
 * leaves no half of a file behind. */

/* All of a file, into memory of the loop's allocator: op->buf, result its bytes, with a 0 behind
 * them; it is the caller's then, to be freed by proa_loop_alloc(loop, buf, result + 1, 0). A file
 * of more than `limit` bytes is ETOOLONG. NULL if it failed. */
PROA_API void proa_read_file(proa_handle *owner, proa_op *op, const char *path, size_t limit,
                             proa_done *done);
/* A file of these bytes, lent until the final, in the place of what is there: whoever opens it sees
 * all of the old one or all of the new one, also after a power failure, which cannot take it any
 * more when the op has ended with len. So: a temporary file beside it, fsync, rename, fsync of the
 * folder. `mode` is that of a new file; one that is there hands down its own. A symbolic link is
 * replaced by it. */
PROA_API void proa_write_file(proa_handle *owner, proa_op *op, const char *path, const void *data,
                              size_t len, unsigned mode, proa_done *done);

enum {
	PROA_COPY_EXCL = 1, /* what is there is not written over: EEXIST */
	PROA_COPY_ATTRS = 2 /* mode (but set-user-ID and set-group-ID) and time of writing, too */
};
/* A regular file into another one, within the kernel where it can. result: bytes. What is no
 * regular file is ENOTSUP, on either side; one into itself, by whatever name, EINVAL. */
PROA_API void proa_copy_file(proa_handle *owner, proa_op *op, const char *from, const char *to,
                             unsigned flags, proa_done *done);

/* len bytes at offset of one open file to the same place of another, which its close waits for,
 * too. result: bytes; fewer than len only with PROA_END, where the file ends. */
PROA_API void proa_copy_range(proa_handle *to, proa_op *op, proa_handle *from, int64_t offset,
                              int64_t len, proa_done *done);

/* A new file that nobody else has, open to read and write, and a new folder. `name` ends with
 * XXXXXX, which becomes other characters; it is lent until the final. Else EINVAL. */
PROA_API void proa_temp_file(proa_handle *handle, proa_op *op, char *name, proa_done *done);
PROA_API void proa_temp_dir(proa_handle *owner, proa_op *op, char *name, proa_done *done);

/* ---- folders ---- */

/* One entry of a folder, as proa_dir_read packs them: the next one is `bytes` further. Names are
 * not sorted. */
PROA_EXTENSION typedef struct proa_dirent {
	uint32_t bytes;
	uint32_t name_len;
	proa_stat_info stat; /* of the entry itself, links not followed */
	char name[];
} proa_dirent;

/* The next entries of an open folder (PROA_O_DIR), packed into buf (8-byte aligned, >= 1 KiB, lent
 * until the final), without
 * "." and "..". result: bytes of it used; 0 with PROA_END: no more. */
PROA_API void proa_dir_read(proa_handle *dir, proa_op *op, void *buf, size_t len, proa_done *done);

/* What a completion of the two below tells, at op->buf: entries of one folder. It is good until the
 * callback returns; of an event, until the next run function is called. */
typedef struct proa_dir_batch {
	const char *folder; /* from where the walk began, with '/'; "" is that itself */
	uint32_t depth;     /* of the entries: 1 of that folder, 2 of those in it... */
	int32_t error; /* PROA_E...: the folder cannot be read, or not further; 0 all is well */
	size_t bytes;  /* of entries, as proa_dir_read packs them; with an error perhaps 0 */
	const proa_dirent *first;
} proa_dir_batch;

/* The entry behind `d`, or with NULL the first; NULL: there is none. */
static inline const proa_dirent *proa_dirent_next(const proa_dir_batch *batch, const proa_dirent *d)
{
	const char *end = (const char *)batch->first + batch->bytes;
	const char *at = d ? (const char *)d + d->bytes : (const char *)batch->first;

	return at < end ? (const proa_dirent *)(const void *)at : NULL;
}

/* Multishot: what is left of an open folder, some entries a completion (result: their bytes), then
 * 0 with PROA_END. Can be paused. Cancellable always: what is being read is waited for. */
PROA_API void proa_dir_read_many(proa_handle *dir, proa_op *op, proa_done *done);
/* The same of a folder and of all that are in it, to a depth of at most depth_max (0: without
 * limit), at `path` (as paths of names). A folder is told as an entry before what is in it. Links
 * are told and not followed, folders that cannot be read told with the error and passed over; that
 * the first cannot be opened ends the op. May allocate while it runs: ENOMEM ends it. */
PROA_API void proa_walk(proa_handle *owner, proa_op *op, const char *path, unsigned depth_max,
                        proa_done *done);

PROA_C_END
#endif
