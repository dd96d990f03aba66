/* Following a path on the simulated disk, as Linux does: path_resolution(7), openat2(2). */
/* SPDX-License-Identifier: MIT */
#include "proa/err.h"
#include "sim/fs_inside.h"

#include <string.h>

enum { NAME_MOST = 255 };

/* One component of a path. */
typedef struct step {
	const char *name, *rest;
	size_t len;
	bool last, slash; /* slash: at least one behind it */
} step;

static step step_take(const char *path)
{
	step s = {.name = path, .len = strcspn(path, "/")};

	s.slash = path[s.len] == '/';
	s.rest = path + s.len + strspn(path + s.len, "/");
	s.last = !*s.rest;
	return s;
}

static bool is_dots(const step *s, size_t n)
{
	return s->len == n && !memcmp(s->name, "..", n);
}

static int step_up(const px_simwalk *w, px_siminode **at)
{
	if (w->beneath && *at == w->top)
		return -PROA_EACCES;
	if ((*at)->parent) /* of a removed folder there is none */
		*at = (*at)->parent;
	return 0;
}

/* Where a link leads, seen from the folder that it is in. */
static int step_link(px_simwalk *w, px_siminode *dir, const px_siminode *link, px_simplace *out)
{
	if (++w->links > PX_SIMFS_LINKS_MOST)
		return -PROA_ELOOP;
	w->keep_last = false; /* whoever follows one follows them all */
	return px_simwalk_to(w, dir, link->target, out);
}

static int step_name(px_simwalk *w, px_siminode *dir, const step *s, px_simplace *out)
{
	px_siminode *n;

	if (s->len > NAME_MOST)
		return -PROA_ENAMETOOLONG;
	if (s->last && s->slash && w->create)
		return -PROA_EISDIR;
	n = px_siminode_find(w->fs, dir, s->name, s->len);
	*out = (px_simplace){n, dir, s->name, s->len, s->slash};
	if (!n || n->type != PROA_S_LINK)
		return 0;
	if (s->last && w->keep_last && (!s->slash || w->keep_slash))
		return 0;
	return step_link(w, dir, n, out);
}

static int step_one(px_simwalk *w, px_siminode *at, const step *s, px_simplace *out)
{
	int n = 0;

	if (at->type != PROA_S_DIR)
		return -PROA_ENOTDIR;
	if (!is_dots(s, 1) && !is_dots(s, 2))
		return step_name(w, at, s, out);
	if (is_dots(s, 2))
		n = step_up(w, &at);
	*out = (px_simplace){.node = at, .slash = true};
	return n;
}

int px_simwalk_to(px_simwalk *w, px_siminode *at, const char *path, px_simplace *out)
{
	step s = {.rest = path + strspn(path, "/")};
	bool keep = w->keep_last, create = w->create;
	int n;

	if (!*path)
		return -PROA_ENOENT;
	if (*path == '/' && w->beneath)
		return -PROA_EACCES;
	if (*path == '/')
		at = w->fs->root;
	*out = (px_simplace){.node = at, .slash = true};
	while (*s.rest) {
		s = step_take(s.rest);
		w->keep_last = keep && s.last; /* a link's own path has an end, too */
		w->create = create && s.last;
		n = step_one(w, at, &s, out);
		if (n < 0)
			return n;
		out->slash |= s.slash;
		if (!out->node)
			return s.last ? 0 : -PROA_ENOENT;
		at = out->node;
	}
	return 0;
}
