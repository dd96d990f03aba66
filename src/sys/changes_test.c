/* Changes packed: whole, in order, once in a row, and what finds no room. */
/* SPDX-License-Identifier: MIT */
#include "sys/changes.h"

#include "proa/watch.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

enum {
	MOST = 1 << 20,
	LONG = 190 /* so the last one that does not fit leaves room for a short one */
};

static const proa_change *change_at(const px_changes *out, size_t at)
{
	return (const proa_change *)(const void *)(out->bytes + at);
}

TEST(changes_in_their_order)
{
	px_changes out = {.used = 0};
	const proa_change *c;
	size_t at = 0;

	px_changes_tell(&out, PROA_W_CREATED, 0, "dir", "name");
	px_changes_tell(&out, PROA_W_CREATED, 0, "dir", "name"); /* the same */
	px_changes_tell(&out, PROA_W_REMOVED | PROA_W_MOVED, 7, "", "name");
	px_changes_tell(&out, PROA_W_CREATED, 0, "dir", "name"); /* not in a row */
	px_changes_tell(&out, PROA_W_REMOVED, 0, "", "");
	c = change_at(&out, at);
	CHECK_EQ(c->what, PROA_W_CREATED);
	CHECK_STR(c->name, "dir/name");
	CHECK_EQ(c->name_len, 8);
	c = change_at(&out, at += c->bytes);
	CHECK_EQ(c->what, PROA_W_REMOVED | PROA_W_MOVED);
	CHECK_EQ(c->pair, 7);
	CHECK_STR(c->name, "name");
	c = change_at(&out, at += c->bytes);
	CHECK_STR(c->name, "dir/name");
	c = change_at(&out, at += c->bytes);
	CHECK_STR(c->name, "");
	CHECK_EQ(at + c->bytes, out.used);
	px_changes_free(&out);
}

/* All that has room, then that something was lost, and nothing behind it. Each batch begins anew.
 */
TEST(changes_that_find_no_room)
{
	px_changes out = {.used = 0};
	char name[200];

	for (int batch = 0; batch < 2; batch++) {
		const proa_change *c;
		size_t at = 0;
		unsigned i = 0;

		px_changes_begin(&out);
		CHECK(!out.lost);
		while (!out.lost && i < MOST) {
			snprintf(name, sizeof name, "%0*u", LONG, i);
			px_changes_tell(&out, PROA_W_CHANGED, 0, "dir", name);
			i++;
		}
		CHECK(out.lost);
		CHECK_LE(out.used, MOST);
		CHECK_GT(out.used, MOST - 1000);
		px_changes_tell(&out, PROA_W_REMOVED, 0, "", "x"); /* which is lost, too */
		for (unsigned k = 0; k + 1 < i; k++, at += c->bytes) {
			c = change_at(&out, at);
			snprintf(name, sizeof name, "dir/%0*u", LONG, k);
			if (!CHECK_STR(c->name, name))
				break;
		}
		c = change_at(&out, at);
		CHECK_EQ(c->what, PROA_W_OVERFLOW);
		CHECK_EQ(c->name_len, 0);
		CHECK_EQ(at + c->bytes, out.used);
	}
	px_changes_free(&out);
}
