/* A folder of a test's own. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/place.h"

#include <stdio.h>

char place[64];

const char *in_place(const char *name)
{
	static char path[4][128];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", place, name);
	return path[turn];
}

void place_make(void)
{
	snprintf(place, sizeof place, "proa-place-%u-%s", host_pid(),
	         test_backend ? test_backend : "");
	CHECK(host_make_dir(place));
}

void place_drop(void)
{
	if (!CHECK(host_remove(place)))
		test_note("something was left in %s", place);
}
