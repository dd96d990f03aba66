/* Local sockets and terminals: what Windows has not. */
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

int px_local_cred(int fd, proa_cred *out)
{
	PX_UNUSED(fd);
	PX_UNUSED(out);
	return -PROA_ENOTSUP;
}

int64_t px_stdio_open(int number, bool nonblock, proa_kind *kind, int32_t *sys_error)
{
	PX_UNUSED(number);
	PX_UNUSED(nonblock);
	PX_UNUSED(kind);
	*sys_error = 0;
	return -PROA_ENOTSUP; /* they are opened for calls that wait, which no port takes */
}

int px_tty_set(int fd, proa_tty_how how)
{
	PX_UNUSED(fd);
	PX_UNUSED(how);
	return -PROA_ENOTSUP;
}

void px_tty_forget(int fd)
{
	PX_UNUSED(fd);
}

int px_tty_size(int fd, unsigned *columns, unsigned *rows)
{
	CONSOLE_SCREEN_BUFFER_INFO info;

	if (!GetConsoleScreenBufferInfo(px_win_handle(fd), &info))
		return -PROA_ENOTSUP;
	*columns = (unsigned)(info.srWindow.Right - info.srWindow.Left + 1);
	*rows = (unsigned)(info.srWindow.Bottom - info.srWindow.Top + 1);
	return 0;
}

int px_tty_signal(void)
{
	return -1;
}
