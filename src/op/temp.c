/* Names of temporary files and folders: what nobody else has. */
/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "op/file.h"
#include "sys/sys.h"

#include <string.h>

enum { TRIES = 1000 };

static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool px_temp_is(const char *name)
{
	size_t len = strlen(name);

	return len >= PX_TEMP_CHARS && !strcmp(name + len - PX_TEMP_CHARS, "XXXXXX");
}

static void name_fill(char *at, uint64_t n)
{
	for (unsigned i = 0; i < PX_TEMP_CHARS; i++) {
		at[i] = chars[n % (sizeof chars - 1)];
		n /= sizeof chars - 1;
	}
}

/* By the time: whoever takes the same name at the same time is found out, and takes another. */
int64_t px_temp_try(char *name, px_temp_make *make, void *arg, int32_t *sys_error)
{
	uint64_t seed = (uint64_t)px_sys_now_ns();
	int64_t rc = -PROA_EEXIST;

	for (uint64_t i = 0; i < TRIES && rc == -PROA_EEXIST; i++) {
		name_fill(name + strlen(name) - PX_TEMP_CHARS, px_mix(seed + i));
		rc = make(arg, sys_error);
	}
	return rc;
}
