/* Changes packed behind each other, in memory that grows to a limit. */
/* SPDX-License-Identifier: MIT */
#include "sys/changes.h"

#include "base/util.h"
#include "proa/watch.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096, MOST_BYTES = 1 << 20 };
enum { NAMELESS = sizeof(proa_change) + 8 }; /* one without a name, and always kept free */

static bool room_make(px_changes *out, size_t bytes)
{
	size_t room = out->room ? out->room : FIRST_BYTES;
	char *grown;

	while (room < out->used + bytes)
		room *= 2;
	if (room == out->room)
		return true;
	if (room > MOST_BYTES || !(grown = realloc(out->bytes, room)))
		return false;
	out->bytes = grown;
	out->room = room;
	return true;
}

static bool said_last(const px_changes *out, const proa_change *c)
{
	const proa_change *last = (const proa_change *)(const void *)(out->bytes + out->last);

	return out->used && last->what == c->what && last->pair == c->pair &&
	       last->name_len == c->name_len && !memcmp(last->name, c->name, c->name_len);
}

static void change_put(px_changes *out, uint32_t what, uint32_t pair, const char *dir,
                       const char *name)
{
	size_t n = strlen(dir), m = strlen(name), slash = n && m, len = n + slash + m;
	proa_change *c = (proa_change *)(void *)(out->bytes + out->used);

	*c = (proa_change){.what = what, .pair = pair, .name_len = (uint32_t)len};
	c->bytes = (uint32_t)((sizeof *c + len + 8) & ~(size_t)7);
	memcpy(c->name, dir, n);
	memcpy(c->name + n, "/", slash);
	memcpy(c->name + n + slash, name, m + 1);
	if (said_last(out, c))
		return;
	out->last = out->used;
	out->used += c->bytes;
}

void px_changes_tell(px_changes *out, uint32_t what, uint32_t pair, const char *dir,
                     const char *name)
{
	size_t most = sizeof(proa_change) + strlen(dir) + strlen(name) + 16;

	if (out->lost)
		return;
	if (room_make(out, most + NAMELESS)) {
		change_put(out, what, pair, dir, name);
		return;
	}
	out->lost = true;
	if (out->used + NAMELESS <= out->room)
		change_put(out, PROA_W_OVERFLOW, 0, "", "");
}

void px_changes_begin(px_changes *out)
{
	out->used = out->last = 0;
	out->lost = false;
}

void px_changes_free(px_changes *out)
{
	free(out->bytes);
}
