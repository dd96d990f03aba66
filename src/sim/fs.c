/* The simulated disk: its descriptors, and what a process does with them. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs.h"

#include "proa/err.h"
#include "sim/fs_inside.h"
#include "sys/sys.h"

#include <string.h>

enum { FILES_MOST = 1024, FIRST_DESCS = 16, PATH_MOST = 4096, MODE_MASK = 0755 };

/* ---- the disk ---- */

px_simfs *px_simfs_open(const px_simfs_options *o)
{
	px_simfs *fs = px_zalloc(o->alloc, sizeof *fs);

	if (!fs)
		return NULL;
	fs->magic = PX_SIMFS_MAGIC;
	fs->o = *o;
	if (!fs->o.files_max)
		fs->o.files_max = FILES_MOST;
	px_list_init(&fs->all);
	fs->root = px_siminode_new(fs, NULL, "", 0, PROA_S_DIR, NULL);
	if (!fs->root) {
		px_simfs_close(fs);
		return NULL;
	}
	fs->root->mode = MODE_MASK;
	fs->root->mtime_ns = o->now_ns;
	fs->root->name_durable = true;
	return fs;
}

void px_simfs_close(px_simfs *fs)
{
	px_allocator *a;
	px_node *n;

	if (!fs)
		return;
	PX_MAGIC_CHECK(fs, PX_SIMFS_MAGIC);
	a = fs->o.alloc;
	while ((n = px_list_first(&fs->all)))
		px_siminode_free(fs, PX_OF(n, px_siminode, in_all));
	px_assert(fs->used == 0);
	px_free(a, fs->buckets, fs->bucket_count * sizeof *fs->buckets);
	px_free(a, fs->descs, fs->desc_count * sizeof *fs->descs);
	PX_MAGIC_KILL(fs);
	px_free(a, fs, sizeof *fs);
}

px_simfs_faults *px_simfs_faults_of(px_simfs *fs)
{
	return &fs->faults;
}

void px_simfs_set_capacity(px_simfs *fs, int64_t bytes)
{
	fs->o.capacity_bytes = bytes;
}

const px_simfs_counts *px_simfs_counts_of(const px_simfs *fs)
{
	return &fs->counts;
}

int64_t px_simfs_used(const px_simfs *fs)
{
	return fs->used;
}

unsigned px_simfs_open_files(const px_simfs *fs)
{
	return fs->desc_open;
}

/* ---- faults, results ---- */

static bool fault(px_simfs *fs, uint32_t ppm, uint64_t *count)
{
	if (!ppm || !px_rng_chance(fs->o.rng, ppm))
		return false;
	++*count;
	return true;
}

#define FAULT(fs, name) fault((fs), (fs)->faults.name, &(fs)->counts.name)

static int64_t told(int64_t result, int32_t *sys_error)
{
	*sys_error = result < 0 ? (int32_t)-result : 0;
	return result;
}

/* What is left of `len` bytes that could move. */
static size_t shorten(px_simfs *fs, uint32_t ppm, uint64_t *count, size_t len)
{
	if (len < 2 || !fault(fs, ppm, count))
		return len;
	return (size_t)px_rng_between(fs->o.rng, 1, len - 1);
}

/* ---- descriptors ---- */

static px_simdesc *desc_of(px_simfs *fs, int fd)
{
	PX_MAGIC_CHECK(fs, PX_SIMFS_MAGIC);
	if (fd < 0 || (unsigned)fd >= fs->desc_count || !fs->descs[fd].node)
		return NULL;
	return &fs->descs[fd];
}

static bool descs_grow(px_simfs *fs)
{
	unsigned old = fs->desc_count;
	unsigned new = PX_MIN(old ? old * 2 : FIRST_DESCS, fs->o.files_max);
	px_simdesc *more = px_realloc(fs->o.alloc, fs->descs, old * sizeof *more,
	                              new * sizeof *more);

	if (!more)
		return false;
	memset(more + old, 0, (new - old) * sizeof *more);
	fs->descs = more;
	fs->desc_count = new;
	return true;
}

/* The lowest that is free; it is taken by giving it a node. */
static int64_t desc_free(px_simfs *fs)
{
	unsigned i = fs->desc_low;

	if (fs->desc_open >= fs->o.files_max || FAULT(fs, open_emfile))
		return -PROA_EMFILE;
	while (i < fs->desc_count && fs->descs[i].node)
		i++;
	if (i == fs->desc_count && !descs_grow(fs))
		return -PROA_ENOMEM;
	fs->desc_low = i;
	return i;
}

static void desc_take(px_simfs *fs, int64_t fd, px_siminode *n, unsigned flags)
{
	fs->descs[fd] = (px_simdesc){.node = n, .flags = flags};
	n->opened++;
	fs->desc_open++;
}

void px_simfs_file_close(px_simfs *fs, int fd)
{
	px_simdesc *d = desc_of(fs, fd);
	px_siminode *n;

	px_assert(d); /* closed twice, or never opened */
	n = d->node;
	*d = (px_simdesc){0};
	fs->desc_open--;
	fs->desc_low = PX_MIN(fs->desc_low, (unsigned)fd);
	if (!--n->opened && !n->parent)
		px_siminode_free(fs, n);
}

void px_simfs_drop_all(px_simfs *fs)
{
	for (unsigned i = 0; i < fs->desc_count; i++)
		if (fs->descs[i].node)
			px_simfs_file_close(fs, (int)i);
}

/* ---- opening ---- */

int64_t px_simfs_opened(px_simfs *fs, int fd, bool writes, px_siminode **out)
{
	const px_simdesc *d = desc_of(fs, fd);

	if (!d)
		return -PROA_EBADF;
	*out = d->node;
	return writes && !(d->flags & PROA_O_WRITE) ? -PROA_EBADF : 0;
}

int64_t px_simfs_from(px_simfs *fs, int dir_fd, const char *path, px_siminode **from)
{
	const px_simdesc *d = desc_of(fs, dir_fd);

	*from = fs->root;
	if (*path == '/' || dir_fd < 0)
		return 0;
	if (!d)
		return -PROA_EBADF;
	if (d->node->type != PROA_S_DIR)
		return -PROA_ENOTDIR;
	*from = d->node;
	return 0;
}

static int64_t open_create(px_simfs *fs, px_simplace *at, unsigned mode, int64_t now_ns)
{
	if (!at->dir->parent)
		return -PROA_ENOENT; /* the folder was removed */
	at->node = px_siminode_new(fs, at->dir, at->name, at->len, PROA_S_FILE, NULL);
	if (!at->node)
		return -PROA_ENOMEM;
	at->node->mode = mode & MODE_MASK;
	at->node->mtime_ns = now_ns;
	at->dir->mtime_ns = now_ns;
	return 0;
}

/* In Linux' order: do_open() of fs/namei.c. */
static int64_t open_there(px_simfs *fs, const px_simplace *at, unsigned flags, int64_t now_ns)
{
	px_siminode *n = at->node;
	bool is_dir = n->type == PROA_S_DIR;

	if ((flags & PROA_O_CREATE) && (flags & PROA_O_EXCL))
		return -PROA_EEXIST;
	if ((flags & PROA_O_CREATE) && is_dir)
		return -PROA_EISDIR;
	if ((at->slash || (flags & PROA_O_DIR)) && !is_dir)
		return -PROA_ENOTDIR;
	if (is_dir && (flags & (PROA_O_WRITE | PROA_O_TRUNC)))
		return -PROA_EISDIR;
	if (flags & PROA_O_TRUNC) {
		px_simpages_truncate(fs, n);
		n->mtime_ns = now_ns;
	}
	return 0;
}

static int64_t open_path(px_simfs *fs, px_siminode *from, const char *path, unsigned flags,
                         unsigned mode, int64_t now_ns, px_siminode **out)
{
	px_simwalk w = {.fs = fs, .top = from};
	px_simplace at;
	int64_t n;

	w.beneath = flags & PROA_O_BENEATH;
	w.create = flags & PROA_O_CREATE;
	w.keep_last = w.create && (flags & PROA_O_EXCL);
	n = px_simwalk_to(&w, from, path, &at);
	if (n < 0)
		return n;
	if (at.node)
		n = open_there(fs, &at, flags, now_ns);
	else
		n = w.create ? open_create(fs, &at, mode, now_ns) : -PROA_ENOENT;
	*out = at.node;
	return n;
}

static int64_t file_open(px_simfs *fs, int dir_fd, const char *path, unsigned flags, unsigned mode,
                         int64_t now_ns)
{
	px_siminode *from, *node;
	int64_t n, fd;

	if ((flags & PROA_O_CREATE) && (flags & PROA_O_DIR))
		return -PROA_EINVAL;
	if (!*path)
		return -PROA_ENOENT;
	if (strlen(path) >= PATH_MOST)
		return -PROA_ENAMETOOLONG;
	fd = desc_free(fs);
	if (fd < 0)
		return fd;
	n = px_simfs_from(fs, dir_fd, path, &from);
	if (n == 0)
		n = FAULT(fs, open_eio) ? -PROA_EIO : 0;
	if (n == 0)
		n = open_path(fs, from, path, flags, mode, now_ns, &node);
	if (n < 0)
		return n;
	desc_take(fs, fd, node, flags);
	return fd;
}

int64_t px_simfs_file_open(px_simfs *fs, int dir_fd, const char *path, unsigned flags,
                           unsigned mode, int64_t now_ns, int32_t *sys_error)
{
	PX_MAGIC_CHECK(fs, PX_SIMFS_MAGIC);
	*sys_error = 0;
	fs->counts.opens++;
	if (!(flags & (PROA_O_READ | PROA_O_WRITE | PROA_O_DIR)))
		return -PROA_EINVAL; /* ours: no system was asked */
	return told(file_open(fs, dir_fd, path, flags, mode, now_ns), sys_error);
}

/* ---- an open file ---- */

int64_t px_simfs_file_stat(px_simfs *fs, int fd, proa_stat_info *out, int32_t *sys_error)
{
	const px_simdesc *d = desc_of(fs, fd);

	if (!d)
		return told(-PROA_EBADF, sys_error);
	px_siminode_stat(fs, d->node, out);
	return told(0, sys_error);
}

/* What Linux looks at before it asks the file. Without an access, a folder's is reading. */
static int64_t io_allowed(const px_simdesc *d, unsigned need, size_t len, int64_t offset)
{
	if (offset < 0)
		return -PROA_EINVAL;
	if (!d)
		return -PROA_EBADF;
	if (!(d->flags & need) && !(need == PROA_O_READ && !(d->flags & PROA_O_WRITE)))
		return -PROA_EBADF;
	if ((uint64_t)len > (uint64_t)(INT64_MAX - offset))
		return -PROA_EINVAL;
	return d->node->type == PROA_S_DIR ? -PROA_EISDIR : 0;
}

static int64_t file_read(px_simfs *fs, const px_siminode *n, void *buf, size_t len, int64_t offset)
{
	int64_t rest = PX_MAX(n->size - offset, 0);

	if (len && FAULT(fs, read_eio))
		return -PROA_EIO;
	if ((uint64_t)len > (uint64_t)rest)
		len = (size_t)rest;
	len = shorten(fs, fs->faults.read_short, &fs->counts.read_short, len);
	return px_simpages_read(n, buf, len, offset);
}

int64_t px_simfs_file_read(px_simfs *fs, int fd, void *buf, size_t len, int64_t offset,
                           int32_t *sys_error)
{
	const px_simdesc *d = desc_of(fs, fd);
	int64_t n;

	fs->counts.reads++;
	len = PX_MIN(len, PX_IO_MOST);
	n = io_allowed(d, PROA_O_READ, len, offset);
	return told(n < 0 ? n : file_read(fs, d->node, buf, len, offset), sys_error);
}

static int64_t file_write(px_simfs *fs, px_siminode *n, const void *buf, size_t len, int64_t offset,
                          int64_t now_ns)
{
	int64_t done;

	if (!len)
		return 0;
	if (FAULT(fs, write_eio))
		return -PROA_EIO;
	if (FAULT(fs, write_enospc))
		return -PROA_ENOSPC;
	len = shorten(fs, fs->faults.write_short, &fs->counts.write_short, len);
	done = px_simpages_write(fs, n, buf, len, offset);
	if (done > 0)
		n->mtime_ns = now_ns;
	return done;
}

int64_t px_simfs_file_write(px_simfs *fs, int fd, const void *buf, size_t len, int64_t offset,
                            int64_t now_ns, int32_t *sys_error)
{
	const px_simdesc *d = desc_of(fs, fd);
	int64_t n;

	fs->counts.writes++;
	len = PX_MIN(len, PX_IO_MOST);
	n = io_allowed(d, PROA_O_WRITE, len, offset);
	if (n < 0)
		return told(n, sys_error);
	if (d->flags & PROA_O_APPEND)
		offset = d->node->size;
	return told(file_write(fs, d->node, buf, len, offset, now_ns), sys_error);
}

/* A folder's sync is that of the names in it. */
static void names_sync(px_siminode *n)
{
	for (px_node *at = px_list_first(&n->children); at; at = px_list_next(&n->children, at))
		PX_OF(at, px_siminode, in_dir)->name_durable = true;
}

int64_t px_simfs_file_sync(px_simfs *fs, int fd, int32_t *sys_error)
{
	const px_simdesc *d = desc_of(fs, fd);
	bool failed;

	if (!d)
		return told(-PROA_EBADF, sys_error);
	fs->counts.syncs++;
	failed = FAULT(fs, sync_eio);
	px_simpages_sync(fs, d->node, failed);
	if (failed)
		return told(-PROA_EIO, sys_error);
	if (d->node->type == PROA_S_DIR)
		names_sync(d->node);
	else if (!fs->o.strict_names)
		d->node->name_durable = true;
	return told(0, sys_error);
}

int64_t px_simfs_dir_read(px_simfs *fs, int fd, void *buf, size_t len, int32_t *sys_error)
{
	px_simdesc *d = desc_of(fs, fd);

	return told(d ? px_simdir_read(fs, d, buf, len) : -PROA_EBADF, sys_error);
}
