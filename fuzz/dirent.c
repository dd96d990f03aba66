/* A folder's entries, packed: names of any bytes into rooms of any size, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "sys/posix/posix.h"

#include <dirent.h>
#include <stddef.h>

enum { NAMES_MAX = 64, ROOM_MAX = 2048 };

/* What no name is: empty, or with a slash, which would be looked for elsewhere. */
static char *name_mend(char *name)
{
	for (char *at = name; *at; at++)
		*at = *at == '/' ? '|' : *at;
	return name;
}

/* What lies in the room is exactly what was taken, in order. */
static void room_holds(const px_dir_packer *p, char *const *names, size_t n)
{
	size_t at = 0;

	px_assert(p->used <= p->len);
	for (size_t i = 0; i < n; i++) {
		const proa_dirent *d = (const void *)((const char *)p->out + at);

		if (!strcmp(names[i], ".") || !strcmp(names[i], ".."))
			continue;
		px_assert(at + offsetof(proa_dirent, name) < p->used);
		px_assert(d->bytes % _Alignof(proa_dirent) == 0 && at + d->bytes <= p->used);
		px_assert(d->name_len == strlen(names[i]) && !strcmp(d->name, names[i]));
		px_assert(offsetof(proa_dirent, name) + d->name_len < d->bytes);
		px_assert(d->stat.ino == i && d->stat.type <= PROA_S_LINK);
		at += d->bytes;
	}
	px_assert(at == p->used);
}

/* Without a folder to ask, an entry keeps what the listing itself said of it. */
FUZZ(dirent)
{
	fuzz_in in = {data, size};
	size_t len = fuzz_word(&in, 2) % ROOM_MAX, taken = 0, n = 0;
	char *names[NAMES_MAX], *room = malloc(len + 1);
	px_dir_packer p = {-1, room, len, 0};
	bool full = false;

	px_assert(room);
	while (in.left && n < NAMES_MAX) {
		unsigned type = fuzz_byte(&in) % 16u;

		names[n] = name_mend(fuzz_line(&in));
		if (!*names[n]) {
			free(names[n]);
			continue;
		}
		full = full || !px_dir_pack(&p, names[n], n, type);
		taken += !full;
		n++;
	}
	room_holds(&p, names, taken);
	if (taken < n) /* it did not fit */
		px_assert(
			p.used + px_align_up(offsetof(proa_dirent, name) + strlen(names[taken]) + 1,
		                             _Alignof(proa_dirent)) >
			len);
	while (n--)
		free(names[n]);
	free(room);
}
