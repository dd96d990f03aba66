/* What the simulated disk is made of: nodes, pages, descriptors. For src/sim/fs*.c only. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_SIM_FS_INSIDE_H
#define PX_SIM_FS_INSIDE_H

#include "base/list.h"
#include "base/util.h"
#include "sim/fs.h"

enum { PX_SIM_PAGE = 4096, PX_SIM_SECTORS = PX_SIM_PAGE / PX_SIMFS_SECTOR };

/* A page in memory. Each mask has a bit a sector:
 *   have   it was written, and takes room (what is not: zeros)
 *   disk   the disk has a version of it
 *   dirty  written, not synced
 *   lost   a sync failed: `data` is read, but the disk does not get it
 * A sector in `disk` and in dirty or lost is in `durable` as the disk has it; in another, `data` is
 * what the disk has, or it has nothing. No sector is both dirty and lost. */
typedef struct px_simpage {
	unsigned char data[PX_SIM_PAGE];
	unsigned char *durable;          /* a page, or NULL */
	px_node in_dirty;                /* px_siminode.dirty, while dirty or lost is not 0 */
	uint64_t writer[PX_SIM_SECTORS]; /* which write made it dirty */
	uint8_t have, disk, dirty, lost;
} px_simpage;

/* Pages by number, in a tree of nodes of 64: its depth grows with the greatest number, so that a
 * hole costs nothing. Begins as zeros. */
typedef struct px_simtree {
	void *root; /* void *[64] of nodes, at the lowest level of pages */
	unsigned levels;
} px_simtree;

/* A file, a folder or a link. It has one name, or none after it was removed while it was open. */
typedef struct px_siminode {
	px_node in_all;             /* px_simfs.all, in the order in which they were made */
	px_node in_dir;             /* parent->children, likewise */
	px_list children;           /* of a folder */
	struct px_siminode *parent; /* NULL: it has no name; "/" is its own */
	struct px_siminode *chain;  /* of the same bucket */
	uint64_t hash, ino;
	int64_t mtime_ns;
	uint32_t type, mode;
	unsigned opened; /* descriptors */
	bool name_durable;
	/* A file. `before` is the disk's version while truncating is not durable. */
	bool truncated;
	px_simtree pages, before;
	int64_t size, disk_size, before_size;
	px_list dirty;      /* pages */
	const char *target; /* of a link; behind `text` */
	size_t bytes;       /* of all this */
	size_t name_len;
	char *name; /* `text`, or of a renamed one memory of its own: name_bytes of it */
	size_t name_bytes;
	char text[];
} px_siminode;

typedef struct px_simdesc {
	px_siminode *node; /* NULL: free */
	px_node *next; /* of a folder: the child to be told next, its list: none; NULL: not begun */
	unsigned flags;
} px_simdesc;

struct px_simfs {
	uint32_t magic;
	px_simfs_options o;
	px_simfs_faults faults;
	px_simfs_counts counts;
	px_list all;
	px_siminode *root;
	px_siminode **buckets; /* names of all folders */
	size_t bucket_count, name_count;
	px_simdesc *descs;
	unsigned desc_count, desc_open, desc_low; /* none below desc_low is free */
	int64_t used;
	uint64_t last_ino, last_write;
};

#define PX_SIMFS_MAGIC PX_MAGIC('s', 'd', 's', 'k')

/* ---- fs_tree.c ---- */
px_simpage *px_simtree_get(const px_simtree *, uint64_t index);
/* Where page `index` is or will be; NULL: no memory. */
void **px_simtree_slot(px_simtree *, px_allocator *, uint64_t index);
/* Each page in order. False: `each` has freed it. */
typedef bool px_simtree_each(void *arg, uint64_t index, px_simpage *);
void px_simtree_walk(px_simtree *, px_simtree_each *, void *arg);
void px_simtree_free(px_simtree *, px_allocator *); /* its nodes; the pages are gone already */

/* ---- fs_page.c: bytes, and which of them are on the disk ---- */
int64_t px_simpages_read(const px_siminode *, void *, size_t, int64_t offset);
/* Bytes that fitted, or an error if there were none. len > 0. */
int64_t px_simpages_write(px_simfs *, px_siminode *, const void *, size_t, int64_t offset);
void px_simpages_truncate(px_simfs *, px_siminode *);   /* to nothing */
void px_simpages_untruncate(px_simfs *, px_siminode *); /* the disk's version from before */
void px_simpages_sync(px_simfs *, px_siminode *, bool failed);
void px_simpages_free(px_simfs *, px_siminode *);
/* The disk's version of what is dirty or lost, for the sectors of `mask`. */
void px_simpage_revert(px_simfs *, px_simpage *, unsigned mask);
void px_simpage_settle(px_simfs *, px_simpage *, unsigned mask); /* these are on the disk now */
void px_simpage_forget(px_simfs *, px_simpage *,
                       unsigned mask); /* these are in no version any more */
void px_simpage_free(px_simfs *, px_simpage *);
void px_simtree_drop(px_simfs *, px_simtree *); /* with its pages */

/* ---- fs_dir.c ---- */
int64_t px_simdir_read(const px_simfs *, px_simdesc *, void *buf, size_t len);

/* ---- fs_inode.c ---- */
/* A new one in `dir` (NULL: "/"), or NULL. Its name is not durable. */
px_siminode *px_siminode_new(px_simfs *, px_siminode *dir, const char *name, size_t len,
                             uint32_t type, const char *target);
void px_siminode_unname(px_simfs *, px_siminode *); /* freed now, or with its last descriptor */
void px_siminode_free(px_simfs *, px_siminode *);
px_siminode *px_siminode_find(const px_simfs *, const px_siminode *dir, const char *name,
                              size_t len);
void px_siminode_stat(const px_simfs *, const px_siminode *, proa_stat_info *);

/* Another name in `dir`, durable at once, beside whatever has it already; false: no memory. */
bool px_siminode_rename(px_simfs *, px_siminode *, px_siminode *dir, const char *name, size_t len);

/* ---- fs.c ---- */
/* The folder that a path begins in; what is behind a descriptor, which has to be one for writing:
 * 0 or an error. */
int64_t px_simfs_from(px_simfs *, int dir_fd, const char *path, px_siminode **from);
int64_t px_simfs_opened(px_simfs *, int fd, bool writes, px_siminode **out);

/* ---- fs_walk.c ---- */
/* Where a path ends. `node` NULL: nothing is there, but `dir` is, in which it would have `name`. */
typedef struct px_simplace {
	px_siminode *node, *dir;
	const char *name;
	size_t len;
	bool slash; /* only a folder is meant */
} px_simplace;

typedef struct px_simwalk {
	px_simfs *fs;
	bool beneath;     /* not out of `top` */
	bool create;      /* what is to be made is no folder */
	bool keep_last;   /* a link at the end is meant itself, */
	bool keep_slash;  /* also with a slash behind it */
	unsigned links;   /* followed so far */
	px_siminode *top; /* where it began */
} px_simwalk;

/* 0 or an error. `*at`: where it begins, unless with '/'. */
int px_simwalk_to(px_simwalk *, px_siminode *at, const char *path, px_simplace *out);

#endif
