/* Reading a folder by getdents64: the position is the descriptor's own, so nothing is kept here. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RAW_BYTES = 4096 };

/* The kernel's record: getdents(2). Names end with 0. */
typedef struct raw_entry {
	uint64_t ino;
	int64_t next; /* the position behind it */
	uint16_t bytes;
	uint8_t type;
	char name[];
} raw_entry;

typedef struct packer {
	int fd;
	char *out;
	size_t len, used;
} packer;

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* False: it has gone meanwhile. What may be listed and not looked at keeps its name and type. */
static bool entry_stat(int fd, const raw_entry *e, proa_stat_info *out)
{
	struct stat st;

	memset(out, 0, sizeof *out);
	if (!fstatat(fd, e->name, &st, AT_SYMLINK_NOFOLLOW)) {
		px_stat_fill(out, &st);
		return true;
	}
	out->ino = e->ino;
	out->type = px_stat_type((mode_t)DTTOIF(e->type));
	return errno != ENOENT;
}

/* False: no room for it. */
static bool entry_pack(packer *p, const raw_entry *e)
{
	size_t name_len = strlen(e->name);
	size_t bytes = offsetof(proa_dirent, name) + name_len + 1;
	proa_dirent *d = (proa_dirent *)(void *)(p->out + p->used);

	bytes = px_align_up(bytes, _Alignof(proa_dirent));
	if (is_dots(e->name))
		return true;
	if (bytes > p->len - p->used)
		return false;
	if (!entry_stat(p->fd, e, &d->stat))
		return true;
	d->bytes = (uint32_t)bytes;
	d->name_len = (uint32_t)name_len;
	memcpy(d->name, e->name, name_len + 1);
	p->used += bytes;
	return true;
}

/* Packs what fits; false, and the position put back before the first that did not, when the room
 * is used up. */
static bool raw_pack(packer *p, const char *raw, size_t n, int64_t start)
{
	int64_t before = start;

	for (size_t at = 0; at < n;) {
		const raw_entry *e = (const raw_entry *)(const void *)(raw + at);

		if (!entry_pack(p, e)) {
			lseek(p->fd, before, SEEK_SET);
			return false;
		}
		before = e->next;
		at += e->bytes;
	}
	return true;
}

int64_t px_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	_Alignas(raw_entry) char raw[RAW_BYTES];
	packer p = {fd, buf, len, 0};
	int64_t start;
	long n;

	*sys_error = 0;
	do {
		start = lseek(fd, 0, SEEK_CUR);
		n = start < 0 ? -1 : syscall(SYS_getdents64, fd, raw, sizeof raw);
		if (n < 0 && p.used == 0)
			return px_errno(sys_error);
	} while (n > 0 && raw_pack(&p, raw, (size_t)n, start));
	return (int64_t)p.used;
}
