/* What is in a folder of the simulated disk, and what the world puts there from outside. */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"
#include "sim/fs_inside.h"

#include <string.h>

enum { FILE_MODE = 0644, DIR_MODE = 0755, LINK_MODE = 0777 };

/* ---- listing ---- */

/* Behind the others, if there is room for it; what lies between two entries is zero. */
static bool entry_pack(const px_simfs *fs, const px_siminode *n, char *out, size_t len,
                       size_t *used)
{
	size_t bytes = offsetof(proa_dirent, name) + n->name_len + 1;
	proa_dirent *d = (proa_dirent *)(void *)(out + *used);

	bytes = px_align_up(bytes, _Alignof(proa_dirent));
	if (bytes > len - *used)
		return false;
	memset(d, 0, bytes);
	d->bytes = (uint32_t)bytes;
	d->name_len = (uint32_t)n->name_len;
	px_siminode_stat(fs, n, &d->stat);
	memcpy(d->name, n->name, n->name_len);
	*used += bytes;
	return true;
}

int64_t px_simdir_read(const px_simfs *fs, px_simdesc *d, void *buf, size_t len)
{
	const px_list *children = &d->node->children;
	size_t used = 0;

	if (d->node->type != PROA_S_DIR)
		return -PROA_ENOTDIR;
	if (!d->next)
		d->next = children->next;
	while (d->next != children &&
	       entry_pack(fs, PX_OF(d->next, px_siminode, in_dir), buf, len, &used))
		d->next = d->next->next;
	return (int64_t)used;
}

/* ---- from outside ---- */

static int place_of(px_simfs *fs, const char *path, bool keep_last, px_simplace *out)
{
	px_simwalk w = {.fs = fs, .top = fs->root, .keep_last = keep_last};
	int n = px_simwalk_to(&w, fs->root, path, out);

	if (n == 0 && out->slash && out->node && out->node->type != PROA_S_DIR)
		return -PROA_ENOTDIR;
	return n;
}

/* A new node at a place where nothing is. */
static px_siminode *place_fill(px_simfs *fs, const px_simplace *at, uint32_t type,
                               const char *target, int64_t now_ns)
{
	px_siminode *n = px_siminode_new(fs, at->dir, at->name, at->len, type, target);

	if (!n)
		return NULL;
	n->mode = type == PROA_S_FILE ? FILE_MODE : type == PROA_S_DIR ? DIR_MODE : LINK_MODE;
	n->mtime_ns = now_ns;
	n->name_durable = true;
	at->dir->mtime_ns = now_ns;
	return n;
}

/* A folder at what stands before `end`: it is there, or is made in one that is. */
static int folder_at(px_simfs *fs, const char *path, size_t end, int64_t now_ns)
{
	char *part = px_alloc(fs->o.alloc, end + 1);
	px_simplace at;
	int n;

	if (!part)
		return -PROA_ENOMEM;
	memcpy(part, path, end);
	part[end] = 0;
	n = place_of(fs, part, false, &at);
	if (n == 0 && at.node && at.node->type != PROA_S_DIR)
		n = -PROA_ENOTDIR;
	if (n == 0 && !at.node && !place_fill(fs, &at, PROA_S_DIR, NULL, now_ns))
		n = -PROA_ENOMEM;
	px_free(fs->o.alloc, part, end + 1);
	return n;
}

/* The folders on the way to the last component. */
static int folders_to(px_simfs *fs, const char *path, int64_t now_ns)
{
	size_t at = strspn(path, "/");
	int n = 0;

	for (;;) {
		at += strcspn(path + at, "/");
		if (!path[at + strspn(path + at, "/")] || n < 0)
			return n;
		n = folder_at(fs, path, at, now_ns);
		at += strspn(path + at, "/");
	}
}

int px_simfs_mkdir(px_simfs *fs, const char *path, int64_t now_ns)
{
	int n = folders_to(fs, path, now_ns);

	return n < 0 ? n : folder_at(fs, path, strlen(path), now_ns);
}

int px_simfs_link(px_simfs *fs, const char *path, const char *to, int64_t now_ns)
{
	int n = *to ? folders_to(fs, path, now_ns) : -PROA_ENOENT;
	px_simplace at;

	if (n == 0)
		n = place_of(fs, path, true, &at);
	if (n == 0 && at.node)
		n = -PROA_EEXIST;
	if (n == 0 && at.slash)
		n = -PROA_ENOENT;
	if (n == 0 && !place_fill(fs, &at, PROA_S_LINK, to, now_ns))
		n = -PROA_ENOMEM;
	return n;
}

/* The file at the end of a path, made if there is nothing. */
static int put_open(px_simfs *fs, const char *path, int64_t now_ns, px_siminode **out)
{
	px_simplace at;
	int n = folders_to(fs, path, now_ns);

	if (n == 0)
		n = place_of(fs, path, false, &at);
	if (n < 0)
		return n;
	if (at.slash || (at.node && at.node->type == PROA_S_DIR))
		return -PROA_EISDIR;
	*out = at.node ? at.node : place_fill(fs, &at, PROA_S_FILE, NULL, now_ns);
	return *out ? 0 : -PROA_ENOMEM;
}

int px_simfs_put(px_simfs *fs, const char *path, const void *data, size_t len, int64_t now_ns)
{
	const char *from = data;
	px_siminode *file;
	int64_t moved = 0;
	int n = put_open(fs, path, now_ns, &file);

	if (n < 0)
		return n;
	px_simpages_truncate(fs, file);
	for (size_t done = 0; done < len && moved >= 0; done += (size_t)PX_MAX(moved, 0))
		moved = px_simpages_write(fs, file, from + done, len - done, (int64_t)done);
	px_simpages_sync(fs, file, false);
	file->mtime_ns = now_ns;
	file->name_durable = true;
	return (int)PX_MIN(moved, 0);
}

int64_t px_simfs_get(px_simfs *fs, const char *path, void *data, size_t size)
{
	px_simplace at;
	int n = place_of(fs, path, false, &at);

	if (n < 0)
		return n;
	if (!at.node)
		return -PROA_ENOENT;
	if (at.node->type == PROA_S_DIR)
		return -PROA_EISDIR;
	px_simpages_read(at.node, data, size, 0);
	return at.node->size;
}

int px_simfs_remove(px_simfs *fs, const char *path, int64_t now_ns)
{
	px_simplace at;
	int n = place_of(fs, path, true, &at);

	if (n < 0)
		return n;
	if (!at.node)
		return -PROA_ENOENT;
	if (at.node == fs->root)
		return -PROA_EBUSY;
	if (!px_list_empty(&at.node->children))
		return -PROA_ENOTEMPTY;
	at.node->parent->mtime_ns = now_ns;
	px_siminode_unname(fs, at.node);
	return 0;
}

int px_simfs_list(px_simfs *fs, const char *path,
                  void (*each)(void *arg, const char *name, const proa_stat_info *), void *arg)
{
	const px_list *children;
	px_simplace at;
	int n = place_of(fs, path, false, &at);

	if (n < 0)
		return n;
	if (!at.node)
		return -PROA_ENOENT;
	if (at.node->type != PROA_S_DIR)
		return -PROA_ENOTDIR;
	children = &at.node->children;
	for (px_node *c = px_list_first(children); c; c = px_list_next(children, c)) {
		const px_siminode *child = PX_OF(c, px_siminode, in_dir);
		proa_stat_info st;

		px_siminode_stat(fs, child, &st);
		each(arg, child->name, &st);
	}
	return 0;
}
