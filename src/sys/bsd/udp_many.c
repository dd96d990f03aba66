/* Several datagrams: one a call, so that an error is told to nobody but its own. */
/* SPDX-License-Identifier: MIT */
#include "sys/posix/posix.h"

int64_t px_udp_recv_many(int fd, proa_msg *msgs, unsigned n, bool info, int32_t *sys_error)
{
	int64_t rc = px_udp_recv(fd, msgs, info, sys_error);

	PX_UNUSED(n);
	return rc < 0 ? rc : 1;
}

int64_t px_udp_send_many(int fd, const proa_msg *msgs, unsigned n, int32_t *sys_error)
{
	PX_UNUSED(n);
	return px_udp_send_whole(fd, msgs, sys_error);
}
