/* What a server by readiness keeps for a peer that reads slowly. */
/* SPDX-License-Identifier: MIT */
#include "echo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

px_echo_state px_echo_keep(px_echo *e, const char *data, size_t bytes)
{
	e->kept = malloc(bytes);
	if (!e->kept)
		return PX_ECHO_GONE;
	memcpy(e->kept, data, bytes);
	e->from = 0;
	e->to = bytes;
	return PX_ECHO_KEPT;
}

px_echo_state px_echo_flush(px_echo *e)
{
	ssize_t put = send(e->fd, e->kept + e->from, e->to - e->from, MSG_NOSIGNAL);

	if (put < 0)
		return errno == EAGAIN || errno == EINTR ? PX_ECHO_KEPT : PX_ECHO_GONE;
	e->from += (size_t)put;
	if (e->from < e->to)
		return PX_ECHO_KEPT;
	free(e->kept);
	e->kept = NULL;
	return PX_ECHO_FULL;
}

void px_echo_close(px_echo *e)
{
	close(e->fd);
	free(e->kept);
}
