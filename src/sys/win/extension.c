/* AcceptEx and its kin: Winsock has them only for those who ask a socket for them. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

static px_win_extensions extensions;

static bool ask(SOCKET s, GUID id, void *fn, size_t bytes)
{
	DWORD got;

	return !WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, fn, (DWORD)bytes,
	                 &got, NULL, NULL);
}

#define ASK(s, id, member) ask((s), (GUID)id, &extensions.member, sizeof extensions.member)

static BOOL CALLBACK extensions_load(INIT_ONCE *once, void *arg, void **out)
{
	SOCKET s = px_win_socket_new(AF_INET, SOCK_STREAM, false);
	bool all;

	PX_UNUSED(once);
	PX_UNUSED(arg);
	if (s == INVALID_SOCKET)
		return FALSE;
	all = ASK(s, WSAID_ACCEPTEX, accept) && ASK(s, WSAID_CONNECTEX, connect) &&
	      ASK(s, WSAID_TRANSMITFILE, transmit);
	closesocket(s);
	*out = &extensions;
	return all;
}

/* A failure is not kept: the next caller tries again. */
const px_win_extensions *px_win_extend(void)
{
	static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
	void *found = NULL;

	return InitOnceExecuteOnce(&once, extensions_load, NULL, &found) ? found : NULL;
}
