/* The bytes of a file on the simulated disk, and which of them a power cut could not take. */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"
#include "sim/fs_inside.h"

#include <string.h>

static int64_t sectors_bytes(unsigned mask)
{
	return (int64_t)__builtin_popcount(mask) * PX_SIMFS_SECTOR;
}

/* The sectors that [at, at + len) of a page touches; len > 0. */
static unsigned sectors_of(size_t at, size_t len)
{
	unsigned first = (unsigned)(at / PX_SIMFS_SECTOR);
	unsigned last = (unsigned)((at + len - 1) / PX_SIMFS_SECTOR);

	return (2u << last) - (1u << first);
}

/* ---- a page ---- */

static void page_unlist(px_simfs *fs, px_simpage *p)
{
	if (p->dirty | p->lost)
		return;
	px_list_remove(&p->in_dirty);
	px_free(fs->o.alloc, p->durable, PX_SIM_PAGE);
	p->durable = NULL;
}

void px_simpage_free(px_simfs *fs, px_simpage *p)
{
	fs->used -= sectors_bytes(p->have);
	p->dirty = p->lost = 0;
	page_unlist(fs, p);
	px_free(fs->o.alloc, p, sizeof *p);
}

void px_simpage_settle(px_simfs *fs, px_simpage *p, unsigned mask)
{
	p->disk |= (uint8_t)mask;
	p->dirty &= (uint8_t)~mask;
	page_unlist(fs, p);
}

void px_simpage_revert(px_simfs *fs, px_simpage *p, unsigned mask)
{
	unsigned fresh = mask & p->have & ~(unsigned)p->disk;

	for (unsigned s = 0; s < PX_SIM_SECTORS; s++) {
		size_t at = (size_t)s * PX_SIMFS_SECTOR;

		if (fresh >> s & 1)
			memset(p->data + at, 0, PX_SIMFS_SECTOR);
		else if (mask >> s & 1)
			memcpy(p->data + at, p->durable + at, PX_SIMFS_SECTOR);
	}
	p->have &= (uint8_t)~fresh;
	fs->used -= sectors_bytes(fresh);
	p->dirty &= (uint8_t)~mask;
	p->lost &= (uint8_t)~mask;
	page_unlist(fs, p);
}

void px_simpage_forget(px_simfs *fs, px_simpage *p, unsigned mask)
{
	fs->used -= sectors_bytes(mask & p->have);
	p->have &= (uint8_t)~mask;
	p->disk &= (uint8_t)~mask;
}

/* What the disk has of these sectors is put aside before it is written over. */
static bool page_save(px_simfs *fs, px_simpage *p, unsigned mask)
{
	mask &= p->disk & ~(unsigned)(p->dirty | p->lost);
	if (!mask)
		return true;
	if (!p->durable && !(p->durable = px_alloc(fs->o.alloc, PX_SIM_PAGE)))
		return false;
	for (unsigned s = 0; s < PX_SIM_SECTORS; s++) {
		size_t at = (size_t)s * PX_SIMFS_SECTOR;

		if (mask >> s & 1)
			memcpy(p->durable + at, p->data + at, PX_SIMFS_SECTOR);
	}
	return true;
}

static void page_dirty(px_simfs *fs, px_siminode *n, px_simpage *p, unsigned mask)
{
	fs->used += sectors_bytes(mask & ~(unsigned)p->have);
	p->have |= (uint8_t)mask;
	p->dirty |= (uint8_t)mask;
	p->lost &= (uint8_t)~mask;
	for (unsigned s = 0; s < PX_SIM_SECTORS; s++)
		if (mask >> s & 1)
			p->writer[s] = fs->last_write;
	if (!px_node_linked(&p->in_dirty))
		px_list_push_back(&n->dirty, &p->in_dirty);
}

/* ---- writing ---- */

/* How many of [at, at + len) the disk still takes, of a page that has these sectors. */
static size_t room_for(const px_simfs *fs, unsigned have, size_t at, size_t len)
{
	unsigned mask = sectors_of(at, len) & ~have;
	int64_t room = fs->o.capacity_bytes - fs->used;

	if (!fs->o.capacity_bytes || room >= sectors_bytes(mask))
		return len;
	for (unsigned s = 0; s < PX_SIM_SECTORS; s++) {
		size_t start = (size_t)s * PX_SIMFS_SECTOR;

		if (!(mask >> s & 1))
			continue;
		room -= PX_SIMFS_SECTOR;
		if (room < 0)
			return start > at ? start - at : 0;
	}
	return len;
}

static px_simpage *page_make(px_simfs *fs, px_siminode *n, uint64_t index)
{
	void **slot = px_simtree_slot(&n->pages, fs->o.alloc, index);

	if (slot && !*slot)
		*slot = px_zalloc(fs->o.alloc, sizeof(px_simpage));
	return slot ? *slot : NULL;
}

/* Into one page. */
static int64_t page_write(px_simfs *fs, px_siminode *n, const char *from, size_t len,
                          int64_t offset)
{
	uint64_t index = (uint64_t)offset / PX_SIM_PAGE;
	size_t at = (size_t)(offset % PX_SIM_PAGE);
	px_simpage *p = px_simtree_get(&n->pages, index);
	unsigned mask;

	len = room_for(fs, p ? p->have : 0, at, len);
	if (!len)
		return -PROA_ENOSPC;
	mask = sectors_of(at, len);
	if (!p && !(p = page_make(fs, n, index)))
		return -PROA_ENOMEM;
	if (!page_save(fs, p, mask))
		return -PROA_ENOMEM;
	memcpy(p->data + at, from, len);
	page_dirty(fs, n, p, mask);
	return (int64_t)len;
}

int64_t px_simpages_write(px_simfs *fs, px_siminode *n, const void *data, size_t len,
                          int64_t offset)
{
	size_t done = 0;
	int64_t moved = 0;

	if (offset >= PX_SIMFS_FILE_MOST)
		return -PROA_EFBIG;
	if ((uint64_t)len > (uint64_t)(PX_SIMFS_FILE_MOST - offset))
		len = (size_t)(PX_SIMFS_FILE_MOST - offset);
	fs->last_write++;
	while (done < len) {
		size_t at = (size_t)(offset % PX_SIM_PAGE);
		size_t piece = PX_MIN(len - done, PX_SIM_PAGE - at);

		moved = page_write(fs, n, (const char *)data + done, piece, offset);
		if (moved < 0)
			break;
		done += (size_t)moved;
		offset += moved;
	}
	if (done)
		n->size = PX_MAX(n->size, offset);
	return done ? (int64_t)done : moved;
}

/* ---- reading ---- */

int64_t px_simpages_read(const px_siminode *n, void *data, size_t len, int64_t offset)
{
	char *to = data;
	size_t done = 0;

	if (offset >= n->size)
		return 0;
	if ((uint64_t)len > (uint64_t)(n->size - offset))
		len = (size_t)(n->size - offset);
	while (done < len) {
		uint64_t index = (uint64_t)offset / PX_SIM_PAGE;
		size_t at = (size_t)(offset % PX_SIM_PAGE);
		size_t piece = PX_MIN(len - done, PX_SIM_PAGE - at);
		const px_simpage *p = px_simtree_get(&n->pages, index);

		if (p)
			memcpy(to + done, p->data + at, piece);
		else
			memset(to + done, 0, piece);
		done += piece;
		offset += (int64_t)piece;
	}
	return (int64_t)done;
}

/* ---- all pages of a file ---- */

static bool free_each(void *arg, uint64_t index, px_simpage *p)
{
	PX_UNUSED(index);
	px_simpage_free(arg, p);
	return false;
}

void px_simtree_drop(px_simfs *fs, px_simtree *t)
{
	px_simtree_walk(t, free_each, fs);
	px_simtree_free(t, fs->o.alloc);
}

void px_simpages_free(px_simfs *fs, px_siminode *n)
{
	px_simtree_drop(fs, &n->pages);
	px_simtree_drop(fs, &n->before);
}

static px_simpage *first_dirty(const px_siminode *n)
{
	px_node *first = px_list_first(&n->dirty);

	return first ? PX_OF(first, px_simpage, in_dirty) : NULL;
}

/* Its room can be had by others; `disk` knows what is to be taken again. */
static bool room_leave(void *arg, uint64_t index, px_simpage *p)
{
	px_simfs *fs = arg;

	PX_UNUSED(index);
	fs->used -= sectors_bytes(p->have);
	p->have = 0;
	return true;
}

static bool room_take(void *arg, uint64_t index, px_simpage *p)
{
	px_simfs *fs = arg;

	PX_UNUSED(index);
	p->have = p->disk;
	fs->used += sectors_bytes(p->have);
	return true;
}

/* The disk's version is put aside once: then its size is 0, until a sync or a power cut has ended
 * that. What came between it and this was never on the disk. */
void px_simpages_truncate(px_simfs *fs, px_siminode *n)
{
	px_simpage *p;

	if (!n->disk_size) {
		px_simtree_drop(fs, &n->pages);
	} else {
		px_assert(!n->truncated);
		while ((p = first_dirty(n)))
			px_simpage_revert(fs, p, p->dirty | p->lost);
		px_simtree_walk(&n->pages, room_leave, fs);
		n->before = n->pages;
		n->before_size = n->disk_size;
		n->pages = (px_simtree){0};
		n->truncated = true;
	}
	n->size = n->disk_size = 0;
}

void px_simpages_untruncate(px_simfs *fs, px_siminode *n)
{
	px_simtree_drop(fs, &n->pages);
	n->pages = n->before;
	n->before = (px_simtree){0};
	px_simtree_walk(&n->pages, room_take, fs);
	n->size = n->disk_size = n->before_size;
	n->truncated = false;
}

/* Those that are lost stay in the list. */
void px_simpages_sync(px_simfs *fs, px_siminode *n, bool failed)
{
	px_node *next;

	for (px_node *at = px_list_first(&n->dirty); at; at = next) {
		px_simpage *p = PX_OF(at, px_simpage, in_dirty);

		next = px_list_next(&n->dirty, at);
		if (failed) {
			p->lost |= p->dirty;
			p->dirty = 0;
		} else {
			px_simpage_settle(fs, p, p->dirty);
		}
	}
	if (failed)
		return;
	px_simtree_drop(fs, &n->before);
	n->truncated = false;
	n->disk_size = n->size;
}
