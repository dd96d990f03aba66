/* Reading a folder by getdents64: the position is the descriptor's own, so nothing is kept here. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

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

/* Packs what fits; false, and the position put back before the first that did not, when the room
 * is used up. */
static bool raw_pack(px_dir_packer *p, const char *raw, size_t n, int64_t start)
{
	int64_t before = start;

	for (size_t at = 0; at < n;) {
		const raw_entry *e = (const raw_entry *)(const void *)(raw + at);

		if (!px_dir_pack(p, e->name, e->ino, e->type)) {
			lseek(p->fd, before, SEEK_SET);
			return false;
		}
		before = e->next;
		at += e->bytes;
	}
	return true;
}

int64_t px_os_dir_read(int fd, void *buf, size_t len, int32_t *sys_error)
{
	_Alignas(raw_entry) char raw[RAW_BYTES];
	px_dir_packer p = {fd, buf, len, 0};
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
