/* A folder's entries as proa_dirents, however they were read. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* False: it has gone meanwhile. What may be listed and not looked at keeps its name and type. */
static bool entry_stat(int fd, const char *name, uint64_t ino, unsigned d_type, proa_stat_info *out)
{
	struct stat st;

	memset(out, 0, sizeof *out);
	if (!fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		px_stat_fill(out, &st);
		return true;
	}
	out->ino = ino;
	out->type = px_stat_type((mode_t)DTTOIF(d_type));
	return errno != ENOENT;
}

bool px_dir_pack(px_dir_packer *p, const char *name, uint64_t ino, unsigned d_type)
{
	size_t name_len = strlen(name);
	size_t bytes = offsetof(proa_dirent, name) + name_len + 1;
	proa_dirent *d = (proa_dirent *)(void *)(p->out + p->used);

	bytes = px_align_up(bytes, _Alignof(proa_dirent));
	if (is_dots(name))
		return true;
	if (bytes > p->len - p->used)
		return false;
	if (!entry_stat(p->fd, name, ino, d_type, &d->stat))
		return true;
	d->bytes = (uint32_t)bytes;
	d->name_len = (uint32_t)name_len;
	memcpy(d->name, name, name_len + 1);
	p->used += bytes;
	return true;
}
