/* Names to addresses by the system's resolver, and the names of interfaces. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"
#include "sys/inet.h"

#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

_Static_assert(IF_NAMESIZE <= PX_ZONE_TEXT, "every interface's name fits");

uint32_t px_zone_index(const char *name)
{
	return if_nametoindex(name);
}

bool px_zone_name(uint32_t index, char *name)
{
	return if_indextoname(index, name) != NULL;
}

static int64_t lookup_error(int error, int32_t *sys_error)
{
	if (error == EAI_SYSTEM)
		return px_errno(sys_error);
	*sys_error = error;
	switch (error) {
	case EAI_AGAIN:
	case EAI_FAIL: return -PROA_ENAMETEMP;
	case EAI_MEMORY: return -PROA_ENOMEM;
	case EAI_FAMILY:
	case EAI_SOCKTYPE: return -PROA_EAFNOSUPPORT;
	case EAI_BADFLAGS:
	case EAI_SERVICE: return -PROA_EINVAL;
	default: /* the name, or its addresses, do not exist */ return -PROA_ENONAME;
	}
}

int64_t px_os_sys_lookup(const char *name, const char *service, uint32_t family, proa_addr *out,
                         unsigned max, int32_t *sys_error)
{
	struct addrinfo hints = {.ai_family = (int)family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *a;
	unsigned n = 0;
	int error = getaddrinfo(name, service, &hints, &list);

	*sys_error = 0;
	if (error)
		return lookup_error(error, sys_error);
	for (a = list; a && n < max; a = a->ai_next)
		if (a->ai_addrlen <= sizeof out->data)
			px_addr_set(&out[n++], a->ai_family, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return n ? (int64_t)n : -PROA_ENONAME;
}

int64_t px_os_sys_reverse(const proa_addr *addr, char *out, size_t size, int32_t *sys_error)
{
	int error = getnameinfo((const struct sockaddr *)(const void *)addr->data,
	                        (socklen_t)addr->len, out, (socklen_t)size, NULL, 0, NI_NAMEREQD);

	*sys_error = 0;
	return error ? lookup_error(error, sys_error) : (int64_t)strlen(out);
}

bool px_sys_hosts_path(char *out, size_t size)
{
	return snprintf(out, size, "/etc/hosts") < (int)size;
}
