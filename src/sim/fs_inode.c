/* The files, folders and links of the simulated disk, and the table of their names. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_inside.h"

#include <string.h>

enum { FIRST_BUCKETS = 64, FOLDER_BYTES = 4096 };

/* ---- names ---- */

static uint64_t name_hash(const px_siminode *dir, const char *name, size_t len)
{
	return px_mix(px_fnv(px_mix(dir->ino), name, len));
}

static px_siminode **bucket_of(const px_simfs *fs, uint64_t hash)
{
	return &fs->buckets[hash & (fs->bucket_count - 1)];
}

px_siminode *px_siminode_find(const px_simfs *fs, const px_siminode *dir, const char *name,
                              size_t len)
{
	uint64_t hash = name_hash(dir, name, len);
	px_siminode *n = fs->buckets ? *bucket_of(fs, hash) : NULL;

	for (; n; n = n->chain)
		if (n->hash == hash && n->parent == dir && n->name_len == len &&
		    !memcmp(n->name, name, len))
			return n;
	return NULL;
}

static void names_move(px_simfs *fs, px_siminode **old, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		px_siminode *n = old[i], *next;

		for (; n; n = next) {
			px_siminode **to = bucket_of(fs, n->hash);

			next = n->chain;
			n->chain = *to;
			*to = n;
		}
	}
}

/* Room for one more. A table that cannot grow gets slower, not full. */
static bool names_grow(px_simfs *fs)
{
	px_siminode **old = fs->buckets;
	size_t count = fs->bucket_count, more = old ? count * 2 : FIRST_BUCKETS;
	px_siminode **new;

	if (old && fs->name_count < count)
		return true;
	new = px_zalloc_array(fs->o.alloc, more, sizeof *new);
	if (!new)
		return old != NULL;
	fs->buckets = new;
	fs->bucket_count = more;
	names_move(fs, old, count);
	px_free(fs->o.alloc, old, count * sizeof *old);
	return true;
}

static void name_enter(px_simfs *fs, px_siminode *dir, px_siminode *n)
{
	px_siminode **to;

	n->hash = name_hash(dir, n->name, n->name_len);
	to = bucket_of(fs, n->hash);
	n->chain = *to;
	*to = n;
	n->parent = dir;
	fs->name_count++;
	px_list_push_back(&dir->children, &n->in_dir);
}

/* Who is reading the folder and has come to it, goes on behind it. */
static void readers_pass(px_simfs *fs, const px_siminode *n)
{
	for (unsigned i = 0; i < fs->desc_count; i++)
		if (fs->descs[i].node == n->parent && fs->descs[i].next == &n->in_dir)
			fs->descs[i].next = n->in_dir.next;
}

static void name_leave(px_simfs *fs, px_siminode *n)
{
	px_siminode **at = bucket_of(fs, n->hash);

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	readers_pass(fs, n);
	px_list_remove(&n->in_dir);
	n->parent = NULL;
	fs->name_count--;
}

/* ---- nodes ---- */

static void node_init(px_simfs *fs, px_siminode *n, uint32_t type)
{
	n->type = type;
	n->ino = ++fs->last_ino;
	px_list_init(&n->children);
	px_list_init(&n->dirty);
	px_list_push_back(&fs->all, &n->in_all);
}

static size_t texts_copy(px_siminode *n, const char *name, size_t len, const char *target)
{
	n->name_len = len;
	n->name = n->text;
	memcpy(n->text, name, len);
	if (!target)
		return 0;
	n->target = n->text + len + 1;
	memcpy(n->text + len + 1, target, strlen(target));
	return strlen(target);
}

px_siminode *px_siminode_new(px_simfs *fs, px_siminode *dir, const char *name, size_t len,
                             uint32_t type, const char *target)
{
	size_t bytes = sizeof(px_siminode) + len + 1 + (target ? strlen(target) + 1 : 0);
	px_siminode *n;

	if (!names_grow(fs) || !(n = px_zalloc(fs->o.alloc, bytes)))
		return NULL;
	n->bytes = bytes;
	n->size = (int64_t)texts_copy(n, name, len, target);
	node_init(fs, n, type);
	if (dir)
		name_enter(fs, dir, n);
	else
		n->parent = n;
	return n;
}

static void name_free(px_simfs *fs, px_siminode *n)
{
	if (n->name_bytes)
		px_free(fs->o.alloc, n->name, n->name_bytes);
}

bool px_siminode_rename(px_simfs *fs, px_siminode *n, px_siminode *dir, const char *name,
                        size_t len)
{
	char *copy = px_zalloc(fs->o.alloc, len + 1);

	if (!copy)
		return false;
	memcpy(copy, name, len);
	name_leave(fs, n);
	name_free(fs, n);
	n->name = copy;
	n->name_bytes = len + 1;
	n->name_len = len;
	n->name_durable = true;
	name_enter(fs, dir, n);
	return true;
}

void px_siminode_free(px_simfs *fs, px_siminode *n)
{
	name_free(fs, n);
	px_simpages_free(fs, n);
	px_list_remove(&n->in_all);
	px_free(fs->o.alloc, n, n->bytes);
}

void px_siminode_unname(px_simfs *fs, px_siminode *n)
{
	px_assert(n != fs->root && px_list_empty(&n->children));
	name_leave(fs, n);
	if (!n->opened)
		px_siminode_free(fs, n);
}

void px_siminode_stat(const px_simfs *fs, const px_siminode *n, proa_stat_info *out)
{
	*out = (proa_stat_info){
		.size_bytes = n->type == PROA_S_DIR ? FOLDER_BYTES : n->size,
		.mtime_ns = n->mtime_ns,
		.mode = n->mode,
		.type = n->type,
		.ino = n->ino,
		.dev = fs->o.dev,
	};
}
