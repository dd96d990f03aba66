/* Names to addresses by the system's resolver, and interfaces by number. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_UNITS = 1025, SERVICE_UNITS = 64 };

/* Windows writes zones as numbers, and its interfaces have names that change with the language. */
uint32_t px_zone_index(const char *name)
{
	PX_UNUSED(name);
	return 0;
}

bool px_zone_name(uint32_t index, char *name)
{
	return snprintf(name, PX_ZONE_TEXT, "%lu", (unsigned long)index) > 0;
}

/* Its errors are Winsock's. */
int64_t px_os_sys_lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                         unsigned max, int32_t *sys_error)
{
	ADDRINFOW hints = {.ai_family = (int)family, .ai_socktype = SOCK_STREAM};
	ADDRINFOW *list, *a;
	wchar_t wide[NAME_UNITS], port[SERVICE_UNITS];
	unsigned n = 0;
	int error;

	*sys_error = 0;
	if (!px_win_sockets_start())
		return px_win_error(sys_error);
	if (name && px_win_wide(name, wide, NAME_UNITS) < 0)
		return -PROA_ENONAME;
	if (service && px_win_wide(service, port, SERVICE_UNITS) < 0)
		return -PROA_EINVAL;
	error = GetAddrInfoW(name ? wide : NULL, service ? port : NULL, &hints, &list);
	*sys_error = error;
	if (error)
		return px_sys_error(error);
	for (a = list; a && n < max; a = a->ai_next)
		if (a->ai_addrlen <= sizeof out->data)
			px_addr_set(&out[n++], a->ai_family, a->ai_addr, a->ai_addrlen);
	FreeAddrInfoW(list);
	return n ? (int64_t)n : -PROA_ENONAME;
}

int64_t px_os_sys_reverse(const proa_addr *addr, char *out, size_t size, int32_t *sys_error)
{
	wchar_t wide[NAME_UNITS];
	int error;

	*sys_error = 0;
	if (!px_win_sockets_start())
		return px_win_error(sys_error);
	error = GetNameInfoW((const struct sockaddr *)(const void *)addr->data,
	                     (socklen_t)addr->len, wide, NAME_UNITS, NULL, 0, NI_NAMEREQD);
	*sys_error = error;
	if (error)
		return px_sys_error(error);
	error = WideCharToMultiByte(CP_UTF8, 0, wide, -1, out, (int)size, NULL, NULL);
	return error > 0 ? error - 1 : -PROA_ETOOLONG;
}

bool px_sys_hosts_path(char *out, size_t size)
{
	const char *root = getenv("SystemRoot");

	return root && snprintf(out, size, "%s\\System32\\drivers\\etc\\hosts", root) < (int)size;
}
