/* Watching, where nobody has written it yet. */
/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

int64_t px_fswatch_open(px_fswatch **out, const char *path, bool tree, int32_t *sys_error)
{
	PX_UNUSED(path);
	PX_UNUSED(tree);
	*out = NULL;
	*sys_error = 0;
	return -PROA_ENOTSUP;
}

/* None of these is reached, for none is open. */

int px_fswatch_fd(const px_fswatch *w)
{
	PX_UNUSED(w);
	return -1;
}

bool px_fswatch_ended(const px_fswatch *w)
{
	PX_UNUSED(w);
	return true;
}

int64_t px_fswatch_read(px_fswatch *w, const void **changes)
{
	PX_UNUSED(w);
	*changes = NULL;
	return 0;
}

void px_fswatch_close(px_fswatch *w)
{
	PX_UNUSED(w);
}
