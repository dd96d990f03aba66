/* Sockets: open, listen, accept, connect, and moving bytes without waiting. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

enum { BACKLOG = 4096, VECS_AT_ONCE = 64, BYTES_AT_ONCE = 1 << 30 };

static const struct sockaddr *addr_sockaddr(const proa_addr *addr)
{
	return (const struct sockaddr *)(const void *)addr->data;
}

/* ---- starting ---- */

static BOOL CALLBACK winsock_start(INIT_ONCE *once, void *arg, void **out)
{
	WSADATA data;
	int error = WSAStartup(MAKEWORD(2, 2), &data);

	PX_UNUSED(once);
	PX_UNUSED(arg);
	PX_UNUSED(out);
	if (error)
		SetLastError((DWORD)error);
	return !error;
}

bool px_win_sockets_start(void)
{
	static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

	return InitOnceExecuteOnce(&once, winsock_start, NULL, NULL);
}

/* ---- results ---- */

int64_t px_win_sock_failed(int32_t *sys_error)
{
	if (WSAGetLastError() != WSAEWOULDBLOCK)
		return px_win_error(sys_error);
	*sys_error = 0;
	return PX_AGAIN;
}

/* A call that says SOCKET_ERROR or how many bytes it moved. */
static int64_t sock_result(int n, int32_t *sys_error)
{
	*sys_error = 0;
	return n >= 0 ? n : px_win_sock_failed(sys_error);
}

/* ---- open and listen ---- */

static int sock_option(SOCKET s, int level, int name, DWORD value)
{
	return setsockopt(s, level, name, (const char *)&value, sizeof value);
}

/* v6 takes v4 too, as elsewhere, if there is any; a listener may undo it. */
SOCKET px_win_socket_new(int family, int type, bool nonblock)
{
	u_long on = 1;
	DWORD error;
	SOCKET s;

	if (!px_win_sockets_start())
		return INVALID_SOCKET;
	s = WSASocketW(family, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	if (s == INVALID_SOCKET)
		return s;
	if (family == AF_INET6)
		px_win_v6only(s, false);
	if (!nonblock || !ioctlsocket(s, (long)FIONBIO, &on))
		return s;
	error = GetLastError();
	closesocket(s);
	SetLastError(error);
	return INVALID_SOCKET;
}

int64_t px_os_sock_open(const proa_addr *addr, bool nonblock, int32_t *sys_error)
{
	SOCKET s;

	if (px_sock_kind(addr) == PROA_PIPE)
		return px_win_pipe_root(sys_error);
	s = px_win_socket_new((int)addr->family, SOCK_STREAM, nonblock);
	if (s == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && px_addr_is_any6(addr))
		s = px_win_socket_new(AF_INET, SOCK_STREAM, nonblock);
	*sys_error = 0;
	return s == INVALID_SOCKET ? px_win_error(sys_error) : px_win_fd(s);
}

/* No option for the address: that a restarted server gets it at once, and nobody has it besides,
 * is the default here (SO_REUSEADDR means theft). SO_EXCLUSIVEADDRUSE would go too far: it keeps
 * the address from a new listener for as long as a connection of the one before lives. WSAEACCES
 * stays what it is, since a range of ports that the system keeps for others says the same. */
static int listen_options(SOCKET s, const proa_addr *addr, const proa_listen_options *o)
{
	if (addr->family == AF_UNIX)
		return 0;
	if (addr->family == AF_INET6 && px_win_v6only(s, o->v6only))
		return -1;
	return o->nodelay_off ? 0 : sock_option(s, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* A plain number is cut to 200; a negative one is taken as it is meant (SOMAXCONN_HINT). */
static int backlog_hint(int backlog)
{
	return -PX_MIN(backlog > 0 ? backlog : BACKLOG, 65535);
}

int px_os_sock_listen(int fd, const proa_addr *addr, const proa_listen_options *options,
                      int32_t *sys_error)
{
	static const proa_listen_options none;
	const proa_listen_options *o = options ? options : &none;
	SOCKET s = px_win_socket(fd);
	proa_addr a = *addr;

	*sys_error = 0;
	if (o->reuseport)
		return -PROA_ENOTSUP; /* nothing here spreads connections over listeners */
	if (px_addr_is_any6(&a) && px_win_family(fd) == AF_INET)
		px_addr_any4(&a);
	if (listen_options(s, &a, o) || bind(s, addr_sockaddr(&a), (int)a.len) ||
	    listen(s, backlog_hint(o->backlog)))
		return (int)px_win_error(sys_error);
	return 0;
}

/* ---- accept and connect ---- */

/* What a listener accepts inherits whether it blocks and its TCP_NODELAY, not whether children
 * inherit it. */
int64_t px_sock_accept(int fd, bool nonblock, int32_t *sys_error)
{
	SOCKET s = accept(px_win_socket(fd), NULL, NULL);
	u_long on = nonblock;

	*sys_error = 0;
	if (s == INVALID_SOCKET)
		return px_win_sock_failed(sys_error);
	SetHandleInformation((HANDLE)s, HANDLE_FLAG_INHERIT, 0);
	ioctlsocket(s, (long)FIONBIO, &on);
	return px_win_fd(s);
}

int64_t px_sock_connect(int fd, const proa_addr *addr, int32_t *sys_error)
{
	return sock_result(connect(px_win_socket(fd), addr_sockaddr(addr), (int)addr->len),
	                   sys_error);
}

int64_t px_sock_error(int fd, int32_t *sys_error)
{
	int error = 0, len = sizeof error;

	*sys_error = 0;
	if (getsockopt(px_win_socket(fd), SOL_SOCKET, SO_ERROR, (char *)&error, &len))
		return px_win_error(sys_error);
	*sys_error = error;
	return error ? px_sys_error(error) : 0;
}

/* ---- moving bytes ---- */

int64_t px_sock_recv(int fd, void *buf, size_t len, int32_t *sys_error)
{
	return sock_result(recv(px_win_socket(fd), buf, (int)PX_MIN(len, BYTES_AT_ONCE), 0),
	                   sys_error);
}

int64_t px_sock_send(int fd, const void *buf, size_t len, int32_t *sys_error)
{
	return sock_result(send(px_win_socket(fd), buf, (int)PX_MIN(len, BYTES_AT_ONCE), 0),
	                   sys_error);
}

/* The first pieces behind `skip` bytes; how many. Together they are at most BYTES_AT_ONCE. */
static DWORD vec_fill(WSABUF *out, const proa_vec *vec, unsigned n, size_t skip)
{
	size_t room = BYTES_AT_ONCE;
	DWORD filled = 0;

	for (unsigned i = 0; i < n && filled < VECS_AT_ONCE && room; i++) {
		size_t gone = PX_MIN(skip, vec[i].len);
		size_t bytes = PX_MIN(vec[i].len - gone, room);

		skip -= gone;
		if (!bytes)
			continue;
		out[filled].buf = (char *)(uintptr_t)vec[i].base + gone;
		out[filled++].len = (ULONG)bytes;
		room -= bytes;
	}
	return filled;
}

int64_t px_sock_sendv(int fd, const proa_vec *vec, unsigned n, size_t skip, int32_t *sys_error)
{
	WSABUF buf[VECS_AT_ONCE];
	DWORD count = vec_fill(buf, vec, n, skip), sent = 0;

	*sys_error = 0;
	if (count && WSASend(px_win_socket(fd), buf, count, &sent, 0, NULL, NULL))
		return px_win_sock_failed(sys_error);
	return sent;
}

/* ---- ends ---- */

int64_t px_sock_shutdown(int fd, int32_t *sys_error)
{
	*sys_error = 0;
	return shutdown(px_win_socket(fd), SD_SEND) ? px_win_error(sys_error) : 0;
}

void px_os_sock_close(int fd, bool reset)
{
	struct linger none = {.l_onoff = 1};

	if (reset)
		setsockopt(px_win_socket(fd), SOL_SOCKET, SO_LINGER, (const char *)&none,
		           sizeof none);
	closesocket(px_win_socket(fd));
}
