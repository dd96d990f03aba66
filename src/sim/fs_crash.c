/* A power cut: what of the simulated disk is left. */
/* SPDX-License-Identifier: MIT */
#include "sim/fs_inside.h"

#include <string.h>

typedef struct cut {
	px_simfs *fs;
	px_rng *rng;
	uint32_t torn_ppm, lost_ppm;
	const px_siminode *file;
	/* The write whose sectors are being gone through: how many are left of it, and if it is
	 * torn, how many of these are kept. */
	uint64_t run_left, run_kept;
	bool torn;
} cut;

static bool cut_lost(cut *c)
{
	return px_rng_chance(c->rng, c->lost_ppm);
}

/* ---- sectors ---- */

/* How many sectors behind each other, from this one, are dirty by the same write. */
static uint64_t run_length(const px_siminode *file, uint64_t index, unsigned s)
{
	const px_simpage *p = px_simtree_get(&file->pages, index);
	uint64_t writer = p->writer[s], n = 0;

	while (p && (p->dirty >> s & 1) && p->writer[s] == writer) {
		n++;
		if (++s < PX_SIM_SECTORS)
			continue;
		s = 0;
		p = px_simtree_get(&file->pages, ++index);
	}
	return n;
}

static void run_begin(cut *c, uint64_t index, unsigned s)
{
	c->run_left = run_length(c->file, index, s);
	c->torn = px_rng_chance(c->rng, c->torn_ppm);
	c->run_kept = c->torn ? px_rng_below(c->rng, c->run_left) : 0;
	c->fs->counts.writes_torn += c->torn;
}

static bool sector_kept(cut *c, uint64_t index, unsigned s)
{
	if (!c->run_left)
		run_begin(c, index, s);
	c->run_left--;
	if (!c->torn)
		return !cut_lost(c);
	if (!c->run_kept)
		return false;
	c->run_kept--;
	return true;
}

/* What a failed sync has lost is lost now. */
static bool page_cut(void *arg, uint64_t index, px_simpage *p)
{
	cut *c = arg;
	unsigned kept = 0, dirty = p->dirty;

	for (unsigned s = 0; s < PX_SIM_SECTORS; s++)
		if ((dirty >> s & 1) && sector_kept(c, index, s))
			kept |= 1u << s;
	c->fs->counts.sectors_kept += (unsigned)__builtin_popcount(kept);
	c->fs->counts.sectors_lost += (unsigned)__builtin_popcount(dirty & ~kept);
	px_simpage_settle(c->fs, p, kept);
	px_simpage_revert(c->fs, p, p->dirty | p->lost);
	return true;
}

/* ---- sizes ---- */

static int64_t size_cut(cut *c, int64_t old, int64_t new)
{
	int64_t first = old / PX_SIMFS_SECTOR + 1, last = (new - 1) / PX_SIMFS_SECTOR;

	if (new == old || !cut_lost(c))
		return new;
	c->fs->counts.sizes_lost++;
	if (last < first || px_rng_chance(c->rng, 500000))
		return old;
	return PX_SIMFS_SECTOR * (int64_t)px_rng_between(c->rng, (uint64_t)first, (uint64_t)last);
}

/* Sectors behind the file's end go, and so do bytes of the last one: a file that grows again has
 * zeros there. Pages of which nothing is left go, too. */
static bool page_clip(void *arg, uint64_t index, px_simpage *p)
{
	cut *c = arg;
	int64_t start = (int64_t)index * PX_SIM_PAGE;
	int64_t end = PX_MIN(PX_MAX(c->file->size - start, 0), PX_SIM_PAGE);
	unsigned sectors = (unsigned)((end + PX_SIMFS_SECTOR - 1) / PX_SIMFS_SECTOR);
	unsigned gone = p->have & ~((1u << sectors) - 1);

	if (p->have == gone) {
		px_simpage_free(c->fs, p);
		return false;
	}
	memset(p->data + end, 0, (size_t)(PX_SIM_PAGE - end));
	px_simpage_forget(c->fs, p, gone);
	return true;
}

/* ---- files ---- */

static void file_cut(cut *c, px_siminode *n)
{
	px_assert(!c->run_left); /* each write was gone through to its end */
	c->file = n;
	if (n->truncated && cut_lost(c)) {
		c->fs->counts.truncations_lost++;
		px_simpages_untruncate(c->fs, n);
		return;
	}
	px_simtree_drop(c->fs, &n->before);
	n->truncated = false;
	px_simtree_walk(&n->pages, page_cut, c);
	n->size = n->disk_size = size_cut(c, n->disk_size, n->size);
	px_simtree_walk(&n->pages, page_clip, c);
}

static void node_cut(cut *c, px_siminode *n)
{
	if (n->name_durable || !cut_lost(c)) {
		n->name_durable = true;
		if (n->type == PROA_S_FILE)
			file_cut(c, n);
		return;
	}
	c->fs->counts.names_lost++;
	px_siminode_unname(c->fs, n);
}

void px_simfs_crash(px_simfs *fs, px_rng *rng, uint32_t torn_ppm, uint32_t lost_ppm)
{
	cut c = {.fs = fs, .rng = rng, .torn_ppm = torn_ppm, .lost_ppm = lost_ppm};
	px_node *next;

	px_simfs_drop_all(fs);
	fs->counts.crashes++;
	for (px_node *at = px_list_first(&fs->all); at; at = next) {
		next = px_list_next(&fs->all, at);
		node_cut(&c, PX_OF(at, px_siminode, in_all));
	}
}
