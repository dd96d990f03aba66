/* The simulation's disk: a file system in memory that remembers what a power cut would leave. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_FS_H
#define PX_SIM_FS_H

#include "base/alloc.h"
#include "base/rng.h"
#include "proa/fs.h"
#include "sys/sys.h"

/* One disk. Nothing here asks a system, a clock or an address: the same calls with the same numbers
 * give the same results on every machine. One thread.
 *
 * Results are those of sys.h's files on Linux, for a user whom no permission stops: bytes or a
 * descriptor, or -PROA_E..., whose number, positive, is then *sys_error as well. The current folder
 * is "/". Times are the caller's, since 1970.
 *
 * What a power cut leaves. Each file is there twice: as it is read, and as it is on the disk.
 * A write changes the first, a sync copies it to the second. Between them a sector of 512 bytes is
 * the unit: a sector is old or new, never a mixture.
 *   - The sync of a file makes its bytes, its size and its own name durable, as ext4, XFS and btrfs
 *     do. With `strict_names` the name needs a sync of the folder it is in, as POSIX says.
 *   - A sync that failed leaves bytes that are read, and that no later sync puts on the disk, as on
 *     Linux since 4.13: only who writes them again can have them.
 *   - Truncating (at open) is one change: lost, it takes what was written after it with it.
 *   - Closing makes nothing durable. What the world itself puts there (px_simfs_put and the others)
 *     is durable at once. */
typedef struct px_simfs px_simfs;

enum { PX_SIMFS_SECTOR = 512, PX_SIMFS_LINKS_MOST = 40 };
/* What lies behind is EFBIG, as on ext4. */
#define PX_SIMFS_FILE_MOST (INT64_C(1) << 44)

/* Faults, each with its own probability in parts of a million: X(name). Nothing is drawn for one
 * that is 0.
 *   open_emfile, open_eio     no descriptor
 *   read_short, write_short   1 byte to one less than what would have moved
 *   read_eio, write_eio, write_enospc   no byte moves
 *   sync_eio                  what was to be synced is lost */
#define PX_SIMFS_FAULTS(X) \
	X(open_emfile)     \
	X(open_eio)        \
	X(read_short)      \
	X(read_eio)        \
	X(write_short)     \
	X(write_eio)       \
	X(write_enospc)    \
	X(sync_eio)

typedef struct px_simfs_faults {
#define PX_SIMFS_PPM(name) uint32_t name;
	PX_SIMFS_FAULTS(PX_SIMFS_PPM)
} px_simfs_faults;

/* What has happened since the disk was opened. */
typedef struct px_simfs_counts {
#define PX_SIMFS_COUNT(name) uint64_t name;
	PX_SIMFS_FAULTS(PX_SIMFS_COUNT) /* injected */
	uint64_t opens, reads, writes, syncs;
	/* Crashes, and in them: sectors not yet durable that were kept and lost, writes torn,
	 * sizes, truncations and files lost. */
	uint64_t crashes, sectors_kept, sectors_lost, writes_torn;
	uint64_t sizes_lost, truncations_lost, names_lost;
} px_simfs_counts;

typedef struct px_simfs_options {
	px_allocator *alloc;
	px_rng *rng;            /* faults are drawn from it; both live as long as the disk */
	int64_t capacity_bytes; /* of the sectors of all files; 0: without limit */
	unsigned files_max;     /* open at a time; 0: 1024 */
	bool strict_names;
	uint64_t dev; /* as stat tells it */
	int64_t now_ns;
} px_simfs_options;

px_simfs *px_simfs_open(const px_simfs_options *); /* NULL: no memory */
void px_simfs_close(px_simfs *);                   /* NULL too; with all that is in it */

/* To be changed at any time. */
px_simfs_faults *px_simfs_faults_of(px_simfs *);
/* Below what is used already it only stops what would take more. */
void px_simfs_set_capacity(px_simfs *, int64_t bytes);

const px_simfs_counts *px_simfs_counts_of(const px_simfs *);
int64_t px_simfs_used(const px_simfs *);        /* bytes of sectors */
unsigned px_simfs_open_files(const px_simfs *); /* descriptors */

/* ---- what a process does: sys.h, with a disk and a time ---- */

/* The lowest number that is free. dir_fd -1: "/". */
int64_t px_simfs_file_open(px_simfs *, int dir_fd, const char *path, unsigned flags, unsigned mode,
                           int64_t now_ns, int32_t *sys_error);
int64_t px_simfs_file_stat(px_simfs *, int fd, proa_stat_info *, int32_t *sys_error);
int64_t px_simfs_file_read(px_simfs *, int fd, void *, size_t, int64_t offset, int32_t *sys_error);
/* Short where the disk is full or memory ends, and when that moved something: the next one says so.
 */
int64_t px_simfs_file_write(px_simfs *, int fd, const void *, size_t, int64_t offset,
                            int64_t now_ns, int32_t *sys_error);
int64_t px_simfs_file_sync(px_simfs *, int fd, int32_t *sys_error);
/* Names that are changed or removed are so on the disk at once, what is in the files is not. A file
 * has one name: LINK is ENOTSUP. */
int64_t px_simfs_call(px_simfs *, int fd, const px_call_args *, int64_t now_ns, int32_t *sys_error);
/* In the order in which they were made; what is made behind the end is not told any more. */
int64_t px_simfs_dir_read(px_simfs *, int fd, void *buf, size_t len, int32_t *sys_error);
void px_simfs_file_close(px_simfs *, int fd);

/* ---- what the world does to it ---- */

/* The process has gone: its descriptors too, what it wrote stays. */
void px_simfs_drop_all(px_simfs *);

/* The power has gone, and is back: the descriptors too; of what was not durable, some.
 *   - Of each write that is not synced, with torn_ppm only its first sectors are kept, fewer than
 *     all (of its part that lies together and that nobody has overwritten); otherwise each of its
 *     sectors is lost with lost_ppm for itself.
 *   - A name, a truncation and a size that are not synced are lost with lost_ppm each. A size that
 *     is lost is the old one, or, half of the time, an end of a sector between it and the new one.
 *   - Lost bytes inside of the size are as they were, or zeros.
 * What is left is durable. */
void px_simfs_crash(px_simfs *, px_rng *, uint32_t torn_ppm, uint32_t lost_ppm);

/* 0 or -PROA_E...: for the simulation's user, beside the faults and durable at once. Paths begin at
 * "/", with it or without. */

/* A file with these bytes, whatever was there before but a folder; makes folders on the way. */
int px_simfs_put(px_simfs *, const char *path, const void *data, size_t len, int64_t now_ns);
/* Up to `size` of its bytes as they would be read now; the result is how many it has. */
int64_t px_simfs_get(px_simfs *, const char *path, void *data, size_t size);
/* A folder, and those on the way; no error if it is there. */
int px_simfs_mkdir(px_simfs *, const char *path, int64_t now_ns);
/* A symbolic link at `path`; folders on the way are made. */
int px_simfs_link(px_simfs *, const char *path, const char *to, int64_t now_ns);
/* A file, a link, an empty folder. What is open stays so. */
int px_simfs_remove(px_simfs *, const char *path, int64_t now_ns);
/* What is in a folder, in the order in which it was made; `each` changes nothing. */
int px_simfs_list(px_simfs *, const char *path,
                  void (*each)(void *arg, const char *name, const proa_stat_info *), void *arg);

#endif
