/* Local sockets: what Windows has not of them. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

int64_t px_local_gram(const proa_addr *own, bool nonblock, int32_t *sys_error)
{
	PX_UNUSED(own);
	PX_UNUSED(nonblock);
	*sys_error = WSAEAFNOSUPPORT; /* its local sockets are streams */
	return -PROA_EAFNOSUPPORT;
}

int64_t px_local_msg(bool nonblock, int32_t *sys_error)
{
	PX_UNUSED(nonblock);
	*sys_error = WSAEAFNOSUPPORT;
	return -PROA_EAFNOSUPPORT;
}

int px_local_pair_msg(int fd[2], bool a_nonblock, bool b_nonblock, int32_t *sys_error)
{
	PX_UNUSED(fd);
	PX_UNUSED(a_nonblock);
	PX_UNUSED(b_nonblock);
	*sys_error = 0;
	return -PROA_ENOTSUP;
}

/* Of a pipe. Users have no numbers here. */
int px_local_cred(int fd, proa_cred *out)
{
	HANDLE h = px_win_handle(fd);
	DWORD flags;
	ULONG pid;
	BOOL told;

	if (!GetNamedPipeInfo(h, &flags, NULL, NULL, NULL))
		return -PROA_ENOTSUP;
	told = flags & PIPE_SERVER_END ? GetNamedPipeClientProcessId(h, &pid)
	                               : GetNamedPipeServerProcessId(h, &pid);
	if (!told)
		return (int)px_sys_error((int)GetLastError());
	*out = (proa_cred){.pid = pid, .uid = UINT32_MAX, .gid = UINT32_MAX};
	return 0;
}
