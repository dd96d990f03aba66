/* Groups: joining and leaving them, how datagrams go to them; and the TTL. */
/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static int socket_family(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	return getsockname(fd, (struct sockaddr *)&ss, &len) ? AF_UNSPEC : ss.ss_family;
}

static int group_error(int rc)
{
	int32_t sys_error;

	return rc ? (int)px_errno(&sys_error) : 0;
}

#if defined(MCAST_JOIN_GROUP)

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
		return group_error(setsockopt(
			fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &g, sizeof g));
	memcpy(&r.gsr_source, source->data, source->len);
	return group_error(setsockopt(fd, level,
	                              join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, &r,
	                              sizeof r));
}

#else

static int join_v4(int fd, const proa_addr *group, bool join)
{
	const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)group->data;
	struct ip_mreq r;

	memset(&r, 0, sizeof r);
	r.imr_multiaddr = a->sin_addr;
	return setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &r,
	                  sizeof r);
}

static int join_v6(int fd, const proa_addr *group, uint32_t if_index, bool join)
{
	const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)group->data;
	struct ipv6_mreq r;

	memset(&r, 0, sizeof r);
	r.ipv6mr_multiaddr = a->sin6_addr;
	r.ipv6mr_interface = if_index;
	return setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &r,
	                  sizeof r);
}

/* This system takes v4's interface by an address only, and knows no sources. */
int px_os_udp_join(int fd, const proa_addr *group, const proa_addr *source, uint32_t if_index,
                   bool join)
{
	if (source || (group->family == AF_INET && if_index))
		return -PROA_ENOTSUP;
	return group_error(group->family == AF_INET6 ? join_v6(fd, group, if_index, join)
	                                             : join_v4(fd, group, join));
}

#endif

/* ---- options ---- */

/* The BSDs take v4's as a byte. */
static int set_byte(int fd, int name, int value)
{
	unsigned char byte = (unsigned char)value;

	return setsockopt(fd, IPPROTO_IP, name, &byte, sizeof byte);
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static int set_interface_v4(int fd, int value)
{
#if defined(__NetBSD__) || defined(__OpenBSD__)
	(void)fd;
	(void)value;
	errno = EOPNOTSUPP;
	return -1;
#else
	struct ip_mreqn r;

	memset(&r, 0, sizeof r);
	r.imr_ifindex = value;
	if (!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &r, sizeof r))
		return 0;
	if (errno == EADDRNOTAVAIL)
		errno = ENODEV; /* what v6 says of a number that is no interface's */
	return -1;
#endif
}

static int set_v4(int fd, proa_udp_option option, int value)
{
	switch (option) {
	case PROA_UDP_TTL: return set_int(fd, IPPROTO_IP, IP_TTL, value);
	case PROA_UDP_MULTICAST_TTL: return set_byte(fd, IP_MULTICAST_TTL, value);
	case PROA_UDP_MULTICAST_LOOP: return set_byte(fd, IP_MULTICAST_LOOP, value);
	default: return set_interface_v4(fd, value);
	}
}

static int set_v6(int fd, proa_udp_option option, int value)
{
	static const int names[] = {
		[PROA_UDP_TTL] = IPV6_UNICAST_HOPS,
		[PROA_UDP_MULTICAST_TTL] = IPV6_MULTICAST_HOPS,
		[PROA_UDP_MULTICAST_LOOP] = IPV6_MULTICAST_LOOP,
		[PROA_UDP_MULTICAST_INTERFACE] = IPV6_MULTICAST_IF,
	};

	/* Of v4 that goes this way too, where the system has both in one. */
	(void)set_v4(fd, option, value);
	return set_int(fd, IPPROTO_IPV6, names[option], value);
}

int px_os_udp_set(int fd, proa_udp_option option, int value)
{
	return group_error(socket_family(fd) == AF_INET6 ? set_v6(fd, option, value)
	                                                 : set_v4(fd, option, value));
}

uint32_t px_os_if_index(const char *name)
{
	return if_nametoindex(name);
}
