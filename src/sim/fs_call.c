/* Names on the simulated disk, and what a file is: the calls behind px_simfs_call. */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"
#include "sim/fs_inside.h"

#include <string.h>

enum { DIR_MODE = 0755, LINK_MODE = 0777, MODES = 07777, EXEC_BITS = 0111 };

/* Where a call's path ends, and what it gives back. */
typedef struct named {
	px_simfs *fs;
	const px_call_args *a;
	px_siminode *from; /* relative paths begin here */
	int64_t now_ns;
	px_simplace at;
} named;

/* Names that are changed are not followed, whatever is behind them. */
static int64_t find(const named *n, const char *path, bool itself, px_simplace *out)
{
	px_simwalk w = {.fs = n->fs, .top = n->from, .keep_last = itself};

	w.keep_slash = n->a->call >= PX_CALL_RENAME && n->a->call != PX_CALL_READLINK;
	return px_simwalk_to(&w, n->from, path, out);
}

static bool is_dir(const px_siminode *n)
{
	return n->type == PROA_S_DIR;
}

/* A path that ends with a slash is a folder's. */
static int64_t there(const px_simplace *at)
{
	if (!at->node)
		return -PROA_ENOENT;
	return at->slash && !is_dir(at->node) ? -PROA_ENOTDIR : 0;
}

/* ---- looking ---- */

static int64_t call_stat(named *n)
{
	px_siminode_stat(n->fs, n->at.node, n->a->out);
	return 0;
}

/* As a user whom only a missing bit for all stops. */
static int64_t call_access(named *n)
{
	const px_siminode *node = n->at.node;

	return n->a->mode & PROA_A_EXEC && !(node->mode & EXEC_BITS) ? -PROA_EACCES : 0;
}

static int64_t call_readlink(named *n)
{
	const px_siminode *node = n->at.node;
	size_t len;

	if (node->type != PROA_S_LINK)
		return -PROA_EINVAL;
	len = strlen(node->target);
	if (len >= n->a->len)
		return -PROA_ETOOLONG;
	memcpy(n->a->out, node->target, len + 1);
	return (int64_t)len;
}

/* ---- what it is ---- */

static int64_t call_chmod(named *n)
{
	n->at.node->mode = n->a->mode & MODES;
	return 0;
}

static int64_t call_utime(named *n)
{
	if (n->a->b != PROA_TIME_KEEP)
		n->at.node->mtime_ns = n->a->b;
	return 0;
}

/* ---- new names ---- */

static int64_t make(named *n, uint32_t type, unsigned mode, const char *target)
{
	px_simplace *at = &n->at;

	if (at->node)
		return -PROA_EEXIST;
	if (at->slash && type != PROA_S_DIR)
		return -PROA_ENOENT;
	if (!at->dir->parent)
		return -PROA_ENOENT; /* the folder was removed */
	at->node = px_siminode_new(n->fs, at->dir, at->name, at->len, type, target);
	if (!at->node)
		return -PROA_ENOMEM;
	at->node->mode = mode;
	at->node->mtime_ns = at->dir->mtime_ns = n->now_ns;
	return 0;
}

static int64_t call_mkdir(named *n)
{
	return make(n, PROA_S_DIR, n->a->mode & DIR_MODE, NULL);
}

static int64_t call_symlink(named *n)
{
	return *n->a->to ? make(n, PROA_S_LINK, LINK_MODE, n->a->to) : -PROA_ENOENT;
}

/* A file of this disk has one name. */
static int64_t call_link(named *n)
{
	return is_dir(n->at.node) ? -PROA_EPERM : -PROA_ENOTSUP;
}

/* ---- names that go: on the disk at once ---- */

static int64_t unname(named *n)
{
	n->at.node->parent->mtime_ns = n->now_ns;
	px_siminode_unname(n->fs, n->at.node);
	return 0;
}

static int64_t call_unlink(named *n)
{
	return is_dir(n->at.node) ? -PROA_EISDIR : unname(n);
}

/* A path without a name at its end: "/", "." or "..". */
static int64_t no_name(const char *path)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	if (!len)
		return -PROA_EBUSY;
	return len > 1 && path[len - 2] == '.' ? -PROA_ENOTEMPTY : -PROA_EINVAL;
}

static int64_t call_rmdir(named *n)
{
	const px_siminode *node = n->at.node;

	if (!n->at.dir)
		return no_name(n->a->path);
	if (!is_dir(node))
		return -PROA_ENOTDIR;
	return px_list_empty(&node->children) ? unname(n) : -PROA_ENOTEMPTY;
}

/* ---- renaming ---- */

static bool is_above(const px_siminode *node, const px_siminode *dir)
{
	for (; dir; dir = dir->parent) {
		if (dir == node)
			return true;
		if (dir->parent == dir)
			break;
	}
	return false;
}

/* Whether what is there may be replaced, in Linux' order: do_renameat2() of fs/namei.c. */
static int64_t may_replace(const px_simplace *from, const px_simplace *to)
{
	const px_siminode *node = from->node, *over = to->node;

	if (to->slash && !is_dir(node))
		return -PROA_ENOTDIR;
	if (is_above(node, to->dir))
		return -PROA_EINVAL;
	if (!over || over == node)
		return 0;
	if (is_above(over, from->dir))
		return -PROA_ENOTEMPTY;
	if (is_dir(node) && !is_dir(over))
		return -PROA_ENOTDIR;
	if (!is_dir(node) && is_dir(over))
		return -PROA_EISDIR;
	return px_list_empty(&over->children) ? 0 : -PROA_ENOTEMPTY;
}

static int64_t call_rename(named *n)
{
	px_siminode *node = n->at.node;
	px_simplace to;
	int64_t rc = find(n, n->a->to, true, &to);

	if (rc < 0)
		return rc;
	if (!n->at.dir || !to.dir)
		return -PROA_EBUSY; /* "/", "." or ".." */
	if ((rc = there(&n->at)) < 0)
		return rc;
	if (!to.dir->parent)
		return -PROA_ENOENT;
	if ((rc = may_replace(&n->at, &to)) < 0 || node == to.node)
		return rc;
	n->at.dir->mtime_ns = to.dir->mtime_ns = n->now_ns;
	if (!px_siminode_rename(n->fs, node, to.dir, to.name, to.len))
		return -PROA_ENOMEM;
	if (to.node)
		px_siminode_unname(n->fs, to.node);
	return 0;
}

/* ---- of an open file ---- */

/* What is behind the new end is zeros if the file grows again; where there is no page it is so
 * already. */
static int64_t tail_clear(px_simfs *fs, px_siminode *n, int64_t size)
{
	static const char zeros[PX_SIM_PAGE];
	int64_t rc = 0;

	for (int64_t at = size, len; at < n->size && rc >= 0; at += len) {
		len = PX_MIN(PX_SIM_PAGE - at % PX_SIM_PAGE, n->size - at);
		if (px_simtree_get(&n->pages, (uint64_t)(at / PX_SIM_PAGE)))
			rc = px_simpages_write(fs, n, zeros, (size_t)len, at);
	}
	return PX_MIN(rc, 0);
}

static int64_t size_set(named *n, int64_t size)
{
	px_siminode *node = n->at.node;
	int64_t rc = 0;

	if (is_dir(node))
		return -PROA_EINVAL;
	if (size > PX_SIMFS_FILE_MOST)
		return -PROA_EFBIG;
	if (size == 0 && node->size)
		px_simpages_truncate(n->fs, node);
	else if (size < node->size)
		rc = tail_clear(n->fs, node, size);
	if (rc < 0)
		return rc;
	node->size = size;
	node->mtime_ns = n->now_ns;
	return 0;
}

static int64_t call_truncate(named *n)
{
	return size_set(n, n->a->a);
}

/* Room is looked for, and not taken: this disk has no other blocks than written ones. */
static int64_t call_allocate(named *n)
{
	int64_t end = n->a->a + n->a->b, more = end - n->at.node->size;
	int64_t capacity = n->fs->o.capacity_bytes;

	if (more <= 0)
		return 0;
	if (capacity && more > capacity - n->fs->used)
		return -PROA_ENOSPC;
	return size_set(n, end);
}

/* ---- all of them ---- */

typedef int64_t call_fn(named *);

/* `itself`: a link at the end is meant itself; `absent`: that nothing is there is no error, or
 * not the first. */
static const struct {
	call_fn *fn;
	bool itself, absent;
} calls[PX_CALL_COUNT] = {
	[PX_CALL_STAT] = {call_stat, false, false},
	[PX_CALL_LSTAT] = {call_stat, true, false},
	[PX_CALL_ACCESS] = {call_access, false, false},
	[PX_CALL_RENAME] = {call_rename, true, true},
	[PX_CALL_LINK] = {call_link, true, false},
	[PX_CALL_SYMLINK] = {call_symlink, true, true},
	[PX_CALL_READLINK] = {call_readlink, true, false},
	[PX_CALL_UNLINK] = {call_unlink, true, false},
	[PX_CALL_MKDIR] = {call_mkdir, true, true},
	[PX_CALL_RMDIR] = {call_rmdir, true, false},
	[PX_CALL_CHMOD] = {call_chmod, false, false},
	[PX_CALL_UTIME] = {call_utime, false, false},
	[PX_CALL_TRUNCATE] = {call_truncate, false, false},
	[PX_CALL_ALLOCATE] = {call_allocate, false, false},
};

static int64_t named_find(named *n, int fd)
{
	int64_t rc = px_simfs_from(n->fs, fd, n->a->path, &n->from);

	if (rc == 0)
		rc = find(n, n->a->path, calls[n->a->call].itself, &n->at);
	if (rc == 0 && !calls[n->a->call].absent)
		rc = there(&n->at);
	return rc;
}

int64_t px_simfs_call(px_simfs *fs, int fd, const px_call_args *a, int64_t now_ns,
                      int32_t *sys_error)
{
	named n = {.fs = fs, .a = a, .now_ns = now_ns};
	bool writes = a->call == PX_CALL_TRUNCATE || a->call == PX_CALL_ALLOCATE;
	int64_t rc = a->path ? named_find(&n, fd) : px_simfs_opened(fs, fd, writes, &n.at.node);

	if (rc == 0)
		rc = calls[a->call].fn(&n);
	*sys_error = rc < 0 ? (int32_t)-rc : 0;
	return rc;
}
