/* Small files that were read in the loop's present turn: once a turn, not once a request. */
/* SPDX-License-Identifier: MIT */
#include "http/mime.h"
#include "http/server.h"

#include <string.h>

/* What a turn delivers was received before it began, so a file read in it is at least as new as
 * any of its requests: nobody can tell that others were answered from the same read. A program's
 * handler could, if it changed a file and then answered with it: with one, nothing is found. */

static bool recent_is(const px_recent *r, uint64_t turn, const px_buf *path)
{
	return r->turn == turn && r->path.len == path->len &&
	       !memcmp(r->path.data, path->data, path->len);
}

const px_recent *px_recent_find(px_local *local, const px_buf *path)
{
	uint64_t turn = proa_turn(local->loop);

	if (local->http->o.handler)
		return NULL;
	for (unsigned i = 0; i < PX_RECENT_FILES; i++)
		if (recent_is(&local->recent[i], turn, path))
			return &local->recent[i];
	return NULL;
}

px_recent *px_recent_take(px_local *local)
{
	px_recent *r = &local->recent[local->recent_next];

	if (!local->kept)
		return NULL;
	r->turn = 0;
	r->path.loop = r->bytes.loop = local->loop;
	r->path.len = r->bytes.len = 0;
	return px_buf_fits(&r->bytes, PX_SMALL_FILE) ? r : NULL;
}

void px_recent_keep(px_local *local, px_recent *r, const px_buf *path)
{
	r->bytes.len = (size_t)r->stat.size_bytes;
	r->type = px_mime_of(path->data);
	px_buf_put(&r->path, path->data, path->len);
	if (r->path.failed)
		return;
	r->turn = proa_turn(local->loop);
	local->recent_next = (local->recent_next + 1) % PX_RECENT_FILES;
}

void px_recent_free(px_local *local)
{
	for (unsigned i = 0; i < PX_RECENT_FILES; i++) {
		px_recent *r = &local->recent[i];

		r->turn = 0;
		px_buf_free(&r->path);
		px_buf_free(&r->bytes);
	}
}
