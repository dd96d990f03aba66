/* Groups: joining and leaving them, how datagrams go to them; and the TTL. */
/* SPDX-License-Identifier: MIT */
#include "win.h"

#include <stdlib.h>
#include <string.h>

/* Not in every header. */
#ifndef MCAST_JOIN_GROUP
#define MCAST_JOIN_GROUP         41
#define MCAST_LEAVE_GROUP        42
#define MCAST_JOIN_SOURCE_GROUP  45
#define MCAST_LEAVE_SOURCE_GROUP 46
#endif

static int group_error(int rc)
{
	int32_t sys_error;

	return rc ? (int)px_win_error(&sys_error) : 0;
}

int px_os_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                   bool join)
{
	int level = group->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct group_source_req r;
	struct group_req g;

	memset(&g, 0, sizeof g);
	memset(&r, 0, sizeof r);
	g.gr_interface = r.gsr_interface = if_index;
	memcpy(&g.gr_group, group->data, group->len);
	memcpy(&r.gsr_group, group->data, group->len);
	if (!source)
		return group_error(setsockopt(px_win_socket(fd), level,
		                              join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
		                              (const char *)&g, sizeof g));
	memcpy(&r.gsr_source, source->data, source->len);
	return group_error(setsockopt(px_win_socket(fd), level,
	                              join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
	                              (const char *)&r, sizeof r));
}

/* v4's interface in the order of the network: a number below 2^24 is none of an address. */
static DWORD option_value(int family, proa_udp_option option, int value)
{
	bool number = option == PROA_UDP_MULTICAST_INTERFACE && family == AF_INET;

	return number ? htonl((DWORD)value) : (DWORD)value;
}

int px_os_udp_set(int fd, proa_udp_option option, int value)
{
	static const int names[][2] = {
		[PROA_UDP_TTL] = {IP_TTL, IPV6_UNICAST_HOPS},
		[PROA_UDP_MULTICAST_TTL] = {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS},
		[PROA_UDP_MULTICAST_LOOP] = {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP},
		[PROA_UDP_MULTICAST_INTERFACE] = {IP_MULTICAST_IF, IPV6_MULTICAST_IF},
	};
	int family = px_win_family(fd);
	DWORD v = option_value(family, option, value);

	return group_error(
		setsockopt(px_win_socket(fd), family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
	                   names[option][family == AF_INET6], (const char *)&v, sizeof v));
}

uint32_t px_os_if_index(const char *name)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	return *name && !*end ? (uint32_t)n : 0; /* they have numbers here; names are for people */
}
