/* A socket as a value: how one travels as a proa_socket, and its kind by its address. */
/* SPDX-License-Identifier: MIT */
#include "inet.h"

proa_kind px_sock_kind(const proa_addr *addr)
{
	char name[PX_PIPE_TEXT];

	switch (addr->family) {
	case AF_INET:
	case AF_INET6: return PROA_TCP;
	case AF_UNIX: return px_addr_pipe(addr, name) ? PROA_PIPE : PROA_LOCAL;
	default: return PROA_NONE;
	}
}

/* The descriptor in bits 0 to 31, the kind in 32 to 39; the last is always set, so that no socket
 * is 0. A world's number is in 42 to 51, and above it which of those with that descriptor it is. */
enum {
	SOCKET_KIND = 32,
	SOCKET_NONBLOCK = 40,
	SOCKET_SOME = 41,
	SOCKET_WORLD = 42,
	SOCKET_BIRTH = 52
};

proa_socket px_socket_pack(int fd, proa_kind kind, bool nonblock)
{
	proa_socket s = {(uint64_t)(uint32_t)fd | (uint64_t)kind << SOCKET_KIND |
	                 (uint64_t)nonblock << SOCKET_NONBLOCK | UINT64_C(1) << SOCKET_SOME};

	return s;
}

bool px_socket_nonblock(proa_socket s)
{
	return s.id >> SOCKET_NONBLOCK & 1;
}

int px_socket_fd(proa_socket s)
{
	return s.id ? (int)(uint32_t)s.id : -1;
}

proa_kind px_socket_kind(proa_socket s)
{
	return (proa_kind)(s.id >> SOCKET_KIND & 0xff);
}

proa_socket px_socket_of_world(proa_socket s, unsigned world, unsigned birth)
{
	s.id |= (uint64_t)world << SOCKET_WORLD | (uint64_t)birth << SOCKET_BIRTH;
	return s;
}

unsigned px_socket_world(proa_socket s)
{
	return (unsigned)(s.id >> SOCKET_WORLD) & (PX_SOCKET_WORLDS - 1);
}

unsigned px_socket_birth(proa_socket s)
{
	return (unsigned)(s.id >> SOCKET_BIRTH);
}
